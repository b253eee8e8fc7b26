"""Many writers, a reader that follows the feed, connections that are cut: nothing missed, nothing twice."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from activities.errors import Unavailable
from activities.ledger.postgres import PostgresLedger
from activities.ledger.store import FEED_CHANNEL, Ledger, Outcome, StoredEntry
from activities.ledger.writer import BatchWriter
from activities.tlog.merkle import Frontier
from tests.activities.ledger.making import append

ACCORDS = [f"accord-{index}" for index in range(5)]


@pytest_asyncio.fixture
async def ledgers(database_url: str) -> AsyncIterator[tuple[PostgresLedger, PostgresLedger, PostgresLedger]]:
    """Two to write and one to read, each with a pool of its own."""
    async with (
        PostgresLedger.connect(database_url, max_size=2) as first,
        PostgresLedger.connect(database_url, max_size=2) as second,
        PostgresLedger.connect(database_url, max_size=2) as reader,
    ):
        yield first, second, reader


async def persist(writer: BatchWriter, ledger: Ledger, accord: str, command: str, count: int) -> Outcome:
    """Do as the workflow does: expect what is there, and try again until the command has its outcome."""
    for _ in range(500):
        try:
            head = await ledger.head(accord)
            size = 0 if head is None else head.size
            outcome = await writer.record(append(accord, size, command, count=count))
        except Unavailable:
            await asyncio.sleep(0.01)
            continue
        if outcome.status in ("appended", "duplicate"):
            return outcome
        assert outcome.status == "conflict"
    raise AssertionError(f"{command} never got through")


async def follow(ledger: Ledger, until: int) -> list[StoredEntry]:
    """Read the feed as it grows, in small pieces, never looking back."""
    seen: list[StoredEntry] = []
    for _ in range(5000):
        seen += await ledger.feed(seen[-1].feed if seen else 0, 7)
        if len(seen) >= until:
            return seen
        await asyncio.sleep(0.001)
    raise AssertionError(f"saw {len(seen)} entries of {until}")


async def check(ledger: Ledger, seen: list[StoredEntry], per_command: dict[str, int]) -> None:
    """Every command's entries are there once and together, the feed has no gap, and the trees are right."""
    assert [entry.feed for entry in seen] == list(range(1, sum(per_command.values()) * len(ACCORDS) + 1))
    for accord in ACCORDS:
        entries = await ledger.entries(accord)
        assert entries == [entry for entry in seen if entry.accord == accord]
        commands = [entry.entry().command for entry in entries]
        assert {command: commands.count(command) for command in set(commands)} == per_command
        changes = sum(here != there for here, there in itertools.pairwise(commands))
        assert changes == len(per_command) - 1
        head = await ledger.head(accord)
        assert head is not None
        assert head.frontier == Frontier().extend(entry.leaf for entry in entries)[0]


async def test_a_reader_who_follows_misses_nothing(
    ledgers: tuple[PostgresLedger, PostgresLedger, PostgresLedger],
) -> None:
    *writing, reading = ledgers
    per_command = {f"w{side}/{index}": 1 + index % 3 for side in range(2) for index in range(8)}
    async with BatchWriter(writing[0], max_batch=8) as left, BatchWriter(writing[1], max_batch=8) as right:
        acts = [
            persist((left, right)[command.startswith("w1")], reading, accord, command, count)
            for accord in ACCORDS
            for command, count in per_command.items()
        ]
        random.Random(7).shuffle(acts)
        following = asyncio.create_task(follow(reading, sum(per_command.values()) * len(ACCORDS)))
        await asyncio.gather(*acts)
        seen = await following
    await check(reading, seen, per_command)


async def test_cut_connections_lose_nothing_and_double_nothing(
    ledgers: tuple[PostgresLedger, PostgresLedger, PostgresLedger], database_url: str
) -> None:
    *writing, reading = ledgers
    per_command = {f"d/{index}": 1 + index % 2 for index in range(8)}
    stop = asyncio.Event()
    cuts = 0

    async def cut() -> None:
        nonlocal cuts
        connection = await asyncpg.connect(database_url)
        try:
            while not stop.is_set():
                cuts += await connection.fetchval(
                    "select count(pg_terminate_backend(pid)) from pg_stat_activity "
                    "where datname = current_database() and pid <> pg_backend_pid() "
                    "and query ~ 'append_batch'"
                )
                await asyncio.sleep(0.004)
        finally:
            await connection.close()

    cutting = asyncio.create_task(cut())
    try:
        async with (
            BatchWriter(writing[0], max_batch=4) as left,
            BatchWriter(writing[1], max_batch=4) as right,
        ):
            # Both writers get every command, as after a worker that was thought dead.
            outcomes = await asyncio.gather(
                *(
                    persist(writer, reading, accord, command, count)
                    for writer in (left, right)
                    for accord in ACCORDS
                    for command, count in per_command.items()
                )
            )
    finally:
        stop.set()
        await cutting
    assert cuts > 0
    half = len(outcomes) // 2
    assert [each.receipt for each in outcomes[:half]] == [each.receipt for each in outcomes[half:]]
    await check(reading, await follow(reading, sum(per_command.values()) * len(ACCORDS)), per_command)


async def test_batches_that_share_accords_in_any_order_do_not_deadlock(
    ledgers: tuple[PostgresLedger, PostgresLedger, PostgresLedger], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without the retry, which would hide a deadlock.
    monkeypatch.setattr("activities.ledger.appending._RETRIED", ())
    names = [f"a{index}" for index in range(40)]

    async def write(ledger: Ledger, who: int) -> None:
        order = random.Random(who)
        for step in range(10):
            batch = []
            for name in order.sample(names, 20):
                head = await ledger.head(name)
                batch.append(append(name, 0 if head is None else head.size, f"{who}/{step}"))
            await ledger.record(batch)

    await asyncio.gather(*(write(ledger, who) for who, ledger in enumerate((*ledgers, *ledgers))))


@pytest.mark.parametrize("end", ["commit", "rollback"])
async def test_a_feed_position_is_not_passed_while_an_earlier_one_is_undecided(
    ledgers: tuple[PostgresLedger, PostgresLedger, PostgresLedger], database_url: str, end: str
) -> None:
    await ledgers[0].record([append("a", 0, "d/1")])
    connection = await asyncpg.connect(database_url)
    try:
        # Another writer, between taking its feed position and its commit.
        await connection.execute("begin; update feed set position = position + 1")
        later = asyncio.create_task(ledgers[1].record([append("b", 0, "d/1")]))
        done, _ = await asyncio.wait([later], timeout=0.3)
        assert not done
        assert [entry.feed for entry in await ledgers[2].feed()] == [1]
        await connection.execute(end)
        await later
    finally:
        await connection.close()
    assert [entry.feed for entry in await ledgers[2].feed(1)] == [3 if end == "commit" else 2]


async def test_one_notification_for_a_batch_with_the_last_feed_position(
    ledgers: tuple[PostgresLedger, PostgresLedger, PostgresLedger], database_url: str
) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    connection = await asyncpg.connect(database_url)
    try:
        await connection.add_listener(FEED_CHANNEL, lambda *arguments: heard.put_nowait(arguments[-1]))
        await ledgers[0].record([append("a", 0, "d/1", count=3), append("b", 0, "d/1")])
        assert await asyncio.wait_for(heard.get(), 60) == "4"
        await ledgers[0].record([append("a", 0, "d/1", count=3), append("a", 9, "d/2")])
        await ledgers[0].record([append("a", 3, "d/3")])
        assert await asyncio.wait_for(heard.get(), 60) == "5"
        assert heard.empty()
    finally:
        await connection.close()


async def test_a_database_that_is_not_there_is_said_so(unused_tcp_port: int) -> None:
    pool = asyncpg.create_pool(
        f"postgresql://nobody@127.0.0.1:{unused_tcp_port}/none", min_size=0, max_size=1
    )
    async with pool:
        with pytest.raises(Unavailable, match="not available"):
            await PostgresLedger(pool).record([append("a", 0, "d/1")])
        with pytest.raises(Unavailable, match="not available"):
            await PostgresLedger(pool).head("a")
