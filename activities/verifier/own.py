"""Delegates' own signatures: each fits the act on its entry, under a key that the record has enrolled by then.

Whether an act needs one, and whether the key was revoked by then, is judged by the rules, and so by the fold.
"""

from __future__ import annotations

from typing import Any

from activities.identity.own_signatures import fits
from activities.verifier.findings import Finding
from activities.verifier.groups import Group, Told
from workflows.model.commands import OwnSignature
from workflows.model.declare import parse_act
from workflows.record.keys import KeyEnrolled, key_id, own_part, particulars_digest

UNKNOWN = "delegates' own signatures, since what may have enrolled their keys is withheld"
"""What cannot be checked where entries or facts are absent."""


class OwnSignatures:
    """Checks the signatures that parties require of their delegates. No key of the server's can make them."""

    def __init__(self, finding: Finding) -> None:
        self._finding = finding
        # By delegate and id of the key: from which position on, and the key.
        self._enrolled: dict[tuple[str, str], tuple[int, str]] = {}
        self._absent: int | None = None

    def learn(self, position: int, told: Told | None) -> None:
        """Take in an entry: the key that it enrols counts for the commands that come after."""
        if told is None or told.facts is None:
            self._absent = position if self._absent is None else self._absent
        elif told.entry.type == KeyEnrolled.type:
            try:
                event = KeyEnrolled.model_validate(told.facts["event"])
                self._enrolled.setdefault(
                    (event.delegate, key_id(event.public_key)), (position, event.public_key)
                )
            except (KeyError, TypeError, ValueError):
                # That it does not read is a finding of the fold; no key is enrolled by it.
                return

    def check(self, group: Group) -> str | None:
        """Check one group; the id of the key that the delegate signed with, if it did and that fits."""
        told = group.act_entry
        if told is None:
            return None
        lacking = sum(self._finding.absent.values())
        try:
            problem = self._problem(told, group.first)
        except Exception as error:
            # A record that breaks the model is a finding about the record, whatever the model raises.
            problem = f"the own signature cannot be checked: {type(error).__name__}: {str(error)[:200]}"
        if problem is not None:
            self._finding.fail(f"entry {told.entry.position}: {group.command!r}: {problem}")
            return None
        own = None if sum(self._finding.absent.values()) > lacking else told.own
        return None if own is None else own.key

    def check_repeat(self, signed: dict[str, Any], size: int) -> None:
        """Check the signature on a genuine command without entries, which was refused at that size of the record."""
        if "own" not in signed:
            return
        problem: str | None
        try:
            own, by = OwnSignature.model_validate(signed["own"]), str(signed["delegate"])
            wanted = parse_act(signed["act"], signed["fields"])
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
            problem = self._fitting(by, own, part, size)
            if problem is None and own.particulars != particulars_digest(own.salt, wanted.particulars()):
                problem = "the free text is not the one that the delegate signed"
        except Exception as error:
            problem = f"the own signature cannot be checked: {type(error).__name__}: {str(error)[:200]}"
        if problem is not None:
            self._finding.fail(f"{str(signed['id'])[:80]!r}, which caused no entry: {problem}")

    def _problem(self, told: Told, below: int) -> str | None:
        own, act, entry = told.own, told.act or {}, told.entry
        if own is None:
            return None
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
        problem = self._fitting(entry.actor.delegate, own, part, below)
        if problem is None and told.particulars is not None:
            said = told.particulars.get("act", {})
            if own.particulars != particulars_digest(own.salt, said):
                problem = "the free text is not the one that the delegate signed"
        return problem

    def _fitting(self, by: str, own: OwnSignature, part: dict[str, Any], below: int) -> str | None:
        position, public = self._enrolled.get((by, own.key), (below, ""))
        if position >= below:
            if self._absent is not None and self._absent < below:
                self._finding.lack(UNKNOWN)
                return None
            return f"it is signed with {own.key}, which is no key of {by!r} by then"
        return (
            None if fits(public, own.signature, part) else f"the own signature of {by!r} does not fit the act"
        )
