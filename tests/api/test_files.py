"""Contents over HTTP: sent, resumed, read, and for whom they are."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from activities.runtime.settings import Settings
from tests.api.conftest import Api, on_a_socket, problem
from tests.api.depositing import REPORT, files_api, kept, put, submitted, three
from tests.api.filling import Filler
from workflows.model.canonical import digest_bytes

__all__ = ["files_api"]


async def test_a_content_is_taken_once_and_given_back_as_it_was(files_api: Api, filler: Filler) -> None:
    await three(filler)
    digest = await submitted(filler)
    answer = await put(files_api, REPORT, "aa.contact")
    assert answer.status_code == 201, answer.text
    assert answer.json() == {
        "accord": "a", "digest": digest, "size": len(REPORT), "received": len(REPORT), "complete": True,
    }  # fmt: skip
    assert answer.headers["location"] == f"/v1/files/{digest}?accord=a"
    again = await put(files_api, REPORT, "aa.contact")
    assert (again.status_code, again.json()) == (200, answer.json())
    assert len(kept(files_api)) == 1

    got = await files_api.get(f"/files/{digest}", "bb.contact")
    assert (got.status_code, got.content) == (200, REPORT)
    assert got.headers["etag"] == f'"{digest}"'
    assert got.headers["content-type"] == "application/pdf"
    assert got.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in got.headers["content-security-policy"]
    assert got.headers["repr-digest"].startswith("sha-256=:")
    head = await files_api.call("HEAD", f"/v1/files/{digest}?accord=a", "bb.contact")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(REPORT))
    same = await files_api.get(f"/files/{digest}", "bb.contact", headers={"If-None-Match": f'"{digest}"'})
    assert same.status_code == 304
    listed = (await files_api.get("/accords/a/files", "bb.contact")).json()["items"]
    assert [(one["digest"], one["media_type"], len(one["named_by"])) for one in listed] == [
        (digest, "application/pdf", 1)
    ]


async def test_parts_of_a_content_are_given(files_api: Api, filler: Filler) -> None:
    await three(filler)
    digest = await submitted(filler)
    await put(files_api, REPORT, "aa.contact")

    async def part(wanted: str, **headers: str) -> httpx.Response:
        return await files_api.get(f"/files/{digest}", headers={"Range": wanted, **headers})

    answer = await part("bytes=5-9")
    assert (answer.status_code, answer.content) == (206, REPORT[5:10])
    assert answer.headers["content-range"] == f"bytes 5-9/{len(REPORT)}"
    assert (await part("bytes=5-")).content == REPORT[5:]
    assert (await part("bytes=-4")).content == REPORT[-4:]
    assert (await part("bytes=30-9999")).content == REPORT[30:]
    # What is no range, or of something else by now, gives the whole.
    for wanted in ("bytes=9-5", "bytes=-", "lines=1-2", "bytes=1-2,4-5"):
        assert (await part(wanted)).status_code == 200
    assert (await part("bytes=5-9", **{"If-Range": '"other"'})).content == REPORT
    assert (await part("bytes=5-9", **{"If-Range": f'"{digest}"'})).status_code == 206
    beyond = await part("bytes=9999-")
    problem(beyond, 416, "range_not_satisfiable")
    assert beyond.headers["content-range"] == f"bytes */{len(REPORT)}"


async def test_what_is_not_as_it_says_leaves_nothing(files_api: Api, filler: Filler) -> None:
    await three(filler)
    digest = await submitted(filler)
    said = problem(await put(files_api, REPORT + b"!", "aa.contact", digest=digest), 422, "digest_differs")
    assert digest_bytes(REPORT + b"!") in said["detail"]
    problem(await put(files_api, b"not a PDF", "aa.contact"), 415, "unsupported_media_type")
    problem(await put(files_api, REPORT, "aa.contact", kind="text/html"), 415, "unsupported_media_type")
    large = bytes(4_000_001)
    problem(await put(files_api, large, "aa.contact", kind="text/plain"), 413, "too_large")

    async def unknown_length() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield bytes(1_000_000)

    many = await put(files_api, large, "aa.contact", kind="text/plain", body=unknown_length())
    problem(many, 413, "too_large")

    for path in (f"/v1/files/{digest[:-1]}", f"/v1/files/{digest.upper()}", "/v1/files/sha256:"):
        problem(await files_api.call("PUT", path, "aa.contact", params={"accord": "a"}), 422, "malformed")
    problem(await files_api.call("PUT", f"/v1/files/{digest}", "aa.contact"), 422, "malformed")
    assert kept(files_api) == []
    problem(await files_api.get(f"/files/{digest}"), 404, "not_found")
    assert (await put(files_api, b"", "aa.contact", kind="text/plain")).status_code == 201
    empty = digest_bytes(b"")
    assert (await files_api.get(f"/files/{empty}?accord=a")).content == b""


async def test_a_dry_run_says_whether_a_content_would_be_taken(files_api: Api, filler: Filler) -> None:
    await three(filler)
    digest = digest_bytes(REPORT)

    async def tried(size: int, kind: str = "application/pdf") -> httpx.Response:
        return await files_api.call(
            "PUT",
            f"/v1/files/{digest}?accord=a&dry_run=true",
            "aa.contact",
            headers={"Content-Type": kind, "Content-Range": f"bytes */{size}"},
        )

    would = await tried(len(REPORT))
    assert (would.status_code, would.json()["received"], would.json()["complete"]) == (202, 0, False)
    problem(await tried(4_000_001), 413, "too_large")
    problem(await tried(100, "text/html"), 415, "unsupported_media_type")
    assert (await files_api.get("/accords/a/files", "aa.contact")).json()["items"] == []
    assert (await put(files_api, REPORT, "aa.contact")).status_code == 201
    there = await tried(len(REPORT))
    assert (there.status_code, there.json()["complete"]) == (200, True)


async def test_an_upload_in_parts_goes_on_where_it_was_cut_off(files_api: Api, filler: Filler) -> None:
    await three(filler)
    content = hashlib.shake_256(b"long").digest(2_500_000)
    digest = digest_bytes(content)

    async def part(begins: int, ends: int, by: str = "aa.contact", **options: Any) -> httpx.Response:
        spoken = options.pop("range", f"bytes {begins}-{ends - 1}/{len(content)}")
        return await put(
            files_api, content, by, kind="application/octet-stream",
            body=options.pop("body", content[begins:ends]), headers={"Content-Range": spoken},
        )  # fmt: skip

    first = await part(0, 1_000_000)
    assert (first.status_code, first.json()["received"], first.json()["complete"]) == (202, 1_000_000, False)
    for by, offset in (("aa.contact", "1000000"), ("aa.protocol", "1000000"), ("bb.contact", None)):
        head = await files_api.call("HEAD", f"/v1/files/{digest}?accord=a", by)
        assert (head.status_code, head.headers.get("upload-offset")) == (404, offset)
    elsewhere = await part(0, 1_000_000)
    problem(elsewhere, 409, "other_offset")
    assert elsewhere.headers["upload-offset"] == "1000000"
    problem(await part(1_500_000, 2_000_000), 409, "other_offset")
    # A part of which too little, or too much, arrives is not there at all.
    problem(await part(1_000_000, 2_000_000, body=content[1_000_000:1_500_000]), 422, "malformed")
    problem(await part(1_000_000, 2_000_000, body=content[1_000_000:2_000_001]), 422, "malformed")
    problem(await part(0, 0, range=f"bytes */{len(content)}"), 409, "other_offset")
    for spoken in ("bytes 1-0/9", "bytes 0-9/9", "bytes 0-8", "lines 0-8/9", "bytes 0-8/*", "bytes */0"):
        problem(await part(0, 0, range=spoken), 422, "malformed")
    # Two at once: one of them is the next part.
    both = await asyncio.gather(part(1_000_000, 2_000_000), part(1_000_000, 2_000_000))
    assert sorted(one.status_code for one in both) == [202, 409]
    assert len(kept(files_api)) == 2
    # Another side's upload is its own.
    assert (await part(0, 500_000, "bb.contact")).json()["received"] == 500_000
    last = await part(2_000_000, len(content), "aa.protocol")
    assert (last.status_code, last.json()["complete"]) == (201, True)
    assert (await files_api.get(f"/files/{digest}?accord=a")).content == content
    assert [name for name in kept(files_api) if name.startswith("a/parts")] == [
        name for name in kept(files_api) if "parts" in name
    ]
    assert len(kept(files_api)) == 2


async def test_parts_that_do_not_have_the_digest_are_gone(files_api: Api, filler: Filler) -> None:
    await three(filler)
    content = bytes(3000)
    other = digest_bytes(b"other")

    async def part(begins: int, ends: int) -> httpx.Response:
        return await put(
            files_api, content, "aa.contact", digest=other, kind="text/plain", body=content[begins:ends],
            headers={"Content-Range": f"bytes {begins}-{ends - 1}/3000"},
        )  # fmt: skip

    assert (await part(0, 2000)).status_code == 202
    problem(await part(2000, 3000), 422, "digest_differs")
    assert kept(files_api) == []
    assert (await part(0, 2000)).status_code == 202


async def test_who_may_read_follows_from_the_entries_that_name_it(files_api: Api, filler: Filler) -> None:
    await three(filler)
    digest = digest_bytes(REPORT)
    assert (await put(files_api, REPORT, "aa.contact")).status_code == 201

    async def readers() -> set[str]:
        names = ("aa.contact", "aa.protocol", "aa.guest", "bb.contact", "bb.protocol", "bb.guest", "watch",
                 "auditor", "dd.stranger")  # fmt: skip
        return {name for name in names if (await files_api.get(f"/files/{digest}", name)).status_code == 200}

    assert await readers() == {"aa.contact", "aa.protocol"}
    # The condition's beneficiary is BB, and one of its delegates verifies it.
    await submitted(filler)
    concerned = {"aa.contact", "aa.protocol", "bb.contact", "bb.protocol", "auditor"}
    assert await readers() == concerned
    problem(await files_api.get(f"/files/{digest}?accord=a", "bb.guest"), 403, "forbidden")
    # Naming what one cannot show opens nothing, to oneself or to others.
    await filler.do("a", "record_statement", "watch", digest=digest)
    await filler.do("a", "record_statement", "bb.contact", digest=digest)
    assert await readers() == concerned
    await filler.do("a", "record_statement", "aa.contact", digest=digest)
    assert await readers() == concerned | {"watch"}


async def test_a_digest_named_in_another_accord_opens_nothing(files_api: Api, filler: Filler) -> None:
    await three(filler)
    digest = await submitted(filler)
    await put(files_api, REPORT, "aa.contact")
    parties = {
        "CC": {"name": "C", "capacity": "host", "contact": "cc.contact"},
        "DD": {"name": "D", "capacity": "guest", "contact": "dd.contact"},
    }
    definition = {"title": "Other", "illustrative": True, "parties": parties}
    await filler.do("b", "open_accord", "cc.contact", definition=definition)
    for contact in ("cc.contact", "dd.contact"):
        await filler.do("b", "adopt_definition", contact, digest=filler.states["b"].definition_digest)
    await filler.do("b", "record_statement", "cc.contact", digest=digest)
    problem(await files_api.get(f"/files/{digest}", "cc.contact"), 404, "not_found")
    problem(await files_api.get(f"/files/{digest}?accord=b", "cc.contact"), 404, "not_found")
    problem(await files_api.get(f"/files/{digest}?accord=a", "cc.contact"), 404, "not_found")
    problem(await put(files_api, REPORT, "cc.contact", accord="a"), 404, "not_found")
    # Who has it may deposit it there as well; that is another content, for other readers.
    assert (await put(files_api, REPORT, "cc.contact", accord="b")).status_code == 201
    assert (await files_api.get(f"/files/{digest}", "dd.contact")).status_code == 200
    assert len(kept(files_api)) == 2


async def test_refused_acts_open_nothing(files_api: Api, filler: Filler) -> None:
    await three(filler)
    await put(files_api, REPORT, "bb.contact")
    digest = await submitted(filler, by="bb.contact")  # which BB does not owe
    problem(await files_api.get(f"/files/{digest}", "aa.contact"), 404, "not_found")


async def test_an_erased_content_is_gone_and_taken_no_more(files_api: Api, filler: Filler) -> None:
    await three(filler)
    digest = await submitted(filler)
    await put(files_api, REPORT, "aa.contact")
    await filler.do(
        "a", "erase_contents", "installation", digests=[digest], ground="Article 17", ordered_by="Data office"
    )
    for answer in (
        await files_api.get(f"/files/{digest}"),
        await files_api.get(f"/files/{digest}?accord=a", "bb.contact"),
        await put(files_api, REPORT, "aa.contact"),
    ):
        problem(answer, 410, "erased")
    backend = files_api.app.state.backend
    assert await backend.erasing.finish(filler.ledger, "a") == [digest]
    assert await backend.erasing.finish(filler.ledger, "a") == []
    assert kept(files_api) == []


async def test_what_was_altered_in_the_store_is_not_given(files_api: Api, filler: Filler) -> None:
    await three(filler)
    digest = await submitted(filler)
    await put(files_api, REPORT, "aa.contact")
    [name] = kept(files_api)
    where = Path(str(files_api.settings.files_url)) / name
    where.write_bytes(REPORT[:-1] + b"?")
    problem(await files_api.get(f"/files/{digest}"), 503, "unavailable")
    where.unlink()
    problem(await files_api.get(f"/files/{digest}"), 503, "unavailable")


async def test_a_side_deposits_so_much_and_no_more(files_api: Api, filler: Filler) -> None:
    await three(filler)
    for number in range(3):
        content = bytes([number]) * 3_000_000
        assert (await put(files_api, content, "aa.contact", kind="text/plain")).status_code == 201
    said = await put(files_api, bytes(2_000_000), "aa.protocol", kind="text/plain")
    problem(said, 413, "too_many_files")
    assert (await put(files_api, bytes(2_000_000), "bb.contact", kind="text/plain")).status_code == 201


async def test_uploads_at_once_are_together_no_more_than_a_side_may_deposit(
    files_api: Api, filler: Filler
) -> None:
    """Each found room before any other was counted, so that a side had as much as it sent at the same time."""
    await three(filler)
    uploads = files_api.app.state.backend.uploads
    uploads._each = uploads._most = 40
    everybody = asyncio.Barrier(20)

    async def slowly(content: bytes) -> AsyncIterator[bytes]:
        await everybody.wait()
        yield content

    async def whole(number: int) -> httpx.Response:
        content = bytes([number]) * 1_500_000
        by = ("aa.contact", "aa.protocol")[number % 2]
        return await put(files_api, content, by, kind="text/plain", body=slowly(content))

    answers = await asyncio.gather(*map(whole, range(20)))
    assert sorted(one.status_code for one in answers) == [201] * 6 + [413] * 14
    problem(next(one for one in answers if one.status_code == 413), 413, "too_many_files")
    assert len(kept(files_api)) == 6, "nothing of those that found no room"

    async def begun(number: int) -> httpx.Response:
        return await put(
            files_api, b"first", "bb.contact", digest=digest_bytes(b"%d" % number), kind="text/plain",
            headers={"Content-Range": "bytes 0-4/1500000"},
        )  # fmt: skip

    answers = await asyncio.gather(*map(begun, range(20)))
    assert sorted(one.status_code for one in answers) == [202] * 6 + [413] * 14
    # Its own first part, sent again, is in nobody's way.
    again = next(number for number, one in enumerate(answers) if one.status_code == 202)
    problem(await begun(again), 409, "other_offset")
    problem(await put(files_api, bytes(1_000_001), "bb.contact", kind="text/plain"), 413, "too_many_files")
    interrupted = await put(
        files_api, b"%d" % again, "bb.contact", kind="text/plain", digest=digest_bytes(b"%d" % again)
    )
    assert interrupted.status_code == 201, "what was begun is ended by sending it whole"
    assert (await put(files_api, bytes(1_000_000), "bb.contact", kind="text/plain")).status_code == 201


async def test_what_nothing_names_is_swept(files_api: Api, filler: Filler, database_url: str) -> None:
    await three(filler)
    named = await submitted(filler)
    await put(files_api, REPORT, "aa.contact")
    await put(files_api, b"never named", "aa.contact", kind="text/plain")
    await put(
        files_api, b"part", "aa.contact", digest=digest_bytes(b"whole"), kind="text/plain",
        headers={"Content-Range": "bytes 0-3/9"},
    )  # fmt: skip
    where = Path(str(files_api.settings.files_url))
    (where / "a" / "left-over").write_bytes(b"of a process that was killed")
    (where / "a" / "half#1").write_bytes(b"of a process that was killed")
    erasing = files_api.app.state.backend.erasing
    assert await erasing.sweep(timedelta(days=7)) == 0
    assert len(kept(files_api)) == 5
    connection = await asyncpg.connect(database_url)
    await connection.execute("update files set stored = stored - interval '8 days'")
    await connection.execute("update file_uploads set touched = touched - interval '8 days'")
    await connection.close()
    for found in (where / "a").rglob("*"):
        os.utime(found, (1_000_000_000, 1_000_000_000))
    assert await erasing.sweep(timedelta(days=7)) == 2
    assert [name.split("/")[1] for name in kept(files_api)] == [named.removeprefix("sha256:")]
    assert (await files_api.get(f"/files/{named}", "bb.contact")).content == REPORT


async def test_over_a_socket_a_slow_upload_lasts_and_a_cut_off_one_leaves_nothing(
    database_url: str, nowhere: str, make_settings: Callable[..., Settings], tmp_path: Path, filler: Filler
) -> None:
    await three(filler)
    settings = make_settings(
        database_url, nowhere, api_port=0, api_body_seconds=1.5, files_url=str(tmp_path / "files")
    )
    async with on_a_socket(settings) as (app, port):
        api = Api(app, settings)
        token = await api.token("aa.contact")
        content = bytes(40_000)

        async def send(pieces: int, pause: float, length: int) -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(
                f"PUT /v1/files/{digest_bytes(content)}?accord=a HTTP/1.1\r\nHost: api.test\r\n"
                f"Authorization: Bearer {token}\r\nContent-Type: text/plain\r\n"
                f"Content-Length: {length}\r\n\r\n".encode()
            )
            for _ in range(pieces):
                writer.write(bytes(10_000))
                await writer.drain()
                await asyncio.sleep(pause)
            if pieces * 10_000 < length and pause < 1:
                writer.close()
                return b""
            answer = await asyncio.wait_for(reader.read(4000), 30)
            writer.close()
            return answer

        await send(2, 0.1, len(content))  # goes away in the middle
        assert b" 408 " in await send(1, 1.0, len(content))  # nothing more comes
        assert kept(api) == []
        # Takes longer than a body may, and keeps coming.
        assert b" 201 " in await send(4, 0.45, len(content))
        await asyncio.sleep(0.2)
        assert len(kept(api)) == 1
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            head = await client.head(
                f"/v1/files/{digest_bytes(content)}", headers={"Authorization": f"Bearer {token}"}
            )
            assert (head.status_code, head.headers["content-length"]) == (200, "40000")
        await api.http.aclose()
