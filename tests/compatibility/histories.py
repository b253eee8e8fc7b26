"""Records the histories that every later workflow code has to replay.

    python -m tests.compatibility.histories NAME

writes ``tests/compatibility/histories/NAME-*.json.gz``: every play of the catalog, over HTTP on a stack of its own, and
accords in which what is rare happens (an outage, a reset, signals beyond what is kept, runs that continue). NAME is the
released version. A recorded history is never changed afterwards.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
import tempfile
import uuid
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import asyncpg
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client, WorkflowHistory
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from activities.ledger.migrate import migrate
from activities.runtime.settings import read_settings
from activities.runtime.temporal import connect
from tests.simulation.small import digest, small
from tests.workflows.harness import Engine, running_engine
from worker.demo.catalog import entries
from worker.demo.hosting import OPERATOR, Place, keys_for
from worker.demo.over_http import OverHttp
from worker.demo.player import Player
from worker.stack.postgres import Postgres
from worker.stack.stack import Ports, Stack
from worker.stack.temporal import Temporal
from workflows.model.definition import Definition

FOLDER = Path(__file__).parent / "histories"


@cache
def read(path: Path) -> WorkflowHistory:
    """The history in a file of :data:`FOLDER`; read once, since nobody changes it."""
    content = json.loads(gzip.decompress(path.read_bytes()))
    return WorkflowHistory.from_json(content.pop("workflow_id"), content)


def write(path: Path, history: WorkflowHistory) -> None:
    """Put a history into a file; the same history makes the same file."""
    content = {"workflow_id": history.workflow_id, **scrubbed(json.loads(history.to_json()))}
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


def scrubbed(value: Any) -> Any:
    """The history without the names of machines and processes that served it."""
    if isinstance(value, dict):
        if value.get("kind") == "TASK_QUEUE_KIND_STICKY":
            return {**value, "name": "recorded"}
        gone = ("identity", "stackTrace")
        return {key: "recorded" if key in gone else scrubbed(item) for key, item in value.items()}
    return [scrubbed(item) for item in value] if isinstance(value, list) else value


async def runs(client: Client, accord: str) -> list[WorkflowHistory]:
    """The history of every run of an accord, the first one first."""
    # The last run has to have begun: a history without a finished workflow task cannot be replayed.
    for _ in range(100):
        if len((await client.get_workflow_handle(accord).fetch_history()).events) >= 5:
            break
        await asyncio.sleep(0.1)
    handles = [listed async for listed in client.list_workflows(f'WorkflowId = "{accord}"')]
    return [
        await client.get_workflow_handle(accord, run_id=listed.run_id).fetch_history()
        for listed in sorted(handles, key=lambda each: each.start_time)
    ]


def keep(version: str, name: str, histories: list[WorkflowHistory]) -> None:
    """Write the histories of an accord's runs."""
    FOLDER.mkdir(exist_ok=True)
    for number, history in enumerate(histories):
        write(FOLDER / f"{version}-{name}-{number}.json.gz", history)
    print(name, [len(each.events) for each in histories], file=sys.stderr)


async def every_play(version: str, directory: Path) -> None:
    """Keep the runs of every play of the catalog, played over HTTP."""
    settings = read_settings(state_dir=directory, api_port=0, log_level="warning")
    async with Stack(settings, ports=Ports(0, 0, 0), on_line=None) as stack:
        place = Place(stack.api_url, None, stack.database_url, directory, True)
        client = await connect(read_settings(), target=stack.temporal_address)
        for entry in entries():
            play = entry.read()
            keys = await keys_for(place, play.cast())
            async with OverHttp(place.api_url, keys, keys[OPERATOR]) as backend:
                result = await Player(play, backend, lambda _: None).play()
            assert result.went_well, entry.name
            for number, accord in enumerate(result.accords):
                name = entry.name.replace("/", ".").replace("-", "_") + (f".{number}" if number else "")
                keep(version, name, await runs(client, accord))


async def what_is_rare(version: str, engine: Engine) -> None:
    """Keep the runs of accords that together do what no play does."""
    for made in (_acts, _continued, _closed, _outage, _reset, _flood):
        keep(version, made.__name__.lstrip("_"), await runs(engine.client, await made(engine)))


async def _acts(engine: Engine) -> str:
    definition = small(clock="simulated")
    due = datetime.now(UTC) + timedelta(days=20)
    definition["conditions"]["C1"]["due"] = due.isoformat()
    accord = await engine.open(definition)
    await engine.found(accord, Definition.model_validate(definition).digest())
    await engine.act(accord, "aa.contact", "issue_invitation")
    await engine.failure(accord, "bb.contact", "confirm_visit")
    await engine.failure(accord, "bb.contact", "confirm_visit")
    await engine.failure(accord, "xx.contact", "confirm_visit")
    await engine.handle(accord).signal("condition_changed", {"condition": "C1"})
    await engine.handle(accord).signal("unheard_of", "text")
    skipper = TimeSkipper(engine.client, config=TimeSkippingConfig(enabled=False))
    await skipper.fast_forward(engine.handle(accord), timedelta(days=21))
    evidence = {"condition": "C1", "digest": digest("e"), "grade": "documented", "source": "file"}
    await engine.act(accord, "aa.contact", "submit_evidence", **evidence)
    await engine.act(accord, "bb.contact", "verify_condition", condition="C1", evidence=[digest("e")])
    return accord


async def _continued(engine: Engine) -> str:
    accord = await engine.open(small(), continue_after=3)
    for index in range(8):
        command = engine.command(
            accord, "aa.contact", "adopt_definition", f"k{index}", digest=digest("other")
        )
        try:
            await engine.persist(command)
        except Exception as error:  # Each is refused, which is what is wanted here.
            print(type(error).__name__, file=sys.stderr)
    return accord


async def _closed(engine: Engine) -> str:
    accord = await engine.open(small())
    await engine.act(accord, "bb.contact", "decline_definition")
    await engine.act(accord, "aa.contact", "close_accord")
    await engine.handle(accord).result()
    return accord


async def _outage(engine: Engine) -> str:
    """Nobody can write for some seconds, while an act and a signal wait."""
    definition = small()
    accord = await engine.open(definition)
    await engine.found(accord, Definition.model_validate(definition).digest())
    connection = await asyncpg.connect(engine.settings.database_dsn())
    async with connection.transaction():
        await connection.execute("select from heads where accord = $1 for update", accord)
        acting = asyncio.create_task(engine.act(accord, "aa.contact", "issue_invitation"))
        await engine.handle(accord).signal("unheard_of", "text")
        await asyncio.sleep(4)
    await connection.close()
    await acting
    await engine.act(accord, "bb.contact", "accept_invitation")
    return accord


async def _reset(engine: Engine) -> str:
    accord = await _outage(engine)
    history = await engine.handle(accord).fetch_history()
    tasks = [e.event_id for e in history.events if e.HasField("workflow_task_completed_event_attributes")]
    await engine.client.workflow_service.reset_workflow_execution(
        ResetWorkflowExecutionRequest(
            namespace=engine.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=accord),
            workflow_task_finish_event_id=tasks[3],
            reason="to record what a reset leaves",
            request_id=uuid.uuid4().hex,
        )
    )
    await engine.persist(engine.command(accord, "aa.contact", "record_statement", digest=digest("after")))
    return accord


async def _flood(engine: Engine) -> str:
    """More signals at once than are kept, while somebody acts."""
    accord = await engine.open(small())
    await asyncio.gather(
        *(engine.handle(accord).signal("unheard_of", f"{index}" + "x" * 3000) for index in range(300))
    )
    await engine.persist(engine.command(accord, "bb.contact", "decline_definition"))
    return accord


async def record(version: str) -> None:
    """Play, fetch, and write."""
    with tempfile.TemporaryDirectory(prefix="entente-histories-") as directory:
        state = Path(directory)
        state.chmod(0o711)
        await every_play(version, state / "stack")
        postgres = Postgres(state, port=0, durable=False)
        temporal = Temporal(state, port=0, ui_port=None, durable=False)
        await postgres.start()
        try:
            await temporal.start()
            url = postgres.url("postgres")
            connection = await asyncpg.connect(url)
            name = f"histories_{uuid.uuid4().hex}"
            await connection.execute(f'CREATE DATABASE "{name}"')
            await connection.close()
            url = postgres.url(name)
            await migrate(url)
            client = await connect(read_settings(), target=temporal.address)
            async with running_engine(url, client) as engine:
                await what_is_rare(version, engine)
        finally:
            await temporal.stop()
            await postgres.stop()


if __name__ == "__main__":
    asyncio.run(record(sys.argv[1]))
