"""What is kept up from event to event is what all rules and all deadlines together come to."""

from __future__ import annotations

from tests.simulation.definitions import changed, pair
from tests.simulation.play import Play
from workflows.model.rules import next_deadline
from workflows.model.working import Memory


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
