"""The pages that follow from the program are those that it writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from activities.definitions.check import read_definition, schema
from activities.definitions.yaml_reading import read_yaml
from worker.reference import pages
from workflows.model.declared import ACTS


@pytest.mark.parametrize("file", pages.pages(), ids=lambda file: file.name)
def test_the_committed_page_is_the_present_one(file: Path) -> None:
    assert file.read_text(encoding="utf-8") == pages.pages()[file], (
        "write it again: python -m worker.reference.pages"
    )


def test_every_command_has_an_example_and_says_what_it_does() -> None:
    text = pages.commands()
    names = ("keys", "payload-key", "rollout", "rotation", "file", "me", "sheet")
    groups = tuple(f"entente {name}`" for name in names)
    parts = [part for part in text.split("## `")[1:] if not part.startswith(groups)]
    for part in parts:
        name = part.partition("`")[0]
        assert "```sh\n" in part, f"{name} has no example"
        assert part.split("\n")[2].strip(), f"{name} has no help"


def test_every_act_is_there() -> None:
    listed = pages.acts()
    assert all(f"`{name.replace('_', '-')}`" in listed for name in ACTS)


def test_every_field_says_what_it_is() -> None:
    whole = schema()
    for part in (whole, *whole["$defs"].values()):
        for name, one in part.get("properties", {}).items():
            assert one.get("description"), f"{part['title']}.{name} is not described"


def test_the_example_in_the_page_is_a_definition() -> None:
    page = (pages.FOLDER / "definition.md").read_text()
    example = page.partition("```yaml\n")[2].partition("```")[0]
    assert read_definition(read_yaml(example.encode())).title == "Working visit"


def test_the_schema_is_json() -> None:
    found = json.loads((pages.FOLDER / "definition.schema.json").read_text())
    assert found["$schema"].endswith("2020-12/schema")
    assert set(found["required"]) == {"title", "parties"}
