"""Founding: who adopts, who amends, who appoints whom; and that nobody founds an accord for another."""

from __future__ import annotations

import pytest

from tests.definitions import digest
from tests.workflows.definitions import changed, document, pair, party, trio
from tests.workflows.driver import Play
from workflows.definition import Definition


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
    puppet = changed(with_third(), parties__CC__contact="aa.head")
    assert play.guard("aa.contact", "amend_definition", definition=puppet) == "new_contacts_free"


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
