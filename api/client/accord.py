"""One accord: doing acts and trying them, reading how it stands, and following its record."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from activities.reading.shown import EventView
from api.answers.accord import AccordView, StatusView
from api.answers.looking_ahead import ClockMoved, DryRun, SignalTaken, Why
from api.answers.people import JoinLinkList, JoinLinkView, MadeJoinLink
from api.answers.record import ClaimsView, EventPage, FilePage, FileView, RedlineView
from api.client import operations
from api.client.errors import NotAnApi
from api.client.following import Feed
from api.client.operations import act_named, act_operation
from api.client.paging import pages, query_of
from api.client.record import Record
from api.client.sending import Request, Sender, json_request
from api.client.signing import OwnKey
from workflows.model.commands import Receipt
from workflows.model.declare import Act
from workflows.model.definition import Definition

_STATE: TypeAdapter[AccordView | StatusView] = TypeAdapter(AccordView | StatusView)


def new_key() -> str:
    """An idempotency key that nobody else has."""
    return uuid.uuid4().hex


class Accord:
    """The accord ``id``, as the client's caller sees it.

    Every method raises an ``ApiProblem`` where the API says why not, and ``NoAnswer`` where it does not answer.
    """

    def __init__(self, sender: Sender, id_: str, own_key: OwnKey | None = None) -> None:
        self.id = id_
        self.record = Record(sender, id_)
        self._sender = sender
        self._own = own_key

    # Acts

    async def do(
        self,
        act: Act,
        *,
        key: str | None = None,
        if_match: int | None = None,
        not_after: datetime | None = None,
    ) -> Receipt:
        """Do an act of :mod:`api.client.acts`, and return once it is on the record.

        ``key`` is the idempotency key, made anew by default: give the same to send it again. With ``if_match`` it is
        done only while the accord is at that version. ``not_after`` ends the own signature, by the accord's clock.

        Raises:
            Refused: a guard refused it; :class:`MovedOn`, if that of ``if_match``.
            ValueError: it is a signal, which :meth:`signal` passes on.
        """
        return await self.act(act.name, _fields(act), key=key, if_match=if_match, not_after=not_after)

    async def act(
        self,
        name: str,
        fields: Mapping[str, Any],
        *,
        key: str | None = None,
        if_match: int | None = None,
        not_after: datetime | None = None,
    ) -> Receipt:
        """Do the act of that name, with its fields as JSON values, as a desk's item has them; see :meth:`do`."""
        act = act_named(name)
        if act.signal:
            raise ValueError(f"{act.name} is a signal; pass it on with signal()")
        key = key or new_key()
        headers = {} if if_match is None else {"If-Match": f'"v{if_match}"'}
        if self._own is not None:
            headers |= self._own.headers(
                self.id, act.name, fields, key, if_match=if_match, not_after=not_after
            )
        elif not_after is not None:
            raise ValueError("only a signature has an end: give the client an own key as well")
        path = act_operation(act).at(accord=self.id)
        return await self._sender.read(Receipt, json_request("POST", path, fields, headers=headers, key=key))

    async def dry_run(self, act: Act, *, at: datetime | None = None, if_match: int | None = None) -> DryRun:
        """What an act, or a signal, would do, now or at another time of the accord; nothing is recorded."""
        headers = {} if if_match is None else {"If-Match": f'"v{if_match}"'}
        headers |= {} if self._own is None else self._own.dry_headers()
        path = act_operation(type(act)).at(accord=self.id)
        return await self._sender.read(
            DryRun,
            json_request(
                "POST",
                path,
                _fields(act),
                headers=headers,
                query=query_of(dry_run=True, at=at),
                repeatable=True,
            ),
        )

    async def signal(self, act: Act, *, key: str | None = None) -> SignalTaken:
        """Pass a signal on, such as ``ConditionChanged``; it may be on the record only later.

        Raises:
            ValueError: it is no signal.
        """
        if not act.signal:
            raise ValueError(f"{act.name} is no signal; do it with do()")
        key, fields = key or new_key(), _fields(act)
        headers = {} if self._own is None else self._own.headers(self.id, act.name, fields, key)
        path = act_operation(type(act)).at(accord=self.id)
        return await self._sender.read(
            SignalTaken, json_request("POST", path, fields, headers=headers, key=key)
        )

    async def why(
        self,
        step: str | Act,
        *,
        fields: Mapping[str, Any] | None = None,
        by: str | None = None,
        at: datetime | None = None,
    ) -> Why:
        """Every guard of a gate or an act: met, or unmet with why, who could meet it, by when.

        The step is a gate's name, an act, or an act's name with its ``fields`` as JSON values.
        """
        query = query_of(by=by, at=at)
        name = step if isinstance(step, str) else step.name
        given = fields or {} if isinstance(step, str) else _fields(step)
        for field, value in given.items():
            query += [(field, _in_query(one)) for one in (value if isinstance(value, list) else [value])]
        path = operations.WHY.at(accord=self.id, step=name.replace("_", "-"))
        return await self._sender.read(Why, Request("GET", path, query))

    async def move_clock(self, to: datetime, *, key: str | None = None) -> ClockMoved:
        """Move a simulated clock on; only with an operator's key."""
        path = operations.MOVE_CLOCK.at(accord=self.id)
        request = json_request("POST", path, {"to": to.isoformat()}, key=key or new_key())
        return await self._sender.read(ClockMoved, request)

    # Reading

    async def state(self, as_of: int | datetime | None = None) -> AccordView:
        """How it stands now, or stood at a position or a time.

        Raises:
            Forbidden: only cleared status is for the caller, as for an observer: :meth:`status` reads that.
            NotAnApi: only cleared status was given.
        """
        found = await self.status(as_of)
        if not isinstance(found, AccordView):
            raise NotAnApi(
                f"Only cleared status of {self.id} is for you, as for an observer.",
                "Read that with status().",
            )
        return found

    async def status(self, as_of: int | datetime | None = None) -> AccordView | StatusView:
        """How it stands, as far as the caller may see it: the whole, or cleared status."""
        path = operations.GET_ACCORD.at(accord=self.id)
        said = await self._sender.json(Request("GET", path, query_of(as_of=as_of)))
        shape = StatusView if said.get("cleared") else AccordView
        try:
            return shape.model_validate_json(json.dumps(said))
        except ValidationError as error:
            raise NotAnApi(
                f"{path} was answered with no {shape.__name__}: {error.errors()[0]['msg']}.",
                "See that it is an Entente's API, of this client's version.",
            ) from None

    async def definition(self, *, amendment: bool = False) -> Definition:
        """The definition in force, or proposed; or the amendment that waits for adoption."""
        path = operations.GET_DEFINITION.at(accord=self.id)
        query = query_of(amendment=amendment or None)
        return await self._sender.read(Definition, Request("GET", path, query))

    async def claims(self, *, amendment: bool = False) -> ClaimsView:
        """Who in the installation has claimed the delegates whom the definition names."""
        path = operations.GET_CLAIMS.at(accord=self.id)
        return await self._sender.read(
            ClaimsView, Request("GET", path, query_of(amendment=amendment or None))
        )

    async def events(self, start: int = 0) -> AsyncIterator[EventView]:
        """Every entry of the record from a position on, refusals included, as far as there are any now."""
        path = operations.LIST_EVENTS.at(accord=self.id)
        async for page in pages(self._sender, EventPage, path, [("start", str(start))], lambda one: one.next):
            for entry in page.items:
                yield entry

    def feed(self, since: int | None = None) -> Feed:
        """Every entry as it is recorded, beyond a feed position; from now on, where none is given."""
        return Feed(self._sender, operations.FOLLOW_ACCORD.at(accord=self.id), since)

    async def files(self) -> AsyncIterator[FileView]:
        """The contents that the caller may read."""
        path = operations.LIST_FILES.at(accord=self.id)
        async for page in pages(self._sender, FilePage, path, (), lambda one: one.next):
            for file in page.items:
                yield file

    async def redline(self, older: str, newer: str) -> RedlineView:
        """What differs between two texts, by their digests."""
        path = operations.GET_REDLINE.at(accord=self.id)
        return await self._sender.read(
            RedlineView,
            Request("GET", path, query_of(older=older, newer=newer), {"Accept": "application/json"}),
        )

    # Joining

    async def make_join_link(
        self, delegate: str, *, valid_for: str = "P7D", key: str | None = None
    ) -> MadeJoinLink:
        """A link by which a delegate of the caller's side claims the id, shown once; ``valid_for`` by ISO 8601."""
        path = operations.MAKE_JOIN_LINK.at(accord=self.id)
        fields = {"delegate": delegate, "valid_for": valid_for}
        return await self._sender.read(MadeJoinLink, json_request("POST", path, fields, key=key or new_key()))

    async def join_links(self) -> tuple[JoinLinkView, ...]:
        """The caller's links in the accord, the newest first."""
        path = operations.LIST_JOIN_LINKS.at(accord=self.id)
        return (await self._sender.read(JoinLinkList, Request("GET", path))).items

    async def withdraw_join_link(self, link: str) -> None:
        """Withdraw a link, by its id."""
        await self._sender.done(
            Request("DELETE", operations.WITHDRAW_JOIN_LINK.at(accord=self.id, link=link))
        )


def _fields(act: Act) -> dict[str, Any]:
    """An act's fields as JSON values: those that were given."""
    return act.model_dump(mode="json", exclude_unset=True)


def _in_query(value: Any) -> str:
    if isinstance(value, dict | list | bool):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
