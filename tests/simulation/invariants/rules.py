"""What must always hold: the fifteen rules of the domain, each as a function that fails where its rule is broken.

Each is called after every event with the state before and after it, and once more when an act or deadline has
settled (``event`` is none then). What they compare with is ``oracle.py``'s reading of definition and record.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.simulation.invariants import oracle
from tests.simulation.invariants.moment import Moment, ask
from tests.simulation.invariants.oracle import facts
from tests.simulation.invariants.record import rule_11, rule_12, rule_13, rule_14, rule_15
from workflows.model.commands import RecordedEvent
from workflows.model.state import Accord


def rule_1(moment: Moment) -> None:
    """A fact that binds all parties needs an act of each of them. Nobody can supply another's consent.

    A consent can be withdrawn until it takes effect.
    """
    event, before, after = moment.event, moment.before, moment.after
    if event is None:
        if after.ended:
            return
        for subject in list(moment.memory.consents)[-2:]:
            for party in moment.memory.consents[subject]:
                if party in after.definition.parties:
                    contact = after.definition.parties[party].contact
                    refusal = ask(moment, contact, "withdraw_consent", subject=subject).refusal
                    # A party whose acts are signed is asked for the signature, and for nothing else.
                    unmet = {one.guard for one in refusal.unmet} if refusal is not None else set()
                    assert unmet <= {"own_signature"}, f"{party} may not withdraw from {subject}: {refusal}"
        for event in moment.log[-4:]:
            used = oracle.binding(event, after) if event.type != "definition_amended" else None
            if used is not None and used[0] not in moment.memory.consents:
                contact = after.definition.parties[next(iter(after.definition.parties))].contact
                refusal = ask(moment, contact, "withdraw_consent", subject=used[0]).refusal
                assert refusal is not None, f"a consent to {used[0]} took effect, and is withdrawn"
        return
    if before is None:
        return
    if event.type in ("consent_given", "consent_withdrawn"):
        said = facts(event)
        assert said["party"] == event.actor.party, "a party consents by its own delegate"
        assert before.delegates[event.actor.delegate].party == said["party"]
        assert moment.command.delegate == event.actor.delegate, "a consent is an act, not a consequence"
    bound = oracle.binding(event, before)
    if event.type == "dates_agreed" and oracle.window_amended(event, before):
        # Who consents to an amendment, by its digest, consents to its window.
        given = moment.memory.consents.get("definition", {})
        amended = oracle.amendment_digest(before)
        if all(given.get(party) == amended for party in oracle.parties_after(before)):
            bound = None
    if bound is not None:
        subject, digest, parties = bound
        given = moment.memory.consents.get(subject, {})
        assert set(given) >= set(parties), f"{event.type} without {set(parties) - set(given)}"
        named = {given[party] for party in parties}
        assert len(named) == 1, f"{event.type}: the consents name different digests"
        assert digest is None or named == {digest}, f"{event.type}: the consents name another digest"


def rule_2(moment: Moment) -> None:
    """The obligor does not verify its own condition, unless all parties agreed on a joint policy."""
    before, event = moment.before, moment.event
    if before is None or not moment.is_(
        "condition_found_met", "condition_verified", "condition_confirmed", "dispute_decided"
    ):
        return
    assert event is not None
    said = facts(event)
    terms = before.definition.conditions[said["condition"]]
    if event.type != "condition_verified":
        assert event.actor.delegate in terms.policy.verifiers
        assert terms.policy.joint or event.actor.party not in terms.obligors
        return
    verifiers = said["verifiers"]
    assert len(set(verifiers)) == len(verifiers) >= terms.policy.need
    assert set(verifiers) <= set(terms.policy.verifiers)
    parties = {before.delegates[one].party for one in verifiers}
    if terms.policy.joint:
        assert parties >= set(terms.obligors), "a joint policy needs one from each obligor's party"
    else:
        assert not parties & set(terms.obligors)
    found = moment.memory.findings[said["condition"]]
    assert all(found.get(one) == frozenset(said["evidence"]) for one in verifiers), "each found it on this"
    about = {one: oracle.document_digest(before, one) for one in terms.valid_while_texts_of}
    read = moment.memory.found_on[said["condition"]]
    assert all(read.get(one) == about for one in verifiers), "each found it on these texts"


def rule_3(moment: Moment) -> None:
    """A verdict names evidence digests, the policy's version and its expiry."""
    event, before = moment.event, moment.before
    if event is None:
        for code, condition in moment.after.conditions.items():
            if condition.status in ("verified", "disputed"):
                assert condition.verdict is not None, code
                assert condition.verdict.evidence, code
        return
    if event.type != "condition_verified" or before is None:
        return
    said = facts(event)
    code, submitted = said["condition"], moment.memory.evidence.get(said["condition"], {})
    assert said["evidence"], "a verdict without evidence"
    assert set(said["evidence"]) <= set(submitted), "a verdict on what was not submitted"
    policy = before.definition.conditions[code].policy
    named = [submitted[one] for one in said["evidence"]]
    assert any(oracle.adequate(one.grade, policy.grade) for one in named)
    if policy.independent:
        assert not {one.by for one in named} & set(said["verifiers"])
    assert said["policy"] == oracle.terms_digest(before, code)
    verdict = moment.after.conditions[code].verdict
    assert verdict is not None
    assert verdict.valid_until == oracle.valid_until(before, code, event.time, [one.expires for one in named])
    assert verdict.valid_until is None or verdict.valid_until > event.time, (
        "a verdict that has lapsed already"
    )


def rule_4(moment: Moment) -> None:
    """Only the beneficiary waives, and only what is waivable."""
    event, before, after = moment.event, moment.before, moment.after
    if event is None:
        for code in after.definition.conditions if after.founded else ():
            if after.conditions[code].status == "waived":
                assert moment.memory.waivers.get(code), f"{code} is waived by nobody"
        return
    if event.type not in ("condition_waived", "condition_deferred") or before is None:
        return
    code = facts(event)["condition"]
    terms, mine = before.definition.conditions[code], oracle.beneficiaries(before, code)
    assert event.actor.party in mine
    if event.type == "condition_deferred":
        assert terms.deferrable
        assert mine == (event.actor.party,)
        return
    assert terms.waivable
    assert facts(event)["party"] == event.actor.party
    waived = moment.memory.waivers.get(code, set()) | {event.actor.party or ""}
    assert (after.conditions[code].status == "waived") == (waived >= set(mine))


def rule_5(moment: Moment) -> None:
    """Changed terms of a condition void its verdict."""
    before, after = moment.before, moment.after
    if moment.event is None:
        for code in after.definition.conditions if after.founded else ():
            verdict = after.conditions[code].verdict
            assert verdict is None or verdict.policy == oracle.terms_digest(after, code)
        return
    if moment.is_("definition_amended") and before is not None:
        for code, terms in after.definition.conditions.items():
            earlier = before.definition.conditions.get(code)
            if earlier is None or oracle.digest_of_terms(earlier) != oracle.digest_of_terms(terms):
                assert after.conditions[code].verdict is None, f"{code} keeps its verdict under other terms"
                # What was submitted stays, and awaits a verdict under the new terms.
                assert after.conditions[code].status not in ("verified", "disputed")


def rule_6(moment: Moment) -> None:
    """Any changed byte of a text voids that text's agreement, and its document's concordance, initials and held

    signatures; no other document's.
    """
    before, after, event = moment.before, moment.after, moment.event
    if event is None:
        for code in after.definition.documents if after.founded else ():
            now, digest = after.documents[code], oracle.document_digest(after, code)
            for named in (now.certified, now.initialled, now.execution):
                assert named is None or named == digest, f"{code}: a step of another version stands"
            for seat in now.seats.values():
                if seat.signature is not None and not after.ended:
                    assert seat.signature.digest == digest, f"{code}: a signature on another version is held"
        return
    if before is None or not before.founded or event.type == "definition_amended":
        return
    touched = facts(event).get("document")
    for code, now in after.documents.items():
        then = before.documents[code]
        if event.type in ("text_proposed", "text_agreed") and code != touched:
            assert now == then, f"a text of {touched} changed, and {code} with it"
        for language, text in now.texts.items():
            old = then.texts.get(language)
            if text.agreed and (old is None or not old.agreed or old.digest != text.digest):
                assert event.type == "text_agreed", "a text is agreed by all or not at all"
                assert facts(event)["digest"] == text.digest
                assert (now.certified, now.initialled, now.execution) == (None, None, None)


def rule_7(moment: Moment) -> None:
    """Visit confirmed ⇒ invitation accepted, every `visit` condition satisfied, understanding effective."""
    a = moment.after
    if a.visit.arrived_at is not None:
        assert a.visit.status in ("arrived", "completed", "curtailed"), "nothing undoes an arrival"
    if moment.is_("visit_confirmed", "advance_done", "visit_arrived"):
        a = moment.before or a
    elif moment.event is not None or a.ended or a.visit.status not in ("confirmed", "advance_done"):
        return
    assert oracle.accepted(a)
    assert not oracle.unsatisfied(a, oracle.VISIT, a.time)
    assert moment.memory.understood(a)


def rule_8(moment: Moment) -> None:
    """Signature affixed ⇒ the digest is the document's, authority is valid, the order is kept, and the visit has

    arrived (or the parties agreed on signing at a distance).
    """
    before, event = moment.before, moment.event
    if event is None and not moment.after.ended:
        for document in moment.after.documents.values():
            for one in document.seats.values():
                assert one.signature is None or one.signature.holder == one.holder, (
                    "of another than the holder"
                )
    if before is not None and event is not None and event.type == "signed_page_deposited":
        _scan_changes_nothing(before, moment.after, event)
    if before is None or event is None or event.type != "signature_held":
        return
    said = facts(event)
    code, seat = said["document"], said["seat"]
    terms, state = before.definition.documents[code], before.documents[code].seats[seat]
    assert state.holder == event.actor.delegate == said["holder"]
    assert state.party == event.actor.party
    assert said["digest"] == oracle.document_digest(before, code)
    assert oracle.executable(before, code)
    assert oracle.authority(before, code, seat, event.time)
    assert oracle.authorized(before, code, seat)
    if state.party in terms.order:
        first = terms.order[: terms.order.index(state.party)]
        for name, other in before.documents[code].seats.items():
            assert other.party not in first or oracle.held(before, code, name), f"{name} signs before {seat}"
    assert before.visit.arrived_at is not None or before.definition.signing_at_a_distance
    assert oracle.accepted(before)
    assert not oracle.unsatisfied(before, oracle.SIGNING, event.time)
    assert moment.memory.understood(before)
    assert said["understanding"] == before.understanding.digest


def _scan_changes_nothing(before: Accord, after: Accord, event: RecordedEvent) -> None:
    """The scan of a signed page is evidence of a signature that is there, by whose hand it is; it is no part of it."""
    said = facts(event)
    seat = before.documents[said["document"]].seats[said["seat"]]
    assert seat.signature is not None
    assert seat.signature.digest == oracle.document_digest(before, said["document"])
    assert event.actor.party in (None, seat.party)
    for code, then in before.documents.items():
        now = after.documents[code]
        assert replace(now, seats={}) == replace(then, seats={})
        assert oracle.seats_without_scans(now.seats) == oracle.seats_without_scans(then.seats)
    assert (after.consents, after.visit, after.conditions) == (
        before.consents,
        before.visit,
        before.conditions,
    )


def rule_9(moment: Moment) -> None:
    """Release ⇒ all seats hold, **every gate is evaluated again at that instant**, and the consents to it were given to

    this very set: texts, seats, verdicts and understanding. A consent falls when its gate closes.
    """
    before, event, after = moment.before, moment.event, moment.after
    if event is None:
        released = [code for code, one in after.documents.items() if one.released_at is not None]
        if after.founded and released:
            assert set(released) >= set(oracle.live(after)), "all documents that are not severed, or none"
        return
    if before is not None and event.type == "document_severed":
        for party in before.definition.parties:
            agreed = moment.memory.severed[f"severance/{facts(event)['document']}", party]
            assert agreed == oracle.release_set(before, signed=False), f"{party} agreed under other terms"
    if event.type != "signatures_released" or before is None:
        return
    assert set(facts(event)["documents"]) == set(oracle.live(before))
    for party in before.definition.parties:
        assert moment.memory.released[party] == oracle.release_set(before), f"{party} agreed to another set"
    for code in oracle.live(before):
        assert oracle.executable(before, code)
        for seat in before.documents[code].seats:
            assert oracle.held(before, code, seat), f"{seat} on {code} does not hold"
            assert oracle.authority(before, code, seat, event.time), f"{seat} on {code} has no authority"
            assert oracle.authorized(before, code, seat), (
                f"the party of {seat} did not authorize signing {code}"
            )
    assert oracle.accepted(before)
    assert not oracle.unsatisfied(before, oracle.RELEASE, event.time)
    assert moment.memory.understood(before)
    assert before.visit.arrived_at is not None or before.definition.signing_at_a_distance
    assert "registrar" in before.delegates[event.actor.delegate].roles


def rule_10(moment: Moment) -> None:
    """A released signature is never undone; a later instrument may change its effect."""
    before, after = moment.before, moment.after
    if before is None or moment.event is None:
        return
    for code, then in before.documents.items():
        if then.released_at is not None:
            now = after.documents[code]
            assert (now.texts, now.released_at) == (then.texts, then.released_at)
            assert oracle.seats_without_scans(now.seats) == oracle.seats_without_scans(then.seats)
    if before.released_at is not None:
        assert after.released_at == before.released_at
        assert after.understanding == before.understanding, "what was released on it stands with it"
        assert after.terminated == before.terminated


RULES: tuple[Callable[[Moment], None], ...] = (
    rule_1,
    rule_2,
    rule_3,
    rule_4,
    rule_5,
    rule_6,
    rule_7,
    rule_8,
    rule_9,
    rule_10,
    rule_11,
    rule_12,
    rule_13,
    rule_14,
    rule_15,
)
