"""The closing book over HTTP: the contents that its reader may read are in it, and no others."""

from __future__ import annotations

import asyncio
import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest
from pypdf import PdfReader

from activities.runtime.settings import Settings
from api.backend import PAPER_COPIES_EACH
from tests.activities.papers.book.material import pdf
from tests.activities.papers.test_papers import close, text_of
from tests.api.conftest import Api, problem, serving
from tests.api.depositing import files_api, kept, put, submitted, three
from tests.api.filling import Filler
from tests.simulation.small import digest as digest_of

__all__ = ["files_api"]

REPORT = pdf("Report of the inspection")
BOOK = "/accords/a/papers/closing-book"


async def book(api: Api, by: str = "aa.contact", query: str = "") -> bytes:
    answer = await api.get(f"{BOOK}{query}", by)
    assert answer.status_code == 200, answer.text
    return answer.content


def held(content: bytes) -> list[bytes]:
    return [one.content for one in PdfReader(io.BytesIO(content)).attachment_list]


async def text(filler: Filler, content: bytes) -> None:
    await filler.do(
        "a", "propose_text", "aa.contact", document="D1", language="en", digest=digest_of(content.decode())
    )


async def test_the_book_holds_what_its_reader_may_read(files_api: Api, filler: Filler) -> None:
    await three(filler)
    await submitted(filler, REPORT)
    first, second, spoken = b"# First draft", b"# Second draft", b"Speech of AA"
    await text(filler, first)
    await text(filler, second)
    await filler.do("a", "record_statement", "aa.contact", digest=digest_of(spoken.decode()))
    position = filler.states["a"].size - 1
    without = await book(files_api)
    assert held(without) == []
    assert "notdepositedforthisreader" in "".join(map(close, text_of(without)))
    for content, kind in (
        (REPORT, "application/pdf"), (first, "text/markdown"), (second, "text/markdown"), (spoken, "text/plain"),
    ):  # fmt: skip
        assert (await put(files_api, content, "aa.contact", kind=kind)).status_code == 201
    # What nobody names yet, and a draft that another one took the place of.
    await put(files_api, b"nothing names it", "aa.contact", kind="text/plain")
    made = await book(files_api, "bb.contact", f"?as_of={position}")
    assert sorted(held(made)) == sorted([REPORT, first, second, spoken])
    told = "".join(map(close, text_of(made)))
    assert "Seconddraft" in told
    assert "Firstdraft" in told
    assert "Reportoftheinspection" not in told, "it is a picture"
    # Others may come to name contents later: the book of then stays the same.
    await filler.do("a", "record_statement", "bb.contact", digest=digest_of("later"))
    assert await book(files_api, "bb.contact", f"?as_of={position}") == made
    # A content of one side that it has not opened to the other is not for the other.
    await filler.do("a", "record_statement", "bb.contact", digest=digest_of("only a digest"))
    await put(files_api, b"only a digest", "aa.contact", kind="text/plain")
    assert b"only a digest" in held(await book(files_api, "aa.contact"))
    assert b"only a digest" not in held(await book(files_api, "bb.contact"))


async def test_what_is_erased_or_damaged_is_named_and_not_there(files_api: Api, filler: Filler) -> None:
    await three(filler)
    erased = await submitted(filler, REPORT)
    await put(files_api, REPORT, "aa.contact")
    position = filler.states["a"].size - 1
    before = await book(files_api)
    assert held(before) == [REPORT]
    (stored,) = kept(files_api)
    file = Path(str(files_api.settings.files_url)) / stored
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + b"!")
    damaged = await book(files_api)
    assert held(damaged) == []
    assert "notinthestoreasdeposited" in "".join(map(close, text_of(damaged)))
    file.unlink()
    assert held(await book(files_api)) == []
    file.write_bytes(whole)
    await filler.do(
        "a", "erase_contents", "installation", digests=[erased], ground="Article 17", ordered_by="Data office"
    )
    after = await book(files_api, query=f"?as_of={position}")
    assert held(after) == []
    assert "erased" in "".join(close(page) for page in text_of(after)[:2])


async def test_the_book_has_room_for_so_much(
    filler: Filler, database_url: str, nowhere: str, make_settings: Callable[..., Settings]
) -> None:
    settings: Any = make_settings(database_url, nowhere, book_bytes=40)
    await three(filler)
    small, large = b"a text that is short", b"a text that is longer than what is left"
    await text(filler, large)
    await submitted(filler, small)
    async with serving(settings) as api:
        for content in (small, large):
            await put(api, content, "aa.contact", kind="text/plain")
        assert held(await book(api)) == [large]
        await text(filler, large + b", by far")
        await put(api, large + b", by far", "aa.contact", kind="text/plain")
        made = await book(api)
        assert held(made) == [small]
        told = "".join(map(close, text_of(made)))
        assert "leftout:toolarge" in told
        assert "40bytestogether" in told


async def test_a_book_is_sent_from_a_file_that_is_gone_whatever_becomes_of_the_request(
    files_api: Api, filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    await three(filler)
    made: list[IO[bytes]] = []
    unnamed = tempfile.TemporaryFile

    def counted() -> IO[bytes]:
        made.append(unnamed())
        return made[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", counted)
    copies = files_api.app.state.backend.paper_copies
    whole = await files_api.get(BOOK)
    assert int(whole.headers["content-length"]) == len(whole.content) > 0
    token = await files_api.token("aa.contact")
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": f"/v1{BOOK}", "raw_path": f"/v1{BOOK}".encode(), "root_path": "", "query_string": b"",
        "headers": [(b"authorization", f"Bearer {token}".encode()), (b"host", b"localhost")],
        "client": ("127.0.0.1", 1), "server": ("localhost", 80),
    }  # fmt: skip
    started: list[str] = []
    asked = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Any:
        return next(asked, None) or await asyncio.Future()

    async def gone(message: Any) -> None:
        assert copies.of("aa.contact") == 1
        started.append(message["type"])
        if message["type"] == "http.response.body":
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await files_api.app(scope, receive, gone)
    assert started == ["http.response.start", "http.response.body"]
    assert len(made) == 2
    assert all(one.closed for one in made)
    assert copies.of("aa.contact") == 0
    # Those that are read slowly take room on the disk, so that a caller has a bound.
    held = [copies.one_more("aa.contact") for _ in range(PAPER_COPIES_EACH)]
    said = problem(await files_api.get(BOOK), 503, "busy")
    assert "papers for aa.contact are under way" in said["detail"]
    for over in held:
        over()
    assert (await files_api.get("/accords/a/papers/calendar")).status_code == 200
