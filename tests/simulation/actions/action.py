"""An action in a random play: what somebody asks for, with marks in its fields that are looked up where it is made.

A mark such as ``@document:D1`` stands for what it names in the play at hand, so that the same actions can be made in a
play whose parties are swapped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from tests.simulation.definitions import changed, party
from tests.simulation.invariants import oracle
from tests.simulation.play import Play
from tests.simulation.small import digest
from workflows.model.attested import state_digest
from workflows.model.canonical import digest_of
from workflows.model.state import Accord
from workflows.tracks.signing.pages import page_code, places
from workflows.tracks.signing.release import release_digest

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Action:
    """An act with marks in its fields, or (no act) time that passes; unsigned, while no worker runs."""

    by: str = ""
    act: str = ""
    fields: tuple[tuple[str, Any], ...] = ()
    hours: int = 0
    signed: bool = True


def action(by: str, act: str, /, **fields: Any) -> Action:
    return Action(by, act, tuple(fields.items()))


class Choice:
    """Choices out of one number, so that a play is a list of numbers and shrinks well."""

    def __init__(self, number: int) -> None:
        self.rest = number

    def of(self, options: Sequence[T]) -> T:
        self.rest, which = divmod(self.rest, len(options))
        return options[which]

    def chance(self, one_in: int) -> bool:
        return self.of(range(one_in)) == one_in - 1


# Marks


def look_up(play: Play, value: Any, variants: dict[str, dict[str, Any]]) -> Any:
    """``value`` with its marks replaced by what they stand for in ``play``."""
    if isinstance(value, list):
        return [look_up(play, one, variants) for one in value]
    if not isinstance(value, str) or not value.startswith("@"):
        return value
    kind, _, rest = value[1:].partition(":")
    return _MARKS[kind](play.state, *rest.split("/")) if kind != "variant" else variants[rest]


def _definition(a: Accord, _: str) -> str:
    return a.amendment.digest() if a.amendment else a.definition_digest


def _text(a: Accord, code: str, language: str) -> str:
    text = a.documents[code].texts.get(language) if code in a.documents else None
    return (text.pending or text.digest) if text else digest("none")


def _document(a: Accord, code: str) -> str:
    known = code in a.documents and code in a.definition.documents
    return (oracle.document_digest(a, code) if known else None) or digest("none")


def _powers(a: Accord, code: str, seat: str) -> str:
    state = a.documents[code].seats.get(seat) if code in a.documents else None
    return state.powers.digest if state and state.powers else digest("none")


def _evidence(a: Accord, code: str, which: str) -> str:
    found = [one.digest for one in a.conditions[code].evidence] if code in a.conditions else []
    return found[int(which) % len(found)] if found else digest("none")


def _page(a: Accord, code: str, seat: str, original: str) -> str:
    found = [
        one.code
        for one in places(a)
        if (one.document, one.seat) == (code, seat) and original in ("", one.original)
    ]
    return found[0] if found else page_code(a.id, digest("none"), seat, original)


_MARKS: dict[str, Callable[..., Any]] = {
    "definition": _definition,
    "text": _text,
    "document": _document,
    "powers": _powers,
    "evidence": _evidence,
    "page": _page,
    "understanding": lambda a, _: a.understanding.pending or a.understanding.digest or digest("none"),
    "schedule": lambda a, _: next(reversed(a.schedules), digest("none")),
    "corrigendum": lambda a, code: (
        (a.corrections[code].digest if code in a.corrections else None) or digest("none")
    ),
    "dates": lambda a, _: (
        digest_of(a.visit.proposed.model_dump(mode="json")) if a.visit.proposed else digest("none")
    ),
    "release": lambda a, _: release_digest(a) if a.founded else digest("none"),
    "state": lambda a, _: state_digest(a),
}


# What several actions are made of


def low(code: str) -> str:
    return code.lower()


def submission(obligor: str, code: str, grade: str, content: str) -> Action:
    return action(
        f"{low(obligor)}.obligor",
        "submit_evidence",
        condition=code,
        digest=digest(f"evidence {code} {content}"),
        grade=grade,
        source="Office",
    )


def powers_for(side: str, code: str, seat: str, holder: str, content: str, **dates: Any) -> Action:
    named = digest(f"powers {code} {seat} {content}")
    return action(
        f"{side}.authority",
        "issue_full_powers",
        document=code,
        seat=seat,
        holder=holder,
        digest=named,
        **dates,
    )


def window(_: Accord, choice: Choice) -> dict[str, str]:
    return choice.of(
        [
            {"begins": "2030-05-01T08:00:00Z", "ends": "2030-05-03T18:00:00Z", "place": "Town"},
            {"begins": "2030-06-10T08:00:00Z", "ends": "2030-06-12T08:00:00Z", "place": "Town"},
            {"begins": "2030-09-10T08:00:00Z", "ends": "2030-09-12T08:00:00Z", "place": "City"},
        ]
    )


VARIANTS = (
    "title",
    "terms of V1",
    "without D2",
    "another D2",
    "later long stop",
    "a fourth party",
    "no Z1",
    "other window",
    "as it was",
)
"""The amendments that random plays propose."""


def variants(definition: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the parties may amend ``definition`` to, by name."""
    return {
        "title": changed(definition, title="Another title"),
        "terms of V1": changed(definition, conditions__V1__title="Another matter"),
        "without D2": changed(definition, documents__D2=None),
        "another D2": changed(definition, documents__D2__title="Another instrument"),
        "later long stop": changed(definition, long_stop={"at": "2031-06-01T00:00:00Z"}),
        "a fourth party": changed(definition, parties__DD=party("DD", required=False)),
        "no Z1": changed(definition, conditions__Z1=None),
        "other window": changed(definition, window__begins="2030-05-02T08:00:00Z"),
        "as it was": definition,
    }
