"""FORMAT.md, "The archive": the file, its members, and the one form of JSON."""

from __future__ import annotations

import base64
import json
import re
import struct
import zlib
from pathlib import Path
from typing import Any

MIB = 1024 * 1024
LARGEST = 2**53 - 1


class NoBundle(Exception):
    """The file is malformed."""


def need(condition: object, what: str) -> None:
    """Refuse the file unless the condition holds."""
    if not condition:
        raise NoBundle(what)


def unbase64(text: Any, what: str = "base64") -> bytes:
    """Canonical base64."""
    need(isinstance(text, str), what)
    try:
        found = base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        raise NoBundle(what) from None
    need(base64.b64encode(found).decode() == text, what)
    return found


def to_json(value: Any) -> bytes:
    """Canonical JSON of a value that :func:`from_json` gave."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _plain(value: Any) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            need(key.isascii(), "a key that is not ASCII")
            _plain(item)
    elif isinstance(value, list):
        for item in value:
            _plain(item)
    elif isinstance(value, int) and not isinstance(value, bool):
        need(abs(value) <= LARGEST, "a number that is too large")
    else:
        need(value is None or isinstance(value, str | bool), "a float")


def from_json(content: bytes) -> Any:
    """The value of canonical JSON, which has one form."""
    try:
        value = json.loads(content.decode("utf-8"))
        _plain(value)
        same = to_json(value) == content
    except (ValueError, RecursionError) as error:
        raise NoBundle(f"no JSON: {error}") from None
    need(same, "JSON that is not canonical")
    return value


class Members:
    """The members of the archive, each read whole."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        self.content: dict[str, bytes] = {}
        end = len(data) - 22
        need(end >= 0 and data[end : end + 4] == b"PK\5\6", "no end record")
        disk, first, here, count, length, start, comment = struct.unpack_from("<4H2LH", data, end + 4)
        need((disk, first, comment) == (0, 0, 0) and here == count, "several parts")
        if count == 0xFFFF or 0xFFFFFFFF in (length, start):
            record = end - 76
            need(record >= 0 and data[record : record + 4] == b"PK\6\6", "no zip64 record")
            size, _, _, disk, first, here, count, length, start = struct.unpack_from(
                "<Q2H2L4Q", data, record + 4
            )
            need((size, disk, first) == (44, 0, 0) and here == count, "zip64 record")
            need(data[record + 56 : end] == struct.pack("<4sLQL", b"PK\6\7", 0, record, 1), "zip64 locator")
            end = record
        need(length <= 64 * MIB and start + length == end, "table of contents")
        at, follows = start, 0
        for _ in range(count):
            need(at + 46 <= end and data[at : at + 4] == b"PK\1\2", "table of contents")
            flags, method, _, _, crc, packed, unpacked, names, extras, comments, disk, inner, _, offset = (
                struct.unpack_from("<4H3L5H2L", data, at + 8)
            )
            name, extra = data[at + 46 :][:names], data[at + 46 + names :][:extras]
            at += 46 + names + extras + comments
            need(at <= end and not comments and not disk and inner in (0, 1), "table of contents")
            unpacked, packed, offset = self._wide(extra, [unpacked, packed, offset])
            need(flags == 0 and method in (0, 8) and name.isascii(), "flags, method or name")
            need(offset == follows, "bytes between members")
            follows = self._member(data, offset, name, (flags, method, crc, packed, unpacked))
        need(at == end and follows == start, "bytes between members and table of contents")

    def _wide(self, extra: bytes, values: list[int]) -> list[int]:
        if not extra:
            return values
        need(len(extra) >= 4 and struct.unpack("<2H", extra[:4]) == (1, len(extra) - 4), "an extra field")
        wide = [at for at, value in enumerate(values) if value == 0xFFFFFFFF]
        need(len(extra) - 4 == 8 * len(wide), "an extra field")
        found = struct.unpack(f"<{len(wide)}Q", extra[4:])
        values = list(values)
        for at, value in zip(wide, found, strict=True):
            values[at] = value
        return values

    def _member(self, data: bytes, offset: int, name: bytes, listed: tuple[int, ...]) -> int:
        head = data[offset : offset + 30]
        need(len(head) == 30 and head[:4] == b"PK\3\4", "a local header")
        flags, method, _, _, crc, packed, unpacked, names, extras = struct.unpack_from("<4H3L2H", head, 6)
        begins = offset + 30 + names
        unpacked, packed, _ = self._wide(data[begins : begins + extras], [unpacked, packed, 0])
        need((flags, method, crc, packed, unpacked) == listed, "two words on a member")
        need(data[offset + 30 : begins] == name, "two names of a member")
        begins += extras
        raw = data[begins : begins + packed]
        need(len(raw) == packed, "a member that is cut short")
        text = name.decode()
        need(text not in self.content, "a member twice")
        self.content[text] = self._unpacked(raw, method, unpacked)
        need(
            len(self.content[text]) == unpacked and zlib.crc32(self.content[text]) == crc, "a damaged member"
        )
        return begins + packed

    def _unpacked(self, raw: bytes, method: int, size: int) -> bytes:
        if method == 0:
            return raw
        unpacker = zlib.decompressobj(-15)
        try:
            found = unpacker.decompress(raw, size + 1)
        except zlib.error:
            raise NoBundle("a member that does not unpack") from None
        need(
            unpacker.eof and not unpacker.unused_data and not unpacker.unconsumed_tail, "bytes after a member"
        )
        return found

    def text(self, name: str) -> bytes:
        """A member of at most 1 MiB."""
        need(len(self.content[name]) <= MIB, f"{name} is too long")
        return self.content[name]

    def lines(self, name: str) -> list[dict[str, Any]]:
        """The objects in a member's lines."""
        *lines, rest = self.content[name].split(b"\n")
        need(rest == b"" and all(len(line) <= 16 * MIB for line in lines), f"lines of {name}")
        found = [from_json(line) for line in lines]
        need(all(isinstance(one, dict) for one in found), f"lines of {name}")
        return found


def tiles(size: int) -> dict[str, tuple[str, int, int]]:
    """The paths of all tiles of a tree: to each its level ("entries" too), index and width."""
    found = {}
    for level, count in [
        *((str(n), size >> (8 * n)) for n in range(8) if size >> (8 * n)),
        ("entries", size),
    ]:
        for index in range(-(-count // 256)):
            width = min(256, count - 256 * index)
            digits = str(index).zfill(-(-max(len(str(index)), 3) // 3) * 3)
            parts = re.findall("...", digits)
            name = "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])
            found[f"tile/{level}/{name}" + ("" if width == 256 else f".p/{width}")] = (level, index, width)
    return found
