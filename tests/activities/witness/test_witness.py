"""Witnesses: the protocol, what they refuse, and finality collected from services that come and go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.checkpoints.checkpoints import Checkpoints
from activities.checkpoints.logkeys import LogKeys, guard_directory
from activities.checkpoints.rollback import Guard
from activities.errors import Malformed, SettingsProblem
from activities.ledger.postgres import PostgresLedger
from activities.ledger.store import Append
from activities.runtime.reaching import Patience, Reaching, parse_networks
from activities.tlog import proofs
from activities.tlog.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from activities.tlog.merkle import Frontier, consistency_proof, leaf_hash
from activities.tlog.note import Ed25519Signer, Note, parse_signature
from activities.verifier.evidence import parse as parse_evidence
from activities.witness.cosigning import Cosigning, Pace
from activities.witness.witness import SIZE_TYPE, Request, Witness, parse_request
from tests.activities.ledger.making import append, event
from tests.activities.witness.hostile import Listening, drips, listening, never, says
from worker.cli.witness_service import create_witness_app
from worker.stack.ports import any_free
from workflows.model.canonical import digest_bytes


class Log:
    """A log in memory that can sign any history."""

    def __init__(self, *, mark: str = "") -> None:
        self.signer = Ed25519Signer("entente.test/accords/a", Ed25519PrivateKey.generate())
        self.nodes: dict[tuple[int, int], bytes] = {}
        self.frontiers = [Frontier()]
        self.grow(40, mark)

    def grow(self, count: int, mark: str) -> None:
        for number in range(count):
            frontier, nodes = self.frontiers[-1].append(leaf_hash(f"{mark}{number}".encode()))
            self.nodes.update(((node.level, node.index), node.hash) for node in nodes)
            self.frontiers.append(frontier)

    def note(self, size: int, signer: Ed25519Signer | None = None) -> Note:
        checkpoint = Checkpoint("entente.test/accords/a", size, self.frontiers[size].root())
        return sign_checkpoint(checkpoint, signer or self.signer)

    def request(self, old: int, size: int) -> bytes:
        proof = consistency_proof(old, size, lambda level, index: self.nodes[level, index])
        return Request(old, proof, self.note(size)).encoded()


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def witness(tmp_path: Path, log: Log) -> Witness:
    made = Witness.create(tmp_path / "w", "witness.ru.test/w1")
    made.add_log(log.signer.verifier.encoded())
    return Witness.load(tmp_path / "w", lambda: 1_900_000_000)


def test_a_log_is_added_below_a_last_line_without_an_end(witness: Witness, log: Log, tmp_path: Path) -> None:
    logs = tmp_path / "w" / "logs"
    logs.write_text(logs.read_text().removesuffix("\n"))
    other = Log()
    witness.add_log(other.signer.verifier.encoded())
    assert Witness.load(tmp_path / "w").logs() == [log.signer.verifier, other.signer.verifier]
    assert logs.read_text().count("\n") == 2


async def test_it_cosigns_what_extends_what_it_cosigned(witness: Witness, log: Log, tmp_path: Path) -> None:
    for old, size in ((0, 1), (1, 7), (7, 8), (8, 8), (8, 40)):
        answer = await witness.add_checkpoint(log.request(old, size))
        assert answer.status == 200, answer
        note = log.note(size).with_signatures([parse_signature(answer.body.removesuffix("\n"))])
        assert open_checkpoint(note, [log.signer.verifier], [witness.verifier]).witnesses == (
            witness.verifier,
        )
    # Also after a restart it knows what it has cosigned.
    again = Witness.load(tmp_path / "w")
    answer = await again.add_checkpoint(log.request(8, 40))
    assert (answer.status, answer.body, answer.type) == (409, "40\n", SIZE_TYPE)


async def test_what_it_does_not_cosign(witness: Witness, log: Log) -> None:
    stranger = Ed25519Signer(log.signer.name, Ed25519PrivateKey.generate())
    other = Ed25519Signer("entente.test/accords/b", log.signer.private)
    foreign = sign_checkpoint(Checkpoint(other.name, 5, log.frontiers[5].root()), other)
    assert (await witness.add_checkpoint(log.request(0, 7))).status == 200
    for content, status in (
        (b"nonsense", 400),
        (b"old 1\n\n", 400),
        (b"old x\n\n" + log.note(8).encoded(), 400),
        (Request(9, (), log.note(8)).encoded(), 400),
        (Request(0, (), foreign).encoded(), 404),
        (Request(7, (), log.note(8, stranger)).encoded(), 403),
        (log.request(6, 8), 409),
        (log.request(0, 8), 409),
        (Request(7, (), log.note(8)).encoded(), 422),
        (Request(7, (bytes(32),) * 3, log.note(8)).encoded(), 422),
        (Request(7, (bytes(32),), log.note(7)).encoded(), 422),
    ):
        answer = await witness.add_checkpoint(content)
        assert answer.status == status, (content, answer)
    assert (await witness.add_checkpoint(log.request(7, 8))).status == 200


async def test_a_fork_is_refused_and_kept_as_evidence(witness: Witness, log: Log, tmp_path: Path) -> None:
    fork = Log(mark="x")
    fork.signer = log.signer
    assert (await witness.add_checkpoint(log.request(0, 9))).status == 200
    assert (await witness.add_checkpoint(fork.request(9, 12))).status == 422
    assert (await witness.add_checkpoint(fork.request(9, 9))).status == 409
    [evidence] = (tmp_path / "w" / "evidence").iterdir()
    proved = parse_evidence(evidence.read_bytes()).judge([log.signer.verifier])
    assert "two different records of 9 entries" in proved
    assert json.loads(evidence.read_bytes())["format"] == "entente-equivocation/1"


async def test_of_two_histories_at_once_one_is_cosigned(witness: Witness, log: Log) -> None:
    fork = Log(mark="x")
    fork.signer = log.signer
    answers = await asyncio.gather(
        *(witness.add_checkpoint(each.request(0, 9)) for each in (log, fork, log, fork))
    )
    assert sorted(answer.status for answer in answers) == [200, 409, 409, 409]


def test_a_directory_without_a_witness_is_refused(tmp_path: Path, witness: Witness) -> None:
    with pytest.raises(SettingsProblem, match="no witness"):
        Witness.load(tmp_path / "nowhere")
    with pytest.raises(FileExistsError):
        Witness.create(tmp_path / "w", "witness.ru.test/w1")
    (tmp_path / "w" / "logs").write_text("nonsense\n")
    with pytest.raises(SettingsProblem):
        Witness.load(tmp_path / "w")


@given(st.one_of(st.binary(max_size=200), st.text(max_size=80).map(lambda text: b"old 1\n" + text.encode())))
@settings(max_examples=200, deadline=None)
def test_requests_are_read_or_refused(content: bytes) -> None:
    with pytest.raises(Malformed):
        parse_request(content)


@given(st.integers(0, 39), st.integers(1, 40))
@settings(max_examples=50, deadline=None)
def test_requests_are_read_as_they_were_written(old: int, size: int) -> None:
    log = Log()
    content = log.request(min(old, size), size)
    assert parse_request(content).encoded() == content


# The service, and the collecting beside the worker.


@asynccontextmanager
async def served(witness: Witness, port: int) -> AsyncIterator[None]:
    server = uvicorn.Server(
        uvicorn.Config(
            create_witness_app(witness), host="127.0.0.1", port=port, log_config=None, lifespan="off"
        )
    )
    task = asyncio.create_task(server.serve())
    for _ in range(200):
        if server.started:
            break
        await asyncio.sleep(0.02)
    try:
        yield
    finally:
        server.should_exit = True
        await task


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
