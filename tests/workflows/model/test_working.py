"""What is kept up from event to event is what all rules and all deadlines together come to."""

from __future__ import annotations

from tests.simulation.definitions import changed, pair
from tests.simulation.play import Play
from workflows.model.rules import next_deadline
from workflows.model.state import Accord
from workflows.model.working import Derived, Memory


def test_a_deadline_outlasts_an_amendment_that_does_not_touch_it() -> None:
    definition = pair(invitation={"valid_until": "2030-02-01T00:00:00Z"})
    play = Play(definition).go("founded")
    play.do("aa.protocol", "issue_invitation")
    kept = Memory()
    before = kept.next_deadline(play.state)
    assert before is not None
    assert before.subject == "invitation"
    play.amend(changed(definition, title="Another title"))
    assert kept.next_deadline(play.state) == next_deadline(play.state) == before


def test_what_is_derived_is_asked_anew_where_what_it_looked_at_is_another() -> None:
    play = Play(pair()).go("founded")
    asked: list[bool] = []

    def ended(a: Accord) -> bool:
        asked.append(True)
        return a.ended

    kept = Derived(ended)
    now = play.state
    assert not kept.of(now)
    assert not kept.of(now.changed(size=now.size + 1, statements=1))
    assert len(asked) == 1, "it looked at neither"
    over = now.changed(closed=True)
    assert kept.of(over), "by way of a property, it looked at what that looks at"
    assert not kept.of(now)
    assert len(asked) == 3
