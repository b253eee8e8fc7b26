"""The words of the pages: titles of acts, what a status is called, times and digests as people read them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from activities.languages import formats
from activities.languages.catalogues import ENGLISH, gettext, language, noted, pgettext
from activities.languages.prose import prose
from activities.papers.sentences import said_of
from activities.papers.words import Words, words_of
from activities.reading.minutes import entry_says as recorded_says
from activities.reading.shown import EventView
from api.problems import Problem
from workflows.model.commands import EventDraft, RecordedEvent
from workflows.model.declare import Act
from workflows.model.declared import ACTS, EVENTS
from workflows.model.rules import GATES
from workflows.model.state import Accord
from workflows.model.values import ROLES
from workflows.model.vocabulary import VOCABULARIES, phrase, reworded, word
from workflows.record.refusals import reason_of

CANNOT_BE_UNDONE: Mapping[str, str] = {
    "record_arrival": noted("Once host and guest have both recorded it, the arrival stands for good."),
    "release_signatures": noted(
        "Released signatures are never undone: all of them are released at once, or none."
    ),
    "consent_to_release": noted(
        "You can withdraw the consent until the registrar releases; after that nothing is undone."
    ),
    "close_accord": noted("A closed accord takes no further act."),
    "terminate": noted("The accord ends by this. Its record stays readable."),
    "agree_termination": noted("Once every party has agreed, the accord ends."),
    "decline_definition": noted("The accord ends by this."),
    "decline_invitation": noted("Where your acceptance is required, the accord ends by this."),
    "withdraw_invitation": noted("The accord ends by this. Its record stays readable."),
    "ratify_document": noted("An instrument of ratification stays on the record for good."),
    "declare_in_force": noted("A declaration of entry into force stays on the record for good."),
    "erase_particulars": noted("What is erased cannot be brought back."),
    "complete_visit": noted("Once every party has agreed, the visit is over."),
    "cancel_visit": noted("Once every party has agreed, the visit does not take place."),
    "curtail_visit": noted("Once every party has agreed, the visit is over."),
    "revoke_key": noted("A revoked key signs nothing any more."),
}
"""What a delegate should know of some acts before doing them."""

DIPLOMATIC = "diplomatic"
"""The vocabulary of what is about no accord."""

_MARKED = re.compile(r"sha256:([0-9a-f]{64})|\(([a-z]+(?:-[a-z]+)*)\)")
_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_UTC = "UTC"

GUARDED: Mapping[str, str] = {
    "visit": "confirming the {visit}",
    "signing": "signing",
    "ceremony": "the release",
    "subsequent": "nothing before the release",
}
"""What a condition holds up, by its gate."""

STATUSES: Mapping[str, tuple[str, ...]] = {
    "invitation": (
        "drafted",
        "issued",
        "accepted",
        "accepted_in_principle",
        "declined",
        "withdrawn",
        "expired",
    ),
    "understanding": ("none", "proposed", "effective", "stale", "suspended"),
    "visit": (
        "tentative",
        "confirmed",
        "advance_done",
        "on_hold",
        "arrived",
        "completed",
        "curtailed",
        "cancelled",
    ),
    "answer": ("accepted", "accepted_in_principle", "declined"),
    "role": (*ROLES, "delegate"),
    "status": ("real", "simulated"),
    "check": ("database", "migrations", "temporal"),
}
"""Values of the record that the pages name and the papers do not, by what they are of."""


def _words(a: Any = None) -> Words:
    """The words of papers in the language that is spoken, which name values of the record."""
    vocabulary = a.definition.vocabulary if isinstance(a, Accord) else getattr(a, "vocabulary", "diplomatic")
    return words_of(language(), vocabulary)


def act_title(act: type[Act] | str, vocabulary: str = DIPLOMATIC) -> str:
    """What an act is called on a button, in an accord's vocabulary: "Verify condition"."""
    kind = ACTS.get(act) if isinstance(act, str) else act
    title = phrase(vocabulary, str(act)) if kind is None else kind.phrase(vocabulary)
    return pgettext("act", title.capitalize())


@pass_context
def _act_title(context: Context, act: type[Act] | str, vocabulary: str | None = None) -> str:
    return act_title(act, vocabulary or _spoken(context))


@pass_context
def _kind(context: Context, name: str) -> Markup:
    """The kind of an entry as words; in other languages its name, as programs know it."""
    if language() == ENGLISH:
        return escape(phrase(_spoken(context), name))
    return Markup("<code>{}</code>").format(name)


@pass_context
def act_text(context: Context, act: type[Act]) -> str:
    """The sentence that says what an act does."""
    return pgettext("act", reworded(act.text(), _spoken(context)))


def _spoken(context: Context) -> str:
    """The vocabulary of the accord that a page is about."""
    a = context.get("a")
    return a.definition.vocabulary if isinstance(a, Accord) else DIPLOMATIC


def value_word(text: str, kind: str = "status", a: Any = None) -> str:
    """A value of the record as words; ``kind`` says what it is of, such as a condition's status."""
    plain = text.replace("_", " ")
    if language() == ENGLISH:
        return plain
    return _words(a).words.get(f"{kind}.{text}") or pgettext(kind, plain)


@pass_context
def status_word(context: Context, text: str, kind: str = "status") -> str:
    """The same in a template, by the vocabulary of the accord that the page is of."""
    return value_word(text, kind, context.get("a"))


@pass_context
def status_words(context: Context, texts: Iterable[str], kind: str) -> str:
    """Several values in a row."""
    return ", ".join(value_word(one, kind, context.get("a")) for one in texts)


@pass_context
def guard_met(context: Context, name: str) -> str:
    """A guard that is met, by its name."""
    return pgettext("guard", phrase(_spoken(context), name))


def guarded(gate: str, a: Accord) -> str:
    """What a condition of a gate holds up."""
    return pgettext("guarded", GUARDED[gate].format(visit=word(a.definition.vocabulary, "visit").lower()))


def all_guarded() -> list[str]:
    """The same for every gate and vocabulary, in English."""
    visits = [word(one, "visit").lower() for one in VOCABULARIES]
    return list(dict.fromkeys(said.format(visit=visit) for said in GUARDED.values() for visit in visits))


def word_of(a: Any, term: str) -> str:
    """How the accord's vocabulary calls a term; ``a`` is anything that has one, or nothing for the usual one."""
    vocabulary = a.definition.vocabulary if isinstance(a, Accord) else getattr(a, "vocabulary", "diplomatic")
    return pgettext(vocabulary, word(vocabulary, term))


def listed(names: Iterable[Any], last: str = "and") -> str:
    """Names in a row: "A, B and C"."""
    return formats.listed([str(one) for one in names], last)


@lru_cache(maxsize=4096)
def _time(_spoken: str, at: datetime, only_day: bool) -> Markup:
    text = formats.day(at, UTC) if only_day else formats.moment(at, UTC, _UTC)
    written = at.isoformat().replace("+00:00", "Z")
    return Markup(f'<time datetime="{written}">{escape(text)}</time>')  # noqa: S704 - both parts are escaped


def when(at: datetime | None, now: datetime | None = None, *, only_day: bool = False) -> Markup:
    """A time in UTC, as an element that the browser's script completes by the reader's own; beside it how far."""
    if at is None:
        return Markup('<span class="none">{}</span>').format(gettext("no date"))
    shown = _time(language(), at.astimezone(UTC), only_day)
    if now is None:
        return shown
    far = escape(formats.distance(at, now))
    return Markup(f'{shown} <span class="beside">({far})</span>')  # noqa: S704 - both parts are escaped


def day(at: datetime | None, now: datetime | None = None) -> Markup:
    """The day of a time, in UTC."""
    return when(at, now, only_day=True)


def digest(text: str | None) -> Markup:
    """A digest: its beginning to compare by, and whole when it is opened."""
    if not text:
        return Markup('<span class="none">{}</span>').format(gettext("none yet"))
    return Markup(
        '<details class="digest"><summary><code>{}…</code></summary><code class="whole">{}</code></details>'
    ).format(text[:19], text)


def people(ids: Iterable[str], me: str | None) -> Markup:
    """Delegates in a row, the reader marked among them."""
    mine = (
        ""
        if me is None
        else f'<span class="id me">{escape(me)}</span> <span class="you">{escape(gettext("(you)"))}</span>'
    )
    shown = [mine if one == me else f'<span class="id">{escape(one)}</span>' for one in ids]
    if not shown:
        return Markup('<span class="none">{}</span>').format(gettext("nobody named"))
    return Markup(", ".join(shown))  # noqa: S704 - every part is escaped


@pass_context
def shortened(context: Context, text: str) -> Markup:
    """A sentence with the digests in it cut to their beginning; the whole is in the title.

    An act that it names, as `(confirm-visit)`, is a link to the act's form.
    """
    if _MARKED.search(text) is None:
        return escape(text)
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
    kind, facts = EVENTS.get(draft.type), draft.facts.get("event", {})
    english = draft.type.replace("_", " ") if kind is None else kind.sentence(facts, _spoken(context))
    if language() == ENGLISH:
        return english
    return said_of(draft.type, {"event": facts}, "", None, _words(context.get("a")), prose) or english


def entry_says(entry: EventView | RecordedEvent, a: Accord) -> str:
    """An entry of the record as a sentence in the language that is spoken, by the words of papers."""
    english = entry.says if isinstance(entry, EventView) else recorded_says(entry, a.definition.vocabulary)
    if language() == ENGLISH:
        return english
    actor = entry.actor
    done = said_of(entry.type, entry.facts, actor.delegate, actor.behalf or actor.party, _words(a), prose)
    if done is None:
        return english
    if entry.type not in ("act_refused", "signal_refused") or "act" not in entry.facts:
        return done
    return gettext("✗ refused: {done} — {reason}").format(
        done=done, reason=prose(reason_of(entry.facts.get("event", {})))
    )


def acting_for(actor: Any) -> str:
    """Who stands behind an entry: "X for Y"."""
    party = actor.behalf or actor.party
    if not party:
        return str(actor.says)
    return gettext("{who} for {party}").format(who=actor.delegate, party=party)


def not_turning(value: Any) -> Any:
    """A value as it is shown: a character that turns the direction of what follows is named, and turns nothing.

    What a form gives back as it was written goes past this by being marked up already (``as_written``).
    """
    if type(value) is not str or value.isascii():
        return value
    return _TURNING.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", value)


def isolated(text: str) -> Markup:
    """What a party or a person wrote, in the midst of a sentence: its direction is its own."""
    return Markup("<bdi>{}</bdi>").format(not_turning(text))


def upper_first(text: str) -> str:
    """A sentence with its first letter a capital, where it begins with a word and not with an id."""
    first, _, _ = text.partition(" ")
    return text if not first.isalpha() or first[1:] != first[1:].lower() else text[:1].upper() + text[1:]


@pass_context
def gate_says(context: Context, name: str) -> str:
    """What can be done when a gate is open."""
    return pgettext("gate", reworded(GATES[name], _spoken(context))) if name in GATES else name


def irreversible(name: str, vocabulary: str = DIPLOMATIC) -> str | None:
    """What cannot be undone about an act, if anything."""
    said = CANNOT_BE_UNDONE.get(name)
    return None if said is None else gettext(reworded(said, vocabulary))


_CHECKED: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile("Field required|(?:String|Value|Text) should have at least 1 .*"),
        noted("It has to be filled in."),
    ),
    (re.compile(r"(?:Tuple|List|Set) should have at least 1 item\b.*"), noted("Choose at least one.")),
    (
        re.compile(r"(?:String|Value|Text) should have at most (\d+) characters?"),
        noted("It has more than {0} characters."),
    ),
    (re.compile(r"(?:Tuple|List|Set) should have at most (\d+) items?\b.*"), noted("Name at most {0}.")),
    (re.compile("(?s)String should match pattern .*"), noted("It is not written as it has to be.")),
    (re.compile("Input should be ('.*)"), noted("It is one of {0}.")),
    (re.compile("Input should be a valid (?:integer|number).*"), noted("Write a number here.")),
    (re.compile("Extra inputs are not permitted"), noted("There is no such field.")),
)
"""What the check of a field says to programs, and how a page says it."""


def field_problem(text: str) -> str:
    """What is wrong with a field, as a page says it."""
    for pattern, said in _CHECKED:
        found = pattern.fullmatch(text)
        if found is not None:
            return gettext(said).format(*found.groups())
    return prose(text)


SAID: Mapping[str, str] = {
    "not_found": noted(
        "There is nothing here that you can see. It may be another accord, or not for the delegate as whom you are "
        "signed in."
    ),
    "method_not_allowed": noted("This address does not take that. Go back, and use the page's own buttons."),
}
"""What a page says of some problems better than the API's detail, which is for programs."""


def problem_words(problem: Problem) -> tuple[str, str | None]:
    """A problem of the API as a page says it; beside it the detail in English, where only that says more."""
    own = SAID.get(problem.code)
    if problem.code == "not_found" and "accord" not in problem.detail and "address" not in problem.detail:
        own = None
    if own is not None:
        return gettext(own), None
    said = prose(problem.detail)
    if language() == ENGLISH or said != problem.detail:
        return said, None
    return gettext("It could not be done. What is wrong is said in English:"), problem.detail


def problem_title(problem: Problem) -> str:
    """What a problem is called."""
    return pgettext("problem", problem.title)


def is_act(name: str) -> bool:
    """Whether there is such an act."""
    return name in ACTS


FILTERS: Mapping[str, Callable[..., Any]] = {
    "act_text": act_text,
    "act_title": _act_title,
    "as_written": escape,
    "acting_for": acting_for,
    "day": day,
    "digest": digest,
    "entry_says": entry_says,
    "event_says": event_says,
    "field_problem": field_problem,
    "gate_says": gate_says,
    "guard_met": guard_met,
    "guarded": guarded,
    "isolated": isolated,
    "kind": _kind,
    "listed": listed,
    "number": formats.number,
    "people": people,
    "prose": prose,
    "shortened": shortened,
    "status": status_word,
    "statuses": status_words,
    "upper_first": upper_first,
    "when": when,
}
"""The filters of the templates."""
