"""The page at /docs: the OpenAPI document for people, as plain HTML. No script, nothing from elsewhere.

Everything on it comes from the document that is given, so that it tells of this API what programs are told.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from activities.reference.guards import TRACKS
from api.docs.samples import samples

_FOLDER = Path(__file__).parent
_STYLE = (_FOLDER / "page.css").read_text(encoding="utf-8")

SECURITY_POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
)
"""The page's Content-Security-Policy: its own style, and nothing else."""

_SHOWN = "submit_evidence"
"""The act by which the page shows what is sent and what comes back."""

# Raw HTML in a description would be shown as it is written, and never be part of the page.
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


def page(document: Mapping[str, Any]) -> str:
    """The whole page for an OpenAPI document."""
    groups = [_group(document, tag) for tag in document["tags"]]
    shown = next(one for group in groups for one in group["operations"] if one["id"] == _SHOWN)
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(markdown=_markdown, inline=_inline, pretty=_pretty)
    return environment.get_template("page.html").render(
        style=Markup(_STYLE),  # noqa: S704 - our own file
        info=document["info"],
        groups=groups,
        shown=shown,
        schemas=document["components"]["schemas"],
        problems=_problems(document),
        webhooks={name: methods["post"] for name, methods in document["webhooks"].items()},
        headers=document["components"]["parameters"].values(),
    )


def _markdown(text: str) -> Markup:
    return Markup(_MARKDOWN.render(text))  # noqa: S704 - it escapes what is in the text


def _inline(text: str) -> Markup:
    return Markup(_MARKDOWN.renderInline(text))  # noqa: S704 - as above


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _group(document: Mapping[str, Any], tag: Mapping[str, str]) -> dict[str, Any]:
    """The operations of one tag, in the document's order."""
    found = [
        _operation(document, path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if operation["tags"][0] == tag["name"]
    ]
    title = TRACKS.get(tag["name"], tag["name"].capitalize())
    return {"id": tag["name"], "title": title, "about": tag["description"], "operations": found}


def _operation(
    document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "id": operation["operationId"],
        "method": method.upper(),
        "path": path,
        "summary": operation["summary"],
        "description": operation["description"],
        "guards": operation.get("x-guards", ()),
        "parameters": operation.get("parameters", ()),
        "fields": list(_fields(document, operation)),
        "bodies": operation.get("requestBody", {}).get("content", {}),
        "samples": samples(path, method, operation),
        "answers": [
            {"status": status, "description": one["description"], "schemas": list(_names(one))}
            for status, one in operation["responses"].items()
        ],
        "examples": [
            {"status": status, "says": _status_says(status), "example": content["example"]}
            for status, one in operation["responses"].items()
            for content in one.get("content", {}).values()
            if "example" in content
        ],
    }


def _status_says(status: str) -> str:
    return "Recorded: the receipt" if status < "300" else "Refused: the problem"


def _fields(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The members of a JSON body that has a schema of its own."""
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = body.get("schema", {}).get("$ref", "").rpartition("/")[2]
    schema = document["components"]["schemas"].get(name, {})
    for field, one in schema.get("properties", {}).items():
        yield {
            "name": field,
            "type": _type(one),
            "required": field in schema.get("required", ()),
            "about": one.get("description", ""),
        }


def _type(schema: Mapping[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " or ".join(json.dumps(one) for one in schema["enum"])
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(_type(one) for one in schema[several]))
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema["format"]) if "format" in schema else str(kind)


def _names(response: Mapping[str, Any]) -> Iterator[str]:
    """The names of the schemas that an answer refers to at its top."""
    listed = [one.get("schema", {}) for one in response.get("content", {}).values()]
    for one in [inner for each in listed for inner in (each, *each.get("oneOf", ()), *each.get("anyOf", ()))]:
        if "$ref" in one:
            yield str(one["$ref"]).rpartition("/")[2]


def _problems(document: Mapping[str, Any]) -> list[str]:
    codes: list[str] = document["components"]["schemas"]["ProblemDetails"]["properties"]["code"]["enum"]
    return codes
