"""Entries: canonical bytes, salted digests, and a strict parser."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st

from activities.errors import Malformed, PayloadMismatch, Unrecordable
from activities.ledger import parsing
from activities.ledger.entry import (
    MAX_ENTRY_BYTES,
    Entry,
    Payload,
    decode_canonical,
    fresh_salt,
    parse_time,
    seal,
    time_text,
)
from activities.ledger.parsing import parse
from activities.tlog.merkle import leaf_hash
from tests.activities.ledger.making import ACTOR, START, event
from workflows.model.canonical import NotCanonical, canonical
from workflows.model.commands import Actor

JCS = Path(__file__).parent / "vectors" / "jcs"

ascii_text = st.text(st.characters(max_codepoint=127), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ascii_text, inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(ascii_text, values, max_size=4)
texts = st.text(max_size=12)
times = st.datetimes(timezones=st.just(UTC))
entries = st.integers(1, 2**53 - 1).flatmap(
    lambda position: st.builds(
        Entry,
        accord=texts,
        position=st.just(position),
        type=texts,
        version=st.integers(1, 2**53 - 1),
        time=times,
        actor=st.builds(Actor, delegate=texts, party=st.none() | texts, role=texts, behalf=st.none() | texts),
        command=texts,
        causation=st.none() | st.integers(0, position - 1),
        facts=st.just("sha256:" + "0" * 64),
        particulars=st.just("sha256:" + "1f" * 32),
    )
)


def sealed_content(**changes: Any) -> bytes:
    given: dict[str, Any] = {"accord": "a", "position": 4, "command": "d/1", "causation": 3}
    return seal(event(), **{**given, **changes}).content


def test_an_entry_is_the_documented_bytes() -> None:
    salts = iter([b"\x01" * 16, b"\x02" * 16])
    draft = event("invitation_issued", version=2, facts={"b": 1, "a": ["é"]}, particulars={})
    sealed = seal(
        draft, accord="accord-1", position=7, command="d/1", causation=6, salt=lambda _: next(salts)
    )
    facts = hashlib.sha256(b"\x01" * 16 + '{"a":["é"],"b":1}'.encode()).hexdigest()
    particulars = hashlib.sha256(b"\x02" * 16 + b"{}").hexdigest()
    assert sealed.content.decode() == (
        '{"accord":"accord-1","actor":{"behalf":null,"delegate":"delegate-1","party":"RU","role":"protocol"},'
        f'"causation":6,"command":"d/1","facts":"sha256:{facts}","particulars":"sha256:{particulars}",'
        '"position":7,"time":"2026-05-01T09:00:00.000000Z","type":"invitation_issued","v":1,"version":2}'
    )
    assert sealed.leaf == leaf_hash(sealed.content)
    assert parse(sealed.content) == sealed.entry
    assert sealed.facts.value() == draft.facts


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_process_and_its_child_draw_different_salts() -> None:
    fresh_salt(16)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, fresh_salt(64))
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 64) != fresh_salt(64)
    os.close(reading)
    os.close(writing)


def test_salts_are_never_the_same_however_many_are_drawn() -> None:
    drawn = [fresh_salt(size) for size in (16, 16, 5000, 16) * 300]
    assert [len(each) for each in drawn] == [16, 16, 5000, 16] * 300
    assert len(set(drawn)) == len(drawn)


def test_equal_payloads_have_different_digests() -> None:
    first, second = (seal(event(), accord="a", position=0, command="c", causation=None) for _ in range(2))
    assert first.entry.facts != second.entry.facts
    assert first.facts.salt != first.particulars.salt


@given(entries)
def test_what_is_written_is_read(entry: Entry) -> None:
    content = entry.encoded()
    assert parse(content) == entry
    assert parse(content).encoded() == content
    assert rfc8785.dumps(json.loads(content)) == content


@given(objects, objects)
def test_a_payload_verifies_against_its_own_digest_only(facts: dict[str, Any], other: dict[str, Any]) -> None:
    sealed = seal(event(facts=facts, particulars=other), accord="a", position=0, command="c", causation=None)
    sealed.facts.verify(sealed.entry.facts)
    assert sealed.facts.value() == facts
    with pytest.raises(PayloadMismatch):
        sealed.facts.verify(sealed.entry.particulars)
    with pytest.raises(PayloadMismatch):
        Payload(sealed.particulars.salt, sealed.facts.content).verify(sealed.entry.facts)
    with pytest.raises(PayloadMismatch):
        # The boundary between salt and content must not be movable.
        Payload(sealed.facts.salt + b"{", sealed.facts.content[1:]).verify(sealed.entry.facts)


@given(st.data())
def test_any_flipped_bit_is_another_leaf_or_no_entry(data: st.DataObject) -> None:
    content = bytearray(sealed_content())
    leaf = leaf_hash(bytes(content))
    bit = data.draw(st.integers(0, len(content) * 8 - 1))
    content[bit // 8] ^= 1 << (bit % 8)
    assert leaf_hash(bytes(content)) != leaf
    try:
        read = parse(bytes(content))
    except Malformed:
        return
    assert read.encoded() == bytes(content)


VALID = json.loads(sealed_content())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"v": 2}, "format"),
        ({"v": True}, "format"),
        ({"v": "1"}, "format"),
        ({"v": [1]}, "format"),
        ({"extra": 1}, "other members"),
        ({"accord": None}, "not text"),
        ({"accord": 1}, "not text"),
        ({"position": -1}, "integer"),
        ({"position": True}, "integer"),
        ({"position": "4"}, "integer"),
        ({"version": 0}, "integer"),
        ({"causation": 4}, "before it"),
        ({"causation": -1}, "integer"),
        ({"causation": False}, "integer"),
        ({"actor": None}, "actor"),
        ({"actor": {}}, "other members"),
        ({"actor": {**VALID["actor"], "party": 1}}, "not text"),
        ({"actor": {**VALID["actor"], "delegate": None}}, "not text"),
        ({"facts": "sha256:" + "A" * 64}, "hexadecimal"),
        ({"facts": "0" * 64}, "hexadecimal"),
        ({"particulars": "sha256:" + "0" * 64 + "\n"}, "hexadecimal"),
        ({"time": "2026-05-01T09:00:00Z"}, "not a time"),
        ({"time": "2026-05-01T09:00:00.000000+00:00"}, "not a time"),
        ({"time": "2026-02-30T09:00:00.000000Z"}, "not a time"),
        ({"time": "2026-05-01T24:00:00.000000Z"}, "time"),
        ({"time": "٢٠٢٦-05-01T09:00:00.000000Z"}, "not a time"),
    ],
)
def test_an_entry_that_breaks_the_format_is_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(Malformed, match=says):
        parse(canonical({**VALID, **change}))


@pytest.mark.parametrize("member", sorted(VALID))
def test_every_member_has_to_be_there(member: str) -> None:
    with pytest.raises(Malformed):
        parse(canonical({key: value for key, value in VALID.items() if key != member}))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"1",
        b"{}",
        b'{"v":1}',
        b"\xff",
        b"\xef\xbb\xbf{}",
        sealed_content() + b"\n",
        b" " + sealed_content(),
        sealed_content().replace(b'"v":1', b'"v":1.0'),
        sealed_content().replace(b'"v":1', b'"v":1e0'),
        sealed_content().replace(b'"v":1', b'"v":01'),
        sealed_content().replace(b'"v":1', b'"v":NaN'),
        sealed_content().replace(b'"v":1', b'"v":' + b"9" * 5000),
        sealed_content().replace(b'"accord":"a"', b'"accord":"\\u0061"'),
        sealed_content().replace(b'"accord":"a"', b'"accord":"\\ud800"'),
        sealed_content().replace(b'{"accord":"a"', b'{"accord":"b","accord":"a"'),
        b"[" * 60_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b'"' + b"a" * MAX_ENTRY_BYTES + b'"',
    ],
    ids=lambda content: repr(content[:30]),
)
def test_bytes_that_are_no_entry_are_refused(content: bytes) -> None:
    with pytest.raises(Malformed):
        parse(content)


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode) | values.map(canonical))
@example(b'{"v":1}')
def test_parsers_raise_one_error_only(content: bytes) -> None:
    with pytest.raises(Malformed):
        parse(content)
    with contextlib.suppress(Malformed):
        assert canonical(decode_canonical(content, "this")) == content
    with contextlib.suppress(Malformed):
        assert isinstance(Payload(b"", content).value(), dict)


@given(times, st.integers(-12, 14))
def test_equal_times_have_equal_text_and_texts_sort_as_times(time: datetime, hours: int) -> None:
    assert parse_time(time_text(time)) == time
    if datetime(2, 1, 1, tzinfo=UTC) < time < datetime(9998, 1, 1, tzinfo=UTC):
        assert time_text(time.astimezone(timezone(timedelta(hours=hours)))) == time_text(time)
        assert time_text(time) < time_text(time + timedelta(microseconds=1))


@pytest.mark.parametrize(
    ("draft", "place", "says"),
    [
        ({"facts": {"share": 0.5}}, {}, "float"),
        ({"facts": {"ключ": 1}}, {}, "ASCII"),
        ({"particulars": {"n": 2**53}}, {}, "2\\^53"),
        ({"facts": {"text": "\ud800"}}, {}, "surrogate"),
        ({"version": 0}, {}, "version 0"),
        ({}, {"position": -1}, "position -1"),
        ({}, {"causation": 9}, "causation 9"),
        ({}, {"accord": "a" * 65_535}, "bytes"),
        ({}, {"command": "\ud800"}, "surrogate"),
    ],
)
def test_what_cannot_be_an_entry_is_refused(draft: dict[str, Any], place: dict[str, Any], says: str) -> None:
    where: dict[str, Any] = {"accord": "a", "position": 0, "command": "c", "causation": None}
    with pytest.raises(Unrecordable, match=says):
        seal(event(**draft), **{**where, **place})


def test_a_payload_nested_beyond_all_reason_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(3000):
        deep = {"a": deep}
    # The message type itself would not take it, so it comes as the reader of a queue might hand it over.
    draft = event().model_copy(update={"facts": deep})
    with pytest.raises(Unrecordable, match="nested"):
        seal(draft, accord="a", position=0, command="c", causation=None)


def test_the_largest_entry_is_taken_and_one_byte_more_is_not() -> None:
    def entry(length: int) -> Entry:
        return Entry(
            accord="a" * length,
            position=0,
            type="t",
            version=1,
            time=START,
            actor=ACTOR,
            command="c",
            causation=None,
            facts="sha256:" + "0" * 64,
            particulars="sha256:" + "0" * 64,
        )

    room = MAX_ENTRY_BYTES - len(entry(0).encoded())
    assert len(entry(room).encoded()) == MAX_ENTRY_BYTES
    assert parse(entry(room).encoded()) == entry(room)
    with pytest.raises(Unrecordable, match="65536 bytes"):
        entry(room + 1).encoded()


ACCEPTED = {"arrays", "unicode"}


@pytest.mark.parametrize("name", sorted(file.stem for file in (JCS / "input").iterdir()))
def test_canonical_json_vector(name: str) -> None:
    value = json.loads((JCS / "input" / f"{name}.json").read_bytes())
    expected = (JCS / "output" / f"{name}.json").read_bytes().rstrip(b"\n")
    if name in ACCEPTED:
        assert canonical(value) == expected
        assert decode_canonical(expected, "the vector") == value
    else:
        # These hold a float, or a key that is not ASCII.
        with pytest.raises(NotCanonical):
            canonical(value)
        with pytest.raises(Malformed):
            decode_canonical((JCS / "input" / f"{name}.json").read_bytes(), "the vector")


@given(values)
def test_canonical_json_equals_rfc8785(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)
    assert decode_canonical(canonical(value), "this") == value


_PIECES = (
    *("", "0", "1", "9", "-", "24", "60", "null"),
    *('"', "\\", "\\u0041", "\x7f", "\n", " ", "é"),
)


@given(
    entries,
    st.integers(0, 400),
    st.sampled_from(_PIECES),
    st.booleans(),
)
@settings(max_examples=500)
def test_the_quick_way_reads_an_entry_as_the_thorough_one_does(
    entry: Entry, at: int, piece: str, instead: bool
) -> None:
    text = entry.encoded().decode()
    for content in (text, text[:at] + piece + text[at + instead :]):
        quick = parsing._parse_plain(content.encode())
        try:
            thorough = parsing._parse_any(content.encode())
        except Malformed:
            assert quick is None
        else:
            assert quick in (None, thorough)
    plain = replace(entry, **dict.fromkeys(("accord", "type", "command"), "plain"), actor=ACTOR)
    if plain.position < 10**15 > plain.version:
        assert parsing._parse_plain(plain.encoded()) == plain
