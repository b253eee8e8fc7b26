"""The fold: decide every command again on the state that the entries before it come to, by the one decider."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from activities.bundle.lines import BundledReceipt
from activities.ledger.strict_json import written
from activities.verifier.findings import Finding
from activities.verifier.groups import Group, Told
from activities.verifier.refusals import RecordedRefusal
from workflows.model import definition
from workflows.model.attested import state_digest
from workflows.model.canonical import canonical
from workflows.model.commands import EventDraft, OwnSignature
from workflows.model.decide import Memory, decide
from workflows.model.declare import Rejected, parse_act
from workflows.model.fold import evolve
from workflows.model.repeats import Refusals
from workflows.model.state import Accord
from workflows.model.upcasting import read_event
from workflows.tracks.conditions.evidence import EvidenceSubmitted


class Fold:
    """Carries the state from one group of entries to the next. It stops at the first that cannot be folded."""

    def __init__(self, finding: Finding) -> None:
        self.state: Accord | None = None
        self._finding = finding
        self._stopped = False
        self._refusals = Refusals()
        self._memory = Memory()

    @property
    def stopped(self) -> bool:
        """Whether the state is no longer known."""
        return self._stopped

    def stop(self, why: str) -> None:
        """Go no further: something that the fold needs is withheld."""
        self._stopped = True
        self._finding.lack(why)

    def take(self, group: Group) -> None:
        """Judge a group, and fold it."""
        if self._stopped:
            return
        if any(told.facts is None for told in group.told):
            self.stop("facts are withheld, and the rules cannot be applied without them")
            return
        newer = next(filter(None, map(_newer_rules, group.told)), None)
        if newer is not None:
            self._stopped = True
            self._finding.gap(
                f"entry {group.first} names rules {newer}, and this release knows those up to {definition.RULES}: "
                "verify it by a newer release"
            )
            return
        try:
            after = self._judge(group)
            if after is None:
                after = self.state
                for told in group.told:
                    after = evolve(after, told.recorded())
            self.state = after
        except Exception as error:
            # A record that breaks the model is a finding about the record, whatever the model raises.
            self._stopped = True
            self._finding.fail(
                f"entry {group.first}: the model cannot fold it: {type(error).__name__}: {str(error)[:200]}"
            )
        for told in group.told:
            self._elsewhere(told)
        self._finding.checked += len(group.told)

    def _elsewhere(self, told: Told) -> None:
        """Say of evidence that refers to another accord's record that this one does not prove it."""
        event = (told.facts or {}).get("event")
        if told.entry.type != EvidenceSubmitted.type or not isinstance(event, dict):
            return
        leaf = event.get("leaf")
        if isinstance(leaf, str):
            self._finding.note(
                f"entry {told.entry.position}: the {str(event.get('source'))[:160]} that it carries over, of the leaf "
                f"hash {leaf[:64]}, is not proved by this record; that accord's own record proves it"
            )

    def check_receipt(self, receipt: BundledReceipt) -> None:
        """Hold stage and version in a receipt against the state after its command."""
        if self._stopped or self.state is None or self.state.size != receipt.size:
            return
        now = self._memory.stage(self.state)
        if (receipt.stage, receipt.version) != (now, self.state.version):
            self._finding.fail(
                f"entry {receipt.position}: its receipt says stage {receipt.stage!r}, version {receipt.version}; by "
                f"the rules it is {now!r}, {self.state.version}"
            )

    def check_repeat(self, signed: dict[str, Any], receipt: BundledReceipt, refused: RecordedRefusal) -> None:
        """Hold a command without entries against the refusal that it repeats: of the same act, target and version."""
        if self._stopped or refused.event is None or refused.version is None:
            return
        where = f"{receipt.command[:80]!r}, which caused no entry"
        try:
            target = parse_act(signed["act"], signed["fields"]).target()[:500]
            key = OwnSignature.model_validate(signed["own"]).key if "own" in signed else None
        except (Rejected, ValueError, TypeError) as error:
            self._finding.fail(f"{where}: the signed command does not read: {str(error)[:200]}")
            return
        if (refused.event.get("target"), refused.key, refused.version) != (target, key, receipt.version):
            self._finding.fail(
                f"{where}: the entry {receipt.position} refuses something else, or in another state"
            )

    def finish(self, claimed: str | None) -> None:
        """Hold the state that was reached against the one that is claimed."""
        if self._stopped or self.state is None:
            return
        found = state_digest(self.state)
        if claimed is None:
            self._finding.note(f"no state is claimed; the entries come to {found}")
        elif claimed != found:
            self._finding.fail(f"the state claimed is {claimed}, and the entries come to {found}")

    def _judge(self, group: Group) -> Accord | None:
        """The state after the group, if it is exactly what follows; else a failure is noted, and ``None``."""
        try:
            command, at = group.asked()
            decision = self._refusals.settle(self.state, decide(self.state, command, at, self._memory))
        except Rejected as error:
            self._finding.fail(
                f"entry {group.first}: {group.command!r} is no act here: {error.message[:200]}"
            )
            return None
        except (KeyError, TypeError, ValueError) as error:
            self._finding.fail(
                f"entry {group.first}: the facts do not tell what was asked: {str(error)[:200]}"
            )
            return None
        followed = [(draft.type, draft.time) for draft in decision.events]
        there = [(told.entry.type, told.entry.time) for told in group.told]
        if followed != there:
            self._finding.fail(
                f"entry {group.first}: from {command.act} by {command.delegate} follows {_names(followed)}, "
                f"recorded is {_names(there)}"
            )
            return None
        same = True
        for draft, told in zip(decision.events, group.told, strict=True):
            difference = _difference(draft, told)
            if difference is not None:
                self._finding.fail(f"entry {told.entry.position}: {draft.type}: {difference}")
                same = False
        exactly = same and all(
            draft.version == told.entry.version
            for draft, told in zip(decision.events, group.told, strict=True)
        )
        if not exactly:
            return None
        group.follows = command
        return decision.after


def _newer_rules(told: Told) -> int | None:
    """The rules that an entry's definition names, where they are newer than all that this release knows."""
    event = (told.facts or {}).get("event")
    named = event.get("definition") if isinstance(event, dict) else None
    rules = named.get("rules") if isinstance(named, dict) else None
    return rules if isinstance(rules, int) and rules > definition.RULES else None


def _difference(draft: EventDraft, told: Told) -> str | None:
    """What is recorded otherwise than it followed."""
    if draft.actor is not told.entry.actor and draft.actor != told.entry.actor:
        return f"it followed from an act of {draft.actor.delegate}, recorded is {told.entry.actor.delegate}"
    facts = told.facts or {}
    if draft.version == told.entry.version:
        same = told.facts_content == written(draft.facts)
    else:
        # An entry of an older version is read as the present one, and everything else has to be equal.
        upcast = read_event(told.recorded()).facts()
        same = canonical({**facts, "event": upcast}) == canonical(draft.facts)
    if not same:
        return f"the facts that follow are {_short(draft.facts)}, recorded are {_short(facts)}"
    if told.particulars is not None and told.particulars_content != written(draft.particulars):
        return "the particulars are not those of the act"
    return None


def _names(events: list[tuple[str, datetime]]) -> str:
    return ", ".join(f"{name} at {time}" for name, time in events[:5]) or "nothing"


def _short(value: object) -> str:
    text = canonical(value).decode()
    return text if len(text) <= 160 else text[:157] + "…"
