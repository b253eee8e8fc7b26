"""Notes, checkpoints and cosignatures: published examples, and everything that has to be refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from activities.errors import LedgerError, Malformed, SignatureInvalid
from activities.tlog import checkpoint as checkpoints
from activities.tlog import note as notes
from activities.tlog.checkpoint import Checkpoint, contradict, open_checkpoint, parse_text, sign_checkpoint
from activities.tlog.cosignature import cosigned_at, parse_verifier
from activities.tlog.merkle import EMPTY_ROOT
from activities.tlog.note import Ed25519Signer, Ed25519Verifier, Note, sign, signature_of, verify
from activities.tlog.policy import parse as parse_policy
from tests.activities.tlog.signers import (
    FILES,
    HEAD,
    KEY,
    ORIGIN,
    RU,
    SIGNER,
    SKEY,
    VKEY,
    cosigned,
    signer,
    witness,
)

# Keys


def test_the_published_keys_are_read_and_written() -> None:
    assert KEY.encoded() == VKEY
    assert SIGNER.encoded() == SKEY
    assert SIGNER.verifier == KEY
    assert KEY.key_id.hex() == "33d7b496"
    assert parse_verifier(VKEY) == KEY


def test_a_witness_has_another_key_id_than_a_log_with_the_same_key() -> None:
    line = RU.verifier.encoded()
    assert parse_verifier(line) == RU.verifier
    assert RU.verifier.key_id != Ed25519Verifier(RU.name, RU.verifier.public).key_id


@pytest.mark.parametrize(
    "line",
    [
        "",
        "name",
        VKEY.replace("33d7b496", "33d7b497"),
        VKEY.replace("33d7b496", "33D7B496"),
        VKEY.replace("example.com", "example.org"),
        VKEY[:-1],
        VKEY + "\n",
        VKEY[:-4] + "AAAA",
        VKEY.replace("log/", "log "),
        "+" + VKEY.partition("+")[2],
        notes.encode_key("name", 2, bytes(32)),
        notes.encode_key("name", 1, bytes(31)),
    ],
)
def test_what_is_no_key_is_refused(line: str) -> None:
    with pytest.raises(Malformed):
        parse_verifier(line)


@pytest.mark.parametrize(
    "line", ["", VKEY, SKEY[:-4], SKEY.replace("33d7b496", "33d7b497"), SKEY[:-4] + "!!!!"]
)
def test_what_is_no_signing_key_is_refused_without_repeating_it(line: str) -> None:
    with pytest.raises(Malformed) as refused:
        Ed25519Signer.decoded(line)
    assert "AeymY" not in str(refused.value)


# Notes and checkpoints


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_published_checkpoint(file: Path) -> None:
    content = file.read_bytes()
    opened = open_checkpoint(content, [KEY])
    assert opened.note.encoded() == content
    assert opened.checkpoint.text() == opened.note.text
    assert str(opened.checkpoint.size) == (file.suffix[1:] or "15")
    # Ed25519 is deterministic: signing it again gives the same bytes.
    assert sign_checkpoint(opened.checkpoint, SIGNER).encoded() == content


@pytest.mark.parametrize("file", FILES[:3], ids=lambda file: file.name)
def test_every_flipped_bit_of_a_checkpoint_is_noticed(file: Path) -> None:
    content = file.read_bytes()
    for bit in range(len(content) * 8):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << (bit % 8)
        with pytest.raises(LedgerError):
            open_checkpoint(bytes(changed), [KEY])


def test_the_text_may_hold_empty_lines() -> None:
    note = sign("one\n\ntwo\n\n\n", [signer("a"), signer("b", 2)])
    assert notes.parse(note.encoded()) == note
    assert [key.name for key in verify(note, [signer("b", 2).verifier, signer("a").verifier])] == ["a", "b"]


def test_unknown_signatures_are_passed_over_and_bad_ones_are_not() -> None:
    note = sign("text\n", [signer("a"), signer("b", 2)])
    assert [key.name for key in verify(note, [signer("b", 2).verifier])] == ["b"]
    with pytest.raises(SignatureInvalid, match="no known key"):
        verify(note, [signer("b", 3).verifier])
    with pytest.raises(SignatureInvalid, match="nobody"):
        verify(note, [])
    spoiled = Note("other\n", note.signatures)
    with pytest.raises(SignatureInvalid, match="does not fit"):
        verify(spoiled, [signer("a").verifier])
    with pytest.raises(SignatureInvalid, match="does not fit"):
        verify(note.with_signatures(()), [signer("b", 2).verifier, _colliding("a")])


def _colliding(name: str) -> notes.Verifier:
    """Another key that claims the name and the id of ``signer(name)``."""

    class Colliding:
        key_id = signer(name).verifier.key_id

        def __init__(self) -> None:
            self.name = name

        def verifies(self, text: str, signature: bytes) -> bool:
            return signer(name, 9).verifier.verifies(text, signature)

    return Colliding()


def test_a_key_signs_a_note_once() -> None:
    note = sign("text\n", [signer("a")])
    assert note.with_signatures(note.signatures) == note


GOOD = sign("text\n", [signer("a")]).encoded()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"\n\n",
        b"text\n",
        b"text\n\n",
        GOOD[:-1],
        GOOD + b"\n",
        GOOD + b"garbage\n",
        GOOD.replace(b"\n\n", b"\n"),
        GOOD.replace(b"text", b"te\txt"),
        GOOD.replace(b"text", b"te\rxt"),
        GOOD.replace(b"text", b"te\xffxt"),
        GOOD.replace("—".encode(), b"-"),
        GOOD.replace(b" a ", "\u2003a ".encode()),
        GOOD.replace(b" a ", b" a+b "),
        GOOD.replace(b" a ", b"  "),
        GOOD.replace(b"=\n", b"\n"),
        "x\n\n— a AAAAAA==\n".encode(),
        "x\n\n— a AAAAAAB=\n".encode(),
        b"x\n\n" + GOOD.split(b"\n\n")[1] * 101,
        b"x" * 1_000_001,
    ],
    ids=lambda content: repr(content[:20]),
)
def test_what_is_no_note_is_refused(content: bytes) -> None:
    with pytest.raises(Malformed):
        notes.parse(content)


@given(st.binary(max_size=80) | st.text(max_size=60).map(lambda text: f"{text}\n\n— {text}\n".encode()))
def test_parsers_raise_one_error_only(content: bytes) -> None:
    for parser in (notes.parse, lambda it: open_checkpoint(it, [KEY]), parse_policy):
        with pytest.raises(LedgerError):
            parser(content)
    text = content.decode("latin-1")
    for reader in (notes.parse_signature, parse_verifier, Ed25519Signer.decoded):
        with pytest.raises(Malformed):
            reader(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "o\n1\n",
        "\n1\n" + notes.encode_base64(bytes(32)) + "\n",
        "o\n1\n" + notes.encode_base64(bytes(31)) + "\n",
        "o\n1\n" + notes.encode_base64(bytes(32)),
        "o\n01\n" + notes.encode_base64(bytes(32)) + "\n",
        "o\n-1\n" + notes.encode_base64(bytes(32)) + "\n",
        "o\n+1\n" + notes.encode_base64(bytes(32)) + "\n",
        "o\n١\n" + notes.encode_base64(bytes(32)) + "\n",
        "o\n\n" + notes.encode_base64(bytes(32)) + "\n",
        "o\n9223372036854775808\n" + notes.encode_base64(bytes(32)) + "\n",
        "o\n1\n" + notes.encode_base64(bytes(32)) + "\n\n",
        "o\n0\n" + notes.encode_base64(bytes(32)) + "\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        parse_text(text)


def test_extension_lines_are_read() -> None:
    head = Checkpoint("o", 1, bytes(32), ("one", "two"))
    assert parse_text(head.text()) == head
    assert parse_text(Checkpoint("o", 0, EMPTY_ROOT).text()).size == 0


def test_a_log_signs_for_its_own_origin_only() -> None:
    with pytest.raises(SignatureInvalid, match="does not sign for"):
        sign_checkpoint(HEAD, signer("accords.example/a-18"))
    foreign = sign(HEAD.text(), [signer("accords.example/a-18")])
    with pytest.raises(SignatureInvalid, match="no key of the log"):
        open_checkpoint(foreign, [signer("accords.example/a-18").verifier])


def test_a_witness_does_not_replace_the_log() -> None:
    only_witnessed = sign(HEAD.text(), [RU])
    with pytest.raises(SignatureInvalid, match="did not sign"):
        open_checkpoint(only_witnessed, [signer(ORIGIN).verifier], [RU.verifier])


def test_a_key_rotates_by_overlap() -> None:
    old, new = signer(ORIGIN, 1), signer(ORIGIN, 2)
    both = sign_checkpoint(HEAD, old).with_signatures([signature_of(HEAD.text(), new)])
    for known in ([old.verifier], [new.verifier], [old.verifier, new.verifier]):
        assert open_checkpoint(both, known).witnesses == ()
    with pytest.raises(SignatureInvalid):
        open_checkpoint(sign_checkpoint(HEAD, new), [old.verifier])


def test_two_roots_at_one_size_contradict_each_other() -> None:
    other = Checkpoint(ORIGIN, 7, bytes(32))
    assert contradict(HEAD, other)
    assert not contradict(HEAD, HEAD)
    assert not contradict(HEAD, Checkpoint(ORIGIN, 8, bytes(32)))
    assert not contradict(HEAD, Checkpoint("other", 7, bytes(32)))


@pytest.mark.parametrize("digits", ["", "00", "1_0", " 1", "1e1", "²", "9" * 20, "9" * 5000])
def test_decimals_have_one_form(digits: str) -> None:
    with pytest.raises(Malformed):
        checkpoints.parse_decimal(digits, "this")


# Cosignatures


def test_a_cosignature_is_over_its_time_and_the_whole_text() -> None:
    note = sign_checkpoint(HEAD, signer(ORIGIN))
    time = 1_679_315_147
    [signature] = cosigned(Note(note.text, ()), witness("w", 5, time)).signatures
    message = f"cosignature/v1\ntime {time}\n{HEAD.text()}".encode()
    assert signature.content[:8] == time.to_bytes(8, "big")
    private = Ed25519PrivateKey.from_private_bytes(bytes([5]) * 32)
    assert signature.content[8:] == private.sign(message)
    assert cosigned_at(signature) == time
    key = witness("w", 5).verifier
    assert key.verifies(note.text, signature.content)
    later = (time + 1).to_bytes(8, "big") + signature.content[8:]
    assert not key.verifies(note.text, later)
    assert not key.verifies(note.text, signature.content[:-1])
    assert not key.verifies(note.text, (2**63).to_bytes(8, "big") + signature.content[8:])


def test_the_cosignature_in_the_specification_is_read() -> None:
    line = (
        "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1n"
        "PZqhf5nNo0xUe+mbIUBkBIfZ+qnA=="
    )
    signature = notes.parse_signature(line)
    assert cosigned_at(signature) == 1_679_315_147
    assert signature.line() == line + "\n"


def test_a_plain_signature_has_no_time() -> None:
    with pytest.raises(Malformed):
        cosigned_at(sign("x\n", [signer("a")]).signatures[0])


@pytest.mark.parametrize("reverse", [False, True])
def test_a_key_with_anothers_id_does_not_take_its_place(
    monkeypatch: pytest.MonkeyPatch, reverse: bool
) -> None:
    """Ids have four bytes: two keys with one are found in a minute."""
    monkeypatch.setattr(notes, "key_id", lambda *_: b"same")
    one, other = signer(ORIGIN, 1), signer(ORIGIN, 2)
    verifiers = [one.verifier, other.verifier][:: -1 if reverse else 1]
    for by in (one, other):
        assert verify(sign("text\n", [by]), verifiers) == [by.verifier]
    with pytest.raises(SignatureInvalid, match="does not fit"):
        verify(sign("text\n", [signer(ORIGIN, 3)]), verifiers)
