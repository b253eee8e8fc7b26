"""A receiver of webhooks: a real HTTP server on the loopback interface, and what delivers to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest_asyncio

from activities.feeds.delivering import Delivering
from activities.ledger.connections import reading_pool
from activities.ledger.postgres import PostgresLedger
from activities.reading.states import States
from activities.runtime.reaching import Reaching, parse_networks

LOOPBACK = "127.0.0.0/8"


@dataclass
class Receiver:
    """An HTTP server that keeps what it is sent, and answers as it is told."""

    port: int = 0
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
        headers["webhook-signature"] = next(
            line.split(": ", 1)[1] for line in head if line.lower().startswith("webhook-signature")
        )
        body = await reader.readexactly(int(headers["content-length"]))
        self.got.append((headers, body))
        status = self.answers.pop(0) if self.answers else 204
        extra = "location: http://127.0.0.1:1/\r\n" if status == 302 else ""
        writer.write(f"HTTP/1.1 {status} X\r\n{extra}content-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()
        self.came.set()

    async def received(self, count: int, seconds: float = 30.0) -> list[dict[str, Any]]:
        async with asyncio.timeout(seconds):
            while len(self.got) < count:
                await self.came.wait()
                self.came.clear()
        return [json.loads(body) for _, body in self.got]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


@pytest_asyncio.fixture(loop_scope="session")
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    async with server:
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def delivering(database_url: str) -> AsyncIterator[Delivering]:
    async with reading_pool(database_url, min_size=0, max_size=2) as pool:
        reaching = Reaching(parse_networks([LOOPBACK]))
        yield Delivering(pool, States(PostgresLedger(pool)), reaching, "entente.test")
        await reaching.aclose()
