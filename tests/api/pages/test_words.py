"""What the pages, the API, the command line and the messages say of both scenarios reads as a person would say it."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from rich.console import Console

from activities.ledger.store import Ledger
from tests.api.conftest import Api
from tests.api.filling import Filler
from tests.api.pages.browser import Browser
from tests.words.filled import Filled, steps_of
from tests.words.rules import judged
from worker.cli.client.desk import show_desk
from worker.cli.client.listing import show_list
from worker.cli.client.show import show_unmet, show_why
from worker.cli.client.standing import show_accord
from worker.demo.catalog import entry
from workflows.model.authority import members
from workflows.model.rules import GATES

_BLOCK = re.compile(
    r"</?(?:address|article|aside|button|caption|div|dl|dt|fieldset|figure|footer|form|h[1-6]|header|hr|label"
    r"|legend|li|main|nav|ol|option|p|pre|section|select|table|tbody|td|textarea|th|thead|title|tr|ul|br)\b[^>]*>"
)
_UNSEEN = re.compile(r"<(script|style|textarea|pre|template|th)\b.*?</\1>|<!--.*?-->", re.S)
_ABOVE = re.compile(r"<nav\b.*?</nav>", re.S)
_LABEL = re.compile(r"</dt>\s*<dd\b[^>]*>")
_LINK = re.compile(r'href="(/accords/[^"#]*)"')

VISITED = 45
"""Pages that are read of each scenario at each point, the overview and what it links to first."""

NOT_READ = re.compile(
    r"/(?:bundle|proof|files|papers/\w|sheet|redline|tiles|feed|log|verify)|/entries/\d*[1-9]|[?&]as_of="
)
"""Addresses of what is no page of sentences, and of the entries, all alike but for what they say in the minutes."""


def lines_of(page: str) -> Iterator[str]:
    """The texts of a page, block by block, as somebody reads them."""
    for block in re.split(_BLOCK, _LABEL.sub(": ", _UNSEEN.sub("", _ABOVE.sub("", page)))):
        text = " ".join(unescape(re.sub(r"<[^>]+>", "", block.replace("<summary", " <summary"))).split())
        if text and text != "–":
            yield text


async def pages_of(browser: Browser, accord: str) -> Iterator[str]:
    """The pages of an accord, from the overview on."""
    waiting, seen = [f"/accords/{accord}"], {f"/accords/{accord}"}
    said: list[str] = []
    while waiting and len(seen) - len(waiting) < VISITED:
        path = waiting.pop(0)
        answer = await browser.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        if not answer.headers["content-type"].startswith("text/html"):
            continue
        said += lines_of(answer.text)
        for link in map(unescape, _LINK.findall(answer.text)):
            if link.startswith(f"/accords/{accord}") and link not in seen and not NOT_READ.search(link):
                seen.add(link)
                waiting.append(link)
    return iter(said)


async def told(api: Api, accord: str, by: str) -> Iterator[str]:
    """What the command line prints of an accord, from the API's answers, and these."""

    async def read(path: str) -> Any:
        answer = await api.get(path, by)
        assert answer.status_code == 200, answer.text
        return answer.json()

    out = io.StringIO()
    console = Console(file=out, width=10_000)
    said = await read(f"/accords/{accord}")
    show_accord(console, said)
    show_list(console, (await read("/accords"))["items"], more=False)
    show_desk(console, (await read("/desk"))["items"], more=False, waiting_on="me")
    for name in GATES:
        why = await read(f"/accords/{accord}/why/{name}")
        show_why(console, why)
        show_unmet(console, [one for one in why["checks"] if not one["met"]])
    events: list[dict[str, Any]] = (await read(f"/accords/{accord}/events?limit=200"))["items"]
    return iter([*out.getvalue().splitlines(), *(one["says"] for one in events)])


@pytest.mark.parametrize("name", ["state-visit", "jv-closing"])
async def test_every_page_and_every_line(
    name: str, reading_api: Api, browser: Browser, filler: Filler
) -> None:
    one = entry(name)
    ledger: Ledger = filler.ledger
    steps = await steps_of(one)
    filled = Filled(ledger, steps)
    last = steps[-1][2].after.size
    people = ("protocol", "treaty") if name == "state-visit" else ("secretary", "counsel")
    for part in (0.15, 0.55, 1.0):
        a = await filled.to(int(last * part))
        who = next(code for code in members(a) if code.endswith(people))
        await browser.sign_in(who)
        said = [*(await pages_of(browser, a.id)), *(await told(reading_api, a.id, who))]
        assert len(said) > 300
        # The desk and what stands above each page are over all accords, whatever their vocabularies.
        wrong = [
            *judged(said, a.definition.vocabulary),
            *judged(lines_of(await browser.page("/")), "diplomatic"),
        ]
        assert not wrong, "\n".join(wrong)
