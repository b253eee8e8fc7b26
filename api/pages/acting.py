"""An act in the pages: its form, then what would follow from it, then the act itself, then what came of it.

Nothing is sent that was not looked ahead to: where the accord has moved on meanwhile, the new preview is shown instead.
The form carries the act's idempotency key, so that a double click or a reload does it once.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from activities.files.register import Content
from activities.languages.prose import prose
from api.access import seen_whole
from api.answers.looking_ahead import DryRun
from api.calls import AccordId, Parts, acting, idempotency_key
from api.foreseeing import foreseen
from api.heavy import JUDGING
from api.pages.accords import Shown, accord_page, shown
from api.pages.checked import field_problem
from api.pages.forms import about, form_fields, given_of, read_form
from api.pages.readable import digests_in, readable
from api.pages.uploading import form_with_files, has_files, may_send
from api.pages.visiting import PageRoute, Visitor, form_of
from api.pages.words import entry_says
from api.preview import DRY_RUN, dry_run
from api.problems import Problem, not_found
from api.routing import FURTHER, unless_hung_up
from workflows.model.canonical import digest_of
from workflows.model.commands import Command, Receipt, Refusal
from workflows.model.declare import Act
from workflows.model.declared import ACTS

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_KEY = re.compile(r"web-[A-Za-z0-9_-]{22}", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+Z")

MOST_ENTRIES = 200
"""Entries that are shown of what followed from an act."""

APPOINTED = "delegate_appointed"
"""The entry of somebody who was appointed, and can be invited by a link."""

ON_THE_FORM = ("malformed", "delegate_claimed")
"""Problems that whoever filled the form in can mend there."""

Given = Mapping[str, tuple[str, ...]]


def _new_key() -> str:
    """An idempotency key for one form."""
    return f"web-{secrets.token_urlsafe(16)}"


def _act_named(name: str) -> type[Act]:
    act = ACTS.get(name.replace("-", "_"))
    if act is None:
        raise not_found(name[:60])
    return act


def _allowed(one: Shown, act: type[Act]) -> str:
    """As whom the visitor would do the act.

    Raises:
        Problem: ``forbidden``.
    """
    access = one.seen.access
    if access.candidate:
        if not act.by_candidates:
            seen_whole(access)
    elif access.cleared and act.track != "keys":
        # An observer sees to keys of its own, and does nothing else.
        seen_whole(access)
    return acting(one.seen.identity, act)


@router.get("/accords/{accord}/do/{name}", openapi_extra={FURTHER: True})
async def form(request: Request, parts: Parts, session: Visitor, accord: AccordId, name: str) -> Response:
    """The form of an act, with what is known filled in."""
    one, act = await shown(request, parts, session, accord), _act_named(name)
    delegate = _allowed(one, act)
    given: dict[str, tuple[str, ...]] = {}
    for key, value in request.query_params.multi_items():
        if key in act.model_fields and value:
            given[key] = (*given.get(key, ()), value)
    single = {key: values[0] for key, values in given.items() if len(values) == 1}
    first = about(act, one.state, delegate, single)
    if first:
        return accord_page(request, "about.html", one, "", act=act, fields=first)
    return _form_page(request, one, act, delegate, given, _new_key())


def _form_page(
    request: Request,
    one: Shown,
    act: type[Act],
    delegate: str,
    given: Given,
    key: str,
    errors: Mapping[str, tuple[str, ...]] | None = None,
    said: str | None = None,
    status: int = 200,
) -> Response:
    shown_fields = form_fields(act, one.state, delegate, given, errors, files=may_send(one))
    known = {field.name for field in shown_fields}
    further = [
        f"{field}: {text}" if field else text
        for field, texts in (errors or {}).items()
        if field.split(".")[0] not in known
        for text in texts
    ]
    single = {name: values[0] for name, values in given.items() if len(values) == 1}
    [offer, *_] = one.offers((act.name,), **single) or (None,)
    answer = accord_page(
        request,
        "act.html",
        one,
        "",
        act=act,
        fields=shown_fields,
        key=key,
        said=said,
        further=further,
        offer=offer,
    )
    answer.status_code = status
    return answer


@router.post("/accords/{accord}/do/{name}")
async def sent(request: Request, parts: Parts, session: Visitor, accord: AccordId, name: str) -> Response:
    """Look ahead, or do it: once, and as it was foreseen."""
    act = _act_named(name)
    wrong: dict[str, tuple[str, ...]] = {}
    if has_files(request):
        # Whose it is, is asked before a file is taken in.
        one = await shown(request, parts, session, accord)
        delegate = _allowed(one, act)
        with_files = await form_with_files(request, session, one, delegate)
        posted, wrong = with_files.fields, with_files.errors
    else:
        posted = await form_of(request, session)
        one = await shown(request, parts, session, accord)
        delegate = _allowed(one, act)
    await parts.limits.count("delegate", session.identity.principal)
    key = posted.get("key", [""])[0]
    if _KEY.fullmatch(key) is None:
        raise Problem(
            "malformed", "The form lost its own key. Open the act's page again, and fill it in anew."
        )
    given, step = given_of(posted), posted.get("step", ["preview"])[0]
    fields, errors = read_form(act, given)
    errors = {**errors, **wrong}
    if errors or step == "change":
        return _form_page(request, one, act, delegate, given, key, errors, status=422 if errors else 200)
    command = Command(
        accord=accord, id=f"{delegate}/{DRY_RUN}", act=act.name, fields=fields, delegate=delegate
    )
    command_id = f"{delegate}/{idempotency_key(key, session.identity)}"
    known = await parts.ledger.outcome(accord, command_id)
    if known is None:
        try:
            preview = await _previewed(parts, one, command)
        except Problem as problem:
            if problem.code not in ON_THE_FORM:
                raise
            return _with_errors(request, one, act, delegate, given, key, problem)
        mark = _mark(preview)
        if step != "send" or posted.get("foreseen", [""])[0] != mark:
            moved = step == "send" and "foreseen" in posted
            files = await readable(parts, one.seen, digests_in(fields))
            return _preview_page(request, one, act, given, key, preview, mark, files, moved=moved)
    command = command.model_copy(update={"id": command_id})
    where = f"/accords/{accord}/outcomes/{key}"
    if act.signal:
        settled = await parts.commands.signal(command)
    else:
        settled = await unless_hung_up(request, parts.commands.act(command))
    if settled is not None and isinstance(settled.outcome, Refusal):
        return _refused_page(request, one, act, settled.outcome)
    return RedirectResponse(where, 303, {"Cache-Control": "no-store"})


def _with_errors(
    request: Request, one: Shown, act: type[Act], delegate: str, given: Given, key: str, problem: Problem
) -> Response:
    errors: dict[str, tuple[str, ...]] = {}
    for error in problem.members.get("errors") or ():
        field = "" if error.field == "(whole)" else error.field
        errors[field] = (*errors.get(field, ()), field_problem(error.problem))
    said = None if errors else prose(problem.detail)
    return _form_page(request, one, act, delegate, given, key, errors, said, 422)


async def _previewed(parts: Parts, one: Shown, command: Command) -> DryRun:
    """What would follow from the act at the accord's present time.

    Raises:
        Problem: ``malformed``, or the delegate is not known there.
    """
    time = one.present.time
    decision = await foreseen(parts, one.state, command, time)
    return await JUDGING.run(dry_run, one.state, command, time, decision)


def _mark(foreseen: DryRun) -> str:
    """What tells one preview from another: all that would follow, but the times, which go on."""
    shown = foreseen.model_dump(mode="json", include={"would_be", "refusal", "stage", "opens", "reopens"})
    events = [(one.type, one.facts.get("event")) for one in foreseen.events]
    return digest_of(_timeless({**shown, "events": events}))


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_timeless(one) for one in value]
    return "" if isinstance(value, str) and _TIME.fullmatch(value) else value


def _preview_page(
    request: Request,
    one: Shown,
    act: type[Act],
    given: Given,
    key: str,
    foreseen: DryRun,
    mark: str,
    files: Mapping[str, Content],
    *,
    moved: bool,
) -> Response:
    fields = form_fields(act, one.state, one.acts_as, given)
    return accord_page(
        request,
        "preview.html",
        one,
        "",
        act=act,
        fields=fields,
        given=given,
        key=key,
        foreseen=foreseen,
        mark=mark,
        moved=moved,
        files=files,
    )


def _refused_page(request: Request, one: Shown, act: type[Act], refusal: Refusal) -> Response:
    """A refusal that is not on the record, since the accord is closed or it is a signal."""
    answer = accord_page(
        request,
        "outcome.html",
        one,
        "",
        act=act,
        receipt=None,
        appointed=None,
        refusal=refusal,
        entries=[],
        more=0,
    )
    answer.status_code = 409
    return answer


@router.get("/accords/{accord}/outcomes/{key}")
async def outcome(request: Request, parts: Parts, session: Visitor, accord: AccordId, key: str) -> Response:
    """What came of an act that was sent from a form; the same however often it is looked at."""
    one = await shown(request, parts, session, accord)
    if _KEY.fullmatch(key) is None:
        raise not_found(accord)
    whose = session.identity
    command_id = f"{one.acts_as}/{idempotency_key(key, whose)}"
    known = await parts.ledger.outcome(accord, command_id)
    if known is None:
        return accord_page(request, "awaited.html", one, "")
    receipt: Receipt = known.receipt
    stored = await parts.ledger.entries(
        accord, receipt.first_position, min(receipt.position - receipt.first_position + 1, MOST_ENTRIES)
    )
    recorded = [entry.recorded() for entry in stored]
    entries = [
        (it.position, entry_says(it, one.state), it.type) for it in recorded if it.command == command_id
    ]
    return accord_page(
        request,
        "outcome.html",
        one,
        "",
        act=ACTS[receipt.act],
        receipt=receipt,
        appointed=next((it.facts["event"]["delegate"] for it in recorded if it.type == APPOINTED), None),
        refusal=receipt.refusal,
        entries=entries,
        more=max(0, receipt.position - receipt.first_position + 1 - MOST_ENTRIES),
    )
