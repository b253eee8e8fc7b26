"""The visit: dates, confirmation by every party, hold, arrival, endings."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulation.definitions import WINDOW, changed, pair, trio
from tests.simulation.play import Play
from tests.simulation.small import digest
from workflows.model.canonical import digest_of
from workflows.model.values import Window

JUNE = {"begins": "2030-06-10T08:00:00Z", "ends": "2030-06-12T18:00:00Z", "place": "Town"}


def digest_of_window(window: dict[str, Any]) -> str:
    return digest_of(Window.model_validate(window).model_dump(mode="json"))


def status(play: Play) -> str:
    return play.state.visit.status


def test_it_is_confirmed_when_every_party_confirms() -> None:
    play = Play(trio()).go("understood")
    assert status(play) == "tentative"
    assert play.do("aa.protocol", "confirm_visit") == ("consent_given",)
    assert play.guard("aa.protocol", "confirm_visit") == "not_yet_given"
    play.do("bb.protocol", "confirm_visit")
    assert status(play) == "tentative"
    assert play.do("cc.protocol", "confirm_visit") == ("consent_given", "visit_confirmed")
    assert status(play) == "confirmed"
    assert play.guard("aa.protocol", "confirm_visit") == "visit_to_confirm"


def test_a_confirmation_is_withdrawn_until_all_have_confirmed() -> None:
    play = Play(pair()).go("understood")
    play.do("aa.protocol", "confirm_visit")
    play.do("aa.protocol", "withdraw_consent", subject="confirmation")
    play.do("bb.protocol", "confirm_visit")
    assert status(play) == "tentative"


@pytest.mark.parametrize(
    ("place", "unmet"),
    [
        ("founded", {"invitation_accepted", "condition_satisfied", "understanding_effective"}),
        ("accepted", {"condition_satisfied", "understanding_effective"}),
        ("verified", {"understanding_effective"}),
    ],
)
def test_confirming_is_refused_naming_all_that_is_missing(place: str, unmet: set[str]) -> None:
    refusal = Play(trio()).go(place).refused("aa.protocol", "confirm_visit")
    assert {one.guard for one in refusal.unmet} == unmet
    if "condition_satisfied" in unmet:
        assert {one.subject for one in refusal.unmet if one.guard == "condition_satisfied"} == {
            "V1",
            "V2",
            "V3",
        }
        assert all(one.who for one in refusal.unmet if one.guard == "condition_satisfied")


# Dates


def test_dates_stand_when_every_party_has_agreed_to_them() -> None:
    definition = trio()
    del definition["window"]
    play = Play(definition).go("accepted")
    assert status(play) == "proposed"
    assert play.guard("aa.protocol", "agree_dates", digest=digest("x")) == "dates_proposed"
    assert play.do("bb.protocol", "propose_dates", window=JUNE) == ("dates_proposed", "consent_given")
    assert play.guard("aa.protocol", "agree_dates", digest=digest("x")) == "digest_is_current"
    assert play.guard("bb.protocol", "agree_dates", digest=digest_of_window(JUNE)) == "not_yet_given"
    play.do("aa.protocol", "agree_dates", digest=digest_of_window(JUNE))
    assert status(play) == "proposed"
    assert "dates_agreed" in play.do("cc.protocol", "agree_dates", digest=digest_of_window(JUNE))
    assert status(play) == "tentative"


@pytest.mark.parametrize(
    ("window", "guard"),
    [
        ({**JUNE, "begins": "2030-01-01T00:00:00Z"}, "dates_ahead"),
        (WINDOW, "dates_differ"),
        ({"begins": "2030-12-02T00:00:00Z", "ends": "2030-12-03T00:00:00Z"}, "before_long_stop"),
    ],
)
def test_dates_are_ahead_new_and_before_the_long_stop(window: dict, guard: str) -> None:
    assert Play(trio()).go("founded").guard("aa.protocol", "propose_dates", window=window) == guard


def test_another_proposal_of_dates_takes_the_place_of_the_one_before_with_its_consents() -> None:
    play = Play(trio()).go("founded")
    july = {**JUNE, "begins": "2030-06-11T00:00:00Z"}
    play.do("aa.protocol", "propose_dates", window=JUNE)
    play.do("bb.protocol", "propose_dates", window=july)
    assert play.guard("cc.protocol", "agree_dates", digest=digest_of_window(JUNE)) == "digest_is_current"
    play.do("bb.protocol", "propose_dates", window=JUNE)
    play.do("cc.protocol", "agree_dates", digest=digest_of_window(JUNE))
    assert play.state.visit.window == Window.model_validate(WINDOW), "AA agreed to these once, not now"


def test_new_dates_are_confirmed_anew() -> None:
    play = Play(pair()).go("confirmed")
    play.do("aa.protocol", "propose_dates", window=JUNE)
    assert status(play) == "confirmed"
    play.do("bb.protocol", "agree_dates", digest=digest_of_window(JUNE))
    assert status(play) == "tentative"
    assert play.fact("dates_agreed", "postponed")
    play.confirm()
    assert status(play) == "confirmed"


def test_dates_are_not_moved_after_arrival() -> None:
    play = Play(pair()).go("arrived")
    assert play.guard("aa.protocol", "propose_dates", window=JUNE) == "before_arrival"


# Hold


def test_one_party_puts_it_on_hold_and_every_party_confirms_again() -> None:
    play = Play(trio()).go("confirmed")
    assert play.do("cc.protocol", "hold_visit") == ("visit_on_hold",)
    assert play.guard("bb.protocol", "hold_visit") == "visit_confirmed"
    for code in ("aa", "bb"):
        play.do(f"{code}.protocol", "confirm_visit")
    assert status(play) == "on_hold"
    play.do("cc.protocol", "confirm_visit")
    assert status(play) == "confirmed"


@pytest.mark.parametrize("place", ["understood", "arrived"])
def test_only_a_confirmed_visit_is_held(place: str) -> None:
    play = Play(pair()).go(place)
    assert play.guard("aa.protocol", "hold_visit") == (
        "before_arrival" if place == "arrived" else "visit_confirmed"
    )


def test_it_goes_on_hold_when_what_it_rests_on_falls() -> None:
    play = Play(pair()).go("confirmed")
    play.do("aa.protocol", "record_advance_done")
    assert play.do("bb.verifier", "revoke_verdict", condition="C1") == ("verdict_revoked", "visit_on_hold")
    assert "C1" in (play.state.visit.cause or "")
    assert play.guard("aa.protocol", "confirm_visit") == "condition_satisfied"
    play.verify("C1")
    assert status(play) == "on_hold", "it is confirmed again by the parties, not by itself"
    play.confirm()
    assert status(play) == "confirmed"


# Advance work and arrival


def test_advance_work_is_recorded_on_a_confirmed_visit() -> None:
    play = Play(pair()).go("understood")
    assert play.guard("aa.protocol", "record_advance_done") == "visit_confirmed"
    play.confirm()
    play.do("bb.verifier", "record_advance_done")
    assert status(play) == "advance_done"
    assert play.guard("aa.protocol", "record_advance_done") == "visit_confirmed"


def test_host_and_guests_record_the_arrival() -> None:
    play = Play(trio()).go("confirmed")
    play.until(WINDOW["begins"])
    play.do("aa.protocol", "record_arrival")
    assert play.guard("aa.protocol", "record_arrival") == "not_yet_given"
    play.do("bb.protocol", "record_arrival")
    assert status(play) == "confirmed"
    assert "visit_arrived" in play.do("cc.protocol", "record_arrival")
    assert play.stage == "signing"
    assert play.guard("cc.protocol", "record_arrival") == "before_arrival"


def test_a_guest_that_is_not_required_does_not_record_it() -> None:
    play = Play(changed(trio(), parties__CC__required=False)).go("confirmed")
    play.until(WINDOW["begins"])
    assert play.guard("cc.protocol", "record_arrival") == "arriving_party"
    for code in ("aa", "bb"):
        play.do(f"{code}.protocol", "record_arrival")
    assert status(play) == "arrived"


@pytest.mark.parametrize(
    ("place", "guard"), [("understood", "visit_confirmed"), ("confirmed", "window_open")]
)
def test_arrival_comes_after_confirmation_and_in_the_window(place: str, guard: str) -> None:
    assert Play(pair()).go(place).guard("aa.protocol", "record_arrival") == guard


def test_a_hold_takes_recorded_arrivals_back() -> None:
    play = Play(pair()).go("confirmed")
    play.until(WINDOW["begins"])
    play.do("aa.protocol", "record_arrival")
    play.do("bb.verifier", "revoke_verdict", condition="C1")
    assert play.guard("bb.protocol", "record_arrival") == "visit_confirmed"
    play.verify("C1").confirm()
    play.do("bb.protocol", "record_arrival")
    assert status(play) == "confirmed", "AA records it anew"


# Endings


@pytest.mark.parametrize(
    ("act", "place", "outcome"),
    [
        ("complete_visit", "arrived", "completed"),
        ("curtail_visit", "arrived", "curtailed"),
        ("cancel_visit", "confirmed", "cancelled"),
        ("cancel_visit", "understood", "cancelled"),
    ],
)
def test_it_ends_when_every_party_agrees(act: str, place: str, outcome: str) -> None:
    play = Play(trio()).go(place)
    play.do("aa.protocol", act)
    assert play.guard("aa.protocol", act) == "not_yet_given"
    play.do("bb.protocol", act)
    assert status(play) != outcome
    assert play.do("cc.protocol", act) == ("consent_given", "visit_ended")
    assert status(play) == outcome


@pytest.mark.parametrize(
    ("act", "place", "guard"),
    [
        ("complete_visit", "confirmed", "visit_under_way"),
        ("curtail_visit", "confirmed", "visit_under_way"),
        ("cancel_visit", "arrived", "visit_planned"),
    ],
)
def test_a_visit_under_way_is_curtailed_and_a_planned_one_cancelled(act: str, place: str, guard: str) -> None:
    assert Play(pair()).go(place).guard("aa.protocol", act) == guard


def test_a_cancelled_visit_is_planned_anew_by_new_dates() -> None:
    play = Play(pair()).go("confirmed")
    play.each("protocol", "cancel_visit")
    play.do("aa.protocol", "propose_dates", window=JUNE)
    play.do("bb.protocol", "agree_dates", digest=digest_of_window(JUNE))
    assert status(play) == "tentative"
    play.confirm().arrive()
    assert status(play) == "arrived"


def test_minutes_change_nothing() -> None:
    play = Play(pair()).go("arrived")
    version = play.state.version
    play.do("watch", "record_minutes", digest=digest("minutes"), item="Talks")
    assert play.state.version == version
    assert play.state.visit.minutes == 1
