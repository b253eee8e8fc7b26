"""What is sent again, and when: against an API that says "not now", breaks connections, or is none."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from api.client import Entente, NoAnswer, NotAnApi, NotFound, NotNow, Refused, acts, sending

RECEIPT = {
    "accord": "a", "command": "c", "act": "issue_invitation", "status": "recorded", "time": "2030-01-01T00:00:00Z",
    "first_position": 1, "position": 1, "leaf": "0", "size": 2, "root": "0", "version": 1, "stage": "invitation",
    "events": [],
}  # fmt: skip
BUSY = (503, {"code": "unavailable", "detail": "Not just now."}, {})


class Answers:
    """Answers with the given ones, one after the other, the last one forever; an exception is raised."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(found, Exception):
            raise found
        status, body, headers = found
        if isinstance(body, bytes):
            return httpx.Response(status, content=body, headers=headers)
        return httpx.Response(status, json=body, headers=headers)

    @property
    def keys(self) -> list[str | None]:
        return [one.headers.get("idempotency-key") for one in self.requests]

    def client(self, **options: Any) -> Entente:
        return Entente("http://x.test", "ent_a_b", transport=httpx.MockTransport(self), **options)


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "_PAUSE", 0.001)


async def test_an_act_is_sent_again_under_its_key_until_there_is_an_outcome() -> None:
    answers = Answers(BUSY, httpx.ReadError("broke"), httpx.ConnectError("away"), (200, RECEIPT, {}))
    async with answers.client() as entente:
        receipt = await entente.accord("a/b").do(acts.IssueInvitation())
    assert receipt.version == 1
    assert len(set(answers.keys)) == 1
    assert answers.keys[0]
    first = answers.requests[0]
    assert (first.url.raw_path, first.content) == (b"/v1/accords/a%2Fb/issue-invitation", b"{}")
    assert len({one.content for one in answers.requests}) == 1


@pytest.mark.parametrize("as_date", [False, True])
async def test_retry_after_is_heeded(as_date: bool) -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True) if as_date else "1"
    answers = Answers((429, {"code": "rate_limited"}, {"Retry-After": soon}), (200, {"status": "live"}, {}))
    began = time.monotonic()
    async with answers.client() as entente:
        await entente.livez()
    # A date has whole seconds, so up to one of the two may have gone by.
    assert time.monotonic() - began > 0.9
    assert len(answers.requests) == 2


async def test_a_wait_beyond_the_patience_is_not_begun() -> None:
    answers = Answers((503, {"code": "busy", "detail": "Too much."}, {"Retry-After": "3600"}))
    async with answers.client() as entente:
        with pytest.raises(NotNow, match="Too much") as caught:
            await entente.accord("a").do(acts.IssueInvitation(), key="k1")
    assert (caught.value.retry_after, caught.value.idempotency_key, caught.value.exit_code) == (3600, "k1", 3)
    assert len(answers.requests) == 1


async def test_what_is_not_safe_to_repeat_is_sent_once() -> None:
    for failing in (httpx.ReadError("broke"), BUSY):
        answers = Answers(failing)
        async with answers.client() as entente:
            with pytest.raises((NoAnswer, NotNow)):
                await entente.join("inv_x")
        assert len(answers.requests) == 1
    answers = Answers((429, {"code": "rate_limited"}, {}), (404, {"code": "not_found"}, {}))
    async with answers.client() as entente:
        with pytest.raises(NotFound):
            # Of what was too much nothing was done.
            await entente.join("inv_x")
    assert len(answers.requests) == 2


async def test_an_api_that_is_away_is_waited_for_only_by_who_wants_that() -> None:
    answers = Answers(httpx.ConnectError("refused"), (200, {"status": "live"}, {}))
    async with answers.client(absent=False) as entente:
        with pytest.raises(NoAnswer, match="refused"):
            await entente.livez()
        assert len(answers.requests) == 1
        await entente.livez()
    away = Answers(httpx.ConnectError("refused"))
    async with away.client(patience=0.05) as entente:
        with pytest.raises(NoAnswer):
            await entente.livez()
    assert len(away.requests) > 1


async def test_a_refusal_is_an_answer() -> None:
    unmet = [{"guard": "authority", "reason": "aa.x may not", "who": ["aa.y"]}]
    said = {
        "code": "refused",
        "detail": "No.",
        "guard": "authority",
        "remedy": "Ask.",
        "unmet": unmet,
        "new": 1,
    }
    answers = Answers((409, said, {}))
    async with answers.client() as entente:
        with pytest.raises(Refused, match="No") as caught:
            await entente.accord("a").do(acts.IssueInvitation())
    refused = caught.value
    assert (refused.guard, refused.unmet[0].who, refused.remedy) == ("authority", ("aa.y",), "Ask.")
    assert refused.said["new"] == 1
    assert len(answers.requests) == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((200, b"<html>", {}), NotAnApi),
        ((200, {"status": "dead"}, {}), NotAnApi),
        ((404, b"<html>", {}), NotAnApi),
        # A proxy before the API, in words of its own.
        ((503, b"<html>", {}), NoAnswer),
    ],
)
async def test_what_is_no_api_is_said(answer: Any, error: type[Exception]) -> None:
    async with Answers(answer).client(patience=0.05) as entente:
        with pytest.raises(error):
            await entente.livez()


async def test_signals_and_acts_are_not_mistaken_for_one_another() -> None:
    async with Answers(BUSY).client() as entente:
        with pytest.raises(ValueError, match="is a signal"):
            await entente.accord("a").act("condition-changed", {})
        with pytest.raises(ValueError, match="is no signal"):
            await entente.accord("a").signal(acts.IssueInvitation())
        with pytest.raises(ValueError, match="there is no act"):
            await entente.accord("a").act("issue-invitations", {})
    with pytest.raises(ValueError, match="no address"):
        Entente("entente.example")
