"""The contents of what the record names by digest: deposited, and read by those for whom the entries are."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi import Path as InPath

from activities.files.depositing import Where
from activities.files.errors import ContentAltered, FileRefused, StoreUnavailable
from activities.files.register import Content
from activities.files.store import verified
from api.access import seen_whole, side_of
from api.answers.record import Deposited
from api.backend import Backend
from api.bodies import media_type
from api.calls import (
    ACCORD_ID,
    Caller,
    Parts,
    acting,
    answer,
    problems,
    seen,
)
from api.contents import deposited, file_problem, find, if_erased, unless_erased
from api.preconditions import IfNoneMatch, unchanged
from api.problems import FieldError, Problem
from api.routing import BoundedRoute, CheckedRoute, QueryFlag, head_only
from api.uploads import Sending, arriving
from workflows.model.commands import Digest

router = APIRouter(route_class=BoundedRoute, tags=["files"])
# Not bounded by the API's deadline: what is long takes its time.
_unbounded = APIRouter(route_class=CheckedRoute, tags=["files"])

_PART = re.compile(r"bytes (?:([0-9]{1,15})-([0-9]{1,15})|\*)/([0-9]{1,15})", re.ASCII)
_RANGE = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})", re.ASCII)

_BYTES = {"schema": {"type": "string", "format": "binary"}}
BINARY: dict[str, Any] = {"application/octet-stream": _BYTES, "*/*": _BYTES}

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


@_unbounded.put(
    "/files/{digest}",
    operation_id="put_file",
    summary="Deposit a content",
    response_model=Deposited,
    responses={
        200: {"description": "it was here already"},
        201: {"description": "it is here, and has this digest", "model": Deposited},
        202: {
            "description": "the part is here, and the next one is awaited; or it would be taken (`dry_run`)",
            "model": Deposited,
        },
        **problems(
            "forbidden", "not_found", "other_offset", "erased", "too_large", "too_many_files",
            "unsupported_media_type", "digest_differs", "busy",
        ),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "The content, of any type: the Content-Type is kept, and given with it.",
            "content": {"application/octet-stream": _BYTES},
        }
    },
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
    dry_run: Annotated[
        QueryFlag,
        Query(
            description="only say whether it would be taken, by its `Content-Type` and the size that "
            "`Content-Range: bytes */5000000` names, and how much of it is here; send no body"
        ),
    ] = False,
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
    if_erased(state, digest)
    where = Where(accord, digest, side_of(access), delegate)
    known = await deposited(parts, where)
    if known is not None:
        return _deposited(where, known.size, known.size, 200)
    if dry_run:
        return await _would_be_taken(request, parts, where, part)

    async def take() -> Response:
        with parts.uploads.one_more(identity.principal):
            return await _take(request, parts, where, part)

    return await unless_erased(parts, where, take)


async def _take(request: Request, parts: Backend, where: Where, part: _Range | None) -> Response:
    kind = _kind(request)
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


async def _would_be_taken(request: Request, parts: Backend, where: Where, part: _Range | None) -> Response:
    try:
        await parts.depositing.check(where, part.size if part else None, _kind(request))
    except FileRefused as error:
        raise file_problem(error) from error
    upload = await parts.register.upload(where.accord, where.digest, where.side)
    return _deposited(where, part.size if part else None, upload.received if upload else 0, 202)


def _kind(request: Request) -> str:
    return media_type(request) if "content-type" in request.headers else "application/octet-stream"


def _deposited(where: Where, size: int | None, received: int, status: int) -> Response:
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


router.include_router(_unbounded)
