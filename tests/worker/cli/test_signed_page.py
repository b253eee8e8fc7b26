"""What a protocol officer types who has the signed pages back from the scanner."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
import segno

from activities.papers.scanning import label_texts
from tests.simulation.small import digest, small
from tests.worker.cli.conftest import Done, Served

ROLES = ["protocol", "treaty_section", "drafter", "signatory"]


async def _text_agreed(served: Served) -> str:
    """An accord of an alternat whose text is agreed, and that can be signed at a distance."""
    document = {
        "title": "Joint statement",
        "languages": ["en"],
        "seats": {"AA": "aa.contact", "BB": "bb.contact"},
    }
    definition = small(
        conditions={}, documents={"D1": document}, originals="alternat", signing_at_a_distance=True
    )
    accord = await served.api.opened(definition)
    stands = (await served.api.get(f"/accords/{accord}")).json()

    async def do(act: str, by: str, **fields: Any) -> dict[str, Any]:
        return await served.api.done(accord, act, f"{by}.contact", **fields)

    for by in ("aa", "bb"):
        await do("adopt_definition", by, digest=stands["definition_digest"])
    for by in ("aa", "bb"):
        await do("appoint_delegate", by, delegate=f"{by}.contact", office="Office", roles=ROLES)
    await do("issue_invitation", "aa")
    await do("accept_invitation", "bb")
    text = {"document": "D1", "language": "en", "digest": digest("text")}
    await do("propose_text", "aa", **text)
    await do("agree_text", "bb", **text)
    await do("propose_understanding", "aa")
    understood = (await served.api.get(f"/accords/{accord}")).json()["understanding"]["digest"]
    await do("concur_in_understanding", "bb", digest=understood)
    return accord


@pytest.mark.timeout(480)
async def test_a_scan_is_matched_by_its_code_and_deposited_once(served: Served, tmp_path: Path) -> None:
    accord = await _text_agreed(served)

    async def run(*words: str, by: str = "aa.contact") -> Done:
        return await served.run(by, "signed-page", accord, *words)

    printed = await served.run(
        "aa.contact", "papers", accord, "--kind", "signature-pages", "-o", str(tmp_path), "--json"
    )
    assert printed.code == 0, printed.err
    pages = pypdfium2.PdfDocument(tmp_path / "signature-pages.en.pdf")
    scan, other = tmp_path / "scan.png", tmp_path / "other.jpg"
    # The signature's ink is not what the page is known by.
    pages[0].render(scale=2).to_pil().rotate(2, expand=True, fillcolor="white").save(scan)
    pages[0].render(scale=2).to_pil().save(other)
    pages.close()

    (tmp_path / "blank.txt").write_text("no page")
    listed = (await served.api.get(f"/accords/{accord}/papers")).json()["signature_pages"]
    forged, foreign = tmp_path / "forged.png", tmp_path / "foreign.png"
    of = {forged: (accord, digest("another text")), foreign: ("another-accord", listed[0]["digest"])}
    for file, (of_accord, of_text) in of.items():
        segno.make(label_texts(of_accord, of_text, [listed[0]["code"]])[0]).save(str(file), scale=4, border=4)
    contradicts, elsewhere = await asyncio.gather(run(str(forged)), run(str(foreign)))
    assert (contradicts.code, elsewhere.code) == (1, 1)
    assert "contradicts itself" in contradicts.err
    assert "is of the accord another-accord" in elsewhere.err
    early, blank, unknown = await asyncio.gather(
        run(str(scan)),
        run(str(tmp_path / "blank.txt")),
        run(str(scan), "--code", "AAAA-AAAA-AAAA-AAAA-AAAA"),
    )
    assert "can be read" in blank.err
    assert "No signature page" in unknown.err
    assert early.code == 1
    assert "none of its seats is signed on the record" in early.err
    for by in ("aa", "bb"):
        stands = (await served.api.get(f"/accords/{accord}")).json()
        await served.api.done(
            accord,
            "sign_document",
            f"{by}.contact",
            document="D1",
            digest=stands["documents"]["D1"]["digest"],
        )
    tried = await run(str(scan), "--dry-run", "--json")
    assert tried.code == 0, tried.err
    assert (tried.json["status"], tried.json["content"]) == ("would be recorded", "to be sent")
    done = await run(str(scan), "--json")
    assert done.code == 0, done.err
    assert done.json["status"] == "recorded"
    [page] = done.json["pages"]
    assert (page["document"], page["seat"]) == ("D1", "AA")
    again = await run(str(scan), "--json")
    assert (again.code, again.json["status"]) == (0, "there already")
    assert "content" not in again.json

    listed = (await served.api.get(f"/accords/{accord}/papers")).json()["signature_pages"]
    assert [one["scan"] for one in listed if one["code"] == page["code"]] == [done.json["digest"]]
    assert sum(one["scan"] is not None for one in listed) == 1
    signature = (await served.api.get(f"/accords/{accord}")).json()["documents"]["D1"]["seats"]["AA"][
        "signature"
    ]
    assert [one["digest"] for one in signature["pages"]] == [done.json["digest"]]
    # The other party reads it, and deposits its own hand, by the code as it is typed from the page.
    assert (await served.api.get(f"/files/{done.json['digest']}", "bb.contact")).content == scan.read_bytes()
    theirs = next(one["code"] for one in listed if one["seat"] == "BB")
    typed = theirs.lower().replace("-", " ")
    by_hand, not_theirs = await asyncio.gather(
        run(str(other), "--code", typed, by="bb.contact"), run(str(scan), "--code", theirs)
    )
    assert by_hand.code == 0, by_hand.err
    assert theirs in by_hand.out
    assert "recorded" in by_hand.out
    assert not_theirs.code == 5
    assert "acts for AA" in not_theirs.out
