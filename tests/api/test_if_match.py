"""``If-Match``: the version is part of the act, and judged where the act is recorded."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.api.conftest import Api, problem
from tests.api.filling import Filler
from tests.api.test_acting import founded
from tests.simulation.small import bare, small


async def tag_of(api: Api, accord: str) -> str:
    return (await api.get(f"/accords/{accord}")).headers["etag"]


async def appoint(api: Api, accord: str, name: str, tag: str, key: str | None = None) -> httpx.Response:
    """An act that moves the version, for the version that ``tag`` names."""
    fields = {"delegate": f"aa.{name}", "office": "Office", "roles": ["protocol"]}
    path = f"/accords/{accord}/appoint-delegate"
    return await api.post(path, json=fields, headers={"If-Match": tag}, key=key)


async def test_a_version_that_has_passed_is_a_refusal_on_the_record(api: Api) -> None:
    accord = await founded(api, bare())
    tag = await tag_of(api, accord)
    stale = await appoint(api, accord, "a", '"v0"', "k0")
    said = problem(stale, 412, "precondition_failed")
    assert (said["guard"], said["act"], said["command"]) == (
        "version_current",
        "appoint_delegate",
        "aa.contact/k0",
    )
    assert said["remedy"] in said["detail"]
    assert f'"v{said["version"]}"' == stale.headers["etag"] == tag, "a refusal does not move the version"
    items = (await api.get(f"/accords/{accord}/events?start={said['position']}")).json()["items"]
    assert (items[0]["type"], items[0]["facts"]["act"]["required_version"]) == ("act_refused", 0)
    # The same request has the same answer, also once the accord has moved on.
    await appoint(api, accord, "b", tag)
    again = await appoint(api, accord, "a", '"v0"', "k0")
    assert {**problem(again, 412, "precondition_failed"), "request_id": ""} == {**said, "request_id": ""}
    assert again.headers["etag"] == tag


async def test_a_retry_has_its_outcome_although_the_version_moved_by_it(api: Api) -> None:
    accord = await founded(api, bare())
    tag = await tag_of(api, accord)
    done = await appoint(api, accord, "a", tag, "k1")
    assert done.status_code == 200, done.text
    again = await appoint(api, accord, "a", tag, "k1")
    assert (again.status_code, again.json()) == (200, done.json())
    # The version is part of the act: with another one, or none, it is another act.
    for other in ('"v0"', done.headers["etag"], "*"):
        problem(await appoint(api, accord, "a", other, "k1"), 422, "idempotency_key_reused")


async def test_of_callers_racing_with_one_tag_one_succeeds(api: Api) -> None:
    accord = await founded(api, bare())
    tag = await tag_of(api, accord)
    items = (await api.get(f"/accords/{accord}/events")).json()["items"]
    before = [one["type"] for one in items].count("delegate_appointed")
    answers = await asyncio.gather(*(appoint(api, accord, f"d{number}", tag) for number in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7
    for answer in answers:
        if answer.status_code == 412:
            assert problem(answer, 412, "precondition_failed")["guard"] == "version_current"
    items = (await api.get(f"/accords/{accord}/events")).json()["items"]
    assert [one["type"] for one in items].count("delegate_appointed") == before + 1


async def test_any_version_will_do_for_a_star_and_what_is_no_version_never_does(api: Api) -> None:
    accord = await founded(api, bare())
    size = (await api.get(f"/accords/{accord}")).json()["size"]
    for tag in ('"17"', '"v"', '"v-1"', '"v01"', '"v1e3"', f'"v{"9" * 30}"', '""', 'W/"v3"'):
        said = problem(await appoint(api, accord, "a", tag), 412, "precondition_failed")
        assert "guard" not in said
    for tag in ('"v1", "v2"', "v3", "nonsense"):
        said = problem(await appoint(api, accord, "a", tag), 422, "malformed")
        assert said["errors"][0]["field"] == "If-Match"
    assert (await api.get(f"/accords/{accord}")).json()["size"] == size, "nothing of it was recorded"
    assert (await appoint(api, accord, "a", "*")).status_code == 200
    assert (await appoint(api, accord, "b", await tag_of(api, accord))).status_code == 200


async def test_who_may_not_act_at_all_learns_that_first(api: Api) -> None:
    definition = small()
    definition["officers"]["press"] = {"office": "Press pool", "roles": ["observer"]}
    accord = await founded(api, definition)
    answer = await api.post(
        f"/accords/{accord}/confirm-visit", "press", json={}, headers={"If-Match": '"v0"'}
    )
    assert problem(answer, 409, "refused")["guard"] == "authority"


@pytest.mark.parametrize(("version", "would_be"), [(0, "recorded"), (3, "refused")])
async def test_a_dry_run_heeds_the_version(
    reading_api: Api, filler: Filler, version: int, would_be: str
) -> None:
    await filler.open("a", bare())
    answer = await reading_api.post(
        "/accords/a/decline-definition",
        json={},
        headers={"If-Match": f'"v{version}"'},
        params={"dry_run": True},
    )
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert said["would_be"] == would_be
    if would_be == "refused":
        assert said["refusal"]["guard"] == "version_current"
