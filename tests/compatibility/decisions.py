"""The corpus of decisions: what followed from a command in a state at a time, by every version of the rules.

``python -m tests.compatibility.decisions`` adds what is missing for the newest rules, and never writes over what is
there: once an accord was judged by rules, they decide the same in every later release. Before the first release,
``--anew`` writes all of it again.

A file is one play by one version of the rules: each command with its time, and what followed. The state before it is
the fold of what followed from the ones before. Beside each stand probes in the same state, most of which are refused:
other commands of the play, at another place than their own, and the same one by an observer.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.compatibility.plays import ALL
from tests.simulation.play import Play
from workflows.model.canonical import digest_of
from workflows.model.commands import Command, EventDraft, RecordedEvent
from workflows.model.decide import decide
from workflows.model.declare import Rejected
from workflows.model.definition import RULES
from workflows.model.fold import evolve
from workflows.model.state import Accord

FOLDER = Path(__file__).parent / "decisions"

PROBES = (-7, -1, 3, 11)
"""Which other commands are put to each state: so many places before or after the one that was played in it."""

OBSERVER = "press"
"""Who asks for each act too, and may do next to nothing."""


def outcome(
    a: Accord | None, command: Command, at: datetime
) -> tuple[dict[str, Any], tuple[EventDraft, ...]]:
    """What follows from a command, in few words and as a digest of all of it; and the events."""
    try:
        decision = decide(a, command, at)
    except Rejected as error:
        return {"rejected": error.code}, ()
    refusal = decision.refusal.model_dump(mode="json") if decision.refusal else None
    events = [draft.model_dump(mode="json") for draft in decision.events]
    found: dict[str, Any] = {"events": [draft.type for draft in decision.events]}
    if refusal is not None:
        found["refused"] = refusal["guard"]
        found["unmet"] = [one["guard"] for one in refusal["unmet"]]
    found["digest"] = digest_of({"events": events, "refusal": refusal, "repeats": decision.repeats})
    return found, decision.events


def recorded(a: Accord | None, command: Command, events: tuple[EventDraft, ...]) -> Accord | None:
    """The state after the events, read as they would be from the record."""
    for draft in events:
        entry = draft.recorded(0 if a is None else a.size, command.id)
        a = evolve(a, RecordedEvent.model_validate_json(entry.model_dump_json()))
    return a


def decided(steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each step with what follows from it, and from its probes, by this release."""
    commands = [Command.model_validate(step["command"]) for step in steps]
    a: Accord | None = None
    for number, (step, command) in enumerate(zip(steps, commands, strict=True)):
        at = datetime.fromisoformat(step["at"])
        probes = {}
        for probe in PROBES:
            if 0 <= number + probe < len(commands):
                probes[str(number + probe)], _ = outcome(a, commands[number + probe], at)
        other = command.model_copy(update={"delegate": OBSERVER, "id": f"{OBSERVER}/{number}", "own": None})
        probes[OBSERVER], _ = outcome(a, other, at)
        found, events = outcome(a, command, at)
        yield {"at": step["at"], "command": step["command"], "decided": found, "probes": probes}
        a = recorded(a, command, events)


def steps_of(play: Play) -> list[dict[str, Any]]:
    """A play's commands, and their times."""
    return [
        {"at": at.isoformat(), "command": command.model_dump(mode="json", exclude_defaults=True)}
        for command, at, _ in play.decisions
    ]


def rules_of(steps: list[dict[str, Any]]) -> int:
    """The rules that a play's definition names; it has to, for them to stay the same in a later release."""
    rules = steps[0]["command"]["fields"]["definition"]["rules"]
    assert isinstance(rules, int)
    return rules


def main() -> None:
    """Write what is missing; with ``--anew``, everything."""
    anew = "--anew" in sys.argv
    folder = FOLDER / f"rules-{RULES}"
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in ALL.items():
        path = folder / f"{name}.json"
        if path.exists() and not anew:
            continue
        steps = steps_of(make())
        assert rules_of(steps) == RULES, f"the play {name} names other rules than the newest"
        lines = ",\n".join(json.dumps(step, ensure_ascii=False) for step in decided(steps))
        path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
        print(path.relative_to(FOLDER))


if __name__ == "__main__":
    main()
