"""The reference of the model, from its registries and its source: acts, events, gates, roles, stages and deadlines.

Which guards an act has is read from the source of its ``guards`` and of what that calls, so that nobody has to list
them: a guard that is declared is in the page.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import textwrap
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType, ModuleType
from typing import Any

from workflows.model import rules
from workflows.model.declare import Act, Event, track_of
from workflows.model.declared import ACTS, EVENTS
from workflows.model.rules import GATES, LADDER, NEXT_GATE
from workflows.model.state import Accord
from workflows.model.values import ROLES

TRACKS = {
    "founding": "Founding",
    "consent": "Consent",
    "invitation": "Invitation",
    "conditions": "Conditions",
    "documents": "Documents",
    "understanding": "Understanding",
    "visit": "Visit",
    "signing": "Signing",
    "subsequent": "After signing",
    "operation": "Operation",
}
"""The tracks in the order in which people meet them; one that is not named here comes after these."""

KINDS = {
    "due": "reminds, flags and escalates; changes nothing else",
    "response": "an answer or a decision is no longer waited for",
    "freshness": "what was valid lapses",
    "cure": "a right to terminate, if what fell does not hold again by then",
    "long_stop": "a right to terminate, or the end, as the definition says",
}
"""What follows from a deadline of each kind."""


def row(*cells: str) -> str:
    """A row of a Markdown table."""
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def head(*names: str) -> list[str]:
    """The head of a Markdown table."""
    return [row(*names), "|" + "---|" * len(names)]


def _said(text: str | None) -> str:
    return " ".join((text or "").split())


def _by_track(items: Mapping[str, Any], track: Callable[[Any], str]) -> Iterator[tuple[str, list[Any]]]:
    """The registered classes by track, in the tracks' order, each as its files declare them, whoever imports what."""
    found: dict[str, list[Any]] = {
        name: [] for name in (*TRACKS, *sorted({*map(track, items.values())} - {*TRACKS}))
    }
    for one in sorted(items.values(), key=lambda declared: declared.__module__):
        found[track(one)].append(one)
    for name, members in found.items():
        if members:
            yield TRACKS.get(name, name.capitalize()), members


# Which guards


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


# The parts of the page


def acts() -> str:
    """Every act by track: what it does, who may, who has to agree, who sees it, its fields, its guards."""
    lines: list[str] = []
    for track, members in _by_track(ACTS, lambda act: act.track):
        lines += [f"### {track}", ""]
        for act in members:
            lines += [f"#### `{act.name}`", "", act.text(), ""]
            lines += [
                f"Who may: {act.who.describe()}. Who else has to agree: {act.who.agree}. "
                f"Who sees it: {act.who.sees}." + (" It comes as a signal." if act.signal else ""),
                "",
            ]
            lines += [*_fields(act), f"Guards: {_listed(guards_of(act))}.", ""]
    return "\n".join(lines)


def _fields(act: type[Act]) -> Iterator[str]:
    particular = act.particular_names()
    properties = act.model_json_schema()["properties"] if act.model_fields else {}
    if not properties:
        return
    yield from head("field", "type", "required", "kept as")
    for name, info in act.model_fields.items():
        yield row(
            f"`{name}`",
            _type(properties[name]),
            "yes" if info.is_required() else "no",
            "particular" if name in particular else "fact",
        )
    yield ""


def _type(one: Mapping[str, Any]) -> str:
    """A field's type in a few words, from its JSON schema."""
    if "$ref" in one:
        return str(one["$ref"]).rpartition("/")[2]
    if "anyOf" in one:
        return " or ".join(dict.fromkeys(_type(part) for part in one["anyOf"]))
    if "enum" in one:
        return ", ".join(f"`{value}`" for value in one["enum"])
    if one.get("type") == "array":
        return f"list of {_type(one.get('items', {}))}"
    if one.get("type") == "object":
        return "mapping"
    if one.get("format") == "date-time":
        return "time"
    if one.get("pattern", "").startswith("^sha256"):
        return "digest"
    return {"null": "none"}.get(str(one.get("type")), str(one.get("type", "any")))


def _listed(names: tuple[str, ...]) -> str:
    shown = [
        f"the gate `{name.removeprefix('gate:')}`" if name.startswith("gate:") else f"`{name}`"
        for name in names
    ]
    return ", ".join(shown) or "none but those that every act has"


def events() -> str:
    """Every event by track: what it says, its facts, its version."""
    lines: list[str] = []
    for track, members in _by_track(EVENTS, track_of):
        lines += [
            f"### {track}",
            "",
            *head("event", "what happened", "facts", "version", "changes the state"),
        ]
        for event in members:
            facts = ", ".join(f"`{name}`" for name in event.model_fields) or "–"
            changes = "yes" if event.changes_state else "no"
            lines.append(row(f"`{event.type}`", _said(event.__doc__), facts, str(event.version), changes))
        lines.append("")
    return "\n".join(lines)


def gates() -> str:
    """Every gate: what can be done when it is open, and its guards."""
    lines = head("gate", "when it is open", "guards")
    lines += [row(f"`{name}`", says, _listed(guards_of_gate(name))) for name, says in GATES.items()]
    return "\n".join([*lines, ""])


def roles() -> str:
    """Every role, and the acts that it may do."""
    lines = head("role", "may")
    acts = [act for _, members in _by_track(ACTS, lambda act: act.track) for act in members]
    for role in ROLES:
        may = ", ".join(f"`{act.name}`" for act in acts if role in act.who.roles)
        lines.append(row(f"`{role}`", may or "read, as the access rules say"))
    anyone = ", ".join(f"`{act.name}`" for act in acts if not act.who.roles)
    lines.append(row("any delegate", anyone))
    return "\n".join([*lines, ""])


def stages() -> str:
    """Every stage, and the gate that leads on from it."""
    lines = head("stage", "the next gate")
    lines += [row(f"`{name}`", f"`{NEXT_GATE[name]}`") for name in (*LADDER, "terminated")]
    return "\n".join([*lines, ""])


def deadlines() -> str:
    """Every kind of deadline, what follows, and the events by which it does."""
    by_kind: dict[str, dict[str, None]] = {kind: {} for kind in KINDS}
    classes: dict[str, type[Event]] = {cls.__name__: cls for cls in EVENTS.values()}
    for name in sorted({cls.__module__ for cls in EVENTS.values()}):
        module = importlib.import_module(name)
        for call in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Deadline":
                named, event = call.args[1], call.args[3]
                if isinstance(named, ast.Constant) and isinstance(event, ast.Call):
                    made = ast.unparse(event.func)
                    if made not in classes:  # A function that keeps the event; it says which by its result.
                        made = str(inspect.unwrap(getattr(module, made)).__annotations__["return"])
                    by_kind[str(named.value)][classes[made].type] = None
    lines = head("kind", "what follows", "events")
    for kind, found in by_kind.items():
        lines.append(row(f"`{kind}`", KINDS[kind], ", ".join(f"`{name}`" for name in found)))
    return "\n".join([*lines, ""])


BLOCKS: Mapping[str, Callable[[], str]] = {
    "model-acts": acts,
    "model-events": events,
    "model-gates": gates,
    "model-roles": roles,
    "model-stages": stages,
    "model-deadlines": deadlines,
}
"""The parts of ``reference.md`` that are generated, by the name that the page asks for them by."""
