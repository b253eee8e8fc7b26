"""Lists that come in pages, put together as far as they were asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from worker.cli.client.calling import Calls

MOST_OF_A_PAGE = 200


def pages(
    calls: Calls, path: str, filters: Mapping[str, str | None], limit: int
) -> tuple[list[dict[str, Any]], bool]:
    """The first ``limit`` items of the list at ``path``, filters without a value left out; and whether there are more.

    Raises:
        EntenteError: the API does not answer, or refuses a filter.
    """
    found: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        query = [(name, value) for name, value in filters.items() if value]
        query += [
            ("limit", str(min(MOST_OF_A_PAGE, limit - len(found)))),
            *([("after", after)] if after else []),
        ]
        page = calls.get(path, query)
        found += page["items"]
        after = page["next"]
        if after is None or len(found) >= limit:
            return found, after is not None
