"""A browser without a script: it keeps the cookie, reads forms out of pages, and sends them as they are."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode

import httpx

from tests.api.conftest import Api

HERE = "https://localhost"


class Form(HTMLParser):
    """The fields of the form on a page that is sent to ``action``."""

    def __init__(self, page: str, action: str) -> None:
        super().__init__()
        self.fields: list[tuple[str, str]] = []
        self._action, self._inside, self._area = action, False, ""
        self._select = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self._inside = given.get("action") == self._action
        if not self._inside:
            return
        name = given.get("name") or ""
        if tag == "input" and name and (given.get("type") not in ("checkbox", "radio") or "checked" in given):
            self.fields.append((name, given.get("value") or ""))
        elif tag == "textarea":
            self._area = name
            self.fields.append((name, ""))
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and "selected" in given:
            self.fields.append((self._select, given.get("value") or ""))

    def handle_data(self, data: str) -> None:
        if self._area:
            name, value = self.fields.pop()
            self.fields.append((name, value + data))

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._area:
            name, value = self.fields.pop()
            # The first line break behind the tag is no part of what is in it (HTML, 13.1.2.5).
            self.fields.append((name, value.removeprefix("\n")))
            self._area = ""
        elif tag == "form":
            self._inside = False


class Browser:
    """One person's browser; signs in with a key that is made for it."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app=api.app), base_url=HERE)

    async def sign_in(self, principal: str, kind: Any = "delegate") -> httpx.Response:
        token = await self.api.token(principal, kind)
        answer = await self.post("/sign-in", {"key": token})
        assert answer.status_code == 303, answer.text
        return answer

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.http.get(path, **options)

    async def page(self, path: str) -> str:
        """A page that has to be there."""
        answer = await self.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:2000])
        return answer.text

    async def post(self, path: str, fields: Any, **headers: str) -> httpx.Response:
        listed = list(fields.items()) if isinstance(fields, dict) else fields
        return await self.http.post(
            path,
            content=urlencode(listed).encode(),
            headers={
                "Content-Type": "application/x-www-form-urlencoded",
                "Origin": HERE,
                **{name.replace("_", "-"): value for name, value in headers.items()},
            },
        )

    async def filled(self, page: str, path: str, **changes: str) -> list[tuple[str, str]]:
        """The fields of a page's form, changed; names of an act's fields without their prefix."""
        fields = Form(page, path).fields
        for name, value in changes.items():
            wanted = name if name in ("step", "csrf", "key", "foreseen") else f"f.{name}"
            fields = [one for one in fields if one[0] != wanted]
            fields.append((wanted, value))
        return fields

    async def act(self, path: str, page: str | None = None, **changes: str) -> httpx.Response:
        """From an act's form through its preview to what came of it."""
        action = path.partition("?")[0]
        previewed = await self.preview(path, page, **changes)
        return await self.post(action, await self.filled(previewed, action, step="send"))

    async def preview(self, path: str, page: str | None = None, **changes: str) -> str:
        """The preview of an act, from its form."""
        action = path.partition("?")[0]
        shown = page or await self.page(path)
        answer = await self.post(action, await self.filled(shown, action, step="preview", **changes))
        assert answer.status_code == 200, answer.text
        return answer.text


def text_of(page: str) -> str:
    """What a page says, without its markup."""
    body = page.partition("<main")[2].partition("</main>")[0]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())
