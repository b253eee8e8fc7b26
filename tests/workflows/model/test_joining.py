"""Titles take the joiners where the scripts that need them do, and nowhere else (RFC 5892, appendix A)."""

from __future__ import annotations

import random
import sys
import unicodedata

import pytest
from pydantic import TypeAdapter, ValidationError

from workflows.model.joining import AFTER, BEFORE, MARKS, VIRAMAS, joins
from workflows.model.values import Line

LINE: TypeAdapter[str] = TypeAdapter(Line)


@pytest.mark.parametrize(
    "title",
    [
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian: the two parts of a verb, kept apart
        "\u0646\u0627\u0645\u0647\u200c\u0627\u06cc",  # Persian: after a letter that joins on both sides
        "\u0915\u094d\u200d\u0937",  # Devanagari: a half form
        "\u0915\u094d\u200c\u0937",  # Devanagari: a virama that is seen
        "\u0dc1\u0dca\u200d\u0dbb\u0dd3 \u0dbd\u0d82\u0d9a\u0dcf",  # Sinhala: the country's own name
        "\u0d28\u0d4d\u200d",  # Malayalam: an old final letter
    ],
)
def test_joiners_are_taken_where_they_are_seen(title: str) -> None:
    assert LINE.validate_python(title) == title


@pytest.mark.parametrize(
    "title",
    [
        "Vi\u200csit",
        "Vi\u200dsit",
        "\u200cVisit",
        "Visit\u200d",
        "\u0627\u200c\u0645",  # alef joins nothing that follows it
        "\u0645\u06cc\u200c",  # nothing comes after it
        "\u0645\u200d\u06cc",  # between letters that join anyway
        "\u0915\u094d\u200c\u200c\u0937",  # the second one does nothing
        "\u0915\u200d\u0937",  # no virama
    ],
)
def test_joiners_that_nobody_sees_are_refused(title: str) -> None:
    with pytest.raises(ValidationError, match=r"no effect that is seen; leave it out there"):
        LINE.validate_python(title)


def test_marks_piled_up_in_any_script_are_refused() -> None:
    assert LINE.validate_python("\u0f66\u0f90\u0fb1\u0f74\u0f39\u0f7e")
    with pytest.raises(ValidationError, match="marks stand on one letter"):
        LINE.validate_python("\u0e01" + "\u0e34\u0e48\u0e4d" * 3)


@pytest.mark.parametrize("code", [0x1BCA0, 0x1D173, 0x13430, 0xE0041, 0x180E, 0x2060])
def test_other_characters_that_nobody_sees_are_refused_everywhere(code: int) -> None:
    with pytest.raises(ValidationError, match=f"U\\+{code:04X}"):
        LINE.validate_python(f"Vi{chr(code)}sit")


def test_the_same_is_taken_as_in_names_of_the_internet() -> None:
    """``idna`` has the rule as the domain name system applies it."""
    core = pytest.importorskip("idna.core")
    some = random.Random(5892)
    joining = [sorted(kind)[::7] for kind in (BEFORE, AFTER, MARKS, VIRAMAS)]
    near = [one for kind in joining for one in kind if unicodedata.category(one) != "Cn"]
    near += list("a 1\u0627\u0645\u0e01\u4e00")
    taken = 0
    for _ in range(20_000):
        text = "".join(some.choice(near) for _ in range(some.randrange(3)))
        after = "".join(some.choice(near) for _ in range(some.randrange(3)))
        whole = text + some.choice("\u200c\u200d") + after
        expected = core.valid_contextj(whole, len(text))
        assert joins(whole, len(text)) == expected, ascii(whole)
        taken += expected
    assert taken > 1000


def test_the_viramas_are_those_that_python_knows() -> None:
    known = {chr(code) for code in range(sys.maxunicode + 1) if unicodedata.combining(chr(code)) == 9}
    assert known <= VIRAMAS
    assert all(unicodedata.category(one) == "Cn" for one in VIRAMAS - known)
