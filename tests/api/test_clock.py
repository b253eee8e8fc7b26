"""The present time of accords, and moving a simulated clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client

from tests.api.conftest import Api, problem
from tests.api.test_acting import founded
from tests.simulation.small import digest, small

BEGINS = datetime(2027, 1, 11, 9, tzinfo=UTC)


def simulated(**changes: Any) -> dict[str, Any]:
    definition = small(clock={"mode": "simulated"}, **changes)
    now = datetime.now(UTC)
    definition["conditions"]["C1"]["due"] = (now + timedelta(days=30)).isoformat()
    definition["window"] = {
        "begins": (now + timedelta(days=60)).isoformat(),
        "ends": (now + timedelta(days=62)).isoformat(),
    }
    return definition


async def now_in(api: Api, accord: str) -> datetime:
    clock = (await api.get(f"/accords/{accord}")).json()["clock"]
    assert (clock["mode"], clock["live"]) == ("simulated", True)
    return datetime.fromisoformat(clock["time"])


async def test_moving_the_clock_lets_deadlines_fall(api: Api) -> None:
    accord = await founded(api, simulated())
    began = await now_in(api, accord)
    answer = await api.post(
        f"/accords/{accord}/clock", json={"to": (began + timedelta(days=20)).isoformat()}, key="k1"
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["simulated"] is True
    assert timedelta(days=20) <= await now_in(api, accord) - began < timedelta(days=20, minutes=5)
    assert (await api.get(f"/accords/{accord}")).json()["conditions"]["C1"]["overdue"] is False
    answer = await api.post(
        f"/accords/{accord}/clock", "operator", json={"to": (began + timedelta(days=40)).isoformat()}
    )
    assert answer.status_code == 200, answer.text
    said = (await api.get(f"/accords/{accord}")).json()
    assert said["conditions"]["C1"]["overdue"] is True
    # Acts happen at the accord's time.
    receipt = await api.done(accord, "record_statement", "aa.contact", digest=digest("x"))
    assert datetime.fromisoformat(receipt["time"]) - began >= timedelta(days=40)


async def test_a_clock_that_began_in_the_past(api: Api) -> None:
    definition = small(clock={"mode": "simulated", "begins": "2025-01-11T09:00:00Z"})
    definition["conditions"]["C1"]["due"] = "2025-02-15T00:00:00Z"
    definition["window"] = {"begins": "2025-04-12T08:00:00Z", "ends": "2025-04-14T18:00:00Z"}
    accord = await founded(api, definition)
    assert (await now_in(api, accord)).date().isoformat() == "2025-01-11"
    answer = await api.post(f"/accords/{accord}/clock", json={"to": "2025-02-16T00:00:00Z"})
    assert answer.status_code == 200, answer.text
    said = (await api.get(f"/accords/{accord}")).json()
    assert said["clock"]["time"].startswith("2025-02-16T00:0")
    assert said["conditions"]["C1"]["overdue"] is True
    items = (await api.get(f"/accords/{accord}/events")).json()["items"]
    overdue = next(one for one in items if one["type"] == "condition_overdue")
    assert (overdue["time"], overdue["actor"]["says"]) == ("2025-02-15T00:00:00Z", "clock")


async def test_a_clock_only_moves_forward(api: Api) -> None:
    accord = await founded(api, simulated())
    path, now = f"/accords/{accord}/clock", await now_in(api, accord)
    to = {"to": (now + timedelta(days=1)).isoformat()}
    for _ in range(2):
        # The retry finds the clock past its aim, and is the same request all the same.
        answer = await api.post(path, json=to, key="k1")
        assert answer.status_code == 200, answer.text
    problem(await api.post(path, json=to, key="k2"), 409, "clock_runs_forward")
    problem(await api.post(path, json=to, key="k2"), 409, "clock_runs_forward")
    problem(
        await api.post(path, json={"to": (now + timedelta(days=2)).isoformat()}, key="k1"),
        422,
        "idempotency_key_reused",
    )
    assert await now_in(api, accord) - now < timedelta(days=1, minutes=5)


async def test_a_real_clock_cannot_be_moved(api: Api) -> None:
    accord = await founded(api, small())
    answer = await api.post(f"/accords/{accord}/clock", json={"to": "2030-01-01T00:00:00Z"})
    problem(answer, 409, "clock_is_real")
    clock = (await api.get(f"/accords/{accord}")).json()["clock"]
    assert clock["mode"] == "real"
    assert abs(datetime.fromisoformat(clock["time"]) - datetime.now(UTC)) < timedelta(minutes=1)


async def test_who_may_move_a_clock(api: Api) -> None:
    definition = simulated()
    definition["officers"]["press"] = {"office": "Press pool", "roles": ["observer"]}
    accord = await founded(api, definition)
    to = {"to": (await now_in(api, accord) + timedelta(days=1)).isoformat()}
    path = f"/accords/{accord}/clock"
    problem(await api.post(path, "press", json=to), 403, "forbidden")
    problem(await api.post(path, "auditor", json=to), 403, "forbidden")
    problem(await api.post(path, "stranger", json=to), 404, "not_found")
    problem(await api.post(path, None, json=to), 401, "not_authenticated")


@pytest.mark.parametrize(
    "body", [{}, {"to": "tomorrow"}, {"to": "2030-01-01T00:00:00"}, {"to": "2030-01-01T00:00:00Z", "by": 1}]
)
async def test_malformed_moves(api: Api, body: dict[str, Any]) -> None:
    accord = await api.opened(simulated())
    said = problem(await api.post(f"/accords/{accord}/clock", json=body), 422, "malformed")
    assert said["errors"][0]["field"] in ("to", "by")


async def test_after_a_lost_store_the_clock_goes_on_from_the_ledger(
    api: Api, temporal_client: Client
) -> None:
    accord = await founded(api, simulated())
    began = await now_in(api, accord)
    await api.post(f"/accords/{accord}/clock", json={"to": (began + timedelta(days=10)).isoformat()})
    await api.done(accord, "record_statement", "aa.contact", digest=digest("x"))
    await temporal_client.get_workflow_handle(accord).terminate("as if the store were lost")
    answer = await api.post(f"/accords/{accord}/clock", json={"to": (began + timedelta(days=40)).isoformat()})
    assert answer.status_code == 200, answer.text
    said = (await api.get(f"/accords/{accord}")).json()
    assert said["conditions"]["C1"]["overdue"] is True
    assert await now_in(api, accord) - began >= timedelta(days=40)


async def test_the_clock_of_a_closed_accord_has_stopped(api: Api) -> None:
    accord = await api.opened(simulated())
    await api.done(accord, "decline_definition", "bb.contact")
    await api.done(accord, "close_accord", "aa.contact")
    answer = await api.post(f"/accords/{accord}/clock", json={"to": "2040-01-01T00:00:00Z"})
    problem(answer, 409, "clock_stopped")
    assert (await api.get(f"/accords/{accord}")).json()["clock"]["live"] is True
