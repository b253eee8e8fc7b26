"""The API's client for commands, which do one thing after the other: its errors in a command's words, and who waits."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, TypeVar

from activities.errors import EntenteError, RuntimeProblem, Unreachable
from api.client import ApiProblem as Answered
from api.client import ClientError, Entente, Fetched, NoAnswer, NotAnApi, NotNow, Refused
from api.client.sending import PATIENCE, Query
from worker.cli.client.where import Where

FILE = 180.0
"""Seconds to wait for a file, which may have to be made first."""

QUIET = 2.0
"""Seconds after which it is said what is waited for."""

T = TypeVar("T")


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


class Calls:
    """An API, and the key to speak to it with; none for what it tells everybody."""

    def __init__(self, place: Where, patience: float = PATIENCE) -> None:
        self.server = place.server
        self._runner = asyncio.Runner()
        # Nobody is there to become ready: who starts nothing waits for nothing.
        self.api = self._runner.run(_client(place, patience))

    def __enter__(self) -> Calls:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._runner.run(self.api.close())
        finally:
            self._runner.close()

    def run(self, work: Coroutine[Any, Any, T], key: str | None = None, *, quiet: bool = False) -> T:
        """What the client's ``work`` returns; ``key`` is its idempotency key. ``quiet``: waiting is what it is for.

        Raises:
            RefusedAct: a guard refused it.
            ApiProblem: the API says why it cannot be taken.
            Unreachable: it does not answer; the same key makes it safe to ask again.
        """
        try:
            return self._runner.run(work if quiet else self._watched(work, key))
        except Refused as error:
            raise RefusedAct(error.said) from None
        except (NoAnswer, NotNow) as error:
            raise self._unreachable(error, key) from error
        except Answered as error:
            raise _problem(error) from None
        except NotAnApi as error:
            raise ApiProblem(error.what, "See that --server names an Entente's API.") from None
        except ClientError as error:
            raise ApiProblem(error.what, error.remedy, error.details) from error

    async def _watched(self, work: Coroutine[Any, Any, T], key: str | None) -> T:
        telling = asyncio.create_task(self._tell(key))
        try:
            return await work
        finally:
            telling.cancel()
            with suppress(asyncio.CancelledError):
                await telling

    async def _tell(self, key: str | None) -> None:
        await asyncio.sleep(QUIET)
        if sys.stderr.isatty():
            safe = f" The act is safe under its key {key}: it is done once." if key else ""
            print(f"Waiting for {self.server}; Ctrl-C ends the waiting.{safe}", file=sys.stderr, flush=True)

    def get(self, path: str, query: Query | None = None) -> dict[str, Any]:
        """Read something; :meth:`run` says what is raised."""
        return self.run(self._json("GET", path, query=query or ()))

    def fetch(
        self, path: str, query: Query | None = None, headers: Mapping[str, str] | None = None
    ) -> Fetched:
        """Get a file: its bytes, and the headers by their lower-case names; :meth:`run` says what is raised."""
        answer = self.run(self.api.request("GET", path, query=query or (), headers=headers, within=FILE))
        return Fetched(answer.content, {name.lower(): value for name, value in answer.headers.items()})

    def put(self, path: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Set something, which can be done again; :meth:`run` says what is raised."""
        return self.run(self._json("PUT", path, fields=fields))

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

        ``signed`` are the headers of the delegate's own signature, where there is one. :meth:`run` says what is raised.
        """
        headers = {**(signed or {}), **({"If-Match": f'"{if_match}"'} if if_match else {})}
        dry = ("dry_run", "true") in (query or ())
        return self.run(
            self._json(
                "POST", path, fields=fields, query=query or (), headers=headers, key=key, repeatable=dry
            ),
            key,
        )

    def delete(self, path: str) -> None:
        """Take something away; :meth:`run` says what is raised."""
        self.run(self.api.request("DELETE", path))

    async def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        answer = await self.api.request(method, path, **options)
        try:
            said = answer.json()
        except ValueError:
            said = None
        if not isinstance(said, dict):
            raise NotAnApi(
                f"{answer.request.url.path} was answered {answer.status_code} with something that is no JSON object.",
                "",
            )
        return said

    def _unreachable(self, error: ClientError, key: str | None) -> Unreachable:
        what = error.what if isinstance(error, NoAnswer) else f"{self.server} does not answer: {error.what}"
        again = f" Send it again with --idempotency-key {key}: it is done once." if key else ""
        return Unreachable(what, f"See that it runs (`entente up`), and that --server is right.{again}")


async def _client(place: Where, patience: float) -> Entente:
    return Entente(place.server, place.key, patience=patience, absent=False)


_WHERE_TO_LOOK = " Look at GET /v1/accords for those you can."
"""The API's way on from an accord that is not there; the command line has one of its own."""


def _problem(error: Answered) -> ApiProblem:
    what, remedy = (
        error.what,
        {
            401: "Look at the key: ENTENTE_KEY or --key-file.",
            412: "`entente show` shows how it stands now.",
        }.get(error.status, ""),
    )
    if _WHERE_TO_LOOK in what:
        what, remedy = what.replace(_WHERE_TO_LOOK, ""), "`entente ls` shows the accords that you can see."
    usage = error.status in (400, 401, 415, 422)
    return ApiProblem(what, remedy, error.details, code=error.code, exit_code=2 if usage else 1)
