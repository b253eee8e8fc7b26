"""The append in one round trip, what becomes of it when it is raced, and who holds up whom: nobody for long."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from activities.errors import Unavailable
from activities.ledger.connections import reading_pool, writing_pool
from activities.ledger.postgres import PostgresLedger
from activities.ledger.store import Append, Outcome
from activities.ledger.writer import BatchWriter
from activities.tlog.merkle import Frontier
from tests.activities.ledger.making import append, repeated


class Counted:
    """A ledger that appends on one connection, and the statements that were sent on it."""

    def __init__(self, ledger: PostgresLedger, statements: list[str]) -> None:
        self.ledger = ledger
        self._statements = statements

    def sent(self) -> int:
        found = len(self._statements)
        self._statements.clear()
        return found


@pytest_asyncio.fixture
async def counted(database_url: str) -> AsyncIterator[Counted]:
    statements: list[str] = []
    async with reading_pool(database_url) as reading, writing_pool(database_url, max_size=1) as writing:
        async with writing.acquire() as connection:
            connection.add_query_logger(lambda query: statements.append(query.query))
        ledger = PostgresLedger(reading, writing)
        # At its first use a connection asks what the statement's types are; then never again.
        await ledger.record([append("first", 5, "d/1")])
        await ledger.record([append("first", 0, "d/1")])
        statements.clear()
        yield Counted(ledger, statements)


async def grown(ledger: PostgresLedger, accord: str, count: int = 1) -> Frontier:
    [outcome] = await ledger.record([append(accord, 0, "d/0", count=count)])
    assert outcome.frontier is not None
    return outcome.frontier


async def test_an_act_that_nobody_races_takes_one_round_trip(counted: Counted) -> None:
    frontier: Frontier | None = None
    for number in range(5):
        [outcome] = await counted.ledger.record([append("a", number, f"d/{number}", frontier=frontier)])
        assert (outcome.status, counted.sent()) == ("appended", 1)
        frontier = outcome.frontier
    head = await counted.ledger.head("a")
    assert head is not None
    assert head.frontier == frontier


async def test_a_batch_of_many_accords_takes_one_round_trip(counted: Counted) -> None:
    names = [f"a{number}" for number in range(40)]
    outcomes = await counted.ledger.record([append(name, 0, "d/0") for name in names])
    assert counted.sent() == 1
    batch = [
        append(name, 1, "d/1", count=2, frontier=outcome.frontier)
        for name, outcome in zip(names, outcomes, strict=True)
    ]
    # A second append of an accord rests on the first.
    batch.append(append("a7", 3, "d/2"))
    assert {outcome.status for outcome in await counted.ledger.record(batch)} == {"appended"}
    assert counted.sent() == 1
    assert [entry.feed for entry in await counted.ledger.feed()] == list(range(1, 123))


async def test_what_does_not_say_what_it_rests_on_takes_two(counted: Counted) -> None:
    await grown(counted.ledger, "a")
    counted.sent()
    outcomes = await counted.ledger.record(
        [append("a", 1, "d/1"), append("b", 0, "d/1"), repeated("a", "d/2", 0, 2)]
    )
    assert ([outcome.status for outcome in outcomes], counted.sent()) == (["appended"] * 3, 2)
    [outcome] = await counted.ledger.record([append("a", 1, "d/3")])
    assert (outcome.status, counted.sent()) == ("conflict", 1)


async def test_an_append_that_was_raced_gets_the_right_outcome_and_the_others_theirs(
    counted: Counted,
) -> None:
    old = await grown(counted.ledger, "a")
    other = await grown(counted.ledger, "b")
    [first] = await counted.ledger.record([append("a", 1, "d/1", frontier=old)])
    assert first.frontier is not None
    counted.sent()
    outcomes = await counted.ledger.record(
        [
            append("a", 1, "d/2", frontier=old),
            append("a", 1, "d/1", frontier=old),
            append("a", 1, "d/1", frontier=old, fingerprint="sha256:" + "f" * 64),
            append("b", 1, "d/1", frontier=other),
        ]
    )
    assert [outcome.status for outcome in outcomes] == ["conflict", "duplicate", "mismatch", "appended"]
    assert outcomes[1].receipt == first.receipt
    assert counted.sent() == 2
    # A command that is known already, though the tree is as expected.
    outcomes = await counted.ledger.record(
        [append("a", 2, "d/1", frontier=first.frontier), append("a", 2, "d/3", frontier=first.frontier)]
    )
    assert [outcome.status for outcome in outcomes] == ["duplicate", "appended"]
    assert [entry.feed for entry in await counted.ledger.feed()] == list(range(1, 7))


async def test_a_tree_with_another_root_is_a_conflict_whatever_its_size(counted: Counted) -> None:
    await grown(counted.ledger, "a", 3)
    elsewhere = await grown(counted.ledger, "b", 3)
    [outcome] = await counted.ledger.record([append("a", 3, "d/1", frontier=elsewhere)])
    assert (outcome.status, outcome.size) == ("conflict", 3)
    assert len(await counted.ledger.entries("a")) == 3


@pytest.mark.parametrize("what", ["opening", "appending"])
async def test_of_those_who_race_with_one_tree_exactly_one_succeeds(database_url: str, what: str) -> None:
    async with PostgresLedger.connect(database_url) as left, PostgresLedger.connect(database_url) as right:
        frontier = await grown(left, "a") if what == "appending" else None
        size = 0 if frontier is None else 1
        async with BatchWriter(left) as first, BatchWriter(right) as second:
            outcomes = await asyncio.gather(
                *(
                    (first, second)[number % 2].record(append("a", size, f"w/{number}", frontier=frontier))
                    for number in range(20)
                )
            )
        assert sorted(outcome.status for outcome in outcomes) == ["appended"] + ["conflict"] * 19
        assert len(await left.entries("a")) == size + 1


async def test_the_limits_stand_on_the_server_and_a_connection_goes_back_without_a_word(
    database_url: str,
) -> None:
    async with writing_pool(database_url, max_size=1) as pool:
        statements: list[str] = []
        async with pool.acquire() as connection:
            connection.add_query_logger(lambda query: statements.append(query.query))
        for _ in range(2):
            found: dict[str, Any] = dict(
                await pool.fetch(
                    "select name, setting from pg_settings where name ~ '(timeout|keepalives_idle)$' and source in "
                    "('client', 'session')"
                )
            )
        assert len(statements) == 2
    assert found == {
        "lock_timeout": "2000",
        "statement_timeout": "5000",
        "idle_in_transaction_session_timeout": "3000",
        "transaction_timeout": "6000",
        "tcp_keepalives_idle": "5",
        "tcp_user_timeout": "10000",
    }


async def persist(writer: BatchWriter, given: Append) -> Outcome:
    """Record it as an activity does, which is retried while the store is away."""
    while True:
        try:
            return await writer.record(given)
        except Unavailable:
            await asyncio.sleep(0.05)


@asynccontextmanager
async def process(url: str, what: str) -> AsyncIterator[asyncio.subprocess.Process]:
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.activities.ledger.freezes", url, what, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert started.stdout is not None
        assert await started.stdout.readline() == b"held\n"
        yield started
    finally:
        started.kill()
        await started.wait()


async def until_frozen(process: asyncio.subprocess.Process) -> None:
    while not is_frozen(process):  # noqa: ASYNC110 - nothing tells when it is
        await asyncio.sleep(0.01)


def is_frozen(process: asyncio.subprocess.Process) -> bool:
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")


@needs_proc
@pytest.mark.parametrize("what", ["counter", "head"])
async def test_a_process_frozen_in_the_middle_of_a_commit_holds_nobody_up_for_good(
    database_url: str, what: str
) -> None:
    async with PostgresLedger.connect(database_url) as ledger, BatchWriter(ledger) as writer:
        frontier = await grown(ledger, "held")
        async with process(database_url, what) as frozen:
            await until_frozen(frozen)
            held = asyncio.create_task(persist(writer, append("held", 1, "d/1", frontier=frontier)))
            others = [persist(writer, append(f"a{number}", 0, "d/1")) for number in range(20)]
            outcomes = await asyncio.gather(*others)
            if what == "head":
                assert not held.done(), "the others do not wait for the one that is held"
            assert [outcome.status for outcome in (*outcomes, await held)] == ["appended"] * 21
            assert is_frozen(frozen)
        assert [entry.feed for entry in await ledger.feed()] == list(range(1, 23))


@needs_proc
async def test_a_writer_that_is_frozen_at_any_moment_under_load_holds_nobody_up(database_url: str) -> None:
    async with PostgresLedger.connect(database_url) as ledger, BatchWriter(ledger) as writer:
        async with process(database_url, "load") as loaded:
            for number in range(20):
                await asyncio.sleep(0.03 + number * 0.0007)
                os.kill(loaded.pid, signal.SIGSTOP)
                await until_frozen(loaded)
                assert (await persist(writer, append("a", number, f"d/{number}"))).status == "appended"
                os.kill(loaded.pid, signal.SIGCONT)
            await asyncio.sleep(0.1)
            assert loaded.returncode is None
        position = await ledger.feed_position()
        feed = await ledger.feed(0, position)
        assert [entry.feed for entry in feed] == list(range(1, position + 1))
        assert {entry.accord for entry in feed} == {"a", "load"}


async def test_a_session_that_opens_an_accord_and_stays_holds_up_that_accord_alone(database_url: str) -> None:
    async with PostgresLedger.connect(database_url) as ledger, BatchWriter(ledger) as writer:
        connection = await asyncpg.connect(database_url)
        try:
            await connection.execute("begin")
            await connection.execute("insert into heads values ('held', 0, sha256(''), '')")
            results = await asyncio.gather(
                *(writer.record(append(name, 0, "d/1")) for name in ("a", "b", "held", "c")),
                return_exceptions=True,
            )
            assert [each.status for each in results if isinstance(each, Outcome)] == ["appended"] * 3
            assert isinstance(results[2], Unavailable)
            await connection.execute("rollback")
            assert (await writer.record(append("held", 0, "d/1"))).status == "appended"
        finally:
            await connection.close()
