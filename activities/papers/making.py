"""Making papers: what stands on them from the record, then the PDF by a process of its own."""

from __future__ import annotations

import asyncio
import io
import json
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, Any
from unicodedata import east_asian_width

from activities.errors import EntenteError
from activities.papers.binding import receipt_blocks, receipt_text, rests_on
from activities.papers.blocks import NEW_PAGE, Paper, note, para
from activities.papers.book.deposits import Deposits
from activities.papers.book.files import deposited_files, index_of_files
from activities.papers.book.pages import Shown, shown_on_pages
from activities.papers.calendar import calendar
from activities.papers.children import child
from activities.papers.coverage import breakable, spelled
from activities.papers.kinds import BOOK, BY_THE_LEAF, CALENDAR, CERTIFICATE, KINDS, known_kind
from activities.papers.people import party
from activities.papers.sentences import cause_in
from activities.papers.source import Source
from activities.papers.words import Words, words_of

LONGEST = 150.0
"""Seconds that setting one paper may take: minutes take some three for a thousand entries."""


LONGEST_WITH_FILES = 100.0
"""Seconds that a book with files on its pages may take, before it is set without them."""


RUNNING = 130
"""Characters of the accord's title above every page; those of Han and Hangul count twice."""


class TooLong(EntenteError):
    """Setting a paper took longer than it may."""


class NotSet(EntenteError):
    """A paper could not be set: a fault of this program."""


@dataclass(frozen=True, slots=True)
class Made:
    """A paper as a file, which nobody finds by a name, and which is gone once it is closed. ``unshown`` are characters
    that no font has, which stand on it by their code.
    """

    kind: str
    language: str
    file: IO[bytes]
    media_type: str
    unshown: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.kind}.{self.language}.{'ics' if self.kind == CALENDAR else 'pdf'}"


def job(
    source: Source,
    kind: str,
    language: str,
    deposits: Deposits | None = None,
    shown: Mapping[str, Shown] | None = None,
) -> tuple[str, tuple[str, ...]]:
    """What the press is told for a paper on pages, and the characters that no font has.

    Args:
        source: the record up to a moment.
        kind: which paper.
        language: in which language.
        deposits: the contents that a closing book is to hold; none: it names them alone.
        shown: what of them is shown on pages, by digest.

    Raises:
        NoSuchKind: there is no such paper.
        NoSuchLanguage: papers are not written in that language.
    """
    a, bound = source.state, source.bound
    w = words_of(language, a.definition.vocabulary)
    alone = "same_bytes_times" if source.log.times else "same_bytes"
    if kind == BOOK:
        papers = tuple(make(source, w) for make in KINDS.values())
        book: dict[str, Any] | None = _book(source, w, deposits, shown or {})
        title = w[f"title.{BOOK}"]
        files = None if deposits is None else deposited_files(source, w, deposits, shown or {})
        same = alone if deposits is None else "same_bytes_book"
        rests = Paper(w["rests_on"], receipt_blocks(source, w, same))
        papers = (*papers, *((files,) if files is not None else ()), rests)
    else:
        made = KINDS[known_kind(kind)](source, w)
        # What is signed and handed over leaf by leaf says on a leaf of its own what it rests on.
        apart = (NEW_PAGE,) if kind in BY_THE_LEAF else ()
        same = alone if kind == CERTIFICATE else "same_bytes"
        papers, book = (Paper(made.title, (*made.blocks, *apart, rests_on(source, w, same))),), None
        title = made.title
    marks = [
        *([w["illustrative"]] if a.definition.illustrative else []),
        *([w["simulated"]] if a.definition.clock.mode == "simulated" else []),
        *([w["terminated"]] if a.terminated is not None else []),
    ]
    at = bound.time.replace(microsecond=0)
    data: dict[str, Any] = {
        "title": title,
        # By it a window and a list of files tell papers of several accords apart.
        "called": w.say("title_of", paper=title, accord=a.definition.title),
        "lang": w.language,
        "marks": marks,
        "running": _running(a.definition.title),
        "bound": w.say("bound", accord=bound.accord, position=bound.position, date=w.date(at)),
        "page": w["page"],
        "papers": [{"title": one.title, "blocks": list(one.blocks)} for one in papers],
    }
    if book is not None:
        data["book"] = book
    if a.terminated is not None:
        first = data["papers"][0]["blocks"] if book is None else book["cover"]
        first.insert(0, note(w.say("has_ended", cause=cause_in(a.terminated, w))))
    lacking: set[str] = set()
    data = breakable(spelled(data, lacking))
    if lacking:
        said = w.say("missing_characters", codes=w.list(f"U+{ord(one):04X}" for one in sorted(lacking)[:40]))
        data["papers"][-1]["blocks"].append(para(said, style="small"))
    data["keywords"] = [receipt_text(bound)]
    data["date"] = {name: getattr(at, name) for name in ("year", "month", "day", "hour", "minute", "second")}
    told = {"data": data, "at": at.isoformat(), "standard": "a-3a" if kind == BOOK else "a-2a"}
    if deposits is not None:
        told["folder"] = str(deposits.folder)
    return json.dumps(told), tuple(sorted(lacking))


def _running(title: str) -> str:
    """A title as it stands above every page: what is longer than four lines beside the marks would leave the page."""
    room = RUNNING
    for index, character in enumerate(title):
        room -= 2 if east_asian_width(character) in "WF" else 1
        if room < 0:
            return f"{title[:index].rstrip()}…"
    return title


def _book(source: Source, w: Words, deposits: Deposits | None, shown: Mapping[str, Shown]) -> dict[str, Any]:
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
        "after": index_of_files(source, w, deposits, shown),
    }


async def make_paper(source: Source, kind: str, language: str, deposits: Deposits | None = None) -> Made:
    """A paper of a kind in a language: the same source and contents give the same bytes.

    ``deposits`` are for a closing book; other papers hold no contents.

    Raises:
        NoSuchKind: there is no such paper.
        NoSuchLanguage: papers are not written in that language.
        TooLong: it was not set in time.
        NotSet: it could not be set.
    """
    if known_kind(kind) == CALENDAR:
        w = words_of(language, source.state.definition.vocabulary)
        made = await asyncio.to_thread(calendar, source, w)
        return Made(kind, w.language, io.BytesIO(made), "text/calendar")
    if kind != BOOK or deposits is None:
        told, lacking = await asyncio.to_thread(job, source, kind, language)
        file = await press(told)
    else:
        file, lacking = await _book_with_files(source, language, deposits)
    base = words_of(language, source.state.definition.vocabulary).language
    return Made(kind, base, file, "application/pdf", lacking)


async def _book_with_files(
    source: Source, language: str, deposits: Deposits
) -> tuple[IO[bytes], tuple[str, ...]]:
    shown = await shown_on_pages(deposits)
    told, lacking = await asyncio.to_thread(job, source, BOOK, language, deposits, shown)
    try:
        return await press(told, LONGEST_WITH_FILES), lacking
    except (NotSet, TooLong):
        # What could be set alone cannot be set in this book: then no file is shown, and all are attached.
        told, lacking = await asyncio.to_thread(
            job, source, BOOK, language, deposits, dict.fromkeys(shown, _UNSHOWN)
        )
        return await press(told), lacking


_UNSHOWN: Shown = {"why": "broken"}


async def press(told: str, within: float = LONGEST) -> IO[bytes]:
    """The PDF of a job, set by a process of its own, which ends with this call however it ends.

    It is a file without a name: a closing book has many times the bytes that a server would hold for each who reads.

    Raises:
        TooLong: it did not end in time.
        NotSet: it failed.
    """
    with ExitStack() as held:
        made = held.enter_context(tempfile.TemporaryFile())
        await _pressed(told, within, made)
        held.pop_all()
    return made


async def _pressed(told: str, within: float, made: IO[bytes]) -> None:
    process = await child("activities.papers.press", to=made)
    try:
        async with asyncio.timeout(within):
            _, said = await process.communicate(told.encode())
    except TimeoutError:
        raise TooLong(
            f"the paper was not set within {within:g} s",
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
