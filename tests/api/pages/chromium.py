"""A real Chromium, where there is one: Debian's, driven by playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")


def executable() -> str:
    """Where Chromium is; skips the test where there is none, and says how to have it."""
    found = os.environ.get("CHROMIUM") or next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        # Reason: Chromium comes from the system alone; the tests that need it are marked slow, and run by name.
        pytest.skip("there is no Chromium: apt-get install chromium, or name one in CHROMIUM")
    return found


@asynccontextmanager
async def chromium() -> AsyncIterator[Any]:
    """A browser, until the end of the block."""
    path = executable()
    async with async_playwright() as driver:
        # As root a sandbox of its own cannot be set up.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = await driver.chromium.launch(executable_path=path, args=arguments)
        try:
            yield browser
        finally:
            await browser.close()
