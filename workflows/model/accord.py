"""Where the tracks meet: the whole state of an accord, its gates, its stage, and what follows from what.

The state is an immutable, plain value: it can be compared, printed, carried over and hashed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter

from workflows.model import consent
from workflows.model.authority import Appointment
from workflows.model.canonical import digest_of
from workflows.model.commands import RecordedEvent, Refusal
from workflows.model.deadlines import Deadline
from workflows.model.declare import Check, Event, Stamp, event
from workflows.model.definition import FOLDING, Definition
from workflows.model.values import Text, show_date
from workflows.record import attestation, erasure, keys, operation, statements, witnessing
from workflows.record.keys import DelegateKey
from workflows.record.logkeys import LogKey
from workflows.record.operation import Pause, not_paused
from workflows.record.witnessing import WitnessPolicy
from workflows.tracks import (
    corrections,
    founding,
    invitation,
    predecessor,
    schedules,
    subsequent,
    understanding,
    visit,
)
from workflows.tracks.conditions import disputes, due, verdicts, waivers
from workflows.tracks.conditions.state import Condition, check_satisfied, on_gates, satisfied
from workflows.tracks.corrections import Corrections
from workflows.tracks.documents import authentication, texts
from workflows.tracks.documents.state import Document, check_ready, document_digest, executable, live
from workflows.tracks.founding import AccordOpened, contacts
from workflows.tracks.invitation import Invitation
from workflows.tracks.schedules import ScheduledText
from workflows.tracks.signing import full_powers, release, signatures
from workflows.tracks.understanding import Understanding
from workflows.tracks.visit import Visit

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


DECLARING = (attestation, consent, erasure, keys, operation, predecessor, schedules, statements, waivers)
"""Modules of which nothing is asked here but their acts and events: the registries are whole by importing them."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal that is on the record, and in which state: the same one is not recorded twice."""

    version: int
    position: int


@dataclass(frozen=True, slots=True)
class Accord:
    """The whole state of one accord: the events, folded."""

    id: str
    definition: Definition
    definition_digest: str
    opened_at: datetime
    time: datetime
    clock_offset: int = 0
    size: int = 0
    version: int = 0
    founded: bool = False
    declined_by: str | None = None
    amendment: Definition | None = None
    delegates: Mapping[str, Appointment] = field(default_factory=dict)
    consents: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    invitation: Invitation = field(default_factory=Invitation)
    conditions: Mapping[str, Condition] = field(default_factory=dict)
    documents: Mapping[str, Document] = field(default_factory=dict)
    understanding: Understanding = field(default_factory=Understanding)
    visit: Visit = field(default_factory=Visit)
    paused: Pause | None = None
    released_at: datetime | None = None
    long_stop_reached: bool = False
    termination_grounds: tuple[str, ...] = ()
    terminated: str | None = None
    closed: bool = False
    statements: int = 0
    schedules: Mapping[str, tuple[ScheduledText, ...]] = field(default_factory=dict)
    corrections: Mapping[str, Corrections] = field(default_factory=dict)
    keys: Mapping[str, tuple[DelegateKey, ...]] = field(default_factory=dict)
    refusals: Mapping[str, Refused] = field(default_factory=dict)
    log_keys: tuple[LogKey, ...] = ()
    witness_policy: WitnessPolicy = field(default_factory=WitnessPolicy)
    erased: tuple[int, ...] = ()

    def gate(self, name: str) -> tuple[Check, ...]:
        """The guards of a gate (one of ``GATES``), each met or not."""
        return tuple(gate(self, name))

    def document_ready(self, code: str) -> Check:
        """Guard: a document is ready to be signed."""
        return check_ready(self, code)

    @property
    def ended(self) -> bool:
        """Whether the track acts are over: terminated or closed."""
        return self.terminated is not None or self.closed


STATE: TypeAdapter[Accord] = TypeAdapter(Accord)
"""Reads and writes the state as JSON."""


def state_json(a: Accord) -> dict[str, Any]:
    """The state as plain JSON values."""
    dumped: dict[str, Any] = STATE.dump_python(a, mode="json")
    return dumped


_NOT_ATTESTED: dict[str, Any] = {
    **dict.fromkeys(("time", "size", "refusals", "statements"), True),
    "visit": {"minutes"},
}
"""What entries that change nothing leave behind: the clock, and what was only put on record."""


def state_digest(a: Accord) -> str:
    """The digest of the state as of its version: of its canonical JSON, without what entries that change nothing leave.

    What stands at its default is left out: so a later release that knows more comes to the same digest for a record
    that uses none of it.
    """
    return digest_of(STATE.dump_python(a, mode="json", exclude_defaults=True, exclude=_NOT_ATTESTED))


def gate(a: Accord, name: str) -> Iterator[Check]:
    """The guards of a gate, in the order in which people meet them.

    Raises:
        KeyError: for a name that is not one of ``GATES``.
    """
    if name not in GATES:
        raise KeyError(name)
    yield founding.founded(a)
    if name == "founding" or not a.founded:
        return
    if name == "closing":
        yield from subsequent.nothing_open(a)
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
        yield visit.confirmed(a)
        return
    yield visit.arrived(a)
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


def stage(a: Accord) -> str:
    """The earliest rung of the ladder whose gate is not yet passed. Arrival and release are latches."""
    if a.released_at is not None:
        return "concluded"
    if a.terminated is not None:
        return "terminated"
    if a.visit.arrived_at is not None:
        return "signing"
    if not a.founded or not invitation.accepted(a).met:
        return "invitation"
    if any(not satisfied(a, code) for code in on_gates(a, "visit")):
        return "verification"
    if not all(executable(a, code) for code in live(a)) or not understanding.effective(a).met:
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
    unmet = [check for check in gate(a, NEXT_GATE[now]) if not check.met]
    if now == "drafting":
        unmet += [check for code in live(a) if not (check := check_ready(a, code)).met]
    if not unmet and now == "visit":
        unmet = [visit.arrived(a)]
    if not unmet and now == "signing":
        unmet = [release.to_release(a)]
    paused = not_paused(a)
    return tuple(unmet) if paused.met else (paused, *unmet)


def deadlines(a: Accord) -> list[Deadline]:
    """Every deadline that is pending, earliest first."""
    if not a.founded or a.ended:
        return []
    found = [
        *invitation.deadlines(a),
        *due.deadlines(a),
        *verdicts.deadlines(a),
        *disputes.deadlines(a),
        *full_powers.deadlines(a),
        *subsequent.deadlines(a),
    ]
    return sorted(found, key=lambda one: (one.at, one.subject))


def next_deadline(a: Accord) -> Deadline | None:
    """The earliest pending deadline, or none."""
    pending = deadlines(a)
    return pending[0] if pending else None


def server_time(a: Accord, at: datetime) -> datetime:
    """The server's time at an accord's time ``at``; they differ only for a simulated clock that began in the past."""
    return at - timedelta(microseconds=a.clock_offset)


def _texts_reopened(a: Accord) -> Iterator[Event]:
    """A verdict that holds while texts are unchanged lapses when one of them is another than it was then."""
    for code, terms in a.definition.conditions.items():
        if not terms.valid_while_texts_of:
            continue
        condition = a.conditions.get(code)
        if condition is None or condition.status not in ("verified", "disputed"):
            continue
        for document, digest in (condition.verdict.texts if condition.verdict else {}).items():
            if document in a.documents and document_digest(a, document) != digest:
                yield verdicts.VerdictLapsed(condition=code, cause=f"the text of {document} changed")
                return


def _outlived_by_new_dates(a: Accord) -> Iterator[Event]:
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


def follows(a: Accord, at: datetime) -> Event | None:
    """The next event that follows from the state by itself, or none: the one place where tracks reopen one another.

    The order matters: terms first, then texts, then verdicts, then what rests on them, and the end last.
    """
    if a.ended:
        return None
    rules = (
        (founding.follows,)
        if not a.founded
        else (
            founding.follows,
            texts.follows,
            authentication.follows,
            verdicts.follows,
            lambda state, _: _texts_reopened(state),
            lambda state, _: _outlived_by_new_dates(state),
            understanding.follows,
            visit.follows,
            signatures.follows,
            release.follows,
        )
    )
    for rule in (*rules, corrections.follows, subsequent.follows, witnessing.follows):
        found: Event | None = next(iter(rule(a, at)), None)
        if found is not None:
            return found
    return None


@event
class ActRefused(Event):
    """An act of a known delegate was refused. Kept once for each delegate, act, target and state; changes nothing."""

    changes_state = False
    act: Text
    target: str
    refusal: Refusal

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Remember where it stands, so that a repeat is not recorded again."""
        key = refusal_key(stamp.actor.delegate, self.act, self.target)
        return replace(a, refusals={**a.refusals, key: Refused(a.version, stamp.position)})


@event
class SignalRefused(Event):
    """A signal could not be taken up: unknown, malformed, or refused; its payload is kept as a digest."""

    changes_state = False
    signal: Text
    reason: Text
    payload: str

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Remember where it stands, so that a repeat is not recorded again."""
        key = refusal_key(stamp.actor.delegate, self.signal, self.payload)
        return replace(a, refusals={**a.refusals, key: Refused(a.version, stamp.position)})


def refusal_key(delegate: str, act: str, target: str) -> str:
    """Under what a refusal is remembered. Long targets are kept by digest."""
    return f"{delegate} {act} {target if len(target) <= 120 else digest_of(target)}"


def begin(recorded: AccordOpened, stamp: Stamp) -> Accord:
    """The state after the opening entry."""
    definition = Definition.model_validate(recorded.definition, context=FOLDING)
    return contacts(
        Accord(
            id=recorded.accord,
            definition=definition,
            definition_digest=recorded.digest,
            opened_at=stamp.at,
            time=stamp.at,
            clock_offset=recorded.clock_offset,
            size=1,
            version=0,
        )
    )


def fold(a: Accord | None, happened: Event, stamp: Stamp) -> Accord:
    """The state after one event at one position."""
    if isinstance(happened, AccordOpened):
        return begin(happened, stamp)
    if a is None:
        raise ValueError(f"the log does not begin with accord_opened but with {happened.type}")
    changed = happened.apply(a, stamp)
    if happened.changes_state:
        return replace(
            changed, size=stamp.position + 1, version=stamp.position, time=max(a.time, stamp.at), refusals={}
        )
    return replace(changed, size=stamp.position + 1, time=max(a.time, stamp.at))


def evolve(a: Accord | None, recorded: RecordedEvent) -> Accord:
    """The state after one recorded event; events whose position is not the next one are passed over."""
    if recorded.position != (0 if a is None else a.size):
        return _passed_over(a, recorded)
    from workflows.model.upcasting import read_event

    return fold(a, read_event(recorded), Stamp(recorded.time, recorded.actor, recorded.position))


def _passed_over(a: Accord | None, recorded: RecordedEvent) -> Accord:
    if a is None or recorded.position > a.size:
        raise ValueError(
            f"entry {recorded.position} came before {0 if a is None else a.size}: the log has a gap"
        )
    return a
