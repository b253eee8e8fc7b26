"""Who may act: delegates, their dated appointments, and how a role is found for an act."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import ClassVar, NamedTuple

from workflows.model.commands import Actor, actor
from workflows.model.declare import Act, Check, Rejected, met
from workflows.model.state import Accord, Appointment
from workflows.model.values import INSTALLATION, show_date
from workflows.model.wording import do, listed

OPERATOR = "operator"
"""The role of whoever runs the installation: for acts about the log, none about the matter of the accord."""


_INSTALLED = Appointment(INSTALLATION, None, "Operator of the installation", (OPERATOR,))


def known(a: Accord, delegate: str) -> Appointment | None:
    """The appointment of ``delegate``, in force or not; contacts are known from the definition.

    Whoever runs the installation is known in every accord: a log whose key was stolen needs another, and the law may
    demand that a name is erased, whether or not the parties thought of naming an operator.
    """
    return _INSTALLED if delegate == INSTALLATION else a.delegates.get(delegate)


def members(a: Accord) -> tuple[str, ...]:
    """Every delegate who sees the accord, or will once its appointment begins; sorted.

    Where the clock is simulated, those whose appointment is in force: nobody else knows what time it is there.
    """
    return tuple(sorted(code for code, one in a.delegates.items() if periods_hold(a, one)))


def periods_hold(a: Accord, one: Appointment) -> bool:
    """Whether an appointment is in force, or will be; on a simulated clock, only whether it is."""
    if a.definition.clock.mode == "simulated":
        return one.holds(a.time)
    return not one.revoked and (one.valid_until is None or a.time < one.valid_until)


def periods(a: Accord) -> dict[str, tuple[datetime | None, datetime | None]]:
    """From when until when members see the accord whose appointment is dated: it ends without any entry."""
    if a.definition.clock.mode == "simulated":
        return {}
    return {
        code: (one.valid_from, one.valid_until)
        for code in members(a)
        if (one := a.delegates[code]).valid_from is not None or one.valid_until is not None
    }


def holders(a: Accord, roles: tuple[str, ...], parties: tuple[str, ...] | None = None) -> tuple[str, ...]:
    """Delegates who hold one of ``roles``, of ``parties`` (any, if none are given), in the order of appointment."""
    return _of(_Offices.of(a).now, roles, parties)


def expected(a: Accord, roles: Iterable[str], parties: tuple[str | None, ...]) -> tuple[str, ...]:
    """As :func:`holders`, with those whose appointment is to begin; of no party are officers."""
    return _of(_Offices.of(a).ever, roles, parties)


class Able(NamedTuple):
    """Who could take a step; and where nobody holds the role for a party, who appoints somebody, in words."""

    who: tuple[str, ...] = ()
    nobody: str = ""


NOBODY = Able()
"""Nobody is waited for."""

OFFICES = ("registrar", "depositary", OPERATOR)
"""Roles of officers, whom the definition names and nobody appoints."""


def able(a: Accord, roles: tuple[str, ...], parties: Iterable[str] | None = None) -> Able:
    """Who holds one of ``roles`` for each of ``parties`` (for any, if none are given); who appoints, where nobody does.

    What is in words goes on from a reason, after a semicolon.
    """
    if parties is None:
        if who := holders(a, roles):
            return Able(who)
        lacking = tuple(a.definition.parties)
    else:
        parties = tuple(parties)
        who, index = holders(a, roles, parties), _Offices.of(a).now
        lacking = tuple(p for p in parties if not any(index.get(role, {}).get(p) for role in roles))
        if not lacking:
            return Able(who)
    contacts = tuple(a.definition.parties[p].contact for p in lacking if p in a.definition.parties)
    names = " or ".join(role.replace("_", " ") for role in roles)
    if all(role in OFFICES for role in roles):
        return Able(
            contacts, f"; nobody is {names}: name one by an amendment, with every party (propose-amendment)"
        )
    whose = "" if parties is None else f" of {listed(lacking)}"
    nobody = f"; nobody{whose} is appointed as {names} yet: {appoint(contacts)}"
    return Able(tuple(dict.fromkeys((*who, *contacts))), nobody)


def appoint(contacts: Collection[str]) -> str:
    """That contacts appoint somebody, and by which act."""
    return f"{do(contacts, 'appoints', 'appoint', 'or')} somebody (appoint-delegate)"


_Index = dict[str, dict[str | None, dict[int, str]]]
"""Delegates by role and party, each under its turn."""


def _of(index: _Index, roles: Iterable[str], parties: Iterable[str | None] | None) -> tuple[str, ...]:
    found: dict[int, str] = {}
    for role in roles:
        by_party = index.get(role, {})
        for party in by_party if parties is None else parties:
            found.update(by_party.get(party, {}))
    return tuple(found[turn] for turn in sorted(found))


class _Offices:
    """Who is in office, and who is or will be: found once for a state, of which hundreds of guards and steps ask it."""

    _latest: ClassVar[tuple[_Offices, ...]] = ()

    def __init__(self, a: Accord) -> None:
        self._delegates, self._at, self._mode = a.delegates, a.time, a.definition.clock.mode
        self.now: _Index = {}
        self.ever: _Index = {}
        for turn, (code, one) in enumerate(a.delegates.items()):
            for index, counts in ((self.now, one.holds(a.time)), (self.ever, periods_hold(a, one))):
                for role in one.roles if counts else ():
                    index.setdefault(role, {}).setdefault(one.party, {})[turn] = code

    @classmethod
    def of(cls, a: Accord) -> _Offices:
        """What was found for this very state, or is found now."""
        for one in cls._latest:
            if (one._delegates is a.delegates, one._at, one._mode) == (True, a.time, a.definition.clock.mode):
                return one
        found = cls(a)
        cls._latest = (found,)
        return found


def only_observes(appointment: Appointment) -> bool:
    """Whether the delegate is an observer and nothing else: it sees cleared status, and no word of anybody's."""
    return set(appointment.roles) <= {"observer"}


def resolve(a: Accord, delegate: str, wanted: Act | type[Act], at: datetime) -> Actor:
    """The actor behind a command: the delegate, in the role in which the act is done, or in their first one.

    Raises:
        Rejected: ``unknown_delegate``; nobody whom the accord does not know leaves a trace in it.
    """
    appointment = known(a, delegate)
    if appointment is None:
        raise Rejected(
            "unknown_delegate",
            f"{delegate} is no delegate of accord {a.id}. Ask your party's contact to appoint you, "
            "or use another credential.",
        )
    role = next((role for role in wanted.who.roles if role in appointment.roles), appointment.roles[0])
    return actor(delegate, appointment.party, role)


def is_heard(a: Accord, wanted: type[Act], by: Actor, at: datetime) -> bool:
    """Whether what the delegate says in an act gets onto the record, even if the act is refused.

    Not of who was revoked or is not in force, nor of the contact of a party that is none yet, nor of an observer who
    may not do the act: they write nothing into a record that they have no part in, or may not read.
    """
    appointment = known(a, by.delegate)
    if appointment is None or not appointment.holds(at):
        return False
    if by.party is not None and by.party not in a.definition.parties:
        return wanted.by_candidates
    return not only_observes(appointment) or all(check.met for check in authority_checks(a, wanted, by, at))


def authority_checks(a: Accord, wanted: Act | type[Act], by: Actor, at: datetime) -> Iterator[Check]:
    """The guards that every act has: an appointment in force, the right side, one of the roles."""
    appointment = known(a, by.delegate)
    if appointment is None:
        return
    who = wanted.who
    side = appointment.party
    candidate = side is not None and side not in a.definition.parties
    contact = (a.definition.parties[side].contact,) if side is not None and not candidate else ()
    holds = appointment.holds(at)
    # What is met is told without words: to write them takes longer than to judge, and nobody reads them.
    if holds:
        yield met("appointment_in_force")
    else:
        yield Check(
            "appointment_in_force",
            False,
            f"the appointment of {by.delegate} is "
            + ("revoked" if appointment.revoked else f"not in force on {show_date(at)}"),
            "ask your party's contact for a new appointment"
            if side is not None
            else "officers are named in the definition: amend it, with every party",
            contact,
        )
    if not candidate or wanted.by_candidates:
        yield met("party_of_accord")
    else:
        yield Check(
            "party_of_accord",
            False,
            f"{side} is no party yet: the amendment that adds it is not adopted by all",
            "adopt the amendment, and let every party adopt it",
        )
    right_side = (
        who.side == "anyone"
        or (who.side == "any" and side is not None)
        or (who.side == "host" and side == a.definition.host)
        or (who.side == "guest" and side in a.definition.guests)
        or (who.side == "officer" and side is None)
    )
    # What any delegate may do is no operator's: it is nobody's delegate, and creates no fact of the matter.
    right_role = (
        any(role in appointment.roles for role in who.roles)
        if who.roles
        else set(appointment.roles) != {OPERATOR} and (who.observers or not only_observes(appointment))
    )
    if by.delegate == INSTALLATION and who.roles and holders(a, who.roles, _side_parties(a, who.side)):
        # The parties have named an operator: then the installation's own word no longer suffices.
        right_role = False
    if right_side and right_role:
        yield met("authority")
        return
    yield _no_authority(a, wanted, by.delegate, appointment)


def _no_authority(a: Accord, wanted: Act | type[Act], delegate: str, appointment: Appointment) -> Check:
    """That the delegate may not do the act, and who may; where nobody does, who appoints somebody."""
    who, vocabulary = wanted.who, a.definition.vocabulary
    roles = ", ".join(role.replace("_", " ") for role in appointment.roles)
    side = f" of {appointment.party}" if appointment.party else ""
    takes = who.describe(vocabulary)
    reason = f"{delegate} ({roles}{side}) may not {wanted.phrase(vocabulary)}; it takes {takes}"
    parties = _side_parties(a, who.side)
    could = holders(a, who.roles, parties) if who.roles else ()
    if could or not who.roles:
        return Check(
            "authority", False, reason, f"let {listed(could, 'or') if could else takes} do it", could
        )
    # Who asks may not appoint for others: its own contact, where its side is one that the act is for.
    own = (
        (appointment.party,)
        if appointment.party is not None and appointment.party in (parties or ())
        else None
    )
    lacks = able(a, who.roles, own or parties)
    return Check("authority", False, reason + lacks.nobody, lacks.nobody.rpartition(": ")[2], lacks.who)


def _side_parties(a: Accord, side: str) -> tuple[str, ...] | None:
    if side == "host":
        return (a.definition.host,)
    if side == "guest":
        return a.definition.guests
    if side == "any":
        return tuple(a.definition.parties)
    return None
