"""After signing: ratification, entry into force, registration, closing; and how an accord ends before it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulation.definitions import changed, pair, trio
from tests.simulation.play import Play
from tests.simulation.small import digest


def released() -> Play:
    return Play(trio()).go("released")


def ratified() -> Play:
    play = released()
    play.each("authority", "ratify_document", document="D1", instrument=digest("instrument"))
    return play


def test_each_document_takes_effect_as_its_nature_says() -> None:
    play = released()
    assert play.state.documents["D3"].in_force_at == play.state.released_at, "in force on signature"
    assert play.state.documents["D2"].in_force_at is None, "political"
    assert play.state.documents["D1"].in_force_at is None, "subject to ratification"


def test_ratified_by_each_in_force_registered_closed() -> None:
    play = released()
    for party in ("aa", "bb"):
        play.do(f"{party}.authority", "ratify_document", document="D1", instrument=digest(party))
    refusal = play.refused("depositary", "declare_in_force", document="D1")
    assert refusal.guard == "ratified"
    assert refusal.unmet[0].who == ("cc.authority",)
    play.do("cc.authority", "ratify_document", document="D1", instrument=digest("cc"))
    assert play.guard("depositary", "register_document", document="D1", registration="I-1") == "in_force"
    play.do("depositary", "declare_in_force", document="D1")
    assert play.guard("aa.contact", "close_accord") == "registered"
    play.do("depositary", "register_document", document="D1", registration="I-1")
    assert play.guard("aa.contact", "close_accord") == "condition_satisfied", "Z1 is subsequent, and open"
    play.verify("Z1")
    assert play.do("registrar", "close_accord") == ("accord_closed",)
    assert play.guard("aa.contact", "close_accord") == "accord_open"


@pytest.mark.parametrize(
    ("by", "act", "fields", "guard"),
    [
        ("aa.authority", "ratify_document", {"document": "D9"}, "document_known"),
        ("aa.authority", "ratify_document", {"document": "D2"}, "subject_to_ratification"),
        ("aa.authority", "ratify_document", {"document": "D1"}, "not_yet_ratified"),
        ("aa.head", "ratify_document", {"document": "D1"}, "authority"),
        ("depositary", "declare_in_force", {"document": "D9"}, "document_known"),
        ("depositary", "declare_in_force", {"document": "D2"}, "may_enter_into_force"),
        ("depositary", "declare_in_force", {"document": "D3"}, "may_enter_into_force"),
        ("press", "declare_in_force", {"document": "D1"}, "authority"),
        ("depositary", "register_document", {"document": "D9"}, "document_known"),
        ("depositary", "register_document", {"document": "D3"}, "registration_asked_for"),
        ("aa.authority", "register_document", {"document": "D1"}, "authority"),
    ],
)
def test_what_is_not_to_be_done_after_release(by: str, act: str, fields: dict, guard: str) -> None:
    more: dict[str, Any] = {
        "ratify_document": {"instrument": digest("i")},
        "declare_in_force": {},
        "register_document": {"registration": "I-1"},
    }[act]
    assert ratified().guard(by, act, **fields, **more) == guard


def test_only_signing_parties_ratify() -> None:
    play = Play(changed(trio(), documents__D2__nature="ratification")).go("released")
    assert (
        play.guard("cc.authority", "ratify_document", document="D2", instrument=digest("i"))
        == "signing_party"
    )


def test_registered_once() -> None:
    play = ratified()
    play.do("aa.authority", "declare_in_force", document="D1")
    play.do("registrar", "register_document", document="D1", registration="I-1")
    again = {"document": "D1", "registration": "I-2"}
    assert play.guard("registrar", "register_document", **again) == "registration_asked_for"


@pytest.mark.parametrize(
    ("act", "fields", "guard"),
    [
        ("ratify_document", {"instrument": digest("i")}, "released"),
        ("declare_in_force", {}, "released"),
        ("register_document", {"registration": "I-1"}, "in_force"),
    ],
)
def test_nothing_of_this_before_release(act: str, fields: dict, guard: str) -> None:
    by = "registrar" if act == "register_document" else "aa.authority"
    refusal = Play(trio()).go("signed").refused(by, act, document="D1", **fields)
    assert refusal.guard == guard


def test_a_severed_document_is_not_waited_for() -> None:
    play = Play(trio()).go("verified")
    play.concur(["D1"]).confirm().arrive()
    play.sign("D2", "D3")
    play.each("protocol", "sever_document", document="D1")
    play.release().verify("Z1")
    play.do("aa.contact", "close_accord")


# Closing and terminating


@pytest.mark.parametrize("place", ["accepted", "signed"])
def test_what_is_not_released_is_not_closed(place: str) -> None:
    assert Play(pair()).go(place).guard("aa.contact", "close_accord") == "released"


def test_a_terminated_accord_takes_nothing_but_its_closing() -> None:
    play = Play(pair()).go("accepted")
    play.each("contact", "agree_termination")
    assert play.stage == "terminated"
    assert play.guard("aa.protocol", "confirm_visit") == "accord_open"
    assert play.pass_time(days=400) == ()
    play.do("aa.contact", "close_accord")
    assert play.state.closed


def test_terminating_takes_a_right_or_every_party() -> None:
    play = Play(trio()).go("accepted")
    refusal = play.refused("aa.contact", "terminate")
    assert refusal.guard == "right_to_terminate"
    assert refusal.unmet[0].by is not None, "the long-stop date"
    play.do("aa.contact", "agree_termination")
    assert play.guard("aa.contact", "agree_termination") == "not_yet_given"
    play.do("bb.contact", "agree_termination")
    play.do("aa.contact", "withdraw_consent", subject="termination")
    play.do("cc.contact", "agree_termination")
    assert play.state.terminated is None
    assert "accord_terminated" in play.do("aa.authority", "agree_termination")


@pytest.mark.parametrize("act", ["terminate", "agree_termination"])
def test_what_is_released_is_closed_not_terminated(act: str) -> None:
    refusal = Play(pair()).go("released").refused("aa.contact", act)
    assert "not_released" in [one.guard for one in refusal.unmet]


def test_the_long_stop_gives_a_right_or_ends_it_by_itself() -> None:
    play = Play(trio()).go("accepted")
    assert "long_stop_reached" in play.until("2030-12-01T00:00:00Z")
    assert play.state.terminated is None
    play.do("bb.authority", "terminate")
    assert play.stage == "terminated"
    policy = {"at": "2030-12-01T00:00:00Z", "policy": "auto_terminate"}
    by_itself = Play(trio(long_stop=policy)).go("accepted")
    assert by_itself.until("2030-12-01T00:00:00Z")[-2:] == ("long_stop_reached", "accord_terminated")
    assert by_itself.log[-1].actor.delegate == "clock"


def test_no_long_stop_after_release() -> None:
    play = released()
    assert "long_stop_reached" not in play.until("2031-12-01T00:00:00Z")


def test_what_is_left_open_after_release_is_said() -> None:
    play = released()
    assert play.unmet("closing") == [
        ("ratified", "D1"),
        ("in_force", "D1"),
        ("registered", "D1"),
        ("condition_satisfied", "Z1"),
    ]
    play.each("authority", "ratify_document", document="D1", instrument=digest("instrument"))
    play.do("depositary", "declare_in_force", document="D1")
    assert play.unmet("closing") == [("registered", "D1"), ("condition_satisfied", "Z1")]


def test_after_release_only_what_is_subsequent_is_still_waited_for() -> None:
    play = released()
    events = play.pass_time(days=800)
    assert events == ("condition_due_soon", "condition_overdue", "condition_escalated")
    assert play.fact("condition_overdue", "condition") == "Z1"
    assert play.status("V1") == "verified"
