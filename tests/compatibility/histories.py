"""Records the histories that every later workflow code has to replay.

    python -m tests.compatibility.histories NAME

writes ``tests/compatibility/histories/NAME-*.json`` from accords played on embedded servers; NAME is the released
version. A recorded history is never changed afterwards.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
from temporalio.client import WorkflowHistory
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from activities.ledger.migrate import migrate
from activities.runtime.settings import read_settings
from activities.runtime.temporal import connect
from tests.simulation.small import digest, small
from tests.workflows.harness import Engine, running_engine
from worker.stack.postgres import Postgres
from worker.stack.temporal import Temporal
from workflows.model.definition import Definition

FOLDER = Path(__file__).parent / "histories"


def scrubbed(value: Any) -> Any:
    """The history without the names of machines and processes that served it."""
    if isinstance(value, dict):
        if value.get("kind") == "TASK_QUEUE_KIND_STICKY":
            return {**value, "name": "recorded"}
        gone = ("identity", "stackTrace")
        return {key: "recorded" if key in gone else scrubbed(item) for key, item in value.items()}
    return [scrubbed(item) for item in value] if isinstance(value, list) else value


async def runs(engine: Engine, accord: str) -> list[WorkflowHistory]:
    """The history of every run of an accord, the first one first."""
    found = []
    # The last run has to have begun: a history without a finished workflow task cannot be replayed.
    for _ in range(100):
        if (await engine.handle(accord).fetch_history()).events[-1].event_id >= 8:
            break
        await asyncio.sleep(0.1)
    handles = [h async for h in engine.client.list_workflows(f'WorkflowId = "{accord}"')]
    for listed in sorted(handles, key=lambda one: one.start_time):
        found.append(await engine.client.get_workflow_handle(accord, run_id=listed.run_id).fetch_history())
    return found


async def play(engine: Engine) -> dict[str, list[WorkflowHistory]]:
    """Accords that together use everything that the workflow code does."""
    definition = small(clock="simulated")
    due = datetime.now(UTC) + timedelta(days=20)
    definition["conditions"]["C1"]["due"] = due.isoformat()
    acts = await engine.open(definition)
    named = Definition.model_validate(definition).digest()
    await engine.found(acts, named)
    await engine.act(acts, "aa.contact", "issue_invitation")
    await engine.failure(acts, "bb.contact", "confirm_visit")
    await engine.failure(acts, "bb.contact", "confirm_visit")
    await engine.handle(acts).signal("condition_changed", {"condition": "C1"})
    await engine.handle(acts).signal("unheard_of", "text")
    skipper = TimeSkipper(engine.client, config=TimeSkippingConfig(enabled=False))
    await skipper.fast_forward(engine.handle(acts), timedelta(days=21))
    await engine.act(
        acts,
        "aa.contact",
        "submit_evidence",
        condition="C1",
        digest=digest("e"),
        grade="documented",
        source="file",
    )
    await engine.act(acts, "bb.contact", "verify_condition", condition="C1", evidence=[digest("e")])

    continued = await engine.open(small(), continue_after=3)
    for index in range(8):
        command = engine.command(
            continued, "aa.contact", "adopt_definition", f"k{index}", digest=digest("other")
        )
        try:
            await engine.persist(command)
        except Exception as error:  # Each is refused, which is what is wanted here.
            print(type(error).__name__, file=sys.stderr)

    closed = await engine.open(small())
    await engine.act(closed, "bb.contact", "decline_definition")
    await engine.act(closed, "aa.contact", "close_accord")
    await engine.handle(closed).result()
    return {
        "acts": await runs(engine, acts),
        "continued": await runs(engine, continued),
        "closed": await runs(engine, closed),
    }


async def record(version: str) -> None:
    with tempfile.TemporaryDirectory(prefix="entente-histories-") as directory:
        state = Path(directory)
        state.chmod(0o711)
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
                played = await play(engine)
        finally:
            await temporal.stop()
            await postgres.stop()
    FOLDER.mkdir(exist_ok=True)
    for name, histories in played.items():
        for number, history in enumerate(histories):
            content = scrubbed(json.loads(history.to_json()))
            text = json.dumps({"workflow_id": history.workflow_id, **content}, indent=1, ensure_ascii=False)
            (FOLDER / f"{version}-{name}-{number}.json").write_text(text + "\n")


if __name__ == "__main__":
    asyncio.run(record(sys.argv[1]))
