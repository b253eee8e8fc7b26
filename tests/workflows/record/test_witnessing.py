"""Whose cosignatures make a checkpoint final is changed by all parties, and read as the log's own parser does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.errors import Malformed
from activities.tlog import policy
from activities.tlog.policy import parse
from tests.simulation.definitions import pair
from tests.simulation.play import Play
from tests.simulation.small import key_line
from workflows.model.declare import Rejected, parse_act
from workflows.model.values import INSTALLATION
from workflows.record.witnessing import MAX_LINES, policy_digest

AA, BB = (
    f"witness {code} {key_line(f'witness.{code.lower()}.test/w1', 4, number)}"
    for number, code in enumerate(("AA", "BB"))
)
POLICY = f"# who watches\n{AA} http://127.0.0.1:9/\n{BB}\ngroup parties all AA BB\nquorum parties\n"


def proposed() -> Play:
    play = Play(pair()).go("founded")
    play.do("aa.protocol", "propose_witness_policy", policy=POLICY)
    return play


def test_it_is_in_force_when_every_party_has_agreed_and_not_before() -> None:
    play = proposed()
    assert play.state.witness_policy.text == ""
    assert play.do("bb.protocol", "agree_witness_policy", digest=policy_digest(POLICY)) == (
        "consent_given",
        "witness_policy_changed",
    )
    assert (play.state.witness_policy.text, play.state.witness_policy.since) == (POLICY, len(play.log) - 1)
    assert (
        play.guard("bb.protocol", "agree_witness_policy", digest=policy_digest(POLICY)) == "digest_is_current"
    )


def test_one_party_alone_does_not_change_who_watches() -> None:
    play = proposed()
    named = policy_digest(POLICY)
    assert play.guard("aa.protocol", "agree_witness_policy", digest=named) == "not_yet_given"
    assert play.guard("aa.protocol", "propose_witness_policy", policy=POLICY) == "policy_differs"
    assert (
        play.guard("bb.protocol", "agree_witness_policy", digest=policy_digest("quorum none\n"))
        == "digest_is_current"
    )
    for nobody in (INSTALLATION, "registrar", "bb.verifier"):
        assert play.guard(nobody, "agree_witness_policy", digest=named) == "authority"
    play.do("aa.protocol", "withdraw_consent", subject="witness policy")
    assert play.do("bb.protocol", "agree_witness_policy", digest=named) == ("consent_given",)
    assert play.state.witness_policy.text == ""


def test_a_new_proposal_takes_the_consents_with_it() -> None:
    play = proposed()
    play.do("bb.protocol", "propose_witness_policy", policy="quorum none\n")
    assert (
        play.guard("bb.protocol", "agree_witness_policy", digest=policy_digest(POLICY)) == "digest_is_current"
    )
    play.do("aa.contact", "agree_witness_policy", digest=policy_digest("quorum none\n"))
    assert play.state.witness_policy.text == "quorum none\n"


def test_it_has_no_more_lines_than_the_ledger_reads() -> None:
    parse_act("propose_witness_policy", {"policy": "\n" * (MAX_LINES - 1) + "quorum none\n"})
    with pytest.raises(Rejected, match="at most"):
        parse_act("propose_witness_policy", {"policy": "\n" * MAX_LINES + "quorum none\n"})
    assert MAX_LINES == policy.MAX_LINES


@pytest.mark.parametrize(
    "address", ["http://xn--0", "ftp://w.test", "https://me@w.test", "https://w.test/?x", "w.test"]
)
def test_a_witness_stands_at_an_address_that_can_be_one(address: str) -> None:
    with pytest.raises(Rejected, match=r"line 2: .* (no address|has a host)"):
        parse_act("propose_witness_policy", {"policy": f"# x\n{AA} {address}\nquorum AA\n"})


def test_it_names_no_key_of_the_log() -> None:
    log = key_line("entente.test/accords/accord-1", 1, 1)
    with pytest.raises(Rejected, match="line 1: which key the log has"):
        parse_act("propose_witness_policy", {"policy": f"log {log}\n{POLICY}"})


LINES = st.sampled_from(
    [
        AA,
        BB,
        AA.replace(" AA ", " BB "),
        f"{AA} http://127.0.0.1/",
        f"{AA} one two",
        AA[:-1],
        "witness AA",
        "group g all AA BB",
        "group g any AA",
        "group h 2 AA BB",
        "group h 3 AA BB",
        "group h 0 AA",
        "group h 01 AA",
        "group h x AA",
        "group h all",
        "group AA all BB",
        "group none all BB",
        "group k all g h",
        "quorum AA",
        "quorum none",
        "quorum g",
        "quorum nobody",
        "quorum",
        "",
        "# note",
        "\t quorum \t AA ",
        "nonsense",
    ]
)


@given(st.lists(LINES, max_size=7), st.booleans())
def test_the_model_and_the_ledger_read_the_same_policies(lines: list[str], whole: bool) -> None:
    text = "".join(line + "\n" for line in lines)
    text = text if whole else text[:-1]
    try:
        parse(text.encode())
        good = True
    except Malformed:
        good = False
    try:
        parse_act("propose_witness_policy", {"policy": text})
        taken = True
    except Rejected:
        taken = False
    assert taken == good
