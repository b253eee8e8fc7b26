"""The model's reference page holds every act, event, gate, role and guard, and is the one that the program writes."""

from __future__ import annotations

import re

import pytest

from activities.reference.guards import OF_EVERY_ACT, guards_of
from tests.mutation.guards import sites
from worker.reference import model, pages
from workflows.model.deadlines import Kind
from workflows.model.declared import ACTS, EVENTS
from workflows.model.rules import GATES, LADDER
from workflows.model.values import ROLES

PAGE = pages.FOLDER / "reference.md"


def test_the_committed_page_is_the_present_one() -> None:
    assert PAGE.read_text(encoding="utf-8") == pages.pages()[PAGE], (
        "write it again: python -m worker.reference.pages"
    )


@pytest.mark.parametrize(
    ("part", "names"),
    [
        ("model-acts", ACTS),
        ("model-events", EVENTS),
        ("model-gates", GATES),
        ("model-roles", ROLES),
        ("model-stages", (*LADDER, "terminated")),
        ("model-deadlines", Kind.__args__),  # type: ignore[attr-defined]
    ],
)
def test_each_part_is_whole(part: str, names: object) -> None:
    text = model.BLOCKS[part]()
    assert {name for name in names if f"`{name}`" not in text} == set()  # type: ignore[attr-defined]


def test_every_guard_that_is_declared_is_in_the_page_and_no_other() -> None:
    declared = {guard for module, _, guard in sites()} - {"signal_taken_up"}
    listed = set(re.findall(r"`([a-z_]+)`", " ".join(_guard_lines())))
    assert declared - set(OF_EVERY_ACT) - listed == set()
    assert listed - declared == set()


def _guard_lines() -> list[str]:
    lines = [
        re.sub(r"the gate `[a-z]+`", "", line)
        for line in model.acts().splitlines()
        if line.startswith("Guards: ")
    ]
    return lines + [line.rpartition("|")[0].rpartition("|")[2] for line in model.gates().splitlines()[2:]]


def test_the_guards_of_an_act_come_in_the_order_in_which_they_are_asked() -> None:
    guards = guards_of(ACTS["sign_document"])
    assert guards.index("document_known") < guards.index("gate:signing") < guards.index("authority_valid")
    assert guards_of(ACTS["propose_texts"]) == guards_of(ACTS["propose_text"])
