"""Programs that subscribe to a calendar by its address: they can send a name and a password, and no bearer's key."""

from __future__ import annotations

import base64
import binascii
import re

from fastapi import Request

from api.problems import Problem

_CALENDAR = re.compile(r"/v1/accords/[^/]+/papers/calendar")


def needs_key(request: Request) -> Problem:
    """That nothing says who asks, with the challenge of RFC 9110 (11.6.1): where a password is taken, of that too."""
    bearer = 'Bearer realm="entente"'
    return Problem(
        "not_authenticated",
        "This needs a key: send Authorization: Bearer ent_<key id>_<secret>.",
        headers={
            "WWW-Authenticate": f'{bearer}, Basic realm="entente"' if _of_a_calendar(request) else bearer
        },
    )


def _of_a_calendar(request: Request) -> bool:
    """Whether a calendar is read: by programs that subscribe to an address, and know no bearer's key."""
    return request.method in ("GET", "HEAD") and _CALENDAR.fullmatch(request.url.path) is not None


def password_of(request: Request) -> str | None:
    """The key that came as a password (RFC 7617), whatever the user's name; none where none came.

    Nowhere but for calendars: what a browser sends by itself must do nothing for whoever makes it send it.
    """
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic" or not _of_a_calendar(request):
        return None
    try:
        return base64.b64decode(encoded.strip(), validate=True).decode("ascii").partition(":")[2] or None
    except (binascii.Error, ValueError):
        return None
