"""Founding: who adopts, who amends, who appoints whom; and that nobody founds an accord for another."""

from __future__ import annotations

import pytest

from tests.simulation.definitions import changed, condition, document, pair, party, trio
from tests.simulation.play import Play
from tests.simulation.small import digest
from workflows.model.definition import Definition
from workflows.tracks.founding.appointments import MOST_DELEGATES, MOST_FORMER


def digest_of_definition(definition: dict) -> str:
    return Definition.model_validate(definition).digest()


def test_an_accord_is_founded_when_every_party_has_adopted_the_definition() -> None:
    play = Play(pair())
    own = play.state.definition_digest
    assert not play.state.founded
    assert play.do("aa.contact", "adopt_definition", digest=own) == ("consent_given",)
    assert play.do("bb.contact", "adopt_definition", digest=own) == ("consent_given", "definition_adopted")
    assert play.state.founded
    assert play.state.consents == {}, "a consent that took effect is used up"
    assert play.state.delegates["registrar"].roles == ("registrar",), "officers take up their roles"


@pytest.mark.parametrize(
    ("by", "act", "fields", "guard"),
    [
        ("aa.contact", "issue_invitation", {}, "authority"),
        (
            "aa.contact",
            "appoint_delegate",
            {"delegate": "aa.x", "office": "X", "roles": ["obligor"]},
            "founded",
        ),
        ("aa.contact", "agree_termination", {}, "founded"),
        ("aa.contact", "adopt_definition", {"digest": digest("another")}, "digest_is_current"),
        ("aa.contact", "withdraw_consent", {"subject": "definition"}, "consent_pending"),
        ("aa.contact", "close_accord", {}, "released"),
    ],
)
def test_until_all_have_adopted_it_there_is_only_adopt_amend_and_decline(
    by: str, act: str, fields: dict, guard: str
) -> None:
    assert Play(pair()).guard(by, act, **fields) == guard


def test_the_refusal_before_founding_names_who_has_not_adopted() -> None:
    play = Play(trio())
    play.do("bb.contact", "adopt_definition", digest=play.state.definition_digest)
    refusal = play.refused("bb.contact", "agree_termination")
    assert refusal.guard == "founded"
    assert refusal.unmet[0].who == ("aa.contact", "cc.contact")


def test_a_proposal_before_founding_replaces_the_one_before_and_its_consents() -> None:
    play = Play(pair())
    first = play.state.definition_digest
    play.do("bb.contact", "adopt_definition", digest=first)
    play.do("aa.contact", "amend_definition", definition=pair(title="Another"))
    assert not play.state.founded, "the consent of BB named the first definition"
    assert play.guard("bb.contact", "adopt_definition", digest=first) == "digest_is_current"
    play.do("bb.contact", "adopt_definition", digest=play.state.definition_digest)
    assert play.state.founded
    assert play.state.definition.title == "Another"


def test_nobody_names_another_partys_contact_before_that_party_has_adopted_anything() -> None:
    play = Play(pair())
    theirs = changed(pair(), parties__BB__contact="aa.puppet")
    assert play.guard("aa.contact", "amend_definition", definition=theirs) == "contacts_kept"
    own = changed(pair(), parties__BB__contact="bb.second")
    play.do("bb.contact", "amend_definition", definition=own)
    assert play.state.delegates["bb.contact"].revoked
    play.do("bb.second", "withdraw_consent", subject="definition")


def test_an_amendment_is_not_adopted_once_documents_are_released() -> None:
    play = Play(pair()).go("signed")
    play.do("bb.contact", "amend_definition", definition=changed(pair(), documents__D1__title="Other"))
    play.release()
    pending = play.state.amendment
    assert pending is not None
    assert play.guard("aa.contact", "adopt_definition", digest=pending.digest()) == "not_released"
    assert play.guard("aa.contact", "amend_definition", definition=pair(title="Late")) == "not_released"
    assert play.state.documents["D1"].released_at is not None


def with_third() -> dict:
    return changed(pair(), parties__CC=party("CC"), documents__D1=document("AA", "BB", "CC"))


def test_a_party_is_added_when_every_party_and_itself_have_adopted_the_amendment() -> None:
    play = Play(pair()).go("accepted")
    play.do("aa.contact", "amend_definition", definition=with_third())
    amended = digest_of_definition(with_third())
    assert play.do("bb.contact", "adopt_definition", digest=amended) == ("consent_given",)
    assert play.guard("cc.contact", "agree_termination") == "party_of_accord"
    assert play.guard("cc.contact", "dispute_verdict", condition="C1") == "party_of_accord"
    office = {"delegate": "cc.head", "office": "Head", "roles": ["signatory"]}
    assert play.guard("cc.contact", "appoint_delegate", **office) == "party_of_accord"
    play.do("cc.contact", "adopt_definition", digest=amended)
    assert tuple(play.state.definition.parties) == ("AA", "BB", "CC")
    play.do("cc.contact", "appoint_delegate", **office)
    assert not play.open_gate("acceptance"), "a guest that was added has to accept too"
    play.do("cc.contact", "appoint_delegate", delegate="cc.protocol", office="P", roles=["protocol"])
    play.do("cc.protocol", "accept_invitation")
    assert play.open_gate("acceptance")


def test_a_party_to_be_added_can_take_its_adoption_back_and_others_can_do_without_it() -> None:
    play = Play(pair()).go("founded")
    play.do("bb.contact", "amend_definition", definition=with_third())
    play.do("cc.contact", "adopt_definition", digest=digest_of_definition(with_third()))
    play.do("cc.contact", "withdraw_consent", subject="definition")
    play.do("aa.contact", "adopt_definition", digest=digest_of_definition(with_third()))
    assert len(play.state.definition.parties) == 2
    play.amend(pair(title="Without a third"), by="bb.contact")
    assert play.rejected("cc.contact", "withdraw_consent", subject="definition") == "unknown_delegate"


def test_a_party_to_be_added_has_a_contact_of_its_own() -> None:
    play = Play(pair()).go("founded")
    puppet = changed(with_third(), parties__CC__contact="aa.protocol")
    refusal = play.refused("aa.contact", "amend_definition", definition=puppet)
    assert refusal.guard == "named_are_free"


def test_consents_to_a_superseded_amendment_do_not_come_back_with_it() -> None:
    play = Play(pair()).go("founded")
    first, second = pair(title="First"), pair(title="Second")
    play.do("aa.contact", "amend_definition", definition=first)
    play.do("bb.contact", "amend_definition", definition=second)
    play.do("bb.contact", "amend_definition", definition=first)
    assert play.state.definition.title == "Two parties", "AA adopted it as it stood then, not now"
    play.do("aa.contact", "adopt_definition", digest=digest_of_definition(first))
    assert play.state.definition.title == "First"


def test_protocol_proposes_an_amendment_and_the_contact_adopts_it() -> None:
    play = Play(pair()).go("founded")
    assert play.do("aa.protocol", "amend_definition", definition=pair(title="New")) == (
        "definition_proposed",
    )
    play.do("bb.contact", "adopt_definition", digest=digest_of_definition(pair(title="New")))
    assert play.state.amendment is not None
    play.adopt()
    assert play.state.definition.title == "New"


# Delegates


def appointment(delegate: str = "aa.new", **fields: object) -> dict:
    return {"delegate": delegate, "office": "Office", "roles": ["protocol"], **fields}


def test_a_contact_appoints_and_revokes_its_own_delegates() -> None:
    play = Play(pair()).go("founded")
    assert play.rejected("aa.new", "issue_invitation") == "unknown_delegate"
    assert play.do("aa.contact", "appoint_delegate", **appointment()) == ("delegate_appointed",)
    play.do("aa.new", "issue_invitation")
    assert play.do("aa.contact", "revoke_delegate", delegate="aa.new") == ("delegate_revoked",)
    refusal = play.refused("aa.new", "withdraw_invitation")
    assert refusal.guard == "appointment_in_force"
    assert refusal.unmet[0].who == ("aa.contact",)
    play.do("aa.contact", "appoint_delegate", **appointment())
    play.do("aa.new", "withdraw_invitation")


@pytest.mark.parametrize(
    ("by", "act", "fields", "guard"),
    [
        ("aa.contact", "appoint_delegate", appointment("bb.protocol"), "own_delegate"),
        ("aa.contact", "appoint_delegate", appointment("registrar"), "own_delegate"),
        ("aa.contact", "appoint_delegate", appointment(roles=["registrar"]), "role_is_the_partys"),
        ("aa.contact", "appoint_delegate", appointment(roles=["contact"]), "role_is_the_partys"),
        (
            "aa.contact",
            "appoint_delegate",
            appointment(valid_until="2029-01-01T00:00:00Z"),
            "period_in_order",
        ),
        (
            "aa.contact",
            "appoint_delegate",
            appointment(valid_from="2030-06-01T00:00:00Z", valid_until="2030-05-01T00:00:00Z"),
            "period_in_order",
        ),
        (
            "aa.contact",
            "appoint_delegate",
            appointment("aa.contact", valid_until="2031-01-01T00:00:00Z"),
            "contact_undated",
        ),
        ("aa.contact", "revoke_delegate", {"delegate": "bb.protocol"}, "own_delegate"),
        ("aa.contact", "revoke_delegate", {"delegate": "aa.nobody"}, "own_delegate"),
        ("aa.contact", "revoke_delegate", {"delegate": "aa.contact"}, "not_the_contact"),
        ("aa.protocol", "appoint_delegate", appointment(), "authority"),
        ("registrar", "appoint_delegate", appointment(), "authority"),
    ],
)
def test_nobody_appoints_or_revokes_anothers_delegates(by: str, act: str, fields: dict, guard: str) -> None:
    assert Play(pair()).go("founded").guard(by, act, **fields) == guard


def test_a_delegate_is_revoked_once() -> None:
    play = Play(pair()).go("founded")
    play.do("aa.contact", "revoke_delegate", delegate="aa.head")
    assert play.guard("aa.contact", "revoke_delegate", delegate="aa.head") == "appointed"


def test_an_appointment_is_in_force_between_its_dates() -> None:
    play = Play(pair()).go("founded")
    dates = {"valid_from": "2030-02-01T00:00:00Z", "valid_until": "2030-03-01T00:00:00Z"}
    play.do("aa.contact", "appoint_delegate", **appointment(**dates))
    assert play.guard("aa.new", "issue_invitation") == "appointment_in_force"
    play.until("2030-02-01T00:00:00Z")
    play.do("aa.new", "issue_invitation")
    play.until("2030-03-01T00:00:00Z")
    assert play.guard("aa.new", "withdraw_invitation") == "appointment_in_force"


def test_a_contact_keeps_that_role_whatever_it_appoints_itself_to() -> None:
    play = Play(pair()).go("founded")
    play.do("aa.contact", "appoint_delegate", **appointment("aa.contact"))
    assert play.state.delegates["aa.contact"].roles == ("contact", "protocol")


def test_an_id_that_the_definition_seats_for_another_party_is_that_partys() -> None:
    play = Play(pair())
    play.adopt()
    squatting = appointment("bb.head", roles=["signatory"])
    assert play.guard("aa.contact", "appoint_delegate", **squatting) == "own_delegate"
    play.do("bb.contact", "appoint_delegate", **squatting)


# Amendment


@pytest.mark.parametrize(
    ("changes", "guard"),
    [
        ({}, "definition_differs"),
        ({"clock": "simulated"}, "foundation_kept"),
        ({"illustrative": False}, "foundation_kept"),
        (
            {"parties": {"AA": party("AA"), "BB": party("BB", "host")}},
            "foundation_kept",
        ),
        ({"parties": {"AA": party("AA", "host"), "CC": party("CC")}, "documents": {}}, "parties_kept"),
    ],
)
def test_what_an_amendment_may_not_do(changes: dict, guard: str) -> None:
    play = Play(pair()).go("founded")
    definition = {**pair(), **changes}
    if guard == "parties_kept":
        definition["conditions"] = {}
    assert play.guard("aa.contact", "amend_definition", definition=definition) == guard


def test_adopting_names_the_digest_that_is_pending_and_is_done_once() -> None:
    play = Play(pair()).go("founded")
    assert play.guard("aa.contact", "adopt_definition", digest=digest("x")) == "definition_pending"
    play.do("aa.contact", "amend_definition", definition=pair(title="New"))
    assert play.guard("bb.contact", "adopt_definition", digest=digest("x")) == "digest_is_current"
    new = digest_of_definition(pair(title="New"))
    assert play.guard("aa.contact", "adopt_definition", digest=new) == "not_yet_given"


def test_a_schedule_of_many_conditions_is_adopted_by_one_consent_of_each_party() -> None:
    play = Play(pair()).go("founded")
    many = {f"C{number}": condition("BB", "aa.verifier") for number in range(1, 41)}
    play.do("bb.contact", "amend_definition", definition=pair(conditions=many))
    before = len(play.log)
    play.do("aa.contact", "adopt_definition", digest=digest_of_definition(pair(conditions=many)))
    assert play.types(before) == ("consent_given", "definition_amended")
    assert len(play.state.conditions) == 40
    assert {one.status for one in play.state.conditions.values()} == {"agreed"}


def test_an_amendment_needs_every_party_and_can_be_taken_back_until_then() -> None:
    play = Play(trio()).go("founded")
    new = changed(trio(), title="New")
    play.do("aa.contact", "amend_definition", definition=new)
    play.do("bb.contact", "adopt_definition", digest=digest_of_definition(new))
    assert play.state.definition.title == "Three parties"
    play.do("aa.contact", "withdraw_consent", subject="definition")
    play.do("cc.contact", "adopt_definition", digest=digest_of_definition(new))
    assert play.state.definition.title == "Three parties", "AA has taken its own consent back"
    play.do("aa.contact", "adopt_definition", digest=digest_of_definition(new))
    assert play.state.definition.title == "New"
    assert play.guard("bb.contact", "withdraw_consent", subject="definition") == "consent_pending"


def test_a_party_replaces_its_contact_by_an_amendment_that_all_adopt() -> None:
    play = Play(pair()).go("founded")
    play.amend(changed(pair(), parties__BB__contact="bb.second"))
    assert play.guard("bb.contact", "agree_termination") == "appointment_in_force"
    play.do("bb.second", "agree_termination")


def test_officers_come_and_go_with_the_definition() -> None:
    play = Play(pair()).go("founded")
    other = changed(pair(), officers={"clerk": {"office": "Clerk", "roles": ["registrar"]}})
    play.amend(other)
    assert play.guard("registrar", "release_signatures") == "appointment_in_force"
    assert play.guard("clerk", "release_signatures") == "invitation_accepted"


def test_a_definition_is_declined_only_before_it_is_founded() -> None:
    play = Play(trio())
    assert play.do("cc.contact", "decline_definition") == ("definition_declined", "accord_terminated")
    assert play.stage == "terminated"
    assert play.guard("aa.contact", "adopt_definition", digest=play.state.definition_digest) == "accord_open"
    assert Play(pair()).go("founded").guard("bb.contact", "decline_definition") == "not_founded"


def test_documents_that_are_dropped_and_come_back_begin_anew() -> None:
    play = Play(trio()).go("texts")
    play.amend(changed(trio(), documents__D2=None))
    assert play.state.documents["D2"].removed
    text = {"document": "D2", "language": "en", "digest": digest("new")}
    assert play.guard("aa.treaty", "propose_text", **text) == "document_known"
    play.amend(trio())
    assert play.state.documents["D2"].texts == {}
    play.prepare("D2")


def test_an_extended_long_stop_is_a_new_one() -> None:
    play = Play(trio()).go("founded")
    play.do("aa.protocol", "issue_invitation")
    for guest in ("bb", "cc"):
        play.do(f"{guest}.protocol", "accept_invitation")
    assert "long_stop_reached" in play.until("2030-12-02T00:00:00Z")
    play.amend(changed(trio(), long_stop__at="2031-06-01T00:00:00Z"))
    assert play.guard("aa.contact", "terminate") == "right_to_terminate"
    assert "long_stop_reached" in play.until("2031-06-01T00:00:00Z")
    play.do("aa.contact", "terminate")


def test_a_party_has_so_many_delegates_and_no_more() -> None:
    play = Play(pair()).go("founded")
    number = sum(1 for one in play.state.delegates.values() if one.party == "AA")
    for more in range(MOST_DELEGATES - number):
        play.do("aa.contact", "appoint_delegate", delegate=f"aa.d{more}", office="Desk", roles=["observer"])
        play.do("aa.contact", "revoke_delegate", delegate=f"aa.d{more}")
    one = {"delegate": "aa.more", "office": "Desk", "roles": ["observer"]}
    assert play.guard("aa.contact", "appoint_delegate", **one) == "few_delegates"
    play.do("aa.contact", "appoint_delegate", **{**one, "delegate": "aa.d1"})
    play.do("bb.contact", "appoint_delegate", **{**one, "delegate": "bb.more"})


def test_of_contacts_who_were_only_proposed_the_last_are_known() -> None:
    play = Play(pair())
    before = len(play.state.delegates)
    for number in range(MOST_FORMER + 20):
        parties = {**pair()["parties"], f"X{number}": party(f"X{number}", contact=f"x{number}.contact")}
        play.do("aa.contact", "amend_definition", definition=pair(parties=parties))
    assert len(play.state.delegates) == before + 1 + MOST_FORMER
    assert play.rejected("x1.contact", "adopt_definition", digest=digest("x")) == "unknown_delegate"
    assert (
        play.guard(f"x{MOST_FORMER}.contact", "adopt_definition", digest=digest("x"))
        == "appointment_in_force"
    )
