"""Every recorded decision is decided again: no release judges an accord otherwise than by the rules that it names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.compatibility.decisions import FOLDER, OBSERVER, decided, rules_of
from tests.compatibility.plays import ALL
from workflows.model.declare import Act, Check
from workflows.model.declared import ACTS
from workflows.model.definition import RULES

FILES = sorted(FOLDER.glob("rules-*/*.json"))


def read(path: Path) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return steps


def test_every_version_of_the_rules_has_every_play() -> None:
    there = {(path.parent.name, path.stem) for path in FILES}
    wanted = {(f"rules-{RULES}", name) for name in ALL}
    assert wanted <= there, "write what is missing: python -m tests.compatibility.decisions"
    assert {folder for folder, _ in there} == {f"rules-{rules}" for rules in range(1, RULES + 1)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_was_decided_is_decided_again(path: Path) -> None:
    steps = read(path)
    assert path.parent.name == f"rules-{rules_of(steps)}"
    for number, (was, now) in enumerate(zip(steps, decided(steps), strict=True)):
        assert now == was, f"step {number}: {was['command']['act']}"


def test_the_corpus_has_every_act_both_recorded_and_refused() -> None:
    taken: set[str] = set()
    refused: set[str] = set()
    for path in FILES:
        steps = read(path)
        for step in steps:
            act = step["command"]["act"]
            (refused if "refused" in step["decided"] else taken).add(act)
            for probe, found in step["probes"].items():
                if "refused" in found:
                    refused.add(act if probe == OBSERVER else steps[int(probe)]["command"]["act"])
    assert set(ACTS) - taken == set(), "let a play of tests/compatibility/plays.py do it"
    assert {name for name, act in ACTS.items() if act.who.roles} - refused == set()


def test_a_changed_rule_is_found_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = read(FOLDER / f"rules-{RULES}" / "withdrawn.json")
    issue: type[Act] = ACTS["issue_invitation"]
    guards = issue.guards

    def stricter(self: Act, a: Any, by: Any, at: Any) -> Any:
        yield from guards(self, a, by, at)
        yield Check("another_guard", False)

    monkeypatch.setattr(issue, "guards", stricter)
    assert list(decided(steps)) != steps
