"""An entry as an event for other systems: CloudEvents 1.0, in structured JSON.

Source: CloudEvents specification 1.0.2 and its JSON format. ``source`` and ``id`` together name the entry for ever: the
accord's log, as its checkpoints name it, and the position in it.
"""

from __future__ import annotations

import json
from typing import Any

from activities.reading.shown import EventView

SPEC = "1.0"
MEDIA_TYPE = "application/cloudevents+json"


def event_type(type_: str, version: int) -> str:
    """The type of a CloudEvent for an entry's type: ``entente.condition_verified.v1``."""
    return f"entente.{type_}.v{version}"


def cloud_event(view: EventView, accord: str, origin: str) -> dict[str, Any]:
    """The entry as a CloudEvent; ``origin`` names the logs of this installation.

    ``feed`` is the position in the feed over all accords, as text: CloudEvents' integers have 32 bits.
    """
    return {
        "specversion": SPEC,
        "id": str(view.position),
        "source": f"{origin}/accords/{accord}",
        "type": event_type(view.type, view.version),
        "subject": accord,
        "time": view.time.isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "feed": str(view.feed),
        "data": view.model_dump(mode="json"),
    }


def as_json(event: dict[str, Any]) -> bytes:
    """The event as it is sent, on one line."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
