"""What entries of the record say: an act that was done, one that was refused, and what followed by itself."""

from __future__ import annotations

import string
from datetime import UTC, datetime

import pytest

from activities.ledger.postgres import PostgresLedger
from activities.reading.minutes import entry_says
from tests.api.filling import Filler
from tests.simulation.small import digest, small
from workflows.model.commands import RecordedEvent
from workflows.model.declared import EVENTS
from workflows.model.vocabulary import placeholders


@pytest.mark.parametrize("name", sorted(EVENTS))
def test_every_event_has_a_sentence_that_its_facts_fill(name: str) -> None:
    event = EVENTS[name]
    assert event.says, (
        f"{name} says nothing: give it a sentence, such as `condition {{condition}} is verified`"
    )
    parts = {part for _, part, _, _ in string.Formatter().parse(event.says) if part}
    names = parts - placeholders("diplomatic").keys()
    facts = {field: f"<{field}>" for field in event.model_fields}
    said = event.sentence(facts, "diplomatic")
    assert "{" not in said
    if "sentence" not in vars(event):
        assert names <= event.model_fields.keys()


async def recorded(ledger: PostgresLedger, accord: str) -> list[RecordedEvent]:
    return [entry.recorded() for entry in await ledger.entries(accord, 0, 1000)]


async def test_what_was_refused_does_not_read_as_done(database_url: str) -> None:
    async with PostgresLedger.connect(database_url) as ledger:
        filler = Filler(ledger)
        await filler.found("says", small())
        await filler.do("says", "confirm_visit", "aa.contact")
        await filler.do("says", "record_statement", "aa.contact", digest=digest("x"))
        says = {event.type: entry_says(event, "diplomatic") for event in await recorded(ledger, "says")}
        assert says["accord_opened"] == "aa.contact for AA opens the accord"
        assert says["act_refused"].startswith("✗ refused: aa.contact for AA ")
        assert " — " in says["act_refused"]
        assert says["statement_recorded"].startswith("aa.contact for AA ")
        assert says["definition_adopted"] == "the definition is adopted, and the accord founded"


async def test_what_a_deadline_brings_has_a_sentence(database_url: str) -> None:
    async with PostgresLedger.connect(database_url) as ledger:
        filler = Filler(ledger)
        await filler.found("late", small())
        await filler.do(
            "late", "record_statement", "aa.contact", at=datetime(2030, 4, 2, tzinfo=UTC), digest=digest("x")
        )
        says = [entry_says(event, "diplomatic") for event in await recorded(ledger, "late")]
        assert "condition C1 is due soon" in says
        assert "condition C1 is overdue" in says
