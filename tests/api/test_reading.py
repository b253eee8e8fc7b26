from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from activities.ledger.store import Standing, StoredEntry
from activities.reading.accords import BeforeOpening, BeyondRecord, Reader
from tests.activities.ledger.memory import MemoryLedger
from tests.api.filling import Filler
from tests.simulation.small import digest, small


class Counting(MemoryLedger):
    """Counts round trips and entries that were read, and can give them altered."""

    def __init__(self) -> None:
        super().__init__()
        self.read = self.trips = 0
        self.altered: int | None = None

    async def entries(self, accord: str, start: int = 0, limit: int = 1000) -> list[StoredEntry]:
        found = await super().entries(accord, start, limit)
        self.read += len(found)
        return [
            replace(entry, content=entry.content.replace(b"facts", b"stcaf"))
            if entry.position == self.altered
            else entry
            for entry in found
        ]

    async def standing(
        self, accord: str, start: int = 0, limit: int = 1000, command_id: str | None = None
    ) -> Standing:
        self.trips += 1
        found = await super().standing(accord, start, limit, command_id)
        await asyncio.sleep(0)
        return found


@pytest.fixture
def ledger() -> Counting:
    return Counting()


async def test_the_state_is_the_fold_of_what_is_recorded(ledger: Counting) -> None:
    filler, reader = Filler(ledger), Reader(ledger)
    assert await reader.state("a") is None
    await filler.found("a", small())
    assert await reader.state("a") == filler.states["a"]
    await filler.invite("a")
    assert await reader.state("a") == filler.states["a"]


async def test_only_what_is_new_is_read_again(ledger: Counting) -> None:
    filler, reader = Filler(ledger), Reader(ledger)
    await filler.found("a", small())
    await reader.state("a")
    ledger.read = ledger.trips = 0
    await reader.state("a")
    assert (ledger.read, ledger.trips) == (0, 1)
    await filler.invite("a")
    size = filler.states["a"].size
    ledger.read = ledger.trips = 0
    state = await reader.state("a")
    assert state is not None
    assert (state.size, ledger.read, ledger.trips) == (size, 2, 1)


async def test_readers_at_once_get_the_same_state(ledger: Counting) -> None:
    filler, reader = Filler(ledger), Reader(ledger)
    await filler.found("a", small())
    states = await asyncio.gather(*(reader.state("a") for _ in range(10)))
    assert all(state == filler.states["a"] for state in states)


async def test_long_records_are_read_page_by_page(ledger: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.reading.accords.PAGE", 3)
    monkeypatch.setattr("activities.reading.states.PAGE", 3)
    filler = Filler(ledger)
    await filler.found("a", small())
    await filler.invite("a")
    for extra in range(4):
        reader = Reader(ledger)
        assert await reader.state("a") == filler.states["a"]
        await filler.do("a", "record_statement", "aa.contact", digest=digest(str(extra)))
        assert await reader.state("a") == filler.states["a"]
        assert await reader.state_as_of("a", filler.states["a"].size - 1) == filler.states["a"]


async def test_as_of_every_position_and_time(ledger: Counting) -> None:
    filler, reader = Filler(ledger), Reader(ledger)
    await filler.open("a", small())
    states = [filler.states["a"]]
    for party in ("aa", "bb"):
        await filler.do(
            "a", "adopt_definition", f"{party}.contact", digest=filler.states["a"].definition_digest
        )
        states.append(filler.states["a"])
    for state in states:
        assert await reader.state_as_of("a", state.size - 1) == state
        assert await reader.state_as_of("a", state.time) == state
        assert await reader.state_as_of("a", state.time + timedelta(minutes=59)) == state
    assert await reader.state_as_of("b", 0) is None
    assert await reader.state_as_of("b", filler.at) is None
    with pytest.raises(BeyondRecord) as beyond:
        await reader.state_as_of("a", states[-1].size)
    assert beyond.value.size == states[-1].size
    with pytest.raises(BeforeOpening) as before:
        await reader.state_as_of("a", states[0].time - timedelta(microseconds=1))
    assert before.value.opened == states[0].time
