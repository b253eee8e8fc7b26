"""The record as it grows, one entry after the other; the client takes it up again wherever the stream breaks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from activities.errors import Unreachable

if TYPE_CHECKING:
    from worker.cli.client.calling import Calls


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as the feed gives it: the CloudEvent."""

    event: dict[str, Any]

    @property
    def view(self) -> dict[str, Any]:
        """The entry itself."""
        found: dict[str, Any] = self.event["data"]
        return found


def follow(calls: Calls, accord: str | None, since: int | None = None) -> Iterator[Entry]:
    """Each entry once, of one accord or of all, beyond the feed position ``since`` (from now on, if none), without end.

    Raises:
        ApiProblem: the API says why not.
        Unreachable: it has not answered for a while.
    """
    feed = calls.api.feed(since) if accord is None else calls.api.accord(accord).feed(since)
    try:
        while True:
            yield Entry(calls.run(anext(feed), quiet=True).event)
    except Unreachable as error:
        raise Unreachable(
            error.what, f"Go on behind the last entry later, with --since {feed.position or 0}."
        ) from error
    finally:
        calls.run(feed.aclose(), quiet=True)
