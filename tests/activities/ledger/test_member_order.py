"""Nothing depends on the order of an object's members: canonical JSON sorts them, and so does the record."""

from __future__ import annotations

from tests.activities.verifier.record import Record
from tests.simulation.small import small
from workflows.model.definition import Definition

ROLES = ["protocol", "treaty_section", "drafter", "obligor", "verifier", "competent_authority", "signatory"]


async def test_a_definition_in_any_order_is_carried_on_after_a_restart() -> None:
    """The state in memory and the state folded from the record decide the same; else record answers NotDerived."""
    definition = small()
    definition["parties"] = dict(reversed(definition["parties"].items()))
    record = Record()
    await record.act("aa.contact", "open_accord", definition=definition)
    digest = Definition.model_validate(definition).digest()
    for party in ("aa", "bb"):
        await record.act(f"{party}.contact", "adopt_definition", digest=digest)
    for party in ("aa", "bb"):
        delegate = f"{party}.contact"
        await record.act(delegate, "appoint_delegate", delegate=delegate, office="Office", roles=ROLES)
    # Each act is recorded by a recorder that was just started, and folds its state from the record.
    for act in ("confirm_visit", "record_arrival", "release_signatures"):
        await record.act("bb.contact", act)
