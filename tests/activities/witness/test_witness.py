"""A witness: the protocol, and what it refuses."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.errors import Malformed, SettingsProblem
from activities.tlog.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from activities.tlog.note import Ed25519Signer, parse_signature
from activities.verifier.evidence import parse as parse_evidence
from activities.witness.witness import SIZE_TYPE, Request, Witness, parse_request
from tests.activities.witness.serving import Log


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
