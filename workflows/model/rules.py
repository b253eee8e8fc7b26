"""Where the tracks meet: the gates of an accord, its stage, its deadlines, and what follows from what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from workflows.model.deadlines import Deadline
from workflows.model.declare import Check, Event
from workflows.model.state import Accord
from workflows.model.values import show_date
from workflows.model.vocabulary import reworded
from workflows.record import witnessing
from workflows.record.operation import not_paused
from workflows.tracks import corrections, ending, invitation, subsequent, understanding
from workflows.tracks.conditions import disputes, due, verdicts
from workflows.tracks.conditions.state import check_satisfied, on_gates, satisfied, time_runs
from workflows.tracks.documents import authentication, texts
from workflows.tracks.documents.state import check_ready, document_digest, executable, live
from workflows.tracks.founding import adoption
from workflows.tracks.signing import authorization, full_powers, release, signatures
from workflows.tracks.visit.following import follows as visit_follows
from workflows.tracks.visit.state import arrived, confirmed

LADDER = ("invitation", "verification", "drafting", "visit", "signing", "concluded")
"""The stages, in order; an accord may also be ``terminated``."""

GATES: dict[str, str] = {
    "founding": "every party has adopted the definition",
    "acceptance": "the invitation is accepted",
    "visit": "the visit can be confirmed",
    "arrival": "the arrival can be recorded",
    "signing": "documents can be signed",
    "held": "consent to the release can be given",
    "release": "the signatures can be released",
    "closing": "the accord can be closed",
}
"""Every gate, and what can be done when it is open."""


def gate_says(a: Accord, name: str) -> str:
    """What can be done when a gate is open, in the accord's vocabulary."""
    return reworded(GATES[name], a.definition.vocabulary)


def gate(a: Accord, name: str) -> Iterator[Check]:
    """The guards of a gate, in the order in which people meet them.

    Raises:
        KeyError: for a name that is not one of ``GATES``.
    """
    if name not in GATES:
        raise KeyError(name)
    yield adoption.founded(a)
    if name == "founding" or not a.founded:
        return
    if name == "closing":
        yield from ending.nothing_open(a)
        return
    yield invitation.accepted(a)
    if name == "acceptance":
        return
    wanted = {"visit": ("visit",), "arrival": ("visit",), "signing": ("visit", "signing")}.get(
        name, ("visit", "signing", "ceremony")
    )
    for code in on_gates(a, *wanted):
        yield check_satisfied(a, code)
    yield understanding.effective(a)
    if name == "visit":
        return
    if name == "arrival":
        yield confirmed(a)
        return
    yield arrived(a)
    if name == "signing":
        return
    yield Check(
        "not_released",
        a.released_at is None,
        "the signatures are released already",
        "nothing is left to release",
    )
    yield from signatures.seats_held(a, a.time)
    for code in live(a):
        yield check_ready(a, code)
    if name == "release":
        yield release.release_agreed(a)


def unmet(a: Accord, name: str) -> Iterator[Check]:
    """The guards of a gate that are not met."""
    return (check for check in gate(a, name) if not check.met)


def stage(a: Accord) -> str:
    """The earliest rung of the ladder whose gate is not yet passed. Arrival and release are latches."""
    if a.released_at is not None:
        return "concluded"
    if a.terminated is not None:
        return "terminated"
    if a.visit.arrived_at is not None:
        return "signing"
    if not a.founded or not invitation.is_accepted(a):
        return "invitation"
    if any(not satisfied(a, code) for code in on_gates(a, "visit")):
        return "verification"
    if not all(executable(a, code) for code in live(a)) or not understanding.is_effective(a):
        return "drafting"
    return "signing" if a.definition.signing_at_a_distance else "visit"


NEXT_GATE = {
    "invitation": "acceptance",
    "verification": "visit",
    "drafting": "visit",
    "visit": "arrival",
    "signing": "release",
    "concluded": "closing",
    "terminated": "closing",
}


def blocking(a: Accord) -> tuple[Check, ...]:
    """What blocks the next stage: the unmet guards of its gate; where none is left, the step itself that is owed."""
    now = stage(a)
    missing = list(unmet(a, NEXT_GATE[now]))
    if now == "drafting":
        missing += [check for code in live(a) if not (check := check_ready(a, code)).met]
    if not missing and now == "visit":
        missing = [arrived(a)]
    if not missing and now == "signing":
        missing = [release.to_release(a)]
    paused = not_paused(a)
    return tuple(missing) if paused.met else (paused, *missing)


ACCORD_DEADLINES: dict[int, Callable[[Accord], Iterator[Deadline]]] = {
    0: invitation.deadlines,
    4: full_powers.deadlines,
    5: ending.deadlines,
}
"""What gives deadlines of the accord as a whole, by its place in the order of those at the same time."""

CONDITION_DEADLINES: dict[int, Callable[[Accord, str], Iterator[Deadline]]] = {
    1: due.deadlines,
    2: verdicts.deadlines,
    3: disputes.deadlines,
}
"""What gives the deadlines of one condition, likewise."""

Place = tuple[datetime, str, int, int]
"""Where a deadline stands among all: by its time, then its subject, then what gives it, then its turn there."""


def accord_deadlines(a: Accord, order: int) -> Iterator[tuple[Place, Deadline]]:
    """What one giver of deadlines of the whole accord gives, each with its place."""
    if a.founded and not a.ended:
        for turn, one in enumerate(ACCORD_DEADLINES[order](a)):
            yield (one.at, one.subject, order, turn), one


def condition_deadlines(a: Accord, code: str) -> Iterator[tuple[Place, Deadline]]:
    """The pending deadlines of one condition, each with its place."""
    if a.founded and not a.ended and time_runs(a, code):
        for order, given in CONDITION_DEADLINES.items():
            for turn, one in enumerate(given(a, code)):
                yield (one.at, one.subject, order, turn), one


def _placed(a: Accord) -> Iterator[tuple[Place, Deadline]]:
    for order in ACCORD_DEADLINES:
        yield from accord_deadlines(a, order)
    for code in a.definition.conditions:
        yield from condition_deadlines(a, code)


def deadlines(a: Accord) -> list[Deadline]:
    """Every deadline that is pending, earliest first."""
    return [one for _, one in sorted(_placed(a), key=lambda placed: placed[0])]


def next_deadline(a: Accord) -> Deadline | None:
    """The earliest pending deadline, or none."""
    first = min(_placed(a), key=lambda placed: placed[0], default=None)
    return first[1] if first is not None else None


def server_time(a: Accord, at: datetime) -> datetime:
    """The server's time at an accord's time ``at``; they differ only for a simulated clock that began in the past."""
    return at - timedelta(microseconds=a.clock_offset)


def _texts_reopened(a: Accord, at: datetime) -> Iterator[Event]:
    """A verdict that holds while texts are unchanged lapses when one of them is another than it was then.

    So do findings from which no verdict has followed yet: whoever found it on other texts has not found it on these.
    """
    for code, terms in a.definition.conditions.items():
        if not terms.valid_while_texts_of:
            continue
        condition = a.conditions.get(code)
        if condition is None:
            continue
        for document, digest in condition.found_on.items():
            if document in a.documents and document_digest(a, document) != digest:
                yield verdicts.FindingsFell(condition=code, cause=f"the text of {document} changed")
                return
        if condition.status not in ("verified", "disputed"):
            continue
        for document, digest in (condition.verdict.texts if condition.verdict else {}).items():
            if document in a.documents and document_digest(a, document) != digest:
                yield verdicts.VerdictLapsed(condition=code, cause=f"the text of {document} changed")
                return


def _outlived_by_new_dates(a: Accord, at: datetime) -> Iterator[Event]:
    """When the visit is postponed, every expiry is checked against the new window: what ends before it lapses now."""
    window, agreed = a.visit.window, a.visit.dates_agreed
    if window is None or agreed is None or a.visit.arrived_at is not None:
        return
    cause = f"it would end before the new dates begin, {show_date(window.begins)}"
    for code in on_gates(a, "visit", "signing", "ceremony"):
        condition = a.conditions[code]
        verdict = condition.verdict
        if condition.status not in ("verified", "disputed") or verdict is None or verdict.position > agreed:
            continue
        if verdict.valid_until is not None and verdict.valid_until <= window.begins:
            yield verdicts.VerdictLapsed(condition=code, cause=cause)
            return
    for code in live(a):
        for name, seat in a.documents[code].seats.items():
            powers = seat.powers
            if powers is None or powers.status != "issued" or powers.position > agreed:
                continue
            if powers.valid_until is not None and powers.valid_until <= window.begins:
                yield full_powers.FullPowersExpired(document=code, seat=name)
                return


Rule = Callable[[Accord, datetime], Iterator[Event]]
"""What follows by itself. The time dates what follows; whether anything does is a matter of the state alone."""


def _visit_follows(a: Accord, at: datetime) -> Iterator[Event]:
    return visit_follows(a, at, unmet(a, "visit"))


def _release_falls(a: Accord, at: datetime) -> Iterator[Event]:
    return release.falls(a, unmet(a, "held"))


_ALWAYS: tuple[Rule, ...] = (corrections.follows, ending.follows, subsequent.follows, witnessing.follows)
_BEFORE_FOUNDING: tuple[Rule, ...] = (adoption.follows, *_ALWAYS)
_FOUNDED: tuple[Rule, ...] = (
    adoption.follows,
    invitation.follows,
    texts.follows,
    authentication.follows,
    verdicts.follows,
    _texts_reopened,
    _outlived_by_new_dates,
    understanding.follows,
    _visit_follows,
    authorization.follows,
    signatures.follows,
    _release_falls,
    release.follows,
    *_ALWAYS,
)


def rules_of(a: Accord) -> tuple[Rule, ...]:
    """The rules by which tracks reopen one another, in their order; none, once the accord has ended.

    The order matters: terms first, then texts, then verdicts, then what rests on them, and the end last.
    """
    if a.ended:
        return ()
    return _FOUNDED if a.founded else _BEFORE_FOUNDING


def follows(a: Accord, at: datetime) -> Event | None:
    """The next event that follows from the state by itself, or none."""
    return next((found for rule in rules_of(a) for found in rule(a, at)), None)
