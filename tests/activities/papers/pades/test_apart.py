"""Signing by a process of its own: what it signs, what it says where it cannot, and that it ends with who asked."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from activities.papers.children import child
from activities.papers.making import job
from activities.papers.pades import apart, signing
from activities.papers.pades.apart import holder_apart, sign_apart
from activities.papers.pades.keys import KeyFile, Signing, SigningProblem
from activities.papers.pades.reading import signatures_in
from activities.papers.press import press
from tests.activities.papers.pades.material import PASSPHRASE, certified
from tests.activities.papers.sources import scenario, unnamed


@pytest.fixture
async def paper() -> bytes:
    return press(job(await scenario("jv-closing"), "certificate", "en")[0])


async def test_it_signs_as_this_process_does(paper: bytes, tmp_path: Path) -> None:
    own = certified()
    key = KeyFile(own.file(tmp_path), PASSPHRASE)
    with unnamed(paper) as file, await sign_apart(file, Signing(key), "Certificate of the record") as signed:
        signed.seek(0)
        made = signed.read()
    assert made.startswith(paper)
    [signature] = await asyncio.to_thread(signatures_in, made)
    assert signature.intact
    assert await holder_apart(key) == (
        "CN=Registry of AA (illustrative)",
        own.certificate.not_valid_after_utc,
    )
    # It says the same, too, of what keeps it from signing.
    with (
        unnamed(paper) as file,
        pytest.raises(SigningProblem, match="The passphrase does not open") as refused,
    ):
        await sign_apart(file, Signing(KeyFile(own.file(tmp_path), "wrong")), "")
    assert "its own passphrase" in refused.value.remedy


async def test_it_ends_with_who_asked_for_it_and_in_time(
    paper: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        while await reader.read(1000):
            pass
        gone.set()
        writer.close()

    key = KeyFile(certified().file(tmp_path), PASSPHRASE)
    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with unnamed(paper) as file:
            stamped = Signing(key, f"http://127.0.0.1:{port}/")
            task = asyncio.create_task(sign_apart(file, stamped, ""))
            await asyncio.wait_for(asked.wait(), 30)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(gone.wait(), 30)
            monkeypatch.setattr(apart, "LONGEST", 0.1)
            with pytest.raises(SigningProblem, match=r"longer than 0.1 s"):
                await sign_apart(file, stamped, "")


async def test_it_gets_nothing_of_the_environment_that_holds_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENTENTE_KEY", "secret")
    monkeypatch.setenv("DATABASE_URL", "secret")
    monkeypatch.setenv("SOFTHSM2_CONF", "where")
    process = await child("tests.activities.papers.pades.environment", whole=True)
    told: dict[str, Any] = json.loads((await process.communicate())[0])
    assert "secret" not in told.values()
    assert told["SOFTHSM2_CONF"] == "where"


def test_a_large_paper_is_not_written_out_in_signing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a main thread ``asyncio.run`` writes a task's result out, which took seven eighths of the time."""
    results: list[object] = []
    run = asyncio.run

    def ran(work: Any) -> Any:
        results.append(run(work))
        return results[-1]

    paper = press(job(run(scenario("jv-closing")), "certificate", "en")[0])
    monkeypatch.setattr(signing.asyncio, "run", ran)
    signing.sign(paper, Signing(KeyFile(certified().file(tmp_path), PASSPHRASE)), "")
    assert results
    assert len(repr(results)) < 1000
