"""Notices by e-mail of what waits on the caller: at once or once a day, to an address that is shown to be theirs."""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal
from zoneinfo import available_timezones

import structlog
from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field
from temporalio.service import RPCError

from activities.errors import RuntimeProblem
from activities.feeds.credentials import CredentialRevoked
from activities.feeds.mail import Mail, MailFailed, written
from activities.feeds.notices import CODE_HOLDS, NoticeSettings
from activities.feeds.starting import tell_person
from activities.identity.keys import Identity
from activities.languages.catalogues import ENGLISH, gettext, spoken
from activities.languages.choosing import known
from activities.languages.names import NAMES
from api.answers.telling import NoticeView
from api.backend import Backend
from api.calls import Caller, Parts, answer, good_for, problems
from api.problems import FieldError, Problem, unavailable
from api.routing import BoundedRoute

log = structlog.get_logger(__name__)

router = APIRouter(route_class=BoundedRoute, tags=["feeds"])

TELL = 1.0
"""Seconds in which a workflow is told; the worker looks for itself, so nobody has to wait for it."""


class NoticeChoice(BaseModel):
    """Where and when the caller wants to be told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: Annotated[
        str,
        Field(
            max_length=254,
            pattern=r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$",
            examples=["a@b.example"],
        ),
    ]
    mode: Annotated[
        Literal["at_once", "daily"], Field(description="a message at once, or a digest a day")
    ] = "daily"
    hour: Annotated[int, Field(ge=0, le=23, description="of the digest, in the zone")] = 7
    zone: Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9_+/-]+$", examples=["Asia/Seoul"])] = "UTC"
    language: Annotated[
        Literal[tuple(NAMES)] | None,  # type: ignore[valid-type]
        Field(description="of the messages; none: as before, or English"),
    ] = None


class NoticeCode(BaseModel):
    """The code that was sent to the address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: Annotated[str, Field(pattern=r"^[0-9]{8}$")]


def _mine(identity: Identity) -> str:
    if identity.kind != "delegate":
        raise Problem("forbidden", f"No accord waits for the holder of an {identity.kind}'s key.")
    return identity.principal


def _shown(chosen: NoticeSettings | None) -> Response:
    if chosen is None:
        raise Problem("not_found", "You have chosen no notices: PUT /v1/notices with an address.")
    return answer(
        NoticeView(
            address=chosen.address,
            mode=chosen.mode,
            hour=chosen.hour,
            zone=chosen.zone,
            language=chosen.language,
            confirmed=chosen.confirmed is not None,
        )
    )


async def _tell(parts: Backend, principal: str) -> None:
    try:
        async with asyncio.timeout(TELL):
            await tell_person(await parts.temporal.client(), principal, parts.settings.task_queue)
    except (RPCError, RuntimeProblem, TimeoutError) as error:
        log.warning("a person's workflow could not be told", principal=principal, reason=str(error)[:300])


@router.get(
    "/notices",
    operation_id="get_notices",
    summary="Read how you are told",
    response_model=NoticeView,
    responses=problems("not_found", "forbidden"),
)
async def get_notices(parts: Parts, identity: Caller) -> Response:
    """Where and when the caller is told of what waits on them."""
    return _shown(await parts.notices.get(_mine(identity)))


@router.put(
    "/notices",
    operation_id="choose_notices",
    summary="Choose how you are told",
    response_model=NoticeView,
    responses=problems("forbidden", "not_found"),
)
async def choose_notices(choice: NoticeChoice, parts: Parts, identity: Caller) -> Response:
    """Be told by e-mail of what waits on you: what you owe, could verify, should agree to and may sign.

    A code is sent to a new address, by which it is confirmed.
    """
    principal = _mine(identity)
    # What is sent is of the record: nobody has that sent who may not read it.
    good_for(identity, "read")
    if choice.zone not in available_timezones():
        said = "there is no such zone in the IANA database; write one such as Europe/Oslo"
        raise Problem("malformed", f"zone: {said}.", errors=(FieldError(field="zone", problem=said),))
    url = parts.settings.smtp_url
    mail = Mail.of(None if url is None else url.get_secret_value(), parts.settings.mail_from)
    if mail is None:
        raise Problem(
            "not_found",
            "This installation sends no e-mail: its operator has set no mail server (ENTENTE_SMTP_URL).",
        )
    await parts.limits.count("delegate", principal)
    before = await parts.notices.get(principal)
    if before is None or before.confirmed is None or before.address != choice.address:
        # A code is sent, to whomever the address is of: nobody's mailbox is filled by that.
        await parts.limits.count("codes", "for", principal)
        await parts.limits.count("codes", "to", choice.address.lower())
    try:
        chosen, code = await parts.notices.choose(
            principal, choice.address, choice.mode, choice.hour, choice.zone, choice.language,
            credential=identity.key_id,
        )  # fmt: skip
    except CredentialRevoked as error:
        raise Problem("forbidden", f"{error.what}. {error.remedy}.") from None
    if code is None:
        await _tell(parts, principal)
        return _shown(chosen)
    hours = int(CODE_HOLDS.total_seconds() // 3600)
    with spoken(known(chosen.language) or ENGLISH):
        subject = gettext("Confirm your address")
        text = written("confirm.txt.j2", delegate=principal, code=code, hours=hours)
    try:
        await mail.send(choice.address, subject, text)
    except MailFailed as error:
        log.warning("a code could not be sent", principal=principal, reason=error.what)
        raise unavailable(f"The code could not be sent: {error.what}. Try again.") from None
    return _shown(chosen)


@router.put(
    "/notices/confirmation",
    operation_id="confirm_notices",
    summary="Confirm your address",
    response_model=NoticeView,
    responses=problems("forbidden", "not_found"),
)
async def confirm_notices(code: NoticeCode, parts: Parts, identity: Caller) -> Response:
    """Show by the code that was sent there that an address is yours. After five wrong ones, have another sent."""
    principal = _mine(identity)
    if not await parts.notices.confirm(principal, code.code):
        said = "it is not the code that was sent last, or no longer holds; choose the address again for another one"
        raise Problem("malformed", f"code: {said}.", errors=(FieldError(field="code", problem=said),))
    await _tell(parts, principal)
    return _shown(await parts.notices.get(principal))


@router.delete(
    "/notices",
    operation_id="end_notices",
    summary="Be told nothing more",
    status_code=204,
    response_model=None,
    responses=problems("forbidden", "not_found"),
)
async def end_notices(parts: Parts, identity: Caller) -> Response:
    """Be sent nothing more; the address is forgotten."""
    if not await parts.notices.forget(_mine(identity)):
        _shown(None)
    return Response(status_code=204)
