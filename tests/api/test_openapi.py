from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

import api.openapi
from activities.runtime.settings import Settings
from api.app import create_app
from api.calls import YAML
from api.examples import DEFINITION, example_of
from api.problems import TABLE
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
                public = path in ("/v1/keys", "/v1/join")
                assert operation.get("security") == (None if public else [{"HTTPBearer": []}]), path
                for status, answer in operation["responses"].items():
                    if int(status) == 204:
                        assert "content" not in answer, path
                    if int(status) >= 400:
                        assert list(answer["content"]) == ["application/problem+json"], (path, status)
    assert len(ids) == len(set(ids)) == len(ACTS) + 52


@pytest.mark.parametrize("name", sorted(ACTS))
def test_the_examples_are_well_formed(name: str) -> None:
    parse_act(name, example_of(ACTS[name]))


def test_the_definitions_example_is_well_formed(document: dict[str, Any]) -> None:
    Definition.model_validate(DEFINITION)
    assert document["components"]["schemas"]["Definition"]["examples"] == [DEFINITION]
    body = document["paths"]["/v1/accords"]["post"]["requestBody"]["content"]
    assert set(body) == {"application/json", YAML}


def shown(document: dict[str, Any]) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Every example in the document: where it stands, the example, and the schema that it is of."""

    def within(place: str, at: Any) -> Iterator[tuple[str, Any, dict[str, Any]]]:
        if isinstance(at, dict):
            if isinstance(at.get("examples"), list):
                yield from ((place, example, at) for example in at["examples"])
            if "example" in at and "schema" in at:
                yield place, at["example"], at["schema"]
            for key, inner in at.items():
                if key not in ("example", "examples"):
                    yield from within(f"{place}/{key}", inner)
        elif isinstance(at, list):
            for number, inner in enumerate(at):
                yield from within(f"{place}/{number}", inner)

    return within("", document)


def test_every_example_is_valid_by_its_own_schema(document: dict[str, Any]) -> None:
    seen = 0
    made: dict[str, Any] = {}
    for place, example, schema in shown(document):
        own = {k: v for k, v in schema.items() if k != "examples"}
        # Many examples are of one schema, and each validator reads the whole document.
        validator = made.get(json.dumps(own))
        if validator is None:
            whole = {"components": document["components"], **own}
            validator = made[json.dumps(own)] = jsonschema_rs.validator_for(whole, validate_formats=True)
        validator.validate(example)
        seen += 1
        assert place
    assert seen > len(ACTS)


def test_ids_headers_and_times_have_a_form(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            for one in operation.get("parameters", ()):
                schema, place = one["schema"], (path, one["name"])
                assert "anyOf" not in schema, place
                if schema["type"] == "string":
                    assert {"pattern", "format", "enum"} & schema.keys(), place
                    if "pattern" in schema:
                        re.compile(schema["pattern"])


def test_answers_tell_their_headers(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                headers = answer["headers"]
                assert "X-Request-Id" in headers
                if path.startswith("/v1"):
                    assert ("Retry-After" in headers) == (status in ("429", "503")), (path, status)
                    assert ("WWW-Authenticate" in headers) == (status == "401"), (path, status)
    act = document["paths"]["/v1/accords/{accord}/verify-condition"]["post"]["responses"]
    assert "ETag" in act["200"]["headers"]


def test_every_problem_is_told_somewhere(document: dict[str, Any]) -> None:
    told = {
        code
        for methods in document["paths"].values()
        for operation in methods.values()
        for status, answer in operation["responses"].items()
        if status >= "400"
        for code in re.findall(r"`([a-z_]+)`", answer["description"])
    }
    # Nobody reads the one; no operation answers the other.
    assert told == TABLE.keys() - {"hung_up", "method_not_allowed"}
    assert document["components"]["schemas"]["ProblemDetails"]["properties"]["code"]["enum"] == sorted(TABLE)


OPEN_MAPS = {
    # What a definition is before the rows of sheets are in it nobody knows; and after, as it was sent.
    "ReadSheets.definition",
    "SheetsRead.definition",
    # What an act or an event holds, each kind its own; and a part of a definition, read with the whole of it.
    "AccordOpened.definition", "DefinitionProposed.definition", "UnderstandingProposed.pins",
    "DeskItem.fields", "EventDraft.facts", "EventDraft.particulars", "EventView.facts", "EventView.particulars",
    "ImportStatement.changes",
}  # fmt: skip


def test_maps_say_what_they_hold(document: dict[str, Any]) -> None:
    loose = {
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        for field, inner in schema.get("properties", {}).items()
        if '"additionalProperties": true' in json.dumps(inner)
    }
    assert loose == OPEN_MAPS
