"""Who sees what of an accord. Who may *do* what is the model's matter, and decided there.

An accord's delegates see it, as long as their appointment is in force; who is only an observer sees cleared status:
stage, gates, dates. The contact of a party that an amendment would add sees that, and the definition and the
amendment that it is asked to adopt. An auditor whom all parties named reads everything; a party's own reads what that
party reads. Keys of auditors and operators read every accord. For everybody else it does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workflows.model.commands import Actor
from workflows.model.declare import Audience
from workflows.model.declared import ACTS
from workflows.model.state import Accord
from workflows.tracks.conditions.state import beneficiaries
from workflows.tracks.founding.appointments import is_candidate


@dataclass(frozen=True, slots=True)
class Access:
    """What a caller sees of one accord: all of it, or only its status (``cleared``)."""

    delegate: str
    party: str | None
    roles: tuple[str, ...]
    reads_all: bool = False
    candidate: bool = False
    """Whether the caller stands for a party that a pending amendment would add."""

    @property
    def cleared(self) -> bool:
        """Whether only cleared status may be shown: no evidence, no drafts, no names."""
        return not self.reads_all and (self.candidate or set(self.roles) <= {"observer"})

    @property
    def audits(self) -> bool:
        """Whether nothing is withheld from the caller: an auditor of all parties, who is none of one's own."""
        return self.reads_all or (self.party is None and "auditor" in self.roles)

    @property
    def reads_definition(self) -> bool:
        """Whether the caller may read the definition and its amendment: who is asked to adopt it, too."""
        return self.candidate or not self.cleared


def access_of(principal: str, a: Accord, now: datetime, *, reads_all: bool = False) -> Access | None:
    """What ``principal`` sees of an accord at ``now`` (the server's time); none for whom it does not exist."""
    if reads_all:
        return Access(principal, None, (), reads_all=True)
    appointment = a.delegates.get(principal)
    # A simulated clock stands at its last entry, as far as the record tells.
    at = max(now, a.time) if a.definition.clock.mode == "real" else a.time
    if appointment is None or not appointment.holds(at):
        return None
    candidate = is_candidate(a, principal)
    return Access(principal, appointment.party, appointment.roles, candidate=candidate)


def may_read_particulars(access: Access, a: Accord, actor: Actor, act: dict[str, Any] | None) -> bool:
    """Whether the particulars of an entry are for the caller: names, notes and other free text of an act.

    ``act`` is the entry's act with its fields, where it has one; ``Who.sees`` of that act says for whom they are.
    """
    if access.cleared:
        return False
    if access.audits or access.delegate == actor.delegate:
        return True
    if act is None or act["name"] not in ACTS:
        return False
    if access.party is not None and access.party == actor.party:
        return True
    return is_for(access, a, str(act["name"]), str(act.get("fields", {}).get("condition")))


def is_for(access: Access, a: Accord, act: str, condition: str) -> bool:
    """Whether what is said in an act, on a condition or on none, is for the caller, by ``Who.sees`` of that act."""
    declared = ACTS.get(act)
    if declared is None:
        return False
    match declared.who.sees:
        case Audience.ALL:
            return True
        case Audience.PARTIES:
            return access.party is not None
        case Audience.CONCERNED:
            return _concerned(access, a, condition)


def _concerned(access: Access, a: Accord, condition: str) -> bool:
    """Whether the caller is a delegate of one of the condition's beneficiaries, or one of its verifiers."""
    terms = a.definition.conditions.get(condition)
    return terms is not None and (
        access.party in beneficiaries(a, condition) or access.delegate in terms.policy.verifiers
    )
