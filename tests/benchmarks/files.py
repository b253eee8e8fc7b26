"""How fast contents go in and out over the API, beside the bare store; and how long a redline takes.

    python -m tests.benchmarks.files [--megabytes 64]

An embedded Postgres, the API in this process on a socket, a client in a thread. The baseline of the same run hashes the
same bytes and writes them to the same directory through the object store alone. Prints tables; asserts nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import resource
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from activities.files.redline import redline
from activities.files.store import Store
from activities.identity.signing import CommandSigner
from activities.ledger.migrate import migrate
from activities.ledger.postgres import PostgresLedger
from activities.runtime.logs import configure_logs
from activities.runtime.settings import read_settings
from tests.api.conftest import Api, on_a_socket
from tests.api.filling import Filler
from tests.benchmarks import UNLIMITED
from tests.simulation.small import small
from worker.cli.client.calling import Calls
from worker.cli.client.files import fetch_file, send_file
from worker.cli.client.where import Where
from worker.stack.postgres import Postgres

MEBI = 1024 * 1024


async def bare(store: Store, content: bytes) -> tuple[float, float]:
    """Seconds to hash and write, and to read and hash, without an API."""

    async def pieces() -> AsyncIterator[bytes]:
        hashing = hashlib.sha256()
        for at in range(0, len(content), 65536):
            hashing.update(content[at : at + 65536])
            yield content[at : at + 65536]

    began = time.perf_counter()
    await store.put("bare/one", pieces())
    written = time.perf_counter() - began
    hashing, began = hashlib.sha256(), time.perf_counter()
    async for piece in store.read("bare/one"):
        hashing.update(piece)
    return written, time.perf_counter() - began


async def measure(folder: Path, dsn: str, megabytes: int, table: Table) -> None:
    """One row for each way of a content of so many mebibytes."""
    signer = CommandSigner.create(folder / "command.pem")
    settings = read_settings(
        **UNLIMITED,
        database_url=dsn,
        api_port=0,
        command_key_file=folder / "command.pem",
        command_public_keys=(signer.public_key,),
        files_url=str(folder / "files"),
        file_bytes=1024 * MEBI,
    )
    async with PostgresLedger.connect(dsn) as ledger, on_a_socket(settings) as (app, port):
        await Filler(ledger).found("a", small())
        api = Api(app, settings)
        async with api.http:
            token = await api.token("aa.contact")
        server = f"http://127.0.0.1:{port}"
        content = hashlib.shake_256(b"a benchmark").digest(megabytes * MEBI)
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        written, read = await bare(Store.local(folder / "files"), content)

        def row(way: str, seconds: float, beside: float) -> None:
            table.add_row(way, f"{seconds:.2f}", f"{megabytes / seconds:,.0f}", f"{seconds / beside:.1f}")

        async def timed(work: Callable[[], Any]) -> float:
            began = time.perf_counter()
            await asyncio.to_thread(work)
            return time.perf_counter() - began

        def whole() -> None:
            with httpx.Client(trust_env=False, timeout=600) as http:
                # In pieces: the client copies what is left of one that is long at every send.
                answer = http.put(
                    f"{server}/v1/files/{digest}?accord=a",
                    content=(content[at : at + 262144] for at in range(0, len(content), 262144)),
                    headers={
                        "Authorization": f"Bearer {token}",
                        "Content-Type": "text/plain",
                        "Content-Length": str(len(content)),
                    },
                )
                assert answer.status_code == 201, answer.text

        other = folder / "other.bin"
        other.write_bytes(content[::-1])

        def parts() -> None:
            with Calls(Where(server, token)) as calls:
                send_file(calls, "a", other, None, lambda *_: None)

        def fetched() -> None:
            with Calls(Where(server, token)) as calls:
                fetch_file(calls, digest, "a", folder / "back.bin", lambda *_: None)

        row("bare store, write", written, written)
        row("PUT whole", await timed(whole), written)
        row("file put, in parts of 8 MiB", await timed(parts), written)
        row("bare store, read", read, read)
        row("file get, checked by the client", await timed(fetched), read)


def redlines(table: Table) -> None:
    """One row for each length of two texts of which every tenth line differs."""
    for lines in (100, 1000, 5000):
        old = "\n".join(f"{n}. The Parties shall agree on matter {n * 7919 % 1000}." for n in range(lines))
        changed = (
            line.replace("shall", "may") if n % 10 == 0 else line for n, line in enumerate(old.split("\n"))
        )
        new = "\n".join(changed)
        began = time.perf_counter()
        changes = redline(old, new)
        table.add_row(f"{len(old):,}", f"{time.perf_counter() - began:.3f}", f"{len(changes):,}")


async def main(megabytes: int) -> None:
    """Measure, and print."""
    ways = Table("way", "s", "MiB/s", "× bare", title=f"{megabytes} MiB")
    with tempfile.TemporaryDirectory(prefix="entente-files-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        postgres = Postgres(folder, port=0, durable=False)
        await postgres.start()
        try:
            await migrate(postgres.url())
            await measure(folder, postgres.url(), megabytes, ways)
        finally:
            await postgres.stop()
    texts = Table("characters", "s", "stretches", title="Redline")
    redlines(texts)
    out = Console()
    out.print(ways)
    out.print(texts)
    out.print(
        f"most memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB"
    )


if __name__ == "__main__":
    configure_logs(level="warning")
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--megabytes", type=int, default=64)
    asyncio.run(main(arguments.parse_args().megabytes))
