"""Requests on their way: sent again while the API says "not now", as long as that is safe, within a bound.

A request is safe to send again by its method, or by its idempotency key. ``Retry-After`` is honoured as it stands
(RFC 9110, 10.2.3); a wait beyond the client's patience is not begun.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, ValidationError

from api.client.errors import ClientError, NoAnswer, NotAnApi, NotNow, problem_of
from api.client.operations import SAFE
from workflows.model.canonical import canonical

PATIENCE = 30.0
"""Seconds for which "not now" and broken connections are tried again."""

ANSWER = 30.0
"""Seconds to wait for one answer."""

_PAUSE = 0.2
_LONGEST_PAUSE = 5.0
_LATER = (408, 429, 503)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")

Query = Sequence[tuple[str, str]]
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Request:
    """One request. ``key`` is its idempotency key; ``repeatable`` says that it can be sent again without one."""

    method: str
    path: str
    query: Query = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    key: str | None = None
    repeatable: bool = False
    within: float = ANSWER

    @property
    def again(self) -> bool:
        """Whether it is safe to send it again without knowing what became of it."""
        return self.method in SAFE or self.key is not None or self.repeatable

    def all_headers(self) -> dict[str, str]:
        """Its headers, with that of the key."""
        return dict(self.headers) | ({"Idempotency-Key": self.key} if self.key is not None else {})


def json_request(
    method: str,
    path: str,
    fields: Mapping[str, Any],
    *,
    headers: Mapping[str, str] | None = None,
    **rest: Any,
) -> Request:
    """A request whose body is a JSON object, in canonical form: the same bytes whenever it is sent."""
    told = {"Content-Type": "application/json", **(headers or {})}
    return Request(method, path, headers=told, content=canonical(dict(fields)), **rest)


class Sender:
    """Sends to one API, with one key (none: as a stranger).

    Args:
        url: the API's address, such as https://entente.example.
        key: an API key, or a token of an OpenID provider.
        patience: seconds for which a request is tried again.
        absent: whether also an API that does not listen yet is waited for.
        transport: for tests and unusual networks; httpx's own by default.
    """

    def __init__(
        self,
        url: str,
        key: str = "",
        *,
        patience: float = PATIENCE,
        absent: bool = True,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        if urlsplit(self.url).scheme not in ("http", "https") or not urlsplit(self.url).hostname:
            raise ValueError(f"{url!r} is no address of an API, such as https://entente.example")
        self.patience = patience
        self._absent = absent
        self.http = httpx.AsyncClient(
            base_url=self.url,
            timeout=ANSWER,
            headers={"User-Agent": "entente"} | ({"Authorization": f"Bearer {key}"} if key else {}),
            # A proxy from the environment is for what is elsewhere.
            trust_env=urlsplit(self.url).hostname not in _LOOPBACK,
            transport=transport,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self.http.aclose()

    async def send(self, request: Request) -> httpx.Response:
        """The answer, which may be a problem other than "not now".

        Raises:
            NoAnswer: there is none.
            NotNow: the API asks to come again later than the client's patience.
        """
        return await self.persist(lambda: self.once(request), again=request.again, key=request.key)

    async def once(self, request: Request) -> httpx.Response:
        """Whatever is answered; nothing is tried again.

        Raises:
            httpx.TransportError: the connection cannot be made, or broke.
        """
        return await self.http.request(
            request.method,
            request.path,
            params=httpx.QueryParams(list(request.query)) if request.query else None,
            headers=request.all_headers(),
            content=request.content,
            timeout=request.within,
        )

    async def persist(
        self, attempt: Callable[[], Awaitable[httpx.Response]], *, again: bool = True, key: str | None = None
    ) -> httpx.Response:
        """What ``attempt`` is answered; made again on "not now" and broken connections, where that is safe (``again``).

        Raises:
            NoAnswer: there is none.
            NotNow: the API asks to come again later than the client's patience.
        """
        deadline, pause = time.monotonic() + self.patience, _PAUSE
        while True:
            failed: ClientError
            try:
                answer = await attempt()
                if answer.status_code not in _LATER:
                    return answer
                failed, asked = self._later(answer, key)
                # Nothing was done of what was too much, or came too slowly; of the rest that is not known.
                possible = again or answer.status_code in (408, 429)
            except httpx.TransportError as error:
                failed, asked = self.no_answer(error, key), 0.0
                unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                possible = self._absent if unsent else again
            wait = max(asked, pause * random.uniform(0.5, 1.0))  # noqa: S311 - only to spread them
            if not possible or time.monotonic() + wait > deadline:
                raise failed
            await asyncio.sleep(wait)
            pause = min(2 * pause, _LONGEST_PAUSE)

    @asynccontextmanager
    async def streamed(
        self, method: str, path: str, query: Query, headers: Mapping[str, str], silence: float = ANSWER
    ) -> AsyncIterator[httpx.Response]:
        """One request whose answer is read as it comes; nothing is tried again.

        Raises:
            httpx.TransportError: the connection cannot be made, or broke, or was silent for ``silence`` seconds.
        """
        async with self.http.stream(
            method,
            path,
            params=httpx.QueryParams(list(query)) if query else None,
            headers=dict(headers),
            timeout=httpx.Timeout(ANSWER, read=silence),
        ) as answer:
            yield answer

    async def json(self, request: Request) -> dict[str, Any]:
        """The JSON object that is answered.

        Raises:
            ApiProblem: the API says why not.
            NoAnswer: it does not answer.
            NotAnApi: it answers something else.
        """
        answer = await self.send(request)
        if not answer.is_success:
            self.fail(answer, request.key)
        try:
            said = answer.json()
        except ValueError:
            said = None
        if not isinstance(said, dict):
            raise self._nonsense(answer, "no JSON object")
        return said

    async def read(self, model: type[M], request: Request) -> M:
        """What is answered, by its shape; :meth:`json` says what is raised."""
        answer = await self.send(request)
        if not answer.is_success:
            self.fail(answer, request.key)
        return self.shaped(model, answer)

    async def done(self, request: Request) -> None:
        """Send what is answered with nothing; :meth:`json` says what is raised."""
        answer = await self.send(request)
        if not answer.is_success:
            self.fail(answer, request.key)

    def shaped(self, model: type[M], answer: httpx.Response) -> M:
        """An answer's body by its shape.

        Raises:
            NotAnApi: it has another.
        """
        try:
            return model.model_validate_json(answer.content)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the whole"
            raise self._nonsense(answer, f"no {model.__name__} ({where}: {first['msg']})") from None

    def fail(self, answer: httpx.Response, key: str | None = None) -> NoReturn:
        """Raise the problem that an answer is.

        Raises:
            ApiProblem: that.
            NotAnApi: it is none.
        """
        if answer.status_code in _LATER:
            raise self._later(answer, key)[0]
        raise self._problem(answer, key)

    def no_answer(self, why: Exception | str, key: str | None = None) -> NoAnswer:
        """That the API does not answer."""
        said = str(why) or type(why).__name__
        again = " Under the same idempotency key it is done once." if key else ""
        found = NoAnswer(
            f"{self.url} does not answer: {said.rstrip('.')}.",
            f"See that it runs and can be reached, and send the request again.{again}",
        )
        found.idempotency_key = key
        return found

    def _later(self, answer: httpx.Response, key: str | None) -> tuple[ClientError, float]:
        found, asked = self._problem(answer, key), _seconds(answer.headers.get("retry-after"))
        if isinstance(found, NotNow):
            found.retry_after = asked
        else:
            # A proxy before the API says so in words of its own.
            found = self.no_answer(f"answered {answer.status_code}", key)
        return found, asked or 0.0

    def _problem(self, answer: httpx.Response, key: str | None) -> ClientError:
        try:
            said = answer.json()
        except ValueError:
            said = None
        found: ClientError = problem_of(answer.status_code, said) or self._nonsense(answer, "no problem")
        found.idempotency_key = key
        return found

    def _nonsense(self, answer: httpx.Response, what: str) -> NotAnApi:
        return NotAnApi(
            f"{answer.request.url.path} was answered {answer.status_code} with something that is {what}.",
            f"See that {self.url} is an Entente's API, of this client's version.",
        )


def _seconds(text: str | None) -> float | None:
    """The seconds that ``Retry-After`` asks to wait: a number, or a date (RFC 9110, 10.2.3)."""
    if text is None:
        return None
    if text.strip().isdigit():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
