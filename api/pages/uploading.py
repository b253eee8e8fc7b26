"""Files that come with a form (RFC 7578): hashed here, deposited, and in the form's fields by their digests.

This is how a page without a script sends a content; with one it sends the file beforehand, by parts, and the form
carries the digest alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import mimetypes
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from activities.identity.scopes import covers
from activities.identity.sessions import Session
from api.bodies import LARGEST, media_type
from api.contents import deposit
from api.pages.accords import Shown
from api.pages.forms import ALONE, FILE, PREFIX
from api.pages.visiting import from_here, with_token
from api.problems import Problem
from api.routing import in_its_own_time
from api.uploads import arriving

MULTIPART = "multipart/form-data"

MOST_FILES = 4
"""Files that one form may carry; there is one for each field that asks for a new content."""

_CHUNK = 256 * 1024


def may_send(one: Shown) -> bool:
    """Whether the visitor's files are taken: a delegate's, with a key that is good for it."""
    identity, access = one.seen.identity, one.seen.access
    return identity.kind == "delegate" and not access.cleared and covers(identity.scopes, "deposit")


def has_files(request: Request) -> bool:
    """Whether what is sent is a form that may carry files."""
    return media_type(request) == MULTIPART


@asynccontextmanager
async def multipart_of(
    request: Request, session: Session, most: int
) -> AsyncIterator[tuple[dict[str, list[str]], list[tuple[str, UploadFile]]]]:
    """The fields and the files, by field, of a form from a page of this site; the files are there within the block.

    Raises:
        Problem: ``forbidden``, ``bad_request``, ``too_large`` beyond ``most`` bytes in all, or ``request_timeout``.
    """
    from_here(request)
    parser = MultiPartParser(
        request.headers,
        _bounded(arriving(request), most),  # type: ignore[arg-type]
        max_files=MOST_FILES,
        max_fields=5000,
        max_part_size=LARGEST,
    )
    try:
        form = await parser.parse()
    except MultiPartException:
        raise Problem(
            "bad_request", "The form cannot be read. Open the page again and send it once more."
        ) from None
    async with AsyncExitStack() as opened:
        opened.push_async_callback(form.close)
        fields: dict[str, list[str]] = {}
        files: list[tuple[str, UploadFile]] = []
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                if value.filename:
                    files.append((name, value))
            else:
                fields.setdefault(name, []).append(value.replace("\r\n", "\n"))
        with_token(fields, session)
        yield fields, files


@dataclass(frozen=True, slots=True)
class Sent:
    """What a form with files says: its fields, the files' digests among them, and what was wrong with the files."""

    fields: dict[str, list[str]]
    errors: dict[str, tuple[str, ...]] = field(default_factory=dict)


async def form_with_files(request: Request, session: Session, one: Shown, delegate: str) -> Sent:
    """Read a form that carries files, and deposit them; one that is refused is told at its field.

    Nothing of the act is done by this: contents that no entry comes to name are taken away after some days.

    Raises:
        Problem: ``forbidden``, ``bad_request``, ``too_large``, ``busy``, ``request_timeout`` or ``unavailable``.
    """
    from_here(request)
    if not may_send(one):
        raise Problem(
            "forbidden",
            "Your key is not good for deposits. Name the content by its digest alone, or use another key.",
        )
    parts = request.app.state.backend
    most = parts.settings.file_bytes + LARGEST
    with in_its_own_time(request), parts.uploads.one_more(session.identity.principal):
        async with multipart_of(request, session, most) as (fields, files):
            sent = Sent(fields)
            for name, file in files:
                if name.startswith(FILE):
                    await _take(request, one, delegate, sent, name.removeprefix(FILE), file)
            return sent


async def _take(request: Request, one: Shown, delegate: str, sent: Sent, name: str, file: UploadFile) -> None:
    digest = await asyncio.to_thread(_digest_of, file)
    sent.fields[PREFIX + name] = [digest]
    if sent.fields.get(f"{ALONE}{name}") == ["true"]:
        return
    try:
        await deposit(
            request.app.state.backend,
            one.state,
            one.seen.access,
            digest,
            delegate,
            kind_of(file.filename or "", file.content_type or ""),
            file.size,
            _chunks(file),
        )
    except Problem as problem:
        if problem.status >= 500:
            raise
        sent.errors[name] = (problem.detail,)


def kind_of(filename: str, said: str) -> str:
    """The media type of a file: what the browser says, or else what its name tells."""
    named = said.partition(";")[0].strip().lower()
    if named in ("", "application/octet-stream"):
        return mimetypes.guess_type(filename)[0] or "application/octet-stream"
    return named


def _digest_of(file: UploadFile) -> str:
    digest = hashlib.sha256()
    file.file.seek(0)
    while chunk := file.file.read(_CHUNK):
        digest.update(chunk)
    file.file.seek(0)
    return f"sha256:{digest.hexdigest()}"


async def _chunks(file: UploadFile) -> AsyncIterator[bytes]:
    while chunk := await file.read(_CHUNK):
        yield chunk


async def _bounded(body: AsyncIterator[bytes], most: int) -> AsyncIterator[bytes]:
    received = 0
    async for chunk in body:
        received += len(chunk)
        if received > most:
            raise Problem(
                "too_large",
                f"The form with its file is larger than {most:,} bytes. Name the content by its digest alone.",
                headers={"Connection": "close"},
            )
        yield chunk
