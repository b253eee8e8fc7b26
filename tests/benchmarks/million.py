"""A bundle of a million entries: written and verified in bounded memory, each in a process of its own.

    python -m tests.benchmarks.million [--entries 1000000] [--keep FOLDER]

The record is made as it is exported: an accord, and statements of a delegate without end, each with its signed command
and free text. Nothing of it is held in memory but the tree's frontier. What verifies reads the file alone, rules and
signatures included. Prints entries per second and the largest resident set of each process; asserts that it holds.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import resource
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

from rich.console import Console
from rich.table import Table

from activities.bundle.export import Export, write_bundle
from activities.judging.judge import appended_as
from activities.ledger.settle import seal_events, settle
from activities.ledger.store import Ledger, StoredCommand, StoredEntry
from activities.tlog.checkpoint import Checkpoint, sign_checkpoint
from activities.tlog.merkle import Frontier
from activities.tlog.note import signature_of
from activities.verifier.verify import verify_bundle
from tests.activities.verifier.record import BEGIN, ORIGIN, Record
from tests.simulation.small import bare, digest
from workflows.model.canonical import canonical
from workflows.model.commands import Command
from workflows.model.decide import decide
from workflows.model.definition import Definition
from workflows.model.state import Accord


class Stream:
    """A ledger that makes its entries while they are read, in order, and forgets them; commands go to a file."""

    def __init__(self, record: Record, size: int, spool: Path) -> None:
        self.record, self.size, self.frontier = record, size, Frontier()
        self._spool = spool.open("w+b")
        self._state: Accord | None = None
        self._made = self._make()

    def _commands(self) -> Iterator[Command]:
        record, definition = self.record, bare()
        yield record.command("aa.contact", "open_accord", definition=definition)
        for party in ("aa", "bb"):
            named = Definition.model_validate(definition).digest()
            yield record.command(f"{party}.contact", "adopt_definition", digest=named)
        while True:
            said = f"Statement {self.frontier.size}: talks go on"
            yield record.command("aa.contact", "record_statement", digest=digest(said), words=said)

    def _make(self) -> Iterator[StoredEntry]:
        at = BEGIN
        for command in self._commands():
            at += timedelta(seconds=1)
            decision = decide(self._state, command, at)
            append = appended_as(self._state, command, decision)
            sealed = seal_events(append)
            done = settle(
                [(append, sealed)], frontiers={self.record.accord: self.frontier}, known={}, leaves={}
            )
            self._state, self.frontier = decision.after, done.frontiers[self.record.accord]
            for one in done.commands.values():
                salt, signed = cast(bytes, one.salt), cast(bytes, one.signed)
                line = [
                    one.id,
                    one.fingerprint,
                    salt.hex(),
                    signed.decode(),
                    one.receipt.model_dump(mode="json"),
                ]
                self._spool.write(canonical(line) + b"\n")
            for each in sealed:
                yield StoredEntry(
                    accord=self.record.accord,
                    position=each.entry.position,
                    feed=each.entry.position + 1,
                    content=each.content,
                    leaf=each.leaf,
                    facts=each.facts,
                    particulars=each.particulars,
                )

    async def entries(self, accord: str, start: int = 0, limit: int = 1000) -> list[StoredEntry]:
        """The next entries; they can be read once, in order."""
        return [next(self._made) for _ in range(limit)]

    async def commands_in_order(self, accord: str, up_to: int) -> AsyncGenerator[StoredCommand, None]:
        """The commands, from the file."""
        import json

        from workflows.model.commands import Receipt

        self._spool.seek(0)
        for line in self._spool:
            id_, fingerprint, salt, signed, receipt = json.loads(line)
            receipt = Receipt.model_validate(receipt)
            yield StoredCommand(id_, fingerprint, bytes.fromhex(salt), receipt, signed.encode())

    async def note(self) -> AsyncIterator[bytes]:
        """One checkpoint, over everything."""
        record = self.record
        note = sign_checkpoint(Checkpoint(ORIGIN, self.frontier.size, self.frontier.root()), record.log)
        note = note.with_signatures(signature_of(note.text, each) for each in record.witnesses)
        yield note.encoded()


def export(path: Path, size: int) -> dict[str, Any]:
    """Write a bundle of ``size`` entries; what is needed to verify it."""
    record = Record()
    # Three commands open and found the accord; the founding entry and both consents are among the entries.
    stream = Stream(record, size, path.with_suffix(".commands"))
    given = Export(
        ledger=cast(Ledger, stream),
        accord=record.accord,
        origin=ORIGIN,
        size=size,
        checkpoints=stream.note(),
        log_keys=[record.log.verifier.encoded()],
        command_keys=[record.api.public_key],
        policy=record.policy_text,
    )
    asyncio.run(write_bundle(path, given))
    path.with_suffix(".commands").unlink()
    return {"policy": record.policy_text, "command_keys": (record.api.public_key,)}


def verify(path: Path, policy: bytes, command_keys: Sequence[str]) -> dict[str, Any]:
    """Verify it; the state of each finding."""
    from activities.tlog.policy import parse
    from activities.verifier.verify import Trust

    report = verify_bundle(path, Trust(parse(policy), tuple(command_keys)))
    assert report.exit_code(strict=True) == 0, report.as_json()
    return {"size": report.size}


def _measured(pipe: Connection, work: Callable[..., dict[str, Any]], arguments: dict[str, Any]) -> None:
    begun = time.perf_counter()
    result = work(**arguments)
    seconds = time.perf_counter() - begun
    # Linux counts in KiB.
    pipe.send((result, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def measured(work: Callable[..., dict[str, Any]], **arguments: Any) -> tuple[dict[str, Any], float, float]:
    """What ``work`` gives, in a fresh process: with its seconds and the MiB that it had at most."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_measured, args=(there, work, arguments))
    process.start()
    there.close()
    try:
        found: tuple[dict[str, Any], float, float] = here.recv()
    finally:
        process.join()
    return found


def main() -> None:
    """Run it and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--entries", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--keep", type=Path, help="leave the bundle in this folder")
    given = parser.parse_args()
    table = Table("entries", "file, MB", "what", "entries per second", "peak resident set, MiB")
    with tempfile.TemporaryDirectory(prefix="entente-million-") as name:
        folder = given.keep or Path(name)
        for size in given.entries:
            path = folder / f"{size}.bundle"
            trust, seconds, peak = measured(export, path=path, size=size)
            megabytes = f"{path.stat().st_size / 1e6:,.0f}"
            table.add_row(
                f"{size:,}", megabytes, "made, decided and exported", f"{size / seconds:,.0f}", f"{peak:,.0f}"
            )
            _, seconds, peak = measured(verify, path=path, **trust)
            table.add_row(f"{size:,}", megabytes, "verified", f"{size / seconds:,.0f}", f"{peak:,.0f}")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
