"""The closing book's part about files: their index, and a section for each that is here."""

from __future__ import annotations

import re
from collections.abc import Mapping

from activities.papers.blocks import NEW_PAGE, Block, Paper, Piece, facts, heading, lines, mono, note, para
from activities.papers.book.deposits import Deposit, Deposits
from activities.papers.book.named import Place, places
from activities.papers.book.pages import Shown
from activities.papers.source import Source
from activities.papers.words import Words

_PAGE_WIDE = 170 / 226
"""Width over height of what is free on a page."""

_ENDINGS = {
    "application/pdf": "pdf",
    "application/json": "json",
    "application/zip": "zip",
    "text/plain": "txt",
    "text/markdown": "md",
    "text/csv": "csv",
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/tiff": "tiff",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
}


def index_of_files(
    source: Source, w: Words, deposits: Deposits | None, shown: Mapping[str, Shown]
) -> list[Block]:
    """Every place where the record names a content, with its digest, how it stands, and where in the book it is."""
    named = places(source) if deposits is None else deposits.named
    contents: Mapping[str, Deposit] = {} if deposits is None else deposits.contents
    if not named:
        return []
    numbers = _numbers(deposits)
    rows = []
    for place in named:
        content = contents.get(place.digest) or Deposit(place.digest, "absent")
        rows.append(
            {
                "label": f"file-{numbers[place.digest]}" if place.digest in numbers else None,
                "title": place.says(source, w),
                "digest": mono(place.digest),
                "says": w.term("file", _stands(content, shown)),
            }
        )
    left_out = any(one.stands == "left_out" for one in contents.values())
    more = [w["files_more"]] if deposits is not None and deposits.more else []
    room = [w.say("files_room", bytes=w.number(deposits.room))] if deposits is not None and left_out else []
    return [
        heading(w["files"]),
        para(w["files_says"], style="small"),
        {"kind": "files", "head": [w["file"], w["file_stands"], w["on_page"]], "rows": rows},
        *([note(lines(*more, *room))] if more or room else []),
    ]


def _stands(content: Deposit, shown: Mapping[str, Shown]) -> str:
    pages = "why" not in shown.get(content.digest, {"why": "kind"})
    return "shown" if content.stands == "here" and pages else content.stands


def _numbers(deposits: Deposits | None) -> dict[str, int]:
    """A number for each content that is in the book, in the order in which they are named."""
    contents = {} if deposits is None else deposits.contents
    here = (digest for digest, one in contents.items() if one.stands == "here")
    return {digest: number for number, digest in enumerate(here, 1)}


def deposited_files(source: Source, w: Words, deposits: Deposits, shown: Mapping[str, Shown]) -> Paper | None:
    """A section for each content that is here: what it is, and its pages; none where there is no content."""
    blocks: list[Block] = []
    numbers = _numbers(deposits)
    for digest, number in numbers.items():
        if blocks:
            blocks.append(NEW_PAGE)
        of = [place for place in deposits.named if place.digest == digest]
        blocks += _section(
            source, w, deposits.contents[digest], of, number, shown.get(digest, {"why": "kind"})
        )
    return Paper(w["files_part"], tuple(blocks)) if blocks else None


def _section(
    source: Source, w: Words, content: Deposit, of: list[Place], number: int, shown: Shown
) -> list[Block]:
    name = (
        f"{number:03}-{re.sub(r'[^A-Za-z0-9._-]', '-', of[0].name)}.{_ENDINGS.get(content.media_type, 'bin')}"
    )
    assert content.file is not None  # noqa: S101 - it is here
    title = w.list(place.says(source, w) for place in of)
    rows: list[tuple[Piece, Piece]] = [
        (w["file_digest"], mono(content.digest)),
        (w["file_type"], mono(content.media_type)),
        (w["file_size"], w.say("file_bytes", bytes=w.number(content.size))),
        (w["file_attached_as"], mono(name)),
    ]
    blocks: list[Block] = [
        {**heading(title), "label": f"file-{number}"},
        facts(rows),
        {
            "kind": "attach",
            "path": content.file.name,
            "name": name,
            "type": content.media_type,
            "says": title,
        },
    ]
    if "why" in shown:
        return [*blocks, para(w.say("file_not_shown", why=w.term("why", shown["why"])))]
    unit = "pages" if "images" in shown else "characters"
    if "all" in shown and (shown["all"] is None or shown["shown"] < shown["all"]):
        whole = "…" if shown["all"] is None else w.number(shown["all"])
        blocks.append(note(w.say(f"file_{unit}_shown", shown=w.number(shown["shown"]), all=whole)))
    if "rich" in shown:
        language = next((place.language for place in of if place.language), None)
        blocks.append(
            {
                "kind": "rich",
                "blocks": shown["rich"],
                "lang": _language(language),
                "from_right": shown["from_right"],
            }
        )
        return blocks
    for index, image in enumerate(shown["images"], 1):
        alt = (
            w.say("file_picture", name=name)
            if shown.get("picture")
            else w.say("file_page", page=index, pages=shown["all"], name=name)
        )
        blocks.append(
            {
                "kind": "sheet",
                "path": image["file"],
                "alt": f"{alt} {image['text']}".strip(),
                "own": not shown.get("picture"),
                "across": image["wide"] > _PAGE_WIDE,
            }
        )
    return blocks


def _language(tag: str | None) -> str | None:
    """A language as typst takes it: two or three letters."""
    base = (tag or "").split("-")[0]
    return base if base.isascii() and base.isalpha() and 2 <= len(base) <= 3 else None
