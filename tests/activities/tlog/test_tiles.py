"""Tiles, bundles and proof files against a published log, and at sizes where tiles fill up."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.errors import LedgerError, Malformed, ProofInvalid, SignatureInvalid
from activities.tlog import proofs
from activities.tlog.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from activities.tlog.merkle import (
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_at,
    verify_consistency,
    verify_inclusion,
)
from activities.tlog.note import Ed25519Verifier
from activities.tlog.policy import parse as parse_policy
from activities.tlog.proofs import TlogProof
from activities.tlog.tiles import (
    Tile,
    TileReader,
    decode_entries,
    decode_hashes,
    encode_entries,
    encode_hashes,
    parse_path,
    tiles_of,
)
from tests.activities.tlog.signers import HEAD, KEY, KP, ORIGIN, POLICY, RU, SIGNER, cosigned, signer

LOG = Path(__file__).parent / "vectors" / "tessera-log"
ENTRIES = decode_entries(Tile(None, 0, 15), (LOG / "tile/entries/000.p/15").read_bytes())
LEAVES = [leaf_hash(entry) for entry in ENTRIES]


def published(tile: Tile) -> bytes:
    return (LOG / tile.path()).read_bytes()


@pytest.mark.parametrize("size", range(1, 16))
def test_published_tiles_and_bundles_are_what_we_would_write(size: int) -> None:
    _, nodes = Frontier().extend(LEAVES)
    table = {(node.level, node.index): node.hash for node in nodes}
    tile, bundle = tiles_of(size)
    assert (tile, bundle) == (Tile(0, 0, size), Tile(None, 0, size))
    assert encode_hashes(tile, lambda level, index: table[level, index]) == published(tile)
    assert encode_entries(ENTRIES[:size]) == published(bundle)
    assert decode_entries(bundle, published(bundle)) == ENTRIES[:size]
    assert decode_hashes(tile, published(tile)) == LEAVES[:size]
    head = open_checkpoint((LOG / f"checkpoint.{size}").read_bytes(), [KEY]).checkpoint
    assert root_at(size, TileReader(size, published)) == head.root


def test_published_log_proves_every_entry_and_every_step() -> None:
    heads = [
        open_checkpoint((LOG / f"checkpoint.{size}").read_bytes(), [KEY]).checkpoint for size in range(16)
    ]
    for new in range(1, 16):
        reader = TileReader(new, published)
        for index in range(new):
            proof = inclusion_proof(index, new, reader)
            verify_inclusion(LEAVES[index], index, new, proof, heads[new].root)
        for old in range(new + 1):
            proof = consistency_proof(old, new, reader)
            verify_consistency(old, new, heads[old].root, heads[new].root, proof)


@pytest.fixture(scope="module")
def large() -> tuple[list[bytes], dict[tuple[int, int], bytes]]:
    leaves = [leaf_hash(b"%d" % index) for index in range(66_000)]
    _, nodes = Frontier().extend(leaves)
    return leaves, {(node.level, node.index): node.hash for node in nodes}


@pytest.mark.parametrize("size", [255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 66_000])
def test_a_log_is_read_from_its_tiles_alone(
    large: tuple[list[bytes], dict[tuple[int, int], bytes]], size: int
) -> None:
    leaves, table = large
    files = {
        tile.path(): encode_hashes(tile, lambda level, index: table[level, index])
        for tile in tiles_of(size)
        if tile.level is not None
    }
    reader = TileReader(size, lambda tile: files[tile.path()])
    root = root_at(size, lambda level, index: table[level, index])
    assert root_at(size, reader) == root
    for index in {0, 1, 255, 256, size // 2, size - 1} & set(range(size)):
        verify_inclusion(leaves[index], index, size, inclusion_proof(index, size, reader), root)
    for old in (1, 200, 255):
        verify_consistency(old, size, root_at(old, reader), root, consistency_proof(old, size, reader))
    for level, index in [(0, size), (0, -1), (-1, 0), (40, 0), (1, size // 2)]:
        with pytest.raises(KeyError):
            reader(level, index)


def test_the_sizes_in_the_specification_have_the_tiles_that_it_says() -> None:
    tiles = [tile for tile in tiles_of(70_000) if tile.level is not None]
    assert len([tile for tile in tiles if tile.level == 0 and tile.width == 256]) == 273
    assert [tile for tile in tiles if tile.width < 256 or tile.level != 0] == [
        Tile(0, 273, 112),
        Tile(1, 0),
        Tile(1, 1, 17),
        Tile(2, 0, 1),
    ]
    assert [tile for tile in tiles_of(256) if tile.level is not None] == [Tile(0, 0), Tile(1, 0, 1)]
    assert tiles_of(0) == []


def test_only_new_tiles_since_an_earlier_size() -> None:
    for old, new in [(0, 3), (3, 3), (3, 4), (250, 256), (256, 257), (300, 70_000), (65_535, 65_536)]:
        assert set(tiles_of(new, since=old)) == set(tiles_of(new)) - set(tiles_of(old))


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 0, 8), "tile/0/000.p/8"),
        (Tile(3, 1_234_067), "tile/3/x001/x234/067"),
        (Tile(None, 1000, 255), "tile/entries/x001/000.p/255"),
        (Tile(63, 999), "tile/63/999"),
    ],
)
def test_paths(tile: Tile, path: str) -> None:
    assert tile.path() == path
    assert parse_path(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0/0",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/x000/001",
        "tile/0/x001/x234",
        "tile/0/001/234",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/08",
        "tile/0/000/",
        "tile/0/000\n",
        "/tile/0/000",
        "tile/0/../000",
        "tile/0/٠٠٠",
        "tile/0/" + "x001/" * 3000 + "000",
    ],
)
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(Malformed):
        parse_path(path)


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=20))
def test_bundles_come_back(entries: list[bytes]) -> None:
    assert decode_entries(Tile(None, 0, len(entries)), encode_entries(entries)) == entries


@given(st.binary(max_size=60), st.integers(1, 4))
def test_bundles_and_tiles_of_any_bytes_raise_one_error_only(content: bytes, width: int) -> None:
    try:
        assert encode_entries(decode_entries(Tile(None, 0, width), content)) == content
    except Malformed:
        assert len(content) != 2 * width or any(content)
    with pytest.raises(Malformed):
        decode_hashes(Tile(0, 0, width), content + bytes(32 * 5))


@pytest.mark.parametrize("entries", [[], [b""] * 257, [bytes(65_536)]])
def test_what_fits_into_no_bundle_is_refused(entries: list[bytes]) -> None:
    with pytest.raises(ValueError):
        encode_entries(entries)


# Proof files


def proof_of(index: int, size: int) -> TlogProof:
    hashes = inclusion_proof(index, size, TileReader(size, published))
    return TlogProof(index, hashes, (LOG / f"checkpoint.{size}").read_bytes())


by_log = partial(open_checkpoint, logs=[KEY])


@pytest.mark.parametrize("size", [1, 2, 7, 8, 15])
def test_a_proof_file_proves_its_entry_and_no_other(size: int) -> None:
    for index in range(size):
        content = proof_of(index, size).encoded()
        proof = proofs.parse(content)
        assert proof == proof_of(index, size)
        assert proof.encoded() == content
        assert proof.verify(LEAVES[index], by_log).checkpoint.size == size
        with pytest.raises(ProofInvalid):
            proof.verify(leaf_hash(b"another"), by_log)
        with pytest.raises(SignatureInvalid):
            proof.verify(LEAVES[index], partial(open_checkpoint, logs=[Ed25519Verifier(KEY.name, bytes(32))]))


def test_every_flipped_bit_of_a_proof_file_is_noticed() -> None:
    content = proof_of(4, 7).encoded()
    for bit in range(len(content) * 8):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << (bit % 8)
        with pytest.raises(LedgerError):
            proofs.parse(bytes(changed)).verify(LEAVES[4], by_log)


def test_a_proof_file_is_the_documented_text() -> None:
    proof = proof_of(0, 2)
    lines = TlogProof(0, proof.hashes, proof.checkpoint, b"\x00extra").encoded().decode().split("\n")
    assert lines[:3] == ["c2sp.org/tlog-proof@v1", "extra AGV4dHJh", "index 0"]
    assert lines[4:7] == ["", "example.com/log/testdata", "2"]
    assert proofs.parse("\n".join(lines).encode()).extra == b"\x00extra"


def test_finality_is_a_proof_with_a_quorum() -> None:
    leaf = leaf_hash(b"entry")
    head = Checkpoint(ORIGIN, 1, leaf)
    signed = sign_checkpoint(head, signer(ORIGIN))
    policy = parse_policy(POLICY)
    receipt = TlogProof(0, (), signed.encoded())
    assert receipt.verify(leaf, partial(open_checkpoint, logs=policy.logs)).witnesses == ()
    with pytest.raises(SignatureInvalid, match="not final"):
        receipt.verify(leaf, policy.open)
    final = TlogProof(0, (), cosigned(signed, RU, KP).encoded())
    assert final.verify(leaf, policy.open).witnesses == (RU.verifier, KP.verifier)


GOOD = proof_of(3, 7).encoded()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        GOOD.replace(b"@v1", b"@v2"),
        GOOD.replace(b"\n\n", b"\n"),
        GOOD.replace(b"index 3", b"index 03"),
        GOOD.replace(b"index 3", b"index -3"),
        GOOD.replace(b"index 3\n", b""),
        GOOD.replace(b"index 3", b"extra \nextra \nindex 3"),
        GOOD.replace(b"index 3", b"extra !\nindex 3"),
        GOOD.replace(b"index 3\n", b"index 3\nAAAA\n"),
        GOOD.replace(b"index 3\n", b"index 3\n" + b"A" * 43 + b"=\n" * 1 + (b"A" * 43 + b"=\n") * 70),
        GOOD.replace(b"index", "índex".encode()),
        b"\n" + GOOD,
        b"c2sp.org/tlog-proof@v1\n\n" + GOOD,
        b"x" * 1_000_001,
    ],
    ids=lambda content: repr(content[:40]),
)
def test_what_is_no_proof_file_is_refused(content: bytes) -> None:
    with pytest.raises(Malformed):
        proofs.parse(content)


@given(st.binary(max_size=80))
def test_any_bytes_raise_one_error_only(content: bytes) -> None:
    for candidate in (content, b"c2sp.org/tlog-proof@v1\n" + content, GOOD[: len(content)] + content):
        with pytest.raises(LedgerError):
            proofs.parse(candidate).verify(LEAVES[3], by_log)


def test_the_published_key_signs_what_was_published() -> None:
    assert sign_checkpoint(Checkpoint(KEY.name, HEAD.size, HEAD.root), SIGNER).text == (
        f"{KEY.name}\n7\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    )
