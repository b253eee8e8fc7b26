"""The client beside the registry of acts, the OpenAPI document and the table of problems: nothing is missing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import api.client
import api.openapi
from api.answers.problems import TABLE
from api.client import ApiProblem, acts, operations
from api.client.errors import kind_of, problem_of
from api.client.operations import OPERATIONS, act_operation
from workflows.model.declared import ACTS

SOURCE = Path(api.client.__file__).parent


def documented() -> set[tuple[str, str, str]]:
    document = json.loads(Path(api.openapi.__file__).with_name("openapi.json").read_text())
    return {
        (said["operationId"], method.upper(), path)
        for path, methods in document["paths"].items()
        for method, said in methods.items()
    }


def test_every_operation_of_the_document_is_the_clients() -> None:
    ours = {(one.id, one.method, one.path) for one in OPERATIONS.values()}
    assert (
        ours | {(one.id, one.method, one.path) for one in map(act_operation, ACTS.values())} == documented()
    )


def test_every_operation_is_used_by_a_method() -> None:
    used = "".join(file.read_text() for file in SOURCE.glob("*.py") if file.name != "operations.py")
    for name, one in vars(operations).items():
        if isinstance(one, operations.Operation):
            assert re.search(rf"\b{name}\b", used), name


def test_every_act_of_the_registry_is_at_hand() -> None:
    assert {getattr(acts, name) for name in acts.__all__} == set(ACTS.values())


def test_every_problem_has_a_class_of_its_own_kind() -> None:
    for code, (status, _) in TABLE.items():
        assert kind_of(code, status) is not ApiProblem, code
        found = problem_of(status, {"code": code, "detail": "why"})
        assert (type(found), found and found.code, found and found.status) == (
            kind_of(code, status),
            code,
            status,
        )
    assert problem_of(500, {"detail": "of somebody else"}) is None
    assert problem_of(500, ["no", "object"]) is None
