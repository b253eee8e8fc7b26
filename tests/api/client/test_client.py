"""The client against the real thing: what the documentation does not show already."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.answers.accord import StatusView
from api.client import (
    Accord,
    Conflict,
    Entente,
    Forbidden,
    Invalid,
    KeyReused,
    NotAnApi,
    NotAuthenticated,
    NotFound,
    Refused,
    acts,
    following,
    paging,
)  # fmt: skip
from tests.api.client.conftest import Reached
from tests.simulation.small import digest, small
from workflows.model.definition import Definition


async def founded(host: Entente, guest: Entente, **changes: Any) -> Accord:
    definition = Definition.model_validate(small(**changes))
    accord = host.accord((await host.open(definition)).accord)
    for one in (accord, guest.accord(accord.id)):
        await one.do(acts.AdoptDefinition(digest=definition.digest()))
    return accord


async def test_what_the_api_does_the_client_does(
    reached: Reached, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "PAGE", 2)
    async with await reached.client("aa.contact") as host, await reached.client("bb.contact") as guest:
        accord = await founded(host, guest)
        assert (await host.readyz()).status == "ready"
        assert (await accord.definition()).title == "Working visit"
        assert {one.delegate for one in (await accord.claims()).items} >= {"aa.contact", "bb.contact"}
        assert (await host.keys(accord.id)).command_keys

        # An observer sees cleared status; the type says so.
        observer = acts.AppointDelegate(delegate="aa.eyes", office="Press", roles=("observer",))
        done = await accord.do(observer, key="k1")
        with pytest.raises(KeyReused):
            await accord.do(acts.IssueInvitation(), key="k1")
        link = await accord.make_join_link("aa.eyes", valid_for="P1D")
        async with Entente(reached.url) as stranger:
            with pytest.raises(NotAuthenticated):
                await stranger.me()
            assert (await stranger.join(link.token, dry_run=True)).dry_run
            joined = await stranger.join(link.token, label="eyes")
        assert [one.status for one in await accord.join_links()] == ["used"]
        with pytest.raises(NotFound):
            await accord.withdraw_join_link("a" * 12)
        async with Entente(reached.url, str(joined.key)) as eyes:
            seen = eyes.accord(accord.id)
            assert isinstance(await seen.status(), StatusView)
            with pytest.raises(NotAnApi, match="cleared status"):
                await seen.state()
            with pytest.raises(Forbidden):
                await anext(seen.events())

        # Pages of two, one after the other, to the end.
        positions = [one.position async for one in accord.events()]
        assert positions == list(range(done.size))
        assert [one.position async for one in accord.events(start=3)] == positions[3:]
        assert accord.id in [one.accord async for one in host.accords(party="AA", ended=False)]
        owed = [one async for one in host.desk(accord=accord.id)]
        assert len(owed) > 2
        assert (await host.desk_totals()).counts["owe"] >= 1
        invite = await accord.why("issue-invitation", fields={"note": "Welcome"}, by="bb.contact")
        assert (invite.delegate, invite.open) == ("bb.contact", False)

        asked = await accord.why(acts.VerifyCondition(condition="C1", evidence=(digest("x"),)))
        assert (asked.kind, asked.open) == ("act", False)
        with pytest.raises(Invalid) as malformed:
            await accord.act("issue-invitation", {"to": "nobody"})
        assert [one.field for one in malformed.value.errors] == ["to"]
        refused = await accord.dry_run(
            acts.SignDocument(document="D1", form="definitive", digest=digest("d"))
        )
        assert refused.would_be == "refused"

        async with await reached.client("watch") as monitor:
            changed = acts.ConditionChanged(
                condition="C1", report="r1", source="w", observed_at=datetime(2026, 1, 1, tzinfo=UTC)
            )
            taken = await monitor.accord(accord.id).signal(changed)
            assert taken.act == "condition_changed"
        async with await reached.client("operator") as operator:
            with pytest.raises(Conflict) as real:
                await operator.accord(accord.id).move_clock(datetime(2031, 1, 1, tzinfo=UTC))
            assert real.value.code == "clock_is_real"
            assert (
                await operator.accord(accord.id).do(acts.PauseAccord(reason="a test"))
            ).act == "pause_accord"
            with pytest.raises(Refused) as paused:
                await accord.do(acts.IssueInvitation())
            assert str(paused.value).count(paused.value.remedy) == 1
            await operator.accord(accord.id).do(acts.ResumeAccord())

        older, newer = tmp_path / "older.txt", tmp_path / "newer.txt"
        older.write_text("The Parties shall agree.\n")
        newer.write_text("The Parties may agree.\n")
        texts = [await host.files.put(accord.id, one) for one in (older, newer)]
        red = await accord.redline(texts[0].digest, texts[1].digest)
        assert {one.op for one in red.changes} == {"equal", "delete", "insert"}
        assert len([one async for one in accord.files()]) == 2

        proof = await accord.record.proof(0)
        assert proof.startswith(b"c2sp.org/tlog-proof@v1")
        assert b"log " in await accord.record.policy()
        assert await accord.record.tile("entries/000.p/1")
        papers = await accord.record.papers()
        assert "checklist" in {one.kind for one in papers.papers}
        calendar = await accord.record.paper("calendar")
        assert calendar.content.startswith(b"BEGIN:VCALENDAR")
        sheet = await accord.record.sheet(format="csv", part="conditions")
        assert sheet.name is not None
        assert sheet.name.endswith(".conditions.csv")
        assert b"C1" in sheet.content
        with pytest.raises(NotFound):
            await host.accord("nowhere").record.bundle(tmp_path / "none.bundle")
        assert [one.name for one in tmp_path.iterdir() if "bundle" in one.name] == []

        with pytest.raises(Invalid):
            await host.webhooks.add("ftp://monitor.example/")
        hook = await host.webhooks.add("https://monitor.example/x", accord=accord.id, types=("act_refused",))
        assert [one.id for one in await host.webhooks.list()] == [hook.id]
        assert not (await host.webhooks.switch(hook.id, on=False)).active
        assert (await host.webhooks.rotate_secret(hook.id, overlap_hours=1)).secret != hook.secret
        assert (await host.webhooks.replay(hook.id, 0)).position == 0
        assert [one async for one in host.webhooks.deliveries(hook.id)] == []
        assert not (await host.webhooks.get(hook.id)).active
        await host.webhooks.delete(hook.id)
        assert await host.webhooks.list() == ()
        assert [one.label for one in await host.api_keys.list()] == ["eyes", "a test's key"]


class Cutting(httpx.AsyncHTTPTransport):
    """A network that cuts every stream of events after some of them."""

    def __init__(self) -> None:
        super().__init__()
        self.resumed: list[str | None] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await super().handle_async_request(request)
        if not request.url.path.endswith("/feed"):
            return answer
        self.resumed.append(request.headers.get("last-event-id"))
        return httpx.Response(answer.status_code, headers=answer.headers, stream=_Cut(answer))


class _Cut(httpx.AsyncByteStream):
    def __init__(self, answer: httpx.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        sent = b""
        async for chunk in self._answer.stream:  # type: ignore[union-attr]
            for at in range(0, len(chunk), 500):
                if sent.count(b"\n\n") >= 3:
                    raise httpx.ReadError("cut by the test")
                sent += chunk[at : at + 500]
                yield chunk[at : at + 500]

    async def aclose(self) -> None:
        await self._answer.aclose()


async def test_a_feed_goes_on_without_gap_or_duplicate(
    reached: Reached, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_PAUSE", 0.01)
    cutting = Cutting()
    token = await reached.api.token("aa.contact")
    async with (
        await reached.client("bb.contact") as guest,
        Entente(reached.url, token, transport=cutting) as host,
    ):
        accord = await founded(host, guest)
        whole = [one.position async for one in accord.events()]
        positions: list[int] = []
        async with asyncio.timeout(30), accord.feed(since=0) as feed:
            async for told in feed:
                assert told.accord == accord.id
                positions.append(told.entry.position)
                if len(positions) == len(whole):
                    await guest.accord(accord.id).do(
                        acts.AppointDelegate(delegate="bb.two", office="Two", roles=("protocol",))
                    )
                if len(positions) > len(whole):
                    break
        assert positions == [*whole, len(whole)]
        assert len(cutting.resumed) > 1
        assert cutting.resumed[0] == "0"
        assert all(one and int(one) > 0 for one in cutting.resumed[1:])
