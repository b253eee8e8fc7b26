"""The guide for Temporal's users: what each pattern names is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "deploy" / "docs" / "patterns.md").read_text(encoding="utf-8")
PATTERNS = re.findall(r"^## (\d+\. [^\n]+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)


def named(text: str, what: str) -> list[tuple[str, str]]:
    """Each file that the pattern's line names, with what is named in brackets, or after colons, behind it."""
    found = re.search(rf"^- {what}: (.*)$", text, re.MULTILINE)
    assert found is not None, f"no line {what}"
    return re.findall(r"`([\w./-]+\.(?:py|md))(?:::(\w+))?`", found[1])


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize(("title", "text"), PATTERNS, ids=[title for title, _ in PATTERNS])
def test_each_pattern_names_a_file_a_test_and_a_cost_that_there_are(title: str, text: str) -> None:
    for path, _ in (files := named(text, "File")):
        assert (ROOT / path).is_file(), path
    assert files
    for path, function in (tests := named(text, "Test")):
        assert path.startswith("tests/")
        assert not function or function in functions(ROOT / path), f"{path}::{function}"
        assert function or any(name.startswith("test_") for name in functions(ROOT / path)), path
    assert tests
    assert re.search(r"^- Cost: .*\w", text, re.MULTILINE)
    code = "".join((ROOT / path).read_text(encoding="utf-8") for path, _ in files if path.endswith(".py"))
    for listed in re.findall(r"\((`_?\w+`(?:, `_?\w+`)*)\)", text):
        for name in re.findall(r"`(\w+)`", listed):
            assert re.search(rf"\b{name}\b", code), f"{title}: {name}"


def test_they_are_numbered_and_there_are_some_twelve() -> None:
    assert [title.partition(".")[0] for title, _ in PATTERNS] == [str(n) for n in range(1, len(PATTERNS) + 1)]
    assert len(PATTERNS) >= 12
