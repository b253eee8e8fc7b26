"""The page at /docs: whole, in the ladder's order, with code that does what it says, and nothing from elsewhere."""

from __future__ import annotations

import copy
import json
import re
import shlex
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest

import api.openapi
from activities.reference.guards import TRACKS, guards_of_gate
from activities.runtime.settings import Settings
from api.app import create_app
from api.docs import page
from api.docs.calls import CALLS
from api.docs.samples import Sample, samples
from api.outcomes import receipt_of, refusal_of
from tests.api.conftest import Api
from workflows.model.commands import Receipt
from workflows.model.declare import parse_act
from workflows.model.declared import ACTS


class Read(HTMLParser):
    """What a page holds: elements, and the text outside code."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.prose: list[str] = []
        self._code = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._code += tag in ("code", "pre", "style")

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag in ("code", "pre", "style")

    def handle_data(self, data: str) -> None:
        if not self._code:
            self.prose.append(data)

    def having(self, attribute: str) -> list[str]:
        return [str(attrs[attribute]) for _, attrs in self.elements if attribute in attrs]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return api.openapi.document(create_app(Settings()))


@pytest.fixture(scope="module")
def read(document: dict[str, Any]) -> Read:
    return Read(page(document))


def operation_of(document: dict[str, Any], name: str) -> tuple[str, str, dict[str, Any]]:
    [one] = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if operation["operationId"] == name
    ]
    return one


def samples_of(document: dict[str, Any], name: str) -> dict[str, str]:
    return {one.title: one.text for one in samples(*operation_of(document, name))}


async def test_it_is_served_whole_and_needs_nothing_from_elsewhere(reading_api: Api, read: Read) -> None:
    for _ in range(2):
        answer = await reading_api.http.get("/docs")
        assert answer.headers["content-type"].startswith("text/html")
        assert Read(answer.text).elements == read.elements
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not {tag for tag, _ in read.elements} & {"script", "link", "img", "iframe", "form", "object"}
    assert not [
        name for _, attrs in read.elements for name in attrs if name.startswith("on") or name == "src"
    ]
    there = {*read.having("id")}
    assert len(there) == len(read.having("id"))
    for target in read.having("href"):
        assert target == "/openapi.json" or (target[0] == "#" and target[1:] in there), target


def test_the_acts_stand_in_the_ladders_order_and_none_is_left_out(
    document: dict[str, Any], read: Read
) -> None:
    ids = read.having("id")
    assert [one for one in ids if one in TRACKS] == list(TRACKS)
    assert ids.index("accords") < ids.index("founding") < ids.index("subsequent") < ids.index("feeds")
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["operationId"] in ids
    assert ids.index("signing") < ids.index("sign_document") < ids.index("subsequent")
    for one in document["webhooks"].values():
        assert one["post"]["operationId"] in ids
    assert {f"schema-{name}" for name in document["components"]["schemas"]} <= {*ids}


def test_markdown_is_rendered_and_html_is_not(document: dict[str, Any], read: Read) -> None:
    prose = "".join(read.prose)
    assert "Keys." in prose
    assert not re.search(r"\*\*|`", prose)
    changed = copy.deepcopy(document)
    operation_of(changed, "sign_document")[2]["description"] = (
        "<script>alert(1)</script> [x](javascript:alert(1)) ![y](https://elsewhere.example/y.png)"
    )
    changed["info"]["description"] += "\n\n<img src=x onerror=alert(1)>"
    # What somebody might write in a description one day: nothing of it runs, and the policy loads no picture.
    elements = Read(page(changed)).elements
    assert "script" not in {tag for tag, _ in elements}
    assert not [attrs for tag, attrs in elements if "onerror" in attrs or attrs.get("src") == "x"]
    assert not [attrs for _, attrs in elements if str(attrs.get("href")).startswith("javascript")]


class Sent(Exception):
    """A request that would have gone out."""


def sent_by(program: str, monkeypatch: pytest.MonkeyPatch) -> httpx.Request:
    """The first request that the page's own code sends; in a thread, for it to have an event loop of its own."""
    requests: list[httpx.Request] = []

    async def take(_: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        if request.method == "HEAD":
            # How much of a content is there already: nothing.
            return httpx.Response(404, request=request)
        requests.append(request)
        raise Sent

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", take)
    for variable, value in (("API", "https://api.test"), ("ENTENTE_KEY", "k"), ("ACCORD", "ACCORD")):
        monkeypatch.setenv(variable, value)
    with ThreadPoolExecutor(1) as pool, pytest.raises(Sent):
        pool.submit(exec, compile(program, "sample", "exec"), {}).result()
    return requests[0]


@pytest.mark.parametrize("name", sorted(ACTS))
def test_the_code_of_an_act_sends_its_example(
    document: dict[str, Any], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _, operation = operation_of(document, name)
    found = samples_of(document, name)
    address = path.replace("{accord}", "ACCORD")
    example = operation["requestBody"]["content"]["application/json"]["example"]
    words = shlex.split(found["curl"].replace("$API", "https://api.test").replace("$ACCORD", "ACCORD"))
    assert words[:3] == ["curl", "-sS", f"https://api.test{address}"]
    headers = dict(words[i + 1].split(": ", 1) for i, word in enumerate(words) if word == "-H")
    assert set(headers) == {"Authorization", "Idempotency-Key", "Content-Type"}
    assert json.loads(words[words.index("-d") + 1]) == example
    command = shlex.split(found["Command line"])
    assert command[:4] == ["entente", "act", "$ACCORD", name.replace("_", "-")]
    assert json.loads(command[command.index("--fields") + 1]) == example if example else len(command) == 4
    asked = parse_act(name, example)
    sent = sent_by(found["Python"], monkeypatch)
    assert (sent.method, sent.url) == ("POST", f"https://api.test{address}")
    assert parse_act(name, json.loads(sent.content)) == asked
    assert sent.headers["Authorization"] == "Bearer k"
    assert sent.headers["Idempotency-Key"] == headers["Idempotency-Key"]


def test_the_code_of_every_other_operation_sends_that(
    document: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("FILE").write_bytes(b"A content.")
    others = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if operation["operationId"] not in ACTS
    ]
    assert sorted(CALLS) == sorted(operation["operationId"] for _, _, operation in others)
    for path, method, operation in others:
        program = samples_of(document, operation["operationId"])["Python"]
        sent = sent_by(program, monkeypatch)
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))
        assert (sent.method, bool(re.fullmatch(pattern, sent.url.path))) == (method.upper(), True), program
        assert ("Authorization" in sent.headers) == bool(operation.get("security")), program
        given = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        if "example" in given:
            body = json.loads(sent.content.replace(b"+00:00", b"Z"))
            assert {name: body.get(name) for name in given["example"]} == given["example"], program
        for one in operation.get("parameters", ()):
            assert not one.get("required") or one["in"] != "query" or one["name"] in sent.url.params, program
            assert one["name"] != "Idempotency-Key" or sent.headers["Idempotency-Key"], program


def test_the_code_of_every_operation_is_code(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for one in samples(path, method, operation):
                assert isinstance(one, Sample)
                if one.title == "Python":
                    compile(one.text, operation["operationId"], "exec")
                else:
                    assert not re.search(r"\{\w+\}", one.text.partition("-d ")[0]), one
                    assert shlex.split(one.text)


@pytest.mark.parametrize("name", sorted(ACTS))
def test_every_act_tells_its_guards_and_a_refusal_by_one_of_them(document: dict[str, Any], name: str) -> None:
    _, _, operation = operation_of(document, name)
    guards = [*operation["x-guards"]]
    within = [inner for one in guards if one.startswith("gate:") for inner in guards_of_gate(one[5:])]
    refused = refusal_of(name)
    assert refused is not None
    assert refused.answer["guard"] in {*guards, *within, "own_signature"}
    assert refused.answer["unmet"]
    assert operation["responses"]["409"]["content"]["application/problem+json"]["example"] == refused.answer
    recorded = receipt_of(name)
    if recorded is not None:
        assert Receipt.model_validate(recorded.answer).status == "recorded"
        assert recorded.answer["command"] == f"{recorded.delegate}/{recorded.key}"


def test_the_page_begins_with_a_receipt_and_a_refusal(document: dict[str, Any]) -> None:
    text = page(document)
    begin = text[text.index('id="begin"') : text.index('id="accords"')]
    assert "Recorded: the receipt (200)" in begin
    assert "Refused: the problem (409)" in begin
    assert "urn:entente:problem:refused" in begin
    assert "$API/v1/accords/$ACCORD/submit-evidence" in begin
