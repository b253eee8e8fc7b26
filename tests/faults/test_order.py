"""The checker of real-time order finds what contradicts it, and nothing else."""

from __future__ import annotations

import random

from tests.faults.order import Act, Read, contradictions


def test_acts_that_overlap_may_stand_in_any_order() -> None:
    assert not contradictions([Act("A", "1", 0.0, 5.0, 1, 1), Act("A", "2", 1.0, 2.0, 0, 0)])
    assert not contradictions([Act("A", "1", 0.0, 5.0, 0, 0), Act("A", "2", 1.0, 2.0, 1, 1)])


def test_an_act_before_one_that_was_answered_before_it_was_sent_is_a_contradiction() -> None:
    [problem] = contradictions([Act("A", "early", 0.0, 1.0, 7, 7), Act("A", "late", 2.0, 3.0, 3, 4)])
    assert problem == (
        "late stands before early on the record of A, and was sent 1.000 s after that was answered"
    )


def test_acts_on_different_accords_have_no_order() -> None:
    assert not contradictions([Act("A", "early", 0.0, 1.0, 7, 7), Act("B", "late", 2.0, 3.0, 3, 4)])


def test_two_acts_with_the_same_entries_are_a_contradiction() -> None:
    assert contradictions([Act("A", "1", 0.0, 1.0, 3, 5), Act("A", "2", 0.0, 1.0, 5, 6)])


def test_a_reading_shows_what_was_answered_before_it() -> None:
    act = Act("A", "1", 0.0, 1.0, 4, 4)
    assert not contradictions([act], [Read("A", 2.0, 3.0, 5)])
    assert not contradictions([act], [Read("A", 0.5, 3.0, 4)])
    assert contradictions([act], [Read("A", 2.0, 3.0, 4)])
    assert contradictions([act], [Read("A", 0.2, 0.8, 9), Read("A", 0.9, 0.95, 8)])


def test_what_was_read_was_not_recorded_by_an_act_that_was_sent_later() -> None:
    assert contradictions([Act("A", "1", 5.0, 6.0, 4, 4)], [Read("A", 1.0, 2.0, 5)])


def test_a_history_that_was_made_one_after_the_other_has_none_and_any_exchange_of_two_has() -> None:
    chance = random.Random(7)
    acts = [Act("A", str(n), float(n), n + 0.5, n, n) for n in range(50)]
    assert not contradictions(acts)
    for _ in range(50):
        a, b = sorted(chance.sample(range(50), 2))
        changed = list(acts)
        changed[a] = Act("A", str(a), float(a), a + 0.5, b, b)
        changed[b] = Act("A", str(b), float(b), b + 0.5, a, a)
        assert contradictions(changed)
