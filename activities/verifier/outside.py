"""Time from outside: before when an entry existed, by somebody else's clock than that of whoever runs the installation.

An authority's token, or a witness's cosignature, over a checkpoint says that all entries below its size existed at that
time: an **upper bound**. Nothing bounds an entry from below: it would have to carry what nobody could have known before
some outside time, and no entry does. The times that entries themselves say are the word of whoever runs the
installation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, get_args

from activities.verifier.groups import Told

NO_LOWER_BOUND: Final = "no entry carries what could not have existed before some outside time"
"""Why there are upper bounds alone."""

AHEAD: Final = timedelta(minutes=1)
"""How far the entries' clock may be ahead of somebody else's without being contradicted by it."""

Kind = Literal["authority", "witness"]


@dataclass(frozen=True, slots=True)
class OutsideTime:
    """The first ``size`` entries existed before ``before`` (UTC), as ``by`` says, whom the reader knows."""

    size: int
    before: datetime
    by: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Stretch:
    """The entries ``first`` to ``last`` existed before ``before`` (UTC), by the best that somebody outside says."""

    first: int
    last: int
    before: datetime
    by: str
    kind: Kind

    def as_json(self) -> dict[str, Any]:
        """The stretch as JSON values."""
        return {
            "first": self.first,
            "last": self.last,
            "before": time_text(self.before),
            "by": self.by,
            "kind": self.kind,
        }

    @property
    def whose(self) -> str:
        """By whom, in words."""
        return f"the authority {self.by}" if self.kind == "authority" else f"the witness {self.by}"


class EntryTimes:
    """The times that entries say of themselves, as far as they were read.

    ``real`` says whether the accord runs on a real clock (none: its opening's facts are absent), ``whole`` whether no
    entry is withheld, ``latest`` the latest time, with the position of its entry.
    """

    def __init__(self) -> None:
        self.real: bool | None = None
        self.whole = True
        self.latest: tuple[datetime, int] | None = None

    def take(self, position: int, told: Told | None) -> None:
        """Take in the next entry; none where it is withheld."""
        if told is None:
            self.whole = False
            return
        if position == 0:
            self.real = _is_real(told.facts)
        if self.latest is None or told.entry.time > self.latest[0]:
            self.latest = told.entry.time, position

    def contradict(self, before: datetime, who: str) -> str | None:
        """What contradicts ``who``, by whom the entries so far existed before ``before``; none where nothing does."""
        if not self.real or self.latest is None or self.latest[0] - before <= AHEAD:
            return None
        time, position = self.latest
        return (
            f"entry {position} says that it is of {time_text(time)}, and {who} says that it existed before "
            f"{time_text(before)}: one of the two clocks was wrong"
        )


def _is_real(facts: dict[str, Any] | None) -> bool | None:
    try:
        definition = (facts or {})["event"]["definition"]
        return bool(definition.get("clock", {}).get("mode") != "simulated")
    except (KeyError, TypeError, AttributeError):
        return None


def stretches(times: Iterable[OutsideTime]) -> tuple[Stretch, ...]:
    """For each entry the earliest time of those that cover it, in stretches of entries that have the same.

    Authorities, which come first, and witnesses are apart: a witness is most often a party's own.
    """
    told = list(times)
    return tuple(
        one for kind in get_args(Kind) for one in _of_kind([time for time in told if time.kind == kind])
    )


def _of_kind(times: Iterable[OutsideTime]) -> tuple[Stretch, ...]:
    ordered = sorted(times, key=lambda one: one.size)
    best: list[OutsideTime] = []
    for one in reversed(ordered):
        # Of two that say the same, the later one covers more.
        if not best or one.before < best[-1].before:
            if best and best[-1].size == one.size:
                best.pop()
            best.append(one)
    found: list[Stretch] = []
    first = 0
    for one in reversed(best):
        found.append(Stretch(first, one.size - 1, one.before, one.by, one.kind))
        first = one.size
    return tuple(found)


def covering(position: int, found: Iterable[Stretch]) -> list[Stretch]:
    """The stretches that an entry is in: at most one by an authority, and one by a witness."""
    return [one for one in found if one.first <= position <= one.last]


def time_text(time: datetime) -> str:
    """A time as reports have it: ``YYYY-MM-DDThh:mm:ssZ``, with a fraction where it has one."""
    text = time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="auto")
    return f"{text}Z"


def time_as_json(found: Sequence[Stretch], *, simulated: bool) -> dict[str, Any]:
    """What the report says of time: whose clock the entries' own times are by, and what is known from outside."""
    return {
        "clock": "simulated" if simulated else "operator",
        "outside": [one.as_json() for one in found],
        "lower_bounds": [],
        "no_lower_bounds_because": NO_LOWER_BOUND,
    }
