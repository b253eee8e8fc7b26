"""A request of each operation as people send it: with curl, in Python, and for acts by the command line.

Each takes the API's address from ``$API``, the key from ``$ENTENTE_KEY`` and the accord from ``$ACCORD``.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


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
    taken = [Sample("curl", _curl(request)), Sample("Python", _python(request))]
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


def _python(request: _Request) -> str:
    lines = ["import os", "", "import httpx", "", f"answer = httpx.{request.method}("]
    path = request.path.replace("{accord}", "{os.environ['ACCORD']}")
    lines.append(f"    f\"{{os.environ['API']}}{path}\",")
    if request.query:
        pairs = ", ".join(f"{k!r}: {v!r}" for k, _, v in (one.partition("=") for one in request.query))
        lines.append(f"    params={{{pairs}}},")
    headers = {
        name: "f\"Bearer {os.environ['ENTENTE_KEY']}\"" if name == "Authorization" else json.dumps(value)
        for name, value in request.headers.items()
    }
    if request.body is None and request.media:
        headers["Content-Type"] = json.dumps(request.media)
    if headers:
        lines.append("    headers={")
        lines += [f'        "{name}": {value},' for name, value in headers.items()]
        lines.append("    },")
    if request.body is not None:
        lines.append(f"    json={_literal(request.body)},")
    elif request.media:
        lines.append('    content=open("FILE", "rb").read(),')
    lines += ["    timeout=30,", ")", "answer.raise_for_status()"]
    return "\n".join(lines)


def _literal(value: Any) -> str:
    """JSON as Python writes it; one line for what is short."""
    short = repr(value)
    if len(short) < 60 or not isinstance(value, dict):
        return short
    return "{\n" + "".join(f"        {key!r}: {inner!r},\n" for key, inner in value.items()) + "    }"


def _command(request: _Request) -> str:
    act = re.split("/", request.path)[-1]
    line = f'entente act "$ACCORD" {act}'
    if request.body:
        line += f" \\\n  --fields {shlex.quote(json.dumps(request.body, ensure_ascii=False))}"
    return line
