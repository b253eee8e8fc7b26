"""The contents that a closing book holds: taken out of the store, checked by their digests, within its bounds."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from activities.files.errors import ContentAltered
from activities.files.register import Content, Register
from activities.files.store import Store, verified
from activities.papers.book.named import Place, other, places
from activities.papers.source import Source

MOST_FILES = 300
"""Contents in one book."""

PAGE = 200

MOST_LOOKED = 2000
"""Contents of an accord that are looked at for what else its entries name, the oldest first."""

Readable = Callable[[Content], bool]
"""Whether a content is for the reader of the book."""


@dataclass(frozen=True, slots=True)
class Deposit:
    """A content as the book has it. ``stands``: ``here`` (then ``file`` is it), ``absent`` (nobody deposited it, or it
    is not for this reader), ``erased``, ``left_out`` (no room), ``damaged`` (the store's bytes have another digest).
    """

    digest: str
    stands: str
    size: int = 0
    media_type: str = ""
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class Deposits:
    """What the book holds: where the record names contents, what of them is here, and in which folder."""

    folder: Path
    room: int
    named: tuple[Place, ...] = ()
    contents: Mapping[str, Deposit] = field(default_factory=dict)
    more: bool = False


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a book may take from.

    Args:
        register: which contents there are.
        store: where they are.
        readable: whether a content is for who asks.
        erased: digests whose contents are erased by now, which may be later than the book's moment.
        room: bytes of all contents in the book. What does not fit is left out, in the order in which it is named.
    """

    register: Register
    store: Store
    readable: Readable
    erased: Collection[str]
    room: int


@asynccontextmanager
async def deposits_of(source: Source, holdings: Holdings) -> AsyncIterator[Deposits]:
    """The contents that the record of ``source`` names, as files in a folder that is gone at the end of the block.

    Raises:
        LedgerError: the register cannot be asked.
        StoreUnavailable: the store does not answer.
    """
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="entente-book-"))
    try:
        yield await _gathered(source, holdings, folder)
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))


async def _gathered(source: Source, holdings: Holdings, folder: Path) -> Deposits:
    named = places(source)
    others, more = await _others(source, holdings, {one.digest for one in named})
    named += others
    contents: dict[str, Deposit] = {}
    left, here = holdings.room, 0
    for digest in dict.fromkeys(place.digest for place in named):
        content = await holdings.register.content(source.state.id, digest)
        if digest in holdings.erased:
            contents[digest] = Deposit(digest, "erased")
        elif content is None or not holdings.readable(content):
            contents[digest] = Deposit(digest, "absent")
        elif content.size > left or here >= MOST_FILES:
            contents[digest] = Deposit(digest, "left_out", content.size, content.media_type)
        elif not await _take(holdings.store, content, folder / f"{here + 1:03}"):
            contents[digest] = Deposit(digest, "damaged", content.size, content.media_type)
        else:
            left, here = left - content.size, here + 1
            contents[digest] = Deposit(
                digest, "here", content.size, content.media_type, folder / f"{here:03}"
            )
    return Deposits(folder, holdings.room, tuple(named), contents, more)


async def _others(source: Source, holdings: Holdings, known: set[str]) -> tuple[list[Place], bool]:
    """Contents that entries up to then name and the state does not; and whether there are more than are looked at."""
    found: list[tuple[int, str]] = []
    accord, after, looked, more = source.state.id, 0, 0, False
    while not more and (page := await holdings.register.listed(accord, after, PAGE)):
        for _, digest in page:
            if digest in known or (content := await holdings.register.content(accord, digest)) is None:
                continue
            position = min((one.position for one in content.namings), default=source.bound.size)
            if position < source.bound.size and holdings.readable(content):
                found.append((position, digest))
        looked += len(page)
        more = looked >= MOST_LOOKED or len(found) > MOST_FILES
        after = page[-1][0]
    return [other(digest, position) for position, digest in sorted(found)[:MOST_FILES]], more


async def _take(store: Store, content: Content, file: Path) -> bool:
    """Write a content to a file; whether it has its digest."""
    try:
        with file.open("wb") as writing:
            async for chunk in verified(store.read(content.object), content.digest, content.size):
                await asyncio.to_thread(writing.write, chunk)
    except (ContentAltered, FileNotFoundError):
        await asyncio.to_thread(file.unlink, missing_ok=True)
        return False
    return True
