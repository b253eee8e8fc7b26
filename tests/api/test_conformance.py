"""The API does as its OpenAPI document says, under requests that schemathesis makes from it: so many, and no more.

Of each answer is checked: no fault of ours (500), a documented status and content type, the documented headers, and a
body that is valid by its schema.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis.checks import CHECKS
from schemathesis.core.failures import FailureGroup
from temporalio.client import Client

from activities.checkpoints.logkeys import LogKeys
from activities.runtime.settings import Settings
from tests.api.conftest import Api, on_a_socket
from tests.simulation.small import small
from worker.main import accord_worker
from workflows.model.authority import OPERATOR
from workflows.model.declared import ACTS
from workflows.model.definition import Definition

EACH = 6
"""Requests for each operation."""

OURS = ("authorization", "idempotency-key")

STREAMS = ("follow_feed", "follow_accord")
"""Operations whose answers end after many minutes: their form is held in ``test_feeds.py``."""

CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


def run_through(
    document: dict[str, Any], url: str, tokens: dict[str, str], accord: str
) -> tuple[list[str], Counter[int]]:
    """Send what schemathesis makes of every operation; what did not conform, in words, and the statuses answered."""
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=url)
    checks = CHECKS.get_by_names(list(CHECKED))
    wrong: list[str] = []
    answered: Counter[int] = Counter()

    def check(case: Any, token: str) -> None:
        if "accord" in (case.path_parameters or {}):
            case.path_parameters["accord"] = accord
        given = {name: text for name, text in (case.headers or {}).items() if name.lower() not in OURS}
        case.headers = {**given, "Authorization": f"Bearer {token}", "Idempotency-Key": uuid.uuid4().hex}
        answer = case.call(timeout=60)
        answered[answer.status_code] += 1
        try:
            case.validate_response(answer, checks=checks)
        except FailureGroup as failures:
            said = "; ".join(str(one) for one in failures.exceptions)
            wrong.append(f"{case.operation.label}: {answer.status_code} {answer.text[:300]}\n{said[:1500]}")

    def sending(token: str) -> Callable[..., None]:
        def send(case: Any) -> None:
            check(case, token)

        return send

    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.definition.raw.get("operationId") in STREAMS:
            continue
        act = ACTS.get(str(operation.definition.raw.get("operationId")))
        token = tokens["operator" if act is not None and OPERATOR in act.who.roles else "delegate"]
        bounded = hypothesis.settings(
            max_examples=EACH,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        made = hypothesis.given(case=operation.as_strategy())(sending(token))
        hypothesis.seed(1)(bounded(made))()
    return wrong, answered


@pytest.mark.timeout(600)
async def test_answers_are_as_documented(
    database_url: str,
    temporal_address: str,
    temporal_client: Client,
    make_settings: Callable[..., Settings],
    tmp_path: Path,
) -> None:
    key = tmp_path / "log.key"
    LogKeys.create(key, "entente.localhost")
    settings = make_settings(database_url, temporal_address, api_port=0, log_key_file=key)
    async with (
        accord_worker(settings, temporal_client) as worker,
        worker,
        on_a_socket(settings) as (app, port),
    ):
        api = Api(app, settings)
        async with api.http:
            accord = await api.opened(small())
            digest = Definition.model_validate(small()).digest()
            for party in ("aa", "bb"):
                await api.done(accord, "adopt_definition", f"{party}.contact", digest=digest)
            tokens = {
                "delegate": await api.token("aa.contact"),
                "operator": await api.token("operator", "operator"),
            }
            wrong, answered = await asyncio.to_thread(
                run_through, app.openapi(), f"http://127.0.0.1:{port}", tokens, accord
            )
    assert not wrong, "\n\n".join(wrong[:10]) + f"\n\n{len(wrong)} in all"
    assert answered.total() >= 3 * len(app.openapi()["paths"]), "hardly anything was asked"
    assert {200, 404, 409, 422} <= answered.keys(), answered
