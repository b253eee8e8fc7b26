"""Checkpoints are signed over what is committed, receipts never change, and nothing is signed twice differently."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.checkpoints.checkpoints import Checkpoints, NoSuchEntry
from activities.checkpoints.logkeys import LogKeys, guard_directory
from activities.checkpoints.rollback import Guard, RolledBack
from activities.errors import Malformed, MissingPrivilege, SettingsProblem, SignatureInvalid
from activities.ledger.postgres import PostgresLedger
from activities.tlog import proofs
from activities.tlog.checkpoint import OpenedCheckpoint, open_checkpoint
from activities.tlog.cosignature import CosignatureSigner
from activities.tlog.merkle import leaf_hash
from activities.tlog.note import Ed25519Verifier, signature_of
from activities.tlog.tiles import decode_entries, parse_path
from tests.activities.ledger.making import append, event, repeated


@dataclass
class Notary:
    """A ledger, and the checkpoints over it with keys of their own."""

    ledger: PostgresLedger
    checkpoints: Checkpoints
    key_file: Path

    def open(self, content: bytes) -> OpenedCheckpoint:
        return open_checkpoint(content, self.checkpoints.keys.verifiers("a"))


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "log.key"
    LogKeys.create(path, "entente.test")
    return path


def checkpoints_over(pool: asyncpg.Pool[Any], key_file: Path) -> Checkpoints:
    keys = LogKeys.load(key_file, "entente.test")
    return Checkpoints(PostgresLedger(pool), pool, keys, Guard(guard_directory(key_file)))


@pytest_asyncio.fixture
async def notary(database_url: str, key_file: Path) -> AsyncIterator[Notary]:
    async with asyncpg.create_pool(database_url, min_size=1, max_size=4) as pool:
        yield Notary(PostgresLedger(pool), checkpoints_over(pool, key_file), key_file)


async def test_a_checkpoint_is_over_the_committed_root(notary: Notary) -> None:
    [outcome] = await notary.ledger.record([append("a", 0, "d/1", count=3)])
    kept = await notary.checkpoints.sign("a")

    assert outcome.receipt is not None
    opened = notary.open(kept.note.encoded())
    assert opened.checkpoint.origin == "entente.test/accords/a"
    assert (opened.checkpoint.size, opened.checkpoint.root.hex()) == (3, outcome.receipt.root)
    assert await notary.checkpoints.store.latest("a") == kept


async def test_a_receipt_has_the_same_bytes_on_every_retry(notary: Notary) -> None:
    await notary.ledger.record([append("a", 0, "d/1", count=3)])
    first = (await notary.checkpoints.receipt("a", 1)).encoded()
    for at in range(3, 40, 4):
        await notary.ledger.record([append("a", at, f"d/{at}", count=4)])
        await notary.checkpoints.sign("a")
    assert (await notary.checkpoints.receipt("a", 1)).encoded() == first

    for position in range(39):
        [entry] = await notary.ledger.entries("a", position, 1)
        proof = proofs.parse((await notary.checkpoints.receipt("a", position)).encoded())
        opened = proof.verify(leaf_hash(entry.content), notary.open)
        assert (opened.checkpoint.size - 3) % 4 == 0


async def test_a_receipt_survives_the_replacement_of_the_key(notary: Notary, database_url: str) -> None:
    await notary.ledger.record([append("a", 0, "d/1")])
    first = (await notary.checkpoints.receipt("a", 0)).encoded()
    old = notary.key_file.read_text()
    other = notary.key_file.with_name("other.key")
    LogKeys.create(other, "entente.test")

    notary.key_file.write_text(other.read_text() + old)
    async with asyncpg.create_pool(database_url, min_size=1, max_size=2) as pool:
        overlapping = checkpoints_over(pool, notary.key_file)
        assert (await overlapping.receipt("a", 0)).encoded() == first
        await notary.ledger.record([append("a", 1, "d/2")])
        kept = await overlapping.sign("a")
    for verifier in overlapping.keys.verifiers("a"):
        assert open_checkpoint(kept.note, [verifier]).checkpoint.size == 2
    assert len(kept.note.signatures) == 2


async def test_a_receipt_can_be_had_after_the_key_of_its_size_is_retired_and_gone(
    notary: Notary, database_url: str
) -> None:
    await notary.ledger.record([append("a", 0, "d/1")])
    first = notary.key_file.read_text()
    LogKeys.add(notary.key_file, "entente.test")
    old, new = (key.encoded() for key in LogKeys.load(notary.key_file, "entente.test").verifiers("a"))
    if old != notary.checkpoints.keys.verifiers("a")[0].encoded():
        old, new = new, old
    rotation = event("log_key_rotated", facts={"event": {"old": old, "new": new}})
    retirement = event("log_key_retired", facts={"event": {"key": old}})
    await notary.ledger.record([append("a", 1, "d/2", events=(rotation,))])
    await notary.ledger.record([append("a", 2, "d/3", events=(retirement,))])
    lines = notary.key_file.read_text().splitlines(keepends=True)
    notary.key_file.write_text("".join(line for line in lines if line not in first.splitlines(keepends=True)))
    async with asyncpg.create_pool(database_url, min_size=1, max_size=2) as pool:
        later = checkpoints_over(pool, notary.key_file)
        receipt = await later.receipt("a", 0)
        [entry] = await notary.ledger.entries("a", 0, 1)
        opened = receipt.verify(
            leaf_hash(entry.content), lambda note: open_checkpoint(note, [Ed25519Verifier.decoded(new)])
        )
        assert opened.checkpoint.size == 3
        await notary.ledger.record([append("a", 3, "d/4")])
        await later.receipt("a", 3)
        assert (await later.receipt("a", 0)).encoded() == receipt.encoded()


async def test_a_repeated_refusal_leads_to_the_entry_that_recorded_it_first(notary: Notary) -> None:
    await notary.ledger.record([append("a", 0, "d/1", count=2)])
    [outcome] = await notary.ledger.record([repeated("a", "d/2", 1, 2)])
    assert outcome.receipt is not None
    proof = await notary.checkpoints.receipt("a", outcome.receipt.position)
    assert proof.index == 1


async def test_signing_at_once_makes_one_checkpoint(notary: Notary) -> None:
    await notary.ledger.record([append("a", 0, "d/1")])
    kept = await asyncio.gather(*(notary.checkpoints.sign("a") for _ in range(8)))
    assert len({each.note.encoded() for each in kept}) == 1


async def test_what_does_not_exist_has_no_checkpoint(notary: Notary) -> None:
    await notary.ledger.record([append("a", 0, "d/1")])
    for call in (
        notary.checkpoints.sign("b"),
        notary.checkpoints.sign("a", 2),
        notary.checkpoints.receipt("a", 1),
        notary.checkpoints.finality("a", 0),
        notary.checkpoints.tile("a", parse_path("tile/0/000.p/2")),
    ):
        with pytest.raises(NoSuchEntry):
            await call


async def test_tiles_and_bundles_are_those_of_the_log(notary: Notary) -> None:
    await notary.ledger.record([append("a", 0, "d/1", count=3)])
    stored = await notary.ledger.entries("a")
    bundle = parse_path("tile/entries/000.p/3")
    assert decode_entries(bundle, await notary.checkpoints.tile("a", bundle)) == [e.content for e in stored]
    assert await notary.checkpoints.tile("a", parse_path("tile/0/000.p/3")) == b"".join(
        e.leaf for e in stored
    )


async def test_a_database_that_is_behind_is_not_signed(notary: Notary, database_url: str) -> None:
    """Another database with fewer entries, and one with as many others: both are refused, and say what to do."""
    await notary.ledger.record([append("a", 0, "d/1", count=3)])
    await notary.checkpoints.sign("a")
    connection = await asyncpg.connect(database_url)
    origin = notary.checkpoints.keys.origin("a")
    guard = Guard(guard_directory(notary.key_file))
    try:
        async with guard.locked(origin) as seen:
            signed = seen.read()
            assert signed is not None
            for elsewhere in (
                type(signed)(origin, 5, signed.root),
                type(signed)(origin, 3, b"\1" * 32),
                type(signed)(origin, 2, signed.root),
            ):
                seen.write(elsewhere)
        with pytest.raises(RolledBack, match="Bring back the latest"):
            await notary.checkpoints.sign("a")
        assert await connection.fetchval("select count(*) from checkpoints") == 1
    finally:
        await connection.close()


async def test_a_damaged_or_missing_guard_is_refused(notary: Notary) -> None:
    await notary.ledger.record([append("a", 0, "d/1")])
    await notary.checkpoints.sign("a")
    for file in guard_directory(notary.key_file).iterdir():
        if not file.suffix:
            file.write_text("garbage")
    with pytest.raises(RolledBack, match="guard's file"):
        await notary.checkpoints.sign("a")
    with pytest.raises(SettingsProblem, match="rollback guard"):
        Guard(notary.key_file.with_name("nowhere"))


async def test_finality_needs_the_quorum(notary: Notary) -> None:
    keys = [
        CosignatureSigner(name, Ed25519PrivateKey.generate(), lambda: 1_800_000_000) for name in ("ru", "kp")
    ]
    log = notary.checkpoints.keys.verifiers("a")[0]
    content = "".join(
        [
            f"log {log.encoded()}\n",
            *(
                f"witness {key.name.upper()} {key.verifier.encoded()} https://{key.name}.test/\n"
                for key in keys
            ),
            "group parties all RU KP\nquorum parties\n",
        ]
    ).encode()
    policy = await notary.checkpoints.set_policy("a", content)
    assert policy.addresses == {"RU": "https://ru.test/", "KP": "https://kp.test/"}

    await notary.ledger.record([append("a", 0, "d/1", count=2)])
    kept = await notary.checkpoints.sign("a")
    one, two = (signature_of(kept.note.text, key) for key in keys)
    assert await notary.checkpoints.store.unwitnessed() == ["a"]
    assert await notary.checkpoints.add_cosignatures("a", 2, [one]) == 1
    assert await notary.checkpoints.finality("a", 1) is None
    assert await notary.checkpoints.store.unwitnessed() == ["a"]

    forged = type(two)(two.name, two.key_id, two.content[:-1] + bytes([two.content[-1] ^ 1]))
    with pytest.raises(SignatureInvalid):
        await notary.checkpoints.add_cosignatures("a", 2, [forged])
    await notary.checkpoints.add_cosignatures("a", 2, [two])

    proof = await notary.checkpoints.finality("a", 1)
    assert proof is not None
    [_, entry] = await notary.ledger.entries("a")
    opened = proofs.parse(proof.encoded()).verify(entry.leaf, policy.open)
    assert len(opened.witnesses) == 2
    assert await notary.checkpoints.store.unwitnessed() == []
    receipt = await notary.checkpoints.receipt("a", 1)
    assert len(notary.open(receipt.checkpoint).note.signatures) == 1


async def test_a_policy_has_to_name_the_log(notary: Notary) -> None:
    other = Ed25519Verifier(
        "entente.test/accords/a", Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    )
    with pytest.raises(Malformed, match="does not name the key"):
        await notary.checkpoints.set_policy("a", f"log {other.encoded()}\nquorum none\n".encode())


def test_keys_of_accords_differ_and_are_the_same_again(key_file: Path) -> None:
    keys = LogKeys.load(key_file, "entente.test")
    again = LogKeys.load(key_file, "entente.test")
    assert keys.verifiers("a") == again.verifiers("a")
    assert keys.verifiers("a")[0].public != keys.verifiers("b")[0].public
    assert keys.verifiers("a")[0].public != LogKeys.load(key_file, "other.test").verifiers("a")[0].public
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert key_file.read_text().split()[1] not in repr(keys)
    with pytest.raises(FileExistsError):
        LogKeys.create(key_file, "entente.test")
    for content in ("", "garbage\n", "entente-log-secret-1 AAAA\n", "entente-log-secret-1 \xe4\n"):
        key_file.write_text(content)
        with pytest.raises(SettingsProblem):
            LogKeys.load(key_file, "entente.test")


async def test_the_apis_login_signs_receipts_and_sets_no_policy(
    database_url: str, notary: Notary, key_file: Path
) -> None:
    """With the roles of an API that only reads the ledger."""
    await notary.ledger.record([append("a", 0, "d/1")])

    async def become(connection: Any) -> None:
        await connection.execute("set role entente_api")

    owner = await asyncpg.connect(database_url)
    try:
        await owner.execute("grant select on entries, payloads, merkle_nodes, heads, commands to entente_api")
        async with asyncpg.create_pool(
            database_url, min_size=1, max_size=1, init=become, reset=_keep_role
        ) as pool:
            api = checkpoints_over(pool, key_file)
            assert (await api.receipt("a", 0)).index == 0
            with pytest.raises(MissingPrivilege):
                await api.store.set_policy("a", b"quorum none\n")
    finally:
        await owner.close()


async def _keep_role(_connection: Any) -> None:
    """Instead of the reset that would give the login its own role back."""


def test_a_new_secret_is_on_the_disk_before_it_is_used(
    key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, synced = key_file.read_bytes(), []
    sync = os.fsync

    def noted(descriptor: int) -> None:
        synced.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), key_file.read_bytes() != before))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    LogKeys.add(key_file, "entente.test")
    # The new file and its name first, then that it took the old one's place.
    assert synced == [(False, False), (True, False), (True, True)]
