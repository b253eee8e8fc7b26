"""An accord's engine in the test's own process: a worker on its own task queue, and hands to act with."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError
from temporalio.client import Client, WithStartWorkflowOperation, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities.identity.signing import CommandSigner, CommandVerifier
from activities.ledger.postgres import PostgresLedger
from activities.ledger.writer import BatchWriter
from activities.reading.states import States
from activities.recording import Recorder
from activities.runtime.accords import start_operation
from activities.runtime.settings import Settings, read_settings
from worker.main import accord_worker
from workflows.messages import RecordAnswer, RecordRequest
from workflows.model.commands import Command, Receipt
from workflows.model.definition import Definition
from workflows.model.fold import evolve
from workflows.model.state import Accord

ROLES = [
    "protocol",
    "treaty_section",
    "drafter",
    "obligor",
    "verifier",
    "competent_authority",
    "signatory",
]


_AGAIN = (RPCStatusCode.NOT_FOUND, RPCStatusCode.UNAVAILABLE, RPCStatusCode.FAILED_PRECONDITION)


class Engine:
    """Sends signed commands to accords, as the API does."""

    def __init__(
        self, client: Client, settings: Settings, signer: CommandSigner, ledger: PostgresLedger
    ) -> None:
        self.client = client
        self.settings = settings
        self.signer = signer
        self.ledger = ledger

    def command(
        self, accord: str, delegate: str, act: str, key: str | None = None, /, **fields: Any
    ) -> Command:
        command = Command(
            accord=accord,
            id=f"{delegate}/{key or uuid.uuid4().hex}",
            act=act,
            fields=fields,
            delegate=delegate,
        )
        return self.signer.sign(command)

    async def open(
        self,
        definition: dict[str, Any],
        by: str = "aa.contact",
        key: str | None = None,
        continue_after: int | None = None,
    ) -> str:
        accord = f"test-{uuid.uuid4().hex[:10]}"
        # As the API sends it: in its normal form, where it is a definition at all.
        with suppress(ValidationError):
            definition = Definition.model_validate(definition).as_facts()
        command = self.command(accord, by, "open_accord", key, definition=definition)
        await self.client.execute_update_with_start_workflow(
            "open_accord",
            command,
            id=command.update_id(),
            result_type=Receipt,
            start_workflow_operation=self.start_operation(accord, continue_after),
        )
        return accord

    def start_operation(
        self, accord: str, continue_after: int | None = None
    ) -> WithStartWorkflowOperation[Any, Any]:
        return start_operation(accord, self.settings.task_queue, continue_after=continue_after)

    def handle(self, accord: str) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(accord)

    async def send(self, command: Command) -> Receipt:
        receipt: Receipt = await self.handle(command.accord).execute_update(
            command.act, command, id=command.update_id(), result_type=Receipt
        )
        return receipt

    async def persist(self, command: Command) -> Receipt:
        """Send as the API does: again, with the same id, while the history is being continued."""
        for _ in range(400):
            try:
                return await self.send(command)
            except WorkflowUpdateFailedError as error:
                if not (isinstance(error.cause, ApplicationError) and error.cause.type == "Continuing"):
                    raise
            except RPCError as error:
                # As the API does: a task that fails, as one that ends a run while signals come, is made again.
                if error.status not in _AGAIN:
                    raise
            await asyncio.sleep(0.02)
        raise AssertionError(f"{command.id} was never taken up")

    async def act(
        self, accord: str, delegate: str, act: str, key: str | None = None, /, **fields: Any
    ) -> Receipt:
        return await self.send(self.command(accord, delegate, act, key, **fields))

    async def failure(
        self, accord: str, delegate: str, act: str, key: str | None = None, /, **fields: Any
    ) -> ApplicationError:
        return await failure_of(self.send(self.command(accord, delegate, act, key, **fields)))

    async def found(self, accord: str, definition_digest: str) -> None:
        """Both parties of the small definitions adopt it and give their contacts all the roles they need."""
        contacts = [f"{party}.contact" for party in ("aa", "bb")]
        for contact in contacts:
            await self.persist(self.command(accord, contact, "adopt_definition", digest=definition_digest))
        for contact in contacts:
            fields = {"delegate": contact, "office": "Office", "roles": ROLES}
            await self.persist(self.command(accord, contact, "appoint_delegate", **fields))

    async def state(self, accord: str) -> Accord:
        """The fold of the ledger's entries."""
        state: Accord | None = None
        for entry in await self.ledger.entries(accord, 0, 100_000):
            state = evolve(state, entry.recorded())
        assert state is not None
        return state


async def failure_of(call: Any) -> ApplicationError:
    """The application error with which an update fails."""
    with pytest.raises(WorkflowUpdateFailedError) as failed:
        await call
    cause = failed.value.cause
    assert isinstance(cause, ApplicationError)
    return cause


async def record_past_the_workflow(engine: Engine, accord: str) -> RecordAnswer:
    """Record an act as the recorder does, while the workflow of the accord knows nothing of it."""
    command = engine.command(accord, "aa.contact", "record_statement", digest="sha256:" + "2" * 64)
    async with BatchWriter(engine.ledger) as writer:
        verifier = CommandVerifier((engine.signer.public_key,))
        recorder = Recorder(engine.ledger, writer, States(engine.ledger), verifier)
        return await recorder.record(RecordRequest(command=command, at=datetime.now(UTC)))


@asynccontextmanager
async def engine_for(database_url: str, client: Client, **changes: Any) -> AsyncIterator[Engine]:
    """An engine without a worker."""
    signer = CommandSigner(Ed25519PrivateKey.generate())
    settings = read_settings(
        database_url=database_url,
        task_queue=f"test-{uuid.uuid4().hex[:8]}",
        command_public_keys=(signer.public_key,),
        **changes,
    )
    async with PostgresLedger.connect(database_url) as ledger:
        yield Engine(client, settings, signer, ledger)


@asynccontextmanager
async def running_engine(database_url: str, client: Client, **changes: Any) -> AsyncIterator[Engine]:
    """An engine with a worker that runs until the end of the block."""
    async with (
        engine_for(database_url, client, **changes) as engine,
        accord_worker(engine.settings, client) as worker,
        worker,
    ):
        yield engine
