"""What beneficiaries do without: waivers, taken back until they take effect, and deferral."""

from __future__ import annotations

import pytest

from tests.simulation.definitions import changed, condition, pair, party, trio
from tests.simulation.one_condition import founded, verified
from tests.simulation.play import Play


@pytest.mark.parametrize(("evidence", "stands"), [(False, "agreed"), (True, "evidence_submitted")])
def test_a_party_that_is_added_has_waived_nothing(evidence: bool, stands: str) -> None:
    definition = pair(conditions={"C1": condition("AA", "bb.verifier", waivable=True)})
    play = Play(definition).go("founded")
    if evidence:
        play.submit("C1")
    play.do("bb.protocol", "waive_condition", condition="C1")
    assert play.status("C1") == "waived"
    play.amend(changed(definition, parties__CC=party("CC")))
    assert play.status("C1") == stands
    play.do("cc.contact", "waive_condition", condition="C1")
    assert play.status("C1") == "waived", "the other beneficiary's waiver stands"


def test_only_the_beneficiary_waives_and_only_what_is_waivable() -> None:
    assert founded().guard("bb.protocol", "waive_condition", condition="C1") == "waivable"
    none = founded(waivable=True, beneficiaries=[])
    assert none.guard("bb.protocol", "waive_condition", condition="C1") == "waivable"
    play = founded(waivable=True)
    refusal = play.refused("aa.protocol", "waive_condition", condition="C1")
    assert refusal.guard == "is_beneficiary"
    assert "bb.protocol" in refusal.unmet[0].who
    assert play.do("bb.protocol", "waive_condition", condition="C1") == ("condition_waived",)
    assert play.satisfied("C1")
    assert play.guard("bb.protocol", "waive_condition", condition="C1") == "condition_status"
    assert (
        verified(waivable=True).guard("bb.protocol", "waive_condition", condition="C1") == "condition_status"
    )
    assert play.guard("bb.protocol", "waive_condition", condition="C9") == "condition_known"


def test_every_beneficiary_waives() -> None:
    play = Play(trio()).go("founded")
    play.do("bb.protocol", "waive_condition", condition="V1")
    assert play.status("V1") == "agreed"
    assert play.guard("bb.protocol", "waive_condition", condition="V1") == "not_yet_waived"
    play.do("cc.protocol", "waive_condition", condition="V1")
    assert play.status("V1") == "waived"
    assert play.satisfied("V1")


def test_a_condition_is_deferred_to_a_later_gate_by_its_only_beneficiary() -> None:
    play = Play(trio()).go("founded")
    assert play.guard("aa.protocol", "defer_condition", condition="V1", gate="signing") == "deferrable"
    assert play.guard("bb.protocol", "defer_condition", condition="V2", gate="signing") == "is_beneficiary"
    assert play.guard("aa.protocol", "defer_condition", condition="C9", gate="signing") == "condition_known"
    assert ("condition_satisfied", "V2") in play.invite().unmet("visit")
    play.do("aa.protocol", "defer_condition", condition="V2", gate="ceremony")
    assert ("condition_satisfied", "V2") not in play.unmet("visit")
    assert ("condition_satisfied", "V2") not in play.unmet("signing")
    assert ("condition_satisfied", "V2") in play.unmet("release")
    assert play.guard("aa.protocol", "defer_condition", condition="V2", gate="signing") == "later_gate"
    play.do("aa.protocol", "defer_condition", condition="V2", gate="subsequent")
    assert ("condition_satisfied", "V2") not in play.unmet("release")


def test_what_benefits_several_is_not_deferred_by_one() -> None:
    play = Play(changed(trio(), conditions__V2__beneficiaries=["AA", "CC"])).go("founded")
    assert play.guard("aa.protocol", "defer_condition", condition="V2", gate="signing") == "sole_beneficiary"


def test_a_waiver_is_taken_back_until_every_beneficiary_has_waived() -> None:
    play = Play(trio()).go("founded")
    assert play.guard("bb.protocol", "withdraw_waiver", condition="V1") == "waiver_pending"
    play.do("bb.protocol", "waive_condition", condition="V1")
    assert play.guard("cc.protocol", "withdraw_waiver", condition="V1") == "waiver_pending"
    assert play.guard("bb.protocol", "withdraw_waiver", condition="C9") == "condition_known"
    play.do("bb.protocol", "withdraw_waiver", condition="V1")
    play.do("cc.protocol", "waive_condition", condition="V1")
    assert play.status("V1") == "agreed"
    play.do("bb.protocol", "waive_condition", condition="V1")
    assert play.status("V1") == "waived"
    assert play.guard("bb.protocol", "withdraw_waiver", condition="V1") == "waiver_pending"


def test_what_was_cured_by_a_waiver_gives_no_right_when_it_stands_open_again() -> None:
    definition = pair(conditions={"C1": condition("AA", "bb.verifier", waivable=True, cure="P10D")})
    play = Play(definition).go("founded").verify("C1")
    play.do("bb.verifier", "revoke_verdict", condition="C1")
    play.do("bb.protocol", "waive_condition", condition="C1")
    assert play.pass_time(days=60) == ()
    play.amend(changed(definition, parties__CC=party("CC")))
    assert play.status("C1") == "agreed"
    assert play.pass_time(days=60) == ()
    assert play.guard("bb.contact", "terminate") == "right_to_terminate"
