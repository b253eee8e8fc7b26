"""Taking in a content: whole, or in parts of which each is there whole or not at all; its digest is checked.

Nothing of an interrupted upload is left but parts that arrived whole, from which it can go on; those that are not gone
on with are taken away after some days.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from activities.files.errors import FileRefused, OtherOffset
from activities.files.register import Held, Register
from activities.files.store import Store
from activities.runtime.mediatypes import begins_as
from activities.runtime.settings import Settings

MOST_PARTS = 10_000
"""Parts of one content."""

MOST_CONTENTS = 5_000
"""Contents that one side may have deposited in an accord, uploads under way included."""

_HEAD = 16


@dataclass(frozen=True, slots=True)
class Where:
    """Whose content it is to be: of which accord, under which digest, sent for which side by which delegate."""

    accord: str
    digest: str
    side: str
    delegate: str


class Depositing:
    """Takes contents into the store and onto the register. One for each API process."""

    def __init__(self, store: Store, register: Register, settings: Settings) -> None:
        self._store = store
        self._register = register
        self._most = settings.file_bytes
        self._most_together = Held(MOST_CONTENTS, settings.files_bytes)
        self.types = settings.file_types

    async def check(self, where: Where, size: int | None, media_type: str) -> None:
        """Whether a content of this size (none where it is not told) and type would be taken, as things stand now.

        What is sent at the same time is not known yet: the register looks again, when all has arrived.

        Raises:
            FileRefused: ``type_not_taken``, ``too_large``, or ``too_many``.
        """
        if media_type not in self.types:
            raise FileRefused(
                "type_not_taken",
                f"{media_type[:80] or 'No type'} is no media type of contents that is taken here",
                f"send it as one of {', '.join(self.types)}",
            )
        if size is not None and size > self._most:
            raise self._too_large()
        held = await self._register.held(where.accord, where.side, where.digest)
        held.room_for(where.side, size or 0, self._most_together)

    def _too_large(self) -> FileRefused:
        return FileRefused(
            "too_large",
            f"A content has at most {self._most:,} bytes here",
            "divide it, or name it by digest alone",
        )

    async def whole(self, where: Where, media_type: str, content: AsyncIterator[bytes]) -> int:
        """Take a content that comes in one piece; its size in bytes.

        Raises:
            FileRefused: ``digest_differs``, ``type_differs``, ``too_large``, ``too_many``.
            StoreUnavailable: the store cannot take it.
            LedgerError: the register cannot be written.
        """
        name = self._store.new_name(f"{where.accord}/{where.digest.removeprefix('sha256:')}")
        counted = _Counted(content, where.digest, media_type, self._most, self._too_large())
        try:
            await self._store.put(name, aiter(counted))
            kept = await self._register.deposit(
                where.accord, where.digest, where.side, where.delegate, counted.size, media_type, name,
                self._most_together,
            )  # fmt: skip
        except BaseException:
            await self._store.delete(name)
            raise
        if kept != name:
            await self._store.delete(name)
        await self._forget_upload(where)
        return counted.size

    async def part(
        self, where: Where, media_type: str, begins: int, ends: int, size: int, content: AsyncIterator[bytes]
    ) -> int:
        """Take the bytes from ``begins`` to before ``ends`` of a content of ``size`` bytes; how many are here then.

        Raises:
            OtherOffset: it does not follow on what is here.
            FileRefused: ``other_size``, ``part_differs``, ``too_many``.
            StoreUnavailable: the store cannot take it.
            LedgerError: the register cannot be written.
        """
        under_way = await self._register.upload(where.accord, where.digest, where.side)
        received = 0 if under_way is None else under_way.received
        if begins != received:
            raise OtherOffset(received)
        if under_way is not None and len(under_way.parts) >= MOST_PARTS:
            raise FileRefused(
                "too_many", f"A content comes in at most {MOST_PARTS:,} parts", "send larger ones"
            )
        await self._register.begin(
            where.accord, where.digest, where.side, where.delegate, size, media_type, self._most_together
        )
        name = self._store.new_name(f"{where.accord}/parts")
        try:
            await self._store.put(name, _exactly(content, ends - begins))
            await self._register.add_part(where.accord, where.digest, where.side, begins, ends, name)
        except BaseException:
            await self._store.delete(name)
            raise
        return ends

    async def complete(self, where: Where, size: int) -> int:
        """Make the content of its parts, when all are here; its size in bytes.

        Raises:
            OtherOffset: not all are.
            FileRefused: ``digest_differs`` or ``type_differs``; the parts are gone then.
            StoreUnavailable: the store cannot take it.
            LedgerError: the register cannot be written.
        """
        upload = await self._register.upload(where.accord, where.digest, where.side)
        if upload is None or upload.received != upload.size or upload.size != size:
            raise OtherOffset(0 if upload is None else upload.received)
        try:
            return await self.whole(where, upload.media_type, self._joined(upload.parts))
        except FileRefused:
            await self._forget_upload(where)
            raise

    async def _joined(self, parts: tuple[str, ...]) -> AsyncIterator[bytes]:
        for name in parts:
            try:
                async for chunk in self._store.read(name):
                    yield chunk
            except FileNotFoundError:
                raise FileRefused(
                    "digest_differs", "A part of the content is not here any more", "send it again"
                ) from None

    async def _forget_upload(self, where: Where) -> None:
        parts = await self._register.end_upload(where.accord, where.digest, where.side)
        await self._store.delete(*parts)


class _Counted:
    """A content on its way in, which ends well only if it has the digest that it was sent under."""

    def __init__(
        self, content: AsyncIterator[bytes], digest: str, media_type: str, most: int, too_large: FileRefused
    ) -> None:
        self._content = content
        self._digest = digest
        self._media_type = media_type
        self._most = most
        self._too_large = too_large
        self.size = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        hashing, head = hashlib.sha256(), b""
        async for chunk in self._content:
            self.size += len(chunk)
            if self.size > self._most:
                raise self._too_large
            if len(head) < _HEAD:
                head += chunk[: _HEAD - len(head)]
                if len(head) == _HEAD:
                    self._check_head(head)
            hashing.update(chunk)
            yield chunk
        self._check_head(head)
        if (came := f"sha256:{hashing.hexdigest()}") != self._digest:
            raise FileRefused(
                "digest_differs",
                f"What arrived, {self.size:,} bytes, has the digest {came}, not {self._digest}",
                "send the content whose digest is in the address",
            )

    def _check_head(self, head: bytes) -> None:
        if not begins_as(self._media_type, head):
            raise FileRefused(
                "type_differs",
                f"The content does not begin as {self._media_type} does",
                "name its own type, or application/octet-stream",
            )


async def _exactly(content: AsyncIterator[bytes], size: int) -> AsyncIterator[bytes]:
    seen = 0
    async for chunk in content:
        seen += len(chunk)
        if seen > size:
            break
        yield chunk
    if seen != size:
        raise FileRefused(
            "part_differs",
            f"Content-Range names {size:,} bytes, and {'more' if seen > size else f'{seen:,}'} arrived",
            "send as many as it names",
        )
