"""The writer batches what waits, answers each, isolates failures, and loses nothing when it closes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from activities.errors import Locked, Unavailable, Unrecordable, WriterClosed
from activities.ledger.store import Append, Outcome
from activities.ledger.writer import BatchWriter
from tests.activities.ledger.making import append, event
from tests.activities.ledger.memory import MemoryLedger


class SlowLedger(MemoryLedger):
    """A ledger in memory that notes its batches, and does not go on before it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []
        self.go = asyncio.Event()
        self.away = False

    async def record(self, appends: Sequence[Append]) -> list[Outcome]:
        self.batches.append(len(appends))
        await self.go.wait()
        if self.away:
            raise Unavailable("the store is away", "Try again")
        return await super().record(appends)


def started(writer: BatchWriter, appends: Sequence[Append]) -> list[asyncio.Task[Outcome]]:
    return [asyncio.create_task(writer.record(each)) for each in appends]


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_what_comes_while_a_batch_is_committed_makes_the_next() -> None:
    ledger = SlowLedger()
    async with BatchWriter(ledger, max_batch=4, max_at_once=1) as writer:
        tasks = started(writer, [append("first", 0, "d/1")])
        await settled()
        tasks += started(writer, [append(f"a{index}", 0, "d/1") for index in range(6)])
        await settled()
        assert ledger.batches == [1]
        ledger.go.set()
        outcomes = await asyncio.gather(*tasks)
    assert [outcome.status for outcome in outcomes] == ["appended"] * 7
    assert ledger.batches == [1, 4, 2]


@pytest.mark.parametrize(("count", "batches"), [(40, [20, 20]), (9, [9]), (200, [64, 64])])
async def test_many_are_shared_among_the_transactions_that_may_begin(count: int, batches: list[int]) -> None:
    ledger = SlowLedger()
    async with BatchWriter(ledger, max_at_once=2) as writer:
        tasks = started(writer, [append(f"a{index}", 0, "d/1") for index in range(count)])
        await settled()
        assert ledger.batches == batches
        ledger.go.set()
        outcomes = await asyncio.gather(*tasks)
    assert [outcome.status for outcome in outcomes] == ["appended"] * count


async def test_each_gets_its_own_outcome() -> None:
    async with BatchWriter(MemoryLedger()) as writer:
        appends = [append("a", 0, "d/1"), append("a", 1, "d/2"), append("a", 1, "d/3"), append("a", 0, "d/1")]
        outcomes = await asyncio.gather(*started(writer, appends))
    assert [outcome.status for outcome in outcomes] == ["appended", "appended", "conflict", "duplicate"]
    assert outcomes[3].receipt == outcomes[0].receipt


async def test_one_that_cannot_be_recorded_fails_alone() -> None:
    ledger = SlowLedger()
    async with BatchWriter(ledger) as writer:
        bad = append("b", 0, "d/1", events=(event(facts={"share": 0.5}),))
        tasks = started(writer, [append("a", 0, "d/1"), bad, append("c", 0, "d/1")])
        ledger.go.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[1], Unrecordable)
    assert [each.status for each in results if isinstance(each, Outcome)] == ["appended", "appended"]
    assert ledger.batches == [2], "what cannot be sealed comes into no batch"


async def test_where_a_batch_fails_each_is_recorded_singly() -> None:
    class Picky(SlowLedger):
        async def record(self, appends: Sequence[Append]) -> list[Outcome]:
            outcomes = await super().record(appends)
            if any(each.accord == "b" for each in appends):
                raise Unrecordable("the store does not take it", "Send another")
            return outcomes

    ledger = Picky()
    async with BatchWriter(ledger) as writer:
        tasks = started(writer, [append(name, 0, "d/1") for name in "abc"])
        ledger.go.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[1], Unrecordable)
    assert [each.receipt is not None for each in results if isinstance(each, Outcome)] == [True, True]
    assert ledger.batches == [3, 1, 1, 1]


class Guarded(MemoryLedger):
    """A ledger of which some accords are locked by another session."""

    def __init__(self, *locked: str) -> None:
        super().__init__()
        self.locked = set(locked)

    async def record(self, appends: Sequence[Append]) -> list[Outcome]:
        await asyncio.sleep(0)
        return [
            Outcome("locked", None, each.expected)
            if each.accord in self.locked
            else (await super(Guarded, self).record([each]))[0]
            for each in appends
        ]


async def test_an_accord_that_is_locked_holds_up_no_other_and_is_recorded_once_it_is_free() -> None:
    ledger = Guarded("b")
    async with BatchWriter(ledger) as writer:
        tasks = started(writer, [append(name, 0, "d/1") for name in "abc"])
        assert [(await tasks[at]).status for at in (0, 2)] == ["appended", "appended"]
        assert (await writer.record(append("a", 1, "d/2"))).status == "appended"
        assert not tasks[1].done()
        ledger.locked.clear()
        assert (await tasks[1]).status == "appended"


async def test_an_accord_that_stays_locked_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.ledger.writer.LOCKED_PATIENCE", 0.1)
    writer = BatchWriter(Guarded("b"))
    [task] = started(writer, [append("b", 0, "d/1")])
    await settled()
    await writer.aclose()
    with pytest.raises(Locked, match="locked"):
        await task


async def test_an_accord_is_in_one_batch_at_a_time() -> None:
    ledger = SlowLedger()
    async with BatchWriter(ledger, max_at_once=4) as writer:
        tasks = started(writer, [append("a", 0, "d/1")])
        await settled()
        tasks += started(writer, [append("a", 1, "d/2"), append("b", 0, "d/1")])
        await settled()
        assert ledger.batches == [1, 1]
        ledger.go.set()
        assert [(await task).status for task in tasks] == ["appended"] * 3


async def test_a_writer_with_nothing_but_callers_who_gave_up_closes() -> None:
    ledger = SlowLedger()
    writer = BatchWriter(ledger, max_at_once=1)
    tasks = started(writer, [append(name, 0, "d/1") for name in "ab"])
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    ledger.go.set()
    await asyncio.wait_for(writer.aclose(), 60)


async def test_a_store_that_is_away_fails_the_batch_at_once_and_the_next_works() -> None:
    ledger = SlowLedger()
    ledger.go.set()
    ledger.away = True
    async with BatchWriter(ledger) as writer:
        tasks = started(writer, [append(name, 0, "d/1") for name in "abc"])
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(each, Unavailable) for each in results)
        assert ledger.batches == [3]
        ledger.away = False
        assert (await writer.record(append("a", 0, "d/1"))).status == "appended"


async def test_closing_records_what_waits_and_refuses_what_comes() -> None:
    ledger = SlowLedger()
    writer = BatchWriter(ledger, max_batch=2)
    tasks = started(writer, [append(name, 0, "d/1") for name in "abcde"])
    await settled()
    closing = asyncio.create_task(writer.aclose())
    await settled()
    assert not closing.done()
    with pytest.raises(WriterClosed):
        await writer.record(append("f", 0, "d/1"))
    ledger.go.set()
    await closing
    assert [(await task).status for task in tasks] == ["appended"] * 5
    await writer.aclose()


async def test_closing_before_anything_came_is_harmless() -> None:
    writer = BatchWriter(MemoryLedger())
    await writer.aclose()
    with pytest.raises(WriterClosed):
        await writer.record(append("a", 0, "d/1"))


async def test_a_full_queue_makes_its_callers_wait_and_closing_lets_them_go() -> None:
    ledger = SlowLedger()
    writer = BatchWriter(ledger, max_batch=1, max_waiting=2, max_at_once=1)
    tasks = started(writer, [append(name, 0, "d/1") for name in "abcdef"])
    await settled()
    # One is being recorded, two wait in the queue, three wait to get in.
    closing = asyncio.create_task(writer.aclose())
    await settled()
    ledger.go.set()
    await closing
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(each, Outcome) for each in results] == [True, True, True, False, False, False]
    assert all(isinstance(each, WriterClosed) for each in results[3:])
    assert len(await ledger.feed()) == 3


async def test_a_caller_who_gives_up_neither_stops_the_others_nor_occupies_a_batch() -> None:
    ledger = SlowLedger()
    async with BatchWriter(ledger, max_batch=8, max_at_once=1) as writer:
        tasks = started(writer, [append("first", 0, "d/1")])
        await settled()
        tasks += started(writer, [append(name, 0, "d/1") for name in "abc"])
        await settled()
        tasks[2].cancel()
        await settled()
        ledger.go.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results[2], asyncio.CancelledError)
    assert sum(isinstance(each, Outcome) for each in results) == 3
    assert ledger.batches == [1, 2]


async def test_nobody_waits_for_ever_when_the_writer_is_cancelled() -> None:
    writer = BatchWriter(SlowLedger(), max_batch=1)
    tasks = started(writer, [append(name, 0, "d/1") for name in "ab"])
    await settled()
    [task] = [each for each in asyncio.all_tasks() if each.get_name() == "ledger writer"]
    task.cancel()
    results = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 60)
    assert all(isinstance(each, WriterClosed) for each in results)


@pytest.mark.parametrize("bounds", [{"max_batch": 0}, {"max_waiting": 0}, {"max_at_once": 0}])
def test_bounds_are_at_least_one(bounds: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        BatchWriter(MemoryLedger(), **bounds)
