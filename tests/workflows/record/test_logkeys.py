"""The log's key is rotated and retired by entries, by whoever runs the installation, and by nobody else."""

from __future__ import annotations

import base64
import hashlib

import pytest

from tests.simulation.definitions import OFFICERS, pair
from tests.simulation.play import Play
from tests.simulation.small import digest, key_line, log_key_line
from workflows.model.declared import ACTS
from workflows.model.notekeys import LOG, WITNESS, read_key
from workflows.model.state import LogKey
from workflows.model.values import INSTALLATION
from workflows.record.logkeys import MOST_LOG_KEYS, in_force

OLD, NEW, NEXT = (log_key_line("accord-1", number) for number in (1, 2, 3))
OPERATED = {**OFFICERS, "ops": {"office": "Operator", "roles": ["operator"]}}


def rotate(play: Play, old: str = OLD, new: str = NEW, by: str = INSTALLATION) -> tuple[str, ...]:
    return play.do(by, "rotate_log_key", old=old, new=new)


def test_a_rotation_names_both_keys_and_a_retirement_ends_the_overlap() -> None:
    play = Play(pair())
    assert rotate(play) == ("log_key_rotated",), "also before anything is adopted"
    assert in_force(play.state.log_keys) == (NEW, OLD)
    play.do(INSTALLATION, "retire_log_key", key=OLD)
    assert play.state.log_keys == (LogKey(OLD, None, 2), LogKey(NEW, 1))
    first, second = play.state.log_keys
    assert [first.counts_at(size) for size in range(5)] == [True, True, True, False, False]
    assert [second.counts_at(size) for size in range(5)] == [False, False, True, True, True]


def test_one_key_at_a_time_and_none_twice() -> None:
    play = Play(pair())
    assert play.guard(INSTALLATION, "retire_log_key", key=OLD) == "log_key_in_force"
    assert play.guard(INSTALLATION, "rotate_log_key", old=OLD, new=OLD) == "log_key_is_new"
    rotate(play)
    assert play.guard(INSTALLATION, "rotate_log_key", old=NEW, new=NEXT) == "one_rotation_at_a_time"
    play.do(INSTALLATION, "retire_log_key", key=OLD)
    assert play.guard(INSTALLATION, "retire_log_key", key=OLD) == "log_key_in_force"
    assert play.guard(INSTALLATION, "retire_log_key", key=NEW) == "log_key_remains"
    assert play.guard(INSTALLATION, "rotate_log_key", old=OLD, new=NEXT) == "log_key_in_force"
    assert play.guard(INSTALLATION, "rotate_log_key", old=NEW, new=OLD) == "log_key_is_new"
    assert rotate(play, NEW, NEXT) == ("log_key_rotated",)


def test_the_keys_are_of_this_accords_log() -> None:
    play = Play(pair())
    other = log_key_line("accord-2", 1)
    assert play.guard(INSTALLATION, "rotate_log_key", old=other, new=other) == "log_is_this_accords"
    assert play.guard(INSTALLATION, "rotate_log_key", old=OLD, new=other) == "log_is_this_accords"


def test_a_log_has_no_end_of_keys() -> None:
    play = Play(pair())
    for number in range(MOST_LOG_KEYS - 1):
        old, new = (log_key_line("accord-1", number + more) for more in (0, 1))
        rotate(play, old, new)
        play.do(INSTALLATION, "retire_log_key", key=old)
    one_more = {"old": new, "new": log_key_line("accord-1", 99)}
    assert play.guard(INSTALLATION, "rotate_log_key", **one_more) == "few_log_keys"


def test_no_delegate_rotates_the_logs_key() -> None:
    play = Play(pair()).go("founded")
    for by in ("aa.contact", "bb.protocol", "registrar", "press"):
        refusal = play.refused(by, "rotate_log_key", old=OLD, new=NEW)
        assert refusal.guard == "authority"


def test_no_key_has_the_id_of_one_that_signed_before() -> None:
    """Two keys of one id, as somebody finds who looks long enough: readers could not tell them apart."""
    play = Play(pair()).go("founded")
    seen: dict[str, str] = {}
    number = 0
    while True:
        number += 1
        key = number.to_bytes(32, "big")
        content = b"\x01" + key
        name = f"entente.test/accords/{play.state.id}"
        found = hashlib.sha256(name.encode() + b"\n" + content).hexdigest()[:8]
        line = f"{name}+{found}+{base64.b64encode(content).decode()}"
        if found in seen:
            break
        seen[found] = line
    assert play.guard(INSTALLATION, "rotate_log_key", old=seen[found], new=line) == "log_key_is_new"


def test_the_installation_does_nothing_else() -> None:
    """Rule 14: whoever runs the server creates no fact of the domain, under its own name neither."""
    own = {name for name, act in ACTS.items() if act.who.roles == ("operator",)}
    course = {"pause_accord", "resume_accord", "retry_accord", "repair_accord"}
    assert own == {"rotate_log_key", "retire_log_key", "erase_particulars", "erase_contents"} | course
    play = Play(pair(officers=OPERATED)).go("founded")
    for by in (INSTALLATION, "ops"):
        assert play.guard(by, "record_statement", digest=digest("said")) == "authority"
        attested = {"position": play.state.version, "digest": digest("x")}
        assert play.guard(by, "attest_state", **attested) == "authority"
        assert play.guard(by, "release_signatures") == "authority"
        assert play.guard(by, "terminate") == "authority"
        enrolled = {"delegate": "ops", "public_key": "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="}
        if by == INSTALLATION:
            assert play.guard(by, "enrol_key", **enrolled) == "authority"


def test_where_the_parties_name_an_operator_the_installations_word_does_not_suffice() -> None:
    play = Play(pair(officers=OPERATED))
    assert rotate(play) == ("log_key_rotated",), "until it is adopted, nobody is named"
    play.go("founded")
    refusal = play.refused(INSTALLATION, "retire_log_key", key=OLD)
    assert (refusal.guard, refusal.unmet[0].who) == ("authority", ("ops",))
    play.do("ops", "retire_log_key", key=OLD)
    assert play.guard(
        "aa.contact", "appoint_delegate", delegate="aa.ops", office="Own", roles=["operator"]
    ) == ("role_is_the_partys")


def test_after_the_end_the_log_still_has_a_key_and_nothing_else_goes_on() -> None:
    play = Play(pair()).go("founded")
    play.each("contact", "agree_termination")
    play.do("aa.contact", "close_accord")
    assert play.state.closed
    rotate(play)
    play.do(INSTALLATION, "retire_log_key", key=OLD)
    assert play.guard("aa.contact", "record_statement", digest=digest("said")) == "accord_open"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "x",
        OLD + "=",
        OLD[:-3],
        OLD.replace("accords", "accord "),
        OLD.replace("accord-1", "accord-2"),
        key_line("entente.test/accords/accord-1", WITNESS, 1),
        "a" * 1000,
        OLD.replace("entente", "\u043entente"),
    ],
)
def test_what_is_no_key_of_a_log_is_no_act(line: str) -> None:
    assert Play(pair()).rejected(INSTALLATION, "rotate_log_key", old=OLD, new=line) == "malformed"
    with pytest.raises(ValueError, match=r"no key|does not have the id|has the type"):
        read_key(line, LOG)
