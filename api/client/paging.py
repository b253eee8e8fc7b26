"""Lists that come in pages, one page asked for after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import TypeVar

from pydantic import BaseModel

from api.client.sending import Query, Request, Sender

P = TypeVar("P", bound=BaseModel)

PAGE = 200
"""Items that are asked for at a time."""


async def pages(
    sender: Sender, model: type[P], path: str, query: Query, following: Callable[[P], str | None]
) -> AsyncIterator[P]:
    """Every page of the list at ``path``; each is asked for when the one before it was taken.

    Raises:
        ApiProblem: the API refuses a filter.
        NoAnswer: it does not answer.
    """
    after: str | None = None
    while True:
        asked = [*query, ("limit", str(PAGE)), *([("after", after)] if after else [])]
        page = await sender.read(model, Request("GET", path, asked))
        yield page
        after = following(page)
        if after is None:
            return


def query_of(**given: bool | int | str | datetime | None) -> list[tuple[str, str]]:
    """A query of what is given, as the API writes truth values and times; nothing for none."""
    return [(name, _written(value)) for name, value in given.items() if value is not None]


def _written(value: bool | int | str | datetime) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, datetime) else str(value)
