"""What versions of workers and encrypted payloads cost: CPU and time of one act, with each and without, in turn.

    python -m tests.benchmarks.encryption [--acts 100] [--turns 4]

One process holds the worker and the caller; the servers have their own, whose CPU time does not count. Prints a table;
asserts nothing. What came of it: ``deploy/docs/encryption.md``.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rich.console import Console
from rich.table import Table
from temporalio.envconfig import ClientConfigProfile

from activities.identity.signing import CommandSigner
from activities.ledger.installation import InstallationKey
from activities.ledger.migrate import migrate
from activities.ledger.payload_keys import own_codec
from activities.ledger.postgres import PostgresLedger
from activities.runtime.settings import read_settings
from activities.runtime.temporal import connect
from tests.conftest import with_database
from tests.simulation.small import bare, digest
from tests.workflows.harness import Engine
from worker.main import accord_worker
from worker.rollout.deployment import make_current
from worker.rollout.version import deployed, deployment_name
from worker.stack.postgres import Postgres
from worker.stack.temporal import Temporal
from workflows.model.definition import Definition

MODES = ("in plain, no version", "in plain, with a version", "encrypted, with a version")


@asynccontextmanager
async def running(mode: str, url: str, address: str, key: Path) -> AsyncIterator[Engine]:
    """A worker of this mode, and hands to act with."""
    signer = CommandSigner(Ed25519PrivateKey.generate())
    settings = read_settings(
        database_url=url,
        task_queue=f"bench-{uuid.uuid4().hex[:8]}",
        command_public_keys=(signer.public_key,),
        build_id="bench",
        payload_key_file=key if mode.startswith("encrypted") else None,
        temporal=ClientConfigProfile(address=address),
    )
    async with own_codec(settings) as codec, PostgresLedger.connect(url) as ledger:
        client = await connect(settings, codec=codec)
        version = None if mode.endswith("no version") else deployed(settings)
        if version is not None:
            await make_current(client, deployment_name(settings), "bench", before_it_polls=True)
        async with accord_worker(settings, client, version) as worker, worker:
            yield Engine(client, settings, signer, ledger)


async def measure(url: str, address: str, key: Path, count: int, turns: int) -> None:
    passed: dict[str, list[float]] = {mode: [] for mode in MODES}
    cpu: dict[str, list[float]] = {mode: [] for mode in MODES}
    size: dict[str, int] = {}
    named = Definition.model_validate(bare()).digest()
    for _ in range(turns):
        for mode in MODES:
            async with running(mode, url, address, key) as engine:
                accord = await engine.open(bare())
                for party in ("aa", "bb"):
                    await engine.act(accord, f"{party}.contact", "adopt_definition", digest=named)
                begun = time.process_time()
                for index in range(count):
                    started = time.perf_counter()
                    fields = {"digest": digest(f"{index}"), "words": "word " * 40}
                    command = engine.command(accord, "aa.contact", "record_statement", **fields)
                    await engine.persist(command)
                    passed[mode].append(time.perf_counter() - started)
                cpu[mode].append((time.process_time() - begun) / count)
                history = await engine.handle(accord).fetch_history()
                size[mode] = round(sum(event.ByteSize() for event in history.events) / len(history.events))
    table = Table(
        "", "p50 ms", "p95 ms", "CPU ms", "bytes an event", title=f"one act: {turns} turns of {count}"
    )
    for mode in MODES:
        times = sorted(passed[mode])
        p50, p95 = statistics.median(times), times[int(len(times) * 0.95)]
        shown = [f"{value * 1000:.1f}" for value in (p50, p95, statistics.median(cpu[mode]))]
        table.add_row(mode, *shown, str(size[mode]))
    Console(width=100).print(table)


async def run(count: int, turns: int) -> None:
    with tempfile.TemporaryDirectory(prefix="entente-encryption-") as directory:
        state = Path(directory)
        state.chmod(0o711)
        InstallationKey.create(state / "payload-key")
        postgres = Postgres(state, port=0, durable=False)
        temporal = Temporal(state, port=0, ui_port=None, durable=False)
        await postgres.start()
        try:
            await temporal.start()
            connection = await asyncpg.connect(postgres.url("postgres"))
            await connection.execute("create database encryption")
            await connection.close()
            url = with_database(postgres.url("postgres"), "encryption")
            await migrate(url)
            await measure(url, temporal.address, state / "payload-key", count, turns)
        finally:
            await temporal.stop()
            await postgres.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--acts", type=int, default=100)
    parser.add_argument("--turns", type=int, default=4)
    given = parser.parse_args()
    asyncio.run(run(given.acts, given.turns))
