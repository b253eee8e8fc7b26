"""How routes are served: by query parameters that they have, within a deadline, and no longer than somebody waits.

A parameter that a route does not have is refused, and so is one that is given twice: ``?dryrun=true`` would otherwise
do for good what was only to be tried.
"""

from __future__ import annotations

import asyncio
import difflib
import re
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BeforeValidator
from starlette.types import Scope

from api.problems import FieldError, Problem

T = TypeVar("T")

FURTHER = "x-further-parameters"
"""In a route's ``openapi_extra``: it takes further query parameters, and refuses those itself that it does not know."""

_DEADLINE = "entente.deadline"
_HEAD_ONLY = "entente.head_only"
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)


def _flag(value: Any) -> Any:
    if isinstance(value, bool) or value in ("true", "false"):
        return value
    raise ValueError("write true or false")


def _whole_number(value: Any) -> Any:
    if isinstance(value, int) or (isinstance(value, str) and _NUMBER.fullmatch(value)):
        return value
    raise ValueError("write a whole number, in digits alone")


QueryFlag = Annotated[bool, BeforeValidator(_flag)]
"""``true`` or ``false``, and nothing that could mean it."""

WholeNumber = Annotated[int, BeforeValidator(_whole_number)]
"""A number in a path or query: digits, without sign, spaces or leading zeros."""


class CheckedRoute(APIRoute):
    """A route that takes the query parameters that it declares, each once."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, behind the check."""
        handle = super().get_route_handler()
        known = frozenset(_query_names(self.dependant))
        further = bool((self.openapi_extra or {}).get(FURTHER))

        async def checked(request: Request) -> Response:
            if request.scope["query_string"]:
                _check_query(request, known, further=further)
            return await handle(request)

        return checked


class BoundedRoute(CheckedRoute):
    """A route that also answers within the API's deadline, whatever it waits for; reading the body has its own."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, bounded."""
        handle = super().get_route_handler()

        async def bounded(request: Request) -> Response:
            seconds = request.app.state.backend.settings.api_deadline
            async with asyncio.timeout(seconds) as deadline:
                request.scope[_DEADLINE] = deadline
                return await handle(request)

        return bounded


def _query_names(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for inner in dependant.dependencies:
        yield from _query_names(inner)


def _check_query(request: Request, known: frozenset[str], *, further: bool) -> None:
    given = Counter(name for name, _ in request.query_params.multi_items())
    wrong = []
    for name, times in given.items():
        if name in known and times > 1:
            wrong.append(FieldError(field=name, problem="it is given twice; give it once"))
        elif name not in known and not further:
            wrong.append(
                FieldError(field=name[:80], problem=f"there is no such parameter; {_meant(name, known)}")
            )
        if len(wrong) == 20:
            break
    if wrong:
        listing = "; ".join(f"{each.field}: {each.problem}" for each in wrong[:5])
        raise Problem("malformed", f"The query is malformed: {listing}.", errors=tuple(wrong))


def _meant(name: str, known: frozenset[str]) -> str:
    if not known:
        return "none is taken here"
    like = difflib.get_close_matches(name[:80], sorted(known), n=1)
    return f"did you mean {like[0]}?" if like else f"those here are {', '.join(sorted(known))}"


@contextmanager
def in_its_own_time(request: Request) -> Iterator[None]:
    """What the request's body takes is bounded by the block itself; the API's deadline begins when it is over."""
    deadline: asyncio.Timeout | None = request.scope.get(_DEADLINE)
    if deadline is not None:
        deadline.reschedule(None)
    try:
        yield
    finally:
        if deadline is not None:
            seconds = request.app.state.backend.settings.api_deadline
            deadline.reschedule(asyncio.get_running_loop().time() + seconds)


async def in_time(request: Request, reading: Coroutine[Any, Any, T]) -> T:
    """What ``reading`` makes of the request's body, within the time that a body has; then the API's deadline begins.

    Raises:
        Problem: ``request_timeout``; the connection is closed, since the rest of the body may come yet.
    """
    settings = request.app.state.backend.settings
    try:
        with in_its_own_time(request):
            async with asyncio.timeout(settings.api_body_seconds):
                return await reading
    except TimeoutError:
        raise Problem(
            "request_timeout",
            f"The body did not arrive within {settings.api_body_seconds:g} s. Nothing was done; send it again.",
            headers={"Connection": "close"},
        ) from None


async def unless_hung_up(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` returns; it is given up as soon as the caller has gone away. To be used once the body is read.

    Raises:
        Problem: ``hung_up``, which nobody reads but our logs.
    """
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_hung_up(request))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise Problem(
                "hung_up", "The caller went away before there was an outcome; there may be one yet."
            )
        return working.result()
    finally:
        # Both are over when this returns, whichever way: what waited in a queue has left it.
        working.cancel()
        gone.cancel()
        await asyncio.gather(working, gone, return_exceptions=True)


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def without_body(scope: Scope) -> Scope:
    """The scope of a HEAD request as that of the GET whose headers it asks for."""
    return {**scope, "method": "GET", _HEAD_ONLY: True}


def head_only(request: Request) -> bool:
    """Whether only the headers of the answer are asked for."""
    return bool(request.scope.get(_HEAD_ONLY))
