"""The reference of the model, from its registries and its source: acts, events, gates, roles, stages and deadlines."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from activities.reference.guards import by_track, guards_of, guards_of_gate
from workflows.model.declare import Act, Event, track_of
from workflows.model.declared import ACTS, EVENTS
from workflows.model.rules import GATES, LADDER, NEXT_GATE
from workflows.model.values import ROLES

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


# The parts of the page


def acts() -> str:
    """Every act by track: what it does, who may, who has to agree, who sees it, its fields, its guards."""
    lines: list[str] = []
    for track, members in by_track(ACTS, lambda act: act.track):
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
    for track, members in by_track(EVENTS, track_of):
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
    acts = [act for _, members in by_track(ACTS, lambda act: act.track) for act in members]
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
