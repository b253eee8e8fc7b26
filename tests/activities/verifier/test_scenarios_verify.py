"""Whole negotiations, from invitation to signing, with all that goes wrong on the way: each record verifies."""

from __future__ import annotations

from pathlib import Path

import pytest

from activities.judging.judge import appended_as
from activities.ledger.store import Append
from activities.verifier.verify import verify_bundle
from tests.activities.verifier.record import Record
from tests.worker.demo.playing import played
from worker.demo.backend import Outcome
from worker.demo.catalog import entries
from worker.demo.memory import Memory
from workflows.model.canonical import canonical
from workflows.model.commands import SYSTEM, TICK, Command
from workflows.model.decide import Decision
from workflows.model.definition import Definition


class Kept(Memory):
    """Plays as the memory does, and keeps what the recorder would have recorded, command by command."""

    def __init__(self, record: Record) -> None:
        super().__init__()
        self.record = record
        self.appends: dict[str, list[Append]] = {}

    async def open(self, definition: Definition, by: str) -> Outcome:
        """Open with the definition as the record has it: canonical JSON sorts the members of objects."""
        return await super().open(Definition.model_validate_json(canonical(definition.as_facts())), by)

    def _record(self, command: Command, decision: Decision) -> None:
        if command.act == TICK:
            # The recorder takes the clock's command only under the id of the record's size.
            command = command.model_copy(update={"id": f"{TICK}/{len(self.log)}"})
        signed = command if command.act in SYSTEM else self.record.api.sign(command)
        append = appended_as(self.state, signed, decision)
        super()._record(command, decision)
        self.appends.setdefault(command.accord, []).append(append)


@pytest.mark.parametrize("name", [entry.name for entry in entries()])
async def test_the_record_of_a_scenario_verifies(name: str, tmp_path: Path) -> None:
    [entry] = [entry for entry in entries() if entry.name == name]
    record = Record()
    result, kept, _ = await played(entry.read(), Kept(record))
    assert result.went_well
    assert isinstance(kept, Kept)
    for accord, appends in kept.appends.items():
        own = Record(accord=accord, api=record.api, log=record.log)
        for append in appends:
            [outcome] = await own.ledger.record([append])
            assert outcome.status == "appended"
        await own.sign()
        report = verify_bundle(await own.export(tmp_path / accord), own.trust())
        assert report.exit_code(strict=True) == 0, report.as_json()
        assert report["fold"].checked == report.size
        assert report.illustrative
