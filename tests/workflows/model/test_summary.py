"""What people see at a glance cannot be rewritten by what somebody wrote into a title."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.simulation.definitions import pair
from tests.simulation.play import Play
from tests.simulation.small import small
from workflows.model.commands import Command
from workflows.model.decide import decide
from workflows.model.summary import current_details, plain, summarize


def details(title: str) -> str:
    command = Command(
        accord="a",
        id="aa.contact/1",
        act="open_accord",
        fields={"definition": small()},
        delegate="aa.contact",
    )
    after = decide(None, command, datetime(2026, 1, 1, tzinfo=UTC)).after
    # Put in its place by hand: a definition takes no such title, and what is shown must not rest on that.
    return current_details(replace(after, definition=after.definition.model_copy(update={"title": title})))


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("Visit\n\n# Signed", r"### Visit \# Signed"),
        ("[here](https://evil.example)", "### \\[here\\](https:\u2060//evil.example)"),
        ("<b onclick=x>", r"### \<b onclick=x\>"),
        ("see www.evil.example", "### see www\u2060.evil.example"),
        ("a | b &#124; c", r"### a \| b \&\#124; c"),
        ("\u202edengis\u202c", "### dengis"),
        ("визит в Сеул, 서울 방문", "### визит в Сеул, 서울 방문"),
        ("می\u200cخواهم", "### می\u200cخواهم"),
    ],
)
def test_a_title_stays_a_title(title: str, shown: str) -> None:
    assert details(title).splitlines()[0] == shown


def test_a_long_cell_does_not_end_in_half_an_escape() -> None:
    line = details("x" * 159 + "||||").splitlines()[0]
    assert line == "### " + "x" * 159 + r"\|"


def test_a_line_is_bounded_in_bytes() -> None:
    assert plain("준비" * 300, 380) == "준비" * 63
    assert plain("a\x00b\x1b[31m\tc\u2028d\x85e", 380) == "a b [31m c d e"


def test_who_sees_an_accord_follows_the_appointments_also_where_nothing_happens() -> None:
    play = Play(pair()).go("founded")
    begins, ends = play.now + timedelta(days=1), play.now + timedelta(days=2)
    dates = {"valid_from": begins.isoformat(), "valid_until": ends.isoformat()}
    play.do("aa.contact", "appoint_delegate", delegate="aa.guest", office="Desk", roles=["protocol"], **dates)
    found = summarize(play.state)
    assert [found.lists("aa.guest", at) for at in (play.now, begins, ends)] == [False, True, False]
    assert found.lists("aa.contact", ends)
    assert not found.lists("nobody", ends)
    play.until(ends)
    play.do("aa.contact", "revoke_delegate", delegate="aa.protocol")
    assert {"aa.guest", "aa.protocol"} & set(summarize(play.state).members) == set()
