"""Contents to and from the API: in parts, resumed where they were cut off, and checked by their digest."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import httpx

from activities.errors import RuntimeProblem
from worker.cli.client.calling import Calls

PART = 8 * 1024 * 1024
"""Bytes sent at a time: after an interruption so many are sent again at the most."""

CHUNK = 256 * 1024

ATTEMPTS = 5
"""How often in a row something is tried that brings nothing forward."""

Progress = Callable[[int, int], None]

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
    """What was sent: its digest, size and type, and whether it was there already."""

    digest: str
    size: int
    media_type: str
    there: bool


def digest_of_file(path: Path) -> tuple[str, int]:
    """The digest of a file's content, and its size in bytes.

    Raises:
        RuntimeProblem: it cannot be read.
    """
    hashing, size = hashlib.sha256(), 0
    try:
        with path.open("rb") as file:
            for chunk in _chunks(file, None):
                hashing.update(chunk)
                size += len(chunk)
    except OSError as error:
        raise RuntimeProblem(f"{path} cannot be read: {error.strerror}.", "Name another file.") from error
    return f"sha256:{hashing.hexdigest()}", size


def _chunks(file: BinaryIO, length: int | None) -> Iterator[bytes]:
    while length is None or length > 0:
        chunk = file.read(CHUNK if length is None else min(CHUNK, length))
        if not chunk:
            return
        yield chunk
        length = None if length is None else length - len(chunk)


def send_file(calls: Calls, accord: str, path: Path, media_type: str | None, progress: Progress) -> Deposit:
    """Deposit a file's content; goes on where an earlier attempt was cut off.

    Raises:
        ApiProblem: the API says why it does not take it.
        Unreachable: the API does not answer.
        RuntimeProblem: the file cannot be read, or changes meanwhile.
    """
    digest, size = digest_of_file(path)
    kind = media_type or TYPES.get(path.suffix.lower(), "application/octet-stream")
    with path.open("rb") as file:
        at, tried = _offset(calls, accord, digest), 0
        while True:
            progress(at, size)
            answer = _send_part(calls, accord, digest, kind, file, at, size)
            now = _now_at(calls, answer, at)
            if answer is not None and answer.status_code in (200, 201):
                progress(size, size)
                return Deposit(digest, size, kind, answer.status_code == 200)
            tried = 0 if now > at else tried + 1
            if tried >= ATTEMPTS:
                calls.read_answer(answer)
                raise RuntimeProblem(
                    f"{path} could not be sent: it stays at {now:,} of {size:,} bytes.",
                    "Send it again: it goes on from there.",
                )
            at = now
            if tried:
                time.sleep(0.2 * 2**tried)


def _send_part(
    calls: Calls, accord: str, digest: str, kind: str, file: BinaryIO, at: int, size: int
) -> httpx.Response | None:
    """What is answered to the part that begins at ``at``; none where the connection broke."""
    headers = {"Content-Type": kind}
    length = min(PART, size - at)
    if size > PART:
        headers["Content-Range"] = f"bytes {at}-{at + length - 1}/{size}" if length else f"bytes */{size}"
    headers["Content-Length"] = str(length)
    file.seek(at)
    try:
        return calls.raw("PUT", f"/v1/files/{digest}", {"accord": accord}, headers, _chunks(file, length))
    except httpx.ConnectError as error:
        raise calls.unreachable(error) from error
    except httpx.TransportError:
        return None


def _now_at(calls: Calls, answer: httpx.Response | None, at: int) -> int:
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
        calls.read_answer(answer)
    return at


def _offset(calls: Calls, accord: str, digest: str) -> int:
    """Where an upload that was cut off goes on."""
    try:
        answer = calls.raw("HEAD", f"/v1/files/{digest}", {"accord": accord})
    except httpx.ConnectError as error:
        raise calls.unreachable(error) from error
    except httpx.TransportError:
        return 0
    offset = answer.headers.get("upload-offset", "")
    return int(offset) if offset.isdigit() else 0


def fetch_file(calls: Calls, digest: str, accord: str | None, target: Path, progress: Progress) -> int:
    """Write a content to ``target``, once all of it is there and has the digest; its size in bytes.

    What an earlier attempt left beside it, ``target``.part, is gone on with.

    Raises:
        ApiProblem: the API says why it does not give it.
        Unreachable: the API does not answer.
        RuntimeProblem: it cannot be written, or is not what has the digest.
    """
    part = target.with_name(target.name + ".part")
    tried = 0
    try:
        while True:
            at = part.stat().st_size if part.exists() else 0
            whole = _receive(calls, digest, accord, part, at, progress)
            if whole is not None:
                break
            tried = 0 if part.exists() and part.stat().st_size > at else tried + 1
            if tried >= ATTEMPTS:
                raise RuntimeProblem(
                    f"{digest} could not be read to its end.", "Ask for it again: it goes on from there."
                )
            time.sleep(0.2 * 2**tried)
        found, size = digest_of_file(part)
        if found != digest:
            part.unlink()
            raise RuntimeProblem(
                f"What arrived has the digest {found}.", "Believe nothing of it, and ask for it again."
            )
        part.replace(target)
    except OSError as error:
        raise RuntimeProblem(
            f"{target} cannot be written: {error.strerror}.", "Name another file with --output."
        ) from error
    return size


def _receive(
    calls: Calls, digest: str, accord: str | None, part: Path, at: int, progress: Progress
) -> int | None:
    """Receive what is missing behind ``at``; the size of the whole, or none where it was cut off."""
    headers = {"Range": f"bytes={at}-"} if at else {}
    query = {"accord": accord} if accord else {}
    try:
        with calls.streamed("GET", f"/v1/files/{digest}", query, headers) as answer:
            if answer.status_code == 416:
                # All was there already, or what is there is longer than the content; the digest tells.
                return at
            if not answer.is_success:
                answer.read()
                if answer.status_code in (429, 503):
                    return None
                calls.read_answer(answer)
            resumed = answer.status_code == 206
            done = at if resumed else 0
            total = done + int(answer.headers.get("content-length", 0))
            with part.open("ab" if resumed else "wb") as file:
                for chunk in answer.iter_raw(CHUNK):
                    file.write(chunk)
                    done += len(chunk)
                    progress(done, total)
            return done if done == total else None
    except httpx.ConnectError as error:
        raise calls.unreachable(error) from error
    except httpx.TransportError:
        return None


def fetch_redline(calls: Calls, accord: str, older: str, newer: str, accept: str) -> Any:
    """The redline of two texts: JSON values, or the page.

    Raises:
        ApiProblem: the API says why it does not give it.
        Unreachable: the API does not answer.
    """
    path = f"/v1/accords/{accord}/redline"
    query = {"older": older, "newer": newer}
    try:
        answer = calls.raw("GET", path, query, {"Accept": accept})
    except httpx.TransportError as error:
        raise calls.unreachable(error) from error
    if answer.is_success and accept == "text/html":
        return answer.text
    return calls.read_answer(answer)
