"""Query parameters, times, entity tags and methods: what is not written as it has to be is refused by name."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Any

import pytest

import activities.reading.accords as reading
from api.preconditions import required_version, unchanged
from api.problems import Problem
from tests.api.conftest import Api, problem
from tests.api.filling import Filler
from tests.simulation.small import bare

ACT = "/accords/a/issue-invitation"


def fields(said: dict[str, Any]) -> list[str]:
    return [one["field"] for one in said["errors"]]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("dryrun=true", "dryrun"),
        ("DRY_RUN=true", "DRY_RUN"),
        ("dry_run=true&dry_run=false", "dry_run"),
        ("dry_run=1", "dry_run"),
        ("dry_run=True", "dry_run"),
        ("dry_run=", "dry_run"),
        ("dry_run", "dry_run"),
        ("dry_run=true&at=0", "at"),
        ("dry_run=true&at=1893456000", "at"),
        ("dry_run=true&at=2031-01-01", "at"),
        ("dry_run=true&at=%202031-01-01T00:00:00Z%20", "at"),
        ("at=2031-01-01T00:00:00Z", "at"),
        ("as_of=3", "as_of"),
    ],
)
async def test_an_act_takes_only_what_it_declares(
    reading_api: Api, filler: Filler, query: str, field: str
) -> None:
    """Before, `?dryrun=true` recorded for good; here nothing reaches Temporal, which would be 503."""
    await filler.found("a", bare())
    said = problem(await reading_api.post(f"{ACT}?{query}"), 422, "malformed")
    assert fields(said) == [field]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/accords?page=2", "page"),
        ("/accords?limit=+5", "limit"),
        ("/accords?limit=1_0", "limit"),
        ("/accords?limit=05", "limit"),
        ("/accords/a?asof=3", "asof"),
        ("/accords/a?as_of=03", "as_of"),
        ("/accords/a?as_of=%203%20", "as_of"),
        ("/accords/a/events?start=%203", "start"),
        ("/accords/a/definition?amendment=yes", "amendment"),
        ("/accords/a/bundle?final=true", "final"),
        ("/accords/a/why/visit?day=1", "day"),
        ("/accords/a/why/visit?at=0", "at"),
        ("/accords/a/why/issue_invitation?at=2031-01-01T00:00:00Z&at=2032-01-01T00:00:00Z", "at"),
        ("/accords/a/why/issue_invitation?conditions=C1", "conditions"),
    ],
)
async def test_reading_takes_only_what_it_declares(
    reading_api: Api, filler: Filler, path: str, field: str
) -> None:
    await filler.found("a", bare())
    assert fields(problem(await reading_api.get(path), 422, "malformed")) == [field]


async def test_an_unknown_parameter_says_what_was_meant(reading_api: Api, filler: Filler) -> None:
    await filler.found("a", bare())
    said = problem(await reading_api.post(f"{ACT}?dryrun=true"), 422, "malformed")
    assert "did you mean dry_run?" in said["errors"][0]["problem"]


async def test_nobody_looks_ahead_into_the_past(reading_api: Api, filler: Filler) -> None:
    await filler.found("a", bare())
    last = filler.states["a"].time
    for at, status in ((last - timedelta(microseconds=1), 422), (last, 200), (last + timedelta(days=1), 200)):
        params = {"at": at.isoformat()}
        for answer in (
            await reading_api.post(ACT, params={**params, "dry_run": "true"}),
            await reading_api.get("/accords/a/why/visit", params=params),
            await reading_api.get("/accords/a/why/issue-invitation", params=params),
        ):
            if status == 200:
                assert answer.status_code == 200
                assert answer.json()["at"] == at.isoformat().replace("+00:00", "Z")
            else:
                assert "as_of" in problem(answer, 422, "time_passed")["detail"]


async def test_nobody_reads_what_is_not_recorded_yet(reading_api: Api, filler: Filler) -> None:
    await filler.found("a", bare(clock="simulated"))
    last = filler.states["a"].time
    said = (await reading_api.get("/accords/a", params={"as_of": last.isoformat()})).json()
    assert said["clock"]["time"] == last.isoformat().replace("+00:00", "Z")
    later = await reading_api.get("/accords/a", params={"as_of": (last + timedelta(seconds=1)).isoformat()})
    problem(later, 422, "beyond_record")


async def test_a_state_as_it_was_is_folded_beside_the_event_loop(
    reading_api: Api, filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filler.found("a", bare())
    threads, evolve = set(), reading.evolve

    def watched(*args: Any) -> Any:
        threads.add(threading.current_thread())
        return evolve(*args)

    monkeypatch.setattr(reading, "evolve", watched)
    assert (await reading_api.get("/accords/a?as_of=1")).status_code == 200
    assert threads
    assert threading.current_thread() not in threads


@pytest.mark.parametrize("header", ["v17", '"v17', 'v17"', 'w/"v17"', '"v17" "v18"', '"v17",', '"a b"', ""])
def test_a_broken_tag_is_malformed(header: str) -> None:
    for read in (required_version, lambda text: unchanged(text, '"v17"')):
        with pytest.raises(Problem) as raised:
            read(header)
        assert raised.value.code == "malformed"


def test_a_weak_tag_matches_where_nothing_was_changed_and_is_no_condition_of_an_act() -> None:
    assert unchanged('W/"v17"', '"v17"')
    assert unchanged('"v3", W/"v17"', '"v17"')
    for header in ('W/"v17"', '"v017"', '"17"', '"sha256:9f"', 'W/"v17", "x"'):
        with pytest.raises(Problem) as raised:
            required_version(header)
        assert raised.value.code == "precondition_failed"
    assert required_version('"v17"') == 17
    assert required_version(' W/"v3" , "v17"') == 17
    assert required_version("*") is None


async def test_a_wrong_tag_is_refused_over_http(reading_api: Api, filler: Filler) -> None:
    await filler.found("a", bare())
    tag = (await reading_api.get("/accords/a")).headers["etag"]
    problem(await reading_api.post(ACT, headers={"If-Match": f"W/{tag}"}), 412, "precondition_failed")
    problem(await reading_api.post(ACT, headers={"If-Match": tag.strip('"')}), 422, "malformed")
    problem(await reading_api.get("/accords/a", headers={"If-None-Match": tag.strip('"')}), 422, "malformed")
    assert (await reading_api.get("/accords/a", headers={"If-None-Match": f"W/{tag}"})).status_code == 304


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/accords", "GET, HEAD, POST"),
        ("POST", "/v1/accords/a", "GET, HEAD"),
        ("PUT", "/v1/accords/a/events", "GET, HEAD"),
        ("GET", "/v1/accords/a/verify-condition", "POST"),
        ("HEAD", "/v1/accords/a/verify-condition", "POST"),
        ("POST", "/v1/accords/a/tile/0/000", "GET, HEAD"),
        ("POST", "/livez", "GET, HEAD"),
        ("OPTIONS", "/v1/accords", "GET, HEAD, POST"),
    ],
)
async def test_allow_names_every_method(reading_api: Api, method: str, path: str, allowed: str) -> None:
    answer = await reading_api.call(method, path, "aa.contact")
    assert answer.status_code == 405
    assert answer.headers["allow"] == allowed
    assert (answer.content == b"") == (method == "HEAD")


async def test_head_is_get_without_the_body(reading_api: Api, filler: Filler) -> None:
    await filler.found("a", bare())
    for path in ("/accords/a", "/accords/a/events", "/accords", "/accords/none", "/accords/a?as_of=x"):
        got = await reading_api.get(path)
        head = await reading_api.call("HEAD", f"/v1{path}", "aa.contact")
        assert (head.status_code, head.content) == (got.status_code, b"")
        for name in ("etag", "content-type", "cache-control", "content-length"):
            if name != "content-length" or got.status_code == 200:
                assert head.headers.get(name) == got.headers.get(name), (path, name)
    tag = (await reading_api.get("/accords/a")).headers["etag"]
    head = await reading_api.call("HEAD", "/v1/accords/a", "aa.contact", headers={"If-None-Match": tag})
    assert head.status_code == 304
    await asyncio.sleep(0)
