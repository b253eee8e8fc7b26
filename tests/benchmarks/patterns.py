"""What the patterns of `deploy/docs/patterns.md` cost, measured on one accord of an embedded stack.

    python -m tests.benchmarks.patterns [--acts 80] [--signals 1000]

Counted are events, workflow tasks and bytes of the accord's real history; timed are a repeated act beside a new one
(over HTTP), and in this process, by its processor time alone, the replay of the run and its audit against the ledger.
Then every recorded history of the compatibility tests is replayed. Prints a table; asserts nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from rich.console import Console
from rich.table import Table
from temporalio.client import Client, WorkflowHistory
from temporalio.worker import Replayer

from activities.audit.audit import audit
from activities.audit.history import parse
from activities.audit.record import from_ledger
from activities.identity.keys import create_key
from activities.identity.signing import CommandSigner
from activities.ledger.postgres import PostgresLedger
from activities.runtime.settings import read_settings
from activities.runtime.temporal import EntentePlugin, connect
from tests.benchmarks import UNLIMITED
from tests.compatibility.decisions import FOLDER as DECISIONS
from tests.compatibility.histories import FOLDER as HISTORIES
from tests.compatibility.histories import read
from tests.simulation.small import bare, digest
from worker.stack.stack import Ports, Stack
from workflows.workflow import AccordWorkflow


class Measuring:
    """One accord, and the table of what was measured on it."""

    def __init__(self, http: httpx.AsyncClient, client: Client, tokens: dict[str, str]) -> None:
        self.http, self.client, self.tokens = http, client, tokens
        self.accord = ""
        self.table = Table("pattern", "what", "measured")

    async def post(self, by: str, path: str, body: dict[str, Any], key: str | None = None) -> Any:
        """One request; the answer's JSON."""
        headers = {"Authorization": f"Bearer {self.tokens[by]}", "Idempotency-Key": key or uuid.uuid4().hex}
        answer = await self.http.post(path, json=body, headers=headers)
        answer.raise_for_status()
        return answer.json()

    async def open(self) -> None:
        """An accord that both parties have adopted."""
        opened = await self.post("aa.contact", "/v1/accords", bare())
        self.accord = opened["accord"]
        headers = {"Authorization": f"Bearer {self.tokens['aa.contact']}"}
        state = (await self.http.get(f"/v1/accords/{self.accord}", headers=headers)).json()
        for by in ("aa.contact", "bb.contact"):
            path = f"/v1/accords/{self.accord}/adopt-definition"
            await self.post(by, path, {"digest": state["definition_digest"]})

    async def act(self, number: int) -> float:
        """One statement, under a key of its own; milliseconds."""
        begun = time.perf_counter()
        body = {"digest": digest(str(number)), "words": f"Statement {number}"}
        await self.post("aa.contact", f"/v1/accords/{self.accord}/record-statement", body, f"act-{number}")
        return (time.perf_counter() - begun) * 1000

    async def history(self, run: str | None = None) -> WorkflowHistory:
        """The accord's history, of a run or of the last one."""
        return await self.client.get_workflow_handle(self.accord, run_id=run).fetch_history()

    def row(self, pattern: str, what: str, measured: str) -> None:
        """One line of the table."""
        self.table.add_row(pattern, what, measured)


def kinds(history: WorkflowHistory) -> Counter[str]:
    """How many events of each kind there are."""
    return Counter(str(event.WhichOneof("attributes")) for event in history.events)


def told(history: WorkflowHistory) -> int:
    """Bytes of what is there for people: summaries of updates, activities and timers."""
    return sum(len(event.user_metadata.SerializeToString()) for event in history.events)


async def acts(it: Measuring, count: int, database_url: str, command_key: str) -> None:
    """Acts one after the other: events, repeats, replay, audit."""
    await it.open()
    await it.act(-1)
    before = await it.history()
    new = [await it.act(number) for number in range(count)]
    again = [await it.act(number) for number in range(count)]
    after = await it.history()
    events = len(after.events) - len(before.events)
    size = sum(event.ByteSize() for event in after.events) - sum(event.ByteSize() for event in before.events)
    grown = kinds(after) - kinds(before)
    tasks = grown["workflow_task_completed_event_attributes"]
    it.row(
        "an update for each act",
        "events, workflow tasks, bytes of an act",
        f"{events / count:.1f}, {tasks / count:.1f}, {size / count:,.0f}",
    )
    activities = grown["activity_task_scheduled_event_attributes"]
    it.row("local, then regular", "regular activities among the acts", f"{activities} of {count}")
    it.row(
        "once for good",
        "p50 of an act, and of the same again",
        f"{statistics.median(new):.1f} ms, {statistics.median(again):.1f} ms",
    )
    it.row(
        "a history that people read",
        "bytes for people, of those of an act",
        f"{(told(after) - told(before)) / count:,.0f} of {size / count:,.0f}",
    )

    begun = time.process_time()
    await replayer().replay_workflow(after)
    spent = time.process_time() - begun
    it.row(
        "continue-as-new under load", f"replay of a run of {count} acts, processor", f"{spent * 1000:,.0f} ms"
    )
    async with PostgresLedger.connect(database_url) as ledger:
        text = json.dumps(after.to_json_dict()).encode()
        begun = time.process_time()
        found = audit(parse(text), await from_ledger(ledger, it.accord, (command_key,)))
        spent = time.process_time() - begun
    it.row(
        "audit of a history",
        f"{len(found.items)} items, exit code {found.exit_code}, processor",
        f"{spent * 1000 / len(found.items):.1f} ms each",
    )


async def continued(it: Measuring) -> None:
    """Acts until the run is continued: what goes along."""
    first = (await it.client.get_workflow_handle(it.accord).describe()).run_id
    number = 10_000
    while (await it.client.get_workflow_handle(it.accord).describe()).run_id == first:
        await it.act(number)
        number += 1
    start = (await it.history()).events[0].workflow_execution_started_event_attributes
    along = sum(len(payload.data) for payload in start.input.payloads)
    ended = await it.history(first)
    it.row(
        "continue-as-new under load",
        "bytes that go along, events of the run before",
        f"{along:,}, {len(ended.events):,}",
    )


async def signals(it: Measuring, count: int) -> None:
    """A flood at an accord of its own."""
    await it.open()
    handle = it.client.get_workflow_handle(it.accord)
    before = len((await it.history()).events)
    begun = time.perf_counter()
    await asyncio.gather(*(handle.signal("weather", {"station": number}) for number in range(count)))
    while (await handle.query("status"))["waiting_signals"]:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    seconds = time.perf_counter() - begun
    events = len((await it.history()).events) - before
    headers = {"Authorization": f"Bearer {it.tokens['aa.contact']}"}
    state = (await it.http.get(f"/v1/accords/{it.accord}", headers=headers)).json()
    it.row(
        "signals in a flood",
        f"{count:,} signals: a second, events each",
        f"{count / seconds:,.0f}, {events / count:.1f}",
    )
    it.row("signals in a flood", "entries that tell of them", f"{state['size'] - 3:,}")


def replayer() -> Replayer:
    """As the compatibility tests replay."""
    return Replayer(workflows=[AccordWorkflow], plugins=[EntentePlugin()])


async def compatibility(it: Measuring) -> None:
    """All recorded histories and decisions, as every test run goes through them."""
    histories = [read(path) for path in sorted(HISTORIES.glob("*.json.gz"))]
    begun = time.process_time()
    for history in histories:
        await replayer().replay_workflow(history)
    spent = time.process_time() - begun
    events = sum(len(history.events) for history in histories)
    it.row(
        "replay that rules cannot break",
        f"{len(histories)} histories, {events:,} events, processor",
        f"{spent:.1f} s",
    )
    timers = sum(kinds(history)["timer_started_event_attributes"] for history in histories)
    fired = sum(kinds(history)["timer_fired_event_attributes"] for history in histories)
    it.row("deadlines over years", "timers started, and fired, in these histories", f"{timers:,}, {fired:,}")
    decisions = [json.loads(path.read_text()) for path in sorted(DECISIONS.rglob("*.json"))]
    it.row("rules pinned", "plays whose decisions are taken again in every test run", f"{len(decisions)}")


async def measure(directory: Path, count: int, flood: int) -> None:
    """Start a stack and go through the patterns."""
    settings = read_settings(state_dir=directory, **UNLIMITED, api_port=0, log_level="warning")
    async with Stack(settings, ports=Ports(0, 0, 0), on_line=None) as stack:
        client = await connect(read_settings(), target=stack.temporal_address)
        connection = await asyncpg.connect(stack.database_url)
        try:
            tokens = {
                one: await create_key(connection, one, "benchmark") for one in ("aa.contact", "bb.contact")
            }
        finally:
            await connection.close()
        key = CommandSigner.load(directory / "command-key.pem").public_key
        async with httpx.AsyncClient(base_url=stack.api_url, timeout=60, trust_env=False) as http:
            it = Measuring(http, client, tokens)
            await acts(it, count, stack.database_url, key)
            await continued(it)
            await signals(it, flood)
            await compatibility(it)
    Console(width=130).print(it.table)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--acts", type=int, default=80, help="fewer than a run has at the most")
    parser.add_argument("--signals", type=int, default=1000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="entente-benchmark-") as name:
        directory = Path(name)
        directory.chmod(0o711)
        asyncio.run(measure(directory, given.acts, given.signals))


if __name__ == "__main__":
    main()
