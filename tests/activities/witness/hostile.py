"""Services on the loopback that answer as no witness should, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from worker.stack.ports import any_free

Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Listening:
    """Where a service listens, and the requests that reached it, as they came."""

    port: int
    requests: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def listening(answering: Answering) -> AsyncIterator[Listening]:
    """A service that takes a request's head and then does as ``answering`` says."""
    service = Listening(any_free())
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            service.requests.append(await reader.readuntil(b"\r\n\r\n"))
            await answering(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", service.port)
    try:
        yield service
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def says(content: bytes) -> Answering:
    """Answer these bytes, and close."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(content)
        await writer.drain()

    return answer


def drips(head: bytes, piece: bytes, pause: float = 0.01) -> Answering:
    """Answer a head, and then a piece now and then, without end: no single wait is long."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            await writer.drain()
            await asyncio.sleep(pause)
            writer.write(piece)

    return answer


async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take everything and answer nothing."""
    while await reader.read(4096):
        pass
