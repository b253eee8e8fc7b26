from __future__ import annotations

import pytest
import yaml

from api.bodies import read_json, read_yaml
from api.problems import Problem


def refused(read: object, content: bytes) -> Problem:
    with pytest.raises(Problem) as said:
        read(content)  # type: ignore[operator]
    return said.value


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (b"{", "bad_request", "line 1, column 2"),
        (b"\xff", "bad_request", "UTF-8"),
        (b'{"a": 1.5}', "malformed", "1.5 is not an integer"),
        (b'{"a": 1e2}', "malformed", "1e2"),
        (b'{"a": NaN}', "malformed", "NaN"),
        (b'{"a": 12345678901234567890}', "malformed", "2^53"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "malformed", "b.c: 'c' is there twice"),
        ('{"Ж": 1}'.encode(), "malformed", "not ASCII"),
        (b'{"a": ["\\ud800"]}', "malformed", "surrogate"),
        (b'{"a": {"b": "x\\u0000y"}}', "malformed", r"'x\x00y' holds U+0000"),
        (b"[" * 65 + b"]" * 65, "malformed", "levels deep"),
        (b"[" * 100_000, "malformed", "levels deep"),
    ],
)
def test_json_that_is_not_taken(content: bytes, code: str, said: str) -> None:
    error = refused(read_json, content)
    assert error.code == code
    assert said in error.detail


def test_json_that_is_taken() -> None:
    assert read_json('{"a": [1, true, null, "é", {}]}'.encode()) == {"a": [1, True, None, "é", {}]}
    assert read_json(b"[" * 64 + b"]" * 64)


def test_yaml_is_read_by_the_core_schema_of_1_2() -> None:
    content = b"""
NO: {name: Norway, on: yes, off: no}
numbers: [1, -2, +3, 012, "4", '5', ~, null, true, False]
times: [2027-04-12, 2027-04-12T10:00:00Z, 12:30:45, 1_000]
text: |
  one
  two
empty:
"""
    assert read_yaml(content).value == {
        "NO": {"name": "Norway", "on": "yes", "off": "no"},
        "numbers": [1, -2, 3, 12, "4", "5", None, None, True, False],
        "times": ["2027-04-12", "2027-04-12T10:00:00Z", "12:30:45", "1_000"],
        "text": "one\ntwo\n",
        "empty": None,
    }


def test_yaml_knows_its_lines() -> None:
    body = read_yaml(b"a: 1\nb:\n  c:\n    - 1\n    - d: 2\n")
    assert [body.line_of(name) for name in ("a", "b", "b.c", "b.c.1", "b.c.1.d")] == [1, 2, 3, 5, 5]
    assert body.line_of("b.x.y") == 2
    assert body.line_of("x") is None


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (b"a: [1", "bad_request", "line"),
        (b"a: 1\nb: 'x\n", "bad_request", "line"),
        (b"a: 1\n--- \nb: 2\n", "bad_request", "document"),
        (b"a: \x01", "bad_request", "YAML"),
        (b"\xff\xfe\xff", "bad_request", "UTF-8"),
        (b"", "malformed", "mapping"),
        (b"- 1", "malformed", "mapping"),
        (b"just text", "malformed", "mapping"),
        (b"a: 1\nb: 1.5", "malformed", "line 2: the number 1.5"),
        (b"a: .nan", "malformed", "line 1"),
        (b"a: 123456789012345678", "malformed", "2^53"),
        (b"a: &x [1]\nb: *x", "malformed", "anchors"),
        (b"a: !!python/object/apply:os.system [id]", "malformed", "tag"),
        (b"a: !!str 1", "malformed", "tag"),
        (b"a: 1\na: 2", "malformed", "line 2: 'a' is there twice"),
        ("Ж: 1".encode(), "malformed", "not ASCII"),
        (b"[1, 2]: 3", "malformed", "key"),
        (b"a: " + b"[" * 70 + b"]" * 70, "malformed", "levels deep"),
        (b"a: " + b"[" * 50_000, "malformed", "levels deep"),
    ],
)
def test_yaml_that_is_not_taken(content: bytes, code: str, said: str) -> None:
    error = refused(read_yaml, content)
    assert error.code == code, error.detail
    assert said in error.detail


def test_what_our_own_yaml_says_is_read_back() -> None:
    value = {"NO": "no", "a": ["2027-04-12", "1.5", "012", "", "~", "Ж", 'quote"d', True, None, 7], "b": {}}
    assert read_yaml(yaml.safe_dump(value, allow_unicode=True).encode()).value == value
