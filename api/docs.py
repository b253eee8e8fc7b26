"""The page at /docs: the OpenAPI document for people, as plain HTML. No script, nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark; --line: #8886; --soft: #8882; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
details { border: 1px solid var(--line); border-radius: .4rem; margin: .5rem 0; padding: .4rem .8rem; }
summary { cursor: pointer; overflow-wrap: anywhere; }
code, pre { font-family: ui-monospace, monospace; font-size: .9em; }
pre { background: var(--soft); padding: .6rem; overflow-x: auto; white-space: pre-wrap; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .2rem .6rem .2rem 0; border-bottom: 1px solid var(--line); }
.method { display: inline-block; min-width: 3.2rem; font-weight: 600; }
"""

SECURITY_POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
)
"""The page's Content-Security-Policy: its own style, and nothing else."""


def page(document: Mapping[str, Any]) -> str:
    """The whole page for an OpenAPI document."""
    by_tag: dict[str, list[tuple[str, str, Mapping[str, Any]]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            by_tag.setdefault(operation.get("tags", ["other"])[0], []).append(
                (method.upper(), path, operation)
            )
    info = document["info"]
    about = "".join(f"<p>{escape(part)}</p>" for part in info.get("description", "").split("\n\n"))
    contents = " · ".join(f'<a href="#{escape(tag)}">{escape(tag)}</a>' for tag in by_tag)
    sections = "".join(
        f'<section><h2 id="{escape(tag)}">{escape(tag.capitalize())}</h2>{_operations(found)}</section>'
        for tag, found in by_tag.items()
    )
    schemas = "".join(
        f'<details id="schema-{escape(name)}"><summary><code>{escape(name)}</code></summary>{_json(schema)}</details>'
        for name, schema in document["components"]["schemas"].items()
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])}: HTTP API</title><style>{_STYLE}</style></head><body><main>"
        f"<h1>{escape(info['title'])}: HTTP API <small>{escape(info['version'])}</small></h1>{about}"
        '<p>For programs: <a href="/openapi.json">openapi.json</a></p>'
        f'<nav aria-label="Contents">{contents} · <a href="#schemas">schemas</a></nav>{sections}'
        f'<section><h2 id="schemas">Schemas</h2>{schemas}</section></main></body></html>'
    )


def _operations(found: Iterable[tuple[str, str, Mapping[str, Any]]]) -> str:
    return "".join(
        f'<details id="{escape(operation["operationId"])}"><summary><span class="method">{method}</span> '
        f"<code>{escape(path)}</code> — {escape(operation.get('summary', ''))}</summary>"
        f"{_operation(operation)}</details>"
        for method, path, operation in found
    )


def _operation(operation: Mapping[str, Any]) -> str:
    parts = [f"<p>{escape(part)}</p>" for part in operation.get("description", "").split("\n\n")]
    rows = [
        f"<tr><td><code>{escape(one['name'])}</code></td><td>{escape(one['in'])}</td>"
        f"<td>{escape(one.get('description', ''))}</td></tr>"
        for one in operation.get("parameters", ())
    ]
    if rows:
        parts.append(f"<h3>Parameters</h3><table><tbody>{''.join(rows)}</tbody></table>")
    for media, body in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(f"<h3>Body: {escape(media)}</h3><p>{_links(body.get('schema', {}))}</p>")
        if "example" in body:
            parts.append(_json(body["example"]))
    rows = [
        f"<tr><td>{escape(str(status))}</td><td>{escape(one.get('description', ''))}</td><td>{_answers(one)}</td></tr>"
        for status, one in operation.get("responses", {}).items()
    ]
    parts.append(f"<h3>Answers</h3><table><tbody>{''.join(rows)}</tbody></table>")
    return "".join(parts)


def _answers(response: Mapping[str, Any]) -> str:
    return ", ".join(
        dict.fromkeys(_links(one.get("schema", {})) for one in response.get("content", {}).values())
    )


def _links(schema: Mapping[str, Any]) -> str:
    """The names of the schemas that a schema refers to at its top, as links."""
    listed = [schema, *schema.get("oneOf", ()), *schema.get("anyOf", ())]
    names = [str(one["$ref"]).rpartition("/")[2] for one in listed if "$ref" in one]
    return " or ".join(f'<a href="#schema-{escape(name)}"><code>{escape(name)}</code></a>' for name in names)


def _json(value: Any) -> str:
    return f"<pre>{escape(json.dumps(value, indent=2, ensure_ascii=False))}</pre>"
