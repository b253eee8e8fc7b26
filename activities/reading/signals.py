"""Signals as they came: from outside, by whoever reaches Temporal, in any shape; each becomes a command.

Signed, it is its monitor's; unsigned, nobody's in particular; unreadable, it is refused, and that is on the record.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from pydantic import ValidationError

from workflows.messages import Overflow, RawSignal
from workflows.model.canonical import NotCanonical, digest_of
from workflows.model.commands import UNATTRIBUTED, UNREADABLE, Command
from workflows.model.declare import in_normal_form
from workflows.model.declared import ACTS

FOR_ANOTHER = "the signed command is for another accord or another signal"
"""Why a signal is not taken up whose command is signed, and for something else."""

_READABLE = ("json/plain", "")


def read_signal(accord: str, signal: RawSignal) -> Command:
    """The command that a signal asks for. Never fails: what does not read becomes a command that says so."""
    if signal.name not in ACTS or not ACTS[signal.name].signal:
        return unreadable(accord, signal, "there is no such signal")
    if not signal.arguments:
        return unreadable(accord, signal, "it came without an argument")
    if not signal.whole:
        return unreadable(accord, signal, "its argument is too large")
    if signal.encoding not in _READABLE:
        return unreadable(accord, signal, f"its argument is encoded as {signal.encoding[:60]}, not as JSON")
    try:
        value = json.loads(base64.b64decode(signal.data))
    except (ValueError, RecursionError) as error:
        return unreadable(accord, signal, f"the payload does not decode: {type(error).__name__}")
    if not isinstance(value, dict):
        return unreadable(accord, signal, "the payload is no JSON object")
    if "signature" in value and "delegate" in value:
        try:
            return Command.model_validate(value)
        except ValidationError:
            return unreadable(accord, signal, "the signed command does not read")
    return unattributed(accord, signal, value)


def unattributed(accord: str, signal: RawSignal, fields: dict[str, Any]) -> Command:
    """The signal as one that nobody signed: it can raise an alarm, nothing else."""
    command = Command(accord=accord, id="", act=signal.name, fields=fields, delegate=UNATTRIBUTED)
    fields = in_normal_form(command).fields
    try:
        mark = _mark(fields)
    except NotCanonical as error:
        return unreadable(accord, signal, str(error))
    return Command(
        accord=accord, id=f"{UNATTRIBUTED}/{mark}", act=signal.name, fields=fields, delegate=UNATTRIBUTED
    )


def unreadable(accord: str, signal: RawSignal, reason: str) -> Command:
    """The signal as one that cannot be taken up, for ``reason``; its payload by digest."""
    name, why = (text.strip() or "?" for text in (signal.name[:100], reason[:300]))
    return _refused(accord, {"name": name, "reason": why, "payload": signal.digest})


def id_taken(command: Command) -> str:
    """Why a signal is not taken up whose id belongs to another command."""
    return f"its id {command.id[:100]} belongs to another command"


def overflowed(accord: str, overflow: Overflow) -> Command:
    """Signals of which nothing is kept but their number, since too many came at once."""
    plural = "" if overflow.count == 1 else "s"
    reason = (
        f"{overflow.count} further signal{plural} came between {overflow.first.isoformat()} and "
        f"{overflow.last.isoformat()}, more than could be kept"
    )
    return _refused(accord, {"name": "overflow", "reason": reason, "payload": digest_of(reason)})


def _refused(accord: str, fields: dict[str, Any]) -> Command:
    return Command(
        accord=accord,
        id=f"{UNATTRIBUTED}/{_mark(fields)}",
        act=UNREADABLE,
        fields=fields,
        delegate=UNATTRIBUTED,
    )


def _mark(fields: dict[str, Any]) -> str:
    """What makes a signal's id: the same one twice is one."""
    return digest_of(fields).removeprefix("sha256:")[:32]
