"""Papers over HTTP: who gets them, as of when, and what is answered where there is none."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from activities.papers.binding import read_receipt
from activities.papers.kinds import NAMES
from activities.papers.pades.reading import signatures_in
from activities.runtime.settings import Settings
from api.backend import PAPERS_AT_ONCE
from api.routes import papers
from tests.activities.papers.pades.material import PASSPHRASE, certified
from tests.activities.papers.test_papers import close, text_of
from tests.api.conftest import Api, problem, serving
from tests.api.filling import Filler
from tests.api.pages.browser import Browser
from tests.simulation.small import digest, small


async def under_way(filler: Filler) -> None:
    await filler.found("a", small())
    await filler.invite("a")
    await filler.verify("a", digest("inspection"))
    for language in ("en", "fr"):
        text = digest(f"text in {language}")
        await filler.do("a", "propose_text", "aa.contact", document="D1", language=language, digest=text)


async def test_the_papers_of_an_accord_are_listed_and_given(reading_api: Api, filler: Filler) -> None:
    await under_way(filler)
    listed = (await reading_api.get("/accords/a/papers")).json()
    assert [one["kind"] for one in listed["papers"]] == list(NAMES)
    assert listed["own_languages"] == ["en"]
    assert listed["position"] == filler.states["a"].size - 1
    assert {(one["document"], one["seat"], one["original"]) for one in listed["signature_pages"]} == {
        ("D1", "AA", None),
        ("D1", "BB", None),
    }
    answer = await reading_api.get("/accords/a/papers/checklist?lang=ru")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-language"] == "ru"
    assert answer.headers["entente-position"] == str(listed["position"])
    assert f"a.{listed['position']}.checklist.ru.pdf" in answer.headers["content-disposition"]
    assert answer.content.startswith(b"%PDF")
    head = await filler.ledger.head("a")
    assert head is not None
    assert read_receipt(answer.content.decode("latin-1")).root == head.root.hex()
    calendar = await reading_api.get("/accords/a/papers/calendar", "bb.contact")
    assert calendar.headers["content-type"].startswith("text/calendar")
    assert calendar.content.startswith(b"BEGIN:VCALENDAR")
    whole = await reading_api.call("HEAD", "/v1/accords/a/papers/closing-book", "aa.contact")
    assert (whole.status_code, whole.content) == (200, b"")


async def test_a_paper_as_of_an_entry_stays_the_same_while_the_accord_goes_on(
    reading_api: Api, filler: Filler
) -> None:
    await under_way(filler)
    first = await reading_api.get("/accords/a/papers/registration?as_of=9")
    await filler.do("a", "record_statement", "aa.contact", digest=digest("speech"))
    again = await reading_api.get("/accords/a/papers/registration?as_of=9")
    assert first.content == again.content
    assert first.headers["entente-position"] == "9"
    now = await reading_api.get("/accords/a/papers/registration")
    assert now.content != first.content
    problem(await reading_api.get("/accords/a/papers/registration?as_of=999"), 422, "beyond_record")
    problem(
        await reading_api.get("/accords/a/papers/registration?as_of=2001-01-01T00:00:00Z"),
        422,
        "beyond_record",
    )


async def test_what_there_is_not_is_said_with_what_there_is(reading_api: Api, filler: Filler) -> None:
    await under_way(filler)
    said = problem(await reading_api.get("/accords/a/papers/bible"), 404, "not_found")
    assert "closing-book" in said["detail"]
    said = problem(await reading_api.get("/accords/a/papers/minutes?lang=tlh"), 422, "malformed")
    assert "en, ko, no, pt, ru, zh" in said["detail"]
    assert said["errors"][0]["field"] == "lang"
    problem(await reading_api.get("/accords/b/papers/minutes"), 404, "not_found")
    problem(await reading_api.get("/accords/a/papers", "stranger"), 404, "not_found")
    problem(await reading_api.get("/accords/a/papers/minutes", None), 401, "not_authenticated")


async def test_a_calendar_program_subscribes_with_a_key_as_its_password(
    reading_api: Api, filler: Filler
) -> None:
    await under_way(filler)
    key = await reading_api.token("bb.contact")

    async def asked(path: str, password: str, scheme: str = "Basic", method: str = "GET") -> httpx.Response:
        sent = base64.b64encode(f"anybody:{password}".encode()).decode()
        return await reading_api.http.request(method, path, headers={"Authorization": f"{scheme} {sent}"})

    calendar = "/v1/accords/a/papers/calendar"
    given = await asked(f"{calendar}?lang=ru", key)
    assert given.status_code == 200, given.text
    assert b"REFRESH-INTERVAL;VALUE=DURATION:PT1H" in given.content
    assert b"DTSTART" in given.content
    for password in ("", "ent_none_none"):
        assert (await asked(calendar, password)).status_code == 401
    bare = await reading_api.http.get(calendar)
    assert "Basic realm" in bare.headers["www-authenticate"]
    # What a browser could be made to send by itself does nothing anywhere else.
    for path in ("/v1/accords/a", "/v1/accords/a/papers/checklist", "/v1/me"):
        refused = await asked(path, key)
        assert refused.status_code == 401
        assert "Basic" not in refused.headers["www-authenticate"]
    assert (await asked("/v1/accords/a/record-statement", key, method="POST")).status_code == 401
    assert (await asked(calendar, key, scheme="Negotiate")).status_code == 401


async def test_a_name_that_is_erased_by_the_record_is_on_no_paper_even_before_it_is_deleted(
    reading_api: Api, filler: Filler
) -> None:
    await under_way(filler)
    await filler.do(
        "a", "appoint_delegate", "aa.contact",
        delegate="aa.contact", office="Office", person="Ms Example Name", roles=["signatory"],
    )  # fmt: skip
    position = filler.states["a"].size - 1

    async def named() -> bool:
        answer = await reading_api.get(f"/accords/a/papers/protocol?as_of={position}", "bb.contact")
        return "MsExampleName" in "".join(map(close, text_of(answer.content)))

    assert await named()
    erasing = {"positions": [position], "ground": "Article 17", "ordered_by": "Data office"}
    await filler.do("a", "erase_particulars", "installation", **erasing)
    assert not await named()


async def test_an_observer_gets_no_papers(reading_api: Api, filler: Filler) -> None:
    await filler.found("a", small())
    await filler.do(
        "a", "appoint_delegate", "aa.contact", delegate="aa.press", office="Press", roles=["observer"]
    )
    problem(await reading_api.get("/accords/a/papers", "aa.press"), 403, "forbidden")
    problem(await reading_api.get("/accords/a/papers/minutes", "aa.press"), 403, "forbidden")


async def test_others_are_answered_while_papers_are_set(reading_api: Api, filler: Filler) -> None:
    await under_way(filler)
    books = [asyncio.create_task(reading_api.get("/accords/a/papers/closing-book?lang=zh")) for _ in range(4)]
    answered = 0
    while not all(one.done() for one in books):
        await reading_api.get("/accords/a")
        answered += 1
    assert answered > 4
    assert {(await one).status_code for one in books} == {200}
    assert reading_api.app.state.backend.papers.figures().under_way == 0


async def test_a_paper_waits_for_its_turn_and_not_for_ever(
    reading_api: Api, filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    await under_way(filler)
    monkeypatch.setattr(papers, "LONGEST_WAIT", 0.05)
    queue = reading_api.app.state.backend.papers
    async with AsyncExitStack() as others:
        for number in range(PAPERS_AT_ONCE):
            await others.enter_async_context(queue.turn("papers", f"another.{number}"))
        answer = await reading_api.get("/accords/a/papers/checklist")
        problem(answer, 503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert queue.waiting("papers") == 0
    assert (await reading_api.get("/accords/a/papers/calendar")).status_code == 200


async def test_the_installation_signs_what_it_is_asked_to_behind_the_same_bytes(
    filler: Filler, database_url: str, nowhere: str, make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    secret = tmp_path / "passphrase"
    secret.write_text(f"{PASSPHRASE}\n")
    own = certified()
    settings = make_settings(
        database_url, nowhere, papers_p12=own.file(tmp_path), papers_p12_passphrase_file=secret
    )
    await under_way(filler)
    async with serving(settings) as api:
        listed = (await api.get("/accords/a/papers")).json()
        assert listed["signed_by"] == "CN=Registry of AA (illustrative)"
        assert listed["signed_kinds"] == ["certificate", "closing-book"]
        plain = await api.get("/accords/a/papers/certificate")
        signed = await api.get("/accords/a/papers/certificate?signed=true")
        assert signed.content.startswith(plain.content)
        (signature,) = await asyncio.to_thread(signatures_in, signed.content)
        assert (signature.intact, signature.signer) == (True, listed["signed_by"])
        said = problem(await api.get("/accords/a/papers/minutes?signed=true"), 422, "malformed")
        assert "certificate and closing-book alone" in said["detail"]
        browser = Browser(api)
        async with browser.http:
            await browser.sign_in("aa.contact")
            page = await browser.page("/accords/a/papers")
            assert page.count("signed=true") == 2 * len(listed["languages"])
            assert "CN=Registry of AA (illustrative)" in page
            taken = await browser.get("/accords/a/papers/certificate?signed=true")
            assert taken.content.startswith(plain.content)
        # What comes to light when it signs: the caller learns that it cannot, the log why.
        own.file(tmp_path, "key.p12", "another")
        said = problem(await api.get("/accords/a/papers/certificate?signed=true"), 503, "unavailable")
        assert str(tmp_path) not in said["detail"]


async def test_an_installation_without_a_key_signs_nothing(reading_api: Api, filler: Filler) -> None:
    await under_way(filler)
    assert (await reading_api.get("/accords/a/papers")).json()["signed_by"] is None
    said = problem(await reading_api.get("/accords/a/papers/certificate?signed=true"), 422, "malformed")
    assert "--sign-with" in said["detail"]


async def test_the_sheet_comes_out_with_the_state_in_it(reading_api: Api, filler: Filler) -> None:
    await under_way(filler)
    answer = await reading_api.get("/accords/a/sheet?format=csv")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/csv")
    head, row = answer.text.removeprefix("\ufeff").splitlines()
    told = dict(zip(head.split(","), row.split(","), strict=True))
    assert (told["id"], told["title"], told["state.status"], told["state.satisfied"]) == (
        "C1",
        "Venue ready",
        "verified",
        "true",
    )
    before = await reading_api.get("/accords/a/sheet?format=csv&as_of=5")
    assert ",agreed," in before.text
    book = await reading_api.get("/accords/a/sheet", "bb.contact")
    assert book.content.startswith(b"PK")
    assert book.content == (await reading_api.get("/accords/a/sheet", "bb.contact")).content
    problem(await reading_api.get("/accords/a/sheet?format=ods"), 422, "malformed")
