"""A verdict of the predecessor accord, carried over while it is fresh, and checked on that accord's own record."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from activities.ledger.store import StoredEntry
from tests.simulation.small import digest, small
from tests.workflows.harness import Engine
from workflows.model.definition import Definition


async def opened(engine: Engine, definition: dict[str, Any]) -> str:
    accord = await engine.open(definition)
    await engine.found(accord, Definition.model_validate(definition).digest())
    return accord


async def verified(engine: Engine) -> tuple[str, StoredEntry, datetime]:
    definition = small()
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=90)
    definition["conditions"]["C1"]["valid_until"] = until.isoformat()
    accord = await opened(engine, definition)
    evidence = {"condition": "C1", "digest": digest("plan"), "grade": "documented", "source": "file"}
    await engine.act(accord, "aa.contact", "submit_evidence", **evidence)
    receipt = await engine.act(
        accord, "bb.contact", "verify_condition", condition="C1", evidence=[digest("plan")]
    )
    return accord, (await engine.ledger.entries(accord, receipt.position, 1))[0], until


async def test_a_fresh_verdict_is_evidence_and_bounds_the_next_one(engine: Engine) -> None:
    earlier, entry, until = await verified(engine)
    accord = await opened(engine, small(predecessor={"title": "The earlier visit", "accord": earlier}))
    fields = {
        "condition": "C1",
        "predecessor": "C1",
        "position": entry.position,
        "leaf": entry.leaf.hex(),
        "digest": digest("plan"),
        "grade": "documented",
        "valid_until": until.isoformat(),
    }
    for wrong in (
        {"position": entry.position - 1},
        {"leaf": "0" * 64},
        {"digest": digest("another")},
        {"grade": "inspected"},
        {"valid_until": (until + timedelta(days=1)).isoformat()},
        {"predecessor": "C9"},
        {"position": 10_000},
    ):
        error = await engine.failure(accord, "aa.contact", "carry_over_verdict", **{**fields, **wrong})
        assert (error.type, error.details[0]["code"]) == ("Rejected", "no_such_verdict"), wrong
    await engine.act(accord, "aa.contact", "carry_over_verdict", **fields)
    await engine.act(accord, "bb.contact", "verify_condition", condition="C1", evidence=[digest("plan")])
    verdict = (await engine.state(accord)).conditions["C1"].verdict
    assert verdict is not None
    assert verdict.valid_until == until


async def test_a_verdict_that_has_fallen_since_is_not_carried_over(engine: Engine) -> None:
    earlier, entry, until = await verified(engine)
    await engine.act(earlier, "bb.contact", "revoke_verdict", condition="C1")
    accord = await opened(engine, small(predecessor={"title": "The earlier visit", "accord": earlier}))
    error = await engine.failure(
        accord,
        "aa.contact",
        "carry_over_verdict",
        condition="C1",
        predecessor="C1",
        position=entry.position,
        leaf=entry.leaf.hex(),
        digest=digest("plan"),
        grade="documented",
        valid_until=until.isoformat(),
    )
    assert error.details[0]["code"] == "no_such_verdict"
