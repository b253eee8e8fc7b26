"""Every recorded history of a released version replays on today's workflow code."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from activities.runtime.temporal import EntentePlugin
from tests.compatibility.histories import FOLDER
from workflows.messages import AccordInput
from workflows.workflow import AccordWorkflow

HISTORIES = sorted(FOLDER.glob("*.json"))


def history(path: Path) -> WorkflowHistory:
    content = json.loads(path.read_text())
    return WorkflowHistory.from_json(content.pop("workflow_id"), content)


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_a_recorded_history_replays(path: Path) -> None:
    await Replayer(workflows=[AccordWorkflow], plugins=[EntentePlugin()]).replay_workflow(history(path))


def test_there_are_histories_of_every_kind() -> None:
    kinds = {path.stem.split("-")[1] for path in HISTORIES}
    assert kinds == {"acts", "continued", "closed"}


@workflow.defn(name="Accord", sandboxed=False)
class Changed(AccordWorkflow):
    """A change without a patch: it waits before it takes its state from the ledger."""

    @workflow.init
    def __init__(self, start: AccordInput) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: AccordInput) -> str:
        await workflow.sleep(timedelta(seconds=1))
        return await super().run(start)


async def test_the_gate_bites() -> None:
    with pytest.raises(workflow.NondeterminismError):
        await Replayer(workflows=[Changed], plugins=[EntentePlugin()]).replay_workflow(history(HISTORIES[0]))
