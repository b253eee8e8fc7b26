"""Redlines: both texts come out of them, no character is taken apart, and the page shows texts as texts alone."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from diff_match_patch import diff_match_patch
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.files.redline import Change, counted, redline
from activities.files.redline_page import page


def both(changes: tuple[Change, ...]) -> tuple[str, str]:
    old = "".join(one.text for one in changes if one.op != "insert")
    new = "".join(one.text for one in changes if one.op != "delete")
    return old, new


TEXTS = st.text(
    st.characters(exclude_categories=("Cs",)) | st.sampled_from("ab \n\ŕ가각ᄀ👩‍👩ไทยम नी"), max_size=60
)


@given(TEXTS, TEXTS)
@settings(max_examples=80, deadline=None)
def test_both_texts_come_out_of_it(old: str, new: str) -> None:
    assert both(redline(old, new)) == (old, new)


@pytest.mark.parametrize(
    ("old", "new", "deleted", "inserted"),
    [
        ("The Parties shall agree.", "The Parties may agree.", "shall", "may"),
        ("Стороны договорились, что", "Стороны договорились о том, что", "", " о том"),
        ("쌍방은 협정을 체결한다", "쌍방은 조약을 체결한다", "협정", "조약"),
        ("双方同意签署本协定。", "双方同意批准本协定。", "签署", "批准"),
        ("両締約国は協定に署名する", "両締約国は条約に署名する", "協定", "条約"),
        ("اتفق الطرفان على ما يلي", "اتفق الأطراف على ما يلي", "الطرفان", "الأطراف"),
        ("दोनों पक्ष सहमत हैं", "सभी पक्ष सहमत हैं", "दोनों", "सभी"),
        ("1 000 000", "1 000 001", "0", "1"),
        # A letter and its mark are one character, and so are the parts of a syllable or of an emoji.
        ("cafe", "cafe\u0301", "e", "e\u0301"),
        ("\u1100\u1161", "\u1100\u1161\u11a8", "\u1100\u1161", "\u1100\u1161\u11a8"),
        ("👩‍👧", "👩‍👦", "👩‍👧", "👩‍👦"),
    ],
)
def test_what_changed_is_told_in_whole_characters(old: str, new: str, deleted: str, inserted: str) -> None:
    changes = redline(old, new)
    assert both(changes) == (old, new)
    gone = "".join(one.text for one in changes if one.op == "delete")
    came = "".join(one.text for one in changes if one.op == "insert")
    assert set(gone) <= set(deleted)
    assert set(came) <= set(inserted)
    assert all(not one.text.startswith(("\u0301", "\u11a8", "\u200d")) for one in changes if one.text)


def test_characters_are_counted_as_readers_take_them() -> None:
    changes = redline("e\u0301", "👩‍👧👩‍👧")
    assert (counted(changes, "delete"), counted(changes, "insert")) == (1, 2)
    assert redline("", "") == ()
    assert redline("same", "same") == (Change("equal", "same"),)


def test_long_texts_end_in_time() -> None:
    old = "\n".join(f"{number}. The Parties shall agree on matter {number % 37}." for number in range(4000))
    new = old.replace("shall", "may").replace("matter 3", "subject 3")
    assert both(redline(old, new)) == (old, new)
    other = "".join(chr(0x4E00 + (number * 7919) % 20_000) for number in range(30_000))
    changes = redline(other, other[::-1], patience=0.2)
    assert both(changes) == (other, other[::-1])


def test_texts_that_repeat_themselves_end_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Found: a stretch that both have was looked for at every letter, and a change was moved letter by letter."""
    steps = 0

    def counting(name: str) -> None:
        step = getattr(diff_match_patch, name)

        def counted(self: Any, *given: str) -> int:
            nonlocal steps
            steps += 1
            return int(step(self, *given))

        monkeypatch.setattr(diff_match_patch, name, counted)

    counting("diff_commonPrefix")
    counting("diff_commonOverlap")
    for old, new in (
        ("ab" * 20_000, "ba" * 20_000),
        ("\r\n" * 20_000, "\n\r" * 20_000),
        ("x" + "a" * 20_000 + "y", "x" + "a" * 60_000 + "y"),
    ):
        assert both(redline(old, new)) == (old, new)
    assert steps < 1_000


class _Read(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


HOSTILE = "<script>alert(1)</script> <img src=x onerror=alert(1)> \"'&lt; </main></del>"


def test_a_page_shows_texts_as_texts() -> None:
    shown = page(
        redline("one " + HOSTILE, HOSTILE + " two\u202e\u200b"), "sha256:a", "sha256:b", "<b>A & B</b>"
    )
    read = _Read()
    read.feed(shown)
    assert read.tags <= {
        "html", "head", "meta", "title", "style", "body", "h1", "dl", "dt", "dd", "main", "ins", "del", "span"
    }  # fmt: skip
    assert read.attributes <= {"lang", "charset", "name", "content", "class", "dir"}
    assert "<script>alert(1)</script>" in read.text
    assert "\u202e" not in shown
    assert {"U+202E", "U+200B"} <= set(re.findall(r"U\+[0-9A-F]+", read.text))
    assert "[deleted: " in read.text
    assert "[inserted: " in read.text
