"""Acts by form: looked ahead to, done once, refused where it shows, and never as it was not foreseen."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.api.conftest import Api
from tests.api.pages.browser import Browser, text_of
from tests.simulation.small import digest, small


async def founded(api: Api, key: str) -> str:
    accord = await api.opened(small(title=f"Visit {key[:8]}"))
    body = (await api.get(f"/accords/{accord}")).json()
    for party in ("aa", "bb"):
        await api.done(accord, "adopt_definition", f"{party}.contact", digest=body["definition_digest"])
    for party in ("aa", "bb"):
        await api.done(
            accord,
            "appoint_delegate",
            f"{party}.contact",
            delegate=f"{party}.contact",
            office="Office",
            roles=["protocol", "treaty_section", "drafter", "obligor", "verifier"],
        )
    return accord


async def entries(api: Api, accord: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await api.get(f"/accords/{accord}/events?limit=500")).json()["items"]
    return found


async def test_from_the_form_to_the_record(api: Api, key: str) -> None:
    accord = await founded(api, key)
    browser, other = Browser(api), Browser(api)
    async with browser.http, other.http:
        await browser.sign_in("aa.contact")
        await other.sign_in("bb.contact")
        path = f"/accords/{accord}/do/issue-invitation"
        before = len(await entries(api, accord))

        # A preview records nothing, and says what follows.
        previewed = await browser.preview(path, note="With <b>our</b> regards")
        said = text_of(previewed)
        assert "It would be recorded, and this follows" in said
        assert "invitation" in said
        assert len(await entries(api, accord)) == before

        # Sent five times at once, it is done once; each gets the same page.
        form = await browser.filled(previewed, path, step="send")
        answers = await asyncio.gather(*(browser.post(path, form) for _ in range(5)))
        where = {answer.headers["location"] for answer in answers}
        assert len(where) == 1
        recorded = (await entries(api, accord))[before:]
        assert [one["facts"]["act"]["name"] for one in recorded if "act" in one["facts"]] == [
            "issue_invitation"
        ]
        [outcome] = where
        for _ in range(2):
            assert "Recorded" in text_of(await browser.page(outcome))
        # It is nobody else's to look at.
        assert "Not on the record yet" in await other.page(outcome)

        # The same form with something else in it is an error, and changes nothing.
        changed = [(name, "Other words" if name == "f.note" else value) for name, value in form]
        answer = await browser.post(path, changed)
        assert answer.status_code == 422
        assert "was used for another request" in answer.text

        # What is refused shows why, and the way on; first in the form, then in the preview, then on the record.
        path = f"/accords/{accord}/do/confirm-visit"
        assert "It would be refused as things stand" in await browser.page(path)
        previewed = await browser.preview(path)
        said = text_of(previewed)
        assert "✗ It would be refused." in said
        assert "What to do:" in said
        before = len(await entries(api, accord))
        answer = await browser.post(path, await browser.filled(previewed, path, step="send"))
        said = text_of(await browser.page(answer.headers["location"]))
        assert "refused" in said
        assert "The refusal is entry" in said
        assert [one["type"] for one in (await entries(api, accord))[before:]] == ["act_refused"]

        # What cannot be taken is said at its field, and nothing that was filled in is lost.
        path = f"/accords/{accord}/do/submit-evidence?condition=C1"
        action = path.partition("?")[0]
        page = await browser.page(path)
        fields = await browser.filled(
            page, action, step="preview", digest="sha256:1", grade="documented", source="Our note"
        )
        answer = await browser.post(action, fields)
        assert answer.status_code == 422
        assert 'id="i-digest"' in answer.text
        assert 'class="error"' in answer.text
        assert 'value="Our note"' in answer.text

        # Where the accord has moved on, what would follow now is shown, and nothing is sent.
        path = f"/accords/{accord}/do/accept-invitation"
        previewed = await other.preview(path)
        await api.done(accord, "withdraw_invitation", "aa.contact")
        before = len(await entries(api, accord))
        answer = await other.post(path, await other.filled(previewed, path, step="send"))
        assert answer.status_code == 200
        assert "The record has moved on meanwhile, and nothing was sent" in text_of(answer.text)
        assert len(await entries(api, accord)) == before


async def test_evidence_is_verified_by_choosing_it(api: Api, key: str) -> None:
    accord = await founded(api, key)
    browser, other = Browser(api), Browser(api)
    async with browser.http, other.http:
        await browser.sign_in("aa.contact")
        await other.sign_in("bb.contact")
        path = f"/accords/{accord}/do/submit-evidence?condition=C1"
        answer = await browser.act(path, digest=digest("note"), grade="documented", source="Our note")
        assert answer.status_code == 303, answer.text
        answer = await other.act(f"/accords/{accord}/do/verify-condition?condition=C1", note="Seen")
        assert answer.status_code == 303, answer.text
        said = text_of(await other.page(answer.headers["location"]))
        assert "verified" in said
        condition = text_of(await browser.page(f"/accords/{accord}/conditions/C1"))
        assert "It is satisfied" in condition
        assert "by bb.contact; it holds without an end" in condition


async def test_a_form_that_lost_its_key_does_nothing(api: Api, key: str) -> None:
    accord = await founded(api, key)
    browser = Browser(api)
    async with browser.http:
        await browser.sign_in("aa.contact")
        path = f"/accords/{accord}/do/issue-invitation"
        page = await browser.page(path)
        for given in ("", "other", "web-" + "é" * 22):
            fields = await browser.filled(page, path, step="send", key=given)
            assert (await browser.post(path, fields)).status_code == 422
        # Without the preview's mark nothing is sent either: the preview comes first.
        answer = await browser.post(path, await browser.filled(page, path, step="send"))
        assert "this follows" in answer.text
        state = (await api.get(f"/accords/{accord}")).json()
        assert state["invitation"]["status"] == "drafted"
