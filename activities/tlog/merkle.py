"""Merkle trees as in RFC 9162, section 2.1 (the same as RFC 6962): hashes, appends, proofs, verification.

A *node* ``(level, index)`` is the root of the complete subtree over the leaves
``index * 2**level`` up to ``(index + 1) * 2**level`` (excluded); level 0 are the leaves. Once its leaves
exist a node never changes, so nodes can be stored as they arise, and every proof for every size is built
from them.

Nothing here does I/O: whoever reads nodes from a database first asks which ones are needed
(:func:`inclusion_nodes`, :func:`consistency_nodes`), then hands over a lookup.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from activities.errors import Malformed, ProofInvalid

HASH_SIZE = 32
"""Bytes in a hash (SHA-256)."""

_HASH_SIZES = {HASH_SIZE}

EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The root of the tree without leaves."""

Coordinate = tuple[int, int]
"""A node's ``(level, index)``."""

Lookup = Callable[[int, int], bytes]
"""Gives the hash of the node ``(level, index)``; raises ``KeyError`` where there is none."""

_ASK_AGAIN = (
    "Ask for the proof again; if it fails again, keep both copies as evidence and tell the other parties"
)


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf: SHA-256 of 0x00 and the entry."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an interior node: SHA-256 of 0x01 and its two children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Node:
    """The root of a complete subtree."""

    level: int
    index: int
    hash: bytes


def _fold(hashes: Sequence[bytes]) -> bytes:
    """One hash over neighbouring complete subtrees, the largest (leftmost) first."""
    accumulated = hashes[-1]
    for left in reversed(hashes[:-1]):
        accumulated = node_hash(left, accumulated)
    return accumulated


@dataclass(frozen=True, slots=True)
class Frontier:
    """The compact range of a whole tree: the roots of its complete subtrees, the largest first.

    It is all that an append or the root needs; its length is the number of ones in ``size``.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()
    _root: bytes | None = field(default=None, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.hashes) != self.size.bit_count():
            raise Malformed(
                f"a frontier of size {self.size} has {len(self.hashes)} hashes, not one for each of its "
                f"{self.size.bit_count()} complete subtrees",
                "Restore the frontier from the accord's Merkle nodes",
            )
        if self.hashes and set(map(len, self.hashes)) != _HASH_SIZES:
            raise Malformed(
                f"a frontier holds a hash that is not {HASH_SIZE} bytes long",
                "Restore the frontier from the accord's Merkle nodes",
            )

    def append(self, leaf: bytes) -> tuple[Frontier, tuple[Node, ...]]:
        """The frontier with one more leaf hash, and the nodes that this leaf completes, lowest first."""
        hashes = list(self.hashes)
        nodes = [Node(0, self.size, leaf)]
        current = leaf
        level, index = 0, self.size
        while index & 1:
            current = node_hash(hashes.pop(), current)
            level, index = level + 1, index >> 1
            nodes.append(Node(level, index, current))
        hashes.append(current)
        return Frontier(self.size + 1, tuple(hashes)), tuple(nodes)

    def extend(self, leaves: Iterable[bytes]) -> tuple[Frontier, tuple[Node, ...]]:
        """:meth:`append` for several leaf hashes in order."""
        frontier = self
        nodes: list[Node] = []
        for leaf in leaves:
            frontier, completed = frontier.append(leaf)
            nodes.extend(completed)
        return frontier, tuple(nodes)

    def root(self) -> bytes:
        """The root of the tree (RFC 9162, section 2.1.1)."""
        if self._root is None:
            # Once for each tree: receipt, head and the compare-and-set of the next append all ask for it.
            object.__setattr__(self, "_root", _fold(self.hashes) if self.hashes else EMPTY_ROOT)
        return self._root or EMPTY_ROOT

    def encoded(self) -> bytes:
        """The hashes one after the other, as they are stored beside ``size``."""
        return b"".join(self.hashes)

    @classmethod
    def decoded(cls, size: int, content: bytes) -> Frontier:
        """Read what :meth:`encoded` wrote; raises :class:`Malformed` where length and size disagree."""
        hashes = tuple(content[at : at + HASH_SIZE] for at in range(0, len(content), HASH_SIZE))
        return cls(size, hashes)


def range_nodes(start: int, end: int) -> list[Coordinate]:
    """The complete subtrees, largest first, that fold to the hash of the leaves ``start`` until ``end``.

    ``start`` has to be a multiple of the smallest power of two that is no less than ``end - start``, as it is
    for every range that a tree hash or proof of RFC 9162 speaks of.
    """
    length = end - start
    if length <= 0 or start < 0 or start % (1 << (length - 1).bit_length()):
        raise ValueError(f"the leaves from {start} to {end} are not a subtree of any Merkle tree")
    nodes = []
    while start < end:
        level = (end - start).bit_length() - 1
        nodes.append((level, start >> level))
        start += 1 << level
    return nodes


def _split(length: int) -> int:
    """The largest power of two below ``length``, where RFC 9162 splits a tree of two or more leaves."""
    return 1 << ((length - 1).bit_length() - 1)


def _inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """The subtrees, as ranges of leaves, whose hashes make the inclusion proof, lowest first."""
    if not 0 <= index < size:
        raise ValueError(f"there is no entry {index} in a tree of size {size}")
    start, end = 0, size
    ranges = []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return ranges[::-1]


def _consistency_ranges(old: int, new: int) -> list[tuple[int, int]]:
    """The subtrees, as ranges of leaves, whose hashes make the consistency proof, lowest first."""
    if not 0 <= old <= new:
        raise ValueError(f"a tree of size {new} cannot extend one of size {old}")
    if old in (0, new):
        return []
    start, end = 0, new
    ranges = []
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    if start > 0:
        # The verifier knows the old root only, which is this subtree where the old tree is complete.
        ranges.append((start, end))
    return ranges[::-1]


def inclusion_nodes(index: int, size: int) -> list[Coordinate]:
    """The nodes that :func:`inclusion_proof` will look up."""
    return [node for start, end in _inclusion_ranges(index, size) for node in range_nodes(start, end)]


def consistency_nodes(old: int, new: int) -> list[Coordinate]:
    """The nodes that :func:`consistency_proof` will look up."""
    return [node for start, end in _consistency_ranges(old, new) for node in range_nodes(start, end)]


def _hashes(ranges: Iterable[tuple[int, int]], lookup: Lookup) -> Iterator[bytes]:
    for start, end in ranges:
        yield _fold([lookup(level, index) for level, index in range_nodes(start, end)])


def inclusion_proof(index: int, size: int, lookup: Lookup) -> tuple[bytes, ...]:
    """The proof that the entry at ``index`` is in the tree of ``size`` entries (RFC 9162, section 2.1.3.1).

    Raises:
        ValueError: where the tree has no such entry.
    """
    return tuple(_hashes(_inclusion_ranges(index, size), lookup))


def consistency_proof(old: int, new: int, lookup: Lookup) -> tuple[bytes, ...]:
    """The proof that the tree of ``new`` entries extends that of ``old`` entries (RFC 9162, section 2.1.4.1).

    It is empty where ``old`` is 0 or ``new``.

    Raises:
        ValueError: where ``old`` is negative or above ``new``.
    """
    return tuple(_hashes(_consistency_ranges(old, new), lookup))


def root_at(size: int, lookup: Lookup) -> bytes:
    """The root of the first ``size`` entries."""
    if size == 0:
        return EMPTY_ROOT
    return _fold([lookup(level, index) for level, index in range_nodes(0, size)])


def _check_hashes(hashes: Iterable[bytes]) -> None:
    if any(len(each) != HASH_SIZE for each in hashes):
        raise ProofInvalid(f"a hash is not {HASH_SIZE} bytes long", _ASK_AGAIN)


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf hash ``leaf`` stands at ``index`` in the tree of ``size`` with ``root``.

    The algorithm is that of RFC 9162, section 2.1.3.2.

    Raises:
        ProofInvalid: where it does not.
    """
    if not 0 <= index < size:
        raise ProofInvalid(f"there is no entry {index} in a tree of size {size}", _ASK_AGAIN)
    _check_hashes((leaf, root, *proof))
    at, last = index, size - 1
    current = leaf
    for step in proof:
        if last == 0:
            raise ProofInvalid(f"the inclusion proof of entry {index} at size {size} is too long", _ASK_AGAIN)
        if at & 1 or at == last:
            current = node_hash(step, current)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            current = node_hash(current, step)
        at, last = at >> 1, last >> 1
    if last != 0:
        raise ProofInvalid(f"the inclusion proof of entry {index} at size {size} is too short", _ASK_AGAIN)
    if current != root:
        raise ProofInvalid(
            f"entry {index} is not in the tree of size {size} with root {root.hex()}", _ASK_AGAIN
        )


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree ``new_root`` of size ``new`` begins with the tree ``old_root`` of size ``old``.

    The algorithm is that of RFC 9162, section 2.1.4.2. Every tree extends the empty one, whose root has to be
    :data:`EMPTY_ROOT` and whose proof is empty.

    Raises:
        ProofInvalid: where it does not.
    """
    if not 0 <= old <= new:
        raise ProofInvalid(f"a tree of size {new} cannot extend one of size {old}", _ASK_AGAIN)
    _check_hashes((old_root, new_root, *proof))
    if old in (0, new):
        if proof:
            raise ProofInvalid(f"the consistency proof from size {old} to {new} should be empty", _ASK_AGAIN)
        if old_root != (EMPTY_ROOT if old == 0 else new_root) or (new == 0 and new_root != EMPTY_ROOT):
            raise ProofInvalid(f"the roots at the sizes {old} and {new} do not belong together", _ASK_AGAIN)
        return
    # Where the old tree is complete its root is itself the first step, which the proof therefore leaves out.
    steps = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not steps or not proof:
        raise ProofInvalid(f"the consistency proof from size {old} to {new} is empty", _ASK_AGAIN)
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    seen_old = seen_new = steps[0]
    for step in steps[1:]:
        if last == 0:
            raise ProofInvalid(f"the consistency proof from size {old} to {new} is too long", _ASK_AGAIN)
        if at & 1 or at == last:
            seen_old = node_hash(step, seen_old)
            seen_new = node_hash(step, seen_new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            seen_new = node_hash(seen_new, step)
        at, last = at >> 1, last >> 1
    if last != 0:
        raise ProofInvalid(f"the consistency proof from size {old} to {new} is too short", _ASK_AGAIN)
    if seen_old != old_root or seen_new != new_root:
        raise ProofInvalid(
            f"the tree of size {new} with root {new_root.hex()} does not begin with the tree of size {old} "
            f"with root {old_root.hex()}",
            _ASK_AGAIN,
        )
