"""What the log has said so far that matters to the rules: remembered apart from the model's own state."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.simulation.invariants.oracle import (
    ENDED,
    RELEASE,
    binding,
    digest_of_terms,
    document_digest,
    facts,
    guarding,
    release_set,
)
from workflows.model.commands import RecordedEvent
from workflows.model.state import Accord

NOTHING_CHANGES = (
    "act_refused",
    "intervention_recorded",
    "minutes_recorded",
    "signal_refused",
    "state_attested",
    "statement_recorded",
    "text_commented",
)
"""Events that are only put on record."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """A piece of evidence: its grade, who submitted it, and where it ends."""

    grade: str
    by: str
    expires: datetime | None


@dataclass(slots=True)
class Memory:
    """What the log said so far that matters to the rules."""

    consents: dict[str, dict[str, str]] = field(default_factory=dict)
    evidence: dict[str, dict[str, Submitted]] = field(default_factory=dict)
    findings: dict[str, dict[str, frozenset[str]]] = field(default_factory=dict)
    found_on: dict[str, dict[str, dict[str, str | None]]] = field(default_factory=dict)
    waivers: dict[str, set[str]] = field(default_factory=dict)
    fallen: set[str] = field(default_factory=set)
    released: dict[str, dict[str, Any]] = field(default_factory=dict)
    severed: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    refused: dict[int, tuple[str, str]] = field(default_factory=dict)
    changed_at: int = 0

    def learn(self, event: RecordedEvent, before: Accord | None, after: Accord) -> None:
        said = facts(event)
        used = binding(event, before) if before is not None else None
        match event.type:
            case "consent_given":
                self.consents.setdefault(said["subject"], {})[said["party"]] = said["digest"]
                if said["subject"] == "release":
                    self.released[said["party"]] = release_set(after)
                if said["subject"].startswith("severance/"):
                    self.severed[said["subject"], said["party"]] = release_set(after, signed=False)
            case "consents_fell":
                for party in said["parties"]:
                    del self.consents[said["subject"]][party]
            case "consent_withdrawn":
                self.consents.get(said["subject"], {}).pop(said["party"], None)
            case "waiver_withdrawn":
                self.waivers.get(said["condition"], set()).discard(said["party"])
            case "corrigendum_proposed":
                self._forget(f"corrigendum/{said['document']}")
            case "definition_proposed":
                self._forget("definition")
            case "text_proposed":
                self._forget(f"text/{said['document']}/{said['language']}")
            case "text_agreed":
                self._forget_steps(said["document"])
            case "understanding_proposed" | "understanding_stale" | "signatures_released":
                self._forget("understanding")
            case "visit_ended":
                self._forget("dates", *ENDED.values())
            case "visit_arrived":
                self._forget("dates")
            case "dates_proposed":
                self._forget("dates")
            case "witness_policy_proposed":
                self._forget("witness policy")
            case "dates_agreed" | "visit_on_hold":
                self._forget("confirmation", "arrival")
            case "evidence_submitted":
                mine = self.evidence.setdefault(said["condition"], {})
                ends = said.get("expires")
                expires = datetime.fromisoformat(ends) if ends else None
                mine[said["digest"]] = Submitted(said["grade"], event.actor.delegate, expires)
            case "condition_found_met":
                found = self.findings.setdefault(said["condition"], {})
                found[said["verifier"]] = frozenset(said["evidence"])
                about = after.definition.conditions[said["condition"]].valid_while_texts_of
                read = self.found_on.setdefault(said["condition"], {})
                read[said["verifier"]] = {one: document_digest(after, one) for one in about}
            case "findings_fell":
                self.findings.pop(said["condition"], None)
            case "condition_verified":
                self.fallen.discard(said["condition"])
                self.findings.pop(said["condition"], None)
            case "verdict_revoked" | "verdict_lapsed":
                self._fell(said["condition"])
            case "dispute_decided" if said["upheld"]:
                self._fell(said["condition"])
            case "evidence_returned":
                self.evidence.pop(said["condition"], None)
                self.findings.pop(said["condition"], None)
            case "condition_waived":
                self.waivers.setdefault(said["condition"], set()).add(said["party"])
                if after.conditions[said["condition"]].status == "waived":
                    self.fallen.discard(said["condition"])
            case "definition_amended" if before is not None:
                self._amended(before, after)
            case "act_refused":
                self.refused[event.position] = (event.actor.delegate, said["act"])
        if used is not None:
            self._forget(used[0])
        if event.type not in NOTHING_CHANGES:
            self.changed_at = event.position

    def _forget(self, *subjects: str) -> None:
        for subject in subjects:
            self.consents.pop(subject, None)

    def _forget_steps(self, document: str) -> None:
        self._forget(f"concordance/{document}", f"initials/{document}", f"execution/{document}")

    def _fell(self, condition: str) -> None:
        self.fallen.add(condition)
        self.evidence.pop(condition, None)
        self.findings.pop(condition, None)

    def _amended(self, before: Accord, after: Accord) -> None:
        old, new = before.definition, after.definition
        for code in before.conditions:
            was, will = old.conditions.get(code), new.conditions.get(code)
            if was is None or will is None or was.obligors != will.obligors:
                self.evidence.pop(code, None)
            # A title or a due date is none of the terms on which somebody found.
            if was is None or will is None or digest_of_terms(was) != digest_of_terms(will):
                self.findings.pop(code, None)
                self.waivers.pop(code, None)
                self.fallen.discard(code)
        for code in before.documents:
            was, will = old.documents.get(code), new.documents.get(code)
            # What was consented to stands, unless it is about other texts now: a title or a seat is none of them.
            if was is None or will is None or set(was.languages) != set(will.languages):
                self._forget_steps(code)
                if will is None:
                    self._forget(f"severance/{code}")
                kept = will.languages if will is not None else ()
                texts = [one for one in self.consents if one.startswith(f"text/{code}/")]
                self._forget(*(one for one in texts if one.rpartition("/")[2] not in kept))
        if after.visit.round != before.visit.round:
            self._forget("dates", "confirmation", "arrival")

    def suspended(self, a: Accord) -> list[str]:
        """The conditions that fell and do not hold again, or are closed by a question."""
        return [
            code
            for code in guarding(a, RELEASE)
            if a.conditions[code].status != "waived"
            and (
                code in self.fallen or (a.conditions[code].questioned and a.conditions[code].question_closes)
            )
        ]

    def understood(self, a: Accord) -> bool:
        return a.understanding.status == "effective" and not self.suspended(a)
