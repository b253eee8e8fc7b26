"""Full powers: issued, found in due form by the others, in force between their dates, revoked, succeeded."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulation.definitions import document, pair, trio
from tests.simulation.play import Play
from tests.simulation.small import digest
from tests.workflows.tracks.test_signing import arrived, sign, signing_guard
from workflows.tracks.signing.release import release_digest


def powers(play: Play, seat: str = "BB", **fields: Any) -> dict[str, Any]:
    return {"document": "D1", "seat": seat, "holder": "bb.head", "digest": digest("powers"), **fields}


def test_full_powers_are_issued_found_in_due_form_by_the_others_and_then_suffice() -> None:
    play = arrived()
    for party in ("aa", "bb", "cc"):
        play.do(f"{party}.authority", "authorize_signing", document="D1")
    assert signing_guard(play, "D1", "aa.head") == "authority_valid"
    play.do("aa.authority", "issue_full_powers", **powers(play, "AA", holder="aa.head"))
    refusal = play.refused("aa.head", "sign_document", document="D1", digest=play.document("D1"))
    assert refusal.guard == "authority_valid"
    assert refusal.unmet[0].who == ("bb.treaty", "cc.treaty")
    for party in ("bb", "cc"):
        play.do(f"{party}.treaty", "find_full_powers", document="D1", seat="AA", digest=digest("powers"))
    sign(play, "D1", "aa.head")
    assert "full powers" in play.state.documents["D1"].seats["AA"].signature.authority  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("by", "fields", "guard"),
    [
        ("aa.authority", {}, "own_seat"),
        ("bb.treaty", {}, "authority"),
        ("bb.authority", {"seat": "DD"}, "seat_known"),
        ("bb.authority", {"document": "D9"}, "document_known"),
        ("bb.authority", {"document": "D2"}, "full_powers_asked_for"),
        ("bb.authority", {"holder": "bb.protocol"}, "signatory_appointed"),
        ("bb.authority", {"holder": "aa.head"}, "signatory_appointed"),
        ("bb.authority", {"valid_until": "2029-01-01T00:00:00Z"}, "period_ahead"),
    ],
)
def test_full_powers_are_for_ones_own_signatory_and_seat(by: str, fields: dict, guard: str) -> None:
    play = Play(trio()).go("founded")
    assert play.guard(by, "issue_full_powers", **powers(play, **fields)) == guard


def test_nobody_holds_two_seats_of_a_document() -> None:
    two = document("AA", authority="full_powers")
    two["seats"]["BB"] = ["bb.head", "bb.deputy"]
    play = Play(pair(documents={"D1": two})).go("founded")
    assert play.guard("bb.authority", "issue_full_powers", **powers(play, "BB-2")) == "one_seat_each"


@pytest.mark.parametrize(
    ("by", "fields", "guard"),
    [
        ("bb.treaty", {}, "others_powers"),
        ("aa.treaty", {"seat": "CC"}, "full_powers_issued"),
        ("aa.treaty", {"digest": digest("x")}, "digest_is_current"),
        ("aa.treaty", {"seat": "DD"}, "seat_known"),
        ("aa.treaty", {"document": "D9"}, "document_known"),
        ("cc.treaty", {}, "not_yet_found"),
    ],
)
def test_full_powers_are_found_by_the_other_parties_once(by: str, fields: dict, guard: str) -> None:
    play = Play(trio()).go("founded")
    play.do("bb.authority", "issue_full_powers", **powers(play))
    named = {"document": "D1", "seat": "BB", "digest": digest("powers")}
    play.do("cc.treaty", "find_full_powers", **named)
    assert play.guard(by, "find_full_powers", **{**named, **fields}) == guard


def test_full_powers_are_in_force_between_their_dates() -> None:
    play = arrived()
    play.do("aa.authority", "authorize_signing", document="D1")
    dates = {"valid_from": "2030-05-02T00:00:00Z", "valid_until": "2030-05-03T00:00:00Z"}
    play.empower("D1", "AA", **dates)
    assert signing_guard(play, "D1", "aa.head") == "authority_valid"
    play.until(dates["valid_from"])
    sign(play, "D1", "aa.head")
    assert "full_powers_expired" in play.until(dates["valid_until"])
    assert play.held("D1") == ["AA"], "it waits for confirmation or a successor"
    assert ("authority_valid", "D1") in play.unmet("held")


def test_at_release_full_powers_count_that_began_since_the_last_event() -> None:
    play = Play(trio()).go("signed")
    play.each("protocol", "consent_to_release", digest=release_digest(play.state))
    play.empower("D1", "BB", valid_from="2030-05-02T00:00:00Z")
    assert play.guard("registrar", "release_signatures") == "authority_valid"
    assert play.state.consents["release"] == {}, "the gate closed, and the consents fell"
    play.until("2030-05-02T00:00:00Z")
    play.each("protocol", "consent_to_release", digest=release_digest(play.state))
    play.do("registrar", "release_signatures")


@pytest.mark.parametrize(
    ("by", "fields", "guard"),
    [
        ("aa.authority", {}, "own_seat"),
        ("bb.authority", {"seat": "DD"}, "seat_known"),
        ("bb.authority", {"document": "D9"}, "document_known"),
        ("cc.authority", {"seat": "CC"}, "full_powers_issued"),
        ("bb.head", {}, "authority"),
    ],
)
def test_each_party_revokes_its_own_full_powers(by: str, fields: dict, guard: str) -> None:
    play = Play(trio()).go("founded")
    play.empower("D1", "BB")
    assert play.guard(by, "revoke_full_powers", **{"document": "D1", "seat": "BB", **fields}) == guard


def test_a_seat_is_vacant_when_its_powers_are_revoked_until_they_are_confirmed() -> None:
    play = Play(trio()).go("signed")
    play.do("bb.authority", "revoke_full_powers", document="D1", seat="BB")
    assert play.held("D1") == ["AA", "BB", "CC"]
    assert play.guard("bb.authority", "revoke_full_powers", document="D1", seat="BB") == "full_powers_issued"
    assert play.unmet("held") == [("authority_valid", "D1")]
    play.empower("D1", "BB")
    assert play.unmet("held") == []


def test_a_successor_takes_the_seat_and_the_held_signature_is_void() -> None:
    play = Play(trio()).go("signed")
    play.do("bb.authority", "revoke_full_powers", document="D1", seat="BB")
    issued = powers(play, holder="bb.deputy")
    events = play.do("bb.authority", "issue_full_powers", **issued)
    assert events == ("full_powers_issued", "understanding_stale", "signature_voided")
    assert "bb.deputy succeeds bb.head" in play.fact("signature_voided", "cause")
    for party in ("aa", "cc"):
        play.do(f"{party}.treaty", "find_full_powers", document="D1", seat="BB", digest=issued["digest"])
    assert signing_guard(play, "D1", "bb.head") == "seat_known"
    assert signing_guard(play, "D1", "bb.deputy") == "understanding_effective"
    play.concur()
    sign(play, "D1", "bb.deputy")
    play.release()


def test_a_seat_may_ask_for_full_powers_where_its_document_does_not() -> None:
    mixed = document("AA")
    mixed["seats"]["BB"] = {"party": "BB", "holder": "bb.head", "authority": "full_powers"}
    play = Play(pair(documents={"D1": mixed})).go("arrived")
    sign(play, "D1", "aa.head")
    assert signing_guard(play, "D1", "bb.head") == "authority_valid"
    own = {"document": "D1", "seat": "AA", "holder": "aa.head", "digest": digest("powers")}
    assert play.guard("aa.authority", "issue_full_powers", **own) == "full_powers_asked_for"
    play.empower("D1", "BB")
    sign(play, "D1", "bb.head")
    play.release()
