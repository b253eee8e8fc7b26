"""Requests to the API: sent again under the same idempotency key while it says "try again", within a bound."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import httpx

from activities.errors import EntenteError, RuntimeProblem, Unreachable
from worker.cli.client.where import Where
from workflows.model.canonical import canonical

PATIENCE = 30.0
"""Seconds for which "not now" and broken connections are tried again."""

ANSWER = 30.0
"""Seconds to wait for one answer."""

FILE = 180.0
"""Seconds to wait for a file, which may have to be made first."""

_PAUSE = 0.2
_LONGEST_PAUSE = 2.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")

Query = Sequence[tuple[str, str]]


class ApiProblem(RuntimeProblem):
    """The API answered with a problem that is no refusal. ``code`` is the problem's."""

    def __init__(
        self, what: str, remedy: str, details: str = "", *, code: str = "", exit_code: int = 1
    ) -> None:
        super().__init__(what, remedy, details)
        self.code = code
        self.exit_code = exit_code


class RefusedAct(EntenteError):
    """A guard refused the act, that of the required version (``--if-match``) included.

    ``problem`` is the API's answer: guard, remedy, unmet, position.
    """

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(str(problem.get("detail", "")), str(problem.get("remedy") or ""))
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that the API gave, and the headers that it came with, by their lower-case names."""

    content: bytes
    headers: Mapping[str, str]


class Calls:
    """An API, and the key to speak to it with; none for what it tells everybody."""

    def __init__(self, place: Where, patience: float = PATIENCE) -> None:
        self.server = place.server
        self._patience = patience
        self._client = httpx.Client(
            base_url=place.server,
            timeout=ANSWER,
            headers={"User-Agent": "entente"}
            | ({"Authorization": f"Bearer {place.key}"} if place.key else {}),
            # A proxy from the environment is for what is elsewhere.
            trust_env=urlsplit(place.server).hostname not in _LOOPBACK,
        )

    def __enter__(self) -> Calls:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def get(self, path: str, query: Query | None = None) -> dict[str, Any]:
        """Read something.

        Raises:
            ApiProblem: the API says why not.
            Unreachable: it does not answer.
        """
        return self._json(self._send("GET", path, query=query or []))

    def fetch(self, path: str, query: Query | None = None) -> Fetched:
        """Get a file: its bytes, and the headers by their lower-case names.

        Raises:
            ApiProblem: the API says why not.
            Unreachable: it does not answer.
        """
        answer = self._send("GET", path, query=query or [], within=FILE)
        if not answer.is_success:
            self._json(answer)
        return Fetched(answer.content, {name.lower(): value for name, value in answer.headers.items()})

    def put(self, path: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Set something, which can be done again.

        Raises:
            ApiProblem: the API says why not.
            Unreachable: it does not answer.
        """
        headers = {"Content-Type": "application/json"}
        return self._json(self._send("PUT", path, [], headers, canonical(dict(fields))))

    @contextmanager
    def stream(self, path: str, last: str | None, silence: float) -> Iterator[httpx.Response]:
        """Server-sent events from ``path``, behind the event ``last``; broken off after ``silence`` seconds of it.

        Raises:
            ApiProblem: the API says why not.
            httpx.TransportError: it does not answer, is too busy, or breaks off; to be tried again.
        """
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last is not None else {})
        timeout = httpx.Timeout(ANSWER, read=silence)
        with self._client.stream("GET", path, headers=headers, timeout=timeout) as answer:
            if answer.status_code in (429, 503):
                answer.read()
                raise httpx.ReadError(_detail(answer))
            if not answer.is_success:
                answer.read()
                self._json(answer)
            yield answer

    def post(
        self,
        path: str,
        fields: Mapping[str, Any],
        key: str | None,
        query: Query | None = None,
        if_match: str = "",
        signed: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Ask for something; ``key`` is its idempotency key, none for what records nothing.

        ``signed`` are the headers of the delegate's own signature, where there is one.

        Raises:
            RefusedAct: a guard refused it.
            ApiProblem: the API says why it cannot be taken.
            Unreachable: it does not answer; the same key makes it safe to ask again.
        """
        headers = {"Content-Type": "application/json", **(signed or {})}
        if key is not None:
            headers["Idempotency-Key"] = key
        if if_match:
            headers["If-Match"] = f'"{if_match}"'
        return self._json(self._send("POST", path, query or [], headers, canonical(dict(fields)), key))

    def delete(self, path: str) -> None:
        """Take something away.

        Raises:
            ApiProblem: the API says why not.
            Unreachable: it does not answer.
        """
        answer = self._send("DELETE", path, [])
        if answer.status_code != 204:
            self._json(answer)

    def raw(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
        content: Iterable[bytes] | None = None,
    ) -> httpx.Response:
        """One request, and whatever is answered; nothing is tried again.

        Raises:
            httpx.TransportError: the connection cannot be made, or broke.
        """
        return self._client.request(method, path, params=dict(query), headers=headers, content=content)

    def streamed(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> AbstractContextManager[httpx.Response]:
        """One request whose answer is read as it comes; :meth:`raw` says what it raises."""
        return self._client.stream(method, path, params=dict(query), headers=headers)

    def read_answer(self, answer: httpx.Response | None) -> dict[str, Any]:
        """The JSON object of an answer.

        Raises:
            ApiProblem: the API says why not.
            Unreachable: there is no answer.
        """
        if answer is None:
            raise self.unreachable("the connection broke")
        return self._json(answer)

    def unreachable(self, why: Exception | str) -> Unreachable:
        """That the API does not answer, and what to do."""
        return self._unreachable(why, None)

    def _send(
        self,
        method: str,
        path: str,
        query: Query,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        key: str | None = None,
        within: float = ANSWER,
    ) -> httpx.Response:
        params = httpx.QueryParams(list(query)) if query else None
        deadline, pause = time.monotonic() + self._patience, _PAUSE
        while True:
            why: Exception | str
            wait = pause
            try:
                answer = self._client.request(
                    method, path, params=params, headers=headers, content=content, timeout=within
                )
                if answer.status_code not in (429, 503):
                    return answer
                why = _detail(answer)
                wait = max(pause, _seconds(answer.headers.get("retry-after")))
            except httpx.ConnectError as error:
                # Nobody is there to become ready.
                raise self._unreachable(error, key) from error
            except httpx.TransportError as error:
                why = error
            if time.monotonic() + wait > deadline:
                raise self._unreachable(why, key)
            time.sleep(wait)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _unreachable(self, why: Exception | str, key: str | None) -> Unreachable:
        said = str(why) or type(why).__name__
        again = f" Send it again with --idempotency-key {key}: it is done once." if key else ""
        return Unreachable(
            f"{self.server} does not answer: {said.rstrip('.')}.",
            f"See that it runs (`entente up`), and that --server is right.{again}",
        )

    def _json(self, answer: httpx.Response) -> dict[str, Any]:
        try:
            said = answer.json()
        except ValueError:
            said = None
        if not isinstance(said, dict):
            raise ApiProblem(
                f"{answer.request.url.path} was answered {answer.status_code} with something that is no JSON object.",
                "See that --server names an Entente's API.",
            )
        if answer.is_success:
            return said
        if answer.status_code in (409, 412) and "guard" in said:
            raise RefusedAct(said)
        raise _problem(answer.status_code, said)


def _problem(status: int, said: Mapping[str, Any]) -> ApiProblem:
    code = str(said.get("code", ""))
    remedy = {
        401: "Look at the key: ENTENTE_KEY or --key-file.",
        404: "`entente ls` shows the accords that you can see.",
        412: "`entente show` shows how it stands now.",
    }.get(status, "")
    details = "\n".join(
        f"  {_at_line(one.get('line'))}{one['field']}: {one['problem']}" for one in said.get("errors") or ()
    )
    usage = status in (400, 401, 415, 422)
    detail = said.get("detail") or said.get("title") or f"answered {status}"
    return ApiProblem(str(detail), remedy, details, code=code, exit_code=2 if usage else 1)


def _at_line(line: int | None) -> str:
    return f"line {line}: " if line else ""


def _detail(answer: httpx.Response) -> str:
    try:
        return str(json.loads(answer.content).get("detail") or answer.status_code)
    except (ValueError, AttributeError):
        return str(answer.status_code)


def _seconds(text: str | None) -> float:
    return min(float(text), 10.0) if text and text.isdigit() else 0.0
