"""The Merkle tree against its recursive definition, the published vectors, and every flipped bit."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.errors import Malformed, ProofInvalid
from activities.tlog.merkle import (
    EMPTY_ROOT,
    Coordinate,
    Frontier,
    Lookup,
    consistency_nodes,
    consistency_proof,
    inclusion_nodes,
    inclusion_proof,
    leaf_hash,
    range_nodes,
    root_at,
    verify_consistency,
    verify_inclusion,
)

VECTORS = Path(__file__).parent / "vectors" / "merkle"
LEAVES = [leaf_hash(b"entry %d" % index) for index in range(130)]
FRONTIER, NODES = Frontier().extend(LEAVES)
TABLE = {(node.level, node.index): node.hash for node in NODES}


def lookup(level: int, index: int) -> bytes:
    return TABLE[level, index]


def looked_up(table: dict[Coordinate, bytes]) -> Lookup:
    return lambda level, index: table[level, index]


# The recursive definitions of RFC 9162, sections 2.1.1, 2.1.3.1 and 2.1.4.1, written as the RFC writes them.


def split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(leaves: list[bytes]) -> bytes:
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: list[bytes], known: bool) -> list[bytes]:
    if m == len(leaves):
        return [] if known else [mth(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], known), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


def test_hashes_are_those_of_the_rfc() -> None:
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert Frontier().root() == EMPTY_ROOT


def test_root_at_every_size_equals_the_definition() -> None:
    frontier = Frontier()
    for size in range(len(LEAVES) + 1):
        expected = mth(LEAVES[:size])
        assert frontier.root() == expected
        assert root_at(size, lookup) == expected
        assert Frontier.decoded(size, frontier.encoded()) == frontier
        if size < len(LEAVES):
            frontier, _ = frontier.append(LEAVES[size])


def test_nodes_are_the_roots_of_complete_subtrees_each_once() -> None:
    assert len(TABLE) == len(NODES)
    for (level, index), value in TABLE.items():
        assert value == mth(LEAVES[index << level : (index + 1) << level])
    assert len(NODES) == sum(len(LEAVES) >> level for level in range(8))


def test_every_inclusion_proof_up_to_130_equals_the_definition_and_verifies() -> None:
    for size in range(1, len(LEAVES) + 1):
        root = root_at(size, lookup)
        for index in range(size):
            wanted = inclusion_nodes(index, size)
            table = {node: TABLE[node] for node in wanted}
            proof = inclusion_proof(index, size, looked_up(table))
            assert list(proof) == path(index, LEAVES[:size])
            verify_inclusion(LEAVES[index], index, size, proof, root)


def test_every_consistency_proof_up_to_130_equals_the_definition_and_verifies() -> None:
    for new in range(len(LEAVES) + 1):
        for old in range(new + 1):
            wanted = consistency_nodes(old, new)
            table = {node: TABLE[node] for node in wanted}
            proof = consistency_proof(old, new, looked_up(table))
            assert list(proof) == (subproof(old, LEAVES[:new], True) if old else [])
            verify_consistency(old, new, root_at(old, lookup), root_at(new, lookup), proof)


def decoded(value: str | None) -> bytes:
    return base64.b64decode(value or "")


def vectors(kind: str) -> list[Any]:
    files = sorted((VECTORS / kind).rglob("*.json"))
    assert files, "the vectors are part of the test"
    return [
        pytest.param(json.loads(file.read_text()), id=f"{file.parent.name}/{file.stem}") for file in files
    ]


@pytest.mark.parametrize("vector", vectors("inclusion"))
def test_inclusion_vector(vector: dict[str, Any]) -> None:
    def verify() -> None:
        verify_inclusion(
            decoded(vector["leafHash"]),
            vector["leafIdx"],
            vector["treeSize"],
            [decoded(each) for each in vector["proof"] or []],
            decoded(vector["root"]),
        )

    if vector["wantErr"]:
        with pytest.raises(ProofInvalid):
            verify()
    else:
        verify()


@pytest.mark.parametrize("vector", vectors("consistency"))
def test_consistency_vector(vector: dict[str, Any]) -> None:
    def verify() -> None:
        verify_consistency(
            vector["size1"],
            vector["size2"],
            decoded(vector["root1"]),
            decoded(vector["root2"]),
            [decoded(each) for each in vector["proof"] or []],
        )

    if vector["wantErr"]:
        with pytest.raises(ProofInvalid):
            verify()
    else:
        verify()


def flipped(value: bytes, bit: int) -> bytes:
    changed = bytearray(value)
    changed[bit // 8] ^= 1 << (bit % 8)
    return bytes(changed)


sizes = st.integers(1, len(LEAVES))
bits = st.integers(0, 255)


@given(st.data(), sizes, bits)
def test_inclusion_fails_with_any_bit_flipped(data: st.DataObject, size: int, bit: int) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = list(inclusion_proof(index, size, lookup))
    hashes = [LEAVES[index], root_at(size, lookup), *proof]
    target = data.draw(st.integers(0, len(hashes) - 1))
    hashes[target] = flipped(hashes[target], bit)
    with pytest.raises(ProofInvalid):
        verify_inclusion(hashes[0], index, size, hashes[2:], hashes[1])


@given(st.data(), sizes, bits)
def test_consistency_fails_with_any_bit_flipped(data: st.DataObject, new: int, bit: int) -> None:
    old = data.draw(st.integers(1, new))
    hashes = [root_at(old, lookup), root_at(new, lookup), *consistency_proof(old, new, lookup)]
    target = data.draw(st.integers(0, len(hashes) - 1))
    hashes[target] = flipped(hashes[target], bit)
    with pytest.raises(ProofInvalid):
        verify_consistency(old, new, hashes[0], hashes[1], hashes[2:])


@given(
    st.binary(min_size=30, max_size=34),
    st.integers(-2, 300),
    st.integers(-2, 300),
    st.lists(st.binary(min_size=31, max_size=33), max_size=10),
    st.binary(min_size=30, max_size=34),
)
def test_garbage_is_refused_and_nothing_else_is_raised(
    first: bytes, m: int, n: int, proof: list[bytes], second: bytes
) -> None:
    with pytest.raises(ProofInvalid):
        verify_inclusion(first, m, n, proof, second)
    with pytest.raises(ProofInvalid):
        verify_consistency(m, n, first, second, [*proof, b""])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 3)])
def test_no_proof_of_what_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no entry"):
        inclusion_proof(index, size, lookup)


def test_no_proof_backwards() -> None:
    with pytest.raises(ValueError, match="cannot extend"):
        consistency_proof(3, 2, lookup)


@pytest.mark.parametrize(("start", "end"), [(1, 3), (2, 2), (-2, 0), (3, 5)])
def test_a_range_that_is_no_subtree_is_refused(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="not a subtree"):
        range_nodes(start, end)


@pytest.mark.parametrize(
    ("size", "content"), [(1, b""), (0, b"x" * 32), (3, b"x" * 32), (1, b"x" * 31), (-1, b"")]
)
def test_a_frontier_that_contradicts_its_size_is_refused(size: int, content: bytes) -> None:
    with pytest.raises(Malformed):
        Frontier.decoded(size, content)
