"""The signing room and the paper: which originals have the scan of their signed page, and how one is deposited."""

from __future__ import annotations

from tests.api.conftest import Api
from tests.api.depositing import files_api
from tests.api.filling import Filler
from tests.api.pages.browser import HERE, Browser, Form, text_of
from tests.simulation.small import digest, small
from workflows.model.canonical import digest_bytes
from workflows.tracks.signing.pages import places

__all__ = ["files_api"]

DEPOSIT = "/accords/a/do/deposit-signed-page"
SCAN = b"\x89PNG\r\n\x1a\n the page, signed"


async def signed(filler: Filler) -> None:
    """An accord of an alternat that AA has signed."""
    document = {"title": "Statement", "languages": ["en"], "seats": {"AA": "aa.contact", "BB": "bb.contact"}}
    await filler.found(
        "a",
        small(conditions={}, documents={"D1": document}, originals="alternat", signing_at_a_distance=True),
    )
    await filler.invite("a")
    text = {"document": "D1", "language": "en", "digest": digest("text")}
    await filler.do("a", "propose_text", "aa.contact", **text)
    await filler.do("a", "agree_text", "bb.contact", **text)
    await filler.do("a", "propose_understanding", "aa.contact")
    understood = filler.states["a"].understanding.digest
    await filler.do("a", "concur_in_understanding", "bb.contact", digest=understood)
    whole = next(one.digest for one in places(filler.states["a"]))
    await filler.do("a", "sign_document", "aa.contact", document="D1", digest=whole)


async def test_the_signing_room_says_which_pages_are_back_and_takes_them(
    files_api: Api, filler: Filler
) -> None:
    await signed(filler)
    [of_bb] = [one for one in places(filler.states["a"]) if (one.seat, one.original) == ("AA", "BB")]
    browser = Browser(files_api)
    async with browser.http:
        await browser.sign_in("aa.contact")
        room = await browser.page("/accords/a/signing")
        assert f'href="{DEPOSIT}?codes={of_bb.code}"' in room
        assert text_of(room).count("no scan yet") == 2
        page = await browser.page(f"{DEPOSIT}?codes={of_bb.code}")
        assert ("f.codes", of_bb.code) in Form(page, DEPOSIT).fields
        # Only its own hand is offered.
        assert "seat BB" not in page
        fields = await browser.filled(page, DEPOSIT, step="preview")
        previewed = await browser.http.post(
            DEPOSIT,
            data={key: value for key, value in fields if key != "u.digest"},
            files={"u.digest": ("scan.png", SCAN, "image/png")},
            headers={"Origin": HERE},
        )
        assert previewed.status_code == 200, previewed.text
        said = text_of(previewed.text)
        assert f"signed page {of_bb.code} is deposited" in said

        scan = digest_bytes(SCAN)
        await filler.do("a", "deposit_signed_page", "aa.contact", codes=[of_bb.code], digest=scan)
        room = await browser.page("/accords/a/signing")
        assert text_of(room).count("no scan yet") == 1
        assert f'href="/accords/a/files/{scan}"' in room
        # Nothing is signed by BB: there is nothing of which BB's page would be the paper form.
        await browser.sign_in("bb.contact")
        theirs = await browser.page("/accords/a/signing")
        assert "deposit-signed-page" not in theirs
