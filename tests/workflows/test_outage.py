"""While the database is away, acts stand under the pending activities, with the cause; then they are done."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest_asyncio
from temporalio.client import Client

from activities.ledger.migrate import migrate
from tests.conftest import with_database
from tests.memory import memory
from tests.simulation.small import bare, digest
from tests.workflows.harness import Engine, running_engine
from worker.stack.postgres import Postgres
from workflows.model.definition import Definition


@pytest_asyncio.fixture
async def postgres() -> AsyncIterator[Postgres]:
    """A Postgres of the test's own, which it can stop and start."""
    with tempfile.TemporaryDirectory(prefix="entente-outage-", dir=memory()) as directory:
        state = Path(directory)
        state.chmod(0o711)
        server = Postgres(state, port=0, durable=False)
        await server.start()
        try:
            yield server
        finally:
            await server.stop()


async def pending(engine: Engine, accord: str) -> list[Any]:
    described = await engine.handle(accord).describe()
    return list(described.raw_description.pending_activities)


async def test_an_act_in_an_outage_stands_with_its_cause_and_is_done_afterwards(
    postgres: Postgres, temporal_client: Client
) -> None:
    connection = await asyncpg.connect(postgres.url("postgres"))
    await connection.execute("create database outage")
    await connection.close()
    url = with_database(postgres.url("postgres"), "outage")
    await migrate(url)
    async with running_engine(url, temporal_client) as engine:
        definition = bare()
        accord = await engine.open(definition)
        named = Definition.model_validate(definition).digest()
        await engine.act(accord, "aa.contact", "adopt_definition", digest=named)

        await postgres.stop()
        acting = asyncio.create_task(engine.act(accord, "bb.contact", "adopt_definition", digest=named))
        for _ in range(200):
            found = [each for each in await pending(engine, accord) if each.HasField("last_failure")]
            if found:
                break
            await asyncio.sleep(0.1)
        assert [each.activity_type.name for each in found] == ["record"]
        assert "adopt definition" in str(
            [e.user_metadata.summary.data for e in (await engine.handle(accord).fetch_history()).events]
        )
        assert "database" in found[0].last_failure.message.lower()
        await engine.handle(accord).signal("unheard_of", "text")
        assert not acting.done()

        await postgres.start()
        receipt = await asyncio.wait_for(acting, 60)
        assert receipt.status == "recorded"
        for _ in range(300):
            if not await pending(engine, accord) and (await engine.state(accord)).size == 5:
                break
            await asyncio.sleep(0.1)
        entries = [entry.entry() for entry in await engine.ledger.entries(accord)]
        assert [entry.type for entry in entries].count("consent_given") == 2
        assert entries[-1].type == "signal_refused"


async def test_the_history_reads_as_minutes(engine: Engine) -> None:
    definition = bare()
    accord = await engine.open(definition)
    named = Definition.model_validate(definition).digest()
    for party in ("aa", "bb"):
        await engine.act(accord, f"{party}.contact", "adopt_definition", digest=named)
    await engine.failure(accord, "bb.contact", "issue_invitation")
    await engine.act(accord, "aa.contact", "record_statement", digest=digest("said"))

    history = await engine.handle(accord).fetch_history()
    lines = [event.user_metadata.summary.data.decode() for event in history.events]
    lines = [line.strip('"') for line in lines if line]
    assert lines[:3] == [
        "open accord · aa.contact",
        "adopt definition · aa.contact",
        "adopt definition · bb.contact",
    ]
    assert lines[3].endswith(
        "bb.contact for BB adopts the definition → the definition is adopted, and the accord founded"
    )
    assert lines[4] == "issue invitation · bb.contact"
    assert lines[5].startswith("✗ REFUSED · ")
    assert "bb.contact for BB" in lines[5]
    assert lines[6:] == ["record statement · aa.contact"]
    assert await engine.handle(accord).query("minutes") == lines
