"""What lets a reader check an accord's record: receipts, checkpoints, tiles, policy, and the whole of it in one file.

Formats are those of C2SP, as other people's tools read them. Hashes tell nothing of what was done, so that whoever
sees an accord at all gets them; entries are for those who see the whole of it, payloads as ``audience`` says.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as InPath

from activities.bundle.export import export_accord
from activities.bundle.format import Audience
from activities.checkpoints.checkpoints import Checkpoints, NoSuchEntry
from activities.checkpoints.logkeys import LogKeys, guard_directory
from activities.checkpoints.rollback import Guard, RolledBack
from activities.checkpoints.timestamps import Stamp, TimestampStore
from activities.errors import LedgerError, Malformed, SettingsProblem
from activities.files.errors import ContentAltered, StoreUnavailable
from activities.timestamps.token import read
from activities.tlog.note import encode_base64
from activities.tlog.tiles import parse_path
from api.access import Access, seen_whole
from api.answers.record import TimestampsView, TimestampView
from api.backend import Backend
from api.calls import AccordId, Caller, Parts, problems, seen
from api.contents import file_problem, readable_files
from api.problems import Problem, unavailable
from api.routing import BoundedRoute, CheckedRoute, QueryFlag, WholeNumber, head_only, unless_hung_up

TEXT = "text/plain; charset=utf-8"

router = APIRouter(route_class=BoundedRoute, tags=["record"])
# Not bounded by the API's deadline: a long record takes its time.
_unbounded = APIRouter(route_class=CheckedRoute, tags=["record"])

BINARY: dict[str, Any] = {"type": "string", "format": "binary"}

Position = Annotated[WholeNumber, InPath(ge=0, lt=2**53, description="the entry's position", examples=[7])]


def _text(description: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"description": description, "content": {"text/plain": {"schema": {"type": "string"}}}}}


def checkpoints_of(request: Request, parts: Backend) -> Checkpoints:
    """The signer of this process, made when it is first needed.

    Raises:
        Problem: ``unavailable`` where this installation has no log key.
    """
    state = request.app.state
    if not hasattr(state, "checkpoints"):
        settings = parts.settings
        try:
            keys = LogKeys.load(settings.log_key_file, settings.log_origin)
            assert settings.log_key_file is not None  # noqa: S101 - load has refused that
            guard = Guard(guard_directory(settings.log_key_file))
        except SettingsProblem as error:
            raise unavailable(f"Checkpoints are not signed here. {error.what} {error.remedy}") from None
        state.checkpoints = Checkpoints(parts.ledger, parts.pool, keys, guard)
    found: Checkpoints = state.checkpoints
    return found


def _problem(error: LedgerError) -> Problem:
    """What keeps a proof from being made."""
    if isinstance(error, NoSuchEntry):
        return Problem("not_found", f"{error}")
    if isinstance(error, RolledBack):
        return unavailable(
            "The log does not sign at the moment: its database does not extend what was signed before. Keep the "
            "checkpoints and receipts that you have, and tell the other parties."
        )
    raise error


@router.get(
    "/accords/{accord}/proof/{position}",
    operation_id="get_proof",
    summary="Prove that an entry is on the record",
    response_class=Response,
    responses={**problems("not_found"), **_text("a `.tlog-proof` file")},
)
async def get_proof(
    request: Request,
    accord: AccordId,
    position: Position,
    parts: Parts,
    identity: Caller,
    final: Annotated[
        QueryFlag, Query(description="against a checkpoint that the witnesses' quorum has cosigned")
    ] = False,
) -> Response:
    """The entry's receipt, a C2SP `tlog-proof`: the same bytes whenever it is asked for.

    With `final=true` it is the proof against the first later checkpoint that has its quorum; 404 as long as there is
    none, or nobody is named to witness.
    """
    await seen(parts, identity, accord)
    checkpoints = checkpoints_of(request, parts)
    try:
        proof = await (checkpoints.finality if final else checkpoints.receipt)(accord, position)
    except LedgerError as error:
        raise _problem(error) from error
    if proof is None:
        raise Problem(
            "not_found",
            f"Entry {position} is not final yet: the witnesses' quorum is awaited. Ask again later.",
        )
    return _answer(proof.encoded(), TEXT)


@router.get(
    "/accords/{accord}/checkpoint",
    operation_id="get_checkpoint",
    summary="Get the present checkpoint",
    response_class=Response,
    responses={**problems("not_found"), **_text("a signed note")},
)
async def get_checkpoint(request: Request, accord: AccordId, parts: Parts, identity: Caller) -> Response:
    """What the log commits to now, a C2SP `tlog-checkpoint` with its cosignatures. Keep it, and compare it."""
    await seen(parts, identity, accord)
    try:
        kept = await checkpoints_of(request, parts).sign(accord)
    except LedgerError as error:
        raise _problem(error) from error
    return _answer(kept.cosigned().encoded(), TEXT)


@router.get(
    "/accords/{accord}/timestamps",
    operation_id="get_timestamps",
    summary="Get the outside times of checkpoints",
    response_model=TimestampsView,
    responses=problems("not_found"),
)
async def get_timestamps(
    accord: AccordId,
    parts: Parts,
    identity: Caller,
    limit: Annotated[
        WholeNumber, Query(ge=1, le=100, description="at most so many, of the largest sizes")
    ] = 20,
) -> Response:
    """What time-stamp authorities said of this accord's final checkpoints: RFC 3161 tokens, best effort.

    Empty where the installation asks no authority, or none has answered yet. A bundle has all of them; verify them by
    root certificates that you have from the authority itself, with `entente verify --tsa-certificate`.
    """
    await seen(parts, identity, accord)
    found = await TimestampStore(parts.pool).latest(accord, limit)
    view = TimestampsView(accord=accord, items=tuple(map(timestamp_view, found)))
    return _answer(view.model_dump_json().encode(), "application/json")


def timestamp_view(stamp: Stamp) -> TimestampView:
    """A token of time as an answer has it."""
    token = read(stamp.token)
    return TimestampView(
        size=stamp.size,
        authority=stamp.authority,
        by=token.authority,
        time=token.time,
        accuracy_seconds=token.accuracy.total_seconds(),
        received=stamp.received,
        token=encode_base64(stamp.token),
    )


@router.get(
    "/accords/{accord}/policy",
    operation_id="get_policy",
    summary="Get the witness policy",
    response_class=Response,
    responses={**problems("not_found"), **_text("a policy file")},
)
async def get_policy(request: Request, accord: AccordId, parts: Parts, identity: Caller) -> Response:
    """The C2SP `tlog-policy` in force: the log's key, and whose cosignatures make a checkpoint final.

    Where no witness is named yet it has the log's key and asks for no quorum. Verify by a copy of your own.
    """
    await seen(parts, identity, accord)
    checkpoints = checkpoints_of(request, parts)
    content = await checkpoints.policy_text(accord)
    if content is None:
        keys = await checkpoints.verifiers(accord)
        logs = "".join(f"log {key.encoded()}\n" for key in keys)
        content = f"{logs}quorum none\n".encode()
    return _answer(content, TEXT)


@router.get(
    "/accords/{accord}/tile/{path:path}",
    operation_id="get_tile",
    summary="Get a tile of the Merkle tree, or of entries",
    response_class=Response,
    responses={
        **problems("not_found", "forbidden"),
        200: {"description": "the tile", "content": {"application/octet-stream": {"schema": BINARY}}},
    },
)
async def get_tile(
    request: Request,
    accord: AccordId,
    path: Annotated[
        str,
        InPath(
            max_length=80,
            description="as C2SP names it",
            examples=["0/000.p/17"],
            json_schema_extra={"pattern": "^([0-9]{1,2}|entries)(/x?[0-9]{3})+(\\.p/[0-9]{1,3})?$"},
        ),
    ],
    parts: Parts,
    identity: Caller,
) -> Response:
    """A tile by the path that C2SP `tlog-tiles` gives it, such as `tile/0/x001/234` or `tile/entries/000.p/17`."""
    _, access = await seen(parts, identity, accord)
    try:
        tile = parse_path(f"tile/{path}")
        if tile.level is None:
            seen_whole(access)
        content = await checkpoints_of(request, parts).tile(accord, tile)
    except Malformed as error:
        raise Problem("not_found", f"{error}") from None
    except LedgerError as error:
        raise _problem(error) from error
    return _answer(content, "application/octet-stream", lasting=True)


@_unbounded.get(
    "/accords/{accord}/bundle",
    operation_id="get_bundle",
    summary="Get the whole record in one file",
    response_class=Response,
    responses={
        **problems("not_found", "forbidden", "busy"),
        200: {"description": "a bundle", "content": {"application/zip": {"schema": BINARY}}},
    },
)
async def get_bundle(
    request: Request,
    accord: AccordId,
    parts: Parts,
    identity: Caller,
    files: Annotated[
        QueryFlag, Query(description="with the contents that you may read, of those that are deposited")
    ] = False,
) -> Response:
    """The record as far as you may read it, for `entente verify` with the network off.

    Auditors get all of it; delegates get it without particulars and signed commands; an observer gets the entries
    without payloads, which suffice to check that the record is whole, signed, and agreed by the witnesses.
    """
    state, access = await seen(parts, identity, accord)
    if files:
        seen_whole(access)
    checkpoints = checkpoints_of(request, parts)

    async def export(file: Path) -> None:
        await export_accord(
            file,
            checkpoints,
            parts.ledger,
            accord,
            command_keys=parts.settings.command_public_keys,
            audience=_audience(access),
            files=readable_files(parts, state, access) if files else None,
        )

    headers = {
        "Cache-Control": "private, no-store",
        "Vary": "Authorization",
        "Content-Disposition": f'attachment; filename="{accord}.bundle"',
    }
    if head_only(request):
        return Response(None, 200, headers, "application/zip")
    try:
        return await unless_hung_up(request, parts.exports.write(identity.principal, export, headers))
    except LedgerError as error:
        raise _problem(error) from error
    except (StoreUnavailable, ContentAltered, FileNotFoundError) as error:
        raise file_problem(error) from error


def _audience(access: Access) -> Audience:
    if access.audits:
        return "all"
    return "none" if access.cleared else "facts"


def _answer(content: bytes, media_type: str, *, lasting: bool = False) -> Response:
    cache = "private, max-age=86400, immutable" if lasting else "private, no-cache"
    return Response(content, 200, {"Cache-Control": cache, "Vary": "Authorization"}, media_type)


router.include_router(_unbounded)
