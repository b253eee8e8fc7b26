"""Whether the model's tests notice when a guard is gone: each place where one is declared is forced to be met, in turn.

One session of pytest runs the tests once, to see which of them meet which guard unmet; only these can notice. Then
each place is forced, and its tests run until one fails. ``python -m tests.mutation.guards`` prints a JSON report.
"""

from __future__ import annotations

import ast
import importlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

import workflows
from workflows.model.declare import Check

ROOM = Path(workflows.__file__).parent
FILES = [str(path) for path in sorted((Path(__file__).parents[1] / "workflows").glob("*/test_*.py"))]

Site = tuple[str, str, str]
"""Where a guard is declared: module, function, and the guard's name."""


def sites() -> list[Site]:
    """Every place in ``workflows`` that declares a guard, from the source."""
    found: dict[Site, None] = {}

    def named(first: ast.expr, tree: ast.Module) -> Iterator[str]:
        """The guard's name; where it is the class's own (``self.after``), what each class of the file calls it."""
        if isinstance(first, ast.Constant):
            yield str(first.value)
        elif isinstance(first, ast.Attribute):
            for one in ast.walk(tree):
                match one:
                    case ast.Assign(targets=[ast.Name(id=first.attr)], value=ast.Constant(value=str(name))):
                        yield name

    def visit(node: ast.AST, tree: ast.Module, module: str, where: str) -> None:
        for child in ast.iter_child_nodes(node):
            inner = where
            if isinstance(child, ast.ClassDef | ast.FunctionDef):
                inner = f"{where}.{child.name}".lstrip(".")
            if (
                isinstance(child, ast.Call)
                and isinstance(child.func, ast.Name)
                and child.func.id == "Check"
                and child.args
                and not _always_met(child)
            ):
                found.update(dict.fromkeys((module, where, name) for name in named(child.args[0], tree)))
            visit(child, tree, module, inner)

    for path in sorted(ROOM.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        visit(tree, tree, ".".join(path.relative_to(ROOM.parent).with_suffix("").parts), "")
    return list(found)


def _always_met(call: ast.Call) -> bool:
    """Whether a guard is only named as met there, so that nothing can be forced."""
    return len(call.args) > 1 and isinstance(call.args[1], ast.Constant) and call.args[1].value is True


@contextmanager
def forced(site: Site) -> Iterator[None]:
    """While it lasts, the guard of one place is met whatever the state."""
    module_name, where, guard = site

    def check(name: str, met: bool, *rest: Any, **more: Any) -> Check:
        here = name == guard and sys._getframe(1).f_code.co_qualname == where
        return Check(name, True if here else met, *rest, **more)

    module = importlib.import_module(module_name)
    module.Check = check  # type: ignore[attr-defined]
    try:
        yield
    finally:
        module.Check = Check  # type: ignore[attr-defined]


@contextmanager
def watched(seen: set[Site]) -> Iterator[None]:
    """While it lasts, every place whose guard is unmet is added to ``seen``."""
    modules = {module: importlib.import_module(module) for module, _, _ in sites()}

    def watch(module: str) -> Any:
        def check(name: str, met: bool, *rest: Any, **more: Any) -> Check:
            if not met:
                seen.add((module, sys._getframe(1).f_code.co_qualname, name))
            return Check(name, met, *rest, **more)

        return check

    for name, module in modules.items():
        module.Check = watch(name)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for module in modules.values():
            module.Check = Check  # type: ignore[attr-defined]


class Guards:
    """A pytest plugin whose session forces the guards instead of running the tests once."""

    def __init__(self, only: str = "") -> None:
        self.only = only
        self.report: dict[str, Any] = {
            "sites": 0,
            "caught": 0,
            "survivors": [],
            "never_unmet": [],
            "failing": [],
        }

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        noticing: dict[Site, list[tuple[float, pytest.Item]]] = {site: [] for site in sites()}
        for item in session.items:
            seen: set[Site] = set()
            with watched(seen):
                reports = runtestprotocol(item, log=False, nextitem=None)
            if not all(report.passed for report in reports):
                self.report["failing"].append(item.nodeid)
                continue
            took = sum(report.duration for report in reports)
            for site in seen & noticing.keys():
                noticing[site].append((took, item))
        for site, tests in noticing.items():
            if self.only in ".".join(site):
                self._force(site, [item for _, item in sorted(tests, key=lambda one: one[0])])
        return True

    def _force(self, site: Site, tests: list[pytest.Item]) -> None:
        self.report["sites"] += 1
        name = f"{site[0].removeprefix('workflows.')}.{site[1]}: {site[2]}"
        if not tests:
            self.report["never_unmet"].append(name)
            return
        with forced(site):
            for item in tests:
                if not all(one.passed for one in runtestprotocol(item, log=False, nextitem=None)):
                    self.report["caught"] += 1
                    return
        self.report["survivors"].append(name)


def main() -> None:
    """Print the report; with an argument, of the places only whose name holds it."""
    plugin = Guards(*sys.argv[1:2])
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", "ignore", "--timeout=0"]
    pytest.main([*options, *FILES], plugins=[plugin])
    print(json.dumps(plugin.report, indent=1))


if __name__ == "__main__":
    main()
