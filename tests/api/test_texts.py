"""Two texts beside each other, and contents in a bundle."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx

from activities.bundle.format import Bundle
from activities.checkpoints.logkeys import LogKeys
from activities.runtime.settings import Settings
from tests.api.conftest import Api, problem, serving
from tests.api.depositing import REPORT, files_api, kept, put, submitted, three
from tests.api.filling import Filler
from workflows.model.canonical import digest_bytes

__all__ = ["files_api"]


async def test_two_texts_are_compared(files_api: Api, filler: Filler) -> None:
    await three(filler)
    old, new = b"The Parties shall agree.\n", "The Parties may agree.\n가".encode()
    for text in (old, new):
        await put(files_api, text, "aa.contact", kind="text/markdown")
        await filler.do(
            "a", "propose_text", "aa.contact", document="D1", language="en", digest=digest_bytes(text)
        )
    await put(files_api, b"\xff\xfe", "aa.contact", kind="text/plain")
    await put(files_api, REPORT, "aa.contact")
    await put(files_api, bytes(600_000), "aa.contact", kind="text/plain")

    async def compared(one: bytes, two: bytes, by: str = "bb.contact", **headers: str) -> httpx.Response:
        query = {"older": digest_bytes(one), "newer": digest_bytes(two)}
        return await files_api.get("/accords/a/redline", by, params=query, headers=headers)

    said = (await compared(old, new)).json()
    assert "".join(one["text"] for one in said["changes"] if one["op"] != "insert").encode() == old
    assert "".join(one["text"] for one in said["changes"] if one["op"] != "delete").encode() == new
    assert (said["older"], said["newer"]) == (digest_bytes(old), digest_bytes(new))
    shown = await compared(old, new, Accept="text/html")
    assert shown.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    assert "<ins>" in shown.text
    problem(await compared(old, new, Accept="application/pdf"), 406, "not_acceptable")
    problem(await compared(old, REPORT), 404, "not_found")
    problem(await compared(old, REPORT, "aa.contact"), 422, "not_text")
    problem(await compared(b"\xff\xfe", old, "aa.contact"), 422, "not_text")
    problem(await compared(old, bytes(600_000), "aa.contact"), 413, "too_large")
    problem(await compared(old, new, "bb.guest"), 403, "forbidden")


async def test_a_bundle_has_the_files_that_its_reader_may_read(
    database_url: str, nowhere: str, make_settings: Callable[..., Settings], tmp_path: Path, filler: Filler
) -> None:
    LogKeys.create(tmp_path / "log.key", "entente.localhost")
    await three(filler)
    digest = await submitted(filler)
    settings = make_settings(database_url, nowhere, log_key_file=tmp_path / "log.key")
    async with serving(settings) as api:
        await put(api, REPORT, "aa.contact")
        await put(api, b"named by nothing", "aa.contact", kind="text/plain")
        for by, expected in (("bb.contact", [digest]), ("watch", []), ("auditor", [digest])):
            answer = await api.get("/accords/a/bundle?files=true", by)
            assert answer.status_code == 200, answer.text
            (tmp_path / "b").write_bytes(answer.content)
            with Bundle(tmp_path / "b") as bundle:
                assert [one.digest for one in bundle.files or ()] == expected, by
                assert [b"".join(bundle.file(one)) for one in bundle.files or ()] == [REPORT] * len(expected)
        with zipfile.ZipFile(
            io.BytesIO((await api.get("/accords/a/bundle", "bb.contact")).content)
        ) as archive:
            assert "files.jsonl" not in archive.namelist()
        problem(await api.get("/accords/a/bundle?files=true", "bb.guest"), 403, "forbidden")
        [name] = [name for name in kept(api) if digest.removeprefix("sha256:") in name]
        (tmp_path / "files" / name).write_bytes(b"altered")
        problem(await api.get("/accords/a/bundle?files=true", "bb.contact"), 503, "unavailable")
