"""The shared plugin: models travel as JSON, and the pure model is loaded once for all workflows."""

from __future__ import annotations

import sys
import uuid

import pytest
from pydantic import BaseModel
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import Replayer, Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.errors import Unreachable
from activities.runtime.settings import read_settings
from activities.runtime.temporal import EntentePlugin, connect
from worker.stack.ports import any_free
from workflows.model.commands import Command

SIGNED = Command(accord="A-1", id="d/1", act="open", delegate="d")


class Answer(BaseModel):
    command: Command
    same_model: bool
    restricted: bool


@workflow.defn
class Echo:
    @workflow.run
    async def run(self, command: Command) -> Answer:
        import workflows.model.commands

        try:
            open("/etc/hostname").close()  # noqa: PTH123 - the sandbox is to refuse it
            restricted = False
        except workflow.NondeterminismError:
            restricted = True
        return Answer(
            command=command,
            same_model=workflows.model.commands is workflow_messages_outside(),
            restricted=restricted,
        )


def workflow_messages_outside() -> object:
    with workflow.unsafe.sandbox_unrestricted():
        return sys.modules["workflows.model.commands"]


async def test_models_travel_and_no_sandbox_stands_between(temporal_client: Client) -> None:
    queue = f"test-{uuid.uuid4()}"
    async with Worker(temporal_client, task_queue=queue, workflows=[Echo]):
        handle = await temporal_client.start_workflow(Echo.run, SIGNED, id=queue, task_queue=queue)
        answer = await handle.result()
    assert answer.command == SIGNED
    assert answer.same_model
    assert not answer.restricted
    replayer = Replayer(workflows=[Echo], plugins=[EntentePlugin()])
    await replayer.replay_workflow(await handle.fetch_history())


async def test_a_runner_that_somebody_chose_stays(temporal_client: Client) -> None:
    queue = f"test-{uuid.uuid4()}"
    async with Worker(
        temporal_client,
        task_queue=queue,
        workflows=[Echo],
        workflow_runner=SandboxedWorkflowRunner(
            restrictions=SandboxRestrictions.default.with_passthrough_modules("tests")
        ),
    ):
        answer = await temporal_client.execute_workflow(Echo.run, SIGNED, id=queue, task_queue=queue)
    assert answer.restricted
    assert answer.same_model


async def test_an_absent_server_is_one_clear_problem() -> None:
    settings = read_settings(api_deadline=1.0)
    with pytest.raises(Unreachable) as problem:
        await connect(settings, target=f"127.0.0.1:{any_free()}")
    assert "does not answer" in problem.value.what
    assert "entente up" in problem.value.remedy
