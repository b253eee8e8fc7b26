"""Days, times, numbers and lists as the spoken language writes them (Unicode CLDR, by Babel)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Literal

from babel.dates import format_skeleton, get_datetime_format
from babel.lists import format_list
from babel.numbers import format_decimal

from activities.languages.catalogues import ENGLISH, gettext, language, ngettext

_LOCALES = {ENGLISH: "en_GB", "zh": "zh_Hans_CN"}
"""English lists have no comma before their last word, and put the day before the month."""

_ROWS: dict[str, Literal["standard", "or"]] = {"and": "standard", "or": "or"}
_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60))


def locale() -> str:
    """The locale by which the spoken language writes."""
    return _LOCALES.get(language(), language())


def number(value: int) -> str:
    """A whole number: ``1,234``."""
    return format_decimal(value, locale=locale())


def day(at: datetime, zone: tzinfo) -> str:
    """The day of a time in a zone: ``5 Mar 2027``."""
    local = at.astimezone(zone)
    if language() == ENGLISH:
        return f"{local:%-d %b %Y}"
    return format_skeleton("yMMMd", local, zone, locale=locale())


def moment(at: datetime, zone: tzinfo, called: str) -> str:
    """A day and a time of it, and what the zone is called: ``5 Mar 2027, 08:00 UTC``."""
    clock = f"{at.astimezone(zone):%H:%M} {called}"
    if language() == ENGLISH:
        return f"{day(at, zone)}, {clock}"
    form = str(get_datetime_format("medium", locale=locale()))
    return form.replace("{1}", day(at, zone)).replace("{0}", clock).replace("'", "")


def listed(names: Iterable[str], last: str = "and") -> str:
    """Names in a row: ``A, B and C``."""
    return format_list(list(names), style=_ROWS[last], locale=locale())


def row(names: Iterable[str]) -> str:
    """Names in a row with nothing before the last: ``A, B``."""
    return ("、" if language() == "zh" else ", ").join(names)


def stop() -> str:
    """What ends a sentence."""
    return "。" if language() == "zh" else "."


def distance(at: datetime, now: datetime) -> str:
    """How far a time is from another: ``in 3 days``, ``2 hours ago``, ``now``."""
    seconds = (at - now).total_seconds()
    for unit, size in _UNITS:
        if abs(seconds) >= size:
            amount = int(abs(seconds) // size)
            return _far(language(), unit, amount, seconds > 0)
    return gettext("now")


@lru_cache(maxsize=4096)
def _far(_spoken: str, unit: str, amount: int, ahead: bool) -> str:
    return _distance(unit, amount, ahead).format(n=number(amount))


def _distance(unit: str, n: int, ahead: bool) -> str:
    match unit, ahead:
        case "day", True:
            return ngettext("in {n} day", "in {n} days", n)
        case "day", False:
            return ngettext("{n} day ago", "{n} days ago", n)
        case "hour", True:
            return ngettext("in {n} hour", "in {n} hours", n)
        case "hour", False:
            return ngettext("{n} hour ago", "{n} hours ago", n)
        case _, True:
            return ngettext("in {n} minute", "in {n} minutes", n)
    return ngettext("{n} minute ago", "{n} minutes ago", n)
