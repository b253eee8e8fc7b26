"""Finality collected from witnesses that come and go, are slow, or cannot be asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from activities.checkpoints.checkpoints import Checkpoints
from activities.checkpoints.logkeys import LogKeys, guard_directory
from activities.checkpoints.rollback import Guard
from activities.errors import Malformed
from activities.ledger.postgres import PostgresLedger
from activities.ledger.store import Append
from activities.runtime.reaching import Patience, Reaching, parse_networks
from activities.tlog import proofs
from activities.tlog.checkpoint import Checkpoint
from activities.witness.cosigning import Cosigning, Pace
from activities.witness.witness import Witness
from tests.activities.ledger.making import append, event
from tests.activities.witness.hostile import Listening, drips, listening, never, says
from tests.activities.witness.serving import served
from worker.stack.ports import any_free
from workflows.model.canonical import digest_bytes

SHORT = Patience(connect=0.5, headers=0.5, whole=1.0)
PACE = Pace(accord=2.0, sweep=3.0, slow=0.4, first_pause=100.0)


@pytest_asyncio.fixture
async def cosigning(database_url: str, tmp_path: Path) -> AsyncIterator[tuple[Cosigning, Checkpoints, Any]]:
    key_file = tmp_path / "log.key"
    LogKeys.create(key_file, "entente.test")
    async with (
        asyncpg.create_pool(database_url, min_size=1, max_size=4) as pool,
        aclosing(Reaching(parse_networks(["127.0.0.0/8"]), patience=SHORT)) as reaching,
    ):
        ledger = PostgresLedger(pool)
        keys = LogKeys.load(key_file, "entente.test")
        checkpoints = Checkpoints(ledger, pool, keys, Guard(guard_directory(key_file)))
        yield Cosigning(checkpoints, reaching, PACE), checkpoints, ledger


async def test_a_witness_that_is_down_delays_finality_and_nothing_else(
    cosigning: tuple[Cosigning, Checkpoints, PostgresLedger], tmp_path: Path
) -> None:
    collecting, checkpoints, ledger = cosigning
    log_key = checkpoints.keys.verifiers("a")[0].encoded()
    witnesses, ports = {}, {}
    for party in ("ru", "kp"):
        witnesses[party] = Witness.create(tmp_path / party, f"witness.{party}.test/w1")
        witnesses[party].add_log(log_key)
        ports[party] = any_free()
    lines = [
        f"witness {party.upper()} {witnesses[party].verifier.encoded()} http://127.0.0.1:{ports[party]}/"
        for party in witnesses
    ]
    policy = await checkpoints.set_policy(
        "a", "\n".join([f"log {log_key}", *lines, "group parties all RU KP", "quorum parties", ""]).encode()
    )
    await ledger.record([append("a", 0, "d/1", count=3)])

    async with served(witnesses["ru"], ports["ru"]):
        assert await collecting.sweep() == 1
        assert await collecting.sweep() == 0
        # The accord goes on, and receipts are given, all the same.
        await ledger.record([append("a", 3, "d/2", count=2)])
        assert (await checkpoints.receipt("a", 4)).index == 4
        assert await checkpoints.finality("a", 2) is None
        assert await collecting.sweep() == 1
        async with served(witnesses["kp"], ports["kp"]):
            assert await collecting.sweep() == 1
            proof = await checkpoints.finality("a", 2)
            assert proof is not None
            entries = await ledger.entries("a")
            opened = proofs.parse(proof.encoded()).verify(entries[2].leaf, policy.open)
            assert opened.checkpoint.size == 5
            assert await checkpoints.store.unwitnessed() == []
            assert await collecting.sweep() == 0

            await ledger.record([append("a", 5, "d/3", count=9)])
            running = asyncio.create_task(collecting.run(0.05))
            for _ in range(100):
                if await checkpoints.finality("a", 13) is not None:
                    break
                await asyncio.sleep(0.05)
            running.cancel()
            assert await checkpoints.finality("a", 13) is not None


async def test_one_accord_that_may_not_be_signed_does_not_keep_others_from_finality(
    cosigning: tuple[Cosigning, Checkpoints, PostgresLedger], tmp_path: Path
) -> None:
    collecting, checkpoints, ledger = cosigning
    witness, port = Witness.create(tmp_path / "w", "w.test/1"), any_free()
    for accord in ("a", "b"):
        key = checkpoints.keys.verifiers(accord)[0].encoded()
        witness.add_log(key)
        line = f"witness W {witness.verifier.encoded()} http://127.0.0.1:{port}"
        await checkpoints.set_policy(accord, f"log {key}\n{line}\nquorum W\n".encode())
        await ledger.record([append(accord, 0, "d/1")])
    async with checkpoints._guard.locked(checkpoints.keys.origin("a")) as seen:
        seen.write(Checkpoint(checkpoints.keys.origin("a"), 7, b"\1" * 32))
    async with served(witness, port):
        assert await collecting.sweep() == 1
    assert await checkpoints.finality("b", 0) is not None


def recorded_policy(text: str, at: int) -> Append:
    """An append that puts a policy on record, at a position."""
    facts = {"event": {"policy": text, "digest": digest_bytes(text.encode())}}
    return append("a", at, f"d/{at}", events=(event("witness_policy_changed", facts=facts),))


async def test_a_policy_on_the_record_is_found_asked_by_and_led_to(
    cosigning: tuple[Cosigning, Checkpoints, PostgresLedger], tmp_path: Path
) -> None:
    """Witnesses of the policy that was replaced are asked as well, for readers who know that one."""
    collecting, checkpoints, ledger = cosigning
    log_key = checkpoints.keys.verifiers("a")[0].encoded()
    ports = {name: any_free() for name in ("old", "new")}
    texts = {}
    async with AsyncExitStack() as running:
        for name, port in ports.items():
            witness = Witness.create(tmp_path / name, f"witness.{name}.test/w1")
            witness.add_log(log_key)
            await running.enter_async_context(served(witness, port))
            key = witness.verifier.encoded()
            texts[name] = f"witness W {key} http://127.0.0.1:{port}\nquorum W\n"
        await ledger.record([append("a", 0, "d/0")])
        assert await checkpoints.store.unwitnessed() == []
        await ledger.record([recorded_policy(texts["old"], 1)])
        assert await checkpoints.store.unwitnessed() == ["a"], "though nobody has set one beside the record"
        assert await collecting.sweep() == 1
        assert await checkpoints.store.unwitnessed() == []
        await ledger.record([recorded_policy(texts["new"], 2)])
        assert await collecting.sweep() == 2
        kept = await checkpoints.sign("a")
        assert sorted(one.name for one in kept.cosignatures) == ["witness.new.test/w1", "witness.old.test/w1"]
    for position in range(3):
        assert await checkpoints.finality("a", position) is not None
    assert (await checkpoints.policy_text("a", 2) or b"").endswith(texts["old"].encode())
    assert (await checkpoints.policy_text("a") or b"").endswith(texts["new"].encode())
    with pytest.raises(Malformed, match="on its record"):
        await checkpoints.set_policy("a", f"log {log_key}\nquorum none\n".encode())


async def test_cosignatures_by_the_replaced_policy_do_not_stand_for_the_present_one(
    cosigning: tuple[Cosigning, Checkpoints, PostgresLedger], tmp_path: Path
) -> None:
    collecting, checkpoints, ledger = cosigning
    log_key = checkpoints.keys.verifiers("a")[0].encoded()
    ports = {name: any_free() for name in ("old", "new")}
    witnesses, texts = {}, {}
    for name, port in ports.items():
        witnesses[name] = Witness.create(tmp_path / name, f"witness.{name}.test/w1")
        witnesses[name].add_log(log_key)
        key = witnesses[name].verifier.encoded()
        texts[name] = f"witness W {key} http://127.0.0.1:{port}\nquorum W\n"
    await ledger.record([append("a", 0, "d/0")])
    await ledger.record([recorded_policy(texts["old"], 1)])
    async with served(witnesses["old"], ports["old"]):
        assert await collecting.sweep() == 1
        await ledger.record([recorded_policy(texts["new"], 2)])
        assert await collecting.sweep() == 1, "the new witness is down"
    assert await checkpoints.store.unwitnessed() == ["a"]
    async with served(witnesses["new"], ports["new"]):
        assert await collecting.sweep() == 1
    assert await checkpoints.finality("a", 2) is not None
    assert await checkpoints.store.unwitnessed() == []


async def named(
    checkpoints: Checkpoints, ledger: PostgresLedger, accord: str, addresses: dict[str, str], folder: Path
) -> dict[str, Witness]:
    """An accord of one entry whose policy names a witness for each address; any of them is a quorum."""
    key = checkpoints.keys.verifiers(accord)[0].encoded()
    witnesses, lines = {}, [f"log {key}"]
    for name, address in addresses.items():
        witnesses[name] = Witness.create(folder / f"{accord}-{name}", f"{name}.{accord}.test/1")
        witnesses[name].add_log(key)
        lines.append(f"witness {name} {witnesses[name].verifier.encoded()} {address}")
    lines += [f"group all any {' '.join(addresses)}", "quorum all", ""]
    await checkpoints.store.set_policy(accord, "\n".join(lines).encode())
    await ledger.record([append(accord, 0, f"d/{accord}")])
    return witnesses


DRIPPING = drips(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", b"x")


async def test_a_witness_that_drips_delays_nobody_else(
    cosigning: tuple[Cosigning, Checkpoints, PostgresLedger], tmp_path: Path
) -> None:
    """Neither the other witness of its accord nor the witness of another one; and it is left alone for a while."""
    collecting, checkpoints, ledger = cosigning
    port = any_free()
    async with listening(DRIPPING) as slow, listening(never) as mute:
        good = f"http://127.0.0.1:{port}"
        both = await named(checkpoints, ledger, "a", {"S": slow.url, "M": mute.url, "G": good}, tmp_path)
        await named(checkpoints, ledger, "b", {"S": slow.url}, tmp_path)
        async with served(both["G"], port):
            assert await collecting.sweep() == 1
            assert await checkpoints.finality("a", 0) is not None
            assert (len(slow.requests), len(mute.requests)) == (2, 1)
            await ledger.record([append("a", 1, "d/2")])
            assert await collecting.sweep() == 1
            assert (len(slow.requests), len(mute.requests)) == (2, 1), "they are left alone for a while"
            assert await checkpoints.finality("a", 1) is not None
    assert await checkpoints.finality("b", 0) is None


async def test_a_sweep_ends_and_the_next_begins_where_it_stood(
    cosigning: tuple[Cosigning, Checkpoints, PostgresLedger], tmp_path: Path
) -> None:
    """There is room for two accords at once, three are slow, and the last one is asked all the same."""
    collecting, checkpoints, ledger = cosigning
    port = any_free()
    pace = Pace(accord=5.0, sweep=0.3, at_once=2, slow_at_once=1, slow=0.2, first_pause=100.0)
    narrow = Cosigning(checkpoints, collecting._reaching, pace)
    async with AsyncExitStack() as running:
        for accord in "abc":
            slow: Listening = await running.enter_async_context(listening(DRIPPING))
            await named(checkpoints, ledger, accord, {"S": slow.url}, tmp_path)
        good = await named(checkpoints, ledger, "d", {"G": f"http://127.0.0.1:{port}"}, tmp_path)
        await running.enter_async_context(served(good["G"], port))
        sweeps = 0
        while await checkpoints.finality("d", 0) is None:
            await narrow.sweep()
            sweeps += 1
            assert sweeps < 50
        assert sweeps > 1, "the first was cut"
        await narrow.stop()
        assert narrow._under_way == {}


@pytest.mark.parametrize(
    "address",
    [
        "http://xn--0",
        "https://nobody.invalid",
        "http://8.8.8.8:9",
        "https://127.0.0.1:9",
        "gopher://x",
        "\u00e9",
    ],
)
async def test_an_address_that_cannot_be_asked_is_that_witnesss_failure_alone(
    cosigning: tuple[Cosigning, Checkpoints, PostgresLedger], tmp_path: Path, address: str
) -> None:
    """Even where it is on record: written before addresses were looked at, or by whoever holds the database."""
    collecting, checkpoints, ledger = cosigning
    port = any_free()
    both = await named(checkpoints, ledger, "a", {"B": address, "G": f"http://127.0.0.1:{port}"}, tmp_path)
    await named(checkpoints, ledger, "b", {"B": address}, tmp_path)
    async with served(both["G"], port):
        assert await collecting.sweep() == 1
    assert await checkpoints.finality("a", 0) is not None


async def test_a_witness_that_redirects_is_not_followed(
    cosigning: tuple[Cosigning, Checkpoints, PostgresLedger], tmp_path: Path
) -> None:
    collecting, checkpoints, ledger = cosigning
    async with listening(says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as inside:
        moved = f"HTTP/1.1 308 x\r\nLocation: {inside.url}/add-checkpoint\r\nContent-Length: 0\r\n\r\n"
        async with listening(says(moved.encode())) as service:
            await named(checkpoints, ledger, "a", {"R": service.url}, tmp_path)
            assert await collecting.sweep() == 0
    assert (len(service.requests), inside.requests) == (1, [])


async def test_a_policy_with_an_address_that_is_none_is_not_set(
    cosigning: tuple[Cosigning, Checkpoints, PostgresLedger], tmp_path: Path
) -> None:
    _, checkpoints, _ = cosigning
    key = checkpoints.keys.verifiers("a")[0].encoded()
    witness = Witness.create(tmp_path / "w", "w.test/1").verifier.encoded()
    with pytest.raises(Malformed, match="the witness W cannot be asked: 'http://xn--0' has a host"):
        await checkpoints.set_policy("a", f"log {key}\nwitness W {witness} http://xn--0\nquorum W\n".encode())
