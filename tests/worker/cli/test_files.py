"""What people type to deposit and read contents, and what happens where the connection breaks on the way."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from activities.ledger.postgres import PostgresLedger
from activities.runtime.settings import Settings
from api.client import ContentDiffers, Entente, Invalid, files
from tests.api.conftest import Api, on_a_socket
from tests.api.filling import Filler
from tests.simulation.small import small
from tests.worker.cli.conftest import Done, entente
from worker.cli.client.where import Where
from workflows.model.canonical import digest_bytes

CONTENT = hashlib.shake_256(b"content").digest(95_000)


class Breaking(httpx.AsyncHTTPTransport):
    """Of every three parts that are sent, the second breaks."""

    def __init__(self) -> None:
        super().__init__()
        self.broken = 0
        self._count = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._count += request.method == "PUT"
        if request.method == "PUT" and self._count % 3 == 2:
            self.broken += 1
            raise httpx.ReadError("broken by the test")
        return await super().handle_async_request(request)


@pytest_asyncio.fixture(loop_scope="session")
async def reached(
    database_url: str, nowhere: str, make_settings: Callable[..., Settings], tmp_path: Path
) -> AsyncIterator[tuple[Where, Filler]]:
    settings = make_settings(database_url, nowhere, api_port=0)
    async with PostgresLedger.connect(database_url) as ledger, on_a_socket(settings) as (app, port):
        filler = Filler(ledger)
        await filler.found("a", small())
        api = Api(app, settings)
        async with api.http:
            yield Where(f"http://127.0.0.1:{port}", await api.token("aa.contact")), filler


async def test_a_file_goes_there_and_comes_back(reached: tuple[Where, Filler], tmp_path: Path) -> None:
    place, filler = reached
    report, other = tmp_path / "report.txt", tmp_path / "other.md"
    report.write_text("The Parties shall agree.\n")
    other.write_text("The Parties may agree.\n")

    async def run(*words: str, **more: str) -> Done:
        environment: Mapping[str, str] = {"ENTENTE_SERVER": place.server, "ENTENTE_KEY": place.key, **more}
        return await entente("file", *words, **environment)

    sent, again = await asyncio.gather(run("put", "a", str(report)), run("put", "a", str(other), "--json"))
    digest = digest_bytes(report.read_bytes())
    assert (sent.code, sent.out.strip()) == (0, digest), sent.err
    assert "text/plain" in sent.err
    assert again.json["media_type"] == "text/markdown"
    await filler.do("a", "record_statement", "aa.contact", digest=digest)
    listed, got, shown, missing, unread = await asyncio.gather(
        run("ls", "a"),
        run("get", digest, "-o", str(tmp_path / "back.txt")),
        run("redline", "a", digest, again.json["digest"]),
        run("get", digest_bytes(b"nothing"), "-o", str(tmp_path / "none")),
        run("put", "a", str(tmp_path / "nowhere.txt")),
    )
    assert digest in listed.out
    assert "named by nothing yet" in listed.out
    assert (tmp_path / "back.txt").read_bytes() == report.read_bytes(), got.err
    assert "[-shall-]" in shown.out
    assert "{+may+}" in shown.out
    assert (missing.code, "There is no content" in missing.err) == (1, True)
    assert not (tmp_path / "none").exists()
    assert (unread.code, "cannot be read" in unread.err) == (1, True)


async def test_what_breaks_on_the_way_goes_on_where_it_was(
    reached: tuple[Where, Filler], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, _ = reached
    monkeypatch.setattr(files, "PART", 20_000)
    monkeypatch.setattr(files, "_PAUSE", 0.001)
    source, target = tmp_path / "content.bin", tmp_path / "back.bin"
    source.write_bytes(CONTENT)
    breaking = Breaking()
    async with Entente(place.server, place.key, transport=breaking) as api:
        sent = await api.files.put("a", source)
        assert (sent.size, sent.there) == (len(CONTENT), False)
        assert breaking.broken >= 2
        assert (await api.files.put("a", source)).there
        # What an earlier attempt left is gone on with, if it is the beginning.
        part = target.with_name("back.bin.part")
        part.write_bytes(CONTENT[:40_000])
        assert await api.files.get(sent.digest, target, "a") == len(CONTENT)
        assert target.read_bytes() == CONTENT
        target.unlink()
        part.write_bytes(b"something else")
        with pytest.raises(ContentDiffers, match="has the digest"):
            await api.files.get(sent.digest, target, "a")
        assert not target.exists()
        assert not part.exists()
        source.write_bytes(b"no PDF")
        with pytest.raises(Invalid, match="does not begin as application/pdf does"):
            await api.files.put("a", source, "application/pdf")
