"""What an accord's page costs beside the API's own reading of it: 500 conditions and 60 documents.

    python -m tests.benchmarks.pages [--rounds 30]

The ledger is filled without a workflow; the API answers in this process, so that nothing but the server's own work is
measured. The baseline is ``GET /v1/accords/{accord}`` of the same accord in the same run.

"again" is a page whose accord has not moved since it was asked for last; "after an act" is the first asking after one,
when what was kept of the accord is of no use any more. "processor" is the time that this process was computing for the
median page after an act: it stays the same on a machine that has other work too. "held" is the longest that the event
loop did nothing else meanwhile, for the median page after an act: who asks for something else waits so long.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import structlog
from temporalio.envconfig import ClientConfigProfile

from activities.identity.signing import CommandSigner
from activities.ledger.migrate import migrate
from activities.ledger.postgres import PostgresLedger
from activities.runtime.settings import read_settings
from api.main import settle
from tests.api.conftest import Api, serving
from tests.api.filling import Filler
from tests.api.pages.browser import Browser
from tests.simulation.small import small
from worker.stack.postgres import Postgres

CONDITIONS, DOCUMENTS = 500, 60

PATHS = (
    "/",
    "/accords/a",
    "/accords/a/conditions/C7",
    "/accords/a/documents/D7",
    "/accords/a/signing",
    "/accords/a/visit",
    "/accords/a/people",
    "/accords/a/minutes",
    "/accords/a/do/submit-evidence?condition=C7",
)


FIRST_DUE = datetime(2030, 4, 1, tzinfo=UTC)

Ask = Callable[[], Awaitable[Any]]


def large() -> dict[str, Any]:
    """A definition of the size that is measured; the conditions are due on ninety days."""
    condition = {
        "obligors": ["AA"],
        "gate": "visit",
        "policy": {"verifiers": ["bb.contact"], "grade": "documented"},
    }
    document = {"languages": ["en", "fr"], "seats": {"AA": "aa.contact", "BB": "bb.contact"}}
    due = [(FIRST_DUE + timedelta(days=n % 90)).isoformat() for n in range(CONDITIONS + 1)]
    return small(
        conditions={
            f"C{n}": {"title": f"Condition {n}", "due": due[n], **condition} for n in range(1, CONDITIONS + 1)
        },
        documents={f"D{n}": {"title": f"Document {n}", **document} for n in range(1, DOCUMENTS + 1)},
    )


@contextmanager
def held() -> Iterator[Callable[[], float]]:
    """The longest time in milliseconds that nothing else could run on the event loop, which is asked every one."""
    loop, longest = asyncio.get_running_loop(), 0.0
    last = time.perf_counter()

    def look() -> None:
        nonlocal last, longest, handle
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
        handle = loop.call_later(0.001, look)

    handle = loop.call_soon(look)
    try:
        yield lambda: longest * 1000
    finally:
        handle.cancel()


@dataclass
class Timed:
    """What asking took, in milliseconds, and the bytes of the last answer."""

    waited: list[float] = field(default_factory=list)
    computed: list[float] = field(default_factory=list)
    held: list[float] = field(default_factory=list)
    size: int = 0

    async def ask(self, ask: Ask) -> None:
        with held() as longest:
            await asyncio.sleep(0)
            begun, computing = time.perf_counter(), time.process_time()
            answer = await ask()
            self.waited.append((time.perf_counter() - begun) * 1000)
            self.computed.append((time.process_time() - computing) * 1000)
            await asyncio.sleep(0)
        self.held.append(longest())
        assert answer.status_code == 200, answer.text[:500]
        self.size = len(answer.content)

    def __str__(self) -> str:
        ordered = sorted(self.waited)
        return f"{statistics.median(ordered):8.1f} {ordered[int(len(ordered) * 0.95)]:8.1f}"


async def _measured(rounds: int, ask: Ask, act: Callable[[], Awaitable[Any]]) -> tuple[Timed, Timed]:
    """Asked again and again, and asked after one act after the other."""
    again, after = Timed(), Timed()
    for _ in range(3):
        await ask()
    for _ in range(rounds):
        await again.ask(ask)
    for _ in range(rounds):
        await act()
        await after.ask(ask)
    return again, after


async def run(rounds: int) -> None:
    """Fill, ask, and print the table."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
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
                        settle()
                        await _table(rounds, filler, api, browser)
        finally:
            await postgres.stop()


async def _table(rounds: int, filler: Filler, api: Api, browser: Browser) -> None:
    def reading(path: str) -> Ask:
        return lambda: api.get(path)

    def page(path: str, language: str = "en") -> Ask:
        return lambda: browser.get(path, headers={"Accept-Language": language})

    asked = {
        "GET /v1/accords/a (baseline)": reading("/accords/a"),
        "GET /v1/desk (baseline of the desk)": reading("/desk"),
        **{f"page {path}": page(path) for path in PATHS},
        "page /accords/a in Russian": page("/accords/a", "ru"),
        "page /accords/a/signing in Russian": page("/accords/a/signing", "ru"),
    }
    turn = count()

    async def act() -> None:
        n = next(turn)
        await filler.do(
            "a",
            "submit_evidence",
            "aa.contact",
            condition=f"C{n % CONDITIONS + 1}",
            digest=f"sha256:{n:064x}",
            grade="documented",
            source=f"Report {n}",
        )

    print(f"{CONDITIONS} conditions, {DOCUMENTS} documents; {rounds} rounds; milliseconds")
    print(f"{'':36} {'again':>17} {'after an act':>17} {'':>9}")
    print(f"{'':36} {'median':>8} {'p95':>8} {'median':>8} {'p95':>8} {'processor':>9} {'held':>6} {'KB':>6}")
    for name, ask in asked.items():
        again, after = await _measured(rounds, ask, act)
        computed = statistics.median(after.computed)
        stalled = statistics.median(after.held)
        print(
            f"{name:36} {again} {after} {computed:9.1f} {stalled:6.1f} {after.size / 1024:6.0f}", flush=True
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    asyncio.run(run(parser.parse_args().rounds))
