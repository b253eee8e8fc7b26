"""The way of one act: decided, recorded, folded; on a real Temporal server and a real Postgres."""

from __future__ import annotations

import asyncio

import pytest
from temporalio.client import WorkflowUpdateFailedError

from tests.simulation.small import digest, small
from tests.workflows.harness import Engine, failure_of
from workflows.model.commands import Receipt
from workflows.model.definition import Definition
from workflows.model.rules import stage
from workflows.model.summary import summarize
from workflows.workflow import AccordWorkflow


async def test_an_act_goes_all_the_way(engine: Engine) -> None:
    definition = small()
    accord = await engine.open(definition)
    await engine.found(accord, Definition.model_validate(definition).digest())
    receipt = await engine.act(accord, "aa.contact", "issue_invitation")

    assert receipt.status == "recorded"
    assert receipt.events == ("invitation_issued",)
    state = await engine.state(accord)
    assert state.invitation.status == "issued"
    assert receipt.version == state.version == state.size - 1
    assert await engine.ledger.summary(accord) == summarize(state)
    assert stage(state) == "invitation"


async def test_a_refused_act_is_on_the_record_once(engine: Engine) -> None:
    definition = small()
    accord = await engine.open(definition)
    await engine.found(accord, Definition.model_validate(definition).digest())
    size = (await engine.state(accord)).size

    first = await engine.failure(accord, "bb.contact", "issue_invitation")
    again = await engine.failure(accord, "bb.contact", "issue_invitation")

    assert first.type == again.type == "Refused"
    receipts = [Receipt.model_validate(error.details[0]) for error in (first, again)]
    assert receipts[0].refusal == receipts[1].refusal
    assert receipts[0].refusal is not None
    assert receipts[0].refusal.guard == "authority"
    assert receipts[0].position == receipts[1].position == size
    assert (await engine.state(accord)).size == size + 1


async def test_what_is_no_act_leaves_no_trace(engine: Engine) -> None:
    definition = small()
    accord = await engine.open(definition)
    await engine.found(accord, Definition.model_validate(definition).digest())
    size = (await engine.state(accord)).size
    events = len((await engine.handle(accord).fetch_history()).events)

    stranger = await engine.failure(accord, "xx.contact", "issue_invitation")
    malformed = await engine.failure(accord, "aa.contact", "submit_evidence", digest="abc")

    assert stranger.type == malformed.type == "Rejected"
    assert stranger.details[0]["code"] == "unknown_delegate"
    assert {error["field"] for error in malformed.details[0]["errors"]} == {
        "digest",
        "condition",
        "grade",
        "source",
    }
    assert (await engine.state(accord)).size == size
    # A stranger is one by the record, which only the recorder reads; what is malformed does not get that far.
    more = (await engine.handle(accord).fetch_history()).events[events:]
    assert [
        e.workflow_execution_update_accepted_event_attributes.accepted_request.input.name
        for e in more
        if e.HasField("workflow_execution_update_accepted_event_attributes")
    ] == ["issue_invitation"]


async def test_an_unsigned_command_is_no_delegates(engine: Engine) -> None:
    definition = small()
    accord = await engine.open(definition)
    signed = engine.command(
        accord, "aa.contact", "adopt_definition", digest=Definition.model_validate(definition).digest()
    )
    for forged in (
        signed.model_copy(update={"signature": ""}),
        signed.model_copy(update={"fields": {"digest": digest("other")}}),
        signed.model_copy(update={"id": "aa.contact/other"}),
    ):
        assert (await failure_of(engine.send(forged))).type == "NotSigned"
    assert (await engine.state(accord)).size == 1


async def test_whoever_reaches_temporal_directly_cannot_stop_an_accord(engine: Engine) -> None:
    """Updates with no, wrong or too many arguments are refused, and the accord goes on."""
    accord = await engine.open(small())
    handle = engine.handle(accord)
    signed = engine.command(accord, "aa.contact", "issue_invitation")
    for name, args in (
        ("issue_invitation", []),
        ("issue_invitation", ["text"]),
        ("issue_invitation", [{"accord": accord}]),
        ("issue_invitation", [signed, signed]),
        ("clock", [signed]),
        ("unheard_of", [signed]),
    ):
        with pytest.raises(WorkflowUpdateFailedError):
            await asyncio.wait_for(handle.execute_update(name, args=args), 60)
    assert (await engine.state(accord)).size == 1
    named = Definition.model_validate(small()).digest()
    assert (await engine.act(accord, "aa.contact", "adopt_definition", digest=named)).status == "recorded"


async def test_state_is_the_fold_of_the_entries(engine: Engine) -> None:
    """The read model is folded from the ledger alone, and the workflow was told where that leads."""
    definition = small()
    accord = await engine.open(definition, continue_after=3)
    await engine.found(accord, Definition.model_validate(definition).digest())
    await engine.persist(engine.command(accord, "aa.contact", "issue_invitation"))
    await failure_of(engine.persist(engine.command(accord, "bb.contact", "confirm_visit")))
    await engine.persist(engine.command(accord, "bb.contact", "accept_invitation"))

    folded = await engine.state(accord)
    status = await engine.handle(accord).query(AccordWorkflow.status)
    assert (status.size, status.stage) == (folded.size, stage(folded))
    assert await engine.ledger.summary(accord) == summarize(folded)
