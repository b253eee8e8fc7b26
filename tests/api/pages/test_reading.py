"""The pages of an accord: who sees which, what stands on them, and that nothing that somebody wrote runs on them."""

from __future__ import annotations

from datetime import UTC, datetime

import asyncpg
import pytest

from activities.checkpoints.timestamps import TimestampStore
from tests.activities.timestamps.authority import known_authority
from tests.api.filling import Filler
from tests.api.pages.browser import Browser, text_of
from tests.simulation.small import digest, small

PAGES = (
    "",
    "/conditions/C1",
    "/documents/D1",
    "/visit",
    "/signing",
    "/people",
    "/minutes",
    "/papers",
    "/record",
    "/entries/0",
)
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7*7}}"


async def fill(filler: Filler, **changes: object) -> None:
    await filler.found("a", small(**changes))
    await filler.invite("a")


async def test_every_page_is_there_for_a_delegate(browser: Browser, filler: Filler) -> None:
    await fill(filler)
    await browser.sign_in("aa.contact")
    for path in PAGES:
        answer = await browser.get(f"/accords/a{path}")
        assert answer.status_code == 200, path
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'self';")
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "private, no-store"
        assert "<h1" in answer.text
        assert " style=" not in answer.text
        assert " onclick" not in answer.text


async def test_papers_and_sheets_are_taken_away_by_their_links(browser: Browser, filler: Filler) -> None:
    await fill(filler)
    await browser.sign_in("aa.contact")
    page = await browser.page("/accords/a/papers")
    position = filler.states["a"].size - 1
    assert f'href="/accords/a/papers/checklist?lang=ru&amp;as_of={position}"' in page
    paper = await browser.get(f"/accords/a/papers/protocol?lang=ko&as_of={position}")
    assert paper.headers["content-type"] == "application/pdf"
    assert paper.content.startswith(b"%PDF")
    assert (await browser.get("/accords/a/sheet")).content.startswith(b"PK")
    assert (await browser.get("/accords/a/papers/bible")).status_code == 404


async def test_the_overview_says_what_is_missing_who_owes_it_and_by_when(
    browser: Browser, filler: Filler
) -> None:
    await fill(filler)
    await browser.sign_in("aa.contact")
    said = text_of(await browser.page("/accords/a"))
    assert "Why not yet: until the visit can be confirmed" in said
    assert "C1 (Venue ready): evidence of grade documented or better is not in yet" in said
    assert "1 Apr 2030" in said
    page = await browser.page("/accords/a")
    assert 'href="/accords/a/do/submit-evidence?condition=C1"' in page
    await filler.do(
        "a",
        "submit_evidence",
        "aa.contact",
        condition="C1",
        digest=digest("x"),
        grade="documented",
        source="S",
    )
    await browser.sign_in("bb.contact")
    page = await browser.page("/accords/a")
    assert 'href="/accords/a/do/verify-condition?condition=C1' in page
    assert "submit-evidence" not in page
    form = await browser.page("/accords/a/do/verify-condition?condition=C1")
    # The evidence is there to be chosen, and nobody types a digest.
    assert f'value="{digest("x")}" checked' in form


async def test_an_observer_sees_cleared_status_and_no_more(browser: Browser, filler: Filler) -> None:
    await fill(filler, officers={"press": {"office": "Press", "roles": ["observer"]}})
    await browser.sign_in("press")
    said = await browser.page("/accords/a")
    assert "Cleared status" in said
    for hidden in ("aa.contact", "Venue ready", "sha256:"):
        assert hidden not in said
    for path in PAGES[1:7]:
        assert (await browser.get(f"/accords/a{path}")).status_code == 403
    assert (await browser.get("/accords/a/do/record-statement")).status_code == 403


async def test_for_a_stranger_there_is_nothing(browser: Browser, filler: Filler) -> None:
    await fill(filler)
    await browser.sign_in("cc.contact")
    assert "There is no accord here" in await browser.page("/accords")
    for path in (*PAGES, "/do/record-statement", "/outcomes/web-" + "a" * 22, "/bundle", "/proof/0"):
        answer = await browser.get(f"/accords/a{path}")
        assert answer.status_code == 404, path
        missing = await browser.get(f"/accords/missing{path}")
        assert (
            text_of(answer.text).partition("name this request")[0]
            == text_of(missing.text).partition("name this request")[0]
        )


async def test_an_auditor_reads_and_has_nothing_to_do(browser: Browser, filler: Filler) -> None:
    await fill(filler)
    await browser.sign_in("auditor", "auditor")
    for path in PAGES:
        page = await browser.page(f"/accords/a{path}")
        assert "/do/" not in page
    assert (await browser.get("/accords/a/do/record-statement")).status_code == 403


async def test_what_somebody_wrote_never_runs(browser: Browser, filler: Filler) -> None:
    definition = small(title=HOSTILE)
    definition["parties"]["AA"]["name"] = HOSTILE
    definition["conditions"]["C1"]["title"] = HOSTILE
    definition["documents"]["D1"]["title"] = HOSTILE
    definition["window"]["place"] = HOSTILE
    definition["programme"] = [{"at": "2030-05-01T09:00:00Z", "item": HOSTILE}]
    await filler.found("a", definition)
    await filler.invite("a")
    await filler.do(
        "a",
        "submit_evidence",
        "aa.contact",
        condition="C1",
        digest=digest("x"),
        grade="documented",
        source=HOSTILE,
    )
    await browser.sign_in("aa.contact")
    position = filler.states["a"].size - 1
    for path in (
        *PAGES,
        f"/entries/{position}",
        "/do/record-minutes",
        "/do/amend-definition",
        "/minutes?about=<b>",
    ):
        page = await browser.page(f"/accords/a{path}")
        assert "<script>alert" not in page, path
        assert "<img src=x" not in page, path
        assert "<b>x" not in page, path
        assert "49" not in page or "{{7*7}}" in page, path
    assert "&lt;script&gt;" in await browser.page("/accords/a")


async def test_outside_times_stand_on_the_page_of_the_record(
    browser: Browser, filler: Filler, database_url: str
) -> None:
    await fill(filler)
    await browser.sign_in("aa.contact")
    assert "No authority outside has stamped" in await browser.page("/accords/a/record")
    token = known_authority().token(b"a checkpoint", datetime(2030, 6, 1, 12, tzinfo=UTC))
    async with asyncpg.create_pool(database_url, min_size=1, max_size=1) as pool:
        await TimestampStore(pool).keep("a", 2, "https://tsa.test", token)
    page = text_of(await browser.page("/accords/a/record"))
    assert "Time from outside" in page
    assert "CN=Illustrative TSA" in page
    assert "1 Jun 2030, 12:00 UTC" in page


async def test_how_it_stood(browser: Browser, filler: Filler) -> None:
    await fill(filler)
    await browser.sign_in("aa.contact")
    page = await browser.page("/accords/a?as_of=0")
    assert "As it stood" in page
    assert "the invitation is accepted" in page
    assert "not yet adopted by" in page
    # In the past nothing is anybody's to do.
    assert "/do/" not in page
    answer = await browser.get("/accords/a?as_of=9999")
    assert answer.status_code == 422
    assert "The record has" in answer.text


async def test_the_minutes_tell_refusals_from_what_was_done(browser: Browser, filler: Filler) -> None:
    await fill(filler)
    await filler.do("a", "confirm_visit", "aa.contact")
    await browser.sign_in("aa.contact")
    page = await browser.page("/accords/a/minutes")
    assert page.count('class="was-refused"') == 1
    only = await browser.page("/accords/a/minutes?only=refused")
    assert only.count('class="was-refused"') == 1
    assert 'class="act"' not in only
    done = await browser.page("/accords/a/minutes?only=acts&by=bb.contact")
    assert 'class="was-refused"' not in done
    assert "accepts the invitation" in done
    assert "No entry is like that" in await browser.page("/accords/a/minutes?about=nothing-of-the-kind")


@pytest.mark.parametrize(
    "path", ["/accords/a/conditions/C9", "/accords/a/documents/D9", "/accords/a/do/nothing"]
)
async def test_what_is_not_there_is_a_page_with_the_way_on(
    browser: Browser, filler: Filler, path: str
) -> None:
    await fill(filler)
    await browser.sign_in("aa.contact")
    answer = await browser.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "To the first page" in answer.text
