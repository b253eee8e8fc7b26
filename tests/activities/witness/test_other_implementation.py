"""Another implementation of C2SP tlog-witness, ``witness-log``: it cosigns our checkpoints, and asks our witness."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import witness_log
from witness_log.witnessing import submit_round

from activities.checkpoints.checkpoints import Checkpoints
from activities.ledger.postgres import PostgresLedger
from activities.tlog.note import parse as parse_note
from activities.witness.cosigning import Cosigning
from activities.witness.witness import Witness
from tests.activities.ledger.making import append
from tests.activities.witness.serving import Log, served
from tests.activities.witness.test_collecting import cosigning as collecting_fixture
from worker.stack.ports import any_free

cosigning = collecting_fixture


@contextmanager
def theirs(witness: witness_log.WitnessService) -> Iterator[tuple[int, list[int]]]:
    """Their witness behind a server of the standard library: its port, and the statuses that it answered."""
    answered: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status, kind, text = witness.handle_add_checkpoint_http(body)
            answered.append(status)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *given: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1], answered
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def their_witness(folder: Path, log_key: str) -> witness_log.WitnessService:
    """Their witness, which watches one log of ours."""
    state = str(folder / "state.json")
    witness_log.WitnessService.create_state(state)
    made = witness_log.WitnessService.new("witness.other.test/w1", os.urandom(32), state)
    assert made.add_log(log_key.partition("+")[0], log_key)
    return made


async def test_their_witness_makes_our_checkpoints_final(
    cosigning: tuple[Cosigning, Checkpoints, PostgresLedger], tmp_path: Path
) -> None:
    """From the first checkpoint on, and again after it has grown: with its key in our policy, as a file has it."""
    collecting, checkpoints, ledger = cosigning
    log_key = checkpoints.keys.verifiers("a")[0].encoded()
    witness = their_witness(tmp_path, log_key)
    with theirs(witness) as (port, answered):
        lines = [f"log {log_key}", f"witness W {witness.vkey()} http://127.0.0.1:{port}/", "quorum W", ""]
        policy = await checkpoints.set_policy("a", "\n".join(lines).encode())
        for expected, count in ((0, 3), (3, 5), (8, 1)):
            await ledger.record([append("a", expected, f"d/{expected}", count=count)])
            assert await collecting.sweep() == 1
            proof = await checkpoints.finality("a", expected)
            assert proof is not None
            entry = (await ledger.entries("a"))[expected]
            assert proof.verify(entry.leaf, policy.open).checkpoint.size == expected + count
    # It is asked without knowing what it has seen: from the second time on it says its size, and is asked again.
    assert answered == [200, 409, 200, 409, 200]


async def test_their_witness_cosigns_no_fork_of_ours(tmp_path: Path) -> None:
    log, fork = Log(), Log(mark="x")
    fork.signer = log.signer
    witness = their_witness(tmp_path, log.signer.verifier.encoded())
    assert witness.handle_add_checkpoint(log.request(0, 9).decode())[0] == 200
    assert witness.handle_add_checkpoint(log.request(9, 12).decode())[0] == 200
    status, _ = witness.handle_add_checkpoint(fork.request(12, 20).decode())
    assert status == 422


async def test_their_client_is_cosigned_by_our_witness(tmp_path: Path) -> None:
    """Their log, their requests, their check of our cosignature; and the way back after a 409."""
    log = witness_log.WitnessLog.generate()
    witness = Witness.create(tmp_path / "w", "witness.ours.test/w1")
    witness.add_log(log.c2sp_vkey(log.canonical_origin()))
    port = any_free()
    entry = {
        "name": "witness.ours.test/w1",
        "pubkey": witness.verifier.public.hex(),
        "url": f"http://127.0.0.1:{port}",
        "operator_org": "ours",
    }

    def asked(state: str) -> tuple[int, list[int]]:
        found = submit_round(log, [entry], str(tmp_path / state), max_wait=0)
        return found.cosignatures, [one["status"] for one in found.outcomes]

    async with served(witness, port):
        log.append_intent(b"first")
        assert await asyncio.to_thread(asked, "state") == (1, [200])
        log.append_intent(b"second")
        log.append_intent(b"third")
        assert await asyncio.to_thread(asked, "state") == (1, [200])
        log.append_intent(b"fourth")
        # A client that has forgotten what was cosigned asks from size 0, is told 3, and proves the way from there.
        assert await asyncio.to_thread(asked, "forgotten") == (1, [200])


async def test_the_size_in_a_conflict_has_the_bare_type_of_the_protocol(tmp_path: Path) -> None:
    log = Log()
    witness = Witness.create(tmp_path / "w", "witness.ours.test/w1")
    witness.add_log(log.signer.verifier.encoded())
    port = any_free()
    async with served(witness, port), httpx.AsyncClient() as client:
        address = f"http://127.0.0.1:{port}/add-checkpoint"
        first = await client.post(address, content=log.request(0, 7))
        parse_note(log.note(7).encoded().removesuffix(b"\n") + b"\n" + first.content)
        again = await client.post(address, content=log.request(0, 8))
    assert (again.status_code, again.headers["content-type"], again.text) == (409, "text/x.tlog.size", "7\n")
    assert json.loads(again.text) == 7
