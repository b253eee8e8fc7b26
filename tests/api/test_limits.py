"""Rate limits: for each key, delegate, party on an accord, and opening; each says when to come again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from activities.errors import SettingsProblem
from activities.runtime.settings import Settings, read_settings
from tests.api.conftest import Api, problem, serving
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


def told(answer: Any) -> dict[str, Any]:
    said = problem(answer, 429, "rate_limited")
    assert 1 <= int(answer.headers["retry-after"]) <= 3600
    assert answer.headers["retry-after"] in said["detail"]
    return said


async def test_a_key_has_a_rate_of_its_own(limited: Callable[..., Settings], filler: Filler) -> None:
    await filler.found("a", bare())
    async with serving(limited(rate_key="3/minute")) as api:
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
    async with serving(limited(rate_delegate="2/minute")) as api:
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
    async with serving(limited(rate_accord="2/minute")) as api:
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
        answers = [await api.get("/accords/a") for _ in range(10)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused
        # A sliding window counts what came before by its share; it is empty after two whole windows.
        await asyncio.sleep(1 + int(refused[-1].headers["retry-after"]))
        assert (await api.get("/accords/a")).status_code == 200


async def test_without_a_rate_nothing_is_counted(limited: Callable[..., Settings], filler: Filler) -> None:
    await filler.found("a", bare())
    async with serving(limited(rate_key="none")) as api:
        for _ in range(20):
            assert (await api.get("/accords/a")).status_code == 200


@pytest.mark.parametrize("text", ["often", "10/fortnight", "-1/minute", ""])
def test_a_rate_that_is_none_stops_the_start(text: str) -> None:
    with pytest.raises(SettingsProblem, match=r"ENTENTE_RATE_KEY.*such as 600/minute"):
        read_settings(rate_key=text)
