"""The archive that a bundle is: a zip file of which every byte is accounted for.

The standard library's reader is made to read whatever is found anywhere: other compressions, members twice, bytes
before, between and after. Here all of that is refused, so that two readers of one file never see two things. Only what
means nothing (times, file modes, the version that made it) is passed over, in the places where the format has it.
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from activities.errors import Malformed

MAX_DIRECTORY: Final = 64 * 1024 * 1024
"""The most bytes of the archive's own table of contents: a record of some hundred million entries."""

AGAIN: Final = "Have it exported again, and compare the copies"

_STORED, _DEFLATED = 0, 8
_BLOCK: Final = 64 * 1024
_ZIP64: Final = 0x0001
_MOST = 0xFFFFFFFF

_END = struct.Struct("<4s4H2LH")
_LARGE_END = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")


@dataclass(frozen=True, slots=True)
class _Member:
    """Where a member's bytes stand, and what they come to."""

    offset: int
    method: int
    crc: int
    packed: int
    size: int


def _refused(what: str) -> Malformed:
    return Malformed(f"the file is no readable bundle: {what}", AGAIN)


class Archive:
    """The members of an open archive by name. Nothing is unpacked before it is asked for, nor more of it than that.

    Raises:
        Malformed: where a byte of the file is not what it has to be.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._members: dict[str, _Member] = {}
        start, length, count = self._end()
        file.seek(start)
        directory = file.read(length)
        at = 0
        follows = 0
        for _ in range(count):
            at, name, member = self._listed(directory, at)
            if name in self._members:
                raise _refused(f"it has the member {name[:80]!r} twice")
            if member.offset != follows:
                raise _refused("there are bytes between its members")
            follows = self._follows(name, member)
            self._members[name] = member
        if at != len(directory) or follows != start:
            raise _refused("there are bytes between its members and its table of contents")

    @property
    def names(self) -> list[str]:
        """The members, in their order."""
        return list(self._members)

    def read(self, name: str, most: int) -> bytes:
        """All of a member; raises :class:`Malformed` where it has more than ``most`` bytes, or is damaged."""
        if self._members[name].size > most:
            raise Malformed(f"{name} is larger than the {most} bytes that it may have", AGAIN)
        return b"".join(self._blocks(name))

    def size(self, name: str) -> int:
        """The bytes that a member has, by what the archive says of it."""
        return self._members[name].size

    def blocks(self, name: str) -> Iterator[bytes]:
        """A member, a bounded number of bytes at a time; raises :class:`Malformed` where it is damaged."""
        return self._blocks(name)

    def lines(self, name: str, most: int) -> Iterator[bytes]:
        """The lines of a member without their ends, each of at most ``most`` bytes."""
        kept = b""
        for block in self._blocks(name):
            *whole, kept = (kept + block).split(b"\n") if b"\n" in block else [kept + block]
            for line in whole:
                if len(line) > most:
                    raise _too_long(name)
                yield line
            if len(kept) > most:
                raise _too_long(name)
        if kept:
            raise _too_long(name)

    def _blocks(self, name: str) -> Iterator[bytes]:
        member = self._members[name]
        at, left = member.offset + _LOCAL.size + len(name), member.packed
        at += self._extra_length(member.offset)
        unpack = zlib.decompressobj(-15) if member.method == _DEFLATED else None
        crc, size = 0, 0
        while left:
            self._file.seek(at)
            packed = self._file.read(min(left, _BLOCK))
            if not packed:
                raise _refused(f"{name[:80]!r} is cut short")
            at, left = at + len(packed), left - len(packed)
            for block in _unpacked(name, unpack, packed):
                crc, size = zlib.crc32(block, crc), size + len(block)
                if size > member.size:
                    raise _refused(f"{name[:80]!r} is longer than it says")
                yield block
        if (crc, size) != (member.crc, member.size) or (unpack is not None and not unpack.eof):
            raise _refused(f"{name[:80]!r} is damaged")

    def _end(self) -> tuple[int, int, int]:
        """Where the table of contents begins, its length, and how many members it lists."""
        whole = self._file.seek(0, os.SEEK_END)
        if whole < _END.size:
            raise Malformed("the file is neither a bundle nor evidence: it is no zip archive", AGAIN)
        self._file.seek(whole - _END.size)
        mark, disk, first, here, count, length, start, comment = _END.unpack(self._file.read(_END.size))
        if mark != b"PK\5\6":
            raise Malformed(
                "the file is neither a bundle nor evidence: it is no zip archive, or something follows it",
                AGAIN,
            )
        if (disk, first, comment) != (0, 0, 0) or here != count:
            raise _refused("it is in several parts, or has a comment")
        end = whole - _END.size
        if 0xFFFF in (count,) or _MOST in (length, start):
            end, start, length, count = self._large_end(end)
        if length > MAX_DIRECTORY:
            raise Malformed("the archive's table of contents is too large", AGAIN)
        if start + length != end:
            raise _refused("there are bytes before it, or after its table of contents")
        return start, length, count

    def _large_end(self, end: int) -> tuple[int, int, int, int]:
        before = end - _LOCATOR.size - _LARGE_END.size
        if before < 0:
            raise _refused("its end record is damaged")
        self._file.seek(before)
        record = _LARGE_END.unpack(self._file.read(_LARGE_END.size))
        mark, length_of_record, _, _, disk, first, here, count, length, start = record
        located, other_disk, at, disks = _LOCATOR.unpack(self._file.read(_LOCATOR.size))
        if (mark, located) != (b"PK\6\6", b"PK\6\7") or (length_of_record, at) != (
            _LARGE_END.size - 12,
            before,
        ):
            raise _refused("its end record is damaged")
        if (disk, first, other_disk, disks) != (0, 0, 0, 1) or here != count:
            raise _refused("it is in several parts")
        return before, start, length, count

    def _listed(self, directory: bytes, at: int) -> tuple[int, str, _Member]:
        """The member that the table of contents lists at ``at``, and where its line ends."""
        if at + _CENTRAL.size > len(directory):
            raise _refused("its table of contents is cut short")
        fields = _CENTRAL.unpack_from(directory, at)
        mark, _, _, flags, method, _, _, crc, packed, size, name_length, extra_length = fields[:12]
        comment_length, disk, inner, _, offset = fields[12:]
        at += _CENTRAL.size
        name_bytes, extra = directory[at : at + name_length], directory[at + name_length :][:extra_length]
        at += name_length + extra_length
        if mark != b"PK\1\2" or at > len(directory) or comment_length or disk or inner not in (0, 1):
            raise _refused("its table of contents is damaged, or has comments")
        packed, size, offset = _large(extra, packed, size, offset)
        name = _name(name_bytes)
        _check_way(name, flags, method, packed, size)
        return at, name, _Member(offset, method, crc, packed, size)

    def _follows(self, name: str, member: _Member) -> int:
        """Where the member ends; what stands before its bytes has to say what the table of contents says."""
        self._file.seek(member.offset)
        head = self._file.read(_LOCAL.size + 0xFFFF)
        if len(head) < _LOCAL.size:
            raise _refused("a member is cut short")
        mark, _, flags, method, _, _, crc, packed, size, name_length, extra_length = _LOCAL.unpack_from(head)
        name_end = _LOCAL.size + name_length
        extra = head[name_end : name_end + extra_length]
        packed, size, _ = _large(extra, packed, size, 0)
        said = (mark, flags, method, crc, packed, size, head[_LOCAL.size : name_end])
        if said != (b"PK\3\4", 0, member.method, member.crc, member.packed, member.size, name.encode()):
            raise _refused(f"{name[:80]!r} says of itself what the table of contents does not")
        end: int = member.offset + name_end + extra_length + member.packed
        return end

    def _extra_length(self, offset: int) -> int:
        self._file.seek(offset + _LOCAL.size - 2)
        return int.from_bytes(self._file.read(2), "little")


def _unpacked(name: str, unpack: zlib._Decompress | None, packed: bytes) -> Iterator[bytes]:
    """The bytes that come of a piece of a member, a bounded number at a time."""
    if unpack is None:
        yield packed
        return
    try:
        while packed and not unpack.eof:
            yield unpack.decompress(packed, _BLOCK)
            packed = unpack.unconsumed_tail
        # All may have been read, and some of what it comes to not written yet, for want of room.
        while not unpack.eof and (kept := unpack.decompress(b"", _BLOCK)):
            yield kept
    except zlib.error as error:
        raise _refused(f"{name[:80]!r} does not unpack: {error}") from None
    if packed or unpack.unused_data:
        raise _refused(f"{name[:80]!r} has bytes after its end")


def _large(extra: bytes, packed: int, size: int, offset: int) -> tuple[int, int, int]:
    """Sizes and offset with those that are too large for their own places; no other extra field is allowed."""
    if not extra:
        return packed, size, offset
    if len(extra) < 4 or int.from_bytes(extra[:2], "little") != _ZIP64:
        raise _refused("a member has an extra field that the format does not know")
    content = io.BytesIO(extra[4:])
    if int.from_bytes(extra[2:4], "little") != len(extra) - 4:
        raise _refused("a member has an extra field that the format does not know")
    # The size comes first, as the specification of zip has it.
    values = [
        int.from_bytes(content.read(8), "little") if value == _MOST else value
        for value in (size, packed, offset)
    ]
    if content.read():
        raise _refused("a member has an extra field that is longer than what it says")
    return values[1], values[0], values[2]


def _name(content: bytes) -> str:
    try:
        return content.decode("ascii")
    except UnicodeDecodeError:
        raise _refused("the name of a member is not ASCII") from None


def _check_way(name: str, flags: int, method: int, packed: int, size: int) -> None:
    if flags:
        raise _refused(f"{name[:80]!r} is encrypted, or has other flags")
    if method not in (_STORED, _DEFLATED) or (method == _STORED and packed != size):
        raise _refused(f"{name[:80]!r} is neither stored nor deflated")


def _too_long(name: str) -> Malformed:
    return Malformed(f"{name} has a line that is too long, or does not end", AGAIN)
