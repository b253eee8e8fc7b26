"""What every object store has to do, whichever it is."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from activities.files.errors import ContentAltered
from activities.files.store import Store, long_ago, verified

LARGE = hashlib.shake_256(b"large").digest(12_000_000)


async def pieces(content: bytes, size: int = 700_000) -> AsyncIterator[bytes]:
    for at in range(0, len(content), size):
        yield content[at : at + size]


async def whole(store: Store, name: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in store.read(name, start, end)])


async def listed(store: Store) -> list[str]:
    return sorted([name async for name in store.names(long_ago(timedelta(seconds=-60)))])


async def exercise(store: Store) -> None:
    """Objects are there whole or not at all, in parts as asked, and gone when they are deleted."""
    assert await listed(store) == []
    assert await store.check() == "ok"
    for name, content in (("a/empty", b""), ("a/small", b"small"), ("a/large", LARGE)):
        await store.put(name, pieces(content))
        assert await whole(store, name) == content
    assert await whole(store, "a/large", 5_000_000, 5_000_010) == LARGE[5_000_000:5_000_010]
    assert await whole(store, "a/large", 11_999_990) == LARGE[-10:]
    assert await whole(store, "a/small", 3, 3) == b""
    assert await listed(store) == ["a/empty", "a/large", "a/small"]

    class Broken(Exception):
        pass

    async def breaking(content: bytes) -> AsyncIterator[bytes]:
        async for piece in pieces(content):
            yield piece
        raise Broken

    for content in (b"", b"small", LARGE):
        with pytest.raises(Broken):
            await store.put("a/broken", breaking(content))

    async def stuck() -> AsyncIterator[bytes]:
        yield LARGE
        await asyncio.sleep(60)

    given_up = asyncio.create_task(store.put("a/stuck", stuck()))
    await asyncio.sleep(0.3)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    assert await listed(store) == ["a/empty", "a/large", "a/small"]
    with pytest.raises(FileNotFoundError):
        await whole(store, "a/broken")

    named = f"sha256:{hashlib.sha256(LARGE).hexdigest()}"
    read = [piece async for piece in verified(store.read("a/large"), named, len(LARGE))]
    assert b"".join(read) == LARGE
    await store.put("a/large", pieces(LARGE[:-1] + b"?"))
    sent = b""
    with pytest.raises(ContentAltered):  # noqa: PT012 - what was sent until then is what it is about
        async for piece in verified(store.read("a/large"), named, len(LARGE)):
            sent += piece
    assert len(sent) < len(LARGE), "the end is kept back until all of it is known"

    await store.delete("a/empty", "a/small", "a/large", "a/none")
    assert await listed(store) == []
