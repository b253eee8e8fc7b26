"""A request of each operation as people send it: with curl, by the project's client, and for acts by the command line.

Each takes the API's address from ``$API``, the key from ``$ENTENTE_KEY`` and the accord from ``$ACCORD``.
"""

from __future__ import annotations

import json
import re
import shlex
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from api.docs.calls import CALLS
from workflows.model.declare import Act
from workflows.model.declared import ACTS


@dataclass(frozen=True)
class Sample:
    """A piece of code: what it is written for, and its text."""

    title: str
    text: str


@dataclass(frozen=True)
class _Request:
    """What is sent: names in capitals in the path and the query stand for what only the reader knows."""

    method: str
    path: str
    query: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    media: str = ""


def samples(path: str, method: str, operation: Mapping[str, Any]) -> tuple[Sample, ...]:
    """The samples for an operation of the OpenAPI document."""
    request = _request(path, method, operation)
    taken = [Sample("curl", _curl(request)), Sample("Python", _python(operation["operationId"], request))]
    if "x-guards" in operation:
        taken.append(Sample("Command line", _command(request)))
    return tuple(taken)


def _request(path: str, method: str, operation: Mapping[str, Any]) -> _Request:
    headers, query = {}, []
    for one in operation.get("parameters", ()):
        name, required = one["name"], one.get("required", False)
        if one["in"] == "path" and name != "accord":
            path = path.replace(f"{{{name}}}", _example(one))
        elif one["in"] == "query" and required:
            query.append(f"{name}={_example(one)}")
        elif name == "Idempotency-Key":
            headers[name] = f"{operation['operationId'].replace('_', '-')}-1"
    if operation.get("security"):
        headers = {"Authorization": "Bearer $ENTENTE_KEY", **headers}
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        if media == "application/json" and "example" in content:
            return _Request(method, path, tuple(query), headers, content["example"], media)
        if media != "application/json":
            return _Request(method, path, tuple(query), headers, None, media)
    return _Request(method, path, tuple(query), headers)


def _example(parameter: Mapping[str, Any]) -> str:
    given = parameter.get("example", next(iter(parameter["schema"].get("examples", ())), None))
    return str(given) if given is not None else parameter["name"].upper()


def _curl(request: _Request) -> str:
    path = request.path.replace("{accord}", "$ACCORD")
    query = "?" + "&".join(request.query) if request.query else ""
    lines = [f'curl -sS "$API{path}{query}"']
    if request.method not in ("get", "post") or (request.method == "post" and not request.media):
        lines[0] += f" -X {request.method.upper()}"
    lines += [f'-H "{name}: {value}"' for name, value in request.headers.items()]
    if request.body is not None:
        lines.append(f'-H "Content-Type: {request.media}"')
        lines.append(f"-d {shlex.quote(json.dumps(request.body, ensure_ascii=False))}")
    elif request.media:
        lines.append(f'-H "Content-Type: {request.media}"')
        lines.append("--data-binary @FILE")
    return " \\\n  ".join(lines)


_PROGRAM = """\
import asyncio
import os
{imports}

async def main() -> None:
    async with Entente(os.environ["API"]{key}) as api:
{lines}


asyncio.run(main())"""


def _python(operation: str, request: _Request) -> str:
    """The operation by the project's own client."""
    act = ACTS.get(operation)
    body = CALLS[operation] if act is None else _doing(act, request)
    key = request.headers.get("Idempotency-Key", "")
    body = re.sub(r"\bKEY\b(?!\")", json.dumps(key), body)
    if "DEFINITION" in body:
        body = f"definition = {_literal(request.body)}\n" + body.replace("DEFINITION", "definition")
    for name in ("token", "url", "types"):
        value = (request.body or {}).get(name)
        written = f"({_literal(value)[1:-1]},)" if isinstance(value, list) else _literal(value)
        body = re.sub(rf"\b{name.upper()}\b", written.replace("\\", r"\\"), body)
    if re.search(r"\baccord\.", body):
        body = 'accord = api.accord(os.environ["ACCORD"])\n' + body
    if "POSITION" in body:
        body = body.replace("POSITION", "0")
    imports = [
        *(["from datetime import datetime"] if "datetime." in body else []),
        *(["from pathlib import Path"] if "Path(" in body else []),
        "",
        f"from api.client import Entente{', acts' if act is not None else ''}",
    ]
    return _PROGRAM.format(
        imports="\n".join(imports) + "\n",
        key=', os.environ["ENTENTE_KEY"]' if "Authorization" in request.headers else "",
        lines=textwrap.indent(body, " " * 8),
    )


def _doing(act: type[Act], request: _Request) -> str:
    fields = "".join(
        f"        {name}={_literal(value, 8 * chr(32))},\n" for name, value in (request.body or {}).items()
    )
    verb = "signal" if act.signal else "do"
    made = f"acts.{act.__name__}(\n{fields}    )" if fields else f"acts.{act.__name__}()"
    return f"receipt = await accord.{verb}(\n    {made},\n    key=KEY,\n)\nprint(receipt)"


def _literal(value: Any, before: str = "") -> str:
    """JSON as Python writes it, ``before`` ahead of each further line: what is short stands on one line."""
    if not isinstance(value, dict | list) or not value:
        return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
    within = before + "    "
    if isinstance(value, dict):
        ends, parts = "{}", [f"{_literal(key)}: {_literal(one, within)}" for key, one in value.items()]
    else:
        ends, parts = "[]", [_literal(one, within) for one in value]
    short = ends[0] + ", ".join(parts) + ends[1]
    if len(short) < 64 and "\n" not in short:
        return short
    return ends[0] + "\n" + "".join(f"{within}{one},\n" for one in parts) + before + ends[1]


def _command(request: _Request) -> str:
    act = re.split("/", request.path)[-1]
    line = f'entente act "$ACCORD" {act}'
    if request.body:
        line += f" \\\n  --fields {shlex.quote(json.dumps(request.body, ensure_ascii=False))}"
    return line
