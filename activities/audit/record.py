"""The ledger's side of an audit: an accord's commands and entries, from the database or from a bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from activities.bundle.format import Bundle
from activities.errors import Malformed
from activities.ledger.entry import Entry, Payload
from activities.ledger.parsing import parse
from activities.ledger.store import Known, Ledger
from activities.tlog.merkle import leaf_hash
from workflows.record.refusals import SignalRefused

PAGE = 1000


@dataclass(frozen=True, slots=True)
class Recorded:
    """An accord as the ledger has it. ``keys`` are those by which APIs sign."""

    accord: str
    outcomes: Mapping[str, Known]
    entries: Sequence[Entry | None]
    """By position; none where a bundle withholds it."""
    refused: Mapping[int, str]
    """The digests of the signals that were not taken up, by the position that says so; where its facts are there."""
    keys: tuple[str, ...]


async def from_ledger(ledger: Ledger, accord: str, keys: tuple[str, ...]) -> Recorded:
    """What the database has.

    Raises:
        LedgerError: it cannot be read, or an entry was altered.
    """
    outcomes: dict[str, Known] = {}
    after = ""
    while page := await ledger.commands(accord, after, PAGE):
        outcomes |= {command.id: command.known() for command in page}
        after = page[-1].id
    entries: list[Entry | None] = []
    refused: dict[int, str] = {}
    while more := await ledger.entries(accord, len(entries), PAGE):
        for stored in more:
            entry = stored.entry()
            entries.append(entry)
            if entry.type == SignalRefused.type and stored.facts is not None:
                refused[entry.position] = _payload(entry, stored.facts)
    return Recorded(accord, outcomes, entries, refused, keys)


def from_bundle(bundle: Bundle, keys: tuple[str, ...]) -> Recorded:
    """What a bundle has. That it is genuine is for `entente verify` to say.

    Raises:
        Malformed: it does not read, or withholds the commands.
    """
    if bundle.manifest.audience == "none":
        raise Malformed(
            "the bundle was made for nobody in particular, and holds no commands",
            "Export it with --audience facts or all",
        )
    outcomes = {
        # Outlines stay in the database: where a salt is erased, the id has to do.
        command.id: Known(command.fingerprint, command.salt, None, command.receipt.as_recorded())
        for command in bundle.commands()
    }
    entries: list[Entry | None] = []
    refused: dict[int, str] = {}
    for bundled in bundle.entries():
        if bundled.content is None:
            entries.append(None)
            continue
        entry = parse(bundled.content)
        if leaf_hash(bundled.content) != bundled.leaf or entry.position != len(entries):
            raise Malformed(
                f"the entry at position {len(entries)} of the bundle is not the one that belongs there",
                "See what entente verify says of it",
            )
        entries.append(entry)
        if entry.type == SignalRefused.type and isinstance(bundled.facts, Payload):
            refused[entry.position] = _payload(entry, bundled.facts)
    return Recorded(bundle.manifest.accord, outcomes, entries, refused, keys or bundle.manifest.command_keys)


def _payload(entry: Entry, facts: Payload) -> str:
    facts.verify(entry.facts)
    return SignalRefused.model_validate(facts.value()["event"]).payload
