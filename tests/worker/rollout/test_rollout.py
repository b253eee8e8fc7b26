"""Two versions of the workers live at once, while people act: nothing is lost, and the older one drains."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.api.enums.v1 import EventType, VersioningBehavior
from temporalio.client import Client

from activities.errors import RuntimeProblem
from activities.feeds.starting import tell_webhook, webhook_workflow
from activities.feeds.webhooks import Owner, Webhooks
from activities.ledger.connections import writing_pool
from tests.simulation.small import digest, small
from tests.workflows.harness import Engine, engine_for
from worker.background import rollout as background
from worker.background.rollout import Rollout, rolling_out
from worker.main import accord_worker
from worker.rollout.deployment import Deployment, describe, make_current, ramp
from worker.rollout.moving import count_open
from worker.rollout.version import deployed, deployment_name
from workflows.messages import AccordInput, Status
from workflows.model.definition import Definition
from workflows.workflow import AccordWorkflow


@workflow.defn(name="Accord")
class Changed(AccordWorkflow):
    """Code on which no history of the version before replays."""

    @workflow.init
    def __init__(self, start: AccordInput) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: AccordInput) -> str:
        await workflow.sleep(timedelta(milliseconds=1))
        return await super().run(start)


class Versions:
    """Versions of the workers that run in the test's process, each until it is stopped."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.name = deployment_name(engine.settings)
        self._running: dict[str, AsyncExitStack] = {}
        self.rollouts: dict[str, Rollout] = {}

    async def start(self, build_id: str, code: type[AccordWorkflow], rollout: str = "auto") -> None:
        """Start a worker of this version, with what a worker has beside it."""
        settings = self.engine.settings.model_copy(update={"build_id": build_id, "rollout": rollout})
        self._running[build_id] = running = AsyncExitStack()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("worker.main.AccordWorkflow", code)
            made = await running.enter_async_context(
                accord_worker(settings, self.engine.client, deployed(settings))
            )
        await running.enter_async_context(made)
        rollout = await running.enter_async_context(rolling_out(settings, self.engine.client))
        self.rollouts[build_id] = rollout

    async def stop(self, build_id: str) -> None:
        await self._running.pop(build_id).aclose()

    async def stop_all(self) -> None:
        for build_id in list(self._running):
            await self.stop(build_id)

    async def ready(self, build_id: str) -> None:
        # Beside others the server lets a deployment wait for its turn.
        for _ in range(300):
            if await self.rollouts[build_id].ready() == "ok":
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"{build_id} has no place")

    async def described(self) -> Deployment:
        return await describe(self.engine.client, self.name, self.engine.settings.task_queue)

    async def until(self, build_id: str, status: str) -> None:
        for _ in range(60):
            version = (await self.described()).version(build_id)
            if version is not None and version.status == status:
                return
            # The server takes few calls a second about one deployment.
            await asyncio.sleep(0.4)
        raise AssertionError(f"{build_id} is not {status}: {await self.described()}")

    async def carrying(self, accord: str) -> str:
        """The version that an accord's run is pinned to; nothing where it is not."""
        described = await self.engine.handle(accord).describe()
        info = described.raw_description.workflow_execution_info.versioning_info
        pinned = info.behavior == VersioningBehavior.VERSIONING_BEHAVIOR_PINNED
        return (
            info.deployment_version.build_id if pinned and not info.versioning_override.auto_upgrade else ""
        )


@pytest_asyncio.fixture(loop_scope="session")
async def versions(
    database_url: str, temporal_client: Client, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Versions]:
    monkeypatch.setattr(background, "ROUND", 0.5)
    monkeypatch.setattr(background, "BUSY", 0.5)
    async with engine_for(database_url, temporal_client) as engine:
        versions = Versions(engine)
        try:
            yield versions
        finally:
            await versions.stop_all()


class Acting:
    """Somebody who acts on an accord all the time, and sends again what was not taken up."""

    def __init__(self, engine: Engine, accord: str) -> None:
        self.accord = accord
        self.positions: list[int] = []
        self._engine = engine
        self._task = asyncio.create_task(self._act())

    async def _act(self) -> None:
        while True:
            fields = {"digest": digest(f"{self.accord} {len(self.positions)}")}
            command = self._engine.command(self.accord, "aa.contact", "record_statement", **fields)
            receipt = await self._engine.persist(command)
            assert receipt.position is not None
            self.positions.append(receipt.position)
            await asyncio.sleep(0.02)

    async def more(self, count: int = 5) -> None:
        """Returns when so many further acts were answered."""
        wanted = len(self.positions) + count
        while len(self.positions) < wanted:
            assert not self._task.done(), self._task
            await asyncio.sleep(0.02)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def _whole(engine: Engine, accord: str, answered: list[int]) -> None:
    """All that was answered is on the record, once, where it was said to be; the workflow stands where it stands."""
    entries = await engine.ledger.entries(accord, 0, 10_000)
    assert [entry.position for entry in entries] == list(range(len(entries)))
    statements = {entry.position for entry in entries if entry.recorded().type == "statement_recorded"}
    assert len(set(answered)) == len(answered)
    assert set(answered) <= statements
    status = await engine.handle(accord).query("status", result_type=Status)
    assert status.size == len(entries)


async def _failed_tasks(engine: Engine, accord: str) -> int:
    failed = 0
    async for run in engine.client.list_workflows(f'WorkflowId = "{accord}"'):
        history = await engine.client.get_workflow_handle(accord, run_id=run.run_id).fetch_history()
        failed += sum(e.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED for e in history.events)
    return failed


async def test_an_old_version_drains_while_people_act_and_its_workers_can_go(
    versions: Versions, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = versions.engine
    await versions.start("one", AccordWorkflow)
    await versions.until("one", "current")
    accords = [await engine.open(small()) for _ in range(5)]
    await asyncio.gather(
        *(engine.found(accord, Definition.model_validate(small()).digest()) for accord in accords)
    )
    busy = [Acting(engine, accord) for accord in accords[:2]]
    await asyncio.gather(*(each.more() for each in busy))
    assert {await versions.carrying(accord) for accord in accords} == {"one"}
    # A webhook that nobody answers waits for minutes, and one with nothing to deliver for a day.
    async with writing_pool(engine.settings.database_dsn(), max_size=1) as pool:
        hook = await Webhooks(pool).add(Owner("aa.contact"), "one", "https://receiver.example/")
    await tell_webhook(engine.client, hook.id, engine.settings.task_queue, backoff=(600.0,))
    waiting = webhook_workflow(hook.id)
    for _ in range(600):
        if await versions.carrying(waiting) == "one":
            break
        await asyncio.sleep(0.1)
    founded = (await engine.state(accords[-1])).size

    # As a rolling update does it: once the new one is ready, the old one is told to stop, which it does in its time.
    await versions.start("two", Changed)
    await versions.ready("two")
    await versions.rollouts["one"].hand_over()
    assert {await versions.carrying(each) for each in (*accords, waiting)} == {"two"}
    await versions.stop("one")
    await asyncio.gather(*(each.more() for each in busy))
    await versions.until("one", "drained")
    assert not await count_open(engine.client, versions.name, "one")
    for each in busy:
        await each.stop()

    # Newer code that replays what is open goes on with it, although no worker of the older version is there.
    await versions.stop("two")
    monkeypatch.setattr(background, "GONE", timedelta(0))
    await versions.start("three", Changed)
    idle = engine.command(accords[-1], "aa.contact", "record_statement", digest=digest("last"))
    await engine.persist(idle)
    for _ in range(600):
        if {await versions.carrying(accord) for accord in accords} == {"three"}:
            break
        await asyncio.sleep(0.1)
    assert {await versions.carrying(accord) for accord in accords} == {"three"}
    for accord in accords:
        answered = next((each.positions for each in busy if each.accord == accord), [])
        await _whole(engine, accord, answered)
        assert not await _failed_tasks(engine, accord)
    # What woke the idle ones is on nobody's record: only what was done is.
    assert {(await engine.state(accord)).size for accord in accords[2:4]} == {founded}


@pytest.mark.slow
async def test_a_ramp_takes_a_share_and_a_version_by_hand_waits_to_be_asked(versions: Versions) -> None:
    engine = versions.engine
    await versions.start("one", AccordWorkflow)
    await versions.until("one", "current")
    await versions.start("two", AccordWorkflow, rollout="manual")
    await versions.until("two", "inactive")
    assert await versions.carrying(await engine.open(small())) == "one"

    await ramp(engine.client, versions.name, "two", 100)
    await versions.until("two", "ramping")
    assert await versions.carrying(await engine.open(small())) == "two"
    await ramp(engine.client, versions.name, "two", 0)
    await versions.until("two", "drained")

    with pytest.raises(RuntimeProblem, match="knows no version three"):
        await make_current(engine.client, versions.name, "three")
    await make_current(engine.client, versions.name, "two")
    await versions.until("two", "current")
    await versions.until("one", "drained")
