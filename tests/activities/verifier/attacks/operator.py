"""What a dishonest operator can do, who has the database, the log's key and the API's key, but nobody else's."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from activities.ledger.entry import Payload, seal_payload
from activities.ledger.parsing import parse
from activities.ledger.store import StoredCommand, StoredEntry, salted
from activities.tlog.merkle import Frontier, leaf_hash
from tests.activities.verifier.record import Record
from workflows.model.canonical import canonical
from workflows.model.commands import Command

Change = Callable[[list[StoredEntry]], list[StoredEntry]]


def with_content(entry: StoredEntry, **members: Any) -> StoredEntry:
    """The entry with other members, its leaf hash made to fit."""
    content = replace(parse(entry.content), **members).encoded()
    return replace(entry, content=content, leaf=leaf_hash(content))


def with_facts(entry: StoredEntry, change: Callable[[dict[str, Any]], None]) -> StoredEntry:
    """The entry with other facts; digest and leaf hash made to fit."""
    assert entry.facts is not None
    value = entry.facts.value()
    change(value)
    payload: Payload = seal_payload(value)
    return replace(with_content(entry, facts=payload.digest()), facts=payload)


def rewrite(record: Record, change: Change) -> None:
    """Put other entries into the database, and make everything that the operator keeps fit them.

    Positions, causations, tree and receipts are made anew, so that no slip gives the operator away.
    """
    accord = record.ledger._accords[record.accord]
    entries = change(list(accord.entries))
    moved: dict[int, int] = {}
    accord.entries, accord.nodes, frontier = [], {}, Frontier()
    for position, entry in enumerate(entries):
        said = parse(entry.content)
        moved[said.position] = position
        causation = None if said.causation is None else moved.get(said.causation, max(position - 1, 0))
        if position == 0:
            causation = None
        members: dict[str, Any] = {"position": position, "causation": causation}
        if said.command.startswith("clock/"):
            # The clock's ids name the size of the record; nobody signs them, so that they can be made to fit.
            members["command"] = f"clock/{position if causation is None else causation}"
            _rename(record, said.command, members["command"])
        placed = replace(with_content(entry, **members), position=position)
        frontier, nodes = frontier.append(placed.leaf)
        accord.nodes.update(((node.level, node.index), node.hash) for node in nodes)
        accord.entries.append(placed)
    accord.frontier = frontier
    _fit_receipts(record, moved)


def _rename(record: Record, old: str, new: str) -> None:
    """Keep a command that nobody signed under another id."""
    command = record.ledger._commands.get((record.accord, old))
    if command is None or old == new:
        return
    del record.ledger._commands[record.accord, old]
    renamed = Command(accord=record.accord, id=new, act="clock", delegate="clock")
    record.ledger._commands[record.accord, new] = replace(
        command,
        id=new,
        fingerprint=salted(renamed.fingerprint(), command.salt or b""),
        signed=canonical({**renamed.signed_part(), "signature": ""}),
        receipt=command.receipt.model_copy(update={"command": new}),
    )


def _fit_receipts(record: Record, moved: dict[int, int]) -> None:
    accord = record.ledger._accords[record.accord]
    places: dict[str, list[int]] = {}
    for entry in accord.entries:
        places.setdefault(parse(entry.content).command, []).append(entry.position)
    frontier, roots = Frontier(), [Frontier().root()]
    for entry in accord.entries:
        frontier, _ = frontier.append(entry.leaf)
        roots.append(frontier.root())
    for key, command in list(record.ledger._commands.items()):
        if command.id not in places:
            del record.ledger._commands[key]
            at, told = moved.get(command.receipt.position), command.receipt
            if not told.events and at is not None:
                size = sum(position < told.size for position in moved)
                record.ledger._commands[key] = replace(
                    command,
                    receipt=told.model_copy(
                        update={
                            "first_position": at,
                            "position": at,
                            "size": size,
                            "leaf": accord.entries[at].leaf.hex(),
                            "root": roots[size].hex(),
                            "version": moved.get(told.version, told.version),
                        }
                    ),
                )
            continue
        own = places[command.id]
        record.ledger._commands[key] = replace(
            command,
            receipt=command.receipt.model_copy(
                update={
                    "first_position": own[0],
                    "position": own[-1],
                    "size": own[-1] + 1,
                    "leaf": accord.entries[own[-1]].leaf.hex(),
                    "root": roots[own[-1] + 1].hex(),
                    "version": moved.get(command.receipt.version, command.receipt.version),
                    "time": parse(accord.entries[own[-1]].content).time,
                    "events": tuple(parse(accord.entries[at].content).type for at in own),
                }
            ),
        )


async def resign(record: Record, *, witnesses: int = 0) -> None:
    """Sign the whole record anew with the log's key; honest witnesses do not follow."""
    record.notes.clear()
    await record.sign(witnesses=witnesses)


def forge_signature(record: Record, command_id: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Alter the signed command that is kept, without the key to sign it again."""
    command: StoredCommand = record.ledger._commands[record.accord, command_id]
    assert command.signed is not None
    value = json.loads(command.signed)
    change(value)
    record.ledger._commands[record.accord, command_id] = replace(command, signed=canonical(value))
