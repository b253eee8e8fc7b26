"""The rules about the record and who runs it: once for good, folded, refusals, the operator, the parties' symmetry."""

from __future__ import annotations

from dataclasses import replace

from tests.simulation.invariants.moment import Moment
from tests.simulation.invariants.oracle import facts
from workflows.model.commands import SYSTEM, UNATTRIBUTED, UNREADABLE
from workflows.model.decide import CLOCK, decide
from workflows.model.declared import ACTS
from workflows.model.values import INSTALLATION


def rule_11(moment: Moment) -> None:
    """Same command id ⇒ same outcome, however often it is sent, also after the history was continued as new and after

    the accord has ended.

    The model's part: the same command on the same state at the same time has the same outcome. That an id is taken
    up once is the ledger's part: tests/activities/ledger/contract.py and tests/workflows/test_exactly_once.py.
    """
    if moment.event is None and moment.before is not None:
        again = decide(moment.before, moment.command, moment.decision.after.time)
        assert again.mark == moment.decision.mark
        assert (
            moment.decision.repeats is not None
            or [draft.type for draft in again.events][-1:]
            == [draft.type for draft in moment.decision.events][-1:]
        )
        assert (again.refusal is None) == (moment.decision.refusal is None)


def rule_12(moment: Moment) -> None:
    """State = the events, folded; as of any event.

    Here: what was decided is what the recorded events fold to. That it is so as of every event, from the log alone
    and through JSON, is checked over each whole play (``test_properties.whole``).
    """
    if moment.event is None:
        assert moment.after.size == len(moment.log)
        assert moment.after == moment.decision.after


def rule_13(moment: Moment) -> None:
    """A refused act of a known delegate is on the record, with the guard that refused it and what was unmet: once for

    each delegate, act, target and state; repeats get the same answer without a new entry.
    """
    refusal, decision = moment.decision.refusal, moment.decision
    if moment.event is not None or refusal is None or moment.command.act == UNREADABLE:
        return
    if moment.command.delegate == UNATTRIBUTED:
        assert moment.log[-1].type == "signal_refused" or decision.repeats is not None
        return
    assert refusal.guard == refusal.unmet[0].guard
    if decision.repeats is None:
        said = facts(moment.log[-1])
        assert moment.log[-1].type == "act_refused"
        assert (moment.log[-1].actor.delegate, said["act"]) == (moment.command.delegate, moment.command.act)
        assert said["refusal"] == refusal.model_dump(mode="json")
        assert moment.memory.changed_at < len(moment.log) - 1
    else:
        assert decision.events == ()
        assert moment.memory.refused[decision.repeats] == (moment.command.delegate, moment.command.act)
        assert decision.repeats > moment.memory.changed_at, "the state has changed since"
    again = decide(moment.after, moment.command, moment.after.time)
    assert again.sought == decision.mark, "the same again is a repeat"
    assert again.refusal == refusal


DEADLINES = {
    "condition_due_soon",
    "condition_escalated",
    "condition_overdue",
    "cure_period_ended",
    "dispute_expired",
    "full_powers_expired",
    "invitation_expired",
    "long_stop_reached",
    "verdict_lapsed",
}


FOLLOW_BY_THEMSELVES = {"accord_terminated", "consents_fell", "visit_on_hold", "visit_confirmed"}
"""What may follow from a deadline: an end or a hold, and consents that fall with their gate; a dispute that expires may
open a gate that all have passed."""


OPERATION = {
    "accord_paused",
    "accord_resumed",
    "act_refused",
    "contents_erased",
    "intervention_recorded",
    "log_key_retired",
    "log_key_rotated",
    "particulars_erased",
}
"""What the installation may put on record in its own name."""


WHILE_PAUSED = OPERATION | {"condition_questioned", "signal_refused"}
"""What can still be put on record, deadlines apart, while an accord is paused."""


def rule_14(moment: Moment) -> None:
    """The operator can pause, retry and repair; the operator cannot create a fact of the domain, and neither can a

    person who reaches Temporal directly.

    The model's part: an operator's acts are about the log and the accord's course, the clock causes deadlines only,
    and a signal that nobody signed raises an alarm that closes nothing. Signed commands:
    tests/activities/identity/test_signing.py and tests/workflows/test_signals.py.
    """
    event = moment.event
    if event is None or moment.before is None:
        return
    if moment.before.paused is not None and event.actor != CLOCK:
        act = ACTS.get(moment.command.act)
        assert event.type in WHILE_PAUSED or (act is not None and act.while_paused), (
            f"{event.type} happened while the accord was paused"
        )
    if event.actor == CLOCK:
        assert event.type in DEADLINES | FOLLOW_BY_THEMSELVES, f"the clock caused {event.type}"
    elif event.actor.delegate == UNATTRIBUTED:
        assert moment.command.delegate == UNATTRIBUTED or moment.command.act in SYSTEM
        assert event.type in ("condition_questioned", "signal_refused")
        if event.type == "condition_questioned":
            assert facts(event)["closes"] is False
            assert facts(event)["attributed"] is False
    elif event.actor.delegate == INSTALLATION:
        assert moment.command.delegate == INSTALLATION
        assert event.type in OPERATION, f"the installation caused {event.type}"
        state, rest = (
            replace(one, log_keys=(), erased=(), erased_contents=(), paused=None)
            for one in (moment.before, moment.after)
        )
        assert replace(rest, size=state.size, version=state.version, time=state.time) == state
    else:
        assert event.actor.delegate == moment.command.delegate
        appointment = moment.before.delegates[event.actor.delegate]
        assert event.actor.party == appointment.party
        if "act" in event.facts and event.type != "act_refused":
            assert appointment.holds(event.time)


def rule_15(moment: Moment) -> None:
    """Swapping the parties swaps the permissions, nothing else.

    Whole plays are swapped in ``test_properties.py``. Here: no refusal depends on who asks but by authority, by what
    the definition gives to parties by name, and by what they have done themselves.
    """
    if moment.event is None and moment.decision.refusal is not None and not moment.after.ended:
        for unmet in moment.decision.refusal.unmet:
            assert set(unmet.who) <= {INSTALLATION, *moment.after.delegates} | {
                one for terms in moment.after.definition.conditions.values() for one in terms.policy.verifiers
            } | {
                seat.holder
                for terms in moment.after.definition.documents.values()
                for seat in terms.seats.values()
            }, f"{unmet.guard} names somebody whom the accord does not know"
