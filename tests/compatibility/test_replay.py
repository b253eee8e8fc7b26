"""Every recorded history of a released version replays on today's workflow code, whatever the rules are today."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from activities.reading import standing
from activities.runtime.temporal import EntentePlugin
from tests.compatibility.histories import FOLDER, read
from worker.demo.catalog import entries
from workflows.messages import AccordInput
from workflows.model import decide, rules, summary
from workflows.model.commands import Actor, Summary
from workflows.model.deadlines import Deadline
from workflows.model.declare import Check
from workflows.model.declared import ACTS
from workflows.model.state import Accord
from workflows.notices import NoticesWorkflow
from workflows.webhooks import WebhookInput, WebhookWorkflow
from workflows.workflow import AccordWorkflow

HISTORIES = sorted(FOLDER.glob("*.json.gz"))
RARE = {"acts", "continued", "closed", "outage", "reset", "flood"}
FEEDS = {"webhook", "notices"}
"""What is recorded by ``tests.compatibility.feeds``."""


def replayer() -> Replayer:
    return Replayer(workflows=[AccordWorkflow, WebhookWorkflow, NoticesWorkflow], plugins=[EntentePlugin()])


def kind(path: Path) -> str:
    return path.name.split("-")[1]


@pytest.mark.parametrize("path", HISTORIES, ids=kind)
async def test_a_recorded_history_replays(path: Path) -> None:
    await replayer().replay_workflow(read(path))


def test_there_are_histories_of_every_play_and_of_what_is_rare() -> None:
    plays = {entry.name.replace("/", ".").replace("-", "_") for entry in entries()}
    assert {kind(path) for path in HISTORIES} >= RARE | FEEDS | plays


def test_every_stage_is_in_the_histories() -> None:
    reached = {stage for path in HISTORIES for stage in _stages(read(path))}
    assert reached >= {*rules.LADDER, "terminated"}


def _stages(history: WorkflowHistory) -> Iterator[str]:
    for event in history.events:
        attributes = event.upsert_workflow_search_attributes_event_attributes.search_attributes
        if "EntenteStage" in attributes.indexed_fields:
            yield attributes.indexed_fields["EntenteStage"].data.decode().strip('"')


Change = Callable[[pytest.MonkeyPatch], None]


def _another_guard(patch: pytest.MonkeyPatch) -> None:
    """Nothing is allowed any more."""

    def refuse(self: Any, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        yield Check("never", False, "the rule was changed", "nothing helps")

    for act in ACTS.values():
        patch.setattr(act, "guards", refuse)


def _another_count(patch: pytest.MonkeyPatch) -> None:
    """What blocks the next stage is counted otherwise, and the stages have other names."""
    before = summary.summarize

    def counted(a: Accord) -> Summary:
        return before(a).model_copy(update={"blocked_by": 1000, "stage": "elsewhere"})

    patch.setattr(summary, "summarize", counted)
    patch.setattr(rules, "stage", lambda a: "elsewhere")
    patch.setattr(rules, "blocking", lambda a: ())


def _another_deadline(patch: pytest.MonkeyPatch) -> None:
    """Every deadline is a day earlier, and many more are due."""
    before = rules.deadlines

    def earlier(a: Accord) -> list[Deadline]:
        return [replace(each, at=each.at - timedelta(days=1)) for each in before(a)]

    for module in (rules, decide):
        patch.setattr(module, "deadlines", earlier)
    patch.setattr(rules, "next_deadline", lambda a: None)
    patch.setattr(standing, "next_deadline", lambda a: None)


CHANGES: tuple[Change, ...] = (_another_guard, _another_count, _another_deadline)


async def test_a_changed_rule_changes_no_history() -> None:
    """An ordinary fix of a rule must never stop the accords that are under way.

    All rules are changed at once, which is one replay for all; which of them stops a history is told if one does.
    """
    for path in HISTORIES:
        if (stopped := await _stopped(path, *CHANGES)) is not None:
            alone = [one.__name__ for one in CHANGES if await _stopped(path, one) is not None]
            pytest.fail(f"{path.name} is stopped by {alone or 'the changes together'}: {stopped}")


async def _stopped(path: Path, *changes: Change) -> Exception | None:
    """What stops a history where rules are changed."""
    with pytest.MonkeyPatch.context() as patch:
        for change in changes:
            change(patch)
        result = await replayer().replay_workflow(read(path), raise_on_replay_failure=False)
    return result.replay_failure


@workflow.defn(name="Accord", sandboxed=False)
class Changed(AccordWorkflow):
    """A change without a patch: it waits before it asks where the accord stands."""

    @workflow.init
    def __init__(self, start: AccordInput) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: AccordInput) -> str:
        await workflow.sleep(timedelta(seconds=1))
        return await super().run(start)


async def test_a_changed_command_is_noticed() -> None:
    with pytest.raises(workflow.NondeterminismError):
        await Replayer(workflows=[Changed], plugins=[EntentePlugin()]).replay_workflow(read(HISTORIES[0]))


@workflow.defn(name="Webhook", sandboxed=False)
class ChangedWebhook(WebhookWorkflow):
    """The same of a webhook's."""

    @workflow.run
    async def run(self, start: WebhookInput) -> None:
        await workflow.sleep(timedelta(seconds=1))
        await super().run(start)


async def test_a_changed_command_of_a_webhook_is_noticed() -> None:
    [path, *_] = [one for one in HISTORIES if kind(one) == "webhook"]
    with pytest.raises(workflow.NondeterminismError):
        await Replayer(workflows=[ChangedWebhook], plugins=[EntentePlugin()]).replay_workflow(read(path))
