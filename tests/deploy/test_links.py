"""Every link between our own pages leads to a page and a heading that are there, and every page is linked to."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "deploy" / "README.md", *sorted((ROOT / "deploy" / "docs").rglob("*.md"))]
FOUND_OTHERWISE = {ROOT / "README.md", *(ROOT / "deploy" / "docs" / "runbooks").glob("*.md")}
"""Where one begins, and what the alerts lead to."""


def headings(page: Path) -> set[str]:
    """The anchors of a page, as GitHub makes them from its headings."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    }


def links(page: Path) -> list[tuple[Path, str]]:
    """The files and anchors of this tree that a page links to."""
    found = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            path, _, anchor = target.partition("#")
            found.append(((page.parent / path).resolve() if path else page, anchor))
    return found


def test_every_link_leads_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {target.name}#{anchor}"
        for page in PAGES
        for target, anchor in links(page)
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in headings(target))
    ]
    assert broken == []


def test_every_page_is_linked_to() -> None:
    linked = {target for page in PAGES for target, _ in links(page)}
    assert {page for page in PAGES if page not in linked} <= FOUND_OTHERWISE
