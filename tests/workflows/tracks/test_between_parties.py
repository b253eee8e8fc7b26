"""Parties against one another: what some of them cannot take from another, before founding and after."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulation.definitions import changed, condition, pair, party, trio
from tests.simulation.play import Play
from workflows.model.declare import Rejected
from workflows.model.definition import Definition
from workflows.record.keys import key_id

KEYS = [base64.b64encode(bytes([number]) * 32).decode() for number in range(1, 5)]


def guarded(**more: Any) -> dict[str, Any]:
    """Three parties, of which BB asks for signed acts and gives its contact's first key."""
    fields = {"signed_acts": True, "contact_key": KEYS[0], **more}
    return changed(trio(), parties__BB=party("BB", **fields))


def digest_of(definition: dict[str, Any]) -> str:
    return Definition.model_validate(definition).digest()


# Before founding


@pytest.mark.parametrize(
    ("theirs", "guard"),
    [
        ({"signed_acts": False, "contact_key": None}, "contact_keys_kept"),
        ({"contact_key": None}, "contact_keys_kept"),
        ({"contact_key": KEYS[1]}, "contact_keys_kept"),
        ({"contact": "aa.puppet"}, "contacts_kept"),
    ],
)
def test_others_take_none_of_a_partys_own_protections(theirs: dict[str, Any], guard: str) -> None:
    play = Play(guarded())
    assert play.guard("aa.contact", "amend_definition", definition=guarded(**theirs)) == guard
    assert play.guard("cc.contact", "amend_definition", definition=guarded(**theirs)) == guard


def test_others_do_not_lower_that_a_partys_acts_are_signed() -> None:
    play = Play(guarded(contact_key=None))
    plain = guarded(contact_key=None, signed_acts=False)
    assert play.guard("aa.contact", "amend_definition", definition=plain) == "signed_acts_kept"
    play.do("bb.contact", "amend_definition", definition=plain)
    assert not play.state.definition.parties["BB"].signed_acts


def test_nobody_gives_another_party_a_key_to_begin_with() -> None:
    play = Play(trio())
    assert play.guard("aa.contact", "amend_definition", definition=guarded()) == "contact_keys_kept"


def test_a_contact_whose_key_is_given_adopts_with_a_signature_only() -> None:
    play = Play(guarded())
    named = play.state.definition_digest
    assert play.guard("bb.contact", "adopt_definition", digest=named) == "own_signature"
    assert play.guard("bb.contact", "decline_definition") == "own_signature"
    play.do("bb.contact", "enrol_key", delegate="bb.contact", public_key=KEYS[0])
    play.do_signed("bb.contact", key_id(KEYS[0]), "adopt_definition", digest=named)


def test_a_contact_with_a_key_signs_whatever_is_proposed() -> None:
    play = Play(trio())
    play.do("bb.contact", "enrol_key", delegate="bb.contact", public_key=KEYS[0])
    named = play.state.definition_digest
    assert play.guard("bb.contact", "adopt_definition", digest=named) == "own_signature"
    assert (
        play.guard("bb.contact", "revoke_key", delegate="bb.contact", key=key_id(KEYS[0])) == "own_signature"
    )
    play.do("aa.contact", "amend_definition", definition=trio(title="Another"))
    named = play.state.definition_digest
    assert play.guard("bb.contact", "adopt_definition", digest=named) == "own_signature"
    play.do_signed("bb.contact", key_id(KEYS[0]), "adopt_definition", digest=named)


def test_its_last_key_is_not_revoked_before_founding() -> None:
    play = Play(trio())
    play.do("bb.contact", "enrol_key", delegate="bb.contact", public_key=KEYS[0])
    command = {"delegate": "bb.contact", "key": key_id(KEYS[0])}
    with pytest.raises(AssertionError, match="key_remains"):
        play.do_signed("bb.contact", key_id(KEYS[0]), "revoke_key", **command)


def test_a_party_withdraws_its_own_name_and_nobody_elses() -> None:
    play = Play(trio(conditions={}, documents={}))
    without = changed(trio(conditions={}, documents={}), parties__CC=None)
    assert play.guard("aa.contact", "amend_definition", definition=without) == "parties_kept"
    play.do("cc.contact", "amend_definition", definition=without)
    assert tuple(play.state.definition.parties) == ("AA", "BB")
    assert play.state.consents.get("definition", {}) == {}, "who left has adopted nothing"
    named = play.state.definition_digest
    assert play.guard("cc.contact", "adopt_definition", digest=named) == "appointment_in_force"
    play.adopt()
    assert play.state.founded


def test_a_puppet_that_a_proposal_added_is_dropped_by_those_who_were_there_first() -> None:
    play = Play(pair())
    puppet = changed(pair(), parties__PP=party("PP"))
    play.do("aa.contact", "amend_definition", definition=puppet)
    play.do("pp.contact", "adopt_definition", digest=play.state.definition_digest)
    assert play.state.added == ("PP",)
    play.do("bb.contact", "amend_definition", definition=pair(title="Without"))
    assert play.state.added == ()
    assert play.guard("pp.contact", "adopt_definition", digest=play.state.definition_digest) == (
        "appointment_in_force"
    )
    for again in (puppet, changed(pair(), parties__QQ=party("QQ", contact="pp.contact"))):
        assert play.guard("aa.contact", "amend_definition", definition=again) == "withdrawn_stay_out"
    play.adopt()
    assert play.state.founded
    assert (play.state.added, play.state.withdrawn) == ((), {})


def test_a_puppet_drops_neither_another_puppet_nor_one_of_the_first() -> None:
    play = Play(pair())
    two = changed(pair(), parties__PP=party("PP"), parties__QQ=party("QQ"))
    play.do("aa.contact", "amend_definition", definition=two)
    without = changed(pair(), parties__PP=party("PP"))
    assert play.guard("pp.contact", "amend_definition", definition=without) == "parties_kept"
    alone = changed(two, parties__BB=None, conditions={}, documents={})
    assert play.guard("pp.contact", "amend_definition", definition=alone) == "parties_kept"
    assert play.guard("aa.contact", "amend_definition", definition=alone) == "parties_kept"


def test_a_contact_that_a_party_puts_back_can_act_again() -> None:
    play = Play(trio())
    play.do("bb.contact", "amend_definition", definition=changed(trio(), parties__BB__contact="bb.second"))
    play.do("bb.second", "amend_definition", definition=trio())
    assert play.state.delegates["bb.contact"].holds(play.now)
    play.do("bb.contact", "withdraw_consent", subject="definition")


# Whose each named delegate is


def appointment(delegate: str, role: str = "verifier") -> dict[str, Any]:
    return {"delegate": delegate, "office": "Office", "roles": [role]}


@pytest.mark.parametrize("delegate", ["bb.verifier", "bb.head", "registrar"])
def test_only_its_own_party_appoints_a_named_delegate(delegate: str) -> None:
    play = Play(pair())
    play.adopt()
    assert play.guard("aa.contact", "appoint_delegate", **appointment(delegate)) == "own_delegate"


def test_an_amendment_does_not_give_a_party_whom_another_has_appointed() -> None:
    play = Play(pair()).go("founded")
    play.do("aa.contact", "appoint_delegate", **appointment("inspector"))
    theirs = changed(
        pair(),
        parties__BB=party("BB", delegates=["bb.verifier", "inspector"]),
        conditions__C1=condition("AA", "inspector"),
    )
    assert play.guard("bb.contact", "amend_definition", definition=theirs) == "named_are_free"
    office = changed(pair(), officers__inspector={"office": "Inspector", "roles": ["verifier"]})
    assert play.guard("bb.contact", "amend_definition", definition=office) == "named_are_free"


def test_who_is_appointed_while_an_amendment_waits_keeps_it_from_taking_effect() -> None:
    play = Play(pair()).go("founded")
    theirs = changed(pair(), parties__BB=party("BB", delegates=["bb.verifier", "inspector"]))
    play.do("aa.contact", "amend_definition", definition=theirs)
    play.do("aa.contact", "appoint_delegate", **appointment("inspector"))
    assert play.guard("bb.contact", "adopt_definition", digest=digest_of(theirs)) == "named_are_free"
    play.do("bb.contact", "amend_definition", definition=pair(title="Another way"))
    play.adopt()


def test_an_amendment_that_waits_keeps_no_party_from_appointing_its_own() -> None:
    play = Play(pair()).go("founded")
    squatting = changed(pair(), parties__PP=party("PP", contact="bb.needed"))
    play.do("aa.contact", "amend_definition", definition=squatting)
    play.do("bb.contact", "appoint_delegate", **appointment("bb.needed", "protocol"))
    assert play.state.delegates["bb.needed"].party == "BB"
    assert play.guard("bb.contact", "adopt_definition", digest=digest_of(squatting)) == "named_are_free"


def test_the_contact_of_a_party_to_be_added_signs_where_the_amendment_gives_its_key() -> None:
    play = Play(pair()).go("founded")
    added = party("DD", signed_acts=True, contact_key=KEYS[2])
    play.do("aa.contact", "amend_definition", definition=changed(pair(), parties__DD=added))
    assert play.state.amendment is not None
    named = play.state.amendment.digest()
    assert play.guard("dd.contact", "adopt_definition", digest=named) == "own_signature"
    wrong = {"delegate": "dd.contact", "public_key": KEYS[3]}
    assert play.guard("dd.contact", "enrol_key", **wrong) == "key_as_agreed"
    play.do("dd.contact", "enrol_key", delegate="dd.contact", public_key=KEYS[2])
    play.do_signed("dd.contact", key_id(KEYS[2]), "adopt_definition", digest=named)
    play.do("bb.contact", "adopt_definition", digest=named)
    assert "DD" in play.state.definition.parties


def test_nobody_takes_the_key_that_an_amendment_gives_to_who_would_be_added() -> None:
    play = Play(pair()).go("founded")
    added = party("DD", signed_acts=True, contact_key=KEYS[2])
    play.do("aa.contact", "enrol_key", delegate="aa.contact", public_key=KEYS[2])
    play.do("aa.contact", "amend_definition", definition=changed(pair(), parties__DD=added))
    stolen = {"delegate": "bb.contact", "public_key": KEYS[2]}
    assert play.guard("bb.contact", "enrol_key", **stolen) == "key_is_not_anothers"
    play.do("dd.contact", "enrol_key", delegate="dd.contact", public_key=KEYS[2])


# Two against the third


@st.composite
def attempts(draw: st.DrawFn) -> tuple[str, str, dict[str, Any]]:
    """What AA, CC, a puppet of theirs, or whoever passes on unsigned acts in BB's name may try before founding."""
    by = draw(st.sampled_from(["aa.contact", "cc.contact", "pp.contact", "bb.contact", "aa.puppet"]))
    act = draw(st.sampled_from(["amend_definition"] * 5 + ["adopt_definition", "enrol_key", "revoke_key"]))
    if act != "amend_definition":
        key = draw(st.sampled_from(KEYS[1:]))
        named: dict[str, Any] = {"delegate": draw(st.sampled_from([by, "bb.contact"]))}
        return by, act, {**named, "public_key" if act == "enrol_key" else "key": key}
    theirs: dict[str, Any] = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "signed_acts": st.booleans(),
                "contact_key": st.sampled_from([None, *KEYS]),
                "contact": st.sampled_from(["aa.puppet", "bb.contact", "pp.contact"]),
                "delegates": st.sampled_from([[], ["bb.verifier", "bb.second"], ["aa.mole"]]),
            },
        )
    )
    definition = draw(st.sampled_from([guarded(**theirs), changed(guarded(**theirs), parties__BB=None)]))
    if draw(st.booleans()):
        contact = draw(st.sampled_from(["pp.contact", "bb.contact", "aa.puppet"]))
        definition = changed(definition, parties__PP=party("PP", contact=contact))
    if draw(st.booleans()):
        definition = changed(definition, conditions={}, documents={})
    officer = draw(st.sampled_from([None, "bb.verifier", "clerk"]))
    if officer is not None:
        office = {"office": "Clerk", "roles": ["verifier"], "signed_acts": True, "key": KEYS[0]}
        definition = changed(definition, officers={officer: office})
    return by, act, {"definition": changed(definition, title=draw(st.sampled_from(["One", "Two", "Three"])))}


@settings(deadline=None, max_examples=150)
@given(st.lists(attempts(), min_size=1, max_size=12))
def test_whatever_the_others_try_a_party_that_signs_is_not_bound(
    tried: list[tuple[str, str, dict[str, Any]]],
) -> None:
    play = Play(guarded())
    for by, act, fields in tried:
        if act == "adopt_definition":
            fields = {"digest": play.state.definition_digest}
        elif act == "revoke_key":
            fields = {"delegate": fields["delegate"], "key": key_id(fields["key"])}
        try:
            play.attempt(by, act, **fields)
        except Rejected:
            continue
        theirs = play.state.definition.parties["BB"]
        assert (theirs.contact, theirs.contact_key, theirs.signed_acts) == ("bb.contact", KEYS[0], True)
        assert "BB" not in play.state.consents.get("definition", {})
        assert play.state.delegates["bb.contact"].holds(play.now)
        assert not play.state.founded
    # And it can still begin, with the key that it gave, and adopt.
    if play.state.terminated is None:
        play.do("bb.contact", "enrol_key", delegate="bb.contact", public_key=KEYS[0])
        play.do_signed("bb.contact", key_id(KEYS[0]), "adopt_definition", digest=play.state.definition_digest)


def test_who_owes_a_condition_takes_no_verdict_on_it_away_by_a_verifier_of_its_own() -> None:
    """Its fall would give a right to terminate, once the time to cure it is over."""
    terms = condition("AA", "aa.verifier", "bb.verifier", cure="P1D")
    play = Play(pair(conditions={"C1": terms})).go("founded")
    play.submit("C1")
    assert play.guard("aa.verifier", "return_evidence", condition="C1") == "not_the_obligor"
    play.do(
        "bb.verifier",
        "verify_condition",
        condition="C1",
        evidence=[play.state.conditions["C1"].evidence[0].digest],
    )
    assert play.guard("aa.verifier", "revoke_verdict", condition="C1") == "not_the_obligor"
    assert play.satisfied("C1")
    play.do("bb.verifier", "revoke_verdict", condition="C1")
