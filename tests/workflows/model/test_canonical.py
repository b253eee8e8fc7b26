"""Canonical JSON: the fast look at a value finds exactly what the one that says where finds."""

from __future__ import annotations

import enum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflows.model.canonical import MAX_SAFE_INTEGER, NotCanonical, _check, _sound, canonical

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**55), 2**55)
    | st.floats()
    | st.text(st.characters(), max_size=6)
    | st.binary(max_size=2)
)
keys = st.text(st.characters(max_codepoint=0x200), max_size=4) | st.integers()
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(keys, inner, max_size=3)
        | st.frozensets(st.integers(), max_size=2)
    ),
    max_leaves=8,
)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(values)
def test_a_value_is_sound_exactly_when_nothing_is_wrong_with_it(value: Any) -> None:
    try:
        _check(value, None)
    except NotCanonical:
        assert not _sound(value)
        with pytest.raises(NotCanonical):
            canonical(value)
    else:
        assert _sound(value)


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({"a": [1, {"b": 1.5}]}, r"\$\.a\[1\]\.b"),
        ({"a": MAX_SAFE_INTEGER + 1}, r"\$\.a"),
        ({"ключ": 1}, r"\$: key"),
        ({"a": {"b": "\ud800"}}, r"\$\.a\.b"),
        ([{1: 2}], r"\$\[0\]"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(value: Any, where: str) -> None:
    with pytest.raises(NotCanonical, match=where):
        canonical(value)


def test_kinds_of_text_and_numbers_are_written_as_such() -> None:
    class Word(enum.StrEnum):
        YES = "yes"

    assert canonical({"b": Word.YES, "a": (MAX_SAFE_INTEGER, True, None, "мир")}) == (
        b'{"a":[9007199254740991,true,null,"\xd0\xbc\xd0\xb8\xd1\x80"],"b":"yes"}'
    )
