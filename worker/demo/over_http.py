"""A play's backend that is a running Entente, spoken to as anybody else speaks to it: over its HTTP API."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import Any

import httpx

from activities.errors import RuntimeProblem, Unreachable
from worker.demo.backend import DocumentView, Guard, Outcome, VerdictEntry, View
from workflows.model.canonical import canonical
from workflows.model.commands import Receipt, Refusal, Unmet
from workflows.model.definition import Definition

PATIENCE = 60.0
"""Seconds for which an answer of "try again" is tried again, under the same idempotency key."""

PAUSE = 0.1
"""Seconds between two attempts, doubled each time up to a second."""

ANSWER = 30.0
"""Seconds to wait for one answer."""


class ApiProblem(RuntimeProblem):
    """The API answered something that a play cannot go on with."""


class OverHttp:
    """Accords of a running Entente.

    Args:
        api_url: where the API is.
        tokens: the key of each delegate of the play, by id.
        operator: a key that may move clocks.
        reader: the delegate by whose key the accord's state is read; the one who opens it, by default.
    """

    def __init__(
        self, api_url: str, tokens: Mapping[str, str], operator: str, reader: str | None = None
    ) -> None:
        self._client = httpx.AsyncClient(base_url=api_url, timeout=ANSWER, trust_env=False)
        self._tokens = tokens
        self._operator = operator
        self._reader = reader
        self._opener = ""
        self._accord = ""
        self._time: datetime | None = None
        self._run = uuid.uuid4().hex[:12]
        self._requests = 0

    async def __aenter__(self) -> OverHttp:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def open(self, definition: Definition, by: str) -> Outcome:
        """Open an accord with a definition; all that follows is about it."""
        answer = await self._post("/v1/accords", self._token(by), definition.as_facts())
        if answer.status_code != 201:
            raise _unexpected(answer)
        receipt = Receipt.model_validate_json(answer.content)
        self._accord, self._opener, self._time = receipt.accord, by, receipt.time
        return _recorded(receipt)

    async def move_to(self, at: datetime) -> None:
        """Move the accord's clock to ``at``, if it is not there yet."""
        if self._time is not None and at <= self._time:
            return
        answer = await self._post(f"/v1/accords/{self._accord}/clock", self._operator, {"to": at.isoformat()})
        if answer.status_code == 200:
            self._time = datetime.fromisoformat(answer.json()["time"])
        elif answer.json().get("code") not in ("clock_runs_forward", "clock_stopped"):
            raise _unexpected(answer)

    async def act(self, by: str, act: str, fields: Mapping[str, Any]) -> Outcome:
        """Do an act."""
        answer = await self._post(self._path(act), self._token(by), fields)
        if answer.status_code == 200:
            receipt = Receipt.model_validate_json(answer.content)
            self._time = max(receipt.time, self._time or receipt.time)
            return _recorded(receipt)
        return _problem(answer)

    async def dry_run(self, by: str, act: str, fields: Mapping[str, Any]) -> Outcome:
        """Ask what an act would do."""
        answer = await self._post(f"{self._path(act)}?dry_run=true", self._token(by), fields)
        if answer.status_code != 200:
            return _problem(answer)
        said = answer.json()
        events = tuple(draft["type"] for draft in said["events"])
        reopens = tuple(said["reopens"]["conditions"])
        if said["would_be"] == "recorded":
            return Outcome("recorded", said["stage"]["after"], events, reopens=reopens)
        refusal = Refusal.model_validate(said["refusal"])
        return Outcome(
            "refused",
            said["stage"]["after"],
            events,
            said.get("on_record"),
            refusal.guard,
            refusal.reason,
            refusal.remedy,
            refusal.unmet,
            reopens,
        )

    async def signal(self, by: str, signal: str, fields: Mapping[str, Any]) -> None:
        """Send a signal, and wait until the record has grown by it."""
        before = (await self.look()).size
        answer = await self._post(
            f"/v1/accords/{self._accord}/signals/{_hyphens(signal)}", self._token(by), fields
        )
        if answer.status_code != 202:
            raise _unexpected(answer)
        deadline = time.monotonic() + PATIENCE
        while (await self.look()).size == before:
            if time.monotonic() > deadline:
                raise ApiProblem(
                    f"The signal {signal} was taken and is not on the record after {PATIENCE:g} seconds.",
                    "See whether a worker runs.",
                )
            await asyncio.sleep(PAUSE)

    async def why(self, by: str, gate: str) -> tuple[Guard, ...]:
        """Ask why a gate is not open yet."""
        answer = await self._get(f"/v1/accords/{self._accord}/why/{_hyphens(gate)}", self._token(by))
        return tuple(
            Guard(
                check["guard"],
                check["met"],
                check.get("reason") or "",
                tuple(check.get("who") or ()),
                datetime.fromisoformat(check["by"]) if check.get("by") else None,
                check.get("subject"),
            )
            for check in answer["checks"]
        )

    async def look(self) -> View:
        """Read the accord."""
        said = await self._get(f"/v1/accords/{self._accord}", self._token(self._reader or self._opener))
        now = datetime.fromisoformat(said["clock"]["time"])
        self._time = max(now, self._time or now)
        suspended = said["understanding"]["status"] == "effective" and said["understanding"]["suspended_by"]
        conditions = said["conditions"]
        return View(
            accord=said["accord"],
            stage=said["stage"],
            time=now,
            size=said["size"],
            definition_digest=said["amendment_digest"] or said["definition_digest"],
            understanding_digest=said["understanding"]["pending"] or said["understanding"]["digest"],
            release_digest=said["release_digest"],
            invitation=said["invitation"]["status"],
            visit=said["visit"]["status"],
            understanding="suspended" if suspended else said["understanding"]["status"],
            conditions={code: one["status"] for code, one in conditions.items()},
            questioned=tuple(code for code, one in conditions.items() if one["questioned"]),
            satisfied=tuple(code for code, one in conditions.items() if one["satisfied"]),
            documents={code: _document(one) for code, one in said["documents"].items()},
            blocking=tuple(Unmet.model_validate(one) for one in said["blocking"]),
            terminated=said["terminated"],
            closed=said["closed"],
        )

    async def verdicts(self) -> Mapping[str, VerdictEntry]:
        """Those among the accord's events."""
        found: dict[str, VerdictEntry] = {}
        path = f"/v1/accords/{self._accord}/events?limit=500"
        following: str | None = ""
        while following is not None:
            page = await self._get(
                path + (f"&after={following}" if following else ""),
                self._token(self._reader or self._opener),
            )
            for one in page["items"]:
                if one["type"] == "condition_verified":
                    event = one["facts"]["event"]
                    entry = VerdictEntry(one["position"], one["leaf"], event["valid_until"])
                    found[event["condition"]] = entry
            following = page["next"]
        return found

    def _path(self, act: str) -> str:
        return f"/v1/accords/{self._accord}/{_hyphens(act)}"

    def _token(self, delegate: str) -> str:
        try:
            return self._tokens[delegate]
        except KeyError:
            raise ApiProblem(
                f"There is no key for {delegate}.", "Make one for each delegate of the play."
            ) from None

    async def _post(self, path: str, token: str, body: Mapping[str, Any]) -> httpx.Response:
        self._requests += 1
        headers = {
            "Authorization": f"Bearer {token}",
            "Idempotency-Key": f"{self._run}-{self._requests}",
            "Content-Type": "application/json",
        }
        return await self._send("POST", path, headers, canonical(dict(body)))

    async def _get(self, path: str, token: str) -> dict[str, Any]:
        answer = await self._send("GET", path, {"Authorization": f"Bearer {token}"})
        if answer.status_code != 200:
            raise _unexpected(answer)
        found: dict[str, Any] = answer.json()
        return found

    async def _send(
        self, method: str, path: str, headers: dict[str, str], content: bytes = b""
    ) -> httpx.Response:
        """Send until there is an answer other than "try again". The idempotency key makes that safe."""
        deadline, pause = time.monotonic() + PATIENCE, PAUSE
        while True:
            failed: Exception | None = None
            try:
                answer = await self._client.request(method, path, headers=headers, content=content or None)
                if answer.status_code not in (429, 503):
                    return answer
            except httpx.TransportError as error:
                failed = error
            if time.monotonic() > deadline:
                if failed is not None:
                    raise Unreachable(
                        f"The API at {self._client.base_url} does not answer: {failed or type(failed).__name__}.",
                        "See whether it runs: entente up.",
                    ) from failed
                raise _unexpected(answer)
            await asyncio.sleep(pause)
            pause = min(2 * pause, 1.0)


def _hyphens(name: str) -> str:
    return name.replace("_", "-")


def _recorded(receipt: Receipt) -> Outcome:
    return Outcome("recorded", receipt.stage, receipt.events, receipt.position)


def _problem(answer: httpx.Response) -> Outcome:
    """A refusal, or why it was no act at all, from a problem (RFC 9457)."""
    try:
        said = answer.json()
    except ValueError:
        raise _unexpected(answer) from None
    if answer.status_code == 409 and said.get("code") == "refused":
        unmet = tuple(Unmet.model_validate(one) for one in said.get("unmet", ()))
        reason = next((one.reason for one in unmet if one.guard == said["guard"]), said["detail"])
        return Outcome(
            "refused", "", (), said.get("position"), said["guard"], reason, said.get("remedy", ""), unmet
        )
    if answer.status_code in (400, 403, 404, 409, 413, 415, 422):
        return Outcome("rejected", guard=said.get("code", ""), reason=said.get("detail", ""))
    raise _unexpected(answer)


def _document(said: dict[str, Any]) -> DocumentView:
    seats = {
        name: seat["signature"]["status"] if seat.get("signature") else "open"
        for name, seat in said["seats"].items()
    }
    return DocumentView(said["status"], said["digest"], seats)


def _unexpected(answer: httpx.Response) -> ApiProblem:
    try:
        detail = answer.json().get("detail", "")
    except ValueError:
        detail = answer.text[:300]
    request = answer.request
    return ApiProblem(
        f"{request.method} {request.url.path} was answered {answer.status_code}: {detail}",
        "Look into the log of the API in the state directory.",
    )
