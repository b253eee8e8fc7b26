"""Text that is sent to be read as something else, or that could not be recorded: in acts, signals and long lists."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import AfterValidator

from activities.reading.minutes import entry_says
from activities.reading.signals import unreadable
from tests.simulation.definitions import changed, condition, pair
from tests.simulation.play import Play
from tests.simulation.small import digest
from workflows.messages import RawSignal
from workflows.model.declare import ACTS
from workflows.model.declared import EVENTS

FORGED = "Clerk)\n2030-01-07 · bb.head for BB signs D1 (definitive"

SAID: list[tuple[str, str, dict[str, Any], str]] = [
    (
        "aa.contact",
        "appoint_delegate",
        {"delegate": "aa.new", "office": "Clerk", "roles": ["protocol"]},
        "office",
    ),
    (
        "aa.obligor",
        "submit_evidence",
        {"condition": "C1", "digest": digest("it"), "grade": "declared", "source": "Office"},
        "source",
    ),
    (
        "watch",
        "condition_changed",
        {"condition": "C1", "report": "R1", "source": "Sensor", "observed_at": "2030-01-07T09:00:00Z"},
        "report",
    ),
    ("aa.protocol", "record_minutes", {"digest": digest("it"), "item": "Opening"}, "item"),
    ("installation", "pause_accord", {"reason": "Maintenance"}, "reason"),
]


@pytest.mark.parametrize(("by", "act", "fields", "name"), SAID, ids=[act for _, act, _, _ in SAID])
@pytest.mark.parametrize("text", [FORGED, "Office\u202e", "Of\u200bfice", "Of\u200dfice"])
def test_what_an_act_says_on_the_record_is_one_line_of_which_people_see_all(
    by: str, act: str, fields: dict[str, Any], name: str, text: str
) -> None:
    """Minutes are sentences made of it: a line of one's own would read as an act of another."""
    play = Play(pair()).go("founded")
    assert play.rejected(by, act, **{**fields, name: text}) == "malformed"
    play.do(by, act, **fields)
    assert "\n" not in entry_says(play.log[-1], "diplomatic")


def test_no_act_takes_text_onto_the_record_that_is_not_plain() -> None:
    """Particulars are shown apart, and may have lines; what has a form, or a check of its own, says what it takes."""
    for act in ACTS.values():
        for name in set(act.model_fields) - set(act.particular_names()):
            marks = act.model_fields[name].metadata
            patterns = [mark.pattern for mark in marks if getattr(mark, "pattern", None)]
            checked = any(isinstance(mark, AfterValidator) for mark in marks)
            if act.model_fields[name].annotation is str and patterns in ([], [r"\S"]):
                assert checked, f"{act.name}.{name} takes any text"


@pytest.mark.parametrize("name", ["", " ", "\u2003\u00a0", "\t" * 300, " " * 299 + "x"])
def test_a_signal_of_any_name_is_put_on_record_as_refused(name: str) -> None:
    """One that could not be would be tried for ever, and hold up every report behind it."""
    play = Play(pair()).go("founded")
    for reason in ("there is no such signal", " "):
        signal = RawSignal(
            at=play.now, name=name, arguments=0, encoding="", data="", digest=digest(reason), whole=True
        )
        command = unreadable("accord-1", signal, reason)
        decision = play._take(command)
        assert [draft.type for draft in decision.events] == ["signal_refused"]
        assert play.fact("signal_refused", "signal") == command.fields["name"]
    assert EVENTS["signal_refused"].sentence(play.log[-1].facts["event"], "diplomatic")


def test_an_amendment_that_asks_very_many_for_a_waiver_can_be_adopted() -> None:
    """Its cause names some of them: it has to fit an entry, or the amendment could never take effect."""
    codes = [f"P{number:02}ABCDEFGHI" for number in range(48)]
    terms = condition("AA", "bb.verifier", waivable=True, beneficiaries=["BB"])
    definition = pair(conditions={"C1": terms})
    for code in codes:
        contact = f"p{code[1:3]}.contact"
        definition["parties"][code] = {"name": code, "capacity": "guest", "contact": contact}
    play = Play(definition)
    play.adopt()
    play.do("bb.contact", "waive_condition", condition="C1")
    play.amend(changed(definition, conditions__C1__beneficiaries=["BB", *codes]))
    assert play.fact("waiver_reopened", "cause").endswith("and 36 more has to waive it by the amendment")
    assert play.status("C1") == "agreed"
