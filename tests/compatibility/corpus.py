"""The corpus of recorded events: whole plays, and one example of every event type in every version.

``python -m tests.compatibility.corpus`` adds what is missing, and never writes over what is there: what was recorded
once has to be read by every later release. Before the first release, ``--anew`` writes all of it again.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.compatibility.plays import ALL
from workflows.model.commands import RecordedEvent
from workflows.model.declared import EVENTS
from workflows.model.fold import evolve
from workflows.model.rules import stage
from workflows.model.state import Accord

FOLDER = Path(__file__).parent / "events"
PLAYS = FOLDER / "plays"


def ending(a: Accord) -> dict[str, Any]:
    """How an accord stands, in words that every later release has to arrive at from the same record."""
    return {
        "stage": stage(a),
        "size": a.size,
        "version": a.version,
        "time": a.time.isoformat(),
        "invitation": a.invitation.status,
        "understanding": a.understanding.status,
        "visit": a.visit.status,
        "conditions": {code: one.status for code, one in a.conditions.items()},
        "released": sorted(code for code, one in a.documents.items() if one.released_at is not None),
        "in_force": sorted(code for code, one in a.documents.items() if one.in_force_at is not None),
        "severed": sorted(code for code, one in a.documents.items() if one.severed),
        "terminated": a.terminated,
        "closed": a.closed,
    }


def folded(log: list[dict[str, Any]]) -> Accord:
    """The state that a recorded log leads to."""
    a: Accord | None = None
    for entry in log:
        a = evolve(a, RecordedEvent.model_validate(entry))
    assert a is not None
    return a


def name_of(type_: str, version: int) -> str:
    return f"{type_}.v{version}.json"


def _write(path: Path, text: str, anew: bool) -> None:
    if anew or not path.exists():
        path.write_text(text + "\n", encoding="utf-8")
        print(path.relative_to(FOLDER))


def _lines(ends: dict[str, Any], log: list[dict[str, Any]]) -> str:
    """A play as JSON with one entry on each line."""
    entries = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in log)
    return f'{{"ends": {json.dumps(ends, ensure_ascii=False)},\n"log": [\n{entries}\n]}}'


def main() -> None:
    """Write what is missing; with ``--anew``, everything."""
    anew = "--anew" in sys.argv
    PLAYS.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.json") if anew else ():
        old.unlink()
    for name, make in ALL.items():
        play = make()
        log = [event.model_dump(mode="json") for event in play.log]
        _write(PLAYS / f"{name}.json", _lines(ending(play.state), log), anew)
    for path in sorted(PLAYS.glob("*.json")):
        for entry in json.loads(path.read_text(encoding="utf-8"))["log"]:
            example = FOLDER / name_of(entry["type"], entry["version"])
            if not example.exists():
                _write(example, json.dumps(entry, indent=1, ensure_ascii=False), anew)
    missing = sorted(
        name for name, cls in EVENTS.items() if not (FOLDER / name_of(name, cls.version)).exists()
    )
    if missing:
        sys.exit(f"no play causes {', '.join(missing)}: add one to tests/compatibility/plays.py")


if __name__ == "__main__":
    main()
