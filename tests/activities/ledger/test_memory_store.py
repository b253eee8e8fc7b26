"""The ledger in memory keeps the contract."""

from __future__ import annotations

import pytest

from activities.ledger.store import Ledger
from tests.activities.ledger.contract import LedgerContract
from tests.activities.ledger.memory import MemoryLedger


class TestMemoryLedger(LedgerContract):
    @pytest.fixture
    def ledger(self) -> Ledger:
        return MemoryLedger()
