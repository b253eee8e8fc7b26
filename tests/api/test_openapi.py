from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import api.openapi
from activities.runtime.settings import Settings
from api.app import create_app
from api.calls import YAML
from api.examples import DEFINITION, example_of
from workflows.model.declare import parse_act
from workflows.model.declared import ACTS
from workflows.model.definition import Definition

COMMITTED = Path(api.openapi.__file__).with_name("openapi.json")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return api.openapi.document(create_app(Settings()))


def test_the_committed_document_is_the_present_one() -> None:
    text = api.openapi.text(create_app(Settings()))
    assert COMMITTED.read_text() == text, "write it again: python -m api.openapi > api/openapi.json"


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    names = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert names <= document["components"]["schemas"].keys()
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_every_act_has_its_operation(document: dict[str, Any]) -> None:
    for name, act in ACTS.items():
        path = f"/v1/accords/{{accord}}/{'signals/' if act.signal else ''}{name.replace('_', '-')}"
        operation = document["paths"][path]["post"]
        assert operation["operationId"] == name
        assert operation["description"].startswith(act.text())
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        model = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        assert set(model.get("properties", {})) == set(act.model_fields)
        assert set(operation["responses"]) >= {"400", "401", "403", "404", "409", "413", "415", "422", "503"}
        assert {one["name"] for one in operation["parameters"]} >= {
            "accord",
            "Idempotency-Key",
            "dry_run",
            "at",
        }


def test_every_operation_is_documented(document: dict[str, Any]) -> None:
    ids = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            ids.append(operation["operationId"])
            assert operation["summary"], (path, method)
            assert operation["description"], (path, method)
            if path.startswith("/v1"):
                assert operation["security"] == [{"HTTPBearer": []}], path
                for status, answer in operation["responses"].items():
                    if int(status) >= 400:
                        assert list(answer["content"]) == ["application/problem+json"], (path, status)
    assert len(ids) == len(set(ids)) == len(ACTS) + 15


@pytest.mark.parametrize("name", sorted(ACTS))
def test_the_examples_are_well_formed(name: str) -> None:
    parse_act(name, example_of(ACTS[name]))


def test_the_definitions_example_is_well_formed(document: dict[str, Any]) -> None:
    Definition.model_validate(DEFINITION)
    assert document["components"]["schemas"]["Definition"]["examples"] == [DEFINITION]
    body = document["paths"]["/v1/accords"]["post"]["requestBody"]["content"]
    assert set(body) == {"application/json", YAML}
