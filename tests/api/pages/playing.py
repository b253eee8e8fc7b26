"""A play's backend that is people in browsers: each delegate has a browser of its own, and acts by the pages' forms.

Reading, the clock and opening go over the HTTP API, as in the demonstration itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import asyncpg

from activities.ledger.postgres import PostgresLedger
from worker.demo.backend import Outcome
from worker.demo.over_http import OverHttp
from workflows.model.commands import Receipt


class ByForm(OverHttp):
    """Accords of a running Entente, whose delegates sit in their chairs in ``browser``."""

    def __init__(
        self, api_url: str, tokens: Mapping[str, str], operator: str, browser: Any, dsn: str
    ) -> None:
        super().__init__(api_url, tokens, operator)
        self._url = api_url
        self._browser = browser
        self._dsn = dsn
        self._pages: dict[str, Any] = {}
        self.problems: list[str] = []

    async def page(self, who: str) -> Any:
        """The page in the delegate's own browser, in whose chair it sits."""
        if who not in self._pages:
            page = await (await self._browser.new_context()).new_page()
            page.on("pageerror", lambda error: self.problems.append(f"{who}: {error}"))
            page.on("console", lambda said: self._heard(who, said))
            await page.goto(f"{self._url}/sign-in")
            await page.click(f'button[value="{who}"]')
            await page.wait_for_selector("form.who")
            self._pages[who] = page
        return self._pages[who]

    def _heard(self, who: str, said: Any) -> None:
        # A refused form is answered 4xx, which the browser mentions.
        if said.type == "error" and "status of 4" not in said.text:
            self.problems.append(f"{who}: {said.text}")

    async def act(self, by: str, act: str, fields: Mapping[str, Any]) -> Outcome:
        """Do an act, from its form through its preview."""
        page = await self.page(by)
        about = {
            name: fields[name] for name in ("condition", "document", "language", "seat") if name in fields
        }
        query = "&".join(f"{name}={value}" for name, value in about.items())
        await page.goto(f"{self._url}/accords/{self._accord}/do/{act.replace('_', '-')}?{query}")
        for name, value in fields.items():
            await _fill(page, name, value)
        await page.click('button[value="preview"]')
        key = await page.get_attribute('input[name="key"]', "value")
        # Twice at once: it is done once all the same.
        await page.dblclick('button[value="send"]')
        await page.wait_for_selector(".recorded, .refused")
        receipt = await self._receipt(by, str(key))
        said = await page.inner_text("h1")
        assert ("refused" if receipt.refusal else "recorded") in said, (act, said)
        self._time = max(receipt.time, self._time or receipt.time)
        if receipt.refusal is None:
            return Outcome("recorded", receipt.stage, receipt.events, receipt.position)
        refusal = receipt.refusal
        shown = await page.inner_text("main")
        assert refusal.reason[:40].casefold() in shown.casefold() or "sha256:" in refusal.reason, (
            refusal.reason,
            shown,
        )
        return Outcome(
            "refused",
            "",
            (),
            receipt.position,
            refusal.guard,
            refusal.reason,
            refusal.remedy,
            refusal.unmet,
        )

    async def _receipt(self, by: str, key: str) -> Receipt:
        async with asyncpg.create_pool(self._dsn, min_size=1, max_size=1) as pool:
            known = await PostgresLedger(pool).outcome(self._accord, f"{by}/{key}")
        assert known is not None, (by, key)
        return known.receipt


async def _fill(page: Any, name: str, value: Any) -> None:
    """Fill in a field as a person would: choose what is offered, write the rest."""
    if name == "window":
        for part, said in value.items():
            await page.fill(f'[name="f.window.{part}"]', _minute(said) if part != "place" else said)
        return
    for one in value if isinstance(value, list) and all(isinstance(each, str) for each in value) else [value]:
        field = page.locator(f'[name="f.{name}"]')
        offered = page.locator(f'input[name="f.{name}"][value="{one}"]') if isinstance(one, str) else None
        if offered is not None and await offered.count():
            await offered.first.check()
            continue
        text = (
            one
            if isinstance(one, str)
            else "true"
            if one is True
            else "false"
            if one is False
            else json.dumps(one)
        )
        if text in ("true", "false") and await page.locator(f'input[name="f.{name}"][type="radio"]').count():
            await page.check(f'input[name="f.{name}"][value="{text}"]')
            continue
        also = page.locator(f'[name="f.{name}.also"]')
        if await also.count():
            await also.fill(text)
        elif await field.first.evaluate("field => field.tagName") == "SELECT":
            await field.select_option(text)
        elif await field.first.get_attribute("type") == "datetime-local":
            await field.fill(_minute(text))
        elif await field.first.get_attribute("type") == "radio":
            # Another digest than the record's: it cannot be chosen, and is sent as by a program.
            await field.first.evaluate(
                "(field, value) => { field.value = value; field.checked = true; }", text
            )
        else:
            await field.fill(text)


def _minute(text: str) -> str:
    """A time for a field of date and time, which is in UTC."""

    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M")
