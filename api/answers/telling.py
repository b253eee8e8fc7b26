"""The shapes of what the API says of those whom it tells by itself: webhooks and notices; and of its own health."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from api.answers.accord import View


class WebhookView(View):
    """An endpoint: what it is sent, how far it has got, and whether something is wrong with it."""

    id: str
    url: str
    label: str
    accord: str | None = Field(
        description="the only accord that it is about; none: all that its owner sees whole"
    )
    types: tuple[str, ...] = Field(description="the types of entries that are sent; empty: all")
    active: bool
    reason: str | None = Field(description="why it is not active")
    position: int = Field(description="the feed position up to which all that is for it was delivered")
    failures: int = Field(description="failed attempts on the next entry, one after the other")
    failing_since: datetime | None
    former_secret_until: datetime | None = Field(
        description="until when the former secret signs beside the new one"
    )
    created: datetime


class WebhookWithSecret(WebhookView):
    """An endpoint with the secret that signs what it is sent (Standard Webhooks). Keep it; it is not shown again."""

    secret: str


class WebhookList(View):
    """The caller's endpoints, the oldest first."""

    items: tuple[WebhookView, ...]


class AttemptView(View):
    """One attempt to deliver an entry."""

    number: int
    feed: int = Field(
        description="the entry's position in the feed; the delivery's webhook-id is entry_<feed>"
    )
    accord: str
    entry: int = Field(description="the entry's position in its accord")
    type: str
    at: datetime
    milliseconds: int
    status: int | None = Field(description="the HTTP status that was answered; none where nothing was")
    error: str | None = Field(description="why it failed; none: delivered")


class AttemptPage(View):
    """Some attempts, the last one first. ``next`` is the cursor of the next page, if there is one."""

    items: tuple[AttemptView, ...]
    next: str | None


class NoticeView(View):
    """How the caller is told of what waits on them."""

    address: str
    mode: Literal["at_once", "daily"]
    hour: int
    zone: str
    language: str = Field(description="of the messages")
    confirmed: bool = Field(
        description="whether the code that was sent there was named; nothing is sent before"
    )


class Live(View):
    """The process lives."""

    status: Literal["live"] = "live"


class Ready(View):
    """Each thing that the API needs: "ok", or what is wrong with it."""

    status: Literal["ready", "not ready"]
    database: str
    temporal: str
    migrations: str
