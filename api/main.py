"""Running the API as a process."""

from __future__ import annotations

import uvicorn

from activities.runtime.settings import Settings
from api.app import create_app

GRACE = 15
"""Seconds that open requests get to finish when the API stops; more than one may take."""


async def run_api(settings: Settings) -> None:
    """Serve the API at the settings' address until it is told to stop (SIGTERM, Ctrl-C); then finish open requests.

    Raises:
        SettingsProblem: no database is set, or no key to sign commands with.
    """
    config = uvicorn.Config(
        create_app(settings),
        host=settings.api_host,
        port=settings.api_port,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        lifespan="on",
        timeout_graceful_shutdown=GRACE,
    )
    await uvicorn.Server(config).serve()
