"""The pictures of the documentation are there, small, shown somewhere with words beside them, and load nothing."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.pictures.__main__ import FOLDER, LARGEST, PICTURES, VIEWS, make
from worker.stack.temporal import SEARCH_ATTRIBUTES

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "deploy" / "docs").glob("*.md"))]


def looked_at(picture: Path) -> None:
    content = picture.read_bytes()
    assert 1_000 < len(content) <= LARGEST, picture
    if picture.suffix == ".svg":
        root = ET.fromstring(content)  # noqa: S314 - our own file
        assert root.tag.endswith("svg")
        text = content.decode().replace("http://www.w3.org/2000/svg", "")
        assert "http" not in text
        assert "<script" not in text
        assert "@font-face" not in text
    else:
        assert content.startswith(b"\x89PNG\r\n")
        assert content.endswith(b"IEND\xaeB`\x82")


@pytest.mark.parametrize("name", PICTURES)
def test_each_is_whole_and_small(name: str) -> None:
    looked_at(FOLDER / name)


def test_each_is_shown_and_each_that_is_shown_is_there() -> None:
    shown = set()
    for page in PAGES:
        for words, target in re.findall(r"!\[([^]]*)\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
            assert len(words) > 10, target
            file = (page.parent / target).resolve()
            assert file.is_file(), target
            shown.add(file)
    assert shown == {FOLDER / name for name in PICTURES} == {*FOLDER.iterdir()}


def test_the_page_names_every_attribute_and_the_views_that_are_pictured() -> None:
    page = (ROOT / "deploy" / "docs" / "temporal-ui.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(Entente\w+)`", page, re.MULTILINE)) == set(SEARCH_ATTRIBUTES)
    links = [parse_qs(urlsplit(link).query) for link in re.findall(r"`(/namespaces/[^`]+)`", page)]
    assert {one["savedQuery"][0]: one["query"][0] for one in links} == VIEWS


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_they_can_be_made_anew(tmp_path: Path) -> None:
    await make(tmp_path)
    assert {one.name for one in tmp_path.iterdir()} == {*PICTURES}
    for name in PICTURES:
        looked_at(tmp_path / name)
