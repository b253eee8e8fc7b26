"""The site's own files: served as they are, kept by browsers, and those of others unchanged."""

from __future__ import annotations

import hashlib
import re
import threading

from api.pages.rendering import FOLDER, STATIC, Page, static_url
from tests.api.pages.browser import Browser


def test_files_of_others_are_as_they_were_published() -> None:
    rows = re.findall(
        r"^\| `(static/[^`]+)` .*`([0-9a-f]{64})` \|$", (FOLDER / "VENDORED.md").read_text(), re.MULTILINE
    )
    assert rows
    for name, digest in rows:
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == digest
    assert {name for name, _ in rows} == {f"static/{one.name}" for one in STATIC.glob("*.min.js")}


async def test_they_are_served_for_good(browser: Browser) -> None:
    for name in ("entente.css", "entente.js", "htmx-2.0.8.min.js", "mark.svg"):
        answer = await browser.get(static_url(name))
        assert answer.status_code == 200
        assert answer.content == (STATIC / name).read_bytes()
        assert "immutable" in answer.headers["cache-control"]
    assert (await browser.get("/static/entente.css")).headers["cache-control"] == "no-cache"
    for path in ("/static/missing.js", "/static/..%2Frendering.py", "/static/%2e%2e/rendering.py"):
        assert (await browser.get(path)).status_code == 404


def test_templates_hold_no_script_and_no_style() -> None:
    unwanted = re.compile(
        r"<script(?! src=)|<style|\sstyle=|\son[a-z]+=|javascript:|\|\s*safe\b|autoescape false"
    )
    for template in (FOLDER / "templates").glob("*.html"):
        assert unwanted.search(template.read_text()) is None, template


async def test_a_page_is_made_beside_the_event_loop_once() -> None:
    threads = []

    def text() -> str:
        threads.append(threading.get_ident())
        return "<p>é</p>"

    made = Page(text, 200, {"X-Own": "1"})
    await made.make()
    await made.make()
    assert len(threads) == 1
    assert threads != [threading.get_ident()]
    assert made.body == "<p>é</p>".encode()
    assert (made.headers["content-length"], made.headers["x-own"]) == ("9", "1")
