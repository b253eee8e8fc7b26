"""The public keys of this installation, for everybody: nobody has to be anybody to check a record."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from activities.checkpoints.logkeys import LogKeys
from activities.errors import SettingsProblem
from activities.identity.signing import key_id_of
from activities.runtime.settings import Settings
from activities.tlog.note import decode_base64
from api.answers.record import CommandKey, Keys
from api.calls import ACCORD_ID, Parts, problems
from api.problems import unavailable
from api.routing import BoundedRoute

router = APIRouter(route_class=BoundedRoute, tags=["record"])


@router.get(
    "/keys",
    operation_id="get_keys",
    summary="Get the keys that records are verified by",
    response_model=Keys,
    responses=problems(public=True),
)
async def get_keys(
    request: Request,
    parts: Parts,
    response: Response,
    accord: Annotated[
        str | None,
        Query(
            pattern=ACCORD_ID,
            description="whose log's keys are asked for",
            examples=["working-visit-mzxw6ytboi"],
        ),
    ] = None,
) -> Keys:
    """The public keys with which this installation signs commands, and those of an accord's log. No key is needed.

    Keep them from the first day, and compare them with those of the other parties: whoever forged a record could also
    answer here. That there are keys for an accord's log does not say that there is such an accord.
    """
    settings = parts.settings
    commands = tuple(
        CommandKey(id=key_id_of(decode_base64(key, "a command key")), public_key=key)
        for key in settings.command_public_keys
    )
    logs: tuple[str, ...] = ()
    if accord is not None:
        logs = tuple(key.encoded() for key in _log_keys(request, settings).verifiers(accord))
    response.headers["Cache-Control"] = "no-cache"
    return Keys(command_keys=commands, log_keys=logs)


def _log_keys(request: Request, settings: Settings) -> LogKeys:
    """The secrets of this process, read once: anybody may ask, as often as they like.

    Raises:
        Problem: ``unavailable`` where this installation has no log key.
    """
    state = request.app.state
    if not hasattr(state, "log_keys"):
        try:
            state.log_keys = LogKeys.load(settings.log_key_file, settings.log_origin)
        except SettingsProblem as error:
            raise unavailable(f"Checkpoints are not signed here. {error.what} {error.remedy}") from None
    found: LogKeys = state.log_keys
    return found
