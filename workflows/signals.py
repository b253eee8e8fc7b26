"""Signals as they arrive: from outside, by whoever reaches Temporal, in any shape; each becomes a command.

Signed, it is its monitor's; unsigned, nobody's in particular; unreadable, it is refused, and that is on the record.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from temporalio import workflow
from temporalio.common import RawValue

from workflows.model.canonical import NotCanonical, digest_bytes, digest_of
from workflows.model.commands import Command
from workflows.model.decide import UNATTRIBUTED, UNREADABLE
from workflows.model.declare import ACTS


def read_signal(accord: str, name: str, raws: Sequence[RawValue]) -> Command:
    """The command that a signal asks for. Never fails: what does not read becomes a command that says so."""
    if name not in ACTS or not ACTS[name].signal:
        return unreadable(accord, name, raws, "there is no such signal")
    if not raws:
        return unreadable(accord, name, raws, "it came without an argument")
    try:
        value = workflow.payload_converter().from_payload(raws[0].payload)
    except (
        Exception
    ) as error:  # Whatever a stranger's payload makes the converter raise, it goes on the record.
        return unreadable(accord, name, raws, f"the payload does not decode: {type(error).__name__}")
    if not isinstance(value, dict):
        return unreadable(accord, name, raws, "the payload is no JSON object")
    if "signature" in value and "delegate" in value:
        try:
            return Command.model_validate(value)
        except ValidationError:
            return unreadable(accord, name, raws, "the signed command does not read")
    return unattributed(accord, name, value)


def unattributed(accord: str, name: str, fields: dict[str, Any]) -> Command:
    """The signal as one that nobody signed: it can raise an alarm, nothing else."""
    try:
        mark = _mark(fields)
    except NotCanonical as error:
        return unreadable(accord, name, [], str(error))
    return Command(accord=accord, id=f"{UNATTRIBUTED}/{mark}", act=name, fields=fields, delegate=UNATTRIBUTED)


def unreadable(accord: str, name: str, raws: Sequence[RawValue], reason: str) -> Command:
    """The signal as one that cannot be taken up, for ``reason``; its payload by digest."""
    payload = digest_bytes(b"".join(raw.payload.data for raw in raws))
    fields = {"name": name[:100], "reason": reason[:300], "payload": payload}
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
