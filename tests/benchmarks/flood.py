"""Benchmark: many acts at once on one accord, by how many the API has under way.

Run with ``python -m tests.benchmarks.flood``. Servers, worker and API are those of ``entente up``'s parts; the worker
and the API run in this process, as in the API's tests.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
import uuid
from pathlib import Path

import asyncpg
import httpx
from rich.console import Console
from rich.table import Table
from temporalio.envconfig import ClientConfigProfile

from activities.identity.keys import create_key
from activities.identity.signing import CommandSigner
from activities.runtime.loop import run as run_loop
from activities.runtime.settings import Settings, read_settings
from activities.runtime.temporal import connect
from api.app import create_app
from api.queue import ActQueue
from tests.benchmarks import UNLIMITED
from tests.benchmarks.acts import definition_of, percentile
from tests.simulation.small import digest
from worker.main import accord_worker
from worker.stack.stack import Ports, Stack

UNDER_WAY = (1, 2, 3, 5, 8, 10)


async def opened(http: httpx.AsyncClient, tokens: dict[str, str]) -> str:
    """An accord that both parties have adopted."""

    async def post(path: str, by: str, body: object) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {tokens[by]}", "Idempotency-Key": uuid.uuid4().hex}
        answer = await http.post(path, json=body, headers=headers)
        answer.raise_for_status()
        found: dict[str, str] = answer.json()
        return found

    accord = (await post("/v1/accords", "aa.contact", definition_of()))["accord"]
    headers = {"Authorization": f"Bearer {tokens['aa.contact']}"}
    named = (await http.get(f"/v1/accords/{accord}", headers=headers)).json()["definition_digest"]
    for by in tokens:
        await post(f"/v1/accords/{accord}/adopt-definition", by, {"digest": named})
    return accord


async def flood(
    http: httpx.AsyncClient, token: str, accord: str, acts: int
) -> tuple[float, list[float], int]:
    """Seconds for all, the seconds after which each was answered, and how many failed."""
    begun = time.perf_counter()

    async def act(number: int) -> tuple[float, int]:
        answer = await http.post(
            f"/v1/accords/{accord}/record-statement",
            json={"digest": digest(str(number))},
            headers={"Authorization": f"Bearer {token}", "Idempotency-Key": f"f{number}"},
        )
        return time.perf_counter() - begun, answer.status_code

    answers = await asyncio.gather(*(act(number) for number in range(acts)))
    return time.perf_counter() - begun, [at for at, _ in answers], sum(code != 200 for _, code in answers)


async def measure(console: Console, settings: Settings, acts: int) -> None:
    """Flood an accord of its own with each number of acts under way."""
    client = await connect(settings)
    connection = await asyncpg.connect(settings.database_dsn())
    tokens = {by: await create_key(connection, by, "benchmark") for by in ("aa.contact", "bb.contact")}
    await connection.close()
    app = create_app(settings)
    table = Table(
        "under way", "acts/s", "p50 s", "p95 s", "failed", title=f"{acts} acts at once on one accord"
    )
    async with accord_worker(settings, client) as worker, worker, app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://api", timeout=None) as http:  # noqa: S113
            await flood(http, tokens["aa.contact"], await opened(http, tokens), 20)
            for under_way in UNDER_WAY:
                accord = await opened(http, tokens)
                app.state.backend.commands._queue = ActQueue(in_flight=under_way, waiting_each=acts)
                seconds, each, failed = await flood(http, tokens["aa.contact"], accord, acts)
                table.add_row(
                    str(under_way),
                    f"{acts / seconds:.0f}",
                    f"{statistics.median(each):.2f}",
                    f"{percentile(each, 0.95):.2f}",
                    str(failed),
                )
    console.print(table)


async def run(acts: int, directory: Path) -> None:
    """Start the servers, and measure."""
    signer = CommandSigner.create(directory / "command.pem")
    settings = read_settings(state_dir=directory / "state", **UNLIMITED, api_port=0, log_level="warning")
    async with Stack(settings, ports=Ports(0, 0, 0), on_line=None) as stack:
        await measure(
            Console(width=110),
            read_settings(
                database_url=stack.database_url,
                temporal=ClientConfigProfile(address=stack.temporal_address),
                task_queue=f"flood-{uuid.uuid4().hex[:8]}",
                command_key_file=directory / "command.pem",
                command_public_keys=(signer.public_key,),
                api_deadline=120.0,
                **UNLIMITED,
                log_level="warning",
            ),
            acts,
        )


def main() -> None:
    """Read the arguments, and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--acts", type=int, default=200, help="acts at once")
    with tempfile.TemporaryDirectory(prefix="entente-benchmark-") as directory:
        path = Path(directory)
        path.chmod(0o711)
        run_loop(run(parser.parse_args().acts, path))


if __name__ == "__main__":
    main()
