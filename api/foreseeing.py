"""What would become of an act, by all that is asked where it is recorded."""

from __future__ import annotations

from datetime import datetime

from activities.judging.claiming import claimed_elsewhere, named_by
from activities.judging.lookups import check_particulars, check_predecessor
from api.backend import Backend
from api.heavy import JUDGING
from api.preview import tried
from api.problems import of_rejection
from workflows.model.commands import Command
from workflows.model.decide import Decision
from workflows.model.declare import Rejected
from workflows.model.repeats import unless_recorded
from workflows.model.state import Accord


async def foreseen(
    parts: Backend, state: Accord, command: Command, at: datetime, own_key: str = ""
) -> Decision:
    """What would be decided on ``state`` at ``at``, signed with the delegate's ``own_key`` if one is named.

    Like the recorder it looks up what the state does not hold: refusals, another accord's record, an entry's
    particulars, and whose a delegate's id is.

    Raises:
        Problem: the act is none: malformed, by somebody whom the accord does not know, or it names what is not there.
        LedgerError: the ledger cannot be read.
    """
    # In a thread: where thousands of deadlines fall before it, it takes seconds, for which others must not wait.
    decision = await JUDGING.run(tried, state, command, at, own_key)
    if decision.sought is not None:
        earlier = await parts.ledger.refused(state.id, decision.sought)
        decision = unless_recorded(decision, state, earlier)
    try:
        await check_predecessor(parts.ledger, parts.reader.states, state, command, decision)
        await check_particulars(parts.ledger, command, decision)
    except Rejected as error:
        raise of_rejection(state.id, error) from None
    if decision.refusal is None:
        claim = await JUDGING.run(named_by, state, command)
        if claim is not None and (
            taken := await parts.claims.taken(claim.contact, claim.delegates, claim.apart)
        ):
            raise of_rejection(state.id, claimed_elsewhere(taken))
    return decision
