"""The closing of a joint venture, played by decide and evolve alone: other rules, the same engine."""

from __future__ import annotations

import pytest

from tests.words.rules import judged
from tests.words.scenarios import of_scenario
from tests.worker.demo.playing import played
from worker.demo.catalog import Entry, entries, entry
from workflows.model.summary import ladder

PLAYS = [one for one in entries() if one.name.startswith("jv-closing")]


@pytest.mark.parametrize("one", PLAYS, ids=lambda one: one.name)
async def test_everything_goes_as_the_play_says_and_is_said_well(one: Entry) -> None:
    play = one.read()
    result, backend, moments = await played(play)
    assert result.differences == []
    sentences = list(of_scenario(one, play, result, backend, moments))
    assert len(sentences) > 100
    assert judged(sentences, play.definition.vocabulary) == []


async def test_its_words_are_those_of_a_closing() -> None:
    _, backend, _ = await played(entry("jv-closing").read())
    assert backend.state is not None
    assert "Conditions precedent" in ladder(backend.state)
    assert "Verification" not in ladder(backend.state)


async def test_pages_are_signed_before_the_meeting_and_released_at_it() -> None:
    _, backend, _ = await played(entry("jv-closing").read())
    types = [one.type for one in backend.log]
    last_page = len(types) - types[::-1].index("signature_held")
    assert last_page < types.index("visit_arrived") < types.index("signatures_released")


async def test_a_revoked_verdict_leaves_those_that_rest_on_it_in_place() -> None:
    _, backend, _ = await played(entry("jv-closing/approval-annulled").read())
    revoked = [one.facts["event"]["condition"] for one in backend.log if one.type == "verdict_revoked"]
    verified = [one.facts["event"]["condition"] for one in backend.log if one.type == "condition_verified"]
    assert revoked == ["K2"]
    assert verified.count("K2") == 2
    assert verified.count("K6") == 1


async def test_only_the_pages_of_the_changed_document_are_void() -> None:
    _, backend, _ = await played(entry("jv-closing/clause-changed").read())
    voided = [one.facts["event"] for one in backend.log if one.type == "signature_voided"]
    assert {one["document"] for one in voided} == {"F1"}
    assert {one["seat"] for one in voided} == {"HK", "RS"}


async def test_the_record_keeps_why_the_attorneys_signature_is_void() -> None:
    _, backend, _ = await played(entry("jv-closing/attorney-replaced").read())
    voided = [one.facts["event"] for one in backend.log if one.type == "signature_voided"]
    assert [(one["document"], one["seat"]) for one in voided] == [("F1", "RS")]
    assert "rs.substitute succeeds rs.attorney" in voided[0]["cause"]


async def test_an_expired_offer_ends_the_accord_at_its_date() -> None:
    _, backend, _ = await played(entry("jv-closing/offer-expired").read())
    expired = next(one for one in backend.log if one.type == "invitation_expired")
    ended = next(one for one in backend.log if one.type == "accord_terminated")
    assert expired.time == ended.time
    assert expired.time.isoformat() == "2027-03-31T23:59:00+00:00"


async def test_a_closing_that_slips_outlives_the_clearance_and_not_the_resolutions() -> None:
    _, backend, _ = await played(entry("jv-closing/closing-slips").read())
    lapsed = {one.facts["event"]["condition"] for one in backend.log if one.type == "verdict_lapsed"}
    assert lapsed == {"K3"}
