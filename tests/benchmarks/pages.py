"""What an accord's page costs beside the API's own reading of it: 500 conditions and 60 documents.

    python -m tests.benchmarks.pages [--rounds 30]

The ledger is filled without a workflow; the API answers in this process, so that nothing but the server's own work is
measured. The baseline is ``GET /v1/accords/{accord}`` of the same accord in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from temporalio.envconfig import ClientConfigProfile

from activities.identity.signing import CommandSigner
from activities.ledger.migrate import migrate
from activities.ledger.postgres import PostgresLedger
from activities.runtime.settings import read_settings
from tests.api.conftest import serving
from tests.api.filling import Filler
from tests.api.pages.browser import Browser
from tests.simulation.small import small
from worker.stack.postgres import Postgres

CONDITIONS, DOCUMENTS = 500, 60


def large() -> dict[str, Any]:
    """A definition of the size that is measured."""
    condition = {
        "obligors": ["AA"],
        "gate": "visit",
        "due": "2030-04-01T00:00:00Z",
        "policy": {"verifiers": ["bb.contact"], "grade": "documented"},
    }
    document = {"languages": ["en", "fr"], "seats": {"AA": "aa.contact", "BB": "bb.contact"}}
    return small(
        conditions={f"C{n}": {"title": f"Condition {n}", **condition} for n in range(1, CONDITIONS + 1)},
        documents={f"D{n}": {"title": f"Document {n}", **document} for n in range(1, DOCUMENTS + 1)},
    )


async def _timed(rounds: int, ask: Callable[[], Awaitable[Any]]) -> tuple[list[float], int]:
    took, size = [], 0
    for _ in range(rounds + 3):
        begun = time.perf_counter()
        answer = await ask()
        took.append((time.perf_counter() - begun) * 1000)
        assert answer.status_code == 200, answer.text[:500]
        size = len(answer.content)
    return sorted(took[3:]), size


async def run(rounds: int) -> None:
    """Fill, ask, and print the table."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        state.chmod(0o711)
        postgres = Postgres(state, port=0, durable=False)
        await postgres.start()
        try:
            url = postgres.url()
            await migrate(url)
            signer = CommandSigner.create(state / "command.pem")
            settings = read_settings(
                database_url=url,
                temporal=ClientConfigProfile(address="127.0.0.1:9"),
                command_key_file=state / "command.pem",
                command_public_keys=(signer.public_key,),
                log_level="error",
            )
            async with PostgresLedger.connect(url) as ledger:
                filler = Filler(ledger)
                await filler.found("a", large())
                await filler.invite("a")
            async with serving(settings) as api:
                browser = Browser(api)
                async with browser.http:
                    await browser.sign_in("aa.contact")
                    asked: dict[str, Callable[[], Awaitable[Any]]] = {
                        "GET /v1/accords/a (baseline)": lambda: api.get("/accords/a"),
                        "GET /v1/desk (baseline of the desk)": lambda: api.get("/desk"),
                        **{
                            f"page {path}": lambda path=path: browser.get(path)  # type: ignore[misc]
                            for path in (
                                "/",
                                "/accords/a",
                                "/accords/a/conditions/C7",
                                "/accords/a/documents/D7",
                                "/accords/a/signing",
                                "/accords/a/minutes",
                                "/accords/a/do/submit-evidence?condition=C7",
                            )
                        },
                    }
                    print(f"{CONDITIONS} conditions, {DOCUMENTS} documents; {rounds} rounds; milliseconds")
                    print(f"{'':44} {'median':>8} {'p95':>8} {'KB':>8}")
                    for name, ask in asked.items():
                        took, size = await _timed(rounds, ask)
                        p95 = took[int(len(took) * 0.95)]
                        print(f"{name:44} {statistics.median(took):8.1f} {p95:8.1f} {size / 1024:8.0f}")
        finally:
            await postgres.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    asyncio.run(run(parser.parse_args().rounds))
