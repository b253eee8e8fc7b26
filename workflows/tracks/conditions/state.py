"""Where a condition stands, whether it is satisfied, and who could bring it forward: what every act on one asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

from workflows.model.authority import able, appoint
from workflows.model.canonical import digest_of
from workflows.model.commands import Actor
from workflows.model.declare import Act, Audience, Check, Who
from workflows.model.state import Accord, Condition
from workflows.model.terms import ConditionTerms
from workflows.model.values import GRADES, Reference, some
from workflows.model.wording import called, counted, do, listed, named

MOST_REPORTS = 100
"""Ids of its own latest reports that a condition remembers for each delegate who reports."""


FALLEN = ("lapsed", "revoked")

NO_FINDINGS: dict[str, Any] = {"findings": {}, "found_on": {}}
"""What a condition is changed to where its findings are used up, or count no more."""


def time_runs(a: Accord, code: str) -> bool:
    """Whether a condition's time runs: it is not removed; after release it is a subsequent one."""
    condition = a.conditions.get(code)
    if condition is None or condition.status == "removed" or code not in a.definition.conditions:
        return False
    return a.released_at is None or gate_of(a, code) == "subsequent"


NOT_OF_THE_TERMS = ("title", "due", "response", "cure")
"""Fields that say nothing of what has to be found, by whom, and what rests on it: their change reopens nothing."""


def terms_digest(terms: ConditionTerms) -> str:
    """The digest of a condition's terms; the policy's version, which a verdict names."""
    return digest_of(terms.model_dump(mode="json", exclude_defaults=True, exclude=set(NOT_OF_THE_TERMS)))


def adopt_terms(a: Accord, at: datetime) -> Accord:
    """The state with the definition's conditions: new ones agreed, the others as they stand, under the new terms.

    What an amendment reopens has fallen before (``founding.reopening``).
    """
    conditions: dict[str, Condition] = {}
    for code, terms in a.definition.conditions.items():
        digest, old = terms_digest(terms), a.conditions.get(code)
        if old is None or old.status == "removed":
            conditions[code] = Condition(terms=digest, since=at)
        else:
            conditions[code] = replace(old, terms=digest)
    removed = {code: old for code, old in a.conditions.items() if code not in conditions}
    return a.changed(conditions={**conditions, **removed})


def gate_of(a: Accord, code: str) -> str:
    """The gate that a condition guards now: the definition's, or the one that it was deferred to."""
    return a.conditions[code].deferred_to or a.definition.conditions[code].gate


def on_gates(a: Accord, *gates: str) -> tuple[str, ...]:
    """The conditions that guard one of these gates, in the definition's order."""
    return tuple(code for code in a.definition.conditions if gate_of(a, code) in gates)


def beneficiaries(a: Accord, code: str) -> tuple[str, ...]:
    """Who may waive: as the definition says, by default every party that is not obliged."""
    terms = a.definition.conditions[code]
    if terms.beneficiaries is not None:
        return terms.beneficiaries
    return tuple(party for party in a.definition.parties if party not in terms.obligors)


def own_state_holds(a: Accord, code: str) -> bool:
    """Whether the condition itself holds by verdict or waiver, its dependencies apart."""
    condition = a.conditions[code]
    if condition.status == "waived":
        return True
    return condition.status == "verified" and not (condition.questioned and condition.question_closes)


def resting_on(a: Accord, *codes: str) -> Iterator[str]:
    """Conditions and all that they depend on, each once, however long or branched the chains are."""
    seen: dict[str, None] = {}
    waiting = list(reversed(codes))
    while waiting:
        one = waiting.pop()
        if one not in seen:
            seen[one] = None
            yield one
            waiting.extend(reversed(a.definition.conditions[one].depends_on))


def satisfied(a: Accord, code: str) -> bool:
    """Whether a condition is satisfied: it holds, and all that it depends on is satisfied."""
    if code not in a.definition.conditions or code not in a.conditions:
        return False
    if not a.definition.conditions[code].depends_on:
        return own_state_holds(a, code)
    return all(own_state_holds(a, one) for one in resting_on(a, code))


def owed_by(a: Accord, code: str) -> tuple[str, ...]:
    """The delegates who could bring the condition forward now; where it holds itself, what it depends on."""
    if not own_state_holds(a, code):
        return _owed_itself(a, code)
    waiting = [one for one in resting_on(a, code) if not own_state_holds(a, one)]
    return tuple(dict.fromkeys(who for one in waiting for who in _owed_itself(a, one)))


def _owed_itself(a: Accord, code: str) -> tuple[str, ...]:
    condition, terms = a.conditions[code], a.definition.conditions[code]
    if condition.status == "disputed":
        return deciders(a, code)
    submitted = condition.status in ("evidence_submitted", "verified") and adequate(a, code)
    if submitted:
        return tuple(one for one in terms.policy.verifiers if one not in condition.findings)
    return able(a, ("obligor",), terms.obligors).who


class _Satisfied:
    """The answers for a state: five gates and what blocks them ask for each of hundreds of conditions.

    They are kept for two states: a page shows one as it is recorded, and the acts on it as of now.
    """

    _latest: ClassVar[tuple[tuple[Accord, dict[str, Check]], ...]] = ()

    @classmethod
    def of(cls, a: Accord) -> dict[str, Check]:
        """What was answered for this very state."""
        latest = cls._latest
        for state, answered in latest:
            if state is a:
                return answered
        answered = {}
        cls._latest = ((a, answered), *latest[:1])
        return answered


def check_satisfied(a: Accord, code: str) -> Check:
    """Guard: the condition is satisfied; if not, why, who owes it, and when it is due."""
    answered = _Satisfied.of(a)
    check = answered.get(code)
    if check is None:
        check = answered[code] = _check_satisfied(a, code)
    return check


def _check_satisfied(a: Accord, code: str) -> Check:
    terms, condition = a.definition.conditions[code], a.conditions[code]
    met = satisfied(a, code)
    return Check(
        "condition_satisfied",
        met,
        "" if met else f"{code} ({terms.title}): {_status_words(a, code)}{_nobody(a, code)}",
        "" if met else _next_step(a, code),
        tuple(condition.findings) if met else owed_by(a, code),
        terms.due,
        code,
    )


def _next_step(a: Accord, code: str) -> str:
    """What brings a condition that is not satisfied forward, in words."""
    condition, terms = a.conditions[code], a.definition.conditions[code]
    if own_state_holds(a, code):
        waiting = [one for one in resting_on(a, code) if not own_state_holds(a, one)]
        return f"bring {some(waiting)}, on which {code} depends, to a verdict"
    if condition.status == "disputed":
        return f"the verifiers of {code} who did not give the verdict decide the dispute (decide-dispute)"
    if condition.status == "verified":
        return f"a verifier of {code} confirms the verdict, or revokes it (confirm-verdict)"
    if condition.status == "evidence_submitted" and adequate(a, code):
        step = f"the verifiers of {code} verify it by the evidence (verify-condition), or return that (return-evidence)"
    else:
        step = (
            f"{do(terms.obligors, 'submits', 'submit')} {_graded(terms)} for {code}, which is then verified"
        )
    mine = beneficiaries(a, code)
    return step + (f"; or {do(mine, 'waives', 'waive')} it" if terms.waivable and mine else "")


def _nobody(a: Accord, code: str) -> str:
    """That nobody is appointed who could bring the condition forward itself, and who appoints somebody."""
    condition, terms = a.conditions[code], a.definition.conditions[code]
    if own_state_holds(a, code):
        return ""
    if condition.status not in ("evidence_submitted", "verified", "disputed") or not adequate(a, code):
        return able(a, ("obligor",), terms.obligors).nobody
    waiting = owed_by(a, code)
    if any(one in a.delegates and "verifier" in a.delegates[one].roles for one in waiting):
        return ""
    owners = a.definition.owners()
    sides = dict.fromkeys(side for one in waiting if (side := owners.get(one)) is not None)
    contacts = [a.definition.parties[side].contact for side in sides]
    return f"; nobody of them is appointed as verifier yet: {appoint(contacts)}" if contacts else ""


def _graded(terms: ConditionTerms) -> str:
    grade = terms.policy.grade
    return "evidence" if grade == "declared" else f"evidence of grade {grade} or better"


def _status_words(a: Accord, code: str) -> str:
    """Why a condition is not satisfied, as a person says it."""
    condition, terms = a.conditions[code], a.definition.conditions[code]
    waiting = [other for other in terms.depends_on if not satisfied(a, other)]
    if own_state_holds(a, code):
        return f"it is {condition.status}, but depends on {listed(waiting)}"
    words = _itself(a, code)
    if condition.status in ("evidence_submitted", *FALLEN, "returned") and condition.findings:
        needed = counted(terms.policy.need, "verifier", "verifiers")
        words += f"; {len(condition.findings)} of {needed} found it met"
    if waiting:
        words += f"; and it depends on {listed(waiting)}"
    if condition.overdue and not satisfied(a, code):
        words += "; overdue, and the contacts are told" if condition.escalated else "; overdue"
    return words


def _itself(a: Accord, code: str) -> str:
    """How a condition stands that does not hold itself, in words."""
    condition, terms = a.conditions[code], a.definition.conditions[code]
    because = f": {condition.reason}" if condition.reason else ""
    if condition.status == "evidence_submitted":
        if not adequate(a, code):
            return f"evidence is in, but none of grade {terms.policy.grade} or better"
        missing = owed_by(a, code)
        if not missing:
            return "evidence is in, and every verifier has found"
        return f"evidence is in; {do(missing, 'has', 'have')} not given a verdict yet"
    if condition.status == "disputed":
        return f"the verdict is disputed, and {do(deciders(a, code), 'has', 'have')} not decided yet"
    if condition.status == "verified":
        return "it is verified, but a monitor's report questions it"
    if condition.status == "returned":
        return f"the evidence was returned{because}"
    if condition.status == "lapsed":
        return f"the verdict has lapsed{because}"
    if condition.status == "revoked":
        return f"the verdict was revoked{because}"
    return f"{_graded(terms)} is not in yet"


STATUS = {
    "agreed": "waiting for evidence",
    "evidence_submitted": "waiting for a verdict",
    "returned": "waiting for other evidence",
    "lapsed": "lapsed",
    "revoked": "revoked",
}
"""How a condition stands, in words, where the status is not a word that says so."""


def status_words(*statuses: str) -> str:
    """Statuses of conditions as people call them."""
    return listed([STATUS.get(one, one) for one in dict.fromkeys(statuses)], "or")


def adequate(a: Accord, code: str) -> bool:
    """Whether there is evidence of at least the grade that the policy asks for."""
    return bool(adequate_digests(a, code))


def adequate_digests(a: Accord, code: str) -> tuple[str, ...]:
    """The evidence, by digest, whose grade suffices under the policy."""
    lowest = GRADES.index(a.definition.conditions[code].policy.grade)
    return tuple(one.digest for one in a.conditions[code].evidence if GRADES.index(one.grade) >= lowest)


def deciders(a: Accord, code: str) -> tuple[str, ...]:
    """Who decides a dispute: verifiers who did not give the verdict, else all but the disputant's party."""
    condition, terms = a.conditions[code], a.definition.conditions[code]
    gave = condition.verdict.verifiers if condition.verdict else ()
    disputing = condition.dispute.party if condition.dispute else None
    obliged = () if terms.policy.joint else terms.obligors
    side = {one: a.delegates[one].party if one in a.delegates else None for one in terms.policy.verifiers}
    others = tuple(one for one in side if one not in gave and side[one] not in obliged)
    if others:
        return others
    return tuple(one for one in side if one in a.delegates and side[one] not in (disputing, *obliged))


def cure_ground(code: str) -> str:
    """The ground for termination that stands while a condition is not cured in time."""
    return f"cure period of {code} ended"


def holding(a: Accord, code: str, **changes: Any) -> Accord:
    """The state in which a condition holds: what its fall or its lateness had begun is over."""
    ended = cure_ground(code)
    a = a.changed(termination_grounds=tuple(one for one in a.termination_grounds if one != ended))
    return with_condition(
        a,
        code,
        cure_by=None,
        fallen=False,
        reason=None,
        reminded=False,
        overdue_since=None,
        escalated=False,
        **changes,
    )


def with_condition(a: Accord, code: str, **changes: Any) -> Accord:
    """The state with a condition changed; as it is, where there is none of that code."""
    condition = a.conditions.get(code)
    if condition is None:
        return a
    return a.changed(conditions={**a.conditions, code: replace(condition, **changes)})


def not_released(a: Accord) -> Check:
    """Guard: nothing is released that rests on the condition."""
    return Check(
        "not_released",
        a.released_at is None,
        f"{named(a, 'documents')} are released; what was released is never undone",
        "agree on a later instrument",
    )


VERIFIER = Who(("verifier",), "anyone", agree="n of m", sees=Audience.PARTIES)


class AboutCondition(Act):
    """An act about one condition of the accord."""

    condition: Reference

    def known(self, a: Accord) -> Check:
        """Guard: the accord has such a condition."""
        now = a.conditions.get(self.condition)
        return Check(
            "condition_known",
            now is not None and now.status != "removed" and self.condition in a.definition.conditions,
            f"there is no {called(a, 'condition')} {self.condition}",
            f"{named(a, 'conditions')} are {', '.join(a.definition.conditions) or 'none'}",
            subject=self.condition,
        )

    def status_is(self, a: Accord, *allowed: str) -> Check:
        """Guard: the condition stands where the act makes sense."""
        status = a.conditions[self.condition].status
        return Check(
            "condition_status",
            status in allowed,
            f"{self.condition} is {status_words(status)}",
            f"it is for {called(a, 'conditions')} that are {status_words(*allowed)}",
            owed_by(a, self.condition),
            a.definition.conditions[self.condition].due,
            self.condition,
        )

    def named_verifier(self, a: Accord, by: Actor) -> Check:
        """Guard: the delegate is a verifier whom the condition's policy names."""
        policy = a.definition.conditions[self.condition].policy
        return Check(
            "named_verifier",
            by.delegate in policy.verifiers,
            f"{by.delegate} is no verifier of {self.condition}",
            f"its verifiers are {', '.join(policy.verifiers)}",
            policy.verifiers,
            subject=self.condition,
        )

    def not_the_obligor(self, a: Accord, by: Actor) -> Check:
        """Guard: no party finds its own condition met, unless all agreed on a joint policy."""
        terms = a.definition.conditions[self.condition]
        owners = a.definition.owners() if by.party in terms.obligors else {}
        others = tuple(one for one in terms.policy.verifiers if owners.get(one) not in terms.obligors)
        return Check(
            "not_the_obligor",
            terms.policy.joint or by.party not in terms.obligors,
            f"{by.party} owes {self.condition}: nobody verifies its own {called(a, 'condition')}",
            f"let {listed(others, 'or')} do it"
            if others
            else "amend its policy, with every party: all of its verifiers stand for who owes it",
            others,
            terms.due,
            self.condition,
        )
