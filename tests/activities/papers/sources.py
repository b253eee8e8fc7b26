"""Records to make papers from: the scenarios, played by the model in memory, and small definitions."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import IO, Any

from activities.papers.book.deposits import Deposits
from activities.papers.making import make_paper
from activities.papers.source import Bound, LogKeys, Source, line_of
from tests.worker.demo.playing import played
from worker.demo.catalog import entry
from worker.demo.memory import Memory
from workflows.model.attested import state_digest
from workflows.model.fold import evolve


def source_of(backend: Memory, **changes: Any) -> Source:
    """What was played, as papers are made from it. Nothing is hashed in memory: leaf and root are made up."""
    a = backend.state
    assert a is not None
    bound = Bound(a.id, a.size - 1, "ab" * 32, "cd" * 32, state_digest(a), backend.log[-1].time)
    key = "example.org/log+abcdef01+AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiM="
    given: dict[str, Any] = {
        "state": a,
        "lines": tuple(line_of(told, a.definition.vocabulary) for told in backend.log),
        "bound": bound,
        "log": LogKeys((key,), f"log {key}\nwitness w1 {key} https://w.example/\nquorum w1\n", ("made up",)),
    }
    return Source(**{**given, **changes})


@cache
def _kept() -> dict[str, Memory]:
    return {}


async def _played(name: str) -> Memory:
    if name not in _kept():
        _, _kept()[name], _ = await played(entry(name).read())
    return _kept()[name]


async def scenario(name: str) -> Source:
    """A scenario's whole way or another path of it, played once for a test process."""
    return source_of(await _played(name))


async def as_of(name: str, position: int) -> Source:
    """The same, as of an entry."""
    whole, until = await _played(name), Memory()
    until.log = [told for told in whole.log if told.position <= position]
    for told in until.log:
        until.state = evolve(until.state, told)
    return source_of(until)


async def bytes_of(source: Source, kind: str, language: str, deposits: Deposits | None = None) -> bytes:
    """A paper as bytes."""
    with (await make_paper(source, kind, language, deposits)).file as file:
        file.seek(0)
        return file.read()


@contextmanager
def unnamed(content: bytes) -> Iterator[IO[bytes]]:
    """A content as a file without a name."""
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        yield file
