"""Signed acts: what was asked for, who signed it, and that it is what stands on the record."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic_core import from_json

from activities.bundle.format import BundledCommand
from activities.errors import Malformed
from activities.ledger.entry import decode_canonical
from activities.ledger.strict_json import written
from activities.tlog.note import verifies_ed25519
from activities.verifier.findings import Finding
from activities.verifier.groups import Group, Told
from activities.verifier.minutes import Proof
from activities.verifier.refusals import RecordedRefusal
from activities.verifier.signatures import SignedBytes
from activities.verifier.unsigned import NOBODY, salted_digest, unsigned_problem
from workflows.model.canonical import NotCanonical, canonical, digest_bytes, digest_of
from workflows.model.commands import OPEN, OwnSignature
from workflows.record.refusals import ActRefused

_SIGNED = {"accord", "act", "delegate", "fields", "id", "key_id", "signature"}
_OPTIONAL = {"own", "required_version"}

_END = re.compile(
    rb',"key_id":"(?P<key_id>[0-9a-f]{16})"(?P<between>.*),"signature":"(?P<signature>[A-Za-z0-9+/]{86}==)"\}',
    re.DOTALL,
)
"""How a signed command goes on after its id."""

OWN_WORD = "the keys that commands are signed with came with the bundle; give --command-key"
"""Why a good signature on a command proves nothing."""


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


UNHEARD = "acts of who might not act are refused without what they asked for, and nobody's signature is kept"
"""What there is to say of a refusal by which nothing of a delegate's act got onto the record."""


ERASED = (
    "signed commands are erased with the particulars that they held: that those acts were asked for rests on the word "
    "of whoever erased them, but where a delegate's own signature stands on the entry"
)
"""What there is to say of an act whose signature by the API was erased with its free text, since it covers that."""


class SignedActs:
    """Holds each group of entries against the signed command that is said to have caused it.

    ``keys`` are those of the API that signs for the delegates whom it authenticated.
    """

    def __init__(self, finding: Finding, accord: str, keys: Iterable[str]) -> None:
        self._finding = finding
        self._accord = accord
        self._keys = dict(parse_command_key(key) for key in keys)

    def check(self, group: Group, command: BundledCommand | None, verified: bool | None = None) -> Proof:
        """Check one group, and say what is proved; ``command`` is the outcome that belongs to it, if there is one.

        ``verified`` says whether what :meth:`signed` gave for it verifies, ``None`` if that is to be found out here.
        """
        delegate = group.command.partition("/")[0]
        if delegate in NOBODY:
            self._nobody_stands(group, delegate)
        if command is None:
            self._finding.lack("the outcomes of commands are withheld")
            return Proof("withheld")
        where = f"entry {group.first}: {group.command!r}"
        if not isinstance(command.signed, bytes):
            if command.signed == "erased" and group.unheard:
                self._finding.note(UNHEARD)
                return Proof("unheard")
            return self._absent(where, command, erased=any(told.erased for told in group.told))
        self._finding.checked += 1
        if delegate in NOBODY:
            problem = unsigned_problem(self._accord, command, command.signed, group)
            return Proof("wrong" if self._say(where, problem) else "unsigned", None, problem)
        signed = None
        if verified is None:
            signed = self.signed(group, command)
            verified = signed is not None and signed.verifies()
        problem = None if verified else self._problem(group, command, command.signed)
        if self._say(where, problem):
            return Proof("wrong", None, problem)
        return Proof("signed", from_json(command.signed)["key_id"] if signed is None else signed.key_id)

    def check_repeat(self, command: BundledCommand, refused: RecordedRefusal | None) -> dict[str, Any] | None:
        """Check a command without entries, which repeats what was refused; its signed form, where that is genuine."""
        where = f"the command {command.id[:80]!r}, which caused no entry"
        if not isinstance(command.signed, bytes):
            if command.signed == "erased" and refused is not None and refused.unheard:
                self._finding.note(UNHEARD)
                return None
            self._absent(where, command, erased=refused is not None and refused.erased)
            return None
        self._finding.checked += 1
        if command.id.partition("/")[0] in NOBODY:
            self._say(where, unsigned_problem(self._accord, command, command.signed, None, refused))
            return None
        problem, signed = self._genuine(command, command.signed)
        if problem is None and signed is not None and refused is not None:
            problem = _repeats_otherwise(signed, command, refused)
        self._say(where, problem)
        return None if problem else signed

    def check_alone(self, command: BundledCommand) -> None:
        """Check a command of which the record does not tell where its entries stand: that it is genuine."""
        if isinstance(command.signed, bytes) and command.id.partition("/")[0] not in NOBODY:
            self._finding.checked += 1
            problem, _ = self._genuine(command, command.signed)
            self._say(f"the command {command.id[:80]!r}", problem)

    def _say(self, where: str, problem: str | None) -> bool:
        """Say what is wrong, if anything is; whether it is."""
        if problem is not None:
            self._finding.fail(f"{where}: {problem}")
        return problem is not None

    def _nobody_stands(self, group: Group, delegate: str) -> None:
        """Nobody signs for the clock or an unattributed signal: then no delegate may stand on the entries."""
        for told in group.told:
            if told.entry.actor.delegate not in ("clock", delegate) or told.entry.actor.party is not None:
                self._finding.fail(
                    f"entry {told.entry.position}: {told.entry.actor.delegate!r} stands on it, and nobody signed"
                )

    def _absent(self, where: str, command: BundledCommand, *, erased: bool) -> Proof:
        if command.signed == "withheld":
            self._finding.lack("signed commands are withheld")
            return Proof("withheld")
        if erased:
            self._finding.lack(ERASED)
            return Proof("erased")
        problem = "the signed command is missing, and no particulars were erased with it"
        self._say(where, problem)
        return Proof("wrong", None, problem)

    def _problem(self, group: Group, command: BundledCommand, content: bytes) -> str | None:
        problem, signed = self._genuine(command, content)
        if problem is not None or signed is None:
            return problem
        return _mismatch(group, signed)

    def _genuine(self, command: BundledCommand, content: bytes) -> tuple[str | None, dict[str, Any] | None]:
        """What is wrong with the signature on a command, with its id or its fingerprint; and the command."""
        try:
            signed = decode_canonical(content, "the signed command")
        except Malformed as error:
            return error.what, None
        if not isinstance(signed, dict) or signed.keys() - _OPTIONAL != _SIGNED:
            return "the signed command does not have the members of one", None
        by = str(signed["delegate"])
        if (signed["accord"], signed["id"]) != (self._accord, command.id) or not command.id.startswith(
            by + "/"
        ):
            return "the signed command is for another accord, or has another id", None
        part = {key: value for key, value in signed.items() if key != "signature"}
        if not self._signed_by_known_key(part, signed["signature"]):
            return f"no known key made the signature (key id {str(signed['key_id'])[:20]!r})", None
        kept = {key: value for key, value in part.items() if key not in ("key_id", "own")}
        if command.salt is None:
            return "the salt of its fingerprint is missing, and the signed command is there", None
        if salted_digest(digest_of(kept), command.salt) != command.fingerprint:
            return "the fingerprint that the ledger kept is not that of the signed command", None
        if signed["act"] != command.receipt.act:
            return f"the receipt is of the act {command.receipt.act[:60]!r}, another one was signed", None
        return None, signed

    def signed(self, group: Group, command: BundledCommand | None) -> SignedBytes | None:
        """What is to be verified, if what was signed is, byte for byte, the command from which the entries follow.

        That is so for every act of an honest record, and costs a fraction of reading the act once more. Where it is
        not, this says nothing: the checks one by one find out what is wrong, if anything is.
        """
        asked, told = group.follows, group.act_entry
        if asked is None or told is None or command is None or command.salt is None:
            return None
        entry, content = group.told[0].entry, command.signed
        if not isinstance(content, bytes):
            return None
        if told.entry.actor.delegate != asked.delegate or not entry.command.startswith(f"{asked.delegate}/"):
            return None
        if command.id != entry.command or command.receipt.act != asked.act:
            return None
        part = {
            "accord": entry.accord,
            "act": asked.act,
            "delegate": asked.delegate,
            "fields": asked.fields,
            "id": entry.command,
        }
        # The members of a canonical object stand in the order of their names, so that its parts can be put together.
        head = written(part)[:-1]
        version = (
            b"" if asked.required_version is None else b',"required_version":%d' % asked.required_version
        )
        own = b"" if asked.own is None else b',"own":' + written(asked.own.model_dump(mode="json"))
        end = _END.fullmatch(content, len(head))
        if end is None or not content.startswith(head) or end["between"] != own + version:
            return None
        key_id = end["key_id"].decode()
        raw = self._keys.get(key_id)
        if raw is None:
            return None
        if salted_digest(digest_bytes(head + version + b"}"), command.salt) != command.fingerprint:
            return None
        covered = content[: end.end("between")] + b"}"
        return SignedBytes(key_id, raw, binascii.a2b_base64(end["signature"]), covered)

    def _signed_by_known_key(self, part: dict[str, Any], signature: object) -> bool:
        raw = self._keys.get(str(part["key_id"]))
        if raw is None or not isinstance(signature, str):
            return False
        try:
            return verifies_ed25519(raw, base64.b64decode(signature, validate=True), canonical(part))
        except (binascii.Error, ValueError, NotCanonical):
            return False


def _mismatch(group: Group, signed: dict[str, Any]) -> str | None:
    """How the entries differ from what was signed."""
    told = group.act_entry
    if told is None:
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
            return _other_definition(told, signed)
        return _other_fields(told, act, signed)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return f"the signed command does not read: {str(error)[:200]}"


_OTHER = "the fields on the entry are not those that were signed"


def _other_definition(told: Told, signed: dict[str, Any]) -> str | None:
    event, fields = (told.facts or {})["event"], (told.act or {})["fields"]
    if signed["fields"].keys() != {"definition"}:
        return _OTHER
    digest = digest_of(signed["fields"]["definition"])
    same = (event["definition"], event["digest"], fields) == (
        signed["fields"]["definition"],
        digest,
        {"definition": digest},
    )
    return None if same else _OTHER


def _other_fields(told: Told, act: dict[str, Any], signed: dict[str, Any]) -> str | None:
    facts, fields = act["fields"], signed["fields"]
    if canonical({name: fields[name] for name in fields if name in facts}) != canonical(facts):
        return _OTHER
    if signed.get("required_version") != act.get("required_version"):
        return "the version that was required is not the one on the entry"
    own = OwnSignature.model_validate(signed["own"]) if "own" in signed else None
    if (own.facts() if own is not None else {}) != {
        key: value for key, value in act.items() if key not in ("name", "fields", "required_version")
    }:
        return "the delegate's own signature on the entry is not the one that was passed on with the command"
    free = {name: value for name, value in fields.items() if name not in facts}
    said: dict[str, Any] = {"act": free} if free else {}
    if free and own is not None:
        said["salt"] = own.salt
    if told.particulars is not None and canonical(told.particulars) != canonical(said):
        return "the particulars are not those that were signed"
    return None


def _repeats_otherwise(
    signed: dict[str, Any], command: BundledCommand, refused: RecordedRefusal
) -> str | None:
    """How the refusal that a repeated command points at is not one of that very act."""
    where = f"the entry {command.receipt.position} that it points at"
    if refused.type != ActRefused.type or refused.delegate != signed["delegate"]:
        return f"{where} refuses nothing to {str(signed['delegate'])[:60]!r}"
    if refused.event is not None and refused.event.get("act") != signed["act"]:
        return f"{where} refuses another act"
    return None
