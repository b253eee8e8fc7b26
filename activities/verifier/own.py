"""Delegates' own signatures: each fits the act on its entry, under a key that the record has enrolled by then."""

from __future__ import annotations

from activities.identity.own_signatures import fits
from activities.verifier.findings import Finding
from activities.verifier.groups import Group, Told
from workflows.model.declare import parse_act
from workflows.model.state import Accord
from workflows.record.keys import find, own_part, own_signature, particulars_digest
from workflows.record.refusals import ActRefused


class OwnSignatures:
    """Checks the signatures that parties require of their delegates. No key of the server's can make them."""

    def __init__(self, finding: Finding) -> None:
        self._finding = finding

    def check(self, group: Group, before: Accord | None) -> None:
        """Check one group; ``before`` is the state before it, none where it is not known or nothing is open."""
        told = group.act_entry
        if told is None:
            return
        try:
            problem = self._problem(told, before)
        except Exception as error:
            # A record that breaks the model is a finding about the record, whatever the model raises.
            problem = f"the own signature cannot be checked: {type(error).__name__}: {str(error)[:200]}"
        if problem is not None:
            self._finding.fail(f"entry {told.entry.position}: {group.command!r}: {problem}")

    def _problem(self, told: Told, before: Accord | None) -> str | None:
        own, act, entry = told.own, told.act or {}, told.entry
        if before is None:
            if own is not None:
                self._finding.gap("delegates' own signatures, since the state before them is not known")
            return None
        if own is not None:
            key = find(before, entry.actor.delegate, own.key)
            if key is None:
                return f"it is signed with {own.key}, which is no key of {entry.actor.delegate!r} by then"
            part = own_part(
                accord=entry.accord,
                act=act["name"],
                delegate=entry.actor.delegate,
                fields=act["fields"],
                command=entry.command,
                particulars=own.particulars,
            )
            if not fits(key.public_key, own.signature, part):
                return f"the own signature of {entry.actor.delegate!r} does not fit the act"
            if told.particulars is not None:
                said = told.particulars.get("act", {})
                if own.particulars != particulars_digest(own.salt, said):
                    return "the free text is not the one that the delegate signed"
        if entry.type == ActRefused.type or told.particulars is None:
            # What was refused needs no signature. Without the free text the fold judges what it can.
            return None
        wanted = parse_act(act["name"], {**act["fields"], **told.particulars.get("act", {})})
        check = own_signature(before, wanted, entry.actor, own)
        return None if check.met else f"{check.reason}, and it was recorded"
