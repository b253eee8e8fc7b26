"""The API does as its OpenAPI document says, under requests that schemathesis makes from it: so many, and no more.

Of each answer is checked: no fault of ours (500), a documented status and content type, the documented headers, and a
body that is valid by its schema.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from temporalio.client import Client

from activities.checkpoints.logkeys import LogKeys
from activities.runtime.settings import Settings
from tests.api.conftest import Api, on_a_socket
from tests.simulation.small import small
from worker.main import accord_worker
from workflows.model.definition import Definition


@pytest.mark.timeout(600)
async def test_answers_are_as_documented(
    database_url: str,
    temporal_address: str,
    temporal_client: Client,
    make_settings: Callable[..., Settings],
    tmp_path: Path,
) -> None:
    from tests.api.conforming import run_through

    key = tmp_path / "log.key"
    LogKeys.create(key, "entente.localhost")
    settings = make_settings(database_url, temporal_address, api_port=0, log_key_file=key)
    async with (
        accord_worker(settings, temporal_client) as worker,
        worker,
        on_a_socket(settings) as (app, port),
    ):
        api = Api(app, settings)
        async with api.http:
            accord = await api.opened(small())
            digest = Definition.model_validate(small()).digest()
            for party in ("aa", "bb"):
                await api.done(accord, "adopt_definition", f"{party}.contact", digest=digest)
            tokens = {
                "delegate": await api.token("aa.contact"),
                "operator": await api.token("operator", "operator"),
            }
            wrong, answered = await asyncio.to_thread(
                run_through, app.openapi(), f"http://127.0.0.1:{port}", tokens, accord
            )
    assert not wrong, "\n\n".join(wrong[:10]) + f"\n\n{len(wrong)} in all"
    assert answered.total() >= 3 * len(app.openapi()["paths"]), "hardly anything was asked"
    assert {200, 404, 409, 422} <= answered.keys(), answered
