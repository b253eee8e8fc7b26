from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from activities.errors import MissingPrivilege, Unavailable
from activities.identity.keys import (
    Identities,
    IdentityProblem,
    KeyReused,
    NotAuthenticated,
    create_key,
    revoke,
)

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest_asyncio.fixture(loop_scope="session")
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool[Any]]:
    async with asyncpg.create_pool(database_url, min_size=1, max_size=2) as pool:
        yield pool


async def reason(identities: Identities, token: str) -> str:
    with pytest.raises(NotAuthenticated) as refused:
        await identities.authenticate(token)
    return refused.value.reason


async def test_a_key_tells_whose_it_is(pool: asyncpg.Pool[Any]) -> None:
    token = await create_key(pool, "ru.protocol", "Laptop", "operator")
    identity = await Identities(pool).authenticate(token)
    assert (identity.principal, identity.kind, identity.label) == ("ru.protocol", "operator", "Laptop")
    assert token == f"ent_{identity.key_id}_{token.rpartition('_')[2]}"
    assert identity.reads_all


async def test_only_the_hash_of_the_secret_is_kept(pool: asyncpg.Pool[Any]) -> None:
    token = await create_key(pool, "ru.protocol", "")
    secret = token.rpartition("_")[2]
    assert len(secret) == 52
    row = await pool.fetchrow("select k::text as whole, hash from api_keys k")
    assert row is not None
    assert secret not in row["whole"]
    assert len(row["hash"]) == 32


async def test_keys_differ_and_one_secret_does_not_open_another_key(pool: asyncpg.Pool[Any]) -> None:
    one, other = await create_key(pool, "a", ""), await create_key(pool, "a", "")
    assert one != other
    mixed = one.rpartition("_")[0] + "_" + other.rpartition("_")[2]
    assert await reason(Identities(pool), mixed) == "The token is unknown."


@pytest.mark.parametrize(
    "token",
    [
        "",
        "ent",
        "ent__",
        "ent_aaaaaaaaaaaa_",
        "bearer",
        "ent_" + "a" * 12 + "_" + "A" * 52,
        "ент_а_б",
        "x" * 10_000,
    ],
)
async def test_what_is_no_token_is_refused(pool: asyncpg.Pool[Any], token: str) -> None:
    assert "form" in await reason(Identities(pool), token)


async def test_a_revoked_key_is_refused_at_once_and_stays_on_file(pool: asyncpg.Pool[Any]) -> None:
    token = await create_key(pool, "a", "")
    key_id = token.split("_")[1]
    assert await revoke(pool, key_id)
    assert not await revoke(pool, key_id)
    assert not await revoke(pool, "aaaaaaaaaaaa")
    assert await reason(Identities(pool), token) == "The key is revoked."
    # Who does not have the secret does not learn that there was such a key.
    assert await reason(Identities(pool), f"ent_{key_id}_{'a' * 52}") == "The token is unknown."
    assert await pool.fetchval("select count(*) from api_keys") == 1


async def test_a_key_at_work_is_looked_up_once_and_its_revoking_counts_within_the_bound(
    pool: asyncpg.Pool[Any],
) -> None:
    token = await create_key(pool, "a", "", expires=NOW)
    key_id = token.split("_")[1]
    seconds, today = [0.0], [NOW - timedelta(days=1)]
    identities = Identities(pool, now=lambda: today[0], held=5.0, passed=lambda: seconds[0])
    asked: list[str] = []
    async with pool.acquire() as first, pool.acquire() as second:
        for connection in (first, second):
            connection.add_query_logger(lambda sent: "api_keys" in sent.query and asked.append(sent.query))

    assert (await identities.authenticate(token)).principal == "a"
    assert await revoke(pool, key_id)
    asked.clear()
    seconds[0] = 4.9
    assert (await identities.authenticate(token)).principal == "a"
    assert asked == []
    # The secret is compared each time, and so is the day on which the key expires.
    assert await reason(identities, f"ent_{key_id}_{'a' * 52}") == "The token is unknown."
    today[0] = NOW
    assert await reason(identities, token) == "The key has expired."
    today[0] = NOW - timedelta(days=1)
    assert asked == []
    # Being used does not make it last: the bound counts from when the key was read.
    seconds[0] = 5.0
    assert await reason(identities, token) == "The key is revoked."
    seconds[0] = 5.1
    assert await reason(identities, token) == "The key is revoked."
    assert len(asked) == 2, "what is revoked is never held"


async def test_a_key_that_is_made_after_it_was_tried_works_at_once(pool: asyncpg.Pool[Any]) -> None:
    identities = Identities(pool)
    token = await create_key(pool, "a", "")
    await pool.execute("update api_keys set revoked = now()")
    assert await reason(identities, token) == "The key is revoked."
    await pool.execute("update api_keys set revoked = null")
    assert (await identities.authenticate(token)).principal == "a"


async def test_a_key_expires(pool: asyncpg.Pool[Any]) -> None:
    token = await create_key(pool, "a", "", expires=NOW)
    before = Identities(pool, now=lambda: NOW - timedelta(seconds=1))
    assert (await before.authenticate(token)).principal == "a"
    assert await reason(Identities(pool, now=lambda: NOW), token) == "The key has expired."


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"principal": "Ru.Protocol"}, "no id of a principal"),
        ({"principal": "ru/protocol"}, "no id of a principal"),
        ({"principal": "clock"}, "no id of a principal"),
        ({"kind": "root"}, "no kind of key"),
        ({"label": "x" * 201}, "201 characters"),
        ({"expires": datetime(2030, 1, 1)}, "no time zone"),  # noqa: DTZ001 - that it is refused is the point
    ],
)
async def test_a_key_that_cannot_be_is_not_made(
    pool: asyncpg.Pool[Any], changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(IdentityProblem, match=said):
        await create_key(pool, **{"principal": "a", "label": "", **changes})
    assert await pool.fetchval("select count(*) from api_keys") == 0


async def test_an_idempotency_key_is_for_one_request_of_a_principal_and_scope(
    pool: asyncpg.Pool[Any],
) -> None:
    identities = Identities(pool)
    assert not await identities.reserved("a", "accords", "k", "sha256:1")
    await identities.reserve("a", "accords", "k", "sha256:1")
    await identities.reserve("a", "accords", "k", "sha256:1")
    assert await identities.reserved("a", "accords", "k", "sha256:1")
    with pytest.raises(KeyReused):
        await identities.reserve("a", "accords", "k", "sha256:2")
    with pytest.raises(KeyReused):
        await identities.reserved("a", "accords", "k", "sha256:2")
    await identities.reserve("b", "accords", "k", "sha256:2")
    await identities.reserve("a", "elsewhere", "k", "sha256:2")


async def test_the_apis_role_can_look_keys_up_and_not_make_them(
    database_url: str, pool: asyncpg.Pool[Any]
) -> None:
    token = await create_key(pool, "a", "")

    async def as_api(connection: asyncpg.Connection) -> None:
        await connection.execute("set role entente_api")

    async with asyncpg.create_pool(database_url, min_size=1, max_size=1, setup=as_api) as limited:
        identities = Identities(limited)
        assert (await identities.authenticate(token)).principal == "a"
        await identities.reserve("a", "accords", "k", "sha256:1")
        with pytest.raises(MissingPrivilege):
            await create_key(limited, "a", "")
        with pytest.raises(MissingPrivilege):
            await revoke(limited, token.split("_")[1])


async def test_a_database_that_is_away_is_said_to_be(nowhere: str) -> None:
    away = await asyncpg.create_pool(f"postgresql://nobody@{nowhere}/none", min_size=0)
    try:
        with pytest.raises(Unavailable):
            await Identities(away).authenticate("ent_" + "a" * 12 + "_" + "a" * 52)
    finally:
        away.terminate()


async def test_the_apis_role_makes_and_ends_keys_of_delegates_alone(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        operator = (await create_key(connection, "ops", "", "operator")).split("_")[1]
        await connection.execute("set role entente_api")
        made = "select make_delegate_key('aaaaaaaaaaaa', $1, 'aa.treaty', '', null, '{read}')"
        await connection.execute(made, bytes(32))
        assert await connection.fetchval("select kind from api_keys where id = 'aaaaaaaaaaaa'") == "delegate"
        assert not await connection.fetchval("select revoke_delegate_key($1, 'ops')", operator)
        assert not await connection.fetchval("select revoke_delegate_key('aaaaaaaaaaaa', 'aa.protocol')")
        assert await connection.fetchval("select revoke_delegate_key('aaaaaaaaaaaa', 'aa.treaty')")
        await connection.execute(
            "insert into federated_identities (issuer, subject, principal) values ('https://i', 's', 'aa.treaty')"
        )
        assert not await connection.fetchval("select unlink_account('https://i', 's', 'bb.contact')")
        assert await connection.fetchval("select unlink_account('https://i', 's', 'aa.treaty')")
        for statement in (
            "update api_keys set kind = 'operator'",
            "update api_keys set revoked = null",
            "insert into api_keys (id, hash, principal, label, kind) values ('b', '', 'a', '', 'operator')",
            "update join_links set delegate = 'a'",
            "delete from federated_identities",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()
