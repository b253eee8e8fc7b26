"""The words of the pages: titles of acts, what a status is called, times and digests as people read them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from api.problems import Problem
from workflows.model.commands import EventDraft
from workflows.model.declare import Act
from workflows.model.declared import ACTS, EVENTS
from workflows.model.rules import GATES
from workflows.model.state import Accord
from workflows.model.vocabulary import phrase, reworded, word

CANNOT_BE_UNDONE: Mapping[str, str] = {
    "record_arrival": "Once host and guest have both recorded it, the arrival stands for good.",
    "release_signatures": "Released signatures are never undone: all of them are released at once, or none.",
    "consent_to_release": "You can withdraw the consent until the registrar releases; after that nothing is undone.",
    "close_accord": "A closed accord takes no further act.",
    "terminate": "The accord ends by this. Its record stays readable.",
    "agree_termination": "Once every party has agreed, the accord ends.",
    "decline_definition": "The accord ends by this.",
    "decline_invitation": "Where your acceptance is required, the accord ends by this.",
    "withdraw_invitation": "The accord ends by this. Its record stays readable.",
    "ratify_document": "An instrument of ratification stays on the record for good.",
    "declare_in_force": "A declaration of entry into force stays on the record for good.",
    "erase_particulars": "What is erased cannot be brought back.",
    "complete_visit": "Once every party has agreed, the visit is over.",
    "cancel_visit": "Once every party has agreed, the visit does not take place.",
    "curtail_visit": "Once every party has agreed, the visit is over.",
    "revoke_key": "A revoked key signs nothing any more.",
}
"""What a delegate should know of some acts before doing them."""

DIPLOMATIC = "diplomatic"
"""The vocabulary of what is about no accord."""

_MARKED = re.compile(r"sha256:([0-9a-f]{64})|\(([a-z]+(?:-[a-z]+)*)\)")
_MINUTES = (("day", 86400), ("hour", 3600), ("minute", 60))


def act_title(act: type[Act] | str, vocabulary: str = DIPLOMATIC) -> str:
    """What an act is called on a button, in an accord's vocabulary: "Verify condition"."""
    kind = ACTS.get(act) if isinstance(act, str) else act
    return (phrase(vocabulary, str(act)) if kind is None else kind.phrase(vocabulary)).capitalize()


@pass_context
def _act_title(context: Context, act: type[Act] | str, vocabulary: str | None = None) -> str:
    return act_title(act, vocabulary or _spoken(context))


@pass_context
def _kind(context: Context, name: str) -> str:
    return phrase(_spoken(context), name)


@pass_context
def _act_text(context: Context, act: type[Act]) -> str:
    return reworded(act.text(), _spoken(context))


def _spoken(context: Context) -> str:
    """The vocabulary of the accord that a page is about."""
    a = context.get("a")
    return a.definition.vocabulary if isinstance(a, Accord) else DIPLOMATIC


def status_word(text: str) -> str:
    """A status of the model as words."""
    return text.replace("_", " ")


def word_of(a: Any, term: str) -> str:
    """How the accord's vocabulary calls a term; ``a`` is anything that has one."""
    vocabulary = a.definition.vocabulary if isinstance(a, Accord) else a.vocabulary
    return word(vocabulary, term)


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number and its noun: "1 entry", "3 entries"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(names: Iterable[str], last: str = "and") -> str:
    """Names in a row: "A, B and C"."""
    *before, end = list(names) or [""]
    return f"{', '.join(before)} {last} {end}" if before else end


def relative(at: datetime, now: datetime) -> str:
    """How far a time is from now: "in 3 days", "2 hours ago", "now"."""
    seconds = (at - now).total_seconds()
    for unit, size in _MINUTES:
        if abs(seconds) >= size:
            amount = counted(int(abs(seconds) // size), unit)
            return f"in {amount}" if seconds > 0 else f"{amount} ago"
    return "now"


def when(at: datetime | None, now: datetime | None = None, *, only_day: bool = False) -> Markup:
    """A time in UTC, as an element that the browser's script completes by the reader's own; beside it how far."""
    if at is None:
        return Markup('<span class="none">no date</span>')
    at = at.astimezone(UTC)
    text = at.strftime("%-d %b %Y" if only_day else "%-d %b %Y, %H:%M UTC")
    shown = Markup('<time datetime="{}">{}</time>').format(at.isoformat().replace("+00:00", "Z"), text)
    if now is None:
        return shown
    return shown + Markup(' <span class="beside">({})</span>').format(relative(at, now))


def day(at: datetime | None, now: datetime | None = None) -> Markup:
    """The day of a time, in UTC."""
    return when(at, now, only_day=True)


def digest(text: str | None) -> Markup:
    """A digest: its beginning to compare by, and whole when it is opened."""
    if not text:
        return Markup('<span class="none">none yet</span>')
    return Markup(
        '<details class="digest"><summary><code>{}…</code></summary><code class="whole">{}</code></details>'
    ).format(text[:19], text)


@pass_context
def shortened(context: Context, text: str) -> Markup:
    """A sentence with the digests in it cut to their beginning; the whole is in the title.

    An act that it names, as `(confirm-visit)`, is a link to the act's form.
    """
    parts: list[Any] = []
    end, a = 0, context.get("a")
    for found in _MARKED.finditer(text):
        name = (found[2] or "").replace("-", "_")
        if name and (name not in ACTS or not isinstance(a, Accord)):
            continue
        parts.append(escape(text[end : found.start()]))
        if name:
            href, title = f"/accords/{a.id}/do/{found[2]}", act_title(name, _spoken(context))
            parts.append(Markup('(<a href="{}">{}</a>)').format(href, title))
        else:
            parts.append(Markup('<code title="{}">{}…</code>').format(found[0], found[0][:19]))
        end = found.end()
    return Markup("").join([*parts, escape(text[end:])])


@pass_context
def event_says(context: Context, draft: EventDraft) -> str:
    """What would follow, as a sentence."""
    kind = EVENTS.get(draft.type)
    facts = draft.facts.get("event", {})
    return draft.type.replace("_", " ") if kind is None else kind.sentence(facts, _spoken(context))


def upper_first(text: str) -> str:
    """A sentence with its first letter a capital, where it begins with a word and not with an id."""
    first, _, _ = text.partition(" ")
    return text if not first.isalpha() or first[1:] != first[1:].lower() else text[:1].upper() + text[1:]


@pass_context
def gate_says(context: Context, name: str) -> str:
    """What can be done when a gate is open."""
    return reworded(GATES[name], _spoken(context)) if name in GATES else name


def irreversible(name: str, vocabulary: str = DIPLOMATIC) -> str | None:
    """What cannot be undone about an act, if anything."""
    said = CANNOT_BE_UNDONE.get(name)
    return None if said is None else reworded(said, vocabulary)


_SAID: Mapping[str, str] = {
    "not_found": "There is nothing here that you can see. It may be another accord, or not for the delegate as whom "
    "you are signed in.",
    "method_not_allowed": "This address does not take that. Go back, and use the page's own buttons.",
}


def problem_words(problem: Problem) -> str:
    """A problem of the API as a page says it."""
    if problem.code == "not_found" and "accord" not in problem.detail and "address" not in problem.detail:
        return problem.detail
    return _SAID.get(problem.code, problem.detail)


def is_act(name: str) -> bool:
    """Whether there is such an act."""
    return name in ACTS


FILTERS: Mapping[str, Callable[..., Any]] = {
    "act_text": _act_text,
    "act_title": _act_title,
    "counted": counted,
    "day": day,
    "digest": digest,
    "event_says": event_says,
    "gate_says": gate_says,
    "kind": _kind,
    "listed": listed,
    "shortened": shortened,
    "status": status_word,
    "upper_first": upper_first,
    "when": when,
}
"""The filters of the templates."""
