"""Deadlines fall by durable timers, months in seconds by the server's own time skipping."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import Client
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from tests.simulation.small import digest, small
from tests.workflows.harness import Engine
from workflows.model.definition import Definition


def skipper(client: Client) -> TimeSkipper:
    return TimeSkipper(client, config=TimeSkippingConfig(enabled=False))


async def types(engine: Engine, accord: str) -> list[str]:
    return [entry.entry().type for entry in await engine.ledger.entries(accord, 0, 1000)]


def ahead(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


def dated(**changes: Any) -> dict[str, Any]:
    """A simulated accord with a deadline of each kind, counted from today."""
    definition = small(**changes)
    definition["clock"] = "simulated"
    definition["window"] = {"begins": ahead(100), "ends": ahead(102)}
    definition["conditions"]["C1"] |= {"due": ahead(30), "valid_for": "P20D", "cure": "P10D"}
    definition["long_stop"] = {"at": ahead(200), "policy": "auto_terminate"}
    return definition


async def opened(engine: Engine, definition: dict[str, Any]) -> str:
    accord = await engine.open(definition)
    await engine.found(accord, Definition.model_validate(definition).digest())
    return accord


async def skip(engine: Engine, accord: str, days: float) -> None:
    await asyncio.wait_for(
        skipper(engine.client).fast_forward(engine.handle(accord), timedelta(days=days)), 30
    )


async def settled(engine: Engine, accord: str, wanted: str) -> list[str]:
    """The entries' types, once ``wanted`` is among them."""
    for _ in range(1200):
        found = await types(engine, accord)
        if wanted in found:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"{wanted} is not among {found}")


async def test_every_kind_falls_when_it_is_due(engine: Engine) -> None:
    definition = dated(invitation={"valid_until": ahead(60)})
    accord = await opened(engine, definition)
    await engine.act(accord, "aa.contact", "issue_invitation")
    await skip(engine, accord, 25)
    assert "condition_overdue" not in await types(engine, accord)
    await skip(engine, accord, 6)
    await settled(engine, accord, "condition_overdue")
    await engine.act(accord, "bb.contact", "accept_invitation")

    await engine.act(
        accord,
        "aa.contact",
        "submit_evidence",
        condition="C1",
        digest=digest("plan"),
        grade="documented",
        source="file",
    )
    await engine.act(accord, "bb.contact", "verify_condition", condition="C1", evidence=[digest("plan")])
    await skip(engine, accord, 21)
    await settled(engine, accord, "verdict_lapsed")
    await skip(engine, accord, 11)
    await settled(engine, accord, "cure_period_ended")
    await skip(engine, accord, 200)
    found = await settled(engine, accord, "accord_terminated")
    assert found[-2:] == ["long_stop_reached", "accord_terminated"]

    # The first of each type: when its verdict lapses later, the condition is overdue anew.
    found = await engine.ledger.entries(accord, 0, 1000)
    entries = {entry.entry().type: entry.entry() for entry in reversed(found)}
    due = Definition.model_validate(definition)
    assert entries["condition_overdue"].time == due.conditions["C1"].due
    assert due.long_stop is not None
    assert entries["long_stop_reached"].time == due.long_stop.at
    assert entries["verdict_lapsed"].actor.delegate == "clock"
    state = await engine.state(accord)
    assert state.terminated is not None


async def test_an_invitation_expires_unless_it_is_extended(engine: Engine) -> None:
    accord = await opened(engine, dated(invitation={"valid_until": ahead(20)}))
    await engine.act(accord, "aa.contact", "issue_invitation")
    await engine.act(accord, "aa.contact", "extend_invitation", valid_until=ahead(28))
    await skip(engine, accord, 25)
    assert "invitation_expired" not in await types(engine, accord)
    await skip(engine, accord, 4)
    found = await settled(engine, accord, "invitation_expired")
    assert found[-1] == "accord_terminated"


async def test_an_open_ended_invitation_is_valid_after_200_days(engine: Engine) -> None:
    definition = dated()
    del definition["long_stop"]
    accord = await opened(engine, definition)
    await engine.act(accord, "aa.contact", "issue_invitation")
    await skip(engine, accord, 200)
    receipt = await engine.act(accord, "bb.contact", "accept_invitation")
    assert receipt.status == "recorded"


async def test_a_simulated_clock_that_began_in_the_past(engine: Engine) -> None:
    definition = dated()
    begins = datetime(2020, 1, 11, 9, tzinfo=UTC)
    definition["clock"] = {"mode": "simulated", "begins": begins.isoformat()}
    definition["conditions"]["C1"]["due"] = "2020-02-01T00:00:00Z"
    accord = await opened(engine, definition)
    state = await engine.state(accord)
    assert begins == state.opened_at
    assert state.time - begins < timedelta(minutes=2)
    await skip(engine, accord, 21)
    await settled(engine, accord, "condition_overdue")
    overdue = next(
        e.entry() for e in await engine.ledger.entries(accord) if e.entry().type == "condition_overdue"
    )
    assert overdue.time == datetime(2020, 2, 1, tzinfo=UTC)


async def test_an_act_after_a_deadline_comes_after_the_deadline_on_the_record(engine: Engine) -> None:
    """The act's time decides, not whether the timer was faster."""
    accord = await opened(engine, dated(invitation={"valid_until": ahead(10)}))
    await engine.act(accord, "aa.contact", "issue_invitation")
    await skip(engine, accord, 11)
    error = await engine.failure(accord, "bb.contact", "accept_invitation")
    assert error.type == "Refused"
    assert (await types(engine, accord))[-3:] == ["invitation_expired", "accord_terminated", "act_refused"]
