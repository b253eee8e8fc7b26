"""Old event versions, read as the current ones. An event's version rises when its facts change shape.

An upcaster turns the facts of one version into those of the next; they are applied one after another. Recorded
entries are never rewritten.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from workflows.model.commands import RecordedEvent
from workflows.model.declare import Event
from workflows.model.declared import EVENTS

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]

UPCASTERS: dict[tuple[str, int], Upcaster] = {}
"""From (event type, old version) to what turns its facts into those of the next version."""


class UnknownEvent(ValueError):
    """An entry's event type or version is not known to this release: it was written by a newer one."""


def read_event(recorded: RecordedEvent) -> Event:
    """The event of a recorded entry, in its current version.

    Raises:
        UnknownEvent: when type or version are newer than this release, or the facts do not fit the version.
    """
    cls = EVENTS.get(recorded.type)
    if cls is None or not 1 <= recorded.version <= cls.version:
        raise UnknownEvent(
            f"entry {recorded.position} is a {recorded.type} version {recorded.version}, which this release does not "
            "know; use the release that wrote it, or a newer one"
        )
    facts = recorded.facts.get("event")
    if not isinstance(facts, dict):
        raise UnknownEvent(f"entry {recorded.position}: {recorded.type} has no facts under 'event'")
    for version in range(recorded.version, cls.version):
        facts = UPCASTERS[recorded.type, version](facts)
    try:
        return cls.model_validate(facts)
    except ValidationError as error:
        raise UnknownEvent(
            f"entry {recorded.position}: {recorded.type} does not read: {error.errors()[0]['msg']}"
        ) from None
