"""Commands that nobody signs: the clock's, and signals that came without a signature. Their ids bind what they say."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from activities.bundle.format import BundledCommand
from activities.errors import Malformed
from activities.ledger.entry import decode_canonical
from activities.verifier.groups import Group
from activities.verifier.refusals import RecordedRefusal
from workflows.model.canonical import NotCanonical, canonical, digest_of
from workflows.model.commands import TICK, UNATTRIBUTED, UNREADABLE
from workflows.model.declare import Rejected, parse_act
from workflows.record.refusals import SignalRefused

NOBODY: Final = (TICK, UNATTRIBUTED)
"""What the ids of commands begin with that nobody signs."""

_MEMBERS: Final = {"accord", "act", "delegate", "fields", "id", "key_id", "signature"}


def salted_digest(fingerprint: str, salt: bytes) -> str:
    """What the ledger keeps of a command's fingerprint: SHA-256 over a salt and its text."""
    return "sha256:" + hashlib.sha256(salt + fingerprint.encode()).hexdigest()


def unsigned_problem(
    accord: str,
    command: BundledCommand,
    content: bytes,
    group: Group | None,
    repeats: RecordedRefusal | None = None,
) -> str | None:
    """What is wrong with a command that nobody signed, ``group`` its entries; without any, it has to repeat a refusal.

    A signal's id is made of the digest of its fields, and stands on the entry: so its text is bound as well, although
    nobody signed it.
    """
    try:
        said = decode_canonical(content, "the command")
    except Malformed as error:
        return error.what
    if not isinstance(said, dict) or said.keys() != _MEMBERS or not isinstance(said["fields"], dict):
        return "it does not have the members of a command that nobody signed"
    if (said["key_id"], said["signature"]) != ("", ""):
        return "nobody signs such a command, and there is a signature on it"
    by = command.id.partition("/")[0]
    if (said["accord"], said["id"], said["delegate"]) != (accord, command.id, by):
        return "it is for another accord, or has another id"
    if said["act"] != command.receipt.act:
        return f"its receipt is of another act, {command.receipt.act[:60]!r}"
    kept = {key: value for key, value in said.items() if key not in ("key_id", "signature")}
    if command.salt is None or salted_digest(digest_of(kept), command.salt) != command.fingerprint:
        return "the fingerprint that the ledger kept is not that of the command"
    if by == TICK:
        return _clock(said, group)
    if command.id != f"{UNATTRIBUTED}/{digest_of(said['fields']).removeprefix('sha256:')[:32]}":
        return "its id is not the digest of what it says"
    try:
        return _signal(said, group, repeats)
    except (Rejected, KeyError, TypeError, ValueError, NotCanonical) as error:
        return f"it does not read: {str(error)[:200]}"


def _clock(said: dict[str, Any], group: Group | None) -> str | None:
    if group is None:
        return "the clock's commands are never refused"
    if said["act"] != TICK or said["fields"] or said["id"] != f"{TICK}/{group.first}":
        return "the clock's command says something, or is of another size of the record"
    return None


def _signal(said: dict[str, Any], group: Group | None, repeats: RecordedRefusal | None) -> str | None:
    """How the entries, or the refusal that is repeated, differ from the signal."""
    if group is None:
        event = None if repeats is None else repeats.event
        refused = repeats is None or repeats.type == SignalRefused.type
    else:
        last, told = group.told[-1], group.act_entry
        if told is not None and told.act is not None:
            facts = told.act["fields"]
            common = {name: said["fields"][name] for name in said["fields"] if name in facts}
            same = said["act"] == told.act["name"] and canonical(common) == canonical(facts)
            return None if same else "the fields on the entry are not those of the signal"
        if any(each.facts is None for each in group.told):
            return None
        refused, event = last.entry.type == SignalRefused.type, (last.facts or {})["event"]
    if not refused:
        return "what it points at is no refusal of a signal"
    if event is None:
        return None
    name, payload = _refused_as(said)
    if (event["signal"], event["payload"]) != (name, payload):
        return "what was refused is another signal"
    if (
        said["act"] == UNREADABLE
        and group is not None
        and event["reason"] != (said["fields"]["reason"] or "?")
    ):
        return "it was refused for another reason"
    return None


def _refused_as(said: dict[str, Any]) -> tuple[str, str]:
    """Name and payload by which the refusal of a signal is on record."""
    if said["act"] == UNREADABLE:
        return said["fields"]["name"] or "?", said["fields"]["payload"]
    return said["act"], digest_of(parse_act(said["act"], said["fields"]).facts())


__all__ = ["NOBODY", "salted_digest", "unsigned_problem"]
