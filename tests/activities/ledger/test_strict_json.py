"""What msgspec reads is what the model's own reader reads, and it refuses what that refuses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from activities.ledger import strict_json
from workflows.model.canonical import MAX_SAFE_INTEGER, NotCanonical, canonical, read_canonical

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(max_codepoint=127), max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)

PIECES = (
    *(b"", b" ", b"\n", b"0", b"1", b"-", b"-0", b".5", b"1e3", b"1.0", b"9007199254740991", b"9007199254740992"),
    *(b"18446744073709551616", b"null", b"true", b"NaN", b'"', b'""', b"\\", b"\\/", b"\\u0041", b"\\u001f", b"\\n"),
    *(b"\\ud800", b"\x7f", b"\t", b"\xff", b"\xed\xa0\x80", "é".encode(), b'"a":1,', b'"a":1,"a":1', b"[", b"]"),
    *(b"{", b"}", b",", b":", b"[]", b"{}", b"\xef\xbb\xbf"),
)  # fmt: skip


def verdict(read: Any, content: bytes) -> Any:
    """What is read, in bytes, so that ``True`` is not 1; or that it is refused."""
    try:
        return canonical(read(content))
    except (NotCanonical, RecursionError):
        return "refused"


@given(VALUES, st.integers(0, 60), st.integers(0, 3), st.sampled_from(PIECES))
@example({"a": 1}, 5, 1, b"1.0")
@example({"a": 1}, 5, 1, b"9007199254740992")
@example({"a": 1}, 5, 1, b"-9007199254740992")
@example({"a": 1}, 2, 1, "é".encode())
@example({"a": 1}, 1, 0, b'"a":1,')
@example(["x"], 2, 1, b"\\u0078")
@example([1], 1, 1, b"-0")
@example(1, 0, 1, b"9007199254740992")
def test_the_two_readers_agree(value: Any, at: int, left_out: int, piece: bytes) -> None:
    content = canonical(value)
    assert verdict(strict_json.read, content) == content
    changed = content[:at] + piece + content[at + left_out :]
    assert verdict(strict_json.read, changed) == verdict(read_canonical, changed)


@given(VALUES)
def test_what_is_written_is_canonical(value: Any) -> None:
    assert strict_json.written(value) == canonical(value)


def test_what_is_nested_beyond_all_reason_is_refused() -> None:
    with pytest.raises((NotCanonical, RecursionError)):
        strict_json.read(b"[" * 100_000)
    with pytest.raises((NotCanonical, RecursionError)):
        strict_json.read(b"[" * 100_000 + b"]" * 100_000)
