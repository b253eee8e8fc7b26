"""Papers made from the record: full powers, checklist, minutes and the others, as PDF; dates as a calendar."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as InPath

from activities.checkpoints.timestamps import Stamp
from activities.files.errors import StoreUnavailable
from activities.papers import making
from activities.papers.book.deposits import Holdings, deposits_of
from activities.papers.kinds import BOOK, CALENDAR, NAMES, NoSuchKind, described
from activities.papers.source import LogKeys, OutsideTime, Source, read_source
from activities.papers.words import ENGLISH, NoSuchLanguage, languages, languages_of, words_of
from activities.timestamps.token import read
from api.access import Access, may_read_content, may_read_particulars, seen_whole
from api.answers.record import PaperKind, PapersView, SignaturePage
from api.backend import Backend
from api.calls import AccordId, Caller, Parts, answer, problems, seen
from api.contents import file_problem
from api.exports import SentOnce
from api.heavy import FOLDING
from api.moments import AsOf, moment_asked_for, within_record
from api.papersigning import SIGNED_KINDS
from api.problems import FieldError, Problem, not_found, unavailable
from api.routes.ledger import BINARY, checkpoints_of
from api.routing import CheckedRoute, head_only, unless_hung_up
from workflows.model.canonical import digest_bytes
from workflows.model.state import Accord
from workflows.tracks.signing.pages import places

LONGEST_WAIT = 45.0
"""Seconds that a paper waits for its turn."""

# Not bounded by the API's deadline: a long record takes its time, and how many are made at once is bounded.
router = APIRouter(route_class=CheckedRoute, tags=["papers"])


@router.get(
    "/accords/{accord}/papers",
    operation_id="list_papers",
    summary="List the papers of an accord",
    response_model=PapersView,
    responses=problems("not_found", "forbidden"),
)
async def list_papers(accord: AccordId, parts: Parts, identity: Caller) -> Response:
    """Which papers can be made, in which languages; and the codes of the signature pages."""
    state, access = await seen(parts, identity, accord)
    seen_whole(access)
    w = words_of(ENGLISH, state.definition.vocabulary)
    return answer(
        PapersView(
            accord=accord,
            position=state.size - 1,
            papers=tuple(
                PaperKind(kind=one.kind, title=one.title, media_type=one.media_type) for one in described(w)
            ),
            languages=languages(),
            own_languages=languages_of(state),
            signature_pages=tuple(_pages(state)),
            signed_by=await parts.paper_signing.holder(),
            signed_kinds=SIGNED_KINDS,
        )
    )


def _pages(state: Accord) -> list[SignaturePage]:
    return [
        SignaturePage(
            document=one.document,
            seat=one.seat,
            original=one.original,
            digest=one.digest,
            code=one.code,
            party=one.party,
            signed=one.signed,
            scan=one.scan.digest if one.scan is not None else None,
        )
        for one in places(state)
    ]


@router.get(
    "/accords/{accord}/papers/{kind}",
    operation_id="get_paper",
    summary="Get a paper",
    response_class=Response,
    responses={
        **problems("not_found", "forbidden", "beyond_record", "busy"),
        200: {
            "description": "the paper; the header Entente-Position names the entry as of which it is",
            "content": {
                "application/pdf": {"schema": BINARY},
                "text/calendar": {"schema": {"type": "string"}},
            },
        },
    },
)
async def get_paper(
    request: Request,
    accord: AccordId,
    kind: Annotated[
        str,
        InPath(
            description=f"one of {', '.join(NAMES)}",
            examples=["checklist"],
            json_schema_extra={"pattern": "^[a-z]+(-[a-z]+)*$"},
        ),
    ],
    parts: Parts,
    identity: Caller,
    lang: Annotated[
        str,
        Query(
            max_length=35,
            description="the language that it is written in",
            examples=["ru"],
            json_schema_extra={"pattern": "^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$"},
        ),
    ] = ENGLISH,
    as_of: AsOf = None,
    signed: Annotated[
        bool,
        Query(description="with the installation's signature (PAdES), where it signs papers of this kind"),
    ] = False,
) -> Response:
    """A paper made from the record, the same bytes for the same entry and reader: PDF/A-2a and PDF/UA-1.

    `closing-book` is one PDF with all the others and the deposited files that you may read, attached (PDF/A-3a) and
    shown as far as they can be; it has the same bytes while the same files are deposited. `certificate` names the times
    from outside (RFC 3161), and has the same bytes while no further one has come. `calendar` is an iCalendar
    file, to which a calendar program can subscribe: for it alone a key is also taken as the password of
    `Authorization: Basic` (RFC 7617). Names of persons stand on papers as far as you may read them. Characters that no
    font has are written by their code, and the paper says so. A signature is an update behind those bytes, and another
    one each time.
    """
    state, access = await seen(parts, identity, accord)
    seen_whole(access)
    _known(kind, lang, state)
    if signed:
        parts.paper_signing.check(kind)
    position = None
    if as_of is not None:
        position = moment_asked_for(as_of, accord, (await parts.clocks.present(state)).time)
    if head_only(request):
        return Response(None, 200, _headers(accord, kind, lang, state.size - 1), _media_type(kind))

    async def made() -> tuple[making.Made, int]:
        async with _turn(parts, identity.principal):
            with within_record(accord):
                source = await _source(request, parts, accord, position, access, state)
            paper, position_of = await _paper(parts, source, kind, lang, access, state), source.bound.position
            if signed:
                with paper.file as unsigned:
                    reason = f"{kind} of {accord} as of entry {position_of}"
                    paper = replace(paper, file=await parts.paper_signing.sign(unsigned, reason))
            return paper, position_of

    over = parts.paper_copies.one_more(identity.principal)
    try:
        paper, position_of = await unless_hung_up(request, made())
    except BaseException as error:
        over()
        if isinstance(error, making.TooLong):
            raise unavailable(f"{error.what}. {error.remedy}.") from error
        if isinstance(error, StoreUnavailable):
            raise file_problem(error) from error
        raise
    headers = _headers(accord, kind, paper.language, position_of)
    return SentOnce(paper.file, headers, paper.media_type, over)


@asynccontextmanager
async def _turn(parts: Backend, principal: str) -> AsyncIterator[None]:
    """A place among the papers that are set; who asked has no use for one that comes after minutes."""
    async with AsyncExitStack() as held:
        try:
            async with asyncio.timeout(LONGEST_WAIT):
                await held.enter_async_context(parts.papers.turn("papers", principal))
        except TimeoutError:
            raise unavailable(
                "Many papers are being made at the moment. Send the same request again."
            ) from None
        yield


async def _paper(
    parts: Backend, source: Source, kind: str, lang: str, access: Access, state: Accord
) -> making.Made:
    if kind != BOOK:
        return await making.make_paper(source, kind, lang)
    holdings = Holdings(
        parts.register,
        parts.store,
        lambda content: may_read_content(access, state, content),
        state.erased_contents,
        parts.settings.book_bytes,
    )
    async with deposits_of(source, holdings) as deposits:
        return await making.make_paper(source, kind, lang, deposits)


def _known(kind: str, lang: str, state: Accord) -> None:
    try:
        if kind not in NAMES:
            raise NoSuchKind(f"there is no paper {kind[:40]!r}", f"The papers are {', '.join(NAMES)}")
        words_of(lang, state.definition.vocabulary)
    except NoSuchKind as error:
        raise Problem("not_found", f"{error.what}. {error.remedy}.") from None
    except NoSuchLanguage as error:
        said = f"{error.what}. {error.remedy}"
        raise Problem(
            "malformed", f"lang: {said}.", errors=(FieldError(field="lang", problem=said),)
        ) from None


def _media_type(kind: str) -> str:
    return "text/calendar" if kind == CALENDAR else "application/pdf"


def _headers(accord: str, kind: str, lang: str, position: int) -> dict[str, str]:
    ending = "ics" if kind == CALENDAR else "pdf"
    return {
        "Cache-Control": "private, no-store",
        "Vary": "Authorization",
        "Content-Disposition": f'attachment; filename="{accord}.{position}.{kind}.{lang}.{ending}"',
        "Content-Language": lang,
        "Entente-Position": str(position),
    }


async def _source(
    request: Request, parts: Backend, accord: str, position: Any, access: Access, state: Accord
) -> Source:
    source = await read_source(
        parts.ledger,
        accord,
        position,
        # What is erased by the record is on no paper, whether or not it is deleted yet.
        may_read=lambda told: (
            told.position not in state.erased
            and may_read_particulars(access, state, told.actor, told.facts.get("act"))
        ),
        beside=FOLDING.run,
    )
    if source is None:
        raise not_found(accord)
    return replace(source, log=await _log_keys(request, parts, accord, source.bound.size))


async def _log_keys(request: Request, parts: Backend, accord: str, size: int) -> LogKeys:
    """What the installation tells of the keys by which the record is verified."""
    commands = tuple(parts.settings.command_public_keys)
    try:
        checkpoints = checkpoints_of(request, parts)
    except Problem:
        # Checkpoints are not signed here.
        return LogKeys(commands=commands)
    keys = tuple(key.encoded() for key in await checkpoints.verifiers(accord))
    policy = await checkpoints.policy_text(accord, size)
    stamps = await checkpoints.timestamps.around(accord, size)
    return LogKeys(keys, (policy or b"").decode(), commands, tuple(map(_outside_time, stamps)))


def _outside_time(stamp: Stamp) -> OutsideTime:
    token = read(stamp.token)
    return OutsideTime(token.authority, stamp.size, token.before, digest_bytes(stamp.token))
