"""What the model declares, for those who write documents of it: its tracks in their order, and the guards of each act.

Which guards an act has is read from the source of its ``guards`` and of what that calls, so that nobody has to list
them: a guard that is declared is told.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType, ModuleType
from typing import Any

from workflows.model import rules
from workflows.model.declare import Act
from workflows.model.state import Accord

TRACKS = {
    "founding": "Founding",
    "consent": "Consent",
    "invitation": "Invitation",
    "conditions": "Conditions",
    "predecessor": "Verdicts of a predecessor",
    "documents": "Documents",
    "schedules": "Schedules of texts",
    "understanding": "Understanding",
    "visit": "Visit",
    "signing": "Signing",
    "subsequent": "After signing",
    "corrections": "Corrections",
    "statements": "Statements",
    "attestation": "Attestation",
    "keys": "Keys of delegates",
    "witnessing": "Witnesses",
    "logkeys": "Keys of the log",
    "erasure": "Erasure",
    "operation": "Operation",
}
"""The tracks in the ladder's order, then those that stand beside it; one that is not named here comes last."""

OF_EVERY_ACT = (
    "accord_open",
    "not_paused",
    "appointment_in_force",
    "party_of_accord",
    "authority",
    "founded",
)
"""The guards that come before an act's own, where it declares nothing else."""


def by_track(items: Mapping[str, Any], track: Callable[[Any], str]) -> Iterator[tuple[str, list[Any]]]:
    """The registered classes by track, in the tracks' order, each as its files declare them, whoever imports what."""
    found: dict[str, list[Any]] = {
        name: [] for name in (*TRACKS, *sorted({*map(track, items.values())} - {*TRACKS}))
    }
    for one in sorted(items.values(), key=lambda declared: declared.__module__):
        found[track(one)].append(one)
    for name, members in found.items():
        if members:
            yield TRACKS.get(name, name.capitalize()), members


def guards_before(act: type[Act]) -> tuple[str, ...]:
    """The guards that an act has before its own, in the order in which they are asked."""
    left_out = {
        name for name, out in (("not_paused", act.while_paused), ("founded", act.before_founding)) if out
    }
    return tuple(name for name in OF_EVERY_ACT if name not in left_out)


def guards_of(act: type[Act]) -> tuple[str, ...]:
    """The guards of an act beyond those that every act has, in the order of its source; gates as ``gate:NAME``."""
    found: dict[str, None] = {}
    _read(act.guards, act, found, set())
    return tuple(found)


def guards_of_gate(name: str) -> tuple[str, ...]:
    """The guards of a gate, by name.

    The function ``rules.gate`` yields them in one order and returns as soon as a gate has all of its own; what
    stands below such a return is not the gate's.
    """
    found: dict[str, None] = {}
    tree = _tree(rules.gate)
    assert isinstance(tree.body[0], ast.FunctionDef)  # noqa: S101 - the source of a function is one
    for statement in tree.body[0].body:
        if isinstance(statement, ast.If) and _names(statement.test):
            about = _holds(statement.test, name)
            if not about:
                continue
            _read_calls(statement, rules.gate, Accord, found, set())
            if any(isinstance(one, ast.Return) for one in statement.body):
                break
        else:
            _read_calls(statement, rules.gate, Accord, found, set())
    return tuple(found)


def _names(test: ast.expr) -> bool:
    """Whether a condition compares the gate's name."""
    return any(
        isinstance(one, ast.Compare) and isinstance(one.left, ast.Name) and one.left.id == "name"
        for one in ast.walk(test)
    )


def _holds(test: ast.expr, name: str) -> bool:
    """Whether a condition on the gate's name holds for ``name``; what else it asks is taken as not so."""
    if isinstance(test, ast.BoolOp):
        return any(_holds(one, name) for one in test.values)
    return (
        isinstance(test, ast.Compare)
        and isinstance(test.left, ast.Name)
        and test.left.id == "name"
        and isinstance(test.ops[0], ast.Eq)
        and isinstance(test.comparators[0], ast.Constant)
        and test.comparators[0].value == name
    )


def _tree(function: Callable[..., Any]) -> ast.Module:
    return ast.parse(textwrap.dedent(inspect.getsource(function)))


def _read(function: Callable[..., Any], owner: type, found: dict[str, None], seen: set[str]) -> None:
    if function.__qualname__ not in seen:
        seen.add(function.__qualname__)
        _read_calls(_tree(function), function, owner, found, seen)


def _read_calls(
    tree: ast.AST, function: Callable[..., Any], owner: type, found: dict[str, None], seen: set[str]
) -> None:
    """Add the guards that a piece of source declares or calls for, in order."""
    # Where only an attribute of a check is used, such as who could meet it, it is no guard here.
    looked_at = {
        id(one.value)
        for one in ast.walk(tree)
        if isinstance(one, ast.Attribute) and one.attr in ("who", "met")
    }
    calls = [one for one in ast.walk(tree) if isinstance(one, ast.Call) and id(one) not in looked_at]
    for call in sorted(calls, key=lambda one: (one.lineno, one.col_offset)):
        named = _name_given(call, owner)
        if isinstance(call.func, ast.Name) and call.func.id == "Check" and isinstance(named, str):
            found[named] = None
        elif isinstance(call.func, ast.Name) and call.func.id == "Gate" and isinstance(named, str):
            found[f"gate:{named}"] = None
        else:
            of = _act_of(call.func, function, owner)
            called = of.guards if of is not None else _called(call.func, function, owner)
            if called is not None and "Check" in str(called.__annotations__.get("return", "")):
                _read(called, of or owner, found, seen)


def _name_given(call: ast.Call, owner: type) -> str | None:
    """A call's first argument where it is a name: as it is written, or as the act's class says (``self.after``)."""
    match call.args[:1]:
        case [ast.Constant(value=str(name))]:
            return name
        case [ast.Attribute(value=ast.Name(id="self"), attr=attribute)]:
            own = getattr(owner, attribute, None)
            return own if isinstance(own, str) else None
    return None


def _act_of(node: ast.expr, function: Callable[..., Any], owner: type) -> type[Act] | None:
    """The act whose guards are called for, where a function makes it first: ``self._single(one).guards``."""
    if not (isinstance(node, ast.Attribute) and node.attr == "guards" and isinstance(node.value, ast.Call)):
        return None
    maker = _called(node.value.func, function, owner)
    made = maker.__globals__.get(str(maker.__annotations__.get("return"))) if maker is not None else None
    return made if isinstance(made, type) and issubclass(made, Act) else None


def _called(node: ast.expr, function: Callable[..., Any], owner: type) -> FunctionType | None:
    """The function of the model that a call means, or none."""
    found: Any = None
    if isinstance(node, ast.Name):
        found = inspect.unwrap(function).__globals__.get(node.id)
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        holder = inspect.unwrap(function).__globals__.get(node.value.id)
        if isinstance(holder, ModuleType):
            found = getattr(holder, node.attr, None)
        else:
            found = getattr(Accord if node.value.id == "a" else owner, node.attr, None)
    return found if isinstance(found, FunctionType) and found.__module__.startswith("workflows.") else None
