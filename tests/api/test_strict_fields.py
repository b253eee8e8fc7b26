"""Values of acts are taken as they are written, and what is wrong is named by the field: in JSON as in YAML."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from activities.definitions.structured import Unreadable, read_json
from activities.definitions.yaml_reading import read_yaml
from api.examples import DEFINITION, example_of
from tests.api.conftest import Api, problem
from tests.api.filling import Filler
from tests.simulation.small import bare, small
from workflows.model.declare import Rejected, parse_act
from workflows.model.declared import ACTS
from workflows.model.definition import Definition


def values(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if path:
        yield path, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from values(item, (*path, key))


def of_other_kinds(value: Any) -> list[Any]:
    """What a lax reader would turn into ``value``, or something like it."""
    match value:
        case bool():
            return [0, 1, "true", "yes", "on", [value]]
        case int():
            return [str(value), f" {value} ", float(value), True, [value]]
        case str():
            return [0, 1, True, [value], {"value": value}]
        case list():
            return [0, "x", dict(enumerate(value)), {"0": 1}]
        case dict():
            return [0, "x", [value]]
    return []


def put(whole: Any, path: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(whole)
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return changed


SHORT = ("definition", "documents", "D1", "seats")
"""A seat may be written as the list of its holders."""
FREE = ("changes",)
"""What an imported statement would change is read with the definition that it changes."""


@pytest.mark.parametrize("name", sorted(ACTS))
def test_no_value_of_another_kind_is_taken(name: str) -> None:
    example = example_of(ACTS[name])
    for path, value in values(example):
        if path[:1] == FREE or path[:4] == SHORT:
            continue
        for other in of_other_kinds(value):
            with pytest.raises(Rejected) as raised:
                parse_act(name, put(example, path, other))
            named = [one["field"] for one in raised.value.errors]
            assert any(field.startswith(str(path[0])) for field in named), (path, other, named)


def test_no_value_of_a_definition_of_another_kind_is_taken() -> None:
    for path, value in values(DEFINITION):
        if path[:1] == ("clock",) or path[:3] == SHORT[1:]:
            continue
        for other in of_other_kinds(value):
            with pytest.raises(ValueError):
                Definition.model_validate(put(DEFINITION, path, other))


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ('{"title": "x", "conditions": {"C1": {"policy": {"need": 1.5}}}}', "conditions.C1.policy.need"),
        ('{"conditions": {"C1": {"obligors": ["AA", 12345678901234567890]}}}', "conditions.C1.obligors.1"),
        ('{"a": [{"b": 1}, {"b": "x\\u0000"}]}', "a.1.b"),
        ('{"a": {"b": {"c": 1, "c": 2}}}', "a.b.c"),
        ('{"a": [[1], [1, NaN]]}', "a.1.1"),
        ('{"a": {"\\u00e9": 1}}', "a"),
        ('{"a": "\\ud800"}', "a"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_field(content: str, field: str) -> None:
    with pytest.raises(Unreadable) as raised:
        read_json(content.encode())
    assert [one.field for one in raised.value.errors] == [field]
    assert raised.value.code == "malformed"


def test_json_and_yaml_name_the_same_fields() -> None:
    for value in ({"a": [{"b": "x\x00"}]}, {"a": {"b" * 201: 1}}, {"a": {"b": 10**20}}, {"é": 1}):
        fields = []
        for read, content in (
            (read_json, json.dumps(value)),
            (read_yaml, yaml.safe_dump(value, allow_unicode=True)),
        ):
            with pytest.raises(Unreadable) as raised:
                read(content.encode())
            fields.append([one.field for one in raised.value.errors])
        assert fields[0] == fields[1], value


async def test_over_http_the_field_is_named_too(reading_api: Api, filler: Filler) -> None:
    await filler.found("a", bare())
    for content, field in (
        ('{"condition": "C1", "uphold": 1.5}', "uphold"),
        ('{"condition": "C1", "uphold": 0}', "uphold"),
        ('{"condition": "C1", "condition": "C2"}', "condition"),
    ):
        answer = await reading_api.post(
            "/accords/a/decide-dispute", content=content, headers={"Content-Type": "application/json"}
        )
        said = problem(answer, 422, "malformed")
        assert field in [one["field"] for one in said["errors"]]
    wrong = small()
    wrong["conditions"]["C1"]["depends_on"] = ["C9"]
    answer = await reading_api.post("/accords/a/amend-definition", json={"definition": wrong})
    named = [one["field"] for one in problem(answer, 422, "malformed")["errors"]]
    assert named == ["definition.conditions.C1.depends_on"]


async def test_a_question_about_an_act_takes_its_values_as_json_has_them(
    reading_api: Api, filler: Filler
) -> None:
    await filler.found("a", small())
    path = "/accords/a/why/decide-dispute?condition=C1&uphold="
    assert (await reading_api.get(f"{path}true")).status_code == 200
    for wrong in ("1", "yes", "True", ""):
        said = problem(await reading_api.get(path + wrong), 422, "malformed")
        assert [one["field"] for one in said["errors"]] == ["uphold"]
    path = f"/accords/a/why/attest-state?digest=sha256:{'0' * 64}&position="
    assert (await reading_api.get(f"{path}3")).status_code == 200
    problem(await reading_api.get(f"{path}%203"), 422, "malformed")
