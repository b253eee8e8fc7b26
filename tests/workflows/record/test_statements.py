"""Statements: recorded, they change nothing; imported, they become a proposal and nothing more."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulation.definitions import changed, pair
from tests.simulation.play import Play
from tests.simulation.small import digest
from workflows.model.attested import state_json
from workflows.model.declare import Rejected
from workflows.record.statements import merged


def test_a_recorded_speech_changes_no_state_and_is_no_evidence() -> None:
    play = Play(pair()).go("accepted")
    play.submit("C1", text="other")
    before = state_json(play.state)
    assert play.do("watch", "record_statement", digest=digest("speech")) == ("statement_recorded",)
    after = state_json(play.state)
    assert {key for key in after if after[key] != before[key]} == {"size", "statements"}
    refusal = play.refused("bb.verifier", "verify_condition", condition="C1", evidence=[digest("speech")])
    assert refusal.guard == "evidence_submitted"


# The examples of RFC 7396, appendix A, whose target and patch are objects: target, patch, result.
MERGED: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "result"), MERGED)
def test_a_merge_patch_is_applied_as_the_rfc_says(
    target: dict[str, Any], patch: dict[str, Any], result: dict[str, Any]
) -> None:
    before = repr((target, patch))
    assert merged(target, patch) == result
    assert repr((target, patch)) == before


LATER = {"window": {"begins": "2030-05-20T08:00:00Z", "ends": "2030-05-22T18:00:00Z"}}


def imported(**fields: Any) -> dict[str, Any]:
    return {"digest": digest("speech"), "source": "Agency", "changes": LATER, **fields}


def test_an_imported_statement_becomes_a_proposal_and_nothing_more() -> None:
    play = Play(pair()).go("accepted")
    before = state_json(play.state)
    assert play.do("bb.protocol", "import_statement", **imported()) == (
        "statement_recorded",
        "definition_proposed",
    )
    after = state_json(play.state)
    changed = {key for key in after if after[key] != before[key]}
    assert changed == {"size", "version", "statements", "amendment"}
    assert play.state.amendment is not None
    assert play.state.amendment.window is not None
    assert play.state.amendment.window.begins.day == 20
    proposed = play.state.amendment.digest()
    assert play.do("aa.contact", "adopt_definition", digest=proposed) == ("consent_given",)
    assert play.do("bb.contact", "adopt_definition", digest=proposed)[-1] == "definition_amended"
    assert play.state.definition.window == play.state.visit.window


def test_a_statement_proposes_new_conditions_and_takes_none_away_by_silence() -> None:
    play = Play(pair()).go("founded")
    known = set(play.state.definition.conditions)
    terms = {
        "title": "What was announced",
        "obligors": ["AA"],
        "gate": "visit",
        "policy": {"verifiers": ["bb.verifier"]},
    }
    play.do("aa.contact", "import_statement", **imported(changes={"conditions": {"N1": terms}}))
    assert play.state.amendment is not None
    assert set(play.state.amendment.conditions) == {*known, "N1"}
    assert not play.state.consents.get("definition"), "the contact who imports it has not consented by that"


@pytest.mark.parametrize(
    ("changes", "guard"),
    [
        ({"window": {"begins": "soon"}}, "proposal_known"),
        ({"nothing": "known"}, "proposal_known"),
        ({"parties": None}, "proposal_known"),
        ({"conditions": {"C1": {"obligors": ["ZZ"]}}}, "proposal_known"),
        ({"illustrative": False}, "foundation_kept"),
        ({"parties": {"AA": {"capacity": "guest"}, "BB": {"capacity": "host"}}}, "foundation_kept"),
        ({"title": "The same"}, "definition_differs"),
    ],
)
def test_what_is_no_proposal_is_refused_and_said(changes: dict[str, Any], guard: str) -> None:
    play = Play(pair(title="The same")).go("founded")
    assert play.guard("bb.protocol", "import_statement", **imported(changes=changes)) == guard
    assert play.state.amendment is None
    assert play.state.statements == 0


def test_a_statement_displaces_no_proposal_that_somebody_has_consented_to() -> None:
    play = Play(pair()).go("founded")
    amended = pair(title="Otherwise called")
    play.do("aa.contact", "amend_definition", definition=amended)
    assert play.guard("bb.protocol", "import_statement", **imported()) == "no_amendment_pending"
    play.do("aa.contact", "withdraw_consent", subject="definition")
    play.do("bb.protocol", "import_statement", **imported())
    assert play.state.amendment is not None
    assert play.state.amendment.title != "Otherwise called"


def test_nobody_outside_the_parties_proposes_by_a_statement() -> None:
    play = Play(pair()).go("founded")
    for by in ("press", "watch", "registrar", "aa.head"):
        assert play.guard(by, "import_statement", **imported()) == "authority"


def test_a_refusal_repeats_no_long_names_and_values() -> None:
    play = Play(pair()).go("founded")
    for changes in (
        {"parties": {"k" * 400_000: 1}},
        {"vocabulary": "v" * 400_000},
        {"x" * 90_000: 1, "y" * 90_000: 2},
    ):
        refusal = play.refused("aa.contact", "import_statement", **imported(changes=changes))
        assert refusal.guard == "proposal_known"
        assert len(refusal.reason) < 2500


def test_what_is_short_to_write_and_long_on_record_is_bounded() -> None:
    crowd = {f"P{n}": [f"s{n}.{m}" for m in range(8)] for n in range(1, 30)}
    documents = {f"D{n}": {"title": "Text", "languages": ["en"], "seats": crowd} for n in range(1, 90)}
    parties = {
        f"P{n}": {"name": f"Party {n}", "capacity": "guest", "contact": f"p{n}.contact"} for n in range(1, 30)
    }
    whole = changed(pair(), parties={**pair()["parties"], **parties}, documents=documents)
    play = Play(pair()).go("founded")
    assert play.guard("aa.contact", "amend_definition", definition=whole) == "definition_bounded"
    several = imported(changes={"parties": parties, "documents": documents})
    assert play.guard("aa.contact", "import_statement", **several) == "definition_bounded"
    with pytest.raises(Rejected) as error:
        Play(whole)
    assert error.value.code == "too_large"


def test_fields_that_are_nested_without_end_are_malformed() -> None:
    nested: dict[str, Any] = {}
    for _ in range(3000):
        nested = {"a": nested}
    play = Play(pair()).go("founded")
    assert play.rejected("aa.contact", "import_statement", **imported(changes=nested)) == "malformed"
