"""What is wrong with a field, in words for people: what checks it says so to programs."""

from __future__ import annotations

import re

from activities.languages.catalogues import gettext, noted
from activities.languages.prose import prose

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
