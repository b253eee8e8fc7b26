"""What webhooks are sent, for the OpenAPI document's ``webhooks``: a CloudEvent for each type of entry, and headers.

Sources: OpenAPI 3.1, ``webhooks``; CloudEvents 1.0.2, JSON format; Standard Webhooks 1.0.
"""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from activities.feeds.events import MEDIA_TYPE, SPEC, event_type
from api.calls import ACCORD_ID
from workflows.model.declare import Event
from workflows.model.declared import EVENTS

_SCHEMAS = "#/components/schemas/"

ENVELOPE = "CloudEvent"
"""The name of the schema that all events share."""

HEADERS: dict[str, dict[str, Any]] = {
    "webhook-id": {
        "description": "names the entry; the same each time that it is sent, so that it is taken once",
        "schema": {"type": "string", "pattern": "^entry_[0-9]+$"},
    },
    "webhook-timestamp": {
        "description": "when this attempt was signed, in seconds since 1970; refuse what is older than five minutes",
        "schema": {"type": "string", "pattern": "^[0-9]{10,}$"},
    },
    "webhook-signature": {
        "description": "by each live secret, `v1,` and the base64 of the HMAC-SHA256 of `id.timestamp.body`; "
        "one that is right is enough",
        "schema": {"type": "string", "pattern": "^v1,[A-Za-z0-9+/]{43}=( v1,[A-Za-z0-9+/]{43}=)*$"},
    },
}
"""Of every delivery, by the Standard Webhooks convention."""

_RESPONSES: dict[str, dict[str, str]] = {
    "2XX": {"description": "Taken. The next entry follows."},
    "410": {"description": "Nothing more is wanted: the endpoint is disabled at once."},
    "default": {
        "description": "Not taken, and so is what answers nothing in time or redirects: sent again, more and more "
        "rarely, for three days; then the endpoint is disabled. Entries behind it wait."
    },
}


def parameters() -> dict[str, Any]:
    """The headers of deliveries, as components."""
    return {name: {"name": name, "in": "header", "required": True, **one} for name, one in HEADERS.items()}


def webhooks() -> dict[str, Any]:
    """A webhook for each type of entry, by the type of its CloudEvent."""
    return {event_type(one.type, one.version): {"post": _operation(one)} for one in EVENTS.values()}


def schemas() -> dict[str, Any]:
    """The schemas that the webhooks refer to, but for that of the entry itself."""
    _, made = models_json_schema(
        [(one, "serialization") for one in EVENTS.values()], ref_template=_SCHEMAS + "{model}"
    )
    return {**made["$defs"], ENVELOPE: _envelope()}


def _operation(event: type[Event]) -> dict[str, Any]:
    return {
        "operationId": f"deliver_{event.type}",
        "summary": event.type.replace("_", " ").capitalize(),
        "description": " ".join((event.__doc__ or "").split()),
        "tags": ["feeds"],
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in HEADERS],
        "requestBody": {"required": True, "content": {MEDIA_TYPE: {"schema": _schema(event)}}},
        "responses": _RESPONSES,
    }


def _schema(event: type[Event]) -> dict[str, Any]:
    """The envelope, with this type, and with an entry whose facts are this event's."""
    facts = {"properties": {"event": {"$ref": _SCHEMAS + event.__name__}}, "required": ["event"]}
    entry = {
        "properties": {
            "type": {"const": event.type},
            "version": {"const": event.version},
            "facts": facts,
        }
    }
    own = {"properties": {"type": {"const": event_type(event.type, event.version)}, "data": entry}}
    return {"allOf": [{"$ref": _SCHEMAS + ENVELOPE}, own]}


def _envelope() -> dict[str, Any]:
    text: dict[str, Any] = {"type": "string"}
    properties = {
        "specversion": {"const": SPEC},
        "id": {
            **text,
            "pattern": "^[0-9]+$",
            "description": "the entry's position in its accord; with `source` it names the entry for ever",
        },
        "source": {
            **text,
            "format": "uri-reference",
            "pattern": f"/accords/{ACCORD_ID.strip('^$')}$",
            "description": "the accord's log, as its checkpoints name it",
        },
        "type": {**text, "pattern": r"^entente\.[a-z][a-z_]*\.v[1-9][0-9]*$"},
        "subject": {**text, "pattern": ACCORD_ID, "description": "the accord"},
        "time": {**text, "format": "date-time", "description": "the entry's, by the accord's clock"},
        "datacontenttype": {"const": "application/json"},
        "feed": {**text, "pattern": "^[0-9]+$", "description": "the position in the feed over all accords"},
        "data": {"$ref": _SCHEMAS + "EventView"},
    }
    return {
        "title": ENVELOPE,
        "description": "An entry of a record as a CloudEvent (1.0, structured JSON): what webhooks and streams send.",
        "type": "object",
        "properties": properties,
        "required": [*properties],
        "additionalProperties": False,
    }
