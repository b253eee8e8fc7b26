"""Scans of signed pages: matched by codes, deposited by whose hand it is, of what is signed; they change nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.simulation.definitions import pair, trio
from tests.simulation.play import Play
from tests.simulation.small import digest
from workflows.model.rules import gate
from workflows.tracks.signing.pages import Place, page_code, places
from workflows.tracks.signing.release import release_digest

SCAN = digest("scan")


def signed(**definition: object) -> Play:
    return Play(trio(originals="alternat", **definition)).go("signed")


def place(play: Play, document: str, seat: str, original: str | None) -> Place:
    [found] = [
        one
        for one in places(play.state)
        if (one.document, one.seat, one.original) == (document, seat, original)
    ]
    return found


def deposit(play: Play, by: str, *codes: str, scan: str = SCAN) -> tuple[str, ...]:
    return play.do(by, "deposit_signed_page", codes=list(codes), digest=scan)


def guard(play: Play, by: str, *codes: str, scan: str = SCAN) -> str:
    return play.guard(by, "deposit_signed_page", codes=list(codes), digest=scan)


def test_each_seat_of_each_original_has_a_code_of_its_own_bound_to_the_text() -> None:
    play = signed()
    found = list(places(play.state))
    assert len({one.code for one in found}) == len(found)
    assert {one.original for one in found} == {"AA", "BB", "CC"}
    one = place(play, "D1", "AA", "BB")
    assert one.code == page_code(play.state.id, play.document("D1"), "AA", "BB")
    play.agree_text("D1", "en", "one comma")
    assert one.code not in {each.code for each in places(play.state)}
    assert {each.original for each in places(Play(pair()).go("signed").state)} == {None}
    assert list(places(Play(pair()).state)) == []


def test_a_scan_stands_beside_the_signature_and_changes_nothing_of_the_signing() -> None:
    play = signed()
    before, gates = (
        play.state,
        [check for name in ("signing", "held", "release") for check in gate(play.state, name)],
    )
    mine = place(play, "D1", "AA", "BB").code
    assert deposit(play, "aa.head", mine) == ("signed_page_deposited",)
    page = place(play, "D1", "AA", "BB").scan
    assert page is not None
    assert (page.digest, page.by) == (SCAN, "aa.head")
    assert place(play, "D1", "AA", "CC").scan is None
    assert release_digest(play.state) == release_digest(before)
    assert [check for name in ("signing", "held", "release") for check in gate(play.state, name)] == gates
    signature = play.state.documents["D1"].seats["AA"].signature
    assert signature is not None
    assert replace(signature, pages={}) == before.documents["D1"].seats["AA"].signature
    # A better scan takes its place; the same one is there already.
    assert guard(play, "aa.treaty", mine) == "scan_is_new"
    deposit(play, "aa.treaty", mine, scan=digest("better"))
    assert place(play, "D1", "AA", "BB").scan.digest == digest("better")  # type: ignore[union-attr]


def test_a_party_deposits_the_pages_of_its_own_hand_and_an_officer_those_of_all() -> None:
    play = signed()
    all_of_it = [one.code for one in places(play.state) if (one.document, one.original) == ("D1", "CC")]
    assert len(all_of_it) > 1
    assert guard(play, "aa.protocol", *all_of_it) == "own_seat"
    for nobody in ("aa.obligor", "aa.verifier", "aa.authority", "watch"):
        assert guard(play, nobody, all_of_it[0]) == "authority"
    assert deposit(play, "depositary", *all_of_it, all_of_it[0]) == ("signed_page_deposited",) * len(
        all_of_it
    )
    deposit(play, "registrar", *all_of_it, scan=digest("by the registrar"))


def test_a_page_is_of_the_text_that_stands_and_of_a_signature_on_the_record() -> None:
    play = Play(trio(originals="alternat")).go("arrived")
    mine = place(play, "D2", "AA", "AA").code
    assert guard(play, "aa.head", mine) == "signature_on_record"
    assert guard(play, "aa.head", "AAAA-AAAA-AAAA-AAAA-AAAA") == "page_known"
    play.authorize().sign()
    deposit(play, "aa.head", mine)
    # It falls with the signature, and does not come back with the next one.
    play.do("aa.head", "withdraw_signature", document="D2")
    assert place(play, "D2", "AA", "AA").scan is None
    assert guard(play, "aa.head", mine) == "signature_on_record"
    play.do("aa.head", "sign_document", document="D2", digest=play.document("D2"))
    assert place(play, "D2", "AA", "AA").scan is None
    deposit(play, "aa.head", mine)
    play.agree_text("D2", "en", "one comma")
    assert guard(play, "aa.head", mine) == "page_known"


def test_scans_come_also_after_the_release() -> None:
    play = signed().release()
    deposit(play, "bb.protocol", place(play, "D1", "BB", "BB").code)
    assert play.state.documents["D1"].seats["BB"].signature.status == "released"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "code", ["", "CZTF-KJ3W-W3OT-7PAX", "cztf-kj3w-w3ot-7pax-2qem", "CZTF-KJ3W-W3OT-7PAX-2QE1"]
)
def test_what_is_no_code_is_said_to_be_none(code: str) -> None:
    assert signed().rejected("aa.head", "deposit_signed_page", codes=[code], digest=SCAN) == "malformed"
