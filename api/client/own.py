"""What is the caller's own, over all accords: keys, providers' accounts, notices by e-mail, webhooks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Literal

from api.answers.people import AccountList, AccountView, ApiKeyList, ApiKeyView, MadeApiKey
from api.answers.telling import (
    AttemptPage,
    AttemptView,
    NoticeView,
    WebhookList,
    WebhookView,
    WebhookWithSecret,
)
from api.client import operations
from api.client.accord import new_key
from api.client.paging import pages
from api.client.sending import Request, Sender, json_request


class ApiKeys:
    """Keys of the caller, and of the delegates whom it has claimed."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def list(self) -> tuple[ApiKeyView, ...]:
        """The keys, without their secrets, the newest first."""
        return (await self._sender.read(ApiKeyList, Request("GET", operations.LIST_API_KEYS.at()))).items

    async def make(
        self,
        *,
        label: str = "",
        scopes: tuple[str, ...] | None = None,
        expires: datetime | None = None,
        key: str | None = None,
    ) -> MadeApiKey:
        """Make a key, shown once. Without ``scopes``, such as ``read`` or ``act``, it is good for all that this one is.

        Raises:
            Conflict: a key was made under this idempotency key (``shown_once``).
        """
        fields: dict[str, Any] = {"label": label}
        if scopes is not None:
            fields["scopes"] = list(scopes)
        if expires is not None:
            fields["expires"] = expires.isoformat()
        request = json_request("POST", operations.MAKE_API_KEY.at(), fields, key=key or new_key())
        return await self._sender.read(MadeApiKey, request)

    async def revoke(self, id_: str) -> None:
        """Revoke a key, by its id."""
        await self._sender.done(Request("DELETE", operations.REVOKE_API_KEY.at(key=id_)))


class Accounts:
    """Accounts of OpenID providers that are the caller, or a delegate whom it has claimed."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def list(self) -> tuple[AccountView, ...]:
        """The accounts, the newest first."""
        return (await self._sender.read(AccountList, Request("GET", operations.LIST_ACCOUNTS.at()))).items

    async def unlink(self, id_: str) -> None:
        """Unlink an account, by its id: its tokens are nobody's until its person joins again."""
        await self._sender.done(Request("DELETE", operations.UNLINK_ACCOUNT.at(account=id_)))


class Notices:
    """E-mail of what waits on the caller."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def get(self) -> NoticeView:
        """Where and when the caller is told."""
        return await self._sender.read(NoticeView, Request("GET", operations.GET_NOTICES.at()))

    async def choose(
        self,
        address: str,
        *,
        mode: Literal["at_once", "daily"] = "daily",
        hour: int = 7,
        zone: str = "UTC",
        language: str | None = None,
    ) -> NoticeView:
        """Choose where and when; a code is sent to the address, by which :meth:`confirm` makes it count.

        ``language`` is a BCP 47 tag such as ``ko``; without one it stays that chosen before, or English.
        """
        fields: dict[str, Any] = {"address": address, "mode": mode, "hour": hour, "zone": zone}
        if language is not None:
            fields["language"] = language
        return await self._sender.read(
            NoticeView, json_request("PUT", operations.CHOOSE_NOTICES.at(), fields)
        )

    async def confirm(self, code: str) -> NoticeView:
        """Name the code that was sent."""
        request = json_request("PUT", operations.CONFIRM_NOTICES.at(), {"code": code})
        return await self._sender.read(NoticeView, request)

    async def end(self) -> None:
        """Be told no more."""
        await self._sender.done(Request("DELETE", operations.END_NOTICES.at()))


class Webhooks:
    """Endpoints of the caller, to which entries are delivered (CloudEvents, signed by Standard Webhooks)."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    async def list(self) -> tuple[WebhookView, ...]:
        """The endpoints, the oldest first."""
        return (await self._sender.read(WebhookList, Request("GET", operations.LIST_WEBHOOKS.at()))).items

    async def get(self, id_: str) -> WebhookView:
        """An endpoint: how far it has got, and whether something is wrong with it."""
        return await self._sender.read(WebhookView, Request("GET", operations.GET_WEBHOOK.at(webhook=id_)))

    async def add(
        self,
        url: str,
        *,
        accord: str | None = None,
        types: tuple[str, ...] = (),
        label: str = "",
        since: int | None = None,
        key: str | None = None,
    ) -> WebhookWithSecret:
        """Set an endpoint up; its secret is shown once. ``types`` are those of entries, all where none is named."""
        fields: dict[str, Any] = {"url": url, "types": list(types), "label": label}
        fields |= {} if accord is None else {"accord": accord}
        fields |= {} if since is None else {"since": since}
        request = json_request("POST", operations.ADD_WEBHOOK.at(), fields, key=key or new_key())
        return await self._sender.read(WebhookWithSecret, request)

    async def delete(self, id_: str) -> None:
        """Take an endpoint away."""
        await self._sender.done(Request("DELETE", operations.DELETE_WEBHOOK.at(webhook=id_)))

    async def switch(self, id_: str, *, on: bool, key: str | None = None) -> WebhookView:
        """Send to it, or do not."""
        path = operations.SWITCH_WEBHOOK.at(webhook=id_, switch="enable" if on else "disable")
        return await self._sender.read(WebhookView, Request("POST", path, key=key or new_key()))

    async def replay(self, id_: str, since: int, *, key: str | None = None) -> WebhookView:
        """Send everything beyond a feed position again."""
        path = operations.REPLAY_WEBHOOK.at(webhook=id_)
        request = json_request("POST", path, {"since": since}, key=key or new_key())
        return await self._sender.read(WebhookView, request)

    async def rotate_secret(
        self, id_: str, *, overlap_hours: int | None = None, key: str | None = None
    ) -> WebhookWithSecret:
        """A new secret, beside which the present one goes on signing for so many hours."""
        path = operations.ROTATE_WEBHOOK_SECRET.at(webhook=id_)
        fields = {} if overlap_hours is None else {"overlap_hours": overlap_hours}
        request = json_request("POST", path, fields, key=key or new_key())
        return await self._sender.read(WebhookWithSecret, request)

    async def deliveries(self, id_: str) -> AsyncIterator[AttemptView]:
        """Every attempt to deliver, the last one first."""
        path = operations.LIST_DELIVERIES.at(webhook=id_)
        async for page in pages(self._sender, AttemptPage, path, (), lambda one: one.next):
            for attempt in page.items:
                yield attempt
