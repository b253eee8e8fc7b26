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


@asynccontextmanager
async def deposits_of(
    source: Source,
    register: Register,
    store: Store,
    readable: Readable,
    erased: Collection[str],
    room: int,
) -> AsyncIterator[Deposits]:
    """The contents that the record of ``source`` names, as files in a folder that is gone at the end of the block.

    Args:
        source: the record up to a moment.
        register: which contents there are.
        store: where they are.
        readable: whether a content is for who asks.
        erased: digests whose contents are erased by now, which may be later than that moment.
        room: bytes of all of them together. What does not fit is left out, in the order in which it is named.

    Raises:
        LedgerError: the register cannot be asked.
        StoreUnavailable: the store does not answer.
    """
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="entente-book-"))
    try:
        yield await _gathered(source, register, store, readable, erased, room, folder)
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))


async def _gathered(
    source: Source,
    register: Register,
    store: Store,
    readable: Readable,
    erased: Collection[str],
    room: int,
    folder: Path,
) -> Deposits:
    a = source.state
    named = places(source)
    known = {one.digest for one in named}
    others, more = await _others(source, register, readable, known)
    named += others
    contents: dict[str, Deposit] = {}
    left, here = room, 0
    for place in named:
        digest = place.digest
        if digest in contents:
            continue
        content = await register.content(a.id, digest)
        if digest in erased:
            contents[digest] = Deposit(digest, "erased")
        elif content is None or not readable(content):
            contents[digest] = Deposit(digest, "absent")
        elif content.size > left or here >= MOST_FILES:
            contents[digest] = Deposit(digest, "left_out", content.size, content.media_type)
        else:
            file = folder / f"{here + 1:03}"
            stands = await _take(store, content, file)
            contents[digest] = Deposit(
                digest, stands, content.size, content.media_type, file if stands == "here" else None
            )
            if stands == "here":
                left, here = left - content.size, here + 1
    return Deposits(folder, room, tuple(named), contents, more)


async def _others(
    source: Source, register: Register, readable: Readable, known: set[str]
) -> tuple[list[Place], bool]:
    """Contents that entries up to then name and the state does not; and whether there are more than a book takes."""
    found: list[tuple[int, str]] = []
    after = 0
    while page := await register.listed(source.state.id, after, PAGE):
        for _, digest in page:
            if digest in known or (content := await register.content(source.state.id, digest)) is None:
                continue
            position = min((one.position for one in content.namings), default=source.bound.size)
            if position < source.bound.size and readable(content):
                found.append((position, digest))
                if len(found) > MOST_FILES:
                    return [other(digest, at) for at, digest in sorted(found[:-1])], True
        after = page[-1][0]
    return [other(digest, position) for position, digest in sorted(found)], False


async def _take(store: Store, content: Content, file: Path) -> str:
    try:
        with file.open("wb") as writing:
            async for chunk in verified(store.read(content.object), content.digest, content.size):
                await asyncio.to_thread(writing.write, chunk)
    except (ContentAltered, FileNotFoundError):
        await asyncio.to_thread(file.unlink, missing_ok=True)
        return "damaged"
    return "here"
