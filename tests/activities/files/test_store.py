"""Object stores: a directory of this machine, and one that speaks S3."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from activities.errors import SettingsProblem
from activities.files.errors import StoreUnavailable
from activities.files.store import Store, long_ago, open_store
from activities.runtime.settings import read_settings
from tests.activities.files.exercise import exercise, listed, pieces, whole
from worker.stack.ports import any_free

HERE = Path(__file__).parent


async def test_a_directory(tmp_path: Path) -> None:
    store = open_store(read_settings(state_dir=tmp_path))
    await exercise(store)
    assert (tmp_path / "files").stat().st_mode & 0o077 == 0
    assert [one for one in (tmp_path / "files").rglob("*") if one.is_file()] == []
    await store.put("a/kept", pieces(b"kept"))
    half = tmp_path / "files" / "a" / "cut-off#3"
    half.write_bytes(b"of a process that was killed")
    await store.tidy(long_ago(timedelta(minutes=1)))
    assert half.exists()
    await store.tidy(long_ago(timedelta(minutes=-1)))
    assert not half.exists()
    assert await whole(Store.local(tmp_path / "files"), "a/kept") == b"kept"


async def test_what_is_no_store_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsProblem, match="ENTENTE_FILES_URL names no object store"):
        open_store(read_settings(files_url="nowhere://bucket"))
    with pytest.raises(SettingsProblem, match="no media type"):
        read_settings(file_types="application/pdf, everything")
    assert read_settings(file_types="text/plain, application/pdf").file_types == (
        "text/plain",
        "application/pdf",
    )
    (tmp_path / "file").write_text("no directory")
    store = open_store(read_settings(files_url=str(tmp_path / "file")))
    with pytest.raises(StoreUnavailable, match="cannot take an object"):
        await store.put("a/b", pieces(b"content"))


@contextmanager
def s3_server(directory: Path) -> Iterator[str]:
    """The address of an S3 server, installed by itself from its own lock file."""
    python = directory / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", directory / "venv"], check=True)
    lock = HERE / "s3" / "server.lock"
    subprocess.run([python, "-m", "pip", "install", "-q", "--require-hashes", "-r", lock], check=True)
    port = any_free()
    log = (directory / "log").open("wb")
    server = subprocess.Popen(
        [python.with_name("moto_server"), "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(urllib.request.Request(f"{address}/bucket", method="PUT"), timeout=5)  # noqa: S310
                break
            except OSError:
                time.sleep(0.2)
        yield address
    finally:
        server.terminate()
        server.wait(20)
        log.close()


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_a_server_that_speaks_s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = s3_server(tmp_path)
    address = await asyncio.to_thread(server.__enter__)
    try:
        variables = {
            "AWS_ENDPOINT_URL": address,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "eu-north-1",
        }
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        store = open_store(read_settings(files_url="s3://bucket/entente"))
        await exercise(store)
        # What was cut off is aborted there too; what a process leaves that ends meanwhile, a rule of the bucket ends.
        under_way = await asyncio.to_thread(_get, f"{address}/bucket?uploads")
        assert b"<Key>entente/a/broken</Key>" not in under_way
        await store.put("a/b", pieces(b"content"))
        assert await listed(store) == ["a/b"]
        assert b"<Key>entente/a/b</Key>" in await asyncio.to_thread(_get, f"{address}/bucket?list-type=2")
        other = open_store(read_settings(files_url="s3://nowhere/entente"))
        with pytest.raises((StoreUnavailable, FileNotFoundError)):
            await other.put("a/b", pieces(b"content"))
    finally:
        await asyncio.to_thread(server.__exit__, None, None, None)


def _get(address: str) -> bytes:
    found: bytes = urllib.request.urlopen(address, timeout=10).read()  # noqa: S310
    return found
