"""What the rules ask that the accord's own state cannot answer: another accord's record, and what an entry names."""

from __future__ import annotations

from activities.ledger.store import Ledger
from activities.reading.states import States
from workflows.model.commands import Command
from workflows.model.decide import Decision
from workflows.model.declare import Rejected
from workflows.model.state import Accord
from workflows.record.erasure import EraseParticulars
from workflows.tracks.predecessor import CarryOverVerdict, as_real, carried_over_holds


async def check_predecessor(
    ledger: Ledger, states: States, state: Accord | None, command: Command, decision: Decision
) -> None:
    """What is carried over from a predecessor is on its record, and still holds there.

    This looks at another accord, which the pure model cannot; a command that is refused anyway is not looked up.

    Raises:
        Rejected: ``no_such_verdict``.
    """
    if command.act != CarryOverVerdict.name or state is None or decision.refusal is not None:
        return
    wanted = CarryOverVerdict.model_validate(command.fields)
    named = state.definition.predecessor.accord if state.definition.predecessor else None
    entries = await ledger.entries(named or "", wanted.position, 1)
    earlier = await states.get(named) if named and entries else None
    if earlier is not None and not as_real(state, earlier.state):
        raise Rejected(
            "no_such_verdict",
            f"Accord {named} is illustrative, or runs on a simulated clock, and this one does not: what was found "
            "there shows nothing here. Submit evidence as usual.",
        )
    if (
        not entries
        or earlier is None
        or not carried_over_holds(wanted, entries[0].leaf.hex(), entries[0].recorded(), earlier.state)
    ):
        raise Rejected(
            "no_such_verdict",
            f"Entry {wanted.position} of {named} is no verdict on {wanted.predecessor} that names this evidence, "
            "grade and end, and still holds. Read that accord's record and name the entry as it is.",
        )


async def check_particulars(ledger: Ledger, command: Command, decision: Decision) -> None:
    """What is to be erased is there: else whoever erases could take away a signed act that names nobody.

    The state knows nothing of particulars; the ledger does.

    Raises:
        Rejected: ``no_particulars``.
    """
    if command.act != EraseParticulars.name or decision.refusal is not None:
        return
    bare = []
    for position in EraseParticulars.model_validate(command.fields).positions:
        [entry] = await ledger.entries(command.accord, position, 1)
        if entry.particulars is None or entry.particulars.value() == {}:
            bare.append(position)
    if bare:
        positions = ", ".join(map(str, bare[:10]))
        raise Rejected(
            "no_particulars",
            f"There are no names and no free text in the entries {positions}. Leave them out: "
            "facts are never erased.",
        )
