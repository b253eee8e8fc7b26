"""Ids of accords and digests by their beginnings, where these are unique among what the caller can see."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from activities.errors import EntenteError
from worker.cli.client.calling import ApiProblem, Calls
from worker.cli.client.options import path_of

MOST = 10
"""Candidates that an error lists."""

_WORDS = re.compile(r"[A-Za-z0-9]+")
_MOST_WORDS = 8
_WHOLE = re.compile(r"sha256:[0-9a-f]{64}")
_BEGINNING = re.compile(r"(?:sha256:)?([0-9a-f]{4,63})…?")


class Ambiguous(EntenteError):
    """A beginning that several ids, or digests, have."""

    exit_code = 2


def whole_id(calls: Calls, given: str) -> str:
    """The id of the accord that ``given`` names: an id itself, or the beginning of just one.

    What begins no accord in the caller's list is left as it is, for the API to judge.

    Raises:
        Ambiguous: several begin so; it names them.
    """
    found = candidates(calls, given)
    if given in found or not found:
        return given
    return _one(given, found, "accord")


def candidates(calls: Calls, given: str, most: int = MOST + 1) -> list[str]:
    """Ids of the caller's accords that begin with ``given``, or it alone where it is an id; at most so many."""
    words = _WORDS.findall(given)[-_MOST_WORDS:]
    found: list[str] = []
    after: str | None = None
    while words:
        query = [("q", " ".join(words)), ("limit", "200"), *([("after", after)] if after else [])]
        try:
            page = calls.get("/v1/accords", query)
        except ApiProblem as error:
            if error.code != "forbidden":
                raise
            # A key that is good for acts alone lists nothing: the id has to be whole then.
            return []
        listed = [one["accord"] for one in page["items"]]
        if given in listed:
            return [given]
        found += [one for one in listed if one.startswith(given)]
        after = page["next"]
        if after is None:
            break
    return found[:most]


def is_beginning(text: str) -> bool:
    """Whether a text can be the beginning of a digest, and is none itself: four hexadecimal digits or more."""
    return _WHOLE.fullmatch(text) is None and _BEGINNING.fullmatch(text) is not None


def whole_digest(calls: Calls, accord: str, given: str) -> str:
    """The digest that ``given`` is the beginning of, among those that the accord's state and contents name.

    Raises:
        Ambiguous: several begin so, which it names; or none does.
    """
    matched = _BEGINNING.fullmatch(given)
    if matched is None or _WHOLE.fullmatch(given):
        return given
    beginning = f"sha256:{matched[1]}"
    named = set(_WHOLE.findall(json.dumps(calls.get(path_of(accord)))))
    after: str | None = None
    while True:
        page = calls.get(f"{path_of(accord)}/files", [("after", after)] if after else None)
        named |= {one["digest"] for one in page["items"]}
        after = page["next"]
        if after is None:
            break
    found = sorted(one for one in named if one.startswith(beginning))
    if not found:
        raise Ambiguous(
            f"No digest that {accord} names begins with {given}.",
            "Give it whole; or, where it is a file's, @FILE.",
        )
    return _one(given, found, "digest")


def _one(given: str, found: Iterable[str], what: str) -> str:
    listed = list(found)
    if len(listed) == 1:
        return listed[0]
    more = "  and more" if len(listed) > MOST else ""
    lines = [f"  {one}" for one in listed[:MOST]]
    raise Ambiguous(
        f"Several {what}s begin with {given}:",
        f"Give as much of it as only one {what} begins with.",
        "\n".join([*lines, *([more] if more else [])]),
    )
