"""Where the bytes are: an object store, a directory of this machine or one that speaks S3, GCS or Azure.

An object is written once, under a name that is never used again, and is there whole or not at all. Which object is the
content of what, the register says (:mod:`activities.files.register`).
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from activities.errors import SettingsProblem
from activities.files.errors import ContentAltered, StoreUnavailable
from activities.runtime.settings import Settings

CHUNK = 256 * 1024
"""Bytes that are read at a time on the way out."""

PART = 5 * 1024 * 1024
"""Bytes that are written at a time; S3 takes no smaller ones."""

AT_ONCE = 2
"""Such pieces of one object that are under way together: what an upload needs of memory."""

PATIENCE = timedelta(seconds=60)
"""After so long a request to a remote store is given up."""

_STAGED = re.compile(r".*#[0-9]+")


@contextmanager
def _translated(what: str) -> Any:
    """The store's own errors as ours.

    Raises:
        StoreUnavailable: in their place. ``FileNotFoundError`` stays as it is.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except (BaseError, OSError) as error:
        said = str(error).partition("\n")[0]
        raise StoreUnavailable(
            f"The object store cannot {what}: {said}.",
            "Look at ENTENTE_FILES_URL, at the store's own variables, and whether it runs.",
        ) from error


def open_store(settings: Settings) -> Store:
    """The store that the settings name; a directory below the state directory where they name none.

    Raises:
        SettingsProblem: the address names no store.
    """
    url = settings.files_url
    if url is None:
        return Store.local(settings.state_dir / "files")
    if "://" not in url:
        return Store.local(Path(url))
    try:
        options: dict[str, Any] = {"client_options": {"timeout": PATIENCE, "allow_http": True}}
        return Store(from_url(url, **({} if url.startswith(("file:", "memory:")) else options)))
    except (BaseError, ValueError, TypeError) as error:
        said = str(error).partition("\n")[0]
        raise SettingsProblem(
            f"ENTENTE_FILES_URL names no object store: {said}.",
            "Write a directory, or an address such as s3://bucket/prefix; credentials by the store's own variables.",
        ) from None


class Store:
    """An object store by names: a remote one, or a directory of this machine, made when it is first written to."""

    def __init__(self, objects: ObjectStore | None = None, directory: Path | None = None) -> None:
        self._given = objects
        self._directory = directory

    @classmethod
    def local(cls, directory: Path) -> Store:
        """A store in a directory, for its owner alone."""
        return cls(None, directory.absolute())

    @property
    def _objects(self) -> ObjectStore:
        """The store.

        Raises:
            FileNotFoundError: it is a directory that is not there yet.
            BaseError: it is no directory.
        """
        if self._given is None:
            assert self._directory is not None  # noqa: S101 - one of the two is given
            self._given = LocalStore(prefix=self._directory.resolve(strict=True))
        return self._given

    def _make(self) -> None:
        if self._given is None and self._directory is not None:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    @staticmethod
    def new_name(folder: str) -> str:
        """A name that no object has had."""
        return f"{folder}/{uuid.uuid4().hex}"

    async def put(self, name: str, content: AsyncIterator[bytes]) -> None:
        """Write an object. Where ``content`` raises, or nobody waits any more, nothing is left of it.

        Raises:
            StoreUnavailable: it cannot be written.
        """
        failed: list[BaseException] = []

        async def watched() -> AsyncIterator[bytes]:
            try:
                async for chunk in content:
                    yield chunk
            except BaseException as error:
                failed.append(error)
                raise

        try:
            with _translated("take an object"):
                self._make()
                await obstore.put_async(
                    self._objects, name, watched(), chunk_size=PART, max_concurrency=AT_ONCE
                )
        except StoreUnavailable:
            # What the content itself raised comes back in the store's words.
            if failed:
                raise failed[0] from None
            raise

    async def read(self, name: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes of an object from ``start`` to before ``end``.

        Raises:
            FileNotFoundError: there is no such object.
            StoreUnavailable: it cannot be read.
        """
        if end is not None and start >= end:
            return
        with _translated("read an object"):
            options: Any = (
                {"range": {"offset": start} if end is None else (start, end)} if start or end else {}
            )
            found = await obstore.get_async(self._objects, name, options=options)
            stream = found.stream(min_chunk_size=CHUNK)
            async for chunk in stream:
                # A store in memory gives all at once.
                for at in range(0, len(chunk), 4 * CHUNK):
                    yield bytes(chunk[at : at + 4 * CHUNK])

    async def delete(self, *names: str) -> None:
        """Delete objects; those that are not there are no error.

        Raises:
            StoreUnavailable: they cannot be deleted.
        """
        with _translated("delete an object"):
            for name in names:
                try:
                    await obstore.delete_async(self._objects, name)
                except FileNotFoundError:
                    continue

    async def names(self, before: datetime) -> AsyncIterator[str]:
        """The objects that were written before a time.

        Raises:
            StoreUnavailable: they cannot be listed.
        """
        with suppress(FileNotFoundError), _translated("list its objects"):
            async for page in self._objects.list():
                for one in page:
                    if one["last_modified"] < before:
                        yield one["path"]

    async def tidy(self, before: datetime) -> None:
        """Take away what a process that was killed left half written, before a time; a remote store does so itself."""
        if self._directory is not None:
            await asyncio.to_thread(_tidy, self._directory, before.timestamp())

    async def check(self) -> str:
        """ "ok", if the store answers.

        Raises:
            StoreUnavailable: it does not.
        """
        with _translated("be asked"), suppress(FileNotFoundError):
            await obstore.head_async(self._objects, "there/is/none")
        return "ok"


def _tidy(directory: Path, before: float) -> None:
    for found in directory.rglob("*"):
        try:
            if _STAGED.fullmatch(found.name) and found.is_file() and found.stat().st_mtime < before:
                found.unlink()
        except FileNotFoundError:
            continue


async def verified(content: AsyncIterator[bytes], digest: str, size: int) -> AsyncIterator[bytes]:
    """The content of an object whole; its end comes only when all of it has the digest.

    Raises:
        ContentAltered: it has another. Whoever sends it on has not sent all of it by then.
    """
    hashing, seen, held = hashlib.sha256(), 0, b""
    async for chunk in content:
        hashing.update(chunk)
        seen += len(chunk)
        if held:
            yield held
        held = chunk
    if seen != size or f"sha256:{hashing.hexdigest()}" != digest:
        raise ContentAltered(
            f"The object store's content of {digest} was altered.",
            "Deposit it again after `entente erase`, or restore the store from a backup.",
        )
    if held:
        yield held


def long_ago(age: timedelta) -> datetime:
    """The time that long before now."""
    return datetime.fromtimestamp(time.time(), UTC) - age
