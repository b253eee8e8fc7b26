"""What lets a reader check an accord's record, and its papers: proofs, checkpoints, tiles, bundle, papers, sheet."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import httpx

from api.answers.record import FinalityView, PapersView, TimestampsView
from api.client import operations
from api.client.errors import ClientError
from api.client.files import CHUNK
from api.client.operations import Operation
from api.client.paging import query_of
from api.client.sending import Query, Request, Sender

LONG = 180.0
"""Seconds to wait for what has to be made first."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that the API made, and the headers that it came with, by their lower-case names."""

    content: bytes
    headers: Mapping[str, str]

    @property
    def name(self) -> str | None:
        """The file's name, where the API gives one."""
        said = self.headers.get("content-disposition", "")
        return said.partition('filename="')[2].rstrip('"') or None


class Record:
    """The record of one accord."""

    def __init__(self, sender: Sender, accord: str) -> None:
        self._sender = sender
        self._accord = accord

    async def proof(self, position: int, *, final: bool = False) -> bytes:
        """An entry's receipt, a C2SP ``tlog-proof``; ``final``: against what the witnesses' quorum has cosigned."""
        query = query_of(final=final or None)
        return (await self._get(operations.GET_PROOF, query, position=str(position))).content

    async def checkpoint(self) -> bytes:
        """What the log commits to now, a C2SP ``tlog-checkpoint``."""
        return (await self._get(operations.GET_CHECKPOINT)).content

    async def finality(self) -> FinalityView:
        """How much of the record is final, and by whom; and its times from outside. The installation's word for it."""
        path = operations.GET_FINALITY.at(accord=self._accord)
        return await self._sender.read(FinalityView, Request("GET", path))

    async def timestamps(self, *, limit: int | None = None) -> TimestampsView:
        """What time-stamp authorities said of the largest final checkpoints; ``limit``: at most so many tokens."""
        path = operations.GET_TIMESTAMPS.at(accord=self._accord)
        return await self._sender.read(TimestampsView, Request("GET", path, query_of(limit=limit)))

    async def policy(self) -> bytes:
        """The C2SP ``tlog-policy`` in force."""
        return (await self._get(operations.GET_POLICY)).content

    async def tile(self, path: str) -> bytes:
        """A tile by the path that C2SP ``tlog-tiles`` gives it, behind ``tile/``: such as ``0/x001/234``."""
        return (await self._get(operations.GET_TILE, path=path)).content

    async def bundle(self, target: Path, *, files: bool = False) -> int:
        """Write the record, as far as the caller may read it, to ``target``; its size in bytes.

        ``entente verify`` judges it with the network off. ``files``: with the deposited contents. The file has its
        name once it is whole.

        Raises:
            ApiProblem: the API says why not.
            NoAnswer: it does not answer, or breaks off.
            ClientError: it cannot be written.
        """
        unfinished = target.with_name(f".{target.name}.unfinished")
        path = operations.GET_BUNDLE.at(accord=self._accord)
        try:
            return await self._bundle(path, query_of(files=files or None), unfinished, target)
        except OSError as error:
            raise ClientError(
                f"{target} cannot be written: {error.strerror}.", "Make room, or name another file."
            ) from error
        finally:
            await asyncio.to_thread(unfinished.unlink, missing_ok=True)

    async def _bundle(self, path: str, query: Query, unfinished: Path, target: Path) -> int:
        async def receive() -> httpx.Response:
            async with self._sender.streamed("GET", path, query, {}, LONG) as answer:
                if not answer.is_success:
                    await answer.aread()
                    return answer
                file = await asyncio.to_thread(unfinished.open, "wb")
                try:
                    async for chunk in answer.aiter_bytes(CHUNK):
                        await asyncio.to_thread(file.write, chunk)
                finally:
                    await asyncio.to_thread(file.close)
                return answer

        answer = await self._sender.persist(receive)
        if not answer.is_success:
            self._sender.fail(answer)
        await asyncio.to_thread(unfinished.replace, target)
        return await asyncio.to_thread(lambda: target.stat().st_size)

    async def papers(self) -> PapersView:
        """The papers that can be asked for, in which languages."""
        path = operations.LIST_PAPERS.at(accord=self._accord)
        return await self._sender.read(PapersView, Request("GET", path))

    async def paper(
        self,
        kind: str,
        *,
        language: str | None = None,
        as_of: int | datetime | None = None,
        signed: bool = False,
    ) -> Fetched:
        """A paper, as PDF, or what else :meth:`papers` says of its kind; ``signed`` by the installation's key."""
        query = query_of(lang=language, as_of=as_of, signed="true" if signed else None)
        return await self._get(operations.GET_PAPER, query, kind=kind)

    async def sheet(
        self,
        *,
        part: Literal["conditions", "documents", "parties"] | None = None,
        format: Literal["xlsx", "csv"] = "xlsx",  # noqa: A002 - as the API calls it
        as_of: int | datetime | None = None,
    ) -> Fetched:
        """The conditions as a sheet, with their state."""
        return await self._get(operations.GET_SHEET, query_of(part=part, format=format, as_of=as_of))

    async def _get(self, operation: Operation, query: Query = (), **names: str) -> Fetched:
        path = operation.at(accord=self._accord, **names)
        answer = await self._sender.send(Request("GET", path, query, within=LONG))
        if not answer.is_success:
            self._sender.fail(answer)
        return Fetched(answer.content, {name.lower(): value for name, value in answer.headers.items()})
