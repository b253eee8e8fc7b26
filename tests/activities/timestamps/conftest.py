"""A log whose checkpoints become final, for authorities to stamp; and one that is known."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.checkpoints.checkpoints import Checkpoints
from activities.checkpoints.logkeys import LogKeys, guard_directory
from activities.checkpoints.rollback import Guard
from activities.ledger.postgres import PostgresLedger
from activities.runtime.reaching import Patience, Reaching, parse_networks
from activities.timestamps.token import (
    Authorities,
)
from activities.tlog.cosignature import CosignatureSigner
from activities.tlog.note import signature_of
from activities.witness.stamping import Stamping, StampingPace
from tests.activities.ledger.making import append
from tests.activities.timestamps.authority import (
    TestAuthority,
    known_authority,
)


@dataclass
class Log:
    """A ledger with a log key, and a witness of whose key the tests have the private half."""

    checkpoints: Checkpoints
    ledger: PostgresLedger
    pool: Any
    witness: CosignatureSigner = field(
        default_factory=lambda: CosignatureSigner(
            "w.test/1", Ed25519PrivateKey.generate(), lambda: 1_900_000_000
        )
    )
    sizes: dict[str, int] = field(default_factory=dict)
    reaching: list[Reaching] = field(default_factory=list)

    async def grow(self, accord: str, *, final: bool = True) -> int:
        """One entry more, of which the checkpoint becomes final."""
        size = self.sizes.get(accord, 0)
        await self.ledger.record([append(accord, size, f"d/{size}")])
        self.sizes[accord] = size + 1
        if not size:
            key = self.checkpoints.keys.verifiers(accord)[0].encoded()
            lines = f"witness W {self.witness.verifier.encoded()} https://w.test\nquorum W\n"
            await self.checkpoints.set_policy(accord, f"log {key}\n{lines}".encode())
        kept = await self.checkpoints.sign(accord)
        if final:
            cosigned = signature_of(kept.note.text, self.witness)
            await self.checkpoints.add_cosignatures(accord, size + 1, [cosigned])
        return size + 1

    def stamping(
        self,
        *urls: str,
        known: Authorities | None = None,
        networks: tuple[str, ...] = ("127.0.0.0/8",),
        patience: Patience | None = None,
        **changes: Any,
    ) -> Stamping:
        reaching = Reaching(
            parse_networks(networks), patience=patience, setting="ENTENTE_TSA_NETWORKS", plain=True
        )
        self.reaching.append(reaching)
        pace = replace(StampingPace(first_pause=100.0), **changes)
        return Stamping(self.checkpoints, self.pool, urls, reaching, known, pace)

    async def stamps(self, accord: str) -> list[tuple[int, str]]:
        return [(one.size, one.authority) for one in await self.checkpoints.timestamps.latest(accord, 100)]


@pytest_asyncio.fixture
async def log(database_url: str, tmp_path: Path) -> AsyncIterator[Log]:
    key_file = tmp_path / "log.key"
    LogKeys.create(key_file, "entente.test")
    async with (
        asyncpg.create_pool(database_url, min_size=1, max_size=20) as pool,
        AsyncExitStack() as closing,
    ):
        ledger = PostgresLedger(pool)
        keys = LogKeys.load(key_file, "entente.test")
        made = Log(Checkpoints(ledger, pool, keys, Guard(guard_directory(key_file))), ledger, pool)
        yield made
        for reaching in made.reaching:
            await closing.enter_async_context(aclosing(reaching))


@pytest.fixture
def authority() -> TestAuthority:
    return known_authority()
