"""The sentences that the model makes, gathered from its source: each as a message with its fields in braces.

Reasons and remedies of guards, what waits, causes of events, what ends when: they are strings of the source, put
together there. Each way of putting one together is a message of its own, so that a translation is a whole sentence.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path

from activities.reference.guards import guards_of_gate
from workflows.model.declared import ACTS
from workflows.model.rules import GATES
from workflows.model.vocabulary import VOCABULARIES, placeholders

ROOMS = ("workflows/model", "workflows/tracks", "workflows/record")

_PLACES: dict[str, tuple[int, ...]] = {
    "Check": (2, 3),
    "step": (3,),
    "by_any": (3,),
    "item": (2,),
    "subject": (1,),
    "Deadline": (2, 4),
    "append": (0,),
    "same_digest": (3,),
    "_verifying": (3,),
}
"""Which of a call's arguments are sentences, by the name of what is called."""

_NAMED = ("reason", "remedy", "cause", "says", "words")
"""Keyword arguments that are sentences."""

_MOST = 40
"""Ways in which one sentence may be put together; one that has more is a field."""

_LETTERS = re.compile(r"[A-Za-z]{2}")
_VALUES = (
    *("proposed", "agreed", "evidence_submitted", "verified", "waived", "disputed", "returned"),
    *("lapsed", "revoked", "removed", "drafted", "issued", "accepted", "accepted_in_principle"),
    *("declined", "withdrawn", "expired", "tentative", "confirmed", "advance_done", "on_hold"),
    *("arrived", "completed", "curtailed", "cancelled", "held", "released", "void"),
    *("effective", "stale", "definition", "declared", "reported", "documented", "inspected"),
    *("visit", "signing", "ceremony", "subsequent", "evidence"),
    *("without dates", "prepared", "under way", "acceptance", "arrival"),
)
"""Values of the record that sentences name as they stand."""

_FIELD = re.compile(r"\{[a-z_0-9]+\}")
_TERM = re.compile(r"\{((?:the |a |~)[a-z]+)\}")
_NO_SENTENCE = ("witness policy",)
_MAKERS = ("saying.py", "vocabulary.py", "wording.py")
"""Files that put sentences together, and say none."""

ALSO = (
    "{code} ({title})",
    "{names} and {number} more",
    "{words}, {date}",
    "revoked {date}",
    "{words} ({cause})",
    "{number} of {needed} verifiers found it met",
    "questioned by a monitor's report",
    "waiting for evidence of grade {grade}",
    "{number} of {needed} verifier found it met",
    "and it depends on {conditions}",
    "the verdict has lapsed: {words}",
    "nobody is {roles}: name one by an amendment, with every party (propose-amendment)",
    "name one by an amendment, with every party (propose-amendment)",
    "{document} is not agreed in {languages}",
    "not in",
    "nobody is appointed as {roles} yet: {words}",
    "nobody of {names} is appointed as {roles} yet: {words}",
    "overdue",
    "overdue, and the contacts are told",
    "{subject} is due",
    "{subject}: validity ends",
    "time to cure {subject} ends",
    "long-stop date",
    "Read and agree to {what}",
    "Agree to {what}, or leave it",
    "a delegate of {party}",
    "{code} ({title}): {words}",
    "has not answered",
    "the completion of the closing meeting",
    "the curtailment of the closing meeting",
    "the cancellation of the closing meeting",
)
"""Sentences that are put together over several statements, which no single expression shows."""


def messages(root: Path) -> dict[str, str]:
    """Every sentence, and the file that says it first."""
    found: dict[str, str] = dict.fromkeys(ALSO, "worker/reference/prose.py")
    for room in ROOMS:
        for file in sorted((root / room).rglob("*.py")):
            if file.name in _MAKERS:
                continue
            place = file.relative_to(root).as_posix()
            tree = ast.parse(file.read_text(encoding="utf-8"))
            for vocabulary in VOCABULARIES:
                for one in _Sentences(tree, vocabulary=vocabulary).all():
                    if one not in _NO_SENTENCE:
                        found.setdefault(one, place)
    for one in _VALUES:
        found.setdefault(one.replace("_", " "), "workflows/model/values.py")
    for act in ACTS.values():
        for vocabulary in VOCABULARIES:
            found.setdefault(act.who.describe(vocabulary), "workflows/model/declare.py")
    return found


PROBLEMS = (
    *("api/pages/*.py", "api/access.py", "api/problems.py", "api/limits.py", "api/contents.py"),
    # What is told of an act whose form was filled in as it should be, and which yet is none.
    *("activities/judging/lookups.py", "activities/judging/claiming.py"),
)
"""Where problems are said that a page shows; what else goes wrong is for programs, and is told in English."""


def problems(root: Path) -> dict[str, str]:
    """What the pages say of problems, and the file that says it."""
    found: dict[str, str] = {}
    for pattern in PROBLEMS:
        for file in sorted(root.glob(pattern)):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            for one in _Sentences(tree, {"Problem": (1,), "Rejected": (1,), "sign_in_page": (4,)}).all():
                found.setdefault(one, file.relative_to(root).as_posix())
    return found


def guard_names(root: Path) -> dict[str, str]:
    """The names of the guards of gates, which are shown where they are met."""
    found: dict[str, str] = {}
    for room in ROOMS:
        for file in sorted((root / room).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                match node:
                    case ast.Call(func=ast.Name(id="Check"), args=[ast.Constant(value=str(name)), *_]):
                        found.setdefault(name, file.relative_to(root).as_posix())
    gates = {guard for gate in GATES for guard in guards_of_gate(gate)}
    return {name: file for name, file in found.items() if name in gates}


class _Sentences:
    """The sentences of one file, as one vocabulary says them."""

    def __init__(
        self,
        tree: ast.Module,
        places: Mapping[str, tuple[int, ...]] = _PLACES,
        vocabulary: str = "diplomatic",
    ) -> None:
        self._tree = tree
        self._terms = placeholders(vocabulary)
        self._places = places
        self._named = _NAMED if places is _PLACES else ("wrong",)
        self._further: list[str] = []

    def all(self) -> Iterator[str]:
        for function in ast.walk(self._tree):
            # Who may do an act is described below, act by act.
            if isinstance(function, ast.FunctionDef) and function.name != "describe":
                yield from self._of(function)
        outside = [one for one in self._tree.body if not isinstance(one, ast.FunctionDef | ast.ClassDef)]
        yield from self._of(ast.Module(outside, []))
        for table in self._tables():
            yield from (one for one in _constants(table) if " " in one)
        yield from self._further

    def _term(self, node: ast.expr) -> str:
        """The term of a vocabulary that is named, as it is written or by a constant of the file."""
        if isinstance(node, ast.Constant):
            return str(node.value)
        for one in self._tree.body:
            match one:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(term))):
                    if isinstance(node, ast.Name) and node.id == name:
                        return term
        return ""

    def _tables(self) -> Iterator[ast.expr]:
        """Tables of words, and sentences that an act's class has."""
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
                if isinstance(target, ast.Name) and target.id in (
                    "_STEPS_AFTER",
                    "_BEGUN",
                    "needless",
                    "first",
                    "STATUS",
                ):
                    yield node.value

    def _of(self, function: ast.FunctionDef | ast.Module) -> Iterator[str]:
        known = _assigned(function) if isinstance(function, ast.FunctionDef) else {}
        returns = getattr(function, "returns", None)
        speaks = (
            self._places is _PLACES and returns is not None and ast.unparse(returns) in ("str", "str | None")
        )
        for node in ast.walk(function):
            if isinstance(node, ast.Return) and speaks and node.value is not None:
                yield from self._said(node.value, known, spaced=True)
            elif isinstance(node, ast.Call):
                name = (
                    node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                )
                for place in self._places.get(name, ()):
                    yield from (one for arg in node.args[place : place + 1] for one in self._said(arg, known))
                for keyword in node.keywords:
                    if keyword.arg in self._named:
                        yield from self._said(keyword.value, known)

    def _said(
        self, node: ast.expr, known: dict[str, list[ast.expr]], *, spaced: bool = False
    ) -> Iterator[str]:
        for one in self._ways(node, known):
            plain = _FIELD.sub("", one)
            if _LETTERS.search(plain) and (not spaced or " " in one.strip()):
                # What is put behind a sentence is one of its own.
                yield one.removeprefix("; ")

    def _ways(self, node: ast.expr, known: dict[str, list[ast.expr]]) -> list[str]:
        """Every way in which an expression can be said."""
        match node:
            case ast.Constant(value=str(text)):
                return [_TERM.sub(lambda term: self._terms.get(term[1], term[0]), text)]
            case ast.Name(id="nobody") | ast.Attribute(attr="nobody") | ast.Call(func=ast.Name(id="_nobody")):
                # What goes on after a semicolon is a sentence of its own.
                return [""]
            case ast.Dict(values=values):
                ways = [way for one in values for way in self._ways(one, known)]
            case ast.Call(func=ast.Attribute(attr="get", value=ast.Dict() as table)):
                ways = self._ways(table, known)
            case ast.Subscript(value=ast.Dict() as table):
                ways = self._ways(table, known)
            case ast.IfExp():
                ways = self._ways(node.body, known) + self._ways(node.orelse, known)
            case ast.JoinedStr():
                parts = [
                    self._ways(one.value if isinstance(one, ast.FormattedValue) else one, known)
                    for one in node.values
                ]
                ways = [_numbered("".join(way)) for way in product(*parts)] if _few(parts) else [_field(node)]
            case ast.BinOp(op=ast.Add()):
                parts = [self._ways(node.left, known), self._ways(node.right, known)]
                ways = [_numbered("".join(way)) for way in product(*parts)]
            case ast.Name(id=name) if name in known:
                rest = {key: value for key, value in known.items() if key != name}
                ways = [way for one in known[name] for way in self._ways(one, rest)]
            case ast.Subscript(value=ast.JoinedStr() | ast.Call() | ast.Name() as whole):
                ways = self._ways(whole, known)
            case ast.Call(func=ast.Name(id="named" | "called" as form), args=[_, term]):
                ways = [self._terms[f"{'the ' if form == 'named' else '~'}{self._term(term)}"]]
            case ast.Call(
                func=ast.Name(id="do"),
                args=[names, ast.Constant(value=str(one)), ast.Constant(value=str(many)), *_],
            ):
                ways = [f"{_field(names)} {one}", f"{_field(names)} {many}"]
            case ast.Call(func=ast.Name(id="titled")):
                ways = ["{code} ({title})"]
            case ast.Call(func=ast.Attribute(attr="format", value=value)):
                ways = self._ways(value, known)
            case ast.BoolOp(op=ast.Or(), values=[first, *others]):
                for other in others:
                    self._further += [
                        one for one in self._ways(other, known) if _LETTERS.search(_FIELD.sub("", one))
                    ]
                ways = self._ways(first, known)
            case _:
                ways = [_field(node)]
        return ways if len(ways) <= _MOST else [_field(node)]


def _few(parts: list[list[str]]) -> bool:
    total = 1
    for one in parts:
        total *= len(one)
    return total <= _MOST


def _assigned(function: ast.FunctionDef) -> dict[str, list[ast.expr]]:
    """The names of a function that hold words which it puts together itself, with all that each may hold."""
    found: dict[str, list[ast.expr]] = {}
    grows: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, ast.AugAssign):
            grows.add(getattr(node.target, "id", ""))
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            continue
        target, value = node.targets[0], node.value
        pairs = [(target, value)]
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            pairs = list(zip(target.elts, value.elts, strict=True))
        elif isinstance(target, ast.Tuple) and isinstance(value, ast.IfExp):
            ways = [one.elts for one in (value.body, value.orelse) if isinstance(one, ast.Tuple)]
            pairs = [(name, one[at]) for one in ways for at, name in enumerate(target.elts)]
        for name, words in pairs:
            if isinstance(name, ast.Name) and _is_words(words):
                found.setdefault(name.id, []).append(words)
    return {name: words for name, words in found.items() if name not in grows}


def _is_words(node: ast.expr) -> bool:
    match node:
        case ast.JoinedStr() | ast.Constant(value=str()):
            return True
        case ast.IfExp():
            return _is_words(node.body) and _is_words(node.orelse)
        case ast.Dict(values=values):
            return bool(values) and all(_is_words(one) for one in values)
        case (
            ast.Call(func=ast.Attribute(attr="get", value=ast.Dict() as table))
            | ast.Subscript(value=ast.Dict() as table)
        ):
            return _is_words(table)
        case ast.Call(func=ast.Name(id="named" | "called" | "titled")):
            return True
        case ast.BinOp(op=ast.Add()):
            return _is_words(node.left) or _is_words(node.right)
    return False


def _constants(node: ast.expr) -> Iterator[str]:
    for one in ast.walk(node):
        if isinstance(one, ast.Constant) and isinstance(one.value, str):
            yield one.value.replace("{}", "{what}")


_CALLED = {"show_date": "date", "show_time": "time"}


def _field(node: ast.expr) -> str:
    return "{" + (_name(node) or "value") + "}"


def _name(node: ast.AST) -> str:
    """What a field is called: by the name of what stands in it."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.FormattedValue():
            return _name(node.value)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.strip("_").lower()
        case ast.Call(func=ast.Name(id=name)) if name in _CALLED:
            return _CALLED[name]
        case ast.Call(func=ast.Attribute(attr="join"), args=[what]):
            return _name(what) or "names"
        case ast.Call(func=ast.Attribute(attr="replace", value=value)) if ast.unparse(value) == "wanted.name":
            return "act"
        case ast.Call(func=ast.Attribute(attr="replace" | "isoformat" | "get", value=value)):
            return _name(value)
        case ast.Call(func=ast.Attribute(attr="phrase")):
            return "act"
        case ast.Call(func=ast.Attribute(attr=name)):
            return name.strip("_").lower()
        case ast.Call(func=ast.Name(id="len")):
            return "number"
        case ast.Call(func=ast.Name(id=name)) if name.endswith("_words"):
            return name.strip("_")
        case ast.Call(func=ast.Name(), args=[what, *_]) if not isinstance(what, ast.Name) or what.id != "a":
            return _name(what)
        case ast.Call(func=ast.Name(id=name)):
            return name.strip("_").lower()
        case ast.Subscript(value=value) | ast.BoolOp(values=[value, *_]) | ast.Starred(value=value):
            return _name(value)
        case ast.GeneratorExp(elt=value, generators=[first, *_]):
            return _name(first.iter) or _name(value)
    return ""


def _numbered(text: str) -> str:
    """The message with each field under a name of its own, the second of a name as ``name2``."""
    seen: dict[str, int] = {}

    def once(field: re.Match[str]) -> str:
        seen[field[0]] = seen.get(field[0], 0) + 1
        return field[0] if seen[field[0]] == 1 else f"{field[0][:-1]}{seen[field[0]]}}}"

    return _FIELD.sub(once, text)
