"""Signed pages as they come back from a scanner: turned, small, speckled; and what is no such page."""

from __future__ import annotations

import random
from pathlib import Path

import pypdfium2
import pytest
import pytest_asyncio
import segno
from PIL import Image, ImageFilter

from activities.errors import Malformed
from activities.papers import scanning
from activities.papers.scanning import PageLabel, label_texts, labels_in, read_label
from tests.activities.papers.sources import bytes_of, scenario
from workflows.tracks.signing.pages import places


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def paper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The signature pages of a scenario, as they are printed."""
    file = tmp_path_factory.mktemp("pages") / "pages.pdf"
    file.write_bytes(await bytes_of(await scenario("state-visit"), "signature-pages", "ru"))
    return file


async def expected() -> list[PageLabel]:
    a = (await scenario("state-visit")).state
    found: dict[tuple[str, str | None], list[str]] = {}
    digests = {}
    for one in places(a):
        found.setdefault((one.document, one.original), []).append(one.code)
        digests[one.document] = one.digest
    return [PageLabel(a.id, digests[document], tuple(codes)) for (document, _), codes in found.items()]


async def test_every_page_of_the_paper_says_which_seats_and_original_it_is(paper: Path) -> None:
    assert labels_in(paper) == await expected()


@pytest.mark.parametrize(
    ("turn", "dots", "specks"),
    [(0, 100, 0.0), (90, 150, 0.03), (180, 200, 0.05), (3, 150, 0.02), (-7, 120, 0.02)],
)
async def test_a_scan_is_read_however_it_was_laid_on_the_glass(
    paper: Path, tmp_path: Path, turn: int, dots: int, specks: float
) -> None:
    document = pypdfium2.PdfDocument(paper)
    page = document[0].render(scale=200 / 72, grayscale=True).to_pil()
    document.close()
    page = page.rotate(turn, expand=True, fillcolor=255, resample=Image.Resampling.BICUBIC)
    page = page.resize((page.width * dots // 200, page.height * dots // 200))
    dust, at = page.load(), random.Random(1)
    for _ in range(int(page.width * page.height * specks)):
        dust[at.randrange(page.width), at.randrange(page.height)] = at.randrange(256)
    page = page.filter(ImageFilter.GaussianBlur(0.6))
    for name, options in (("scan.png", {}), ("scan.jpg", {"quality": 60})):
        page.save(tmp_path / name, **options)
        assert labels_in(tmp_path / name) == (await expected())[:1]


def test_many_seats_are_on_several_codes_which_come_back_whole(tmp_path: Path) -> None:
    codes = [f"AAAA-BBBB-CCCC-DDDD-{one:04d}".translate(str.maketrans("0189", "WXYZ")) for one in range(70)]
    digest = "sha256:" + "ab" * 32
    texts = label_texts("visit-2027", digest, codes)
    assert len(texts) == 3
    for number, text in enumerate(texts):
        segno.make(text, error="m").save(str(tmp_path / f"{number}.png"), scale=4, border=4)
    found = [label for number in range(3) for label in labels_in(tmp_path / f"{number}.png")]
    assert [code for label in found for code in label.codes] == codes
    assert {(label.accord, label.digest) for label in found} == {("visit-2027", digest)}


@pytest.mark.parametrize("text", ["https://x.example", "entente:receipt?accord=a&size=1", scanning.PREFIX])
def test_another_code_is_no_label(text: str, tmp_path: Path) -> None:
    assert read_label(text) is None
    segno.make(text).save(str(tmp_path / "other.png"), scale=4)
    assert labels_in(tmp_path / "other.png") == []


def test_what_cannot_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, content in (
        ("x.pdf", b"%PDF-1.7 none"),
        ("x.png", b"\x89PNG\r\n\x1a\nnone"),
        ("x.txt", b"a"),
        ("e", b""),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(Malformed, match="can be read"):
            labels_in(tmp_path / name)
    monkeypatch.setattr(scanning, "MOST_DOTS", 100)
    Image.new("L", (11, 10)).save(tmp_path / "large.png")
    with pytest.raises(Malformed, match="11 by 10 dots"):
        labels_in(tmp_path / "large.png")
    small, large = Image.new("L", (9, 9)), Image.new("L", (12, 10))
    small.save(tmp_path / "two.tiff", save_all=True, append_images=[large])
    with pytest.raises(Malformed, match="12 by 10 dots"):
        labels_in(tmp_path / "two.tiff")
    with pytest.raises(FileNotFoundError):
        labels_in(tmp_path / "absent.png")
