"""Whatever is in a document, reading and checking it takes work in proportion to its length, or less."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from activities.definitions.check import read_definition
from activities.definitions.structured import (
    DEEPEST,
    LONGEST_NAME,
    MOST_MEMBERS,
    MOST_VALUES,
    Source,
    Unreadable,
    read_json,
)
from activities.definitions.yaml_reading import read_yaml
from tests.activities.definitions.hostile import JSON, YAML, mixed
from tests.simulation.small import small
from workflows.model.definition import Definition, Inconsistent, _in_circles

LENGTH = 60_000


def attempt(read: Callable[[bytes], Source], content: bytes) -> Unreadable | None:
    """The whole way of a definition's body; what is wrong with it, if anything."""
    try:
        read_definition(read(content))
    except Unreadable as error:
        return error
    return None


def from_json(content: bytes) -> Source:
    value = read_json(content)
    if not isinstance(value, dict):
        raise Unreadable("malformed", "is not an object")
    return Source(value)


def lines_run(work: Callable[[], Any]) -> int:
    """How many lines of Python ran for it: the work that is ours, whatever the machine does besides."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


FAMILIES = [(from_json, name, make) for name, make in JSON.items()] + [
    (read_yaml, name, make) for name, make in YAML.items()
]


@pytest.mark.parametrize(
    ("read", "make"),
    [(read, make) for read, _, make in FAMILIES],
    ids=[f"{'json' if read is from_json else 'yaml'}: {name}" for read, name, _ in FAMILIES],
)
def test_work_grows_no_faster_than_length(
    read: Callable[[bytes], Source], make: Callable[[int], bytes]
) -> None:
    attempt(read, make(1000))
    short, long = (lines_run(lambda size=size: attempt(read, make(size))) for size in (LENGTH, 2 * LENGTH))
    assert long < 3 * short + 2000
    assert long < 20 * 2 * LENGTH


@pytest.mark.parametrize("read", [from_json, read_yaml])
def test_what_is_made_of_pieces_is_taken_or_refused_in_words(read: Callable[[bytes], Source]) -> None:
    for seed in range(60):
        error = attempt(read, mixed(seed, 3000))
        if error is not None:
            assert error.code in ("bad_request", "malformed")
            assert len(error.said) < 4000
            assert len(error.errors) <= 100


def test_a_repeated_name_among_thousands_is_named() -> None:
    names = [f'"k{number}": 0' for number in range(1900)]
    content = "{" + ", ".join([*names, '"k1234": 1', '"k7": 1']) + "}"
    with pytest.raises(Unreadable, match="k1234: 'k1234' is there twice"):
        read_json(content.encode())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"a":[' + b"0," * MOST_MEMBERS + b"0]}", "members"),
        (b'{"a":[' + (b"[" + b"0," * 999 + b"0],") * (MOST_VALUES // 1000) + b"0]}", "values"),
        (b'{"' + b"a" * (LONGEST_NAME + 1) + b'":0}', f"more than {LONGEST_NAME} characters"),
        (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), "levels"),
    ],
)
def test_what_a_document_may_hold_is_bounded(content: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        read_json(content)
    with pytest.raises(Unreadable, match=said):
        read_yaml(content if content.startswith(b"{") else b"a: " + content)


def test_lines_are_found_where_names_hold_dots() -> None:
    source = read_yaml(b"officers:\n  aa.b:\n    office: x\n  aa:\n    b: 1\nprogramme:\n  - at: 1\n  - 2\n")
    assert source.line_of("officers.aa.b.office") == 5
    assert source.line_of(("officers", "aa.b", "office")) == 3
    assert source.line_of("officers.aa.b") == 5
    assert source.line_of("programme.1") == 8
    assert source.line_of(("programme", 0, "at")) == 7
    assert source.line_of("nothing") is None
    assert source.line_of("." * 100_000) is None


def test_names_that_depend_on_themselves_are_found_among_those_that_do_not() -> None:
    graph = {"a": ("b",), "b": ("c", "d"), "c": ("a",), "d": ("e",), "e": ("e",), "f": ("a", "?"), "g": ()}
    assert _in_circles(graph) == {"a", "b", "c", "e"}
    chain = {str(number): (str(number + 1),) for number in range(5000)}
    assert _in_circles(chain) == set()
    assert _in_circles({**chain, "5000": ("2500",)}) == {str(number) for number in range(2500, 5001)}


def test_an_error_does_not_list_a_thousand_names() -> None:
    first = small()["conditions"]["C1"]
    conditions = {f"C{number}": {**first, "depends_on": ["X"]} for number in range(1000)}
    with pytest.raises(ValueError, match="and 988 more") as caught:
        Definition.model_validate(small(conditions=conditions))
    cause = caught.value.errors()[0]["ctx"]["error"]  # type: ignore[attr-defined]
    assert isinstance(cause, Inconsistent)
    assert len(cause.problems) == 100
    assert len(str(cause)) < 40_000


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            ("need: 1", 'need: "2"'),
            "line 14: conditions.C1.policy.need: '2' is not taken here; write a whole number",
        ),
        (
            ("need: 1", "need: true"),
            "line 14: conditions.C1.policy.need: True is not taken here; write a whole",
        ),
        (
            ("waivable: true", "waivable: yes"),
            "line 10: conditions.C1.waivable: 'yes' is not taken here; write true",
        ),
        (
            ("waivable: true", "waivable: 1"),
            "line 10: conditions.C1.waivable: 1 is not taken here; write true",
        ),
        (
            ("due: 2030-01-01T00:00:00Z", "due: 20300101"),
            "line 11: conditions.C1.due: 20300101 is no time with its",
        ),
        (
            ("due: 2030-01-01T00:00:00Z", "due: 2030-01-01"),
            "line 11: conditions.C1.due: '2030-01-01' is no time",
        ),
        (
            ("due: 2030-01-01T00:00:00Z", 'due: "20300101"'),
            "line 11: conditions.C1.due: '20300101' is no time",
        ),
        (("title: Venue", "title: 7 #"), "line 7: conditions.C1.title: 7 is not taken here; write text"),
        (("title: Visit", 'title: "Vi\\u202esit"'), "line 1: title: it holds U+202E"),
        (("title: Visit", 'title: "Vi\\u200bsit"'), "line 1: title: it holds U+200B"),
        (("title: Visit", 'title: "Vi\\nsit"'), "line 1: title: it holds U+000A"),
        (("title: Visit", 'title: "Vi' + "\\u0301" * 5 + 'sit"'), "line 1: title: more than four marks"),
        (("name: A", 'name: "A\\u200d"'), "line 3: parties.AA.name: it holds U+200D"),
    ],
)
def test_values_are_strict_and_errors_name_line_field_and_what_to_write(
    changed: tuple[str, str], said: str
) -> None:
    written = WRITTEN.replace(*changed, 1)
    assert written != WRITTEN
    assert attempt(read_yaml, WRITTEN.encode()) is None
    error = attempt(read_yaml, written.encode())
    assert error is not None
    assert said in " ".join(map(str, error.errors))


WRITTEN = """\
title: Visit
parties:
  AA: {name: A, capacity: host, contact: aa.contact}
  BB: {name: B, capacity: guest, contact: bb.contact, delegates: [bb.other]}
conditions:
  C1:
    title: Venue
    obligors: [AA]
    gate: visit
    waivable: true
    due: 2030-01-01T00:00:00Z
    policy:
      verifiers: [bb.contact, bb.other]
      need: 1
"""
