"""The invitation: issued by the host, answered by guests, extended, withdrawn, expired."""

from __future__ import annotations

import pytest

from tests.simulation.definitions import changed, pair, trio
from tests.simulation.play import Play


def issued(definition: dict | None = None) -> Play:
    play = Play(definition or trio()).go("founded")
    play.do("aa.protocol", "issue_invitation")
    return play


def test_it_is_issued_received_and_accepted_by_each_that_is_required() -> None:
    play = issued()
    assert play.state.invitation.status == "issued"
    assert play.do("bb.protocol", "acknowledge_invitation") == ("invitation_received",)
    assert play.stage == "invitation"
    assert not play.open_gate("acceptance"), "received is not accepted"
    assert play.do("bb.protocol", "accept_invitation_in_principle") == ("invitation_answered",)
    assert play.state.invitation.status == "issued", "one of two"
    play.do("cc.protocol", "accept_invitation_in_principle")
    assert play.state.invitation.status == "accepted_in_principle"
    assert not play.open_gate("acceptance")
    play.do("cc.protocol", "accept_invitation")
    assert play.unmet("acceptance") == [("invitation_accepted", None)]
    play.do("bb.protocol", "accept_invitation")
    assert play.open_gate("acceptance")
    assert play.stage == "verification"


@pytest.mark.parametrize(
    ("by", "act"),
    [
        ("bb.protocol", "issue_invitation"),
        ("bb.protocol", "extend_invitation"),
        ("bb.protocol", "withdraw_invitation"),
        ("aa.protocol", "accept_invitation"),
        ("aa.protocol", "accept_invitation_in_principle"),
        ("aa.protocol", "acknowledge_invitation"),
        ("aa.protocol", "decline_invitation"),
        ("bb.treaty", "accept_invitation"),
    ],
)
def test_only_the_host_issues_extends_and_withdraws_and_only_a_guest_answers(by: str, act: str) -> None:
    fields = {"valid_until": None} if act == "extend_invitation" else {}
    assert issued().guard(by, act, **fields) == "authority"


@pytest.mark.parametrize(
    ("by", "act", "guard"),
    [
        ("bb.protocol", "accept_invitation", "invitation_pending"),
        ("bb.protocol", "acknowledge_invitation", "invitation_pending"),
        ("aa.protocol", "withdraw_invitation", "invitation_issued"),
        ("aa.protocol", "extend_invitation", "invitation_pending"),
    ],
)
def test_what_is_not_issued_is_neither_answered_nor_withdrawn(by: str, act: str, guard: str) -> None:
    fields = {"valid_until": None} if act == "extend_invitation" else {}
    refusal = Play(pair()).go("founded").refused(by, act, **fields)
    assert refusal.guard == guard
    if guard == "invitation_pending":
        assert refusal.unmet[0].who == ("aa.protocol",), "the host could issue it"


def test_an_answer_that_is_final_stands() -> None:
    play = issued()
    play.do("bb.protocol", "accept_invitation")
    assert play.guard("bb.protocol", "decline_invitation") == "answer_open"
    assert play.guard("bb.protocol", "accept_invitation") == "answer_open"
    play.do("cc.protocol", "accept_invitation_in_principle")
    assert play.guard("cc.protocol", "accept_invitation_in_principle") == "answer_open"
    assert play.guard("aa.protocol", "issue_invitation") == "invitation_drafted"


def test_receipt_is_acknowledged_once() -> None:
    play = issued()
    play.do("bb.protocol", "acknowledge_invitation")
    assert play.guard("bb.protocol", "acknowledge_invitation") == "not_acknowledged"


def test_a_required_guest_that_declines_ends_the_accord() -> None:
    play = issued()
    assert play.do("cc.protocol", "decline_invitation") == ("invitation_answered", "accord_terminated")
    assert play.stage == "terminated"
    assert play.guard("bb.protocol", "accept_invitation") == "accord_open"


def test_an_optional_guest_may_decline_or_come_later() -> None:
    optional = changed(trio(), parties__CC__required=False)
    play = issued(optional)
    play.do("cc.protocol", "decline_invitation")
    play.do("bb.protocol", "accept_invitation")
    assert play.open_gate("acceptance")
    later = issued(optional)
    later.do("bb.protocol", "accept_invitation")
    later.do("cc.protocol", "accept_invitation")
    assert later.state.invitation.answers == {"BB": "accepted", "CC": "accepted"}


def test_an_open_ended_invitation_is_valid_while_talks_go_on() -> None:
    play = issued(pair())
    play.pass_time(days=200)
    assert play.state.invitation.status == "issued"
    play.do("bb.protocol", "accept_invitation")
    assert play.open_gate("acceptance")


def test_a_dated_invitation_expires_unless_it_is_extended() -> None:
    play = issued()
    assert play.pass_time(days=60) == ("invitation_expired", "accord_terminated")
    assert play.log[-1].time.isoformat() == "2030-03-01T00:00:00+00:00"
    extended = issued()
    extended.do("aa.protocol", "extend_invitation", valid_until="2030-04-01T00:00:00Z")
    assert "invitation_expired" not in extended.pass_time(days=60)
    extended.do("aa.protocol", "extend_invitation", valid_until=None)
    assert "invitation_expired" not in extended.pass_time(days=200)
    assert extended.state.invitation.status == "issued"


def test_what_all_have_accepted_expires_no_more() -> None:
    play = issued()
    for guest in ("bb", "cc"):
        play.do(f"{guest}.protocol", "accept_invitation")
    assert "invitation_expired" not in play.pass_time(days=90)


@pytest.mark.parametrize("until", ["2030-02-01T00:00:00Z", "2030-03-01T00:00:00Z"])
def test_an_extension_is_later(until: str) -> None:
    assert issued().guard("aa.protocol", "extend_invitation", valid_until=until) == "later_end"


def test_what_has_no_end_needs_no_extension() -> None:
    play = issued(pair())
    assert play.guard("aa.protocol", "extend_invitation", valid_until=None) == "later_end"
    assert play.guard("aa.protocol", "extend_invitation", valid_until="2031-01-01T00:00:00Z") == "later_end"


def test_one_that_would_be_expired_is_not_issued() -> None:
    play = Play(trio()).go("founded")
    play.pass_time(days=90)
    assert play.guard("aa.protocol", "issue_invitation") == "validity_ahead"


@pytest.mark.parametrize(
    ("until", "place", "guard"),
    [
        ("acceptance", "accepted", "still_withdrawable"),
        ("arrival", "accepted", None),
        ("arrival", "confirmed", None),
        ("arrival", "arrived", "still_withdrawable"),
    ],
)
def test_it_is_withdrawn_until_acceptance_or_arrival_as_the_definition_says(
    until: str, place: str, guard: str | None
) -> None:
    play = Play(pair(invitation={"withdrawable_until": until})).go(place)
    if guard is None:
        events = play.do("aa.protocol", "withdraw_invitation")
        assert events[-1] == "accord_terminated"
        assert play.stage == "terminated"
    else:
        refusal = play.refused("aa.protocol", "withdraw_invitation")
        assert refusal.guard == guard
        assert "terminate" in refusal.remedy


def test_it_is_not_withdrawn_after_a_release_at_a_distance() -> None:
    definition = pair(invitation={"withdrawable_until": "arrival"}, signing_at_a_distance=True)
    play = Play(definition).go("understood")
    play.sign().release()
    assert play.guard("aa.protocol", "withdraw_invitation") == "still_withdrawable"
