"""The cache of folded states: one round trip, fenced by the ledger's tree, bounded by bytes, folded once."""

from __future__ import annotations

import asyncio

import pytest

from activities.errors import Malformed
from activities.reading import states as module
from activities.reading.states import Folded, States, following, weigh
from tests.api.filling import Filler
from tests.api.test_reading import Counting
from tests.simulation.small import digest, small


@pytest.fixture
def ledger() -> Counting:
    return Counting()


async def test_state_frontier_and_outcome_come_in_one_round_trip(ledger: Counting) -> None:
    filler, states = Filler(ledger), States(ledger)
    await filler.found("a", small())
    receipt = await filler.do("a", "record_statement", "aa.contact", digest=digest("1"))
    for _ in range(2):
        ledger.trips = 0
        folded, known = await states.look_up("a", receipt.command)
        assert ledger.trips == 1
        assert folded is not None
        assert known is not None
        assert (folded.state, folded.frontier.root().hex()) == (filler.states["a"], receipt.root)
        assert known.receipt == receipt
    assert await states.look_up("a", "aa.contact/none") == (folded, None)
    assert await states.look_up("nobody", receipt.command) == (None, None)
    assert states.cached("nobody") is None
    assert states.cached("a") == folded


async def test_what_was_recorded_is_kept_and_read_from_there(ledger: Counting) -> None:
    filler, states = Filler(ledger), States(ledger)
    await filler.found("a", small())
    before = await states.get("a")
    await filler.do("a", "record_statement", "aa.contact", digest=digest("1"))
    head = await ledger.head("a")
    assert head is not None
    states.keep(following(before, filler.states["a"], head.frontier, ()))
    ledger.read = 0
    kept = await states.get("a")
    assert kept is not None
    assert kept.state == filler.states["a"]
    assert ledger.read == 0
    # Less than what is held does not take its place.
    assert before is not None
    states.keep(before)
    assert states.cached("a") == kept


async def test_those_who_ask_at_once_fold_once(ledger: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    filler, states = Filler(ledger), States(ledger)
    await filler.found("a", small())
    folds = 0
    evolve = module.evolve

    def counted(*arguments: object) -> object:
        nonlocal folds
        folds += 1
        return evolve(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "evolve", counted)
    monkeypatch.setattr(module, "SLICE", 0.0)
    for step in range(2):
        folds, grown = 0, filler.states["a"].size
        got = await asyncio.gather(*(states.get("a") for _ in range(10)))
        assert all(each is not None and each.state == filler.states["a"] for each in got)
        assert folds == (grown if step == 0 else 2)
        await filler.do("a", "record_statement", "aa.contact", digest=digest("1"))
        await filler.do("a", "record_statement", "aa.contact", digest=digest("2"))


async def test_others_get_their_turn_while_a_long_record_is_folded(
    ledger: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    filler = Filler(ledger)
    await filler.found("a", small())
    monkeypatch.setattr(module, "SLICE", 0.0)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await States(ledger).get("a")
    task.cancel()
    assert turns >= filler.states["a"].size


@pytest.mark.parametrize("page", [1000, 2])
@pytest.mark.parametrize("grown", [0, 7])
async def test_a_restored_backup_does_not_leave_a_state_behind(
    ledger: Counting, page: int, grown: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the other history is shorter or longer than what was cached."""
    monkeypatch.setattr(module, "PAGE", page)
    filler, states = Filler(ledger), States(ledger)
    await filler.found("a", small())
    await filler.invite("a")
    await states.get("a")
    restored = Filler(Counting())
    await restored.found("a", small())
    for number in range(grown):
        await restored.do("a", "record_statement", "bb.contact", digest=digest(str(number)))
    states._ledger = restored.ledger
    got = await asyncio.gather(*(states.get("a") for _ in range(3)))
    assert [each.state for each in got if each is not None] == [restored.states["a"]] * 3
    states._ledger = Counting()
    assert await states.get("a") is None
    assert (states.cached("a"), states.held_bytes) == (None, 0)


async def test_an_altered_entry_is_an_error_and_does_no_harm(ledger: Counting) -> None:
    filler, states = Filler(ledger), States(ledger)
    await filler.found("a", small())
    await states.get("a")
    await filler.invite("a")
    ledger.altered = filler.states["a"].size - 1
    with pytest.raises(Malformed):
        await states.get("a")
    ledger.altered = None
    folded = await states.get("a")
    assert folded is not None
    assert folded.state == filler.states["a"]


async def test_what_is_held_is_bounded_by_bytes_and_the_least_used_goes_first(ledger: Counting) -> None:
    filler = Filler(ledger)
    for accord in ("a", "b", "c"):
        await filler.open(accord, small())
    measure = States(ledger)
    one = await measure.get("a")
    assert one is not None
    states = States(ledger, most_bytes=one.weight * 5 // 2)
    for accord in ("a", "b", "nothing", "a", "c"):
        await states.get(accord)
    assert [accord for accord in "abc" if states.cached(accord)] == ["a", "c"]
    assert states.held_bytes <= one.weight * 5 // 2
    # What alone is too heavy pushes nobody out, and is given all the same.
    states.keep(Folded(filler.states["b"], one.frontier, weighed=one.weight * 3))
    assert [accord for accord in "abc" if states.cached(accord)] == ["a", "c"]
    nothing = States(ledger, most_bytes=0)
    assert await nothing.get("a") == one
    assert nothing.held_bytes == 0


async def test_the_weight_is_about_what_the_state_takes_however_it_grew(ledger: Counting) -> None:
    filler, states = Filler(ledger), States(ledger)
    await filler.found("a", small())
    await filler.invite("a")
    for number in range(60):
        await filler.do("a", "record_statement", "aa.contact", digest=digest(str(number)))
        await filler.do(
            "a",
            "submit_evidence",
            "aa.contact",
            condition="C1",
            digest=digest(f"evidence {number}"),
            grade="documented",
            source=f"Report {number}",
            note="Seen.",
        )
        folded = await states.get("a")
        assert folded is not None
        actual = weigh(folded.state)
        assert actual * 0.9 <= folded.weight <= actual * 2.1
