"""Delegates' own signatures: each fits the act on its entry, under a key that the record has enrolled by then."""

from __future__ import annotations

from typing import Any

from activities.identity.own_signatures import fits
from activities.verifier.findings import Finding
from activities.verifier.groups import Group, Told
from workflows.model.commands import OwnSignature
from workflows.model.declare import parse_act
from workflows.model.state import Accord
from workflows.record.keys import find, own_part, particulars_digest

UNKNOWN = "delegates' own signatures, since the state before them is not known"
"""What cannot be checked where entries or facts are withheld."""


class OwnSignatures:
    """Checks the signatures that parties require of their delegates. No key of the server's can make them."""

    def __init__(self, finding: Finding) -> None:
        self._finding = finding

    def check(self, group: Group, before: Accord | None) -> None:
        """Check one group; ``before`` is the state before it, none where it is not known or nothing is open."""
        told = group.act_entry
        if told is None or (group.follows is not None and group.follows.own is None):
            # Where the entries follow from an act without one, the rules have judged that it needs none.
            return
        try:
            problem = self._problem(told, before)
        except Exception as error:
            # A record that breaks the model is a finding about the record, whatever the model raises.
            problem = f"the own signature cannot be checked: {type(error).__name__}: {str(error)[:200]}"
        if problem is not None:
            self._finding.fail(f"entry {told.entry.position}: {group.command!r}: {problem}")

    def check_repeat(self, signed: dict[str, Any], state: Accord | None) -> None:
        """Check the signature on a genuine command without entries; ``state`` is the one in which it was refused."""
        if "own" not in signed:
            return
        if state is None:
            self._finding.lack(UNKNOWN)
            return
        problem: str | None
        try:
            own, by = OwnSignature.model_validate(signed["own"]), str(signed["delegate"])
            wanted = parse_act(signed["act"], signed["fields"])
            key = find(state, by, own.key)
            part = own_part(
                accord=signed["accord"],
                act=signed["act"],
                delegate=by,
                fields=wanted.facts(),
                command=signed["id"],
                particulars=own.particulars,
                not_after=own.facts().get("not_after"),
                required_version=signed.get("required_version"),
            )
            fitting = key is not None and fits(key.public_key, own.signature, part)
            same = own.particulars == particulars_digest(own.salt, wanted.particulars())
            problem = None if fitting and same else f"the own signature of {by!r} does not fit the act"
        except Exception as error:
            problem = f"the own signature cannot be checked: {type(error).__name__}: {str(error)[:200]}"
        if problem is not None:
            self._finding.fail(f"{str(signed['id'])[:80]!r}, which caused no entry: {problem}")

    def _problem(self, told: Told, before: Accord | None) -> str | None:
        own, act, entry = told.own, told.act or {}, told.entry
        if before is None:
            if own is not None:
                self._finding.lack(UNKNOWN)
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
                not_after=act.get("not_after"),
                required_version=act.get("required_version"),
            )
            if not fits(key.public_key, own.signature, part):
                return f"the own signature of {entry.actor.delegate!r} does not fit the act"
            if told.particulars is not None:
                said = told.particulars.get("act", {})
                if own.particulars != particulars_digest(own.salt, said):
                    return "the free text is not the one that the delegate signed"
        # Whether one is needed, and whether the key was revoked by then, is judged by the rules.
        return None
