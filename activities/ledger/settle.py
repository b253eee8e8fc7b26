"""Decide what becomes of a batch of appends: the one set of rules that every store follows.

Pure: a store reads what the batch touches (under its lock), calls :func:`settle`, and writes what comes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from activities.ledger.entry import SALT_BYTES, SealedEntry, fresh_salt, seal
from activities.ledger.store import Append, Known, Outcome, StoredCommand, salted
from activities.tlog.merkle import Frontier, Node
from workflows.model.commands import Receipt

CommandKey = tuple[str, str]
"""An accord, and the id of a command in it."""


@dataclass(slots=True)
class Settlement:
    """The outcome of every append, and what a store has to write. Empty collections: nothing to write."""

    outcomes: list[Outcome] = field(default_factory=list)
    entries: list[SealedEntry] = field(default_factory=list)
    nodes: dict[str, list[Node]] = field(default_factory=dict)
    frontiers: dict[str, Frontier] = field(default_factory=dict)
    commands: dict[CommandKey, StoredCommand] = field(default_factory=dict)
    summaries: dict[str, Append] = field(default_factory=dict)
    """The last append of each accord, which has its summary."""
    marks: dict[tuple[str, int], str] = field(default_factory=dict)
    """The marks of the refusals among the entries, by accord and position."""


def seal_events(append: Append) -> tuple[SealedEntry, ...]:
    """The entries of an append, at the positions that it expects.

    This is the costly part, and needs nothing of the store, so it is done once, before the append's batch is taken.

    Raises:
        Unrecordable: where an event cannot be an entry.
    """
    if append.sealed is None:
        object.__setattr__(append, "sealed", _seal_events(append))
    return append.sealed or ()


def _seal_events(append: Append) -> tuple[SealedEntry, ...]:
    return tuple(
        seal(
            draft,
            accord=append.accord,
            position=append.expected + offset,
            command=append.command_id,
            causation=append.expected if offset else None,
        )
        for offset, draft in enumerate(append.events)
    )


def settle(
    batch: Sequence[tuple[Append, tuple[SealedEntry, ...]]],
    *,
    frontiers: Mapping[str, Frontier],
    known: Mapping[CommandKey, Known],
    leaves: Mapping[tuple[str, int], bytes],
) -> Settlement:
    """Judge the appends of ``batch`` one after the other.

    ``frontiers`` are the trees of the accords that exist, ``known`` what is known of those of the batch's
    commands that have their outcome, ``leaves`` the leaf hashes of the entries that the batch's
    repeated refusals point to, where they exist.
    """
    done = Settlement()
    outcomes = dict(known)
    fresh: dict[tuple[str, int], bytes] = {}
    for append, sealed in batch:
        key = (append.accord, append.command_id)
        frontier = done.frontiers.get(append.accord) or frontiers.get(append.accord) or Frontier()
        if key in outcomes:
            found = outcomes[key]
            done.outcomes.append(
                Outcome("duplicate", found.receipt, frontier.size)
                if found.is_of(append.fingerprint, append.outline)
                else Outcome("mismatch", None, frontier.size)
            )
            continue
        if append.expected != frontier.size or append.frontier not in (None, frontier):
            done.outcomes.append(Outcome("conflict", None, frontier.size))
            continue
        if append.repeats is not None:
            place = (append.accord, append.repeats)
            leaf = fresh.get(place) or leaves.get(place)
            if leaf is None:
                done.outcomes.append(Outcome("conflict", None, frontier.size))
                continue
            receipt = _receipt(append, append.repeats, append.repeats, leaf, frontier)
        else:
            frontier, nodes = frontier.extend(entry.leaf for entry in sealed)
            fresh.update(((append.accord, entry.entry.position), entry.leaf) for entry in sealed)
            done.frontiers[append.accord] = frontier
            done.nodes.setdefault(append.accord, []).extend(nodes)
            done.entries.extend(sealed)
            if append.mark is not None:
                done.marks[(append.accord, frontier.size - 1)] = append.mark
            done.summaries[append.accord] = append
            receipt = _receipt(append, append.expected, frontier.size - 1, sealed[-1].leaf, frontier)
        salt = fresh_salt(SALT_BYTES)
        command = StoredCommand(
            append.command_id,
            salted(append.fingerprint, salt),
            # Without the salt nobody can try texts until one fits.
            salt if append.signed is not None else None,
            receipt,
            append.signed,
            append.outline,
        )
        outcomes[key] = command.known()
        done.commands[key] = command
        done.outcomes.append(Outcome("appended", receipt, frontier.size, frontier))
    return done


def repeated_places(appends: Iterable[Append]) -> list[tuple[str, int]]:
    """Where the entries stand that the repeated refusals among ``appends`` point to."""
    return [(append.accord, append.repeats) for append in appends if append.repeats is not None]


def _receipt(append: Append, first: int, last: int, leaf: bytes, frontier: Frontier) -> Receipt:
    return Receipt(
        accord=append.accord,
        command=append.command_id,
        act=append.act,
        status="recorded" if append.refusal is None else "refused",
        time=append.at,
        first_position=first,
        position=last,
        leaf=leaf.hex(),
        size=frontier.size,
        root=frontier.root().hex(),
        version=append.version,
        stage=append.summary.stage,
        events=tuple(event.type for event in append.events),
        refusal=append.refusal,
    )
