"""Browsers over the API in the test's own process."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.api.conftest import Api
from tests.api.pages.browser import Browser


@pytest_asyncio.fixture(loop_scope="session")
async def browser(reading_api: Api) -> AsyncIterator[Browser]:
    """Somebody's browser, where nobody acts."""
    one = Browser(reading_api)
    async with one.http:
        yield one
