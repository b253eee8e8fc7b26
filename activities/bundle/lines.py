"""The forms of a bundle's lines: nearly every line of an honest bundle is read by them, and by nothing else.

A line that does not have its form is read member by member, which says what is wrong with it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, convert
from msgspec.structs import asdict

from activities.ledger.strict_json import Form, Natural, reader
from workflows.model.canonical import MAX_SAFE_INTEGER
from workflows.model.commands import YEARS, Receipt

Absent = Literal["erased", "withheld"]
"""Why a payload or a signed command is not there. The exporter says so; it cannot be proved."""


class SaltedContent(Form, frozen=True):
    """A payload: canonical JSON as text, and its salt."""

    content: str
    salt: bytes


class PayloadsLine(Form, frozen=True):
    """What is there of an entry's payloads."""

    facts: SaltedContent | Absent
    particulars: SaltedContent | Absent
    position: Natural


class BundledReceipt(Form, frozen=True):
    """A command's receipt (:class:`workflows.model.commands.Receipt`) as it stands in a bundle."""

    accord: str
    act: str
    command: str
    events: tuple[str, ...]
    first_position: int
    leaf: str
    position: int
    refusal: dict[str, Any] | None
    root: str
    size: int
    stage: str
    status: Literal["recorded", "refused"]
    time: Annotated[datetime, Meta(tz=True)]
    version: int

    @classmethod
    def of(cls, receipt: Receipt) -> BundledReceipt:
        """What the receipt says."""
        refusal = None if receipt.refusal is None else receipt.refusal.model_dump(mode="json")
        return convert({**receipt.model_dump(exclude={"refusal"}), "refusal": refusal}, cls)

    def as_recorded(self) -> Receipt:
        """The receipt as the ledger gave it."""
        return Receipt.model_validate(asdict(self))


class CommandLine(Form, frozen=True):
    """The outcome of a command."""

    fingerprint: str
    id: str
    receipt: BundledReceipt
    salt: bytes | None
    signed: str


read_payloads = reader(PayloadsLine)
_read_command = reader(CommandLine)


def read_command(line: bytes) -> CommandLine | None:
    """The outcome of a command that was not refused, in its one form; none for everything else, right or wrong."""
    command = _read_command(line)
    if command is None or command.receipt.refusal is not None:
        return None
    receipt = command.receipt
    # No part of the form, since a receipt that was read the slower way can be of other numbers.
    numbers = receipt.first_position, receipt.position, receipt.size, receipt.version
    if min(numbers) < 0 or max(numbers) > MAX_SAFE_INTEGER:
        return None
    # The same instant in another zone would come back as it was written, too.
    if receipt.time.tzinfo is not UTC or not YEARS[0] < receipt.time.year < YEARS[1]:
        return None
    return command
