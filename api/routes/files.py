"""The contents of what the record names by digest: deposited, and read by those for whom the entries are."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi import Path as InPath
from pydantic import Field

from activities.bundle.contents import exported_files
from activities.bundle.export import ExportedFile
from activities.files import redline_page
from activities.files.depositing import Where
from activities.files.errors import ContentAltered, FileRefused, OtherOffset, StoreUnavailable
from activities.files.redline import LARGEST, counted, redline
from activities.files.register import Content
from activities.files.store import verified
from activities.runtime.mediatypes import TEXTS
from api.access import Access, may_read_content, seen_whole, side_of
from api.backend import Backend
from api.bodies import media_type
from api.calls import (
    ACCORD_ID,
    AccordId,
    After,
    Caller,
    Parts,
    acting,
    answer,
    cursor,
    next_link,
    problems,
    read_cursor,
    seen,
)
from api.heavy import COMPARING
from api.negotiation import preferred
from api.preconditions import IfNoneMatch, unchanged
from api.problems import FieldError, Problem, unavailable
from api.routing import BoundedRoute, CheckedRoute, WholeNumber, head_only
from api.schemas import View
from api.uploads import Sending, arriving
from workflows.model.commands import Digest
from workflows.model.state import Accord

router = APIRouter(route_class=BoundedRoute, tags=["files"])
# Not bounded by the API's deadline: what is long takes its time.
_unbounded = APIRouter(route_class=CheckedRoute, tags=["files"])

MOST_ACCORDS = 20
"""Accords of the caller that are looked at for a content, where none is named."""

_PART = re.compile(r"bytes (?:([0-9]{1,15})-([0-9]{1,15})|\*)/([0-9]{1,15})", re.ASCII)
_RANGE = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})", re.ASCII)

BINARY: dict[str, Any] = {"*/*": {"schema": {"type": "string", "format": "binary"}}}

DigestInPath = Annotated[
    Digest,
    InPath(
        description="`sha256:` and the SHA-256 of the content, in hexadecimal",
        examples=["sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"],
    ),
]
InAccord = Annotated[
    str,
    Query(
        pattern=ACCORD_ID, description="the accord whose content it is", examples=["working-visit-mzxw6ytboi"]
    ),
]
MaybeInAccord = Annotated[
    str | None,
    Query(
        pattern=ACCORD_ID,
        description="the accord whose content it is; the last opened in which you may read it, where none is named",
        examples=["working-visit-mzxw6ytboi"],
    ),
]


class FileView(View):
    """A content of an accord. ``named_by`` are positions of entries that name it."""

    accord: str
    digest: str
    size: int
    media_type: str
    stored: datetime
    named_by: tuple[int, ...] = Field(
        description="of the entries that open it to their readers, the first of each kind; empty as long as nothing "
        "names it, and it is taken away after some days"
    )


class FilePage(View):
    """Contents of an accord that the caller may read, in the order in which they came."""

    items: tuple[FileView, ...]
    next: str | None


class Deposited(View):
    """What is here of a content by now."""

    accord: str
    digest: str
    size: int | None = Field(description="bytes of the whole content; none where that is not known yet")
    received: int = Field(description="bytes that are here; the next part begins there")
    complete: bool


def file_problem(error: Exception) -> Problem:
    """What keeps a content from being taken or given."""
    match error:
        case OtherOffset():
            return Problem(
                "other_offset",
                f"{error.what}. Send the part that begins with byte {error.received}.",
                headers={"Upload-Offset": str(error.received)},
            )
        case FileRefused():
            code = {
                "type_not_taken": "unsupported_media_type",
                "type_differs": "unsupported_media_type",
                "too_large": "too_large",
                "too_many": "too_many_files",
                "digest_differs": "digest_differs",
            }.get(error.code, "malformed")
            return Problem(code, f"{error.what}. Nothing was kept of it: {error.remedy}.")
        case FileNotFoundError():
            return unavailable(
                "The content is not in the store. Tell whoever runs this; the record is as it was."
            )
        case StoreUnavailable() | ContentAltered():
            return unavailable(f"{error.what} Tell whoever runs this; the record is as it was.")
    raise error


def readable_files(parts: Backend, state: Accord, access: Access) -> AsyncIterator[ExportedFile]:
    """The contents of an accord that the caller may read and that an entry names, for a bundle."""
    return exported_files(
        parts.register, parts.store, state.id, lambda content: may_read_content(access, state, content)
    )


def _no_content(digest: str) -> Problem:
    return Problem(
        "not_found",
        f"There is no content of {digest} that you can read. A content is there once somebody who has it has deposited "
        "it; who may read it follows from the entries that name it.",
    )


def _if_erased(state: Accord, digest: str) -> None:
    if digest in state.erased_contents:
        raise Problem(
            "erased",
            f"The content of {digest} was erased. The record says on what ground; it is taken here no more.",
        )


@dataclass(frozen=True, slots=True)
class _Found:
    content: Content
    state: Accord
    access: Access


async def _readable(parts: Backend, identity: Caller, accord: str, digest: str) -> _Found | None:
    state, access = await seen(parts, identity, accord)
    seen_whole(access)
    _if_erased(state, digest)
    content = await parts.register.content(accord, digest)
    if content is None or not may_read_content(access, state, content):
        return None
    return _Found(content, state, access)


async def find(parts: Backend, identity: Caller, accord: str | None, digest: str) -> Content:
    """A content that the caller may read, of that accord or of any.

    Raises:
        Problem: ``not_found``, ``forbidden`` for an observer, or ``erased``.
    """
    if accord is not None:
        found = await _readable(parts, identity, accord, digest)
        if found is None:
            raise _no_content(digest)
        return found.content
    member = None if identity.reads_all else identity.principal
    erased = None
    for each in await parts.register.accords_with(digest, member, MOST_ACCORDS):
        try:
            found = await _readable(parts, identity, each, digest)
        except Problem as problem:
            erased = problem if problem.code == "erased" else erased
            continue
        if found is not None:
            return found.content
    raise erased or _no_content(digest)


@_unbounded.put(
    "/files/{digest}",
    operation_id="put_file",
    summary="Deposit a content",
    response_model=Deposited,
    responses={
        200: {"description": "it was here already"},
        201: {"description": "it is here, and has this digest", "model": Deposited},
        202: {"description": "the part is here; the next one is awaited", "model": Deposited},
        **problems(
            "forbidden", "not_found", "other_offset", "erased", "too_large", "too_many_files",
            "unsupported_media_type", "digest_differs", "busy",
        ),
    },
    openapi_extra={"requestBody": {"required": True, "content": BINARY}},
)  # fmt: skip
async def put_file(
    request: Request,
    digest: DigestInPath,
    accord: InAccord,
    parts: Parts,
    identity: Caller,
    content_range: Annotated[
        str | None,
        Header(
            alias="Content-Range",
            description="Of a content that comes in parts: which bytes these are, `bytes 0-1048575/5000000`; they "
            "follow on what is here. `bytes */5000000`, without a body, makes the whole of parts that are all here.",
            examples=["bytes 0-1048575/5000000"],
            json_schema_extra={"pattern": r"^bytes ([0-9]{1,15}-[0-9]{1,15}|\*)/[0-9]{1,15}$"},
        ),
    ] = None,
) -> Response:
    """Send the content of a digest that the record names, or is to name. Sent again, it is here once.

    It is kept only if it has the digest. `Content-Type` says what it is. Of an upload that is cut off nothing is left,
    but for parts that were sent by `Content-Range` and arrived whole: HEAD tells by `Upload-Offset` where to go on. Who
    may read it follows from the entries of your side that name it: it is for whom the notes of such an act are.
    """
    delegate = acting(identity)
    await parts.limits.count("delegate", identity.principal)
    part = _part(content_range)
    state, access = await seen(parts, identity, accord)
    seen_whole(access)
    _if_erased(state, digest)
    where = Where(accord, digest, side_of(access), delegate)
    known = await parts.register.content(accord, digest)
    if known is not None and where.side in known.deposits:
        return _deposited(where, known.size, known.size, 200)
    try:
        with parts.uploads.one_more(identity.principal):
            return await _take(request, parts, where, part)
    except (FileRefused, StoreUnavailable) as error:
        raise file_problem(error) from error
    finally:
        # An erasure that was recorded meanwhile did not see this content.
        now = await parts.reader.state(accord)
        if now is not None and digest in now.erased_contents:
            await parts.erasing.erase(accord, digest)


async def _take(request: Request, parts: Backend, where: Where, part: _Range | None) -> Response:
    kind = media_type(request) if "content-type" in request.headers else "application/octet-stream"
    body = arriving(request)
    if part is None:
        length = request.headers.get("content-length", "")
        await parts.depositing.check(
            where, int(length) if length.isdigit() and len(length) < 16 else None, kind
        )
        size = await parts.depositing.whole(where, kind, body)
        return _deposited(where, size, size, 201)
    if part.begins is not None and part.ends is not None:
        if part.begins == 0:
            await parts.depositing.check(where, part.size, kind)
        received = await parts.depositing.part(where, kind, part.begins, part.ends, part.size, body)
        if received < part.size:
            return _deposited(where, part.size, received, 202)
    size = await parts.depositing.complete(where, part.size)
    return _deposited(where, size, size, 201)


def _deposited(where: Where, size: int, received: int, status: int) -> Response:
    said = Deposited(
        accord=where.accord, digest=where.digest, size=size, received=received, complete=status != 202
    )
    headers = {"Upload-Offset": str(received)}
    if status == 201:
        headers["Location"] = f"/v1/files/{where.digest}?accord={where.accord}"
    return answer(said, status, headers)


@dataclass(frozen=True, slots=True)
class _Range:
    """``begins`` and ``ends`` (not included) of a part; neither, where the whole is to be made of the parts."""

    begins: int | None
    ends: int | None
    size: int


def _part(header: str | None) -> _Range | None:
    if header is None:
        return None
    matched = _PART.fullmatch(header.strip())
    if matched is not None:
        first, last, size = (None if each is None else int(each) for each in matched.groups())
        if size and first is None:
            return _Range(None, None, size)
        if size and first is not None and last is not None and first <= last < size:
            return _Range(first, last + 1, size)
    said = f"{header[:60]!r} is not such as bytes 0-1048575/5000000, or bytes */5000000"
    raise Problem(
        "malformed", f"Content-Range: {said}.", errors=(FieldError(field="Content-Range", problem=said),)
    )


@_unbounded.get(
    "/files/{digest}",
    operation_id="get_file",
    summary="Read a content",
    response_class=Response,
    responses={
        200: {"description": "the content", "content": BINARY},
        206: {"description": "the part of it that was asked for", "content": BINARY},
        304: {"description": "You have it"},
        **problems("forbidden", "not_found", "erased", "range_not_satisfiable"),
    },
)
async def get_file(
    request: Request,
    digest: DigestInPath,
    parts: Parts,
    identity: Caller,
    accord: MaybeInAccord = None,
    range_header: Annotated[
        str | None,
        Header(
            alias="Range",
            description="one range of bytes, to go on with what was cut off",
            examples=["bytes=1048576-"],
            json_schema_extra={"pattern": "^bytes=[0-9]{0,15}-[0-9]{0,15}$"},
        ),
    ] = None,
    if_range: Annotated[
        str | None,
        Header(
            alias="If-Range",
            description="the ETag of what you have a part of; another gives the whole",
            json_schema_extra={"pattern": '^"[!#-~]*"$'},
        ),
    ] = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The bytes of a content, checked against the digest as they are read; what was altered is cut off before its end.

    A part (`Range`) cannot be checked here: check the whole by its digest. HEAD answers with the size, or, where
    you have sent some parts, 404 with `Upload-Offset`.
    """
    try:
        content = await find(parts, identity, accord, digest)
    except Problem as problem:
        if problem.code == "not_found" and accord is not None and not identity.reads_all:
            await _tell_offset(parts, identity, accord, digest, problem)
        raise
    tag = f'"{digest}"'
    headers = _headers(content, tag)
    if unchanged(if_none_match, tag):
        return Response(None, 304, headers)
    wanted = None
    if range_header is not None and (if_range is None or if_range.strip() == tag):
        wanted = _wanted(range_header, content.size)
    start, end = wanted or (0, content.size)
    status = 200 if wanted is None else 206
    if wanted is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{content.size}"
    if head_only(request):
        return Sending(_nothing(), end - start, status, headers, content.media_type)
    reading = parts.store.read(content.object, start, end)
    if wanted is None:
        reading = verified(reading, digest, content.size)
    try:
        first = await anext(reading, b"")
    except (FileNotFoundError, StoreUnavailable, ContentAltered) as error:
        raise file_problem(error) from error
    return Sending(_following(first, reading), end - start, status, headers, content.media_type)


async def _tell_offset(parts: Backend, identity: Caller, accord: str, digest: str, problem: Problem) -> None:
    _, access = await seen(parts, identity, accord)
    upload = await parts.register.upload(accord, digest, side_of(access))
    if upload is not None:
        problem.headers["Upload-Offset"] = str(upload.received)


def _headers(content: Content, tag: str) -> dict[str, str]:
    raw = base64.b64encode(bytes.fromhex(content.digest.removeprefix("sha256:"))).decode()
    return {
        "ETag": tag,
        "Accept-Ranges": "bytes",
        "Repr-Digest": f"sha-256=:{raw}:",
        "Cache-Control": "private, no-cache",
        "Vary": "Authorization",
        # Whatever it is, no browser runs it.
        "Content-Disposition": f'attachment; filename="{content.digest.removeprefix("sha256:")}"',
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }


def _wanted(header: str, size: int) -> tuple[int, int] | None:
    """The bytes that a Range header asks for; none where it is none that is served, and all is to be sent.

    Raises:
        Problem: ``range_not_satisfiable``.
    """
    matched = _RANGE.fullmatch(header.strip())
    if matched is None or matched.groups() == ("", ""):
        return None
    first, last = matched.groups()
    if first and last and int(last) < int(first):
        return None
    start = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if start >= end:
        raise Problem(
            "range_not_satisfiable",
            f"The content has {size:,} bytes, and no {header[:60]}.",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return start, end


async def _nothing() -> AsyncIterator[bytes]:
    for _ in ():
        yield b""


async def _following(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for chunk in rest:
        yield chunk


@router.get(
    "/accords/{accord}/files",
    operation_id="list_files",
    summary="List an accord's contents",
    response_model=FilePage,
    responses=problems("not_found", "forbidden"),
)
async def list_files(
    request: Request,
    accord: AccordId,
    parts: Parts,
    identity: Caller,
    after: After = None,
    limit: Annotated[WholeNumber, Query(ge=1, le=200)] = 100,
) -> Response:
    """The contents that you may read, in the order in which they came. A page can hold fewer than `limit`."""
    begin = int(read_cursor(after) or 0)
    state, access = await seen(parts, identity, accord)
    seen_whole(access)
    found = await parts.register.listed(accord, begin, limit + 1)
    following = cursor(str(found[limit - 1][0])) if len(found) > limit else None
    items = []
    for _, digest in found[:limit]:
        content = await parts.register.content(accord, digest)
        if content is not None and may_read_content(access, state, content):
            items.append(file_view(content))
    return answer(FilePage(items=tuple(items), next=following), headers=next_link(request, following))


def file_view(content: Content) -> FileView:
    """A content as it is shown."""
    return FileView(
        accord=content.accord,
        digest=content.digest,
        size=content.size,
        media_type=content.media_type,
        stored=content.stored,
        named_by=tuple(one.position for one in content.opened_by),
    )


HTML = "text/html"


class ChangeView(View):
    """A stretch of text that both have (`equal`), that only the older has (`delete`), or only the newer (`insert`)."""

    op: Literal["equal", "delete", "insert"]
    text: str


class RedlineView(View):
    """What differs between two texts. Counted are characters as readers take them, whatever they consist of."""

    accord: str
    older: str
    newer: str
    deleted: int
    inserted: int
    changes: tuple[ChangeView, ...]


@router.get(
    "/accords/{accord}/redline",
    operation_id="get_redline",
    summary="Compare two texts",
    response_model=RedlineView,
    responses={
        200: {"description": "the redline", "content": {HTML: {"schema": {"type": "string"}}}},
        **problems("not_found", "forbidden", "erased", "not_text", "too_large", "not_acceptable"),
    },
)
async def get_redline(
    request: Request,
    accord: AccordId,
    older: Annotated[Digest, Query(description="the digest of the older text")],
    newer: Annotated[Digest, Query(description="the digest of the newer text")],
    parts: Parts,
    identity: Caller,
) -> Response:
    """How one text becomes another, character by character, in every script; plain text or Markdown in UTF-8.

    Both are contents of the accord that you may read. As JSON, or as a page where Accept prefers `text/html`.
    """
    form = preferred(request.headers.get("accept", "*/*"), "application/json", HTML)
    texts = [await _text_of(parts, identity, accord, digest) for digest in (older, newer)]
    changes = await COMPARING.run(redline, *texts)
    if form == HTML:
        shown = await COMPARING.run(redline_page.page, changes, older, newer, f"Redline of {accord}")
        headers = {"Content-Security-Policy": redline_page.SECURITY_POLICY, "Vary": "Accept, Authorization"}
        return Response(
            shown, 200, {"Cache-Control": "private, no-cache", **headers}, f"{HTML}; charset=utf-8"
        )
    said = RedlineView(
        accord=accord,
        older=older,
        newer=newer,
        deleted=counted(changes, "delete"),
        inserted=counted(changes, "insert"),
        changes=tuple(ChangeView(op=one.op, text=one.text) for one in changes),
    )
    return answer(said, headers={"Vary": "Accept, Authorization"})


async def _text_of(parts: Backend, identity: Caller, accord: str, digest: str) -> str:
    content = await find(parts, identity, accord, digest)
    if content.media_type not in TEXTS:
        raise Problem(
            "not_text", f"{digest} is {content.media_type}; a redline is made of {' or '.join(TEXTS)}."
        )
    if content.size > LARGEST:
        raise Problem(
            "too_large", f"{digest} has {content.size:,} bytes; a redline takes at most {LARGEST:,}."
        )
    try:
        reading = verified(parts.store.read(content.object), digest, content.size)
        return b"".join([chunk async for chunk in reading]).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Problem("not_text", f"{digest} is not UTF-8: {error.reason} at byte {error.start}.") from None
    except (FileNotFoundError, StoreUnavailable, ContentAltered) as error:
        raise file_problem(error) from error


router.include_router(_unbounded)
