"""What stands in the rows of the pages: times, digests and delegates. There may be hundreds: each is made quickly."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache

from markupsafe import Markup, escape

from activities.languages import formats
from activities.languages.catalogues import gettext, language

_UTC = "UTC"


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
