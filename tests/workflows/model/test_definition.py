"""The definition: what is accepted, what is refused and how that is said, and its digest."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from tests.simulation.definitions import changed, condition, document, pair, party, trio
from tests.simulation.play import Play
from workflows.model.declare import Rejected
from workflows.model.definition import Definition
from workflows.model.values import add_duration


def problem(**paths: Any) -> str:
    with pytest.raises(ValidationError) as error:
        Definition.model_validate(changed(pair(), **paths))
    return "; ".join(item["msg"] for item in error.value.errors())


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        ({"parties__BB": party("BB", "host")}, "exactly one is the host"),
        ({"parties__AA": party("AA")}, "exactly one is the host"),
        ({"parties__BB__required": False}, "at least one guest"),
        ({"parties__BB__contact": "aa.contact"}, "contact of its own"),
        ({"parties__BB__contact": "registrar"}, "acts for one side"),
        ({"parties__BB__delegates": ["aa.verifier", "bb.verifier"]}, "acts for one side"),
        ({"documents__D1__seats": {"AA": "aa.head", "BB": "aa.verifier"}}, "acts for one side"),
        ({"conditions__C1__policy__verifiers": ["somebody"]}, "whose is somebody?"),
        ({"conditions__C1__obligors": ["ZZ"]}, "unknown party ZZ"),
        ({"conditions__C1__beneficiaries": ["ZZ"]}, "unknown party ZZ"),
        ({"conditions__C1__depends_on": ["C9"]}, "unknown condition C9"),
        ({"conditions__C1__depends_on": ["C1"]}, "depends on itself"),
        ({"conditions__C1__valid_while_texts_of": ["D9"]}, "unknown document D9"),
        ({"conditions__C1__policy__need": 2}, "needs 2 verifiers of only 1"),
        ({"conditions__C1__policy__verifiers": ["a.b", "a.b"]}, "named twice"),
        ({"conditions__C1": condition("AA", "x.y", obligors=["AA", "BB"], joint=True)}, "joint needs"),
        ({"documents__D1__seats": {"ZZ": "zz.head"}}, "unknown party ZZ"),
        ({"documents__D1__seats": {"AA": "x.head", "BB": "x.head"}}, "holds more than one seat"),
        ({"documents__D1__order": ["ZZ"]}, "unknown party ZZ"),
        ({"documents__D1__languages": ["en", "en"]}, "named twice"),
        ({"documents__D1__prevailing": "de"}, "not one of"),
        ({"officers__registrar__roles": ["protocol"]}, "belongs to a party"),
        ({"window__ends": "2030-01-01T00:00:00Z"}, "ends before it begins"),
        ({"window__begins": "2030-05-01T00:00:00"}, "no time with its zone"),
        ({"long_stop": {"at": "2030-01-01T00:00:00Z"}}, "before the window begins"),
        ({"clock": {"mode": "real", "begins": "2030-01-01T00:00:00Z"}}, "simulated"),
        ({"parties__AA__contact": "clock"}, "reserved"),
        ({"conditions__C1__valid_for": "30 days"}, "pattern"),
        ({"unheard_of": 1}, "not permitted"),
    ],
)
def test_what_does_not_hold_together_is_refused_in_words(paths: dict, words: str) -> None:
    assert words in problem(**paths)


def test_a_circle_of_dependencies_is_refused() -> None:
    circle = {
        "C1": condition("AA", "bb.verifier", depends_on=["C2"]),
        "C2": condition("AA", "bb.verifier", depends_on=["C3"]),
        "C3": condition("AA", "bb.verifier", depends_on=["C1"]),
    }
    assert "depends on itself" in problem(conditions=circle)


def test_short_forms_of_seats_and_clock() -> None:
    full = Definition.model_validate(trio(clock="simulated"))
    assert full.clock.mode == "simulated"
    assert {name: seat.party for name, seat in full.documents["D3"].seats.items()} == {
        "AA": "AA",
        "CC": "CC",
        "CC-2": "CC",
    }


def test_the_digest_is_of_the_content_defaults_and_time_zones_apart() -> None:
    one = Definition.model_validate(pair())
    spelled = changed(
        pair(),
        signing_at_a_distance=False,
        window__begins="2030-05-01T10:00:00+02:00",
        documents__D1=document("AA", "BB", nature="on_signature"),
    )
    assert Definition.model_validate(spelled).digest() == one.digest()
    assert Definition.model_validate(pair(title="Other")).digest() != one.digest()
    again = Definition.model_validate(one.as_facts())
    assert again == one


@pytest.mark.parametrize(
    ("start", "duration", "end"),
    [
        ("2030-01-31", "P1M", "2030-02-28"),
        ("2032-01-31", "P1M", "2032-02-29"),
        ("2032-02-29", "P1Y", "2033-02-28"),
        ("2030-11-30", "P1M", "2030-12-30"),
        ("2030-12-15", "P1M", "2031-01-15"),
        ("2030-12-31", "P2M", "2031-02-28"),
        ("2030-01-01", "P30D", "2030-01-31"),
        ("2030-01-01", "PT36H", "2030-01-02T12:00"),
        ("2030-01-01", "P1Y2M3DT4H5M", "2031-03-04T04:05"),
    ],
)
def test_durations_go_by_the_calendar(start: str, duration: str, end: str) -> None:
    begins = datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert add_duration(begins, duration) == datetime.fromisoformat(end).replace(tzinfo=UTC)


def test_what_is_no_duration_is_said_so() -> None:
    with pytest.raises(ValueError, match="P30D"):
        add_duration(datetime(2030, 1, 1, tzinfo=UTC), "30 days")


def test_conditions_that_rest_on_too_much_are_refused_with_one_error() -> None:
    """Each is judged with all that it rests on, after every event."""

    def chain(length: int) -> dict[str, Any]:
        conditions = {"K0": condition("AA", "bb.verifier")}
        for number in range(1, length):
            conditions[f"K{number}"] = condition("AA", "bb.verifier", depends_on=[f"K{number - 1}"])
        return pair(conditions=conditions)

    assert Definition.model_validate(chain(346)).too_large() == ""
    too_long = Definition.model_validate(chain(347)).too_large()
    assert "60,031 steps" in too_long
    assert "at most 60,000 are taken" in too_long
    assert "shorten the chains of depends_on" in too_long
    assert Play(pair()).rejected("aa.contact", "open_accord", definition=chain(347)) == "already_open"
    with pytest.raises(Rejected, match="60,031 steps") as refused:
        Play(chain(347))
    assert refused.value.code == "too_large"
    play = Play(pair()).go("founded")
    assert play.guard("aa.contact", "amend_definition", definition=chain(347)) == "definition_bounded"
    wide = {f"W{number}": condition("AA", "bb.verifier") for number in range(50)}
    wide |= {
        f"X{number}": condition("AA", "bb.verifier", depends_on=list(wide)[:50]) for number in range(950)
    }
    assert Definition.model_validate(pair(conditions=wide)).too_large() == ""


def test_a_seat_is_named_after_the_party_that_signs_in_it() -> None:
    """Else the record would say that the seat of one party is signed, and another has signed."""
    definition = pair()
    definition["documents"]["D1"]["seats"] = {"AA": {"party": "BB", "holder": "bb.head"}}
    with pytest.raises(ValidationError, match="it is a seat of BB; name it BB"):
        Definition.model_validate(definition)
    definition["documents"]["D1"]["seats"] = {"AA-2": {"party": "AA", "holder": "aa.head"}}
    Definition.model_validate(definition)
