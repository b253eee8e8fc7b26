"""What comes of acts over HTTP while somebody meddles with Temporal, or a worker is not the right one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.identity.signing import CommandSigner
from activities.ledger.postgres import PostgresLedger
from activities.runtime.settings import Settings
from tests.api.conftest import Api, problem, serving
from tests.simulation.small import bare, digest
from worker.main import accord_worker
from workflows.messages import AccordInput, RecordAnswer, Standing
from workflows.model.definition import Definition


async def founded(api: Api) -> str:
    definition = bare()
    accord = await api.opened(definition)
    named = Definition.model_validate(definition).digest()
    for by in ("aa.contact", "bb.contact"):
        await api.done(accord, "adopt_definition", by, digest=named)
    return accord


async def pending_activity(client: Client, accord: str) -> Any:
    """A hand on the accord's activity that is under way, as the command line's `activity complete` has."""
    for _ in range(3000):
        described = await client.get_workflow_handle(accord).describe()
        for one in described.raw_description.pending_activities:
            return client.get_async_activity_handle(
                workflow_id=accord, run_id=described.run_id, activity_id=one.activity_id
            )
        await asyncio.sleep(0.02)
    raise AssertionError("no activity was begun")


async def test_a_receipt_given_by_hand_is_none(api: Api, temporal_client: Client) -> None:
    """The caller gets the ledger's, and the act is recorded although Temporal was told that it was."""
    accord = await founded(api)
    connection = await asyncpg.connect(api.settings.database_dsn())
    try:
        async with PostgresLedger.connect(api.settings.database_dsn()) as ledger:
            genuine = (await ledger.commands(accord))[-1].receipt
            async with connection.transaction():
                # The record cannot be written meanwhile, and the attempt to is given up at the end.
                await connection.execute("select from heads where accord = $1 for update", accord)
                acting = asyncio.create_task(
                    api.act(accord, "record_statement", "aa.contact", key="k1", digest=digest("said"))
                )
                hand = await pending_activity(temporal_client, accord)
                forged = genuine.model_copy(update={"command": "aa.contact/k1", "root": "00" * 32})
                await hand.complete(
                    RecordAnswer(receipt=forged, standing=Standing(size=forged.size, stage=forged.stage))
                )
                await asyncio.sleep(0.3)
                assert not acting.done()
            answer = await acting
            assert answer.status_code == 200, answer.text
            known = await ledger.outcome(accord, "aa.contact/k1")
            assert known is not None
            assert answer.json() == known.receipt.model_dump(mode="json")
    finally:
        await connection.close()


async def test_what_failed_for_a_reason_that_is_gone_is_done(
    database_url: str,
    temporal_address: str,
    temporal_client: Client,
    make_settings: Callable[..., Settings],
) -> None:
    """A worker that does not trust the API's key, until it is told to: the same request goes through."""
    settings = make_settings(database_url, temporal_address)
    other = CommandSigner(Ed25519PrivateKey.generate())
    async with serving(settings) as api:
        async with accord_worker(settings, temporal_client) as worker, worker:
            accord = await founded(api)
        distrusting = settings.model_copy(update={"command_public_keys": (other.public_key,)})
        async with accord_worker(distrusting, temporal_client) as worker, worker:
            answer = await api.act(accord, "record_statement", "aa.contact", key="k1", digest=digest("said"))
            assert "ENTENTE_COMMAND_PUBLIC_KEYS" in problem(answer, 503, "unavailable")["detail"]
        async with accord_worker(settings, temporal_client) as worker, worker:
            again = await api.act(accord, "record_statement", "aa.contact", key="k1", digest=digest("said"))
            assert again.status_code == 200, again.text


@workflow.defn(name="Accord")
class Broken:
    """The workflow of a worker whose code cannot go on."""

    @workflow.run
    async def run(self, start: AccordInput) -> str:
        raise RuntimeError(f"this code does not know {start.accord}")


async def test_a_worker_that_cannot_go_on_is_no_fault_of_the_request(
    database_url: str,
    temporal_address: str,
    temporal_client: Client,
    make_settings: Callable[..., Settings],
) -> None:
    settings = make_settings(database_url, temporal_address, api_deadline=2.0)
    async with serving(settings) as api:
        async with accord_worker(settings, temporal_client) as worker, worker:
            accord = await founded(api)
        await temporal_client.get_workflow_handle(accord).terminate("the broken worker shall take it up")
        async with Worker(
            temporal_client,
            task_queue=settings.task_queue,
            workflows=[Broken],
            workflow_runner=UnsandboxedWorkflowRunner(),
        ):
            for _ in range(2):
                answer = await api.act(
                    accord, "record_statement", "aa.contact", key="k1", digest=digest("said")
                )
                assert problem(answer, 503, "unavailable")
                assert answer.headers["retry-after"]
        async with accord_worker(settings, temporal_client) as worker, worker:
            for _ in range(10):
                answer = await api.act(
                    accord, "record_statement", "aa.contact", key="k1", digest=digest("said")
                )
                if answer.status_code != 503:
                    break
            assert answer.status_code == 200, answer.text
