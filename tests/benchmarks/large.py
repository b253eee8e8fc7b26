"""How an accord with 12 parties, 500 conditions and 60 documents fares, beside a small one in the same run.

    python -m tests.benchmarks.large [--parties 12] [--conditions 500] [--documents 60]

Everything goes over HTTP to one embedded stack with one worker process. The definition is adopted with one consent of
each party, and so is the schedule of all texts. Then the model alone, in this process: decisions and folded events per
second at that size. Prints tables; asserts nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from rich.console import Console
from rich.table import Table

from activities.identity.keys import create_key
from activities.ledger.postgres import PostgresLedger
from activities.runtime.settings import read_settings
from tests.benchmarks import UNLIMITED
from tests.simulation.small import digest
from worker.stack.stack import Ports, Stack
from workflows.model.commands import Command, RecordedEvent
from workflows.model.decide import decide
from workflows.model.definition import Definition
from workflows.model.fold import evolve
from workflows.model.rules import gate
from workflows.model.state import Accord, ScheduledText
from workflows.model.summary import current_details, summarize
from workflows.tracks.schedules import schedule_digest

OFFICES = {"protocol": "protocol", "treaty": "treaty_section", "works": "obligor", "expert": "verifier"}
VERIFIED = 10
"""Conditions that are verified one by one, at most."""

STEPS = (
    "open",
    "adopt",
    "appoint",
    "issue invitation",
    "accept",
    "propose texts",
    "agree texts",
    "submit evidence",
    "verify",
    "read it",
    "why visit",
    "dry run",
)


def codes(parties: int) -> list[str]:
    """The parties' codes, the host first."""
    return [f"P{index}" for index in range(1, parties + 1)]


def definition_of(parties: int, conditions: int, documents: int) -> dict[str, Any]:
    """Each condition is owed by one party and verified by the next one's expert; every party signs each document."""
    names = codes(parties)
    return {
        "title": f"Accord of {parties} parties",
        "illustrative": True,
        "parties": {
            one: {
                "name": f"Party {one}",
                "capacity": "guest" if index else "host",
                "contact": f"{one.lower()}.contact",
            }
            for index, one in enumerate(names)
        },
        "officers": {"registrar": {"office": "Registrar", "roles": ["registrar"]}},
        "window": {"begins": "2035-05-01T08:00:00Z", "ends": "2035-05-03T18:00:00Z", "place": "Town"},
        "conditions": {
            f"C{index}": {
                "title": f"Condition number {index}",
                "obligors": [names[index % parties]],
                "gate": ("visit", "signing", "ceremony")[index % 3],
                "due": f"2035-03-{1 + index % 28:02}T00:00:00Z",
                "valid_for": "P12M",
                "policy": {
                    "verifiers": [f"{names[(index + 1) % parties].lower()}.expert"],
                    "grade": "documented",
                },
            }
            for index in range(conditions)
        },
        "documents": {
            f"D{index}": {
                "title": f"Instrument number {index}",
                "languages": ["en", "fr"],
                "seats": {one: f"{one.lower()}.head" for one in names},
            }
            for index in range(documents)
        },
    }


@dataclass
class Run:
    """One accord on its way, and the seconds that each step took."""

    http: httpx.AsyncClient
    tokens: dict[str, str]
    definition: Definition
    accord: str = ""
    seconds: dict[str, list[float]] = field(default_factory=dict)

    async def call(
        self, step: str, method: str, path: str, by: str, body: dict[str, Any] | None = None
    ) -> Any:
        """One request; how long it took until it was done, 503s included."""
        headers = {"Authorization": f"Bearer {self.tokens[by]}", "Idempotency-Key": uuid.uuid4().hex}
        begun = time.perf_counter()
        for _ in range(60):
            answer = await self.http.request(method, path, json=body, headers=headers)
            if answer.status_code != 503:
                break
            await asyncio.sleep(0.5)
        self.seconds.setdefault(step, []).append(time.perf_counter() - begun)
        if not answer.is_success:
            raise SystemExit(f"{step}: {answer.status_code} {answer.text[:600]}")
        return answer.json()

    async def act(self, step: str, act: str, by: str, **fields: Any) -> Any:
        """One act."""
        return await self.call(step, "POST", f"/v1/accords/{self.accord}/{act.replace('_', '-')}", by, fields)

    async def go(self) -> None:
        """From opening to verified conditions."""
        names = [one.lower() for one in self.definition.parties]
        opened = await self.call(
            "open", "POST", "/v1/accords", f"{names[0]}.contact", self.definition.as_facts()
        )
        self.accord = opened["accord"]
        for one in names:
            await self.act("adopt", "adopt_definition", f"{one}.contact", digest=self.definition.digest())
        for one in names:
            for office, role in OFFICES.items():
                await self.act(
                    "appoint",
                    "appoint_delegate",
                    f"{one}.contact",
                    delegate=f"{one}.{office}",
                    office=office.capitalize(),
                    roles=[role],
                )
        await self.act("issue invitation", "issue_invitation", f"{names[0]}.protocol")
        for one in names[1:]:
            await self.act("accept", "accept_invitation", f"{one}.protocol")
        await self._texts(names)
        await self._conditions()
        path = f"/v1/accords/{self.accord}"
        for _ in range(3):
            await self.call("read it", "GET", path, f"{names[0]}.contact")
            await self.call("why visit", "GET", f"{path}/why/visit", f"{names[0]}.contact")
            await self.call(
                "dry run",
                "POST",
                f"{path}/record-statement?dry_run=true",
                f"{names[0]}.contact",
                {"digest": digest("a")},
            )

    async def _texts(self, names: list[str]) -> None:
        texts = tuple(
            ScheduledText(document=code, language=language, digest=digest(f"{code} {language}"))
            for code, terms in self.definition.documents.items()
            for language in terms.languages
        )
        written = [one.model_dump() for one in texts]
        await self.act("propose texts", "propose_texts", f"{names[0]}.treaty", texts=written)
        for one in names[1:]:
            await self.act("agree texts", "agree_texts", f"{one}.treaty", digest=schedule_digest(texts))

    async def _conditions(self) -> None:
        for code, terms in list(self.definition.conditions.items())[:VERIFIED]:
            evidence = digest(code)
            await self.act(
                "submit evidence",
                "submit_evidence",
                f"{terms.obligors[0].lower()}.works",
                condition=code,
                digest=evidence,
                grade="documented",
                source="Report",
            )
            await self.act(
                "verify", "verify_condition", terms.policy.verifiers[0], condition=code, evidence=[evidence]
            )


async def keys(database_url: str, definition: Definition) -> dict[str, str]:
    """A key for everybody who acts."""
    connection = await asyncpg.connect(database_url)
    try:
        wanted = [f"{one.lower()}.{office}" for one in definition.parties for office in ("contact", *OFFICES)]
        return {one: await create_key(connection, one, "benchmark", "delegate") for one in wanted}
    finally:
        await connection.close()


async def recorded(database_url: str, accord: str) -> list[RecordedEvent]:
    """The accord's events, as the ledger has them."""
    found: list[RecordedEvent] = []
    async with PostgresLedger.connect(database_url) as ledger:
        while page := await ledger.entries(accord, len(found), 500):
            found += [entry.recorded() for entry in page]
    return found


def rate(work: Callable[[], object], times: int) -> float:
    """How often ``work`` can be done in a second."""
    begun = time.perf_counter()
    for _ in range(times):
        work()
    return times / (time.perf_counter() - begun)


def folded(events: list[RecordedEvent]) -> Accord:
    """The state after all events."""
    state: Accord | None = None
    for one in events:
        state = evolve(state, one)
    if state is None:
        raise SystemExit("nothing was recorded")
    return state


def model_rates(run: Run, events: list[RecordedEvent]) -> dict[str, float]:
    """What the model does in a second on the run's state, without server and database."""
    state = folded(events)
    delegate = f"{next(iter(run.definition.parties)).lower()}.contact"
    command = Command(
        accord=state.id,
        id=f"{delegate}/1",
        act="record_statement",
        fields={"digest": digest("statement")},
        delegate=delegate,
    )
    last = events[-1].model_copy(update={"position": state.size})
    return {
        "decide, record statement": rate(lambda: decide(state, command, state.time), 20),
        "evolve, the last event again": rate(lambda: evolve(state, last), 200),
        "events folded from the beginning": rate(lambda: folded(events), 1) * len(events),
        "the gate of the visit": rate(lambda: list(gate(state, "visit")), 20),
        "the summary of the read model": rate(lambda: summarize(state), 20),
        "the details in the Temporal UI": rate(lambda: current_details(state), 20),
    }


async def measure(directory: Path, parties: int, conditions: int, documents: int) -> None:
    console = Console(width=110)
    settings = read_settings(state_dir=directory, **UNLIMITED, api_port=0, log_level="warning")
    async with Stack(settings, ports=Ports(0, 0, 0), on_line=None) as stack:
        runs = []
        async with httpx.AsyncClient(base_url=stack.api_url, timeout=120) as http:
            for size in ((2, 2, 1), (parties, conditions, documents)):
                definition = Definition.model_validate(definition_of(*size))
                run = Run(http, await keys(stack.database_url, definition), definition)
                begun = time.perf_counter()
                await run.go()
                console.print(f"{size}: {time.perf_counter() - begun:.1f} s in all")
                runs.append(run)
        logs = [await recorded(stack.database_url, run.accord) for run in runs]
    small, large = runs
    heads = (
        "2 parties, 2 conditions, 1 document",
        f"{parties} parties, {conditions} conditions, {documents} documents",
    )
    table = Table("over the API", "calls", *(f"{one}: p50 ms" for one in heads), "times", "worst ms")
    for step in STEPS:
        few, many = (statistics.median(run.seconds[step]) * 1000 for run in runs)
        table.add_row(
            step,
            str(len(large.seconds[step])),
            f"{few:.0f}",
            f"{many:.0f}",
            f"{many / few:.1f}",
            f"{max(large.seconds[step]) * 1000:.0f}",
        )
    console.print(table)
    rates = [model_rates(run, log) for run, log in zip((small, large), logs, strict=True)]
    table = Table("the model alone, per second", *heads, title=f"{len(logs[0])} and {len(logs[1])} events")
    for name in rates[0]:
        table.add_row(name, f"{rates[0][name]:,.0f}", f"{rates[1][name]:,.0f}")
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--parties", type=int, default=12)
    parser.add_argument("--conditions", type=int, default=500)
    parser.add_argument("--documents", type=int, default=60)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="entente-benchmark-") as directory:
        path = Path(directory)
        path.chmod(0o711)
        asyncio.run(measure(path, given.parties, given.conditions, given.documents))


if __name__ == "__main__":
    main()
