"""What holds for every request: authentication, problems, ids, limits, health."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from activities.errors import SettingsProblem
from activities.runtime.logs import configure_logs
from activities.runtime.settings import Settings
from api.app import create_app
from api.bodies import LARGEST
from tests.api.conftest import Api, problem, serving
from tests.api.filling import Filler
from tests.simulation.small import bare, digest, small


async def test_without_a_key_nothing_is_told(reading_api: Api) -> None:
    answer = await reading_api.get("/accords", None)
    problem(answer, 401, "not_authenticated")
    assert answer.headers["www-authenticate"] == 'Bearer realm="entente"'
    for header in ("Bearer ent_x_y", "Bearer ent_" + "a" * 12 + "_" + "a" * 52):
        answer = await reading_api.get("/accords", None, headers={"Authorization": header})
        problem(answer, 401, "not_authenticated")
        assert answer.headers["www-authenticate"] == 'Bearer realm="entente", error="invalid_token"'
    answer = await reading_api.get("/accords", None, headers={"Authorization": "Basic YTpi"})
    problem(answer, 401, "not_authenticated")


async def test_a_post_needs_an_idempotency_key(reading_api: Api, filler: Filler) -> None:
    await filler.found("a", bare())
    for path in (
        "/accords",
        "/accords/a/issue-invitation",
        "/accords/a/clock",
        "/accords/a/signals/condition-changed",
    ):
        answer = await reading_api.call("POST", f"/v1{path}", "aa.contact", json={})
        problem(answer, 400, "idempotency_key_missing")
        for wrong in ("", "a b", "x" * 129, "\x7f"):
            answer = await reading_api.call(
                "POST", f"/v1{path}", "aa.contact", json={}, headers={"Idempotency-Key": wrong}
            )
            problem(answer, 400, "idempotency_key_malformed")


async def test_field_errors_name_the_field(reading_api: Api, filler: Filler) -> None:
    await filler.found("a", small())
    path = "/accords/a/submit-evidence"
    right = {"condition": "C1", "digest": digest("x"), "grade": "documented", "source": "Report"}
    for change, field in (
        ({"digest": "sha256:1"}, "digest"),
        ({"grade": "hearsay"}, "grade"),
        ({"source": ""}, "source"),
        ({"condition": 7}, "condition"),
        ({"delegate": "bb.contact"}, "delegate"),
    ):
        said = problem(await reading_api.post(path, json={**right, **change}), 422, "malformed")
        assert [one["field"] for one in said["errors"]] == [field]
    del right["digest"]
    said = problem(await reading_api.post(path, json=right), 422, "malformed")
    assert said["errors"] == [{"field": "digest", "problem": "it is missing"}]
    said = problem(
        await reading_api.post(path, content=b'{"condition": 1.5}', headers=JSON), 422, "malformed"
    )
    assert "1.5" in said["detail"]
    problem(await reading_api.post(path, content=b"{", headers=JSON), 400, "bad_request")
    problem(await reading_api.post(path, content=b"[]", headers=JSON), 422, "malformed")
    problem(
        await reading_api.post(path, content=b"{}", headers={"Content-Type": "text/plain"}),
        415,
        "unsupported_media_type",
    )


JSON = {"Content-Type": "application/json"}


async def test_malformed_definitions_name_field_and_line(reading_api: Api) -> None:
    content = b"""title: Visit
parties:
  NO: {name: Norway, capacity: host, contact: no.contact}
  BB:
    name: Party B
    capacity: gast
    contact: BB Contact
conditions:
  C1: {title: Venue, obligors: [NO], gate: visit, policy: {verifiers: []}}
"""
    answer = await reading_api.post(
        "/accords", "no.contact", content=content, headers={"Content-Type": "application/yaml"}
    )
    said = problem(answer, 422, "malformed")
    assert {(one["field"], one["line"]) for one in said["errors"]} == {
        ("parties.BB.capacity", 6),
        ("parties.BB.contact", 7),
        ("conditions.C1.policy.verifiers", 9),
    }
    said = problem(await reading_api.post("/accords", json={**small(), "titel": "x"}), 422, "malformed")
    assert said["errors"] == [{"field": "titel", "problem": "there is no such field; did you mean title?"}]
    problem(await reading_api.post("/accords", "bb.protocol", json=small()), 403, "not_a_contact")


async def test_a_body_has_a_limit(reading_api: Api, filler: Filler) -> None:
    await filler.found("a", bare())
    for path in ("/accords", "/accords/a/record-statement"):
        whole = b'"' + b"x" * (LARGEST - 2) + b'"'
        problem(await reading_api.post(path, content=whole, headers=JSON), 422, "malformed")
        problem(await reading_api.post(path, content=whole + b" ", headers=JSON), 413, "too_large")

    async def endless() -> Any:
        for _ in range(1000):
            yield b" " * 10_000

    problem(await reading_api.post("/accords", content=endless(), headers=JSON), 413, "too_large")


async def test_unknown_addresses_and_methods_are_problems(reading_api: Api) -> None:
    problem(await reading_api.get("/nothing"), 404, "not_found")
    problem(await reading_api.call("DELETE", "/v1/accords", "aa.contact"), 405, "method_not_allowed")
    problem(await reading_api.call("POST", "/v1/accords/a/condition-changed", "aa.contact"), 404, "not_found")
    problem(await reading_api.get("/accords/a/"), 404, "not_found")


async def test_request_ids_are_taken_over_and_given(reading_api: Api) -> None:
    answer = await reading_api.get("/accords", None, headers={"X-Request-Id": "trace-1"})
    assert problem(answer, 401, "not_authenticated")["request_id"] == "trace-1"
    for bad in ("a b", "x" * 129, "é"):
        answer = await reading_api.get("/accords", None, headers={"X-Request-Id": bad.encode()})
        assert len(answer.headers["x-request-id"]) == 32
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("form", ["json", "console"])
async def test_keys_never_reach_the_logs(
    reading_api: Api, filler: Filler, database_url: str, capsys: pytest.CaptureFixture[str], form: Any
) -> None:
    await filler.found("a", bare())
    await filler.found("b", bare())
    await alter(database_url, "b")
    root = logging.getLogger()
    before = (root.handlers, root.level)
    configure_logs(form, "debug")
    try:
        token = await reading_api.token("aa.contact")
        await reading_api.get("/accords/a", headers={"X-Request-Id": "trace-7"})
        await reading_api.get("/accords/a", None, headers={"Authorization": f"Bearer {token}x"})
        # A fault is logged with its trace.
        problem(await reading_api.get("/accords/b"), 500, "internal")
    finally:
        root.handlers, root.level = before
    said = capsys.readouterr().err
    assert token.split("_")[2] not in said
    assert "are not those recorded there" in said
    if form == "console":
        return
    lines = [json.loads(line) for line in said.splitlines() if '"request"' in line]
    line = next(line for line in lines if line.get("request") == "trace-7" and line.get("event") == "request")
    assert (line["method"], line["path"], line["status"]) == ("GET", "/v1/accords/a", 200)
    assert (line["principal"], line["key"]) == ("aa.contact", token.split("_")[1])


async def test_an_altered_entry_is_never_shown(reading_api: Api, filler: Filler, database_url: str) -> None:
    await filler.found("a", bare())
    await alter(database_url, "a")
    for path in ("/accords/a", "/accords/a/events", "/accords/a/why/visit"):
        said = problem(await reading_api.get(path), 500, "internal")
        assert "aa.contact" not in said["detail"]


async def alter(database_url: str, accord: str) -> None:
    """Alter an entry, as only a superuser could."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("alter table entries disable trigger all")
        await connection.execute(
            "update entries set bytes = convert_to(replace(convert_from(bytes, 'utf8'), 'AA', 'BB'), 'utf8') "
            "where position = 1 and accord = $1",
            accord,
        )
    finally:
        await connection.close()


async def test_cors_is_off(reading_api: Api) -> None:
    answer = await reading_api.get("/accords", headers={"Origin": "https://elsewhere.example"})
    assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_the_api_comes_up_and_says_so_while_nothing_else_is_there(
    nowhere: str, make_settings: Callable[..., Settings]
) -> None:
    settings = make_settings(f"postgresql://nobody@{nowhere}/none", nowhere, api_deadline=2.0)
    async with serving(settings) as api:
        assert (await api.http.get("/livez")).json() == {"status": "live"}
        ready = await api.http.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["status"] == "not ready"
        assert "ok" not in (ready.json()["database"], ready.json()["temporal"])
        assert nowhere not in ready.text
        header = {"Authorization": "Bearer ent_" + "a" * 12 + "_" + "a" * 52}
        answer = await api.get("/accords", None, headers=header)
        problem(answer, 503, "unavailable")
        assert answer.headers["retry-after"] == "1"


async def test_without_temporal_acts_are_503_and_reading_goes_on(reading_api: Api, filler: Filler) -> None:
    await filler.found("a", bare(clock="simulated"))
    answer = await reading_api.act("a", "issue_invitation", "aa.contact")
    problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"] == "1"
    problem(await reading_api.post("/accords", json=small()), 503, "unavailable")
    said = (await reading_api.get("/accords/a")).json()
    assert said["clock"] == {
        "mode": "simulated",
        "time": filler.states["a"].time.isoformat().replace("+00:00", "Z"),
        "live": False,
    }


async def test_readyz_tells_a_schema_that_does_not_fit(reading_api: Api, database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        assert (await reading_api.http.get("/readyz")).json()["migrations"] == "ok"
        await connection.execute("insert into schema_migrations values ('9999')")
        assert (await reading_api.http.get("/readyz")).json()["migrations"] == "ok"
        await connection.execute("update schema_support set oldest = '9999'")
        assert "9999" in (await reading_api.http.get("/readyz")).json()["migrations"]
        await connection.execute("delete from schema_migrations where version in ('9999', '0002')")
        ready = await reading_api.http.get("/readyz")
        assert (ready.status_code, "0002" in ready.json()["migrations"]) == (503, True)
    finally:
        await connection.close()


async def test_without_a_signing_key_the_api_does_not_start(
    nowhere: str, make_settings: Callable[..., Settings]
) -> None:
    app = create_app(make_settings(f"postgresql://nobody@{nowhere}/none", nowhere, command_key_file=None))
    with pytest.raises(SettingsProblem, match="no key to sign"):
        async with app.router.lifespan_context(app):
            pass


async def test_who_comes_to_the_address_alone_is_asked_to_sign_in(reading_api: Api) -> None:
    assert (await reading_api.http.get("/")).headers["location"] == "/sign-in?next=%2F"
