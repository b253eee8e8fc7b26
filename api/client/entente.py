"""The client: one API, and one caller's key to it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Literal

import httpx

from api.answers.lists import AccordPage, AccordRow, DeskItem, DeskView, OperationView
from api.answers.looking_ahead import OpeningDryRun
from api.answers.people import Joined, MeView
from api.answers.record import Keys, SheetsRead
from api.answers.telling import Live, Ready
from api.client import operations
from api.client.accord import Accord, new_key
from api.client.files import Files
from api.client.following import Feed
from api.client.own import Accounts, ApiKeys, Notices, Webhooks
from api.client.paging import pages, query_of
from api.client.sending import PATIENCE, Query, Request, Sender, json_request
from api.client.signing import OwnKey
from workflows.model.commands import Receipt
from workflows.model.definition import Definition


class Entente:
    """An Entente's API, to be used in ``async with``; safe for many tasks of one event loop at once.

    Args:
        url: its address, such as https://entente.example.
        key: an API key, or a token of an OpenID provider; none for what everybody is told.
        own_key: a delegate's own key, by which its acts are signed before they leave.
        patience: seconds for which "not now" and broken connections are tried again, where that is safe.
        absent: whether also an API that does not listen yet is waited for.
        transport: for tests and unusual networks; httpx's own by default.

    Raises:
        ValueError: ``url`` is no address.

    Every method raises an ``ApiProblem`` where the API says why not, and ``NoAnswer`` where it does not answer.
    """

    def __init__(
        self,
        url: str,
        key: str = "",
        *,
        own_key: OwnKey | None = None,
        patience: float = PATIENCE,
        absent: bool = True,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._sender = Sender(url, key, patience=patience, absent=absent, transport=transport)
        self._own = own_key
        self.url = self._sender.url
        self.files = Files(self._sender)
        self.api_keys = ApiKeys(self._sender)
        self.accounts = Accounts(self._sender)
        self.notices = Notices(self._sender)
        self.webhooks = Webhooks(self._sender)

    async def __aenter__(self) -> Entente:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._sender.close()

    # Accords

    def accord(self, id_: str) -> Accord:
        """The accord with that id; nothing is asked yet."""
        return Accord(self._sender, id_, self._own)

    async def open(
        self, definition: Definition | Mapping[str, Any] | str, *, key: str | None = None
    ) -> Receipt:
        """Propose a definition to its parties and begin the accord's record; ``accord`` of the receipt is its id.

        The definition is a model, an object, or text in YAML (or JSON), whose errors name the line.
        """
        return await self._sender.read(Receipt, _opening(definition, key=key or new_key()))

    async def try_opening(self, definition: Definition | Mapping[str, Any] | str) -> OpeningDryRun:
        """Whether an accord could be opened with a definition; nothing is recorded."""
        request = _opening(definition, query=query_of(dry_run=True), repeatable=True)
        return await self._sender.read(OpeningDryRun, request)

    async def read_sheets(
        self,
        sheets: Mapping[str, bytes],
        *,
        definition: Definition | Mapping[str, Any] | None = None,
        accord: str | None = None,
        zone: str = "UTC",
        add: bool = False,
    ) -> SheetsRead:
        """A definition with the rows of CSV and XLSX files, by their names, in it; nothing is recorded.

        The rows go into ``definition``, or into that of ``accord``. Each cell that cannot be taken is an error of the
        answer, with a field such as ``conditions!F7``.
        """
        facts = definition.as_facts() if isinstance(definition, Definition) else definition
        files = [{"name": name, "content": b64encode(content).decode()} for name, content in sheets.items()]
        fields = {"sheets": files, "definition": facts, "accord": accord, "zone": zone, "add": add}
        sent = {name: value for name, value in fields.items() if value is not None}
        request = json_request("POST", operations.READ_SHEETS.at(), sent, repeatable=True)
        return await self._sender.read(SheetsRead, request)

    async def accords(
        self,
        words: str | None = None,
        *,
        stage: str | None = None,
        party: str | None = None,
        vocabulary: str | None = None,
        waiting_on: str | None = None,
        due_before: datetime | None = None,
        changed_since: datetime | None = None,
        blocked_by: str | None = None,
        ended: bool | None = None,
    ) -> AsyncIterator[AccordRow]:
        """The accords that the caller may know of, the last opened first; ``words`` are searched for."""
        query = query_of(
            q=words,
            stage=stage,
            party=party,
            vocabulary=vocabulary,
            waiting_on=waiting_on,
            due_before=due_before,
            changed_since=changed_since,
            blocked_by=blocked_by,
            ended=ended,
        )
        path = operations.LIST_ACCORDS.at()
        async for page in pages(self._sender, AccordPage, path, query, lambda one: one.next):
            for row in page.items:
                yield row

    async def desk(
        self,
        *,
        kind: Literal["owe", "verify", "agree", "sign"] | None = None,
        waiting_on: str = "me",
        due_before: datetime | None = None,
        accord: str | None = None,
    ) -> AsyncIterator[DeskItem]:
        """What waits on the caller, what is due first first: each item is an act, as far as it is known."""
        query = query_of(kind=kind, waiting_on=waiting_on, due_before=due_before, accord=accord)
        async for page in pages(
            self._sender, DeskView, operations.READ_DESK.at(), query, lambda one: one.next
        ):
            for item in page.items:
                yield item

    async def desk_totals(self) -> DeskView:
        """How much waits on the caller, by kind, and what is due first of it."""
        return await self._sender.read(DeskView, Request("GET", operations.READ_DESK.at(), query_of(limit=1)))

    def feed(self, since: int | None = None) -> Feed:
        """Every entry of all accords that the caller sees whole, beyond a feed position; or from now on."""
        return Feed(self._sender, operations.FOLLOW_FEED.at(), since)

    # The caller, and the installation

    async def me(self) -> MeView:
        """Who the caller is, and what the key is good for."""
        return await self._sender.read(MeView, Request("GET", operations.GET_ME.at()))

    async def join(
        self, token: str, *, label: str = "", expires: datetime | None = None, dry_run: bool = False
    ) -> Joined:
        """Claim a delegate's id by the last part of a link. It is not sent again by itself: a link works once."""
        fields = {"token": token, "label": label} | (
            {} if expires is None else {"expires": expires.isoformat()}
        )
        path, query = operations.JOIN.at(), query_of(dry_run=dry_run or None)
        return await self._sender.read(
            Joined, json_request("POST", path, fields, query=query, repeatable=dry_run)
        )

    async def keys(self, accord: str | None = None) -> Keys:
        """The public keys by which records of this installation are verified."""
        return await self._sender.read(
            Keys, Request("GET", operations.GET_KEYS.at(), query_of(accord=accord))
        )

    async def operation(self) -> OperationView:
        """Which accords are paused, and which witnesses lag behind; for an operator."""
        return await self._sender.read(OperationView, Request("GET", operations.GET_OPERATION.at()))

    async def livez(self) -> Live:
        """That the process lives."""
        return await self._sender.read(Live, Request("GET", operations.LIVEZ.at()))

    async def readyz(self) -> Ready:
        """Whether all that the API needs is there; asked once, since "not ready" is an answer."""
        try:
            answer = await self._sender.once(Request("GET", operations.READYZ.at()))
        except httpx.TransportError as error:
            raise self._sender.no_answer(error) from error
        return self._sender.shaped(Ready, answer)

    # Whatever else

    async def request(
        self,
        method: str,
        path: str,
        *,
        fields: Mapping[str, Any] | None = None,
        query: Query = (),
        headers: Mapping[str, str] | None = None,
        key: str | None = None,
        repeatable: bool = False,
        within: float | None = None,
    ) -> httpx.Response:
        """The answer to any request, sent as all others are; ``fields`` are a JSON body, ``within`` seconds to wait.

        Raises:
            ApiProblem: it is a problem.
        """
        rest: dict[str, Any] = {"query": query, "key": key, "repeatable": repeatable}
        rest |= {} if within is None else {"within": within}
        if fields is None:
            request = Request(method, path, headers=headers or {}, **rest)
        else:
            request = json_request(method, path, fields, headers=headers, **rest)
        answer = await self._sender.send(request)
        if not answer.is_success:
            self._sender.fail(answer, key)
        return answer


def _opening(definition: Definition | Mapping[str, Any] | str, **rest: Any) -> Request:
    path = operations.OPEN_ACCORD.at()
    if isinstance(definition, str):
        headers = {"Content-Type": "application/yaml"}
        return Request("POST", path, headers=headers, content=definition.encode(), **rest)
    facts = definition.as_facts() if isinstance(definition, Definition) else definition
    return json_request("POST", path, facts, **rest)
