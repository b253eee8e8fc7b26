"""A log in memory that signs any history, and a witness behind a port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.tlog.checkpoint import Checkpoint, sign_checkpoint
from activities.tlog.merkle import Frontier, consistency_proof, leaf_hash
from activities.tlog.note import Ed25519Signer, Note
from activities.witness.witness import Request, Witness
from worker.cli.witness_service import create_witness_app


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
