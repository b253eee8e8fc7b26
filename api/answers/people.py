"""The shapes of what the API tells callers of themselves: who they are, their keys and joining links."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from api.answers.accord import View

MOST_STANDINGS = 20
"""Accords that ``MeView`` names."""


class StandingView(View):
    """An accord in which one is a delegate, and as whom."""

    accord: str
    title: str
    stage: str
    party: str | None
    office: str
    roles: tuple[str, ...]
    valid_from: datetime | None
    valid_until: datetime | None


class MeView(View):
    """Who sent the request."""

    delegate: str | None = Field(
        description="the id that stands in accords; none for whom a provider knows, and who is no delegate yet"
    )
    kind: str = Field(description="delegate, operator or auditor")
    key: str | None = Field(description="the id of the key that was sent; none for a token")
    label: str
    scopes: tuple[str, ...] = Field(description="what the key, or the token, is good for")
    expires: datetime | None = Field(description="when the key does; none where it holds until it is revoked")
    issuer: str | None = Field(description="of a token: the provider")
    subject: str | None = Field(description="of a token: as whom the provider knows one")
    claimed_by: str | None = Field(
        description="the contact whose side the id belongs to, if anybody claimed it"
    )
    accords: tuple[StandingView, ...] = Field(
        description=f"in which one is a delegate; the {MOST_STANDINGS} that were opened last. None for a key "
        "that is not good for read"
    )
    more: bool = Field(description="whether there are more accords: GET /v1/accords lists them all")


class ApiKeyView(View):
    """A key, without its secret."""

    id: str
    delegate: str
    label: str
    scopes: tuple[str, ...]
    created: datetime
    expires: datetime | None
    revoked: datetime | None


class ApiKeyList(View):
    """One's keys, and those of the delegates whom one has claimed, the newest first."""

    items: tuple[ApiKeyView, ...]


class MadeApiKey(View):
    """A key that was made. `key` is shown here and never again."""

    id: str
    delegate: str
    key: str
    scopes: tuple[str, ...]
    expires: datetime | None


class JoinLinkView(View):
    """A joining link, without the link itself."""

    id: str
    accord: str
    delegate: str
    made_by: str
    created: datetime
    expires: datetime
    status: str = Field(description="open, used, withdrawn or expired")


class JoinLinkList(View):
    """One's joining links in an accord, the newest first."""

    items: tuple[JoinLinkView, ...]


class MadeJoinLink(View):
    """A link that was made. `link` and `token` are shown here and never again: whoever has them can join."""

    about: JoinLinkView
    token: str
    link: str = Field(description="for the person: `entente join LINK` uses it")


class Joined(View):
    """As whom one is known from now on. `key` is shown here and never again; none for who came with a token."""

    accord: str
    delegate: str
    party: str | None
    office: str
    roles: tuple[str, ...]
    dry_run: bool
    key: str | None
    issuer: str | None
    subject: str | None


class AccountView(View):
    """An account of an OpenID provider that is a delegate here."""

    id: str
    delegate: str
    issuer: str
    subject: str
    linked: datetime


class AccountList(View):
    """The accounts that are you, or one of the delegates whom you have claimed, the newest first."""

    items: tuple[AccountView, ...]
