"""Whatever is sent, the answer is a problem and no fault: every operation, fed with what people and programs send."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from api.examples import example_of
from tests.api.conftest import Api
from tests.api.filling import Filler
from tests.simulation.small import small
from workflows.model.declare import Act
from workflows.model.declared import ACTS

TEXTS = [
    "",
    " ",
    "\x00",
    "\ud800",
    "Ж",
    "'; drop table entries; --",
    "../../etc",
    "%00",
    "a" * 5000,
    "💥",
    "\u202e",
]
VALUES: list[Any] = [
    *TEXTS,
    None,
    True,
    0,
    -1,
    2**53,
    [],
    {},
    [[]],
    {"a": {"b": []}},
    ["x"] * 1000,
    "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00+14:00",
]


@pytest.mark.parametrize("track", sorted({act.track for act in ACTS.values()}))
async def test_fields_of_every_kind(reading_api: Api, filler: Filler, track: str) -> None:
    await filler.found("a", small())
    faults = []
    for act in ACTS.values():
        if act.track == track:
            faults += await faults_of(reading_api, act)
    assert not faults


async def faults_of(reading_api: Api, act: type[Act]) -> list[tuple[bytes, str]]:
    faults = []
    path = f"/v1/accords/a/{'signals/' if act.signal else ''}{act.name.replace('_', '-')}?dry_run=true"
    bodies: list[Any] = [*VALUES, {"é": 1}, {"": 1}, {"\x00": 1}]
    for field in act.model_fields:
        bodies += [{**example_of(act), field: value} for value in VALUES]
    for body in bodies:
        content = json.dumps(body).encode()
        answer = await reading_api.call(
            "POST", path, "aa.contact", content=content, headers={"Content-Type": "application/json"}
        )
        if answer.status_code >= 500 or answer.headers["content-type"].partition(";")[0] not in (
            "application/json",
            "application/problem+json",
        ):
            faults.append((content[:200], answer.text[:300]))
    return faults


async def test_paths_and_queries_of_every_kind(reading_api: Api, filler: Filler) -> None:
    await filler.found("a", small())
    texts = [quote(text.encode("utf-8", "surrogatepass")) for text in TEXTS[1:]]
    texts += ["9" * 30, "-1", "1e9", "2030-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "%ff", "{", "[1.5]"]
    faults = []
    for text in texts:
        for path in (
            f"/accords/{text}",
            f"/accords/{text}/events",
            f"/accords/a/why/{text}",
            f"/accords/a/why/visit?at={text}",
            f"/accords/a/why/verify-condition?condition={text}&evidence={text}",
            f"/accords/a/why/propose-dates?window={text}",
            f"/accords/a/why/confirm-visit?by={text}",
            f"/accords/a?as_of={text}",
            f"/accords/a/events?after={text}",
            f"/accords/a/events?start={text}&limit={text}",
            f"/accords?after={text}",
            f"/accords?stage={text}",
            f"/accords?party={text}",
            f"/accords?vocabulary={text}",
            f"/accords?limit={text}",
        ):
            answer = await reading_api.get(path)
            if answer.status_code >= 500:
                faults.append((path, answer.text[:300]))
        for path in (f"/accords/{text}/confirm-visit", f"/accords/{text}/clock", f"/accords/a/{text}"):
            answer = await reading_api.post(
                path, json={"to": "2030-01-01T00:00:00Z"} if "clock" in path else {}
            )
            if answer.status_code >= 500:
                faults.append((path, answer.text[:300]))
    assert not faults


async def test_headers_of_every_kind(reading_api: Api, filler: Filler) -> None:
    await filler.found("a", small())
    faults = []
    for name in (
        "Authorization",
        "Idempotency-Key",
        "If-Match",
        "If-None-Match",
        "Accept",
        "Content-Type",
        "X-Request-Id",
    ):
        for text in [
            "",
            " ",
            "é",
            "\xff",
            "a" * 5000,
            "Bearer",
            "Bearer ",
            "Bearer  x",
            '"',
            "W/",
            ";q=",
            "*/*;q=x",
            ",,,",
        ]:
            for method, path in (
                ("GET", "/v1/accords/a"),
                ("GET", "/v1/accords/a/definition"),
                ("POST", "/v1/accords/a/confirm-visit?dry_run=true"),
            ):
                content = b"{}" if method == "POST" else None
                answer = await reading_api.call(
                    method, path, "aa.contact", content=content, headers={name: text.encode("latin-1")}
                )
                if answer.status_code >= 500:
                    faults.append((name, text[:20], path, answer.text[:300]))
    assert not faults


async def test_definitions_of_every_kind(reading_api: Api) -> None:
    faults = []
    whole = small()
    for field in (
        *whole,
        "long_stop",
        "programme",
        "predecessor",
        "invitation",
        "clock",
        "originals",
        "nothing",
    ):
        for value in VALUES:
            content = json.dumps({**whole, field: value}).encode()
            for media in ("application/json", "application/yaml"):
                answer = await reading_api.call(
                    "POST",
                    "/v1/accords?dry_run=true",
                    "aa.contact",
                    content=content,
                    headers={"Content-Type": media},
                )
                if answer.status_code >= 500:
                    faults.append((media, content[:200], answer.text[:300]))
    assert not faults
