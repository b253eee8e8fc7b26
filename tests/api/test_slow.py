"""Heads and bodies that come too slowly, or say two things of their length, on a socket as in production."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress

import pytest

from activities.runtime.settings import Settings
from tests.api.conftest import on_a_socket, serving


@pytest.fixture
def settings(database_url: str, nowhere: str, make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(
        database_url, nowhere, api_port=0, api_head_seconds=0.3, api_body_seconds=0.3, api_deadline=5.0
    )


async def everything(reader: asyncio.StreamReader) -> bytes:
    """All that is sent until the connection ends; a reset, for drops that nobody read any more, ends it too."""
    blocks = []
    with suppress(ConnectionResetError):
        while block := await reader.read(65536):
            blocks.append(block)
    return b"".join(blocks)


async def dripped(port: int, begun: bytes, drip: bytes) -> tuple[bytes, bool]:
    """What is answered to a beginning and endless drops behind it; and whether the connection was closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = asyncio.create_task(everything(reader))
    writer.write(begun)
    try:
        for _ in range(2000):
            if answer.done():
                break
            if drip:
                writer.write(drip)
            await asyncio.sleep(0.01)
    except ConnectionError:
        pass
    closed = answer.done()
    answer.cancel()
    writer.close()
    return (answer.result() if closed else b""), closed


def is_too_slow(answer: bytes) -> None:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 "), answer[:200]
    assert b"connection: close" in head.lower()
    assert b"application/problem+json" in head
    assert json.loads(body)["code"] == "request_timeout"


@pytest.mark.parametrize(
    ("begun", "drip"),
    [
        (b"", b""),
        (b"GET /livez HT", b""),
        (b"GET /livez HTTP/1.1\r\nhost: a\r\n", b"x-slow: 1\r\n"),
    ],
    ids=["nothing", "line", "headers"],
)
async def test_a_slow_head_is_cut(settings: Settings, begun: bytes, drip: bytes) -> None:
    async with on_a_socket(settings) as (_, port):
        answer, closed = await dripped(port, begun, drip)
        assert closed
        is_too_slow(answer)


async def test_a_slow_head_after_an_answer_is_cut(settings: Settings) -> None:
    async with on_a_socket(settings) as (_, port):
        begun = b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\nGET /livez HTTP/1.1\r\nhost: a\r\n"
        answer, closed = await dripped(port, begun, b"x-slow: 1\r\n")
        assert closed
        first, _, second = answer.partition(b'{"status":"live"}')
        assert first.startswith(b"HTTP/1.1 200")
        is_too_slow(second)


async def test_a_slow_body_is_cut_by_whoever_reads_it(settings: Settings) -> None:
    async with serving(settings) as api:
        token = await api.token("aa.contact")
    async with on_a_socket(settings) as (_, port):
        begun = (
            b"POST /v1/accords HTTP/1.1\r\nhost: a\r\nauthorization: Bearer " + token.encode() + b"\r\n"
            b"idempotency-key: k\r\ncontent-type: application/json\r\ncontent-length: 4000\r\n\r\n{"
        )
        answer, closed = await dripped(port, begun, b" ")
        assert closed
        is_too_slow(answer)


async def test_a_body_that_nobody_reads_does_not_hold_the_connection(settings: Settings) -> None:
    async with on_a_socket(settings) as (_, port):
        begun = b"GET /livez HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n"
        answer, closed = await dripped(port, begun, b" ")
        assert closed
        assert answer.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("first", [b"content-length: 5", b"transfer-encoding: chunked"])
async def test_a_length_and_chunks_together_are_refused_and_the_connection_closed(
    settings: Settings, first: bytes
) -> None:
    """Else a proxy and we might not agree where the next request begins."""
    other = b"transfer-encoding: chunked" if first.startswith(b"content") else b"content-length: 5"
    async with on_a_socket(settings) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST /v1/accords HTTP/1.1\r\nhost: a\r\n" + first + b"\r\n" + other + b"\r\n\r\n0\r\n\r\n"
            b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n"
        )
        answer = await asyncio.wait_for(reader.read(), 60)
        assert answer.startswith(b"HTTP/1.1 400")
        assert b"connection: close" in answer.lower()
        assert b"live" not in answer
        writer.close()
