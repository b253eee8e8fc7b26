"""Requests that schemathesis makes from the OpenAPI document, so many for each operation, and what their answers lack.

It is by itself, since loading that library takes longer than most tests do.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import hypothesis
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis.checks import CHECKS
from schemathesis.core.failures import FailureGroup

from workflows.model.authority import OPERATOR
from workflows.model.declared import ACTS

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
