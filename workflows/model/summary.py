"""What people see at a glance: the read model's row, and the current details in the Temporal UI."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime

from workflows.model.authority import members, only_observes, periods
from workflows.model.commands import Summary
from workflows.model.rules import LADDER, blocking, next_deadline, stage
from workflows.model.state import Accord
from workflows.model.values import show_date, show_time
from workflows.model.vocabulary import word
from workflows.model.waiting.steps import waiting
from workflows.tracks.conditions.state import owed_by, satisfied
from workflows.tracks.documents.state import document_status
from workflows.tracks.founding.appointments import is_candidate

_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+"
)
"""A word; of scripts that put no space between words, a character."""


def searchable(*texts: str) -> tuple[str, ...]:
    """The words of texts in the form in which they are searched: compatibility forms and case make no difference."""
    return tuple(
        dict.fromkeys(
            word[:100]
            for text in texts
            for word in _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
        )
    )


def summarize(a: Accord) -> Summary:
    """The read model's row for an accord."""
    due, steps = next_deadline(a), waiting(a)
    unmet = () if a.ended else blocking(a)
    return Summary(
        accord=a.id,
        title=a.definition.title,
        vocabulary=a.definition.vocabulary,
        stage=stage(a),
        parties=tuple(a.definition.parties),
        members=members(a),
        periods=periods(a),
        version=a.version,
        position=a.size,
        opened=a.opened_at,
        updated=a.time,
        next_deadline=due.at if due else None,
        blocked_by=len(unmet),
        illustrative=a.definition.illustrative,
        simulated=a.definition.clock.mode == "simulated",
        ended=a.ended,
        words=searchable(
            a.id,
            a.definition.title,
            *a.definition.parties,
            *(party.name for party in a.definition.parties.values()),
        ),
        guards=tuple(dict.fromkeys(check.guard for check in unmet)),
        observers=tuple(
            code for code in members(a) if only_observes(a.delegates[code]) or is_candidate(a, code)
        ),
        waiting=steps,
        due=min((one.by for one in steps.values() if one.by is not None), default=None),
    )


_TURNING = dict.fromkeys((0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)))
"""Marks that turn the direction of what follows them (UAX #9): with them a name could rewrite a whole line."""


def to_be_marked(title: str, illustrative: bool) -> bool:
    """Whether a title has to be followed by the mark of an illustrative accord, which it does not bear itself."""
    return illustrative and "illustrative" not in title.lower()


def plain(text: str, most: int) -> str:
    """Text as one line of at most ``most`` bytes of UTF-8, without control characters or marks of direction."""
    shown = "".join(c if c.isprintable() or c > "\xa0" else " " for c in text.translate(_TURNING))
    return " ".join(shown.split()).encode(errors="replace")[:most].decode(errors="ignore")


def _cell(text: str) -> str:
    """Text that cannot break a Markdown table, nor become a link or a tag."""
    line = plain(text, 480)[:160].replace("://", ":\u2060//").replace("www.", "www\u2060.")
    return "".join("\\" + c if c in "\\`*_[]<>|#!~&" else c for c in line)


def ladder(a: Accord) -> str:
    """The stages in one line, the present one marked."""
    now = stage(a)
    vocabulary = a.definition.vocabulary
    if now == "terminated":
        return f"**{word(vocabulary, 'terminated')}**: {_cell(a.terminated or '')}"
    reached = LADDER.index(now)
    return " → ".join(
        f"**{word(vocabulary, rung)}**"
        if index == reached
        else ("✓ " if index < reached else "") + word(vocabulary, rung)
        for index, rung in enumerate(LADDER)
    )


_MOST_ROWS = 60


def _row(*cells: str) -> str:
    """A row of a table, with columns kept apart where a renderer puts no space between them.

    An em space does so; the word joiner behind it keeps it from being trimmed.
    """
    return "| " + " | ".join(f"{cell}\u2003\u2060" if cell else "" for cell in cells) + " |"


def _head(*names: str) -> list[str]:
    return [_row(*names), "|" + ":--|" * len(names)]


def _date(at: datetime | None) -> str:
    """A date that no renderer breaks at its hyphens."""
    return show_date(at).replace("-", "\u2011") if at is not None else "–"


def current_details(a: Accord) -> str:
    """Markdown for the Temporal UI: the stage, what blocks the next one, conditions by party, documents."""
    vocabulary = a.definition.vocabulary
    lines = [f"### {_cell(a.definition.title)}"]
    marks = [
        *(["illustrative"] if a.definition.illustrative else []),
        *([f"simulated clock: {show_time(a.time)}"] if a.definition.clock.mode == "simulated" else []),
    ]
    if marks:
        lines += [f"*{' · '.join(marks)}*"]
    if a.paused is not None:
        lines += ["", f"**Paused** since {show_time(a.paused.at)}: {_cell(a.paused.reason)}"]
    lines += ["", ladder(a), ""]
    due = next_deadline(a)
    if due is not None:
        lines += [f"Next deadline: {_cell(due.summary())}", ""]
    unmet = () if a.ended else blocking(a)
    if unmet:
        lines += [
            "**What blocks the next stage**",
            "",
            "| missing | who could meet it | due |",
            "|---|---|---|",
        ]
        lines += [
            _row(_cell(check.reason), _cell(", ".join(check.who) or "–"), _date(check.by))
            for check in unmet[:_MOST_ROWS]
        ]
        if len(unmet) > _MOST_ROWS:
            lines.append(_row(f"… and {len(unmet) - _MOST_ROWS} more", "", ""))
        lines.append("")
    else:
        lines += [
            "Nothing is open any more." if a.ended or a.released_at else "Nothing blocks the next stage.",
            "",
        ]
    lines += _conditions(a, vocabulary) + _documents(a, vocabulary)
    return "\n".join(lines)


def _conditions(a: Accord, vocabulary: str) -> list[str]:
    if not a.definition.conditions or not a.founded:
        return []
    lines = [
        f"**{word(vocabulary, 'conditions').capitalize()} by party**",
        "",
        *_head("who owes it", word(vocabulary, "condition"), "stands", "due", "next"),
    ]
    by_party = sorted(
        a.definition.conditions.items(),
        key=lambda item: [list(a.definition.parties).index(p) for p in item[1].obligors],
    )
    for code, terms in by_party[:_MOST_ROWS]:
        condition = a.conditions[code]
        mark = "✓" if satisfied(a, code) else "✗"
        stands = f"{mark} {condition.status.replace('_', ' ')}" + (
            ", questioned" if condition.questioned else ""
        )
        who = "–" if satisfied(a, code) else ", ".join(owed_by(a, code)[:4])
        title = f"{code} {_cell(terms.title)}"
        lines.append(_row(" + ".join(terms.obligors), title, stands, _date(terms.due), _cell(who)))
    if len(by_party) > _MOST_ROWS:
        lines.append(_row("", f"… and {len(by_party) - _MOST_ROWS} more", "", "", ""))
    return [*lines, ""]


def _documents(a: Accord, vocabulary: str) -> list[str]:
    if not a.definition.documents or not a.founded:
        return []
    lines = [
        f"**{word(vocabulary, 'documents').capitalize()}**",
        "",
        *_head(word(vocabulary, "document"), "languages", "stands", "seats"),
    ]
    for code, terms in list(a.definition.documents.items())[:_MOST_ROWS]:
        seats = ", ".join(
            f"{name}: {seat.signature.status if seat.signature else 'open'}"
            for name, seat in a.documents[code].seats.items()
        )
        stands = document_status(a, code).replace("_", " ")
        lines.append(_row(f"{code} {_cell(terms.title)}", ", ".join(terms.languages), stands, seats))
    return [*lines, ""]
