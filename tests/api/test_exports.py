"""Bundles over HTTP: no copy is left, whatever the request asks for or becomes of it, and few are made at once."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from activities.checkpoints.logkeys import LogKeys
from activities.runtime.settings import Settings
from api.exports import Exports, SentOnce
from api.queue import Busy
from tests.api.conftest import problem, serving
from tests.api.filling import Filler
from tests.simulation.small import bare


def copies() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("entente-bundle-*"))


@pytest.mark.parametrize(
    "asked", [None, "bytes=0-9", "bytes=9999999-", "bytes=0-1,5-6", "nonsense", "bytes=9-1"]
)
async def test_no_copy_is_left_whatever_range_is_asked_for(
    database_url: str,
    nowhere: str,
    make_settings: Callable[..., Settings],
    filler: Filler,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    asked: str | None,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    key = tmp_path / "log.key"
    LogKeys.create(key, "entente.localhost")
    await filler.found("a", bare())
    async with serving(make_settings(database_url, nowhere, log_key_file=key)) as api:
        answer = await api.get("/accords/a/bundle", headers={} if asked is None else {"Range": asked})
        assert answer.status_code == 200
        assert answer.headers["accept-ranges"] == "none"
        assert int(answer.headers["content-length"]) == len(answer.content)
        assert answer.content.startswith(b"PK")
        head = await api.call("HEAD", "/v1/accords/a/bundle", "aa.contact")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-disposition"] == answer.headers["content-disposition"]
        assert copies() == set()
        assert api.app.state.backend.exports.copies("aa.contact") == 0


class Writing:
    """Exports that end when they are let; each is as large as it says."""

    def __init__(self) -> None:
        self.under_way = 0
        self.most = 0
        self.go = asyncio.Event()

    async def __call__(self, file: Path) -> None:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.go.wait()
            file.write_bytes(b"bundle" * 100_000)
        finally:
            self.under_way -= 1


async def send(answer: SentOnce) -> int:
    sent = 0

    async def take(message: object) -> None:
        nonlocal sent
        sent += len(message.get("body", b"")) if isinstance(message, dict) else 0

    await answer({"type": "http"}, None, take)  # type: ignore[arg-type]
    return sent


async def test_a_caller_has_few_bundles_under_way_and_all_have_a_bound() -> None:
    exports, writing = Exports(at_once=1, waiting=2, copies_each=1, copies=3), Writing()
    going = [asyncio.create_task(exports.write(who, writing, {})) for who in ("a", "b", "c")]
    await asyncio.sleep(0.05)
    with pytest.raises(Busy, match="1 bundles for a are under way"):
        await exports.write("a", writing, {})
    with pytest.raises(Busy, match="3 bundles are under way"):
        await exports.write("d", writing, {})
    writing.go.set()
    answers = await asyncio.gather(*going)
    assert writing.most == 1
    # What is written and not yet sent takes room on the disk, and counts.
    with pytest.raises(Busy):
        await exports.write("a", writing, {})
    assert [await send(one) for one in answers] == [600_000] * 3
    assert await send(await exports.write("a", writing, {})) == 600_000


async def test_who_goes_away_while_waiting_leaves_no_copy_and_gives_the_place_on() -> None:
    exports, writing = Exports(at_once=1), Writing()
    before = copies()
    going = [asyncio.create_task(exports.write(who, writing, {})) for who in ("a", "b")]
    await asyncio.sleep(0.05)
    assert len(copies() - before) == 1
    for task in going:
        task.cancel()
    await asyncio.gather(*going, return_exceptions=True)
    assert copies() == before
    assert (exports.copies("a"), exports.copies("b"), writing.under_way) == (0, 0, 0)
    writing.go.set()
    assert await send(await exports.write("c", writing, {})) == 600_000


async def test_a_connection_that_breaks_while_a_bundle_is_sent_frees_it() -> None:
    exports, writing = Exports(), Writing()
    writing.go.set()
    answer = await exports.write("a", writing, {})

    async def broken(message: object) -> None:
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await answer({"type": "http"}, None, broken)  # type: ignore[arg-type]
    assert exports.copies("a") == 0


async def test_too_many_bundles_are_503_with_retry_after(
    database_url: str, nowhere: str, make_settings: Callable[..., Settings], filler: Filler, tmp_path: Path
) -> None:
    key = tmp_path / "log.key"
    LogKeys.create(key, "entente.localhost")
    await filler.found("a", bare())
    async with serving(make_settings(database_url, nowhere, log_key_file=key)) as api:
        exports, writing = api.app.state.backend.exports, Writing()
        held = [asyncio.create_task(exports.write("aa.contact", writing, {})) for _ in range(2)]
        await asyncio.sleep(0.05)
        answer = await api.get("/accords/a/bundle")
        assert "bundles for aa.contact are under way" in problem(answer, 503, "busy")["detail"]
        assert int(answer.headers["retry-after"]) > 0
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)
        assert (await api.get("/accords/a/bundle")).status_code == 200
