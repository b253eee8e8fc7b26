"""Real-time order: what a client had answered before another one asked stands before that on the record.

The record gives each accord one order. It is the order of the acts in the sense of linearizability if no act stands
before one that was answered before it was sent; and if what is read shows all that was answered before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Act:
    """An act as its client saw it: from when it was first sent until its answer, and where the record has it."""

    accord: str
    command: str
    sent: float
    answered: float
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Read:
    """A look at an accord's record: how many entries it had."""

    accord: str
    sent: float
    answered: float
    size: int


def contradictions(acts: Sequence[Act], reads: Sequence[Read] = ()) -> list[str]:
    """Every act and every reading that contradicts the order in which clients were answered."""
    by_accord: dict[str, list[Act]] = defaultdict(list)
    for act in acts:
        by_accord[act.accord].append(act)
    looks: dict[str, list[Read]] = defaultdict(list)
    for read in reads:
        looks[read.accord].append(read)
    found = []
    for accord, recorded in by_accord.items():
        recorded.sort(key=lambda act: act.first)
        found += [
            f"{before.command} and {after.command} share a place on the record of {accord}"
            for before, after in pairwise(recorded)
            if after.first <= before.last
        ]
        # Of all that stands after a place, only what was answered first can contradict what stands there.
        earliest: Act | None = None
        for act in reversed(recorded):
            if earliest is not None and earliest.answered < act.sent:
                found.append(
                    f"{act.command} stands before {earliest.command} on the record of {accord}, "
                    f"and was sent {act.sent - earliest.answered:.3f} s after that was answered"
                )
            if earliest is None or act.answered < earliest.answered:
                earliest = act
        found += _stale(accord, recorded, looks[accord])
    return found


def _stale(accord: str, recorded: Sequence[Act], reads: Sequence[Read]) -> list[str]:
    """Readings that lack what was answered before they were asked for, by an act or by a reading."""
    found = []
    known = sorted(
        [(act.answered, act.last + 1) for act in recorded] + [(read.answered, read.size) for read in reads]
    )
    size, at = 0, 0
    for read in sorted(reads, key=lambda read: read.sent):
        while at < len(known) and known[at][0] < read.sent:
            size = max(size, known[at][1])
            at += 1
        if read.size < size:
            found.append(f"a reading of {accord} had {read.size} entries, after {size} had been answered")
    for act in recorded:
        later = [read for read in reads if read.answered < act.sent and read.size > act.first]
        found += [
            f"{act.command} stands within what was read of {accord} before it was sent" for _ in later[:1]
        ]
    return found
