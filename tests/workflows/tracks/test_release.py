"""The release: every party's consent to the very set, every gate once more, all or nothing, and never undone."""

from __future__ import annotations

import pytest

from tests.simulation.definitions import pair, trio
from tests.simulation.play import Play
from tests.simulation.small import digest
from tests.workflows.tracks.test_full_powers import powers
from tests.workflows.tracks.test_signing import arrived
from workflows.tracks.signing.release import release_digest


def test_release_takes_every_partys_consent_to_the_very_set() -> None:
    play = Play(trio()).go("signed")
    named = release_digest(play.state)
    assert play.guard("aa.protocol", "consent_to_release", digest=digest("x")) == "digest_is_current"
    play.do("aa.protocol", "consent_to_release", digest=named)
    assert play.guard("aa.protocol", "consent_to_release", digest=named) == "not_yet_given"
    play.do("bb.authority", "consent_to_release", digest=named)
    refusal = play.refused("registrar", "release_signatures")
    assert refusal.guard == "release_agreed"
    assert refusal.unmet[0].who == ("cc.protocol", "cc.authority")
    play.do("cc.protocol", "consent_to_release", digest=named)
    events = play.do("registrar", "release_signatures")
    assert events == ("signatures_released", "document_in_force")
    assert play.stage == "concluded"
    assert {code: one.released_at is not None for code, one in play.state.documents.items()} == {
        "D1": True,
        "D2": True,
        "D3": True,
    }


def test_a_consent_to_the_release_falls_with_the_set_that_it_names() -> None:
    play = Play(trio()).go("signed")
    play.each("protocol", "consent_to_release", digest=release_digest(play.state))
    play.do("aa.head", "withdraw_signature", document="D2")
    play.do("aa.head", "sign_document", document="D2", digest=play.document("D2"), form="ad_referendum")
    assert play.guard("registrar", "release_signatures") == "release_agreed"


def test_a_consent_to_the_release_is_withdrawn_before_it() -> None:
    play = Play(pair()).go("signed")
    play.each("protocol", "consent_to_release", digest=release_digest(play.state))
    play.do("bb.protocol", "withdraw_consent", subject="release")
    assert play.guard("registrar", "release_signatures") == "release_agreed"


@pytest.mark.parametrize("by", ["aa.protocol", "aa.head", "press"])
def test_only_the_registrar_releases(by: str) -> None:
    assert Play(pair()).go("signed").guard(by, "release_signatures") == "authority"


def test_all_or_nothing_one_seat_that_does_not_hold_keeps_everything() -> None:
    play = arrived()
    play.authorize().sign("D1", "D2")
    refusal = play.refused("aa.protocol", "consent_to_release", digest=release_digest(play.state))
    assert refusal.guard == "seat_held"
    assert {one.who for one in refusal.unmet} == {("aa.head",), ("cc.head",), ("cc.deputy",)}
    assert play.guard("registrar", "release_signatures") == "seat_held"


@pytest.mark.parametrize(
    ("by", "act", "fields", "guard"),
    [
        ("cc.verifier", "revoke_verdict", {"condition": "V2"}, "condition_satisfied"),
        ("cc.verifier", "revoke_verdict", {"condition": "X1"}, "condition_satisfied"),
        ("bb.authority", "revoke_full_powers", {"document": "D1", "seat": "BB"}, "authority_valid"),
        ("aa.protocol", "dispute_verdict", {"condition": "S1"}, "condition_satisfied"),
    ],
)
def test_every_gate_is_evaluated_again_at_release(by: str, act: str, fields: dict, guard: str) -> None:
    play = Play(trio()).go("signed")
    play.each("protocol", "consent_to_release", digest=release_digest(play.state))
    play.do(by, act, **fields)
    refusal = play.refused("registrar", "release_signatures")
    assert refusal.guard == guard
    assert all(one.released_at is None for one in play.state.documents.values())


def test_a_verdict_that_lapses_before_the_release_closes_it() -> None:
    play = Play(trio()).go("signed")
    play.each("protocol", "consent_to_release", digest=release_digest(play.state))
    play.pass_time(days=160)
    assert play.status("V1") == "lapsed"
    assert play.guard("registrar", "release_signatures") == "condition_satisfied"


def test_what_is_released_is_never_undone() -> None:
    play = Play(trio()).go("released")
    assert play.guard("registrar", "release_signatures") == "not_released"
    assert play.guard("aa.protocol", "consent_to_release", digest=digest("x")) == "not_released"
    for by, act, fields in (
        ("aa.head", "withdraw_signature", {"document": "D2"}),
        ("aa.head", "sign_document", {"document": "D2", "digest": digest("x")}),
        ("bb.authority", "revoke_full_powers", {"document": "D1", "seat": "BB"}),
        ("bb.authority", "issue_full_powers", powers(play)),
        ("aa.treaty", "propose_text", {"document": "D1", "language": "en", "digest": digest("x")}),
        ("aa.protocol", "sever_document", {"document": "D1"}),
    ):
        assert play.guard(by, act, **fields) == "document_open"
