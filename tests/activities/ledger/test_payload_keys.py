"""Data keys of payloads: one for each accord, bound to it, wrapped anew by another secret, destroyed for good."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from temporalio.api.common.v1 import Payload
from temporalio.converter import WorkflowSerializationContext

from activities.errors import SettingsProblem, Unavailable
from activities.ledger.connections import reading_pool
from activities.ledger.installation import InstallationKey
from activities.ledger.payload_keys import FRESH, PayloadKeys
from activities.runtime.codec import KEY_ID, EncryptingCodec, Undecryptable, is_sealed

PAYLOAD = Payload(metadata={"encoding": b"json/plain"}, data=b'"words"')


@pytest_asyncio.fixture(loop_scope="session")
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool[Any]]:
    async with reading_pool(database_url, min_size=0, max_size=4) as made:
        yield made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    InstallationKey.create(tmp_path / "payload-key")
    return tmp_path / "payload-key"


def codec_of(keys: PayloadKeys, accord: str) -> EncryptingCodec:
    return EncryptingCodec(keys).with_context(WorkflowSerializationContext("default", accord))


async def test_each_accord_has_a_key_that_opens_nothing_of_another(
    pool: asyncpg.Pool[Any], file: Path
) -> None:
    keys = PayloadKeys(pool, InstallationKey.load(file))
    one, two = codec_of(keys, "one"), codec_of(keys, "two")
    [sealed], [other] = await one.encode([PAYLOAD]), await two.encode([PAYLOAD])
    assert is_sealed(sealed)
    assert b"words" not in sealed.data
    assert sealed.metadata[KEY_ID] != other.metadata[KEY_ID]
    assert await one.decode([sealed, PAYLOAD]) == [PAYLOAD, PAYLOAD]
    with pytest.raises(Undecryptable, match="stands in the history of two"):
        await two.decode([sealed])
    forged = Payload(metadata={**other.metadata}, data=sealed.data)
    with pytest.raises(Undecryptable, match="was altered"):
        await two.decode([forged])
    unknown = Payload(metadata={**sealed.metadata, KEY_ID: b"0" * 32}, data=sealed.data)
    with pytest.raises(Undecryptable, match="is unknown"):
        await one.decode([unknown])
    # What belongs to no accord, such as the comparison of all, has a key of its own.
    assert (await codec_of(keys, "reconcile:q-2026").encode([PAYLOAD]))[0].metadata[KEY_ID] not in (
        sealed.metadata[KEY_ID],
        other.metadata[KEY_ID],
    )
    # An accord may be called anything: what it holds has to be erasable by itself.
    named = "reconcile-the-two-2abcdefghi"
    [own] = await codec_of(keys, named).encode([PAYLOAD])
    assert (await keys.of(own.metadata[KEY_ID].decode())).subject == named


async def test_a_secret_that_came_into_the_file_is_known_to_who_runs(
    pool: asyncpg.Pool[Any], file: Path
) -> None:
    """Processes are started again one after the other: what the first wraps by the new secret the last can read."""
    running = PayloadKeys(pool, InstallationKey.load(file))
    await running.newest("one")
    restarted = PayloadKeys(pool, InstallationKey.add(file))
    made = await restarted.renew("one")
    assert (await running.of(made.id)).id == made.id
    lost = file.with_name("lost")
    elsewhere = PayloadKeys(pool, InstallationKey.create(lost))
    with pytest.raises(SettingsProblem, match="which the payload key file lacks"):
        await elsewhere.of(made.id)


async def test_processes_that_begin_at_once_agree_on_one_key(pool: asyncpg.Pool[Any], file: Path) -> None:
    processes = [PayloadKeys(pool, InstallationKey.load(file)) for _ in range(8)]
    made = await asyncio.gather(*(keys.newest("one") for keys in processes))
    assert len({key.id for key in made}) == 1


async def test_a_renewed_key_is_taken_soon_and_a_destroyed_one_opens_nothing(
    pool: asyncpg.Pool[Any], file: Path
) -> None:
    passed = 0.0
    keys = PayloadKeys(pool, InstallationKey.load(file), passed=lambda: passed)
    other = PayloadKeys(pool, InstallationKey.load(file))
    first = await keys.newest("one")
    [sealed] = await codec_of(keys, "one").encode([PAYLOAD])
    second = await other.renew("one")
    assert await keys.newest("one") == first
    passed = FRESH + 0.1
    assert (await keys.newest("one")).id == second.id != first.id
    assert await codec_of(other, "one").decode([sealed]) == [PAYLOAD]
    assert [row.generation for row in await other.keys_of("one")] == [2, 1]
    assert await other.destroy([first.id]) == 1
    assert await other.destroy([first.id]) == 0
    for process in (other, PayloadKeys(pool, InstallationKey.load(file))):
        with pytest.raises(Undecryptable, match="of one is destroyed"):
            await codec_of(process, "one").decode([sealed])


async def test_going_over_to_another_secret(pool: asyncpg.Pool[Any], file: Path) -> None:
    old = InstallationKey.load(file)
    [sealed] = await codec_of(PayloadKeys(pool, old), "one").encode([PAYLOAD])
    new = InstallationKey.add(file)
    assert new.id != old.id
    assert file.stat().st_mode & 0o777 == 0o600
    both = PayloadKeys(pool, new)
    assert await codec_of(both, "one").decode([sealed]) == [PAYLOAD]
    assert (await both.rewrap(), await both.rewrap()) == (1, 0)
    file.write_bytes(file.read_bytes().splitlines(keepends=True)[0])
    assert await codec_of(PayloadKeys(pool, InstallationKey.load(file)), "one").decode([sealed]) == [PAYLOAD]
    assert await codec_of(PayloadKeys(pool, old), "one").decode([sealed]) == [PAYLOAD]


async def test_a_row_is_bound_to_its_accord(pool: asyncpg.Pool[Any], file: Path) -> None:
    """Who can write to the table cannot have an accord encrypted with a key that another accord's readers know."""
    keys = PayloadKeys(pool, InstallationKey.load(file))
    await keys.newest("one")
    await pool.execute("update payload_keys set subject = 'two'")
    with pytest.raises(Undecryptable, match="its row was altered"):
        await PayloadKeys(pool, InstallationKey.load(file)).newest("two")


async def test_while_the_database_is_away_what_is_under_way_goes_on(database_url: str, file: Path) -> None:
    passed = 0.0
    async with reading_pool(database_url, min_size=0) as pool:
        keys = PayloadKeys(pool, InstallationKey.load(file), passed=lambda: passed)
        first = await keys.newest("one")
    passed = FRESH * 100
    assert await keys.newest("one") == first
    with pytest.raises(Unavailable):
        await keys.newest("two")


@pytest.mark.parametrize(
    "content", [b"", b"entente-log-secret-1 AAAA\n", b"entente-payload-secret-1 AAAA\n", b"\xff"]
)
def test_a_file_that_holds_no_secret(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(SettingsProblem, match="payload-key create"):
        InstallationKey.load(tmp_path / "key")
