"""Contents to and from the API: in parts, resumed where they were cut off, and checked by their digest."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import httpx

from activities.runtime.mediatypes import begins_as
from api.answers.record import Deposited
from api.client.errors import ClientError, ContentDiffers
from api.client.operations import GET_FILE, PUT_FILE
from api.client.sending import Request, Sender

PART = 8 * 1024 * 1024
"""Bytes sent at a time: after an interruption so many are sent again at the most."""

CHUNK = 256 * 1024

ATTEMPTS = 5
"""How often in a row something is tried that brings nothing forward."""

_PAUSE = 0.2

Progress = Callable[[int, int], None]
"""Takes the bytes that are there, and those of the whole."""

TYPES = {
    ".txt": "text/plain",
    ".md": "text/markdown",
    ".csv": "text/csv",
    ".json": "application/json",
    ".pdf": "application/pdf",
    ".zip": "application/zip",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
}
"""Media types by the ends of files' names; of any other file nothing is known."""


@dataclass(frozen=True, slots=True)
class Deposit:
    """What was sent: its digest, size in bytes and media type, and whether it was there already."""

    digest: str
    size: int
    media_type: str
    there: bool


def type_of(path: Path) -> str:
    """The media type of a file, by the end of its name."""
    return TYPES.get(path.suffix.lower(), "application/octet-stream")


def _nothing(done: int, size: int) -> None:
    pass


async def digest_of_file(path: Path) -> tuple[str, int]:
    """The digest of a file's content, and its size in bytes.

    Raises:
        ClientError: it cannot be read.
    """

    def read() -> tuple[str, int]:
        hashing, size = hashlib.sha256(), 0
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                hashing.update(chunk)
                size += len(chunk)
        return f"sha256:{hashing.hexdigest()}", size

    try:
        return await asyncio.to_thread(read)
    except OSError as error:
        raise ClientError(f"{path} cannot be read: {error.strerror}.", "Name another file.") from error


@asynccontextmanager
async def _opened(path: Path, mode: str) -> AsyncIterator[BinaryIO]:
    file = await asyncio.to_thread(path.open, mode)
    try:
        yield file  # type: ignore[misc]
    finally:
        await asyncio.to_thread(file.close)


async def _chunks(file: BinaryIO, length: int) -> AsyncIterator[bytes]:
    while length > 0:
        chunk = await asyncio.to_thread(file.read, min(CHUNK, length))
        if not chunk:
            return
        yield chunk
        length -= len(chunk)


class Files:
    """The contents that accords name by digest."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def would_take(self, accord: str, path: Path, media_type: str | None = None) -> Deposited:
        """Whether a file's content would be taken, and how much of it is there already; nothing is sent of it.

        Raises:
            ApiProblem: the API says why it would not take it: too large, of a type that is not taken, erased.
            NoAnswer: the API does not answer.
            ClientError: the file cannot be read, or does not begin as its type does.
        """
        digest, size = await digest_of_file(path)
        kind = media_type or type_of(path)
        with_it = await asyncio.to_thread(_head_of, path)
        if not begins_as(kind, with_it):
            raise ClientError(
                f"{path} does not begin as {kind} does.", "Give the file the ending of what it is."
            )
        headers = {"Content-Type": kind} | ({"Content-Range": f"bytes */{size}"} if size else {})
        request = Request(
            "PUT", PUT_FILE.at(digest=digest), (("accord", accord), ("dry_run", "true")), headers
        )
        return await self._sender.read(Deposited, request)

    async def put(
        self, accord: str, path: Path, media_type: str | None = None, progress: Progress = _nothing
    ) -> Deposit:
        """Deposit a file's content for an accord; goes on where an earlier attempt was cut off.

        Raises:
            ApiProblem: the API says why it does not take it.
            NoAnswer: the API does not answer.
            ClientError: the file cannot be read, or the upload does not come forward.
        """
        digest, size = await digest_of_file(path)
        kind = media_type or type_of(path)
        async with _opened(path, "rb") as file:
            at, tried = await self._offset(accord, digest), 0
            while True:
                progress(at, size)
                answer, broke = await self._send_part(accord, digest, kind, file, at, size)
                now = self._now_at(answer, at)
                if answer is not None and answer.status_code in (200, 201):
                    self._sender.shaped(Deposited, answer)
                    progress(size, size)
                    return Deposit(digest, size, kind, answer.status_code == 200)
                tried = 0 if now > at else tried + 1
                if tried >= ATTEMPTS:
                    if answer is None:
                        raise self._sender.no_answer(broke or "the connection broke")
                    if not answer.is_success and answer.status_code != 409:
                        self._sender.fail(answer)
                    raise ClientError(
                        f"{path} could not be sent: it stays at {now:,} of {size:,} bytes.",
                        "Send it again: it goes on from there.",
                    )
                at = now
                if tried:
                    await asyncio.sleep(_PAUSE * 2**tried)

    async def _send_part(
        self, accord: str, digest: str, kind: str, file: BinaryIO, at: int, size: int
    ) -> tuple[httpx.Response | None, Exception | None]:
        """What is answered to the part that begins at ``at``, or how the connection broke."""
        headers = {"Content-Type": kind}
        length = min(PART, size - at)
        if size > PART:
            headers["Content-Range"] = f"bytes {at}-{at + length - 1}/{size}" if length else f"bytes */{size}"
        headers["Content-Length"] = str(length)
        await asyncio.to_thread(file.seek, at)
        try:
            answer = await self._sender.http.put(
                PUT_FILE.at(digest=digest),
                params={"accord": accord},
                headers=headers,
                content=_chunks(file, length),
            )
        except httpx.ConnectError as error:
            raise self._sender.no_answer(error) from error
        except httpx.TransportError as error:
            return None, error
        return answer, None

    def _now_at(self, answer: httpx.Response | None, at: int) -> int:
        """Where to go on after an answer.

        Raises:
            ApiProblem: the API says why it takes no more.
        """
        if answer is None or answer.status_code in (408, 429, 503):
            return at
        offset = answer.headers.get("upload-offset", "")
        if answer.status_code in (202, 409) and offset.isdigit():
            return int(offset)
        if not answer.is_success:
            self._sender.fail(answer)
        return at

    async def _offset(self, accord: str, digest: str) -> int:
        """Where an upload that was cut off goes on."""
        try:
            answer = await self._sender.http.head(GET_FILE.at(digest=digest), params={"accord": accord})
        except httpx.ConnectError as error:
            raise self._sender.no_answer(error) from error
        except httpx.TransportError:
            return 0
        offset = answer.headers.get("upload-offset", "")
        return int(offset) if offset.isdigit() else 0

    async def get(
        self, digest: str, target: Path, accord: str | None = None, progress: Progress = _nothing
    ) -> int:
        """Write a content to ``target``, once all of it is there and has the digest; its size in bytes.

        What an earlier attempt left beside it, ``target``.part, is gone on with.

        Raises:
            ApiProblem: the API says why it does not give it.
            NoAnswer: the API does not answer.
            ContentDiffers: what arrived has another digest.
            ClientError: it cannot be written.
        """
        part = target.with_name(target.name + ".part")
        try:
            return await self._get(digest, target, part, accord, progress)
        except OSError as error:
            raise ClientError(
                f"{target} cannot be written: {error.strerror}.", "Name another file."
            ) from error

    async def _get(
        self, digest: str, target: Path, part: Path, accord: str | None, progress: Progress
    ) -> int:
        tried = 0
        while True:
            at = await asyncio.to_thread(_size_of, part)
            whole, broke = await self._receive(digest, accord, part, at, progress)
            if whole:
                break
            tried = 0 if await asyncio.to_thread(_size_of, part) > at else tried + 1
            if tried >= ATTEMPTS:
                if broke is not None:
                    raise broke
                raise ClientError(
                    f"{digest} could not be read to its end.", "Ask for it again: it goes on from there."
                )
            await asyncio.sleep(_PAUSE * 2**tried)
        found, size = await digest_of_file(part)
        if found != digest:
            await asyncio.to_thread(part.unlink)
            raise ContentDiffers(
                f"What arrived has the digest {found}.", "Believe nothing of it, and ask for it again."
            )
        await asyncio.to_thread(part.replace, target)
        return size

    async def _receive(
        self, digest: str, accord: str | None, part: Path, at: int, progress: Progress
    ) -> tuple[bool, ClientError | None]:
        """Receive what is missing behind ``at``: whether the whole is there, and what kept it from coming."""
        headers = {"Range": f"bytes={at}-"} if at else {}
        query = (("accord", accord),) if accord else ()
        try:
            async with self._sender.streamed("GET", GET_FILE.at(digest=digest), query, headers) as answer:
                if answer.status_code == 416:
                    # All was there already, or what is there is longer than the content; the digest tells.
                    return True, None
                if answer.status_code in (408, 429, 503):
                    return False, self._sender.no_answer(f"answered {answer.status_code}")
                if not answer.is_success:
                    await answer.aread()
                    self._sender.fail(answer)
                resumed = answer.status_code == 206
                done = at if resumed else 0
                total = done + int(answer.headers.get("content-length", 0))
                async with _opened(part, "ab" if resumed else "wb") as file:
                    async for chunk in answer.aiter_raw(CHUNK):
                        await asyncio.to_thread(file.write, chunk)
                        done += len(chunk)
                        progress(done, total)
                return done == total, None
        except httpx.ConnectError as error:
            raise self._sender.no_answer(error) from error
        except httpx.TransportError as error:
            return False, self._sender.no_answer(error)


def _head_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(16)


def _size_of(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
