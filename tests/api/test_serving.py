"""The API on a socket, as its process serves it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import httpx
import pytest

from activities.runtime.loop import run
from activities.runtime.settings import Settings
from api.main import LARGEST_HEAD, BoundedRequests
from tests.api.conftest import on_a_socket


def test_our_processes_run_on_uvloop() -> None:
    async def loop() -> str:
        return type(asyncio.get_running_loop()).__module__

    assert run(loop()).startswith("uvloop")


@pytest.fixture
def settings(database_url: str, nowhere: str, make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(database_url, nowhere, api_port=0)


async def test_requests_are_read_by_httptools(settings: Settings) -> None:
    async with on_a_socket(settings) as (_, port), httpx.AsyncClient() as http:
        for _ in range(2):
            assert (await http.get(f"http://127.0.0.1:{port}/livez")).status_code == 200
        # A head of a size that browsers and proxies send.
        headers = {f"x-{number}": "v" * 1000 for number in range(30)}
        assert (await http.get(f"http://127.0.0.1:{port}/livez", headers=headers)).status_code == 200
    assert BoundedRequests.__mro__[1].__module__ == "uvicorn.protocols.http.httptools_impl"


@pytest.mark.parametrize("endless", [b"x-long: ", b"x-many: v\r\nx-", b""], ids=["value", "headers", "line"])
async def test_a_head_that_does_not_end_is_cut_off(settings: Settings, endless: bytes) -> None:
    async with on_a_socket(settings) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /livez HTTP/1.1\r\nhost: a\r\n" if endless else b"GET /")
        sent, piece = 0, endless * 500 if endless.count(b"\n") else endless + b"a" * 4000
        with contextlib.suppress(ConnectionError):
            while sent < 100 * LARGEST_HEAD and not reader.at_eof():
                writer.write(piece)
                await writer.drain()
                sent += len(piece)
                await asyncio.sleep(0)
        answer = b""
        with contextlib.suppress(ConnectionError):
            answer = await asyncio.wait_for(reader.read(), 60)
        assert sent < 100 * LARGEST_HEAD, "it was listened to without end"
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400")
        writer.close()


async def test_a_large_body_after_a_large_head_is_taken(settings: Settings) -> None:
    async with on_a_socket(settings) as (_, port), httpx.AsyncClient() as http:
        answer = await http.post(
            f"http://127.0.0.1:{port}/v1/accords",
            content=b"x" * 400_000,
            headers={"x-long": "v" * 60_000, "Content-Type": "application/json"},
        )
        assert answer.status_code == 401
