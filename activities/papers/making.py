"""Making papers: what stands on them from the record, then the PDF by a process of its own."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from typing import Any

from activities.errors import EntenteError
from activities.papers.binding import receipt_blocks, receipt_text, rests_on
from activities.papers.blocks import NEW_PAGE, Block, Paper, facts, heading, mono, para
from activities.papers.calendar import calendar
from activities.papers.coverage import spelled
from activities.papers.kinds import BOOK, BY_THE_LEAF, CALENDAR, KINDS, known_kind
from activities.papers.people import documents, party
from activities.papers.source import Source
from activities.papers.words import Words, words_of
from workflows.tracks.signing.pages import places

LONGEST = 150.0
"""Seconds that setting one paper may take: minutes take some three for a thousand entries."""


class TooLong(EntenteError):
    """Setting a paper took longer than it may."""


class NotSet(EntenteError):
    """A paper could not be set: a fault of this program."""


@dataclass(frozen=True, slots=True)
class Made:
    """A paper as a file. ``unshown`` are characters that no font has, which stand on it by their code."""

    kind: str
    language: str
    content: bytes
    media_type: str
    unshown: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.kind}.{self.language}.{'ics' if self.kind == CALENDAR else 'pdf'}"


def job(source: Source, kind: str, language: str) -> tuple[str, tuple[str, ...]]:
    """What the press is told for a paper on pages, and the characters that no font has.

    Raises:
        NoSuchKind: there is no such paper.
        NoSuchLanguage: papers are not written in that language.
    """
    a, bound = source.state, source.bound
    w = words_of(language, a.definition.vocabulary)
    if kind == BOOK:
        papers = tuple(make(source, w) for make in KINDS.values())
        book: dict[str, Any] | None = _book(source, w)
        title = w[f"title.{BOOK}"]
        papers = (*papers, Paper(w["rests_on"], receipt_blocks(source, w)))
    else:
        made = KINDS[known_kind(kind)](source, w)
        # What is signed and handed over leaf by leaf says on a leaf of its own what it rests on.
        apart = (NEW_PAGE,) if kind in BY_THE_LEAF else ()
        papers, book = (Paper(made.title, (*made.blocks, *apart, rests_on(source, w))),), None
        title = made.title
    marks = [
        *([w["illustrative"]] if a.definition.illustrative else []),
        *([w["simulated"]] if a.definition.clock.mode == "simulated" else []),
    ]
    at = bound.time.replace(microsecond=0)
    data: dict[str, Any] = {
        "title": title,
        "lang": w.language,
        "marks": marks,
        "running": a.definition.title,
        "bound": w.say("bound", accord=bound.accord, position=bound.position, date=w.date(at)),
        "page": w["page"],
        "papers": [{"title": one.title, "blocks": list(one.blocks)} for one in papers],
    }
    if book is not None:
        data["book"] = book
    lacking: set[str] = set()
    data = spelled(data, lacking)
    if lacking:
        said = w.say("missing_characters", codes=w.list(f"U+{ord(one):04X}" for one in sorted(lacking)[:40]))
        data["papers"][-1]["blocks"].append(para(said, style="small"))
    data["keywords"] = [receipt_text(bound)]
    data["date"] = {name: getattr(at, name) for name in ("year", "month", "day", "hour", "minute", "second")}
    return json.dumps({"data": data, "at": at.isoformat()}), tuple(sorted(lacking))


def _book(source: Source, w: Words) -> dict[str, Any]:
    a, bound = source.state, source.bound
    names = w.list(party(source, one) for one in a.definition.parties)
    cover = [
        para(
            w.say("book_text", title=a.definition.title, position=bound.position, date=w.time(bound.time)),
            style="large",
        ),
        para(w.say("parties_are", parties=names)),
    ]
    return {
        "cover": cover,
        "index": w["index"],
        "head": [w["no"], w["paper"], w["on_page"]],
        "after": _files(source, w),
    }


def _files(source: Source, w: Words) -> list[Block]:
    """Every text and piece of evidence that the record names, by digest."""
    a = source.state
    rows = []
    for code in documents(source.state):
        for language, text in a.documents[code].texts.items():
            rows.append(
                (
                    w.say("file_text", document=code, language=w.term("language", language)),
                    mono(text.digest),
                )
            )
        for seat in a.documents[code].seats.values():
            if seat.powers is not None:
                rows.append(
                    (
                        w.say("file_powers", document=code, party=party(source, seat.party)),
                        mono(seat.powers.digest),
                    )
                )
    rows += [
        (w.say("file_scan", code=one.code, seat=one.seat, document=one.document), mono(one.scan.digest))
        for one in places(a)
        if one.scan is not None
    ]
    for code in a.definition.conditions if a.founded else ():
        rows += [
            (w.say("file_evidence", condition=code), mono(one.digest)) for one in a.conditions[code].evidence
        ]
    return [heading(w["files"]), para(w["files_says"], style="small"), facts(rows)] if rows else []


async def make_paper(source: Source, kind: str, language: str) -> Made:
    """A paper of a kind in a language: the same source gives the same bytes.

    Raises:
        NoSuchKind: there is no such paper.
        NoSuchLanguage: papers are not written in that language.
        TooLong: it was not set in time.
        NotSet: it could not be set.
    """
    if known_kind(kind) == CALENDAR:
        w = words_of(language, source.state.definition.vocabulary)
        return Made(kind, w.language, calendar(source, w), "text/calendar")
    told, lacking = await asyncio.to_thread(job, source, kind, language)
    content = await press(told)
    base = words_of(language, source.state.definition.vocabulary).language
    return Made(kind, base, content, "application/pdf", lacking)


async def press(told: str) -> bytes:
    """The PDF of a job, set by a process of its own, which ends with this call however it ends.

    Raises:
        TooLong: it did not end in time.
        NotSet: it failed.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "activities.papers.press",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(LONGEST):
            content, said = await process.communicate(told.encode())
    except TimeoutError:
        raise TooLong(
            f"the paper was not set within {LONGEST:g} s",
            "Ask for it as of an earlier entry, or for a paper that holds less",
        ) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise NotSet(
            f"the paper could not be set: {said.decode(errors='replace').strip()[-600:]}",
            "Report it, with the kind of paper and the language",
        )
    return content
