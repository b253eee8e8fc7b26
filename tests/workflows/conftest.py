from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from temporalio.client import Client

from tests.workflows.harness import Engine, running_engine


@pytest_asyncio.fixture(loop_scope="session")
async def engine(database_url: str, temporal_client: Client) -> AsyncIterator[Engine]:
    """A worker on its own task queue and database, and hands to act with."""
    async with running_engine(database_url, temporal_client) as running:
        yield running
