"""The OpenAPI document: what FastAPI derives from the routes, and the shapes of bodies that routes read themselves.

``python -m api.openapi`` prints it as it is committed in ``api/openapi.json``.
"""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from activities.definitions.check import tell_short_forms
from activities.reference.guards import TRACKS, guards_before, guards_of
from api import deliveries
from api.answers.looking_ahead import DryRun, OpeningDryRun, SignalTaken
from api.answers.telling import WebhookWithSecret
from api.examples import BODIES, DEFINITION
from api.outcomes import receipt_of, refusal_of
from api.problems import ProblemDetails
from api.routes.clock import MoveClock
from api.routes.identity import MakeApiKey
from api.routes.joining import JoinByLink, MakeJoinLink
from api.routes.sheets import ReadSheets
from api.routes.webhook_bodies import NewWebhook, Replay, Rotation
from workflows.model.commands import Receipt
from workflows.model.declared import ACTS
from workflows.model.definition import Definition

_TEMPLATE = "#/components/schemas/{model}"

ABOUT = """Entente carries an accord between parties who need not trust each other, from invitation to signing.

Every act is a POST named as the act. It is judged by the accord's rules, recorded in an append-only ledger, and
answered by a receipt; a refusal is an answer too, and says which guard refused, what is missing, who could supply it
and by when. `?dry_run=true` on any act says what would follow; `GET …/why/{step}` says why a step cannot be taken yet.

**Keys.** `Authorization: Bearer ent_<key id>_<secret>`, or a token of an OpenID provider that the operator
has named. Whose it is, is who acts; never the body. A key can be good for less than all that its delegate may do;
`GET /v1/me` tells.

**Again.** Every POST takes an `Idempotency-Key`. The same request under the same key has one outcome, however often it
is sent: after a 503 or a broken connection, send it again.

**Versions.** `ETag: "v17"` is the position of the last entry that changed the accord. With `If-Match` an act is only
done while the accord is at that version; otherwise it is refused with 412, and the refusal is on the record.

**Problems** are `application/problem+json` (RFC 9457) with a stable `type`.
"""


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of an application; the same object on every call."""
    if app.openapi_schema is None:
        found = get_openapi(
            title=app.title,
            version=app.version,
            summary="The durable engine of one accord, from invitation to signing.",
            description=ABOUT,
            routes=app.routes,
            license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        )
        schemas = found.setdefault("components", {}).setdefault("schemas", {})
        for name, schema in _extra_schemas().items():
            schemas.setdefault(name, schema)
        for name, schema in deliveries.schemas().items():
            schemas.setdefault(name, schema)
        schemas["Definition"]["examples"] = [DEFINITION]
        found["components"]["parameters"] = deliveries.parameters()
        found["webhooks"] = deliveries.webhooks()
        found["tags"] = _tags(found)
        for methods in found["paths"].values():
            for operation in methods.values():
                _tell_parameters(operation)
                _tell_headers(operation)
                if (name := operation["operationId"]) in ACTS:
                    _tell_guards(operation)
                if name in BODIES:
                    operation["requestBody"]["content"]["application/json"]["example"] = BODIES[name]
        found["components"]["schemas"] = dict(sorted(schemas.items()))
        app.openapi_schema = found
    return app.openapi_schema


def _tell_parameters(operation: dict[str, Any]) -> None:
    """A parameter that is left out is not sent as null."""
    for one in operation.get("parameters", ()):
        schema = one["schema"]
        alternatives = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
        if len(alternatives) == 1:
            one["schema"] = {
                **{key: value for key, value in schema.items() if key != "anyOf"},
                **alternatives[0],
            }


_FIRST = {
    "accords": "Open an accord, find it, read where it stands and why it does not go on.",
}
_LAST = {
    "record": "The record itself: entries, proofs, checkpoints, bundles.",
    "feeds": "What happens, as it happens: streams, webhooks, notices.",
    "files": "Contents of texts and evidence, beside the record.",
    "papers": "Documents and sheets made from the record.",
    "identity": "Who one is, keys, joining by a link.",
    "clock": "Simulated clocks.",
    "health": "Whether the process lives and can work.",
}


def _tags(found: dict[str, Any]) -> list[dict[str, str]]:
    """The groups of operations: the accord, then its acts in the ladder's order, then what stands beside it."""
    used = {operation["tags"][0] for methods in found["paths"].values() for operation in methods.values()}
    acts = {track: f"Acts: {title.lower()}." for track, title in TRACKS.items()}
    told = {**_FIRST, **acts, **_LAST}
    order = [*told, *sorted(used - told.keys())]
    return [{"name": tag, "description": told.get(tag, "")} for tag in order if tag in used]


def _tell_guards(operation: dict[str, Any]) -> None:
    """The guards of an act, and what its example is answered where it is recorded and where it is refused."""
    name = operation["operationId"]
    operation["x-guards"] = [*guards_before(ACTS[name]), *guards_of(ACTS[name])]
    recorded, refused = receipt_of(name), refusal_of(name)
    for status, outcome in (("200", recorded), ("409", refused)):
        if outcome is not None and not (status == "200" and ACTS[name].signal):
            (content,) = operation["responses"][status]["content"].values()
            content["example"] = outcome.answer


def _header(description: str, **schema: Any) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string", **schema}}


_REQUEST_ID = _header(
    "Names the request in our logs; the caller's own, where it sent one", pattern="^[!-~]{1,128}$"
)
_RETRY_AFTER = {"description": "Seconds to wait", "schema": {"type": "integer", "minimum": 1}}
_CHALLENGE = _header("How to authenticate (RFC 6750)", pattern="^Bearer ")
_ETAG = _header("The version that the answer is about", pattern='^"[^"]+"$')
_LOCATION = _header("The address of what was made", pattern="^/v1/")
_LINK = _header('The next page, as rel="next"; absent on the last')
_TAGGED = ("get_accord", "get_definition", "why", "open_accord")


def _tell_headers(operation: dict[str, Any]) -> None:
    """The headers of each answer, as `api.app` and the routes set them."""
    name = operation["operationId"]
    acts = name in ACTS and not ACTS[name].signal
    for status, response in operation["responses"].items():
        headers = response.setdefault("headers", {})
        headers["X-Request-Id"] = _REQUEST_ID
        if status == "401":
            headers["WWW-Authenticate"] = _CHALLENGE
        elif status in ("429", "503") and name != "readyz":
            headers["Retry-After"] = _RETRY_AFTER
        elif status in ("200", "201", "304") and (acts or name in _TAGGED):
            headers["ETag"] = _ETAG
        if status == "201":
            headers["Location"] = _LOCATION
        if status == "200" and name in ("list_accords", "list_events", "read_desk", "list_deliveries"):
            headers["Link"] = _LINK


def _extra_schemas() -> dict[str, Any]:
    taken: tuple[type[BaseModel], ...] = (
        Definition,
        MoveClock,
        NewWebhook,
        Replay,
        Rotation,
        MakeApiKey,
        MakeJoinLink,
        JoinByLink,
        ReadSheets,
        *ACTS.values(),
    )
    given: tuple[type[BaseModel], ...] = (
        ProblemDetails,
        Receipt,
        DryRun,
        OpeningDryRun,
        SignalTaken,
        WebhookWithSecret,
    )
    modes: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        *((model, "validation") for model in taken),
        *((model, "serialization") for model in given),
    ]
    _, schemas = models_json_schema(modes, ref_template=_TEMPLATE)
    found: dict[str, Any] = schemas["$defs"]
    tell_short_forms(found["Definition"], found, _TEMPLATE.format(model=""))
    for act in ACTS.values():
        # The class's docstring is the operation's text already.
        found[act.__name__]["title"] = act.name.replace("_", " ").capitalize()
    return found


def text(app: FastAPI) -> str:
    """The document as it is committed."""
    return json.dumps(document(app), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    from activities.runtime.settings import Settings
    from api.app import create_app

    print(text(create_app(Settings())), end="")
