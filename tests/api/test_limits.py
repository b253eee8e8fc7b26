"""Rate limits: for each key, delegate, party on an accord, and opening; each says when to come again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from activities.errors import SettingsProblem
from activities.runtime.settings import Settings, read_settings
from api.limits import Limits
from tests.api.conftest import Api, on_a_socket, problem, serving
from tests.api.filling import Filler
from tests.simulation.small import bare, small

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def limited(
    database_url: str, nowhere: str, make_settings: Callable[..., Settings]
) -> Callable[..., Settings]:
    def make(**rates: str) -> Settings:
        return make_settings(database_url, nowhere, **rates)

    return make


# Where a test counts, its rate is of an hour: a window that ends meanwhile, with the clock's hour, lets one more in.


def told(answer: Any) -> dict[str, Any]:
    said = problem(answer, 429, "rate_limited")
    assert 1 <= int(answer.headers["retry-after"]) <= 3600
    assert answer.headers["retry-after"] in said["detail"]
    return said


async def test_a_key_has_a_rate_of_its_own(limited: Callable[..., Settings], filler: Filler) -> None:
    await filler.found("a", bare())
    async with serving(limited(rate_key="3/hour")) as api:
        for _ in range(3):
            assert (await api.get("/accords/a")).status_code == 200
        told(await api.get("/accords/a"))
        told(await api.get("/accords"))
        assert (await api.get("/accords/a", "bb.contact")).status_code == 200
        assert (await api.http.get("/livez")).status_code == 200


async def test_dry_runs_count_for_the_delegate_before_the_body_is_read(
    limited: Callable[..., Settings], filler: Filler
) -> None:
    await filler.found("a", bare())
    path = "/accords/a/issue-invitation?dry_run=true"
    async with serving(limited(rate_delegate="2/hour")) as api:
        for _ in range(2):
            assert (await api.post(path)).status_code == 200
        told(await api.post(path, content=b"{", headers=JSON))
        told(await api.post("/accords?dry_run=true", json=small()))
        assert (await api.get("/accords/a")).status_code == 200
        assert (await api.post(path, "bb.contact")).status_code == 200


async def test_no_party_uses_up_what_another_has_on_an_accord(
    limited: Callable[..., Settings], filler: Filler
) -> None:
    await filler.found("a", bare())
    await filler.found("b", bare())
    async with serving(limited(rate_accord="2/hour")) as api:
        for _ in range(2):
            problem(await api.act("a", "issue_invitation", "aa.contact"), 503, "unavailable")
        told(await api.act("a", "issue_invitation", "aa.contact"))
        problem(await api.act("a", "issue_invitation", "bb.contact"), 503, "unavailable")
        problem(await api.act("b", "issue_invitation", "aa.contact"), 503, "unavailable")
        # A stranger is told nothing, and takes nothing from anybody's share.
        for _ in range(5):
            problem(await api.act("b", "issue_invitation", "zz.nobody"), 404, "not_found")
        problem(await api.act("b", "issue_invitation", "bb.contact"), 503, "unavailable")


async def test_openings_have_a_rate_of_their_own_and_a_retry_is_none(
    api: Api, make_settings: Callable[..., Settings], temporal_address: str
) -> None:
    settings = api.settings.model_copy(update={"rate_opening": "1/hour"})
    async with serving(settings) as other:
        first = await other.post("/accords", json=small(), key="k1-limits")
        assert first.status_code == 201, first.text
        told(await other.post("/accords", json=small(), key="k2-limits"))
        again = await other.post("/accords", json=small(), key="k1-limits")
        assert (again.status_code, again.json()) == (201, first.json())


async def test_a_short_rate_is_over_when_retry_after_says_so(
    limited: Callable[..., Settings], filler: Filler
) -> None:
    await filler.found("a", bare())
    async with serving(limited(rate_key="2/second")) as api:
        refused: list[httpx.Response] = []
        while not refused:
            answers = await asyncio.gather(*(api.get("/accords/a") for _ in range(10)))
            refused = [answer for answer in answers if answer.status_code == 429]
        # A sliding window counts what came before by its share; it is empty after two whole windows.
        await asyncio.sleep(1 + int(refused[-1].headers["retry-after"]))
        assert (await api.get("/accords/a")).status_code == 200


async def test_processes_together_let_through_no_more_than_the_rate(
    limited: Callable[..., Settings], filler: Filler
) -> None:
    """A caller whom a balancer sends to one process after the other had the rate as many times as there are."""
    await filler.found("a", bare())
    settings = limited(rate_key="5/minute; 1/day", api_processes=2)
    assert {one.amount for one in Limits(settings)._rates["key"]} == {2, 1}
    settings = limited(rate_key="5/hour", api_processes=2)
    async with serving(settings) as one, serving(settings) as other:
        one._tokens["aa.contact"] = await other.token("aa.contact")
        answers = [await api.get("/accords/a") for _ in range(3) for api in (one, other)]
        assert [answer.status_code for answer in answers] == [200] * 4 + [429] * 2
        assert "by each of the 2 processes" in told(answers[-1])["detail"]


async def test_without_a_rate_nothing_is_counted(limited: Callable[..., Settings], filler: Filler) -> None:
    await filler.found("a", bare())
    async with serving(limited(rate_key="none")) as api:
        for _ in range(20):
            assert (await api.get("/accords/a")).status_code == 200


@pytest.mark.parametrize("text", ["often", "10/fortnight", "-1/minute", ""])
def test_a_rate_that_is_none_stops_the_start(text: str) -> None:
    with pytest.raises(SettingsProblem, match=r"ENTENTE_RATE_KEY.*such as 600/minute"):
        read_settings(rate_key=text)


async def tried(api: Api, token: str, address: str = "198.51.100.7") -> httpx.Response:
    transport = httpx.ASGITransport(app=api.app, client=(address, 1234))
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as http:
        return await http.get("/v1/me", headers={"Authorization": f"Bearer {token}"})


async def test_attempts_that_fail_are_counted_by_address_and_lock_nobody_out(
    limited: Callable[..., Settings],
) -> None:
    async with serving(limited(rate_failures="3/hour")) as api:
        good = await api.token("aa.contact")
        assert (await tried(api, good)).status_code == 200
        for number in range(3):
            problem(await tried(api, f"ent_{'a' * 11}{'abc'[number]}_{'a' * 52}"), 401, "not_authenticated")
        told(await tried(api, f"ent_{'b' * 12}_{'a' * 52}"))
        told(await tried(api, "a.b.c"))
        # Beyond it the database is asked for nobody who was not known here before.
        new = await api.token("bb.contact")
        told(await tried(api, new))
        assert (await tried(api, good)).status_code == 200
        # Another address has a rate of its own; of IPv6 a whole network is one.
        assert (await tried(api, new, "198.51.100.8")).status_code == 200
        for number in range(3):
            problem(await tried(api, "nonsense", f"2001:db8:1:2::{number}"), 401, "not_authenticated")
        told(await tried(api, "nonsense", "2001:db8:1:2:ffff::9"))
        problem(await tried(api, "nonsense", "2001:db8:1:3::1"), 401, "not_authenticated")


async def test_attempts_with_one_keys_id_are_counted_wherever_they_come_from(
    limited: Callable[..., Settings],
) -> None:
    async with serving(limited(rate_failures="3/hour")) as api:
        good = await api.token("aa.contact")
        wrong = good[:-1] + ("a" if good[-1] != "a" else "b")
        for number in range(3):
            problem(await tried(api, wrong, f"198.51.100.{number}"), 401, "not_authenticated")
        told(await tried(api, wrong, "198.51.100.9"))
        # Whoever holds it is served.
        assert (await tried(api, good, "198.51.100.10")).status_code == 200


async def test_links_and_the_pages_count_as_keys_do(limited: Callable[..., Settings]) -> None:
    async with serving(limited(rate_failures="2/hour")) as api:
        link = {"token": f"inv_{'a' * 12}_{'a' * 52}"}
        problem(await api.post("/join", None, json=link), 404, "not_found")
        site = {"Sec-Fetch-Site": "same-origin"}
        answer = await api.http.post("/sign-in", data={"key": "nonsense"}, headers=site)
        assert answer.status_code == 401
        told(await api.post("/join", None, json=link))
        answer = await api.http.post("/sign-in", data={"key": "nonsense"}, headers=site)
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) >= 1


async def test_only_proxies_that_the_operator_names_say_where_a_request_came_from(
    limited: Callable[..., Settings],
) -> None:
    async def seen(port: int, *forwarded: str) -> list[int]:
        statuses = []
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            for one in forwarded:
                headers = {"Authorization": "Bearer nonsense", "X-Forwarded-For": one}
                statuses.append((await http.get("/v1/me", headers=headers)).status_code)
        return statuses

    came = ("198.51.100.1", "198.51.100.2", "9.9.9.9, 198.51.100.2")
    async with on_a_socket(limited(rate_failures="1/hour", api_port=0)) as (_, port):
        # Whoever names another address each time is one all the same.
        assert await seen(port, *came) == [401, 429, 429]
    settings = limited(rate_failures="1/hour", api_port=0, proxies=("127.0.0.0/8",))
    async with on_a_socket(settings) as (_, port):
        # The address that the proxy has added is the last one; what stands before it anybody may have written.
        assert await seen(port, *came) == [401, 401, 429]
