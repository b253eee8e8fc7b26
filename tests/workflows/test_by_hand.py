"""What somebody gives as an activity's result by hand, or fails, is no fact and ends no accord; the record is asked."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from temporalio.client import WorkflowExecutionStatus
from temporalio.exceptions import ApplicationError

from tests.simulation.small import digest
from tests.workflows.harness import Engine, failure_of, record_past_the_workflow
from tests.workflows.test_hostile import founded, pending_activity, said, status, stuck
from workflows.messages import RecordAnswer, Standing
from workflows.model.rules import stage
from workflows.workflow import AccordWorkflow


async def test_a_result_given_by_hand_is_no_fact(engine: Engine) -> None:
    accord = await founded(engine)
    size = (await engine.state(accord)).size
    command = engine.command(accord, "aa.contact", "record_statement", "k1", digest=digest("said"))
    async with stuck(engine, accord):
        sending = asyncio.create_task(engine.send(command))
        hand = await pending_activity(engine, accord, "record")
        genuine = await engine.ledger.outcome(accord, command.id)
        assert genuine is None
        receipt = (await engine.ledger.commands(accord))[-1].receipt.model_copy(
            update={"command": command.id, "position": size, "size": size + 1}
        )
        invented = Standing(size=size + 1, stage="terminated", closed=True)
        await hand.complete(RecordAnswer(receipt=receipt, standing=invented, minute="all is over"))
        await sending
    # What was ended by hand still runs in the worker, and may yet be recorded: then the next act shows it.
    for words in ("after", "and after", "and after that"):
        after = await asyncio.wait_for(said(engine, accord, words), 60)
        state = await engine.state(accord)
        assert after.status == "recorded"
        assert state.terminated is None
        status = await engine.handle(accord).query(AccordWorkflow.status)
        if status.size == state.size:
            break
    assert (status.size, status.stage) == (state.size, stage(state))


@pytest.mark.parametrize(
    "result",
    [
        "nonsense",
        {"standing": {"size": "nonsense"}},
        RecordAnswer(standing=Standing()),
        RecordAnswer(standing=Standing(size=7, stage="a stage that is none")),
    ],
)
async def test_nonsense_given_by_hand_stops_no_accord(engine: Engine, result: Any) -> None:
    accord = await founded(engine)
    assert (await engine.state(accord)).size == 4
    async with stuck(engine, accord):
        sending = asyncio.create_task(said(engine, accord, "said"))
        hand = await pending_activity(engine, accord, "record")
        await hand.complete(result)
        await asyncio.sleep(0.3)
    await asyncio.gather(sending, return_exceptions=True)
    assert (await asyncio.wait_for(said(engine, accord, "after"), 60)).status == "recorded"


async def test_an_activity_failed_by_hand_ends_no_accord(engine: Engine) -> None:
    """Also where the act came as a signal, in which an error would end the workflow."""
    accord = await founded(engine)
    async with stuck(engine, accord, "lock table heads in access exclusive mode"):
        await engine.handle(accord).signal("unheard_of", "text")
        hand = await pending_activity(engine, accord, "record_signals")
        await hand.fail(ApplicationError("by hand", type="Rejected", non_retryable=True))
    assert (await said(engine, accord, "after")).status == "recorded"
    assert await status(engine, accord) is WorkflowExecutionStatus.RUNNING


async def test_after_an_activity_failed_by_hand_the_record_is_asked(engine: Engine) -> None:
    """What an attempt had committed by then would stay unknown to the workflow, and its deadline with it."""
    accord = await founded(engine)
    past = (await record_past_the_workflow(engine, accord)).standing.size
    async with stuck(engine, accord):
        sending = asyncio.create_task(said(engine, accord, "said"))
        hand = await pending_activity(engine, accord, "record")
        await hand.fail(ApplicationError("by hand", non_retryable=True))
        assert (await failure_of(sending)).type == "NotRecorded"
        for _ in range(1200):
            known = (await engine.handle(accord).query(AccordWorkflow.status)).size
            if known == past:
                break
            await asyncio.sleep(0.05)
        assert known == past
