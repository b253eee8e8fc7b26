"""Policies of witnesses: what is a quorum, and everything that has to be refused."""

from __future__ import annotations

import pytest

from activities.errors import Malformed, SignatureInvalid
from activities.tlog.checkpoint import Checkpoint, sign_checkpoint
from activities.tlog.cosignature import CosignatureVerifier
from activities.tlog.note import Note
from activities.tlog.policy import parse as parse_policy
from tests.activities.tlog.signers import (
    HEAD,
    KP,
    ORIGIN,
    POLICY,
    RU,
    VKEY,
    cosigned,
    signer,
    witness,
)


def test_a_checkpoint_is_final_once_all_parties_cosigned() -> None:
    policy = parse_policy(POLICY)
    signed = sign_checkpoint(HEAD, signer(ORIGIN))
    for incomplete in (signed, cosigned(signed, RU), cosigned(signed, KP)):
        with pytest.raises(SignatureInvalid, match="not final"):
            policy.open(incomplete)
    opened = policy.open(cosigned(signed, RU, KP).encoded())
    assert opened.checkpoint == HEAD
    assert opened.witnesses == (RU.verifier, KP.verifier)
    with pytest.raises(SignatureInvalid, match="no key of the log"):
        policy.open(cosigned(sign_checkpoint(Checkpoint("other", 1, bytes(32)), signer("other")), RU, KP))
    # The same cosigner twice is still one.
    doubled = cosigned(signed, RU)
    with pytest.raises(SignatureInvalid, match="not final"):
        policy.open(Note(doubled.text, (*doubled.signatures, doubled.signatures[-1])))


def policy_of(*lines: str) -> bytes:
    witnesses = [
        f"witness {name} {witness(name, seed).verifier.encoded()}" for seed, name in enumerate("ABCDE", 1)
    ]
    return "".join(line + "\n" for line in [*witnesses, *lines]).encode()


@pytest.mark.parametrize(
    ("lines", "enough", "too_few"),
    [
        (["quorum none"], [""], []),
        (["quorum A"], ["A", "AB"], ["", "BCDE"]),
        (["group g any A B", "quorum g"], ["A", "B"], ["", "C"]),
        (["group g 2 A B C", "quorum g"], ["AB", "AC", "ABC"], ["A", "CD", "DE"]),
        (
            ["group x 2 A B C", "group y any D E", "group both all x y", "quorum both"],
            ["ABD", "BCE"],
            ["AB", "DE", "AD", "ADE"],
        ),
    ],
)
def test_quorum(lines: list[str], enough: list[str], too_few: list[str]) -> None:
    policy = parse_policy(policy_of(*lines))
    for names in enough:
        assert policy.satisfied_by(policy.witnesses[name] for name in names)
    for names in too_few:
        assert not policy.satisfied_by(policy.witnesses[name] for name in names)
    strangers = [CosignatureVerifier(name, bytes([7]) * 32) for name in "ABCDE"]
    assert policy.satisfied_by(strangers) == ("" in enough)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([], "no quorum"),
        (["quorum A", "quorum A"], "two quorums"),
        (["quorum g"], "not defined"),
        (["group g all g", "quorum g"], "not defined"),
        (["quorum g", "group g all A"], "not defined"),
        (["group g all", "quorum none"], "no members"),
        (["group g 0 A", "quorum g"], "cannot need"),
        (["group g 2 A", "quorum g"], "cannot need"),
        (["group g 01 A B", "quorum g"], "decimal"),
        (["group g some A B", "quorum g"], "decimal"),
        (["group g all A A", "quorum g"], "twice"),
        (["group g all A", "group h all A", "quorum g"], "twice"),
        (["group A all B", "quorum A"], "taken"),
        (["group none all B", "quorum none"], "taken"),
        (["group g all none", "quorum g"], "not defined"),
        ([f"witness F {witness('F', 1).verifier.encoded()}", "quorum A"], "twice"),
        ([f"witness F {VKEY}", "quorum A"], "not that of a witness"),
        ([f"log {RU.verifier.encoded()}", "quorum A"], "not that of a log"),
        ([f"log {VKEY}", f"log {VKEY}", "quorum A"], "twice"),
        (["quorum A B"], "not a line"),
        (["nonsense", "quorum A"], "line 6 "),
        (["quorum A\x00"], "control"),
        (["quorum A\r"], "control"),
        (["#"] * 1000, "more than"),
    ],
)
def test_a_policy_that_breaks_the_format_is_refused(lines: list[str], says: str) -> None:
    with pytest.raises(Malformed, match=says):
        parse_policy(policy_of(*lines))


def test_a_policy_ends_in_a_newline_and_its_names_are_opaque_octets() -> None:
    with pytest.raises(Malformed, match="newline"):
        parse_policy(policy_of("quorum A")[:-1])
    key = witness("свидетель", 7).verifier
    line = f"witness Россия {key.encoded()}"
    policy = parse_policy(policy_of(line, "quorum Россия"))
    assert policy.satisfied_by([key])
    octets = policy_of("group <name> all A", "quorum <name>").replace(b"<name>", b"\xff")
    assert parse_policy(octets).quorum == "\xff"
