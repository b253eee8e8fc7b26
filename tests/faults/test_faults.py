"""Processes are killed and frozen, connections cut and silenced, while accords run: nothing is lost, all go on.

What the campaign checks at the end stands in ``checks.py``; how long nobody was answered is printed, never asserted.
"""

from __future__ import annotations

import asyncio
import random
from itertools import islice

import pytest

from tests.faults.campaign import Outcome, run, table
from tests.faults.links import Link
from tests.faults.plan import EVERYTHING, WHOLE, faults

SHORT_SEED = 2072
"""Among the first eight faults of this seed are all that kill; another freezes, another silences."""


def told(outcome: Outcome) -> None:
    print(f"{len(outcome.effects)} faults, {outcome.acts} acts, {outcome.signals} signals")
    print(table(outcome))


@pytest.mark.timeout(600)
async def test_whatever_breaks_under_load_nothing_is_lost() -> None:
    outcome = await run(SHORT_SEED, seconds=45.0, accords=6, longest=2.5)
    told(outcome)
    assert not outcome.problems
    assert not outcome.ended_by_themselves
    assert outcome.effects
    assert outcome.acts
    assert outcome.signals


@pytest.mark.slow
@pytest.mark.timeout(1200)
async def test_whatever_breaks_for_long_nothing_is_lost() -> None:
    outcome = await run(random.randrange(10**6), seconds=300.0, accords=12, longest=6.0)
    told(outcome)
    assert not outcome.problems
    assert not outcome.ended_by_themselves


def test_a_seed_says_what_breaks_and_the_short_one_kills_all() -> None:
    first = list(islice(faults(SHORT_SEED, 2.5), 8))
    assert first == list(islice(faults(SHORT_SEED, 2.5), 8))
    assert first != list(islice(faults(SHORT_SEED + 1, 2.5), 8))
    assert {fault.victims for fault in first if fault.kind == "kill"} == set(WHOLE)
    assert EVERYTHING in WHOLE
    assert [fault.kind for fault in first if fault.kind != "kill"] == ["silence", "freeze"]


async def test_a_link_passes_on_falls_silent_and_is_cut() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while content := await reader.read(100):
            writer.write(content)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, Link("127.0.0.1", server.sockets[0].getsockname()[1]) as link:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        writer.write(b"one")
        assert await reader.read(100) == b"one"
        link.silence()
        writer.write(b"two")
        answer = asyncio.create_task(reader.read(100))
        assert not (await asyncio.wait({answer}, timeout=0.3))[0]
        link.mend()
        assert await answer == b"two"
        link.cut()
        with pytest.raises(ConnectionResetError):
            await reader.read(100)
        again, other = await asyncio.open_connection("127.0.0.1", link.port)
        with pytest.raises(ConnectionResetError):
            await again.readexactly(1)
        link.mend()
        more, third = await asyncio.open_connection("127.0.0.1", link.port)
        third.write(b"three")
        assert await more.read(100) == b"three"
        for end in (writer, other, third):
            end.close()
