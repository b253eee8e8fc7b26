"""Signed acts and completeness: what was asked for, who signed it, and whether all of it is there."""

from __future__ import annotations

import base64
import binascii
import hashlib
import itertools
from array import array
from collections.abc import Iterable, Iterator
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic_core import from_json

from activities.bundle.format import BundledCommand
from activities.errors import Malformed
from activities.ledger.entry import decode_canonical
from activities.tlog.note import verifies_ed25519
from activities.verifier.findings import Finding
from activities.verifier.groups import Group
from activities.verifier.signatures import SignedBytes
from workflows.model.canonical import NotCanonical, canonical, digest_bytes, digest_of
from workflows.model.commands import OPEN, TICK, UNATTRIBUTED, OwnSignature
from workflows.model.declare import Rejected, parse_act
from workflows.record.refusals import ActRefused

_SIGNED = {"accord", "act", "delegate", "fields", "id", "key_id", "signature"}
_OPTIONAL = {"own", "required_version"}


def parse_command_key(text: str) -> tuple[str, bytes]:
    """The id and the raw bytes of a public key that signs commands, from its base64.

    Raises:
        Malformed: where it is none.
    """
    try:
        raw = base64.b64decode(text, validate=True)
        Ed25519PublicKey.from_public_bytes(raw)
    except (binascii.Error, ValueError):
        raise Malformed(
            f"{text[:60]!r} is not the base64 of an Ed25519 public key", "Ask its owner again"
        ) from None
    return hashlib.sha256(raw).hexdigest()[:16], raw


class SignedActs:
    """Holds each group of entries against the signed command that is said to have caused it.

    ``keys`` are those of the API that signs for the delegates whom it authenticated; ``given`` whether they were
    handed to the verifier, and do not merely come with the bundle.
    """

    def __init__(self, finding: Finding, keys: Iterable[str], *, given: bool) -> None:
        self._finding = finding
        self._keys = dict(parse_command_key(key) for key in keys)
        self._given = given

    def check(self, group: Group, command: BundledCommand | None, verified: bool | None = None) -> None:
        """Check one group; ``command`` is the outcome that belongs to it, if there is one.

        ``verified`` says whether what :meth:`signed` gave for it verifies, ``None`` if that is to be found out here.
        """
        delegate = group.command.partition("/")[0]
        if delegate in (TICK, UNATTRIBUTED):
            self._unsigned(group, delegate)
            return
        self._finding.checked += 1
        if command is None or command.signed == "withheld":
            self._finding.gap("signed commands are withheld")
        elif command.signed == "erased":
            self._erased(group)
        elif isinstance(command.signed, bytes):
            if verified is None:
                signed = self.signed(group, command)
                verified = signed is not None and signed.verifies()
            problem = None if verified else self._problem(group, command, command.signed)
            if problem is not None:
                self._finding.fail(f"entry {group.first}: {group.command!r}: {problem}")
            elif not self._given:
                self._finding.gap(
                    "the keys that commands are signed with came with the bundle; give --command-key"
                )

    def _unsigned(self, group: Group, delegate: str) -> None:
        """Nobody signs for the clock or an unattributed signal: then no delegate may stand on the entries."""
        for told in group.told:
            if told.entry.actor.delegate not in (TICK, delegate) or told.entry.actor.party is not None:
                self._finding.fail(
                    f"entry {told.entry.position}: {told.entry.actor.delegate!r} stands on it, and nobody signed"
                )

    def _erased(self, group: Group) -> None:
        told = group.act_entry
        if (
            told is not None
            and told.entry.type == ActRefused.type
            and (told.act or {}).get("withheld") is True
        ):
            self._finding.note(
                "acts of who might not act are refused without what they asked for, and nobody's signature is kept"
            )
        elif any(told.erased for told in group.told):
            self._finding.gap("signed commands are erased with the particulars that they held")
        else:
            self._finding.fail(
                f"entry {group.first}: the signed command is missing, and no particulars were erased with it"
            )

    def _problem(self, group: Group, command: BundledCommand, content: bytes) -> str | None:
        try:
            signed = decode_canonical(content, "the signed command")
        except Malformed as error:
            return error.what
        if not isinstance(signed, dict) or signed.keys() - _OPTIONAL != _SIGNED:
            return "the signed command does not have the members of one"
        entry = group.told[0].entry
        by = str(signed["delegate"])
        if (signed["accord"], signed["id"]) != (entry.accord, entry.command) or not entry.command.startswith(
            by + "/"
        ):
            return "the signed command is for another accord, or has another id"
        part = {key: value for key, value in signed.items() if key != "signature"}
        if not self._signed_by_known_key(part, signed["signature"]):
            return f"no known key made the signature (key id {str(signed['key_id'])[:20]!r})"
        kept = {key: value for key, value in part.items() if key not in ("key_id", "own")}
        if command.salt is None:
            return "the salt of its fingerprint is missing, and the signed command is there"
        if salted_digest(digest_of(kept), command.salt) != command.fingerprint:
            return "the fingerprint that the ledger kept is not that of the signed command"
        return _mismatch(group, signed)

    def signed(self, group: Group, command: BundledCommand | None) -> SignedBytes | None:
        """What is to be verified, if what was signed is, byte for byte, the command from which the entries follow.

        That is so for nearly every act of an honest record, and costs a fraction of reading the act once more. Where it
        is not, this says nothing: the checks one by one find out what is wrong, if anything is.
        """
        asked, told = group.follows, group.act_entry
        if asked is None or told is None or asked.act == OPEN or command is None or command.salt is None:
            return None
        entry, content = group.told[0].entry, command.signed
        if told.entry.actor.delegate != asked.delegate or not entry.command.startswith(f"{asked.delegate}/"):
            return None
        try:
            signed: Any = from_json(content) if isinstance(content, bytes) else None
            key_id, signature = signed["key_id"], signed["signature"]
            raw = self._keys[key_id]
            signature_bytes = base64.b64decode(signature, validate=True)
        except (binascii.Error, KeyError, TypeError, ValueError):
            return None
        part = {
            "accord": entry.accord,
            "act": asked.act,
            "delegate": asked.delegate,
            "fields": asked.fields,
            "id": entry.command,
        }
        # The members of a canonical object stand in the order of their names, so that its parts can be put together.
        head = canonical(part)[:-1]
        version = (
            b"" if asked.required_version is None else b',"required_version":%d' % asked.required_version
        )
        own = b"" if asked.own is None else b',"own":' + canonical(asked.own.model_dump(mode="json"))
        covered = head + b',"key_id":' + canonical(key_id) + own + version
        if content != covered + b',"signature":' + canonical(signature) + b"}":
            return None
        if salted_digest(digest_bytes(head + version + b"}"), command.salt) != command.fingerprint:
            return None
        return SignedBytes(raw, signature_bytes, covered + b"}")

    def _signed_by_known_key(self, part: dict[str, Any], signature: object) -> bool:
        raw = self._keys.get(str(part["key_id"]))
        if raw is None or not isinstance(signature, str):
            return False
        try:
            return verifies_ed25519(raw, base64.b64decode(signature, validate=True), canonical(part))
        except (binascii.Error, ValueError, NotCanonical):
            return False


def salted_digest(fingerprint: str, salt: bytes) -> str:
    """What the ledger keeps of a command's fingerprint: SHA-256 over a salt and its text."""
    return "sha256:" + hashlib.sha256(salt + fingerprint.encode()).hexdigest()


def _mismatch(group: Group, signed: dict[str, Any]) -> str | None:
    """How the entries differ from what was signed."""
    told = group.act_entry
    if told is None:
        if all(each.facts is not None and each.entry.actor.delegate == TICK for each in group.told):
            return None
        if any(each.facts is None for each in group.told):
            return None
        return "the entries do not say which act caused them"
    act = told.act or {}
    if signed["delegate"] != told.entry.actor.delegate:
        return (
            f"{str(signed['delegate'])[:60]!r} signed, and {told.entry.actor.delegate!r} stands on the entry"
        )
    if signed["act"] != act.get("name"):
        return (
            f"the act signed is {str(signed['act'])[:60]!r}, the entry tells of {str(act.get('name'))[:60]!r}"
        )
    try:
        if signed["act"] == OPEN:
            same = (told.facts or {}).get("event", {}).get("digest") == act["fields"]["definition"]
            return None if same and _definition(signed) == act["fields"]["definition"] else _OTHER
        wanted = parse_act(signed["act"], signed["fields"])
        if canonical(wanted.facts()) != canonical(act["fields"]):
            return _OTHER
        said: dict[str, Any] = {"act": wanted.particulars()} if wanted.particulars() else {}
        own = OwnSignature.model_validate(signed["own"]) if "own" in signed else None
        if signed.get("required_version") != act.get("required_version"):
            return "the version that was required is not the one on the entry"
        if (own.facts() if own is not None else {}) != {
            key: value for key, value in act.items() if key not in ("name", "fields", "required_version")
        }:
            return (
                "the delegate's own signature on the entry is not the one that was passed on with the command"
            )
        if said and own is not None:
            said["salt"] = own.salt
        if told.particulars is not None and told.particulars != said:
            return "the particulars are not those that were signed"
    except (Rejected, KeyError, TypeError, ValueError, AttributeError) as error:
        return f"the signed command does not read: {str(error)[:200]}"
    return None


_OTHER = "the fields on the entry are not those that were signed"


def _definition(signed: dict[str, Any]) -> str:
    from workflows.model.definition import Definition

    return Definition.model_validate(signed["fields"]["definition"]).digest()


class Completeness:
    """Walks through the outcomes of the commands beside the groups of entries, and misses what is missing."""

    def __init__(self, finding: Finding, commands: Iterator[BundledCommand] | None) -> None:
        self._finding = finding
        self._commands = commands
        self._ahead: BundledCommand | None = None
        self._seen = array("Q")
        if commands is None:
            self._finding.gap("the outcomes of commands are withheld")
        else:
            self._ahead = next(commands, None)

    def take(self, group: Group, root: str) -> BundledCommand | None:
        """The outcome of the group's command, checked against it; ``root`` is the hexadecimal root after it."""
        self._finding.checked += 1
        self._see(group.command)
        if self._commands is None:
            return None
        self._repeats(group.first)
        found = self._ahead
        if found is None or not found.receipt.events or found.receipt.size > group.end:
            self._finding.fail(
                f"entry {group.first}: the outcome of its command {group.command!r} is missing"
            )
            return None
        self._ahead = next(self._commands, None)
        self._check(group, found, root)
        return found

    def give_up(self) -> None:
        """Entries are absent: which commands they belong to cannot be told."""
        self._finding.gap("entries are absent")
        self._commands = None

    def finish(self, size: int) -> None:
        """What is left after the last entry; commands that come twice."""
        if self._commands is not None:
            self._repeats(size)
            if self._ahead is not None:
                self._finding.fail(
                    f"the command {self._ahead.id[:80]!r} has a receipt at size {self._ahead.receipt.size}, and its "
                    f"entries are missing: the record ends at {size}, or they were taken out"
                )
        ordered = sorted(self._seen)
        for one, other in itertools.pairwise(ordered):
            if one == other:
                self._finding.fail("two commands of the record have the same id")

    def _repeats(self, up_to: int) -> None:
        """Pass over repeated refusals, which have no entries of their own."""
        while (
            self._commands is not None
            and self._ahead is not None
            and not self._ahead.receipt.events
            and self._ahead.receipt.size <= up_to
        ):
            receipt = self._ahead.receipt
            self._see(self._ahead.id)
            if receipt.status != "refused" or receipt.position >= receipt.size:
                self._finding.fail(
                    f"the command {self._ahead.id[:80]!r} caused nothing, and is no repeated refusal"
                )
            self._ahead = next(self._commands, None)

    def _check(self, group: Group, command: BundledCommand, root: str) -> None:
        last = group.told[-1]
        receipt = command.receipt
        said = (command.id, receipt.command, receipt.first_position, receipt.position, receipt.size)
        there = (group.command, group.command, group.first, last.entry.position, group.end)
        if said != there:
            self._finding.fail(
                f"entry {group.first}: the receipt beside it is of other entries: {said} for {there}"
            )
        elif receipt.events != tuple(told.entry.type for told in group.told):
            self._finding.fail(
                f"entry {group.first}: its receipt names other events: {', '.join(receipt.events[:5])}"
            )
        elif (receipt.leaf, receipt.root) != (last.leaf.hex(), root):
            self._finding.fail(
                f"entry {group.first}: its receipt names another leaf or root than the record has"
            )

    def _see(self, command: str) -> None:
        # Eight bytes for each, so that a million take eight megabytes.
        self._seen.append(int.from_bytes(hashlib.sha256(command.encode()).digest()[:8], "big"))
