"""What must always hold, in random plays: no sequence of acts, however random, gets round a rule.

A play starts from a place on the ordinary way and goes on by actions that lead forwards, or anywhere, or let time
pass; ``watched.py`` checks every step. The deeper run is marked slow: ``pytest -m slow tests/workflows``.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.simulation.actions.action import Action, variants
from tests.simulation.actions.made_up import MADE_UP
from tests.simulation.definitions import changed, condition, document, pair, trio
from tests.simulation.generator import next_action
from tests.simulation.invariants.rules import RULES
from tests.simulation.invariants.watched import DEFINITIONS, Watched, started
from tests.simulation.play import WAY
from workflows.model.attested import state_json
from workflows.model.decide import Decision
from workflows.model.declared import ACTS
from workflows.model.rules import stage


def alike() -> dict[str, Any]:
    """Both guests stand alike: swapping BB and CC throughout gives the same definition."""
    return trio(
        conditions={
            "V1": condition("AA", "bb.verifier", "cc.verifier", need=2, waivable=True, valid_for="P140D"),
            "OF-BB": condition("BB", "aa.verifier", "cc.verifier", on_change="close", cure="P10D"),
            "OF-CC": condition("CC", "aa.verifier", "bb.verifier", on_change="close", cure="P10D"),
            "S1": condition(
                "AA",
                "aa.verifier",
                "bb.verifier",
                "cc.verifier",
                obligors=["AA", "BB", "CC"],
                need=3,
                joint=True,
            ),
        },
        documents={
            "D1": document(
                "AA", "BB", "CC", languages=("en", "fr"), authority="full_powers", authorization=True
            ),
            "D2": document("AA", "BB", "CC", nature="political"),
            "D3": document("BB", "CC"),
        },
    )


DEFINITIONS.update(
    trio=trio(),
    alike=alike(),
    distance=changed(trio(), signing_at_a_distance=True, window=None),
    ends=trio(
        long_stop={"at": "2030-06-01T00:00:00Z", "policy": "auto_terminate"},
        invitation={"valid_until": "2030-02-01T00:00:00Z"},
    ),
    pair=pair(
        conditions={
            "C1": condition("AA", "bb.verifier", depends_on=["C2"], independent=True),
            "C2": condition("BB", "aa.verifier", gate="subsequent", depends_on=["C3"], cure="P5D"),
            "C3": condition("AA", "bb.verifier", gate="signing", valid_for="P150D", deferrable=True),
        }
    ),
)
PLACES = ("opened", *WAY)

KINDS = ("forwards", "backwards", "anything", "time")

numbers = st.integers(0, 2**64 - 1)
kinds = st.sampled_from([*["forwards"] * 6, *["backwards"] * 2, *["anything"] * 3, "time"])
some_moves = st.lists(st.tuples(kinds, numbers), min_size=10, max_size=30)
quick = settings(
    max_examples=90,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
deep = settings(quick, max_examples=1500, derandomize=False)


def play_on(
    play: Watched, steps: list[tuple[str, int]], definition: str
) -> list[tuple[Action, Decision | str]]:
    """Make the actions that the numbers stand for; what came of each."""
    known = variants(DEFINITIONS[definition])
    made = []
    for kind, number in steps:
        chosen = next_action(play.state, kind, number)
        made.append((chosen, play.make(chosen, known)))
    play.whole()
    return made


def test_every_rule_is_there_in_its_words() -> None:
    assert len(RULES) == 15
    assert all((rule.__doc__ or "").strip() for rule in RULES)


def test_every_act_is_among_the_moves() -> None:
    assert set(MADE_UP) == set(ACTS)


@quick
@given(place=st.sampled_from(PLACES), steps=some_moves)
def test_what_must_always_hold(place: str, steps: list[tuple[str, int]]) -> None:
    play_on(started("trio", place), steps, "trio")


@settings(quick, max_examples=25)
@given(
    definition=st.sampled_from(["ends", "pair", "distance"]),
    place=st.sampled_from(PLACES[:6]),
    steps=some_moves,
)
def test_it_holds_of_other_definitions(definition: str, place: str, steps: list[tuple[str, int]]) -> None:
    play_on(started(definition, place if definition != "distance" else "founded"), steps, definition)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@deep
@given(
    definition=st.sampled_from(["trio", "trio", "alike", "ends", "pair"]),
    place=st.sampled_from(PLACES),
    steps=st.lists(st.tuples(kinds, numbers), min_size=10, max_size=80),
)
def test_it_holds_of_long_plays(definition: str, place: str, steps: list[tuple[str, int]]) -> None:
    play_on(started(definition, place), steps, definition)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(8))
def test_it_holds_of_plays_that_go_deep(seed: int) -> None:
    chance = random.Random(f"deep {seed}")
    for _ in range(40):
        definition = chance.choice(["trio", "trio", "alike", "ends", "pair"])
        weights = chance.choice([[16, 2, 5, 1], [6, 4, 10, 2], [10, 6, 6, 1]])
        steps = [(chance.choices(KINDS, weights)[0], chance.getrandbits(64)) for _ in range(80)]
        play_on(started(definition, chance.choice(PLACES)), steps, definition)


# Depth: random plays do reach what lies far down


def depths(seeds: int, length: int, enough: tuple[str, ...] = ()) -> Counter[str]:
    """How many of the plays ever cause an event or come to a stage; ends early once ``enough`` is reached."""
    reached: Counter[str] = Counter()
    for seed in range(seeds):
        if enough and all(reached[name] for name in enough):
            break
        reached["plays"] += 1
        chance = random.Random(seed)
        start = ("founded", "texts", "understood", "arrived")[seed % 4]
        play = started("trio", start)
        before = len(play.log)
        steps = [(chance.choices(KINDS, [60, 5, 8, 1])[0], chance.getrandbits(64)) for _ in range(length)]
        play_on(play, steps, "trio")
        reached.update({event.type for event in play.log[before:]})
        reached.update({"stage " + stage(state) for state in play.states[before:]})
    return reached


MILESTONES = (
    "visit_confirmed",
    "visit_on_hold",
    "visit_arrived",
    "signature_held",
    "signature_voided",
    "signatures_released",
    "document_ratified",
    "understanding_effective",
    "understanding_stale",
    "verdict_revoked",
    "verdict_lapsed",
    "definition_amended",
    "act_refused",
    "stage concluded",
)
"""What random plays have to reach, for the properties to say anything about it."""


def test_random_plays_reach_what_lies_far_down(record_property: Any) -> None:
    reached = depths(seeds=100, length=70, enough=MILESTONES)
    for name in sorted(reached):
        record_property(name, reached[name])
    assert {name for name in MILESTONES if not reached[name]} == set()


# Rule 15: swapping the parties swaps the permissions, nothing else


def swap(one: str, other: str) -> Any:
    """A renaming of two parties, and of their delegates, in any JSON value."""
    pattern = re.compile(rf"\b({one}|{other}|{one.lower()}(?=\.)|{other.lower()}(?=\.))\b")
    names = {one: other, other: one, one.lower(): other.lower(), other.lower(): one.lower()}

    def renamed(value: Any) -> Any:
        if isinstance(value, str):
            return pattern.sub(lambda found: names[found[0]], value)
        if isinstance(value, dict):
            return {renamed(key): renamed(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [renamed(item) for item in value]
        return value

    return renamed


_UNORDERED = ("cause", "reason", "terminated", "definition", "definition_digest", "position")
"""Left out of the comparison: sentences that name the first of several, the definition, where it is renamed, and
positions in the log, since the start that both plays share verified one guest's condition before the other's."""


_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|[A-Z2-7]{4}(?:-[A-Z2-7]{4}){4}")


def plain(value: Any) -> Any:
    """A state's JSON with every digest, and every code made of one, masked, and every list taken as a set."""
    if isinstance(value, str):
        return _DIGEST.sub("#", value)
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items() if key not in _UNORDERED}
    if isinstance(value, list):
        return sorted((plain(item) for item in value), key=repr)
    return value


def difference(one: Any, other: Any, where: str = "") -> str:
    """Where two JSON values first differ, in words; pytest's own comparison takes minutes over two states."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        found = (difference(one[key], other[key], f"{where}.{key}") for key in one)
        return next((words for words in found if words), "")
    return "" if one == other else f"{where}: {str(one)[:300]} is not {str(other)[:300]}"


def outcome(result: Decision | str) -> Any:
    if isinstance(result, str):
        return result
    refusal = result.refusal
    unmet = (
        sorted({(one.guard, one.subject or "", *sorted(one.who)) for one in refusal.unmet}) if refusal else []
    )
    return [
        refusal.guard if refusal else None,
        [list(one) for one in unmet],
        sorted(e.type for e in result.events),
    ]


def check_swap(
    first: Watched, second: Watched, steps: list[tuple[str, int]], renamed: Any, name: str
) -> None:
    """The second play takes each action of the first with the names swapped; all that comes of it swaps too."""
    ours = variants(DEFINITIONS[name])
    theirs = ours if first.state.definition == second.state.definition else renamed(ours)
    for kind, number in steps:
        made = next_action(first.state, kind, number)
        mirrored = Action(renamed(made.by), made.act, renamed(made.fields), made.hours, made.signed)
        mirrored = Action(
            mirrored.by, mirrored.act, tuple(map(tuple, mirrored.fields)), made.hours, made.signed
        )  # type: ignore[arg-type]
        here, there = first.make(made, ours), second.make(mirrored, theirs)
        differs = difference(plain(renamed(outcome(here))), plain(outcome(there)))
        assert not differs, f"{made}: {differs}"
    differs = difference(plain(renamed(state_json(first.state))), plain(state_json(second.state)))
    assert not differs, differs


@settings(quick, max_examples=20)
@given(place=st.sampled_from(PLACES), steps=some_moves)
def test_two_guests_that_stand_alike_may_do_alike(place: str, steps: list[tuple[str, int]]) -> None:
    check_swap(started("alike", place), started("alike", place), steps, swap("BB", "CC"), "alike")


@settings(quick, max_examples=20)
@given(place=st.sampled_from(PLACES), steps=some_moves)
def test_it_does_not_matter_how_parties_are_called(place: str, steps: list[tuple[str, int]]) -> None:
    renamed = swap("AA", "BB")
    DEFINITIONS["renamed"] = renamed(trio())
    check_swap(started("trio", place), started("renamed", place, by="bb.contact"), steps, renamed, "trio")
