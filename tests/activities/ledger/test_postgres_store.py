"""The ledger in Postgres keeps the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from activities.ledger.postgres import PostgresLedger
from activities.ledger.store import Ledger
from tests.activities.ledger.contract import LedgerContract


class TestPostgresLedger(LedgerContract):
    @pytest_asyncio.fixture
    async def ledger(self, database_url: str) -> AsyncIterator[Ledger]:
        async with PostgresLedger.connect(database_url, max_size=3) as ledger:
            yield ledger
