"""Tiles: a log's Merkle tree and entries as files that never change, as C2SP ``tlog-tiles`` specifies them.

A tile at level L and index N holds up to 256 hashes, the nodes of level 8·L from index 256·N on. An entry
bundle holds the up to 256 entries below a tile of level 0, each after its 16-bit length. What is not full yet
has its width in its name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from activities.errors import Malformed
from activities.tlog.merkle import HASH_SIZE, Coordinate, Lookup, node_hash

HEIGHT: Final = 8
"""Levels of the Merkle tree in a tile."""

WIDTH: Final = 256
"""Hashes in a full tile, and entries in a full bundle."""

MAX_LEVEL: Final = 63
"""The highest level that a path can name."""

_PATH = re.compile(
    r"tile/(?P<level>0|[1-9][0-9]?|entries)/(?P<index>(?:x[0-9]{3}/)*[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)
_MAX_PATH = 80
_ASK = "Fetch it again from where the log is published"


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """One tile, or one bundle of entries where ``level`` is ``None``; ``width`` is 256 for a full one."""

    level: int | None
    index: int
    width: int = WIDTH

    def path(self) -> str:
        """Where it is published, below the log's prefix."""
        digits = f"{self.index:03d}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        name = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
        part = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{'entries' if self.level is None else self.level}/{name}{part}"

    def nodes(self) -> list[Coordinate]:
        """The nodes whose hashes make up the tile; for a bundle, the leaves of its entries."""
        start = self.index * WIDTH
        return [((self.level or 0) * HEIGHT, start + offset) for offset in range(self.width)]


def parse_path(path: str) -> Tile:
    """Read what :meth:`Tile.path` wrote; raises :class:`Malformed` for anything else."""
    matched = _PATH.fullmatch(path)
    if matched is None or len(path) > _MAX_PATH:
        raise Malformed(f"{path[:80]!r} is not the path of a tile", _ASK)
    index = matched["index"].replace("x", "").replace("/", "")
    level = None if matched["level"] == "entries" else int(matched["level"])
    tile = Tile(level, int(index), int(matched["width"] or WIDTH))
    # Writing it again refuses what is too wide, and leading groups of zeros.
    if tile.path() != path or (level is not None and level > MAX_LEVEL):
        raise Malformed(f"{path[:80]!r} is not the path of a tile", _ASK)
    return tile


def tiles_of(size: int, *, since: int = 0) -> list[Tile]:
    """The tiles and bundles that a log of ``size`` entries has and one of ``since`` entries had not.

    Partial ones are those that a checkpoint of ``size`` makes necessary. Level by level, then the bundles.
    """
    found = []
    level = 0
    while size >> (HEIGHT * level):
        here, before = size >> (HEIGHT * level), since >> (HEIGHT * level)
        found += _row(level, here, before)
        level += 1
    return found + _row(None, size, since)


def _row(level: int | None, here: int, before: int) -> list[Tile]:
    row = [Tile(level, index) for index in range(before // WIDTH, here // WIDTH)]
    if here % WIDTH and here != before:
        row.append(Tile(level, here // WIDTH, here % WIDTH))
    return row


def encode_hashes(tile: Tile, lookup: Lookup) -> bytes:
    """The content of a tile, from a lookup of the log's nodes."""
    return b"".join(lookup(level, index) for level, index in tile.nodes())


def decode_hashes(tile: Tile, content: bytes) -> list[bytes]:
    """The hashes in a tile; raises :class:`Malformed` where it does not have the width that it should."""
    if len(content) != tile.width * HASH_SIZE:
        raise Malformed(f"{tile.path()} has {len(content)} bytes instead of {tile.width * HASH_SIZE}", _ASK)
    return [content[at : at + HASH_SIZE] for at in range(0, len(content), HASH_SIZE)]


def encode_entries(entries: Sequence[bytes]) -> bytes:
    """The content of a bundle; an entry has at most 65,535 bytes.

    Raises:
        ValueError: where an entry is longer, or there are not 1 to 256 of them.
    """
    if not 1 <= len(entries) <= WIDTH:
        raise ValueError(f"a bundle has 1 to {WIDTH} entries, not {len(entries)}")
    if any(len(entry) > 0xFFFF for entry in entries):
        raise ValueError("an entry of more than 65,535 bytes does not fit into a bundle")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def decode_entries(tile: Tile, content: bytes) -> list[bytes]:
    """The entries in a bundle; raises :class:`Malformed` where they are not as many as they should be."""
    entries = []
    at = 0
    while at < len(content):
        end = at + 2 + int.from_bytes(content[at : at + 2], "big")
        if at + 2 > len(content) or end > len(content):
            raise Malformed(f"{tile.path()} ends in the middle of an entry", _ASK)
        entries.append(content[at + 2 : end])
        at = end
    if len(entries) != tile.width:
        raise Malformed(f"{tile.path()} has {len(entries)} entries instead of {tile.width}", _ASK)
    return entries


class TileReader:
    """Looks up the nodes of a log of ``size`` entries in its tiles, each of which is read once.

    ``read`` gives the content of a tile. What comes out is as trustworthy as the tiles are: hold it against
    the root of a checkpoint.
    """

    def __init__(self, size: int, read: Callable[[Tile], bytes]) -> None:
        self._size = size
        self._read = read
        self._tiles: dict[tuple[int, int], list[bytes]] = {}

    def __call__(self, level: int, index: int) -> bytes:
        """The hash of a node.

        Raises:
            KeyError: where a log of that size has no such node.
            Malformed: where a tile is not what it should be.
        """
        if level < 0 or index < 0 or (index + 1) << level > self._size:
            raise KeyError((level, index))
        row, inside = divmod(level, HEIGHT)
        first = index << inside
        hashes = self._hashes(row, first // WIDTH)[first % WIDTH : first % WIDTH + (1 << inside)]
        while len(hashes) > 1:
            hashes = [node_hash(*hashes[at : at + 2]) for at in range(0, len(hashes), 2)]
        return hashes[0]

    def _hashes(self, level: int, index: int) -> list[bytes]:
        if (level, index) not in self._tiles:
            width = min(WIDTH, (self._size >> (HEIGHT * level)) - index * WIDTH)
            tile = Tile(level, index, width)
            self._tiles[level, index] = decode_hashes(tile, self._read(tile))
        return self._tiles[level, index]
