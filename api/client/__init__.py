"""The API's own client, asynchronous and typed: ``deploy/docs/client.md`` shows how it is used.

Its answers are the shapes that the API itself answers by (``api.answers``), its acts those of the registry
(:mod:`api.client.acts`), and its operations those of the OpenAPI document.
"""

from __future__ import annotations

from api.client.accord import Accord
from api.client.entente import Entente
from api.client.errors import (
    ApiProblem,
    ClientError,
    Conflict,
    ContentDiffers,
    Fault,
    Forbidden,
    Gone,
    Invalid,
    KeyReused,
    MovedOn,
    NoAnswer,
    NotAnApi,
    NotAuthenticated,
    NotFound,
    NotNow,
    Refused,
)
from api.client.files import Deposit
from api.client.following import Feed, FeedEntry
from api.client.record import Fetched
from api.client.signing import OwnKey

__all__ = [
    "Accord",
    "ApiProblem",
    "ClientError",
    "Conflict",
    "ContentDiffers",
    "Deposit",
    "Entente",
    "Fault",
    "Feed",
    "FeedEntry",
    "Fetched",
    "Forbidden",
    "Gone",
    "Invalid",
    "KeyReused",
    "MovedOn",
    "NoAnswer",
    "NotAnApi",
    "NotAuthenticated",
    "NotFound",
    "NotNow",
    "OwnKey",
    "Refused",
]
