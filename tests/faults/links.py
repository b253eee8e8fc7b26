"""A link: a TCP proxy on the loopback between a process and a server, which can be cut, or fall silent."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from types import TracebackType
from typing import Self

_CHUNK = 256 * 1024
# Closing with this option sends RST: both sides learn at once that the connection is gone.
_RESET = struct.pack("ii", 1, 0)


class Link:
    """Passes connections on to ``host:port``, from the address ``127.0.0.1:self.port``."""

    def __init__(self, host: str, port: int) -> None:
        self.port = 0
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._open = asyncio.Event()
        self._open.set()
        self._refusing = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._taken, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self._reset_all()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def cut(self) -> None:
        """Reset every connection, and refuse new ones, until :meth:`mend`."""
        self._refusing = True
        self._reset_all()

    def silence(self) -> None:
        """Pass on nothing, though all connections stay and new ones are taken, until :meth:`mend`."""
        self._open.clear()

    def mend(self) -> None:
        """Take and pass on connections again; what was held back by a silence arrives."""
        self._refusing = False
        self._open.set()

    def _reset_all(self) -> None:
        for writer in list(self._writers):
            _reset(writer)

    def _taken(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        onward: asyncio.StreamWriter | None = None
        try:
            await self._open.wait()
            if self._refusing:
                return
            back, onward = await asyncio.open_connection(*self._target)
            self._writers.add(onward)
            if self._refusing:
                return
            # Until one direction ends; the other then does too: neither Postgres nor gRPC closes one side only.
            both = [
                asyncio.create_task(self._pass_on(reader, onward)),
                asyncio.create_task(self._pass_on(back, writer)),
            ]
            try:
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in both:
                    one.cancel()
                await asyncio.gather(*both, return_exceptions=True)
        except OSError:
            # The server is down: its client learns it by the reset.
            pass
        finally:
            for end in (writer, onward):
                if end is not None:
                    _reset(end)
                    self._writers.discard(end)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while content := await reader.read(_CHUNK):
            await self._open.wait()
            writer.write(content)
            await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    transport = writer.transport
    connection = transport.get_extra_info("socket")
    if connection is not None and not transport.is_closing():
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()
