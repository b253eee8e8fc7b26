"""The service in processes of its own, watched from outside: figures, health, traces, logs, dashboards, alerts."""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import yaml

from activities.identity.keys import create_key
from activities.runtime import metrics
from tests.deploy.service import Service, running_service
from tests.simulation.small import small
from tests.worker.stack.running import until
from workflows.model.definition import Definition

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "alerts" / "entente.rules.yaml"
DASHBOARDS = sorted((DEPLOY / "dashboards").glob("*.json"))
ALERTS = [
    rule for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]
]


@dataclass
class Watched:
    """A service on which one accord was opened, adopted, and an act refused."""

    service: Service
    accord: str
    requests: dict[str, str]


@pytest.fixture(scope="module")
def watched(
    tmp_path_factory: pytest.TempPathFactory, module_database: str, temporal_address: str
) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("service")
    environment = {"OTEL_TRACES_EXPORTER": "console", "OTEL_BSP_SCHEDULE_DELAY": "200"}
    for service in running_service(folder, module_database, temporal_address, **environment):
        yield _acted(service, module_database)


@pytest.fixture(scope="module")
def module_database(postgres_url: str, template_database: str) -> Iterator[str]:
    """A database for the whole module; dropped at its end."""
    name = f"test_{uuid.uuid4().hex}"

    async def run(statement: str) -> None:
        connection = await asyncpg.connect(postgres_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run(f'CREATE DATABASE "{name}" TEMPLATE "{template_database}" STRATEGY FILE_COPY'))
    yield postgres_url.rsplit("/", 1)[0] + f"/{name}"
    asyncio.run(run(f'DROP DATABASE "{name}" WITH (FORCE)'))


def _acted(service: Service, database: str) -> Watched:
    async def key() -> str:
        connection = await asyncpg.connect(database)
        try:
            return await create_key(connection, "aa.contact", "a test's key", "delegate")
        finally:
            await connection.close()

    token, requests = asyncio.run(key()), {}
    with httpx.Client(base_url=service.api_url, trust_env=False, timeout=30) as client:

        def post(name: str, path: str, body: Any, status: int) -> dict[str, Any]:
            requests[name] = uuid.uuid4().hex
            headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": uuid.uuid4().hex}
            answer = client.post(path, json=body, headers=headers | {"X-Request-Id": requests[name]})
            assert answer.status_code == status, answer.text
            said: dict[str, Any] = answer.json()
            return said

        accord = post("open", "/v1/accords", small(), 201)["accord"]
        digest = Definition.model_validate(small()).digest()
        post("adopt", f"/v1/accords/{accord}/adopt-definition", {"digest": digest}, 200)
        post("refused", f"/v1/accords/{accord}/issue-invitation", {}, 409)
        assert client.get("/nowhere").status_code == 404
    return Watched(service, accord, requests)


def _sum(found: dict[str, Any], name: str, **labels: str) -> float:
    return float(
        sum(value for key, value in found.get(name, {}).items() if labels.items() <= dict(key).items())
    )


def test_the_worker_counts_acts_refusals_and_round_trips(watched: Watched) -> None:
    found = watched.service.processes["worker"].metrics()
    assert _sum(found, "entente_acts_total", act="open_accord", outcome="recorded") == 1
    assert _sum(found, "entente_acts_total", act="adopt_definition", outcome="recorded") == 1
    assert _sum(found, "entente_acts_total", act="issue_invitation", outcome="refused") == 1
    assert _sum(found, "entente_refusals_total") == 1
    assert _sum(found, "entente_act_seconds_count") == 3
    assert _sum(found, "entente_ledger_batch_appends_sum") == 3
    assert _sum(found, "entente_ledger_appends_pending") == 0
    assert _sum(found, "entente_database_statements_total", pool="writing", result="ok") >= 3


def test_the_figures_of_the_ledger_as_a_whole_are_there(watched: Watched) -> None:
    found = watched.service.processes["worker"].metrics()
    assert found["entente_ledger_observed_timestamp_seconds"][()] > 0
    assert found["entente_deadlines_overdue"][()] == 0
    assert found["entente_witness_lag_seconds"][()] == 0


def test_temporal_s_own_metrics_are_served_beside(watched: Watched) -> None:
    for process in watched.service.processes.values():
        assert _sum(process.metrics(), "temporal_request_total") > 0
    found = watched.service.processes["worker"].metrics()
    assert _sum(found, "temporal_local_activity_execution_latency_seconds_count") > 0


def test_the_api_counts_requests_by_route_and_never_by_accord(watched: Watched) -> None:
    found = watched.service.processes["api"].metrics()
    route = "/v1/accords/{accord}/adopt-definition"
    assert _sum(found, "entente_http_requests_total", route=route, status="200") == 1
    assert _sum(found, "entente_http_requests_total", route="none", status="404") == 1
    assert found["entente_queue_waiting_acts"][()] == 0
    served = json.dumps([list(map(list, labels)) for by in found.values() for labels in by])
    assert watched.accord not in served
    assert "aa.contact" not in served


def test_health_is_asked_on_the_operators_port(watched: Watched) -> None:
    for name, checks in (("worker", {"database", "temporal", "worker"}), ("api", {"database", "temporal"})):
        operations = watched.service.processes[name].operations
        assert httpx.get(f"{operations}/livez", trust_env=False).json() == {"status": "live"}
        said = httpx.get(f"{operations}/readyz", trust_env=False).json()
        assert said.pop("status") == "ready"
        assert checks <= set(said)
        assert set(said.values()) == {"ok"}
        assert httpx.get(f"{operations}/elsewhere", trust_env=False).status_code == 404


def test_one_trace_leads_from_the_request_to_the_statement(watched: Watched) -> None:
    worker, api = (watched.service.processes[name] for name in ("worker", "api"))

    def trace() -> dict[str, dict[str, Any]]:
        [request] = [
            span
            for span in api.spans()
            if span["kind"] == "SpanKind.SERVER"
            and span["attributes"].get("http.route", "").endswith("/adopt-definition")
        ] or [None]
        if request is None:
            return {}
        of_trace = request["context"]["trace_id"]
        spans = [span for span in api.spans() + worker.spans() if span["context"]["trace_id"] == of_trace]
        return {span["context"]["span_id"]: span for span in spans}

    def complete() -> bool:
        return any("append_batch" in span["attributes"].get("db.query.text", "") for span in trace().values())

    assert until(complete, 20), [span["name"] for span in trace().values()]
    spans = trace()
    [statement] = [s for s in spans.values() if "append_batch" in s["attributes"].get("db.query.text", "")]
    way, span = [statement["name"]], statement
    while span["parent_id"] is not None:
        span = spans[span["parent_id"]]
        way.append(span["name"])
    text = " < ".join(way)
    assert way[0] == "postgres select", text
    for step in (
        "RunActivity:record",
        "HandleUpdate:adopt_definition",
        "StartWorkflowUpdate:adopt_definition",
    ):
        assert step in way, text
    assert way[-1].startswith("POST"), text
    assert not any(
        "aa.contact" in json.dumps(each["attributes"])
        for each in spans.values()
        if "db.query.text" in each["attributes"]
    )


def test_a_line_of_the_log_says_accord_act_command_and_trace(watched: Watched) -> None:
    [line] = [
        line
        for line in watched.service.processes["api"].lines()
        if line.get("request") == watched.requests["adopt"] and line["event"] == "request"
    ]
    assert (line["accord"], line["act"]) == (watched.accord, "adopt_definition")
    assert line["command"].startswith("aa.contact/")
    assert re.fullmatch("[0-9a-f]{32}", line["trace_id"])


def _names(expression: str) -> set[str]:
    """The metrics that an expression of PromQL names."""
    plain = re.sub(r'"[^"]*"', "", expression)
    plain = re.sub(r"\{[^}]*\}|\b(by|on|without|ignoring)\s*\([^)]*\)|\[[^\]]*\]", "", plain)
    return set(re.findall(r"\b(?:entente|temporal)_[a-z_]+\b", plain)) | set(re.findall(r"\bup\b", plain))


def _served(watched: Watched) -> set[str]:
    return {"up"} | {name for process in watched.service.processes.values() for name in process.metrics()}


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_every_metric_of_an_alert_exists_and_its_runbook_too(watched: Watched, rule: dict[str, Any]) -> None:
    named = _names(rule["expr"])
    assert named
    assert {name for name in named if name.startswith("entente_")} <= metrics.families().keys()
    # What Temporal's core counts only once something fails has no sample before; it is named in its documentation.
    assert {name for name in named if not name.startswith("entente_")} <= _served(watched) | CORE_ON_FAILURE
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"]["summary"]
    runbook = DEPLOY / "docs" / rule["annotations"]["runbook"]
    text = runbook.read_text(encoding="utf-8")
    assert text.startswith(f"# {rule['alert']}\n")
    for part in ("## What it means", "## What to look at", "## What to do"):
        assert part in text, runbook


CORE_ON_FAILURE = {"temporal_workflow_task_execution_failed_total", "temporal_request_failure_total"}


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.name)
def test_every_metric_of_a_dashboard_exists(watched: Watched, file: Path) -> None:
    board = json.loads(file.read_text(encoding="utf-8"))
    assert board["title"]
    assert board["uid"]
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    for panel in panels:
        assert panel["description"], panel["title"]
        for target in panel["targets"]:
            named = _names(target["expr"])
            assert named, target["expr"]
            known = metrics.families().keys() | _served(watched) | CORE_ON_FAILURE
            assert named <= known, panel["title"]


def test_each_runbook_belongs_to_an_alert_and_each_metric_is_in_the_reference() -> None:
    pages = {f"runbooks/{page.name}" for page in (DEPLOY / "docs" / "runbooks").glob("*.md")}
    assert pages == {rule["annotations"]["runbook"] for rule in ALERTS}
    for name, documentation in metrics.families().items():
        assert len(documentation.split()) > 3, name


def test_what_is_named_in_the_test_s_own_reading_of_promql() -> None:
    expression = 'sum by (entente_x) (rate(entente_acts_total{act="entente_no"}[5m])) / up'
    assert _names(expression) == {"entente_acts_total", "up"}
