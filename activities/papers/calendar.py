"""Dates as a calendar (RFC 5545): conditions that are due, other deadlines, the window and its programme."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from icalendar import Calendar, Event, Timezone, TimezoneStandard

from activities.papers.people import party, titled
from activities.papers.sentences import cause_in
from activities.papers.source import Source
from activities.papers.words import Words
from workflows.model.rules import deadlines
from workflows.tracks.conditions.state import satisfied

REFRESH = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Date:
    key: str
    summary: str
    begins: datetime
    ends: datetime | None = None
    place: str = ""
    says: str = ""


def calendar(source: Source, w: Words) -> bytes:
    """The calendar as a file. Each date keeps its identifier, so that a newer calendar takes the older one's place."""
    a, bound = source.state, source.bound
    marks = [w["illustrative"]] if a.definition.illustrative else []
    marks += [w["simulated"]] if a.definition.clock.mode == "simulated" else []
    made = Calendar()
    made.add("prodid", "-//Entente//Papers//EN")
    made.add("version", "2.0")
    made.add("x-wr-calname", a.definition.title)
    # How often whoever subscribes may ask again (RFC 7986, 5.7).
    made.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    for one in _dates(source, w):
        event = Event()
        event.add("uid", f"{one.key}.{a.id}@entente")
        event.add("dtstamp", bound.time)
        event.add("sequence", bound.position)
        event.add("dtstart", one.begins)
        if one.ends is not None:
            event.add("dtend", one.ends)
        event.add("summary", " · ".join([one.summary, *marks]))
        if one.place:
            event.add("location", one.place)
        bound_to = w.say("bound", accord=bound.accord, position=bound.position, date=w.date(bound.time))
        event.add("description", "\n".join([*([one.says] if one.says else []), a.definition.title, bound_to]))
        # What is due is a mark in the day, and makes nobody busy.
        event.add("transp", "OPAQUE" if one.ends is not None else "TRANSPARENT")
        made.add_component(event)
    if not made.subcomponents:
        made.add_component(_utc())
    content: bytes = made.to_ical()
    return content


def _utc() -> Timezone:
    """The zone of the dates: a calendar has one component at least (RFC 5545, 3.6), also where there is no date."""
    always = TimezoneStandard()
    always.add("dtstart", datetime(1970, 1, 1))  # noqa: DTZ001 - of local time (RFC 5545, 3.6.5)
    always.add("tzoffsetfrom", timedelta(0))
    always.add("tzoffsetto", timedelta(0))
    zone = Timezone()
    zone.add("tzid", "UTC")
    zone.add_component(always)
    return zone


def _dates(source: Source, w: Words) -> Iterator[_Date]:
    a = source.state
    window = a.visit.window or a.definition.window
    if window is not None and not a.terminated:
        yield _Date("window", a.definition.title, window.begins, window.ends, window.place)
        for index, item in enumerate(a.definition.programme):
            yield _Date(f"programme-{index}", item.item, item.at, place=window.place)
    if a.ended:
        return
    for code, terms in a.definition.conditions.items():
        if terms.due is not None and not satisfied(a, code):
            owed = w.list(party(source, one) for one in terms.obligors)
            says = w.say("named", name=w["owed_by"], value=owed)
            summary = w.say("named", name=w["due"], value=titled(w, code, terms.title))
            yield _Date(f"due-{code}", summary, terms.due, says=says)
    seen: set[str] = set()
    for one in deadlines(a):
        if one.kind == "due":
            continue
        summary = w.say(f"deadline.{one.kind}", subject=cause_in(one.subject, w))
        key = f"{one.kind}-{''.join(c if c.isalnum() else '-' for c in one.subject)}"
        if key not in seen:
            seen.add(key)
            yield _Date(key, summary, one.at, says=cause_in(one.words, w))
