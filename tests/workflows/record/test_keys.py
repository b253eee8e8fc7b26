"""Keys of delegates' own: who enrols, rotates and revokes them, and which acts need a signature."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.identity.own_signatures import WrongSignature, public_key_of, sign_act, verify_own
from tests.simulation.definitions import pair, party
from tests.simulation.play import Play
from tests.simulation.small import digest
from workflows.model.commands import OwnSignature
from workflows.model.decide import Decision, decide
from workflows.model.declare import Rejected
from workflows.record.keys import MOST_KEYS, key_id, live


def make() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def id_of(key: Ed25519PrivateKey) -> str:
    return key_id(public_key_of(key))


def requiring(**changes: Any) -> dict[str, Any]:
    """AA requires its delegates' own signatures, BB does not."""
    return pair(parties={"AA": party("AA", "host", signed_acts=True), "BB": party("BB")}, **changes)


def signed(play: Play, key: Ed25519PrivateKey, by: str, act: str, /, **fields: Any) -> Decision:
    command = play.command(by, act, fields)
    command = command.model_copy(update={"own": sign_act(key, command)})
    verify_own(play.state, command)
    return play._take(command)


def guard_of(decision: Decision) -> str | None:
    return None if decision.refusal is None else decision.refusal.guard


def founded() -> tuple[Play, Ed25519PrivateKey]:
    """An accord in which AA's contact has a key of its own."""
    play = Play(requiring())
    for contact in ("aa.contact", "bb.contact"):
        play.do(contact, "adopt_definition", digest=play.state.definition_digest)
    key = make()
    assert play.do("aa.contact", "enrol_key", delegate="aa.contact", public_key=public_key_of(key)) == (
        "key_enrolled",
    )
    return play, key


STATEMENT = {"digest": digest("said"), "words": "We look forward to it"}


def test_without_a_key_a_delegate_of_such_a_party_cannot_act() -> None:
    play = Play(requiring())
    for contact in ("aa.contact", "bb.contact"):
        play.do(contact, "adopt_definition", digest=play.state.definition_digest)
    refusal = play.refused("aa.contact", "record_statement", **STATEMENT)
    assert (refusal.guard, refusal.unmet[0].who) == ("own_signature", ("aa.contact",))
    assert "enrol a key" in refusal.remedy
    play.do("bb.contact", "record_statement", **STATEMENT)
    play.do("registrar", "record_statement", **STATEMENT)


def test_the_contacts_first_key_is_enrolled_unsigned_and_no_other() -> None:
    play, key = founded()
    other = public_key_of(make())
    assert play.guard("aa.contact", "enrol_key", delegate="aa.contact", public_key=other) == "own_signature"
    office = {"delegate": "aa.head", "office": "Head", "roles": ["signatory"]}
    assert play.guard("aa.contact", "appoint_delegate", **office) == "own_signature"
    assert guard_of(signed(play, key, "aa.contact", "appoint_delegate", **office)) is None
    assert play.guard("aa.contact", "enrol_key", delegate="aa.head", public_key=other) == "own_signature"
    enrolled = signed(play, key, "aa.contact", "enrol_key", delegate="aa.head", public_key=other)
    assert guard_of(enrolled) is None
    assert len(live(play.state, "aa.head")) == 1


def test_before_founding_whoever_has_a_key_signs_with_it() -> None:
    play, key = Play(requiring()), make()
    named = play.state.definition_digest
    play.do("aa.contact", "enrol_key", delegate="aa.contact", public_key=public_key_of(key))
    assert play.guard("aa.contact", "adopt_definition", digest=named) == "own_signature"
    assert guard_of(signed(play, key, "aa.contact", "adopt_definition", digest=named)) is None
    play.do("bb.contact", "adopt_definition", digest=named)
    assert play.state.founded


def test_what_is_signed_stands_on_the_entry() -> None:
    play, key = founded()
    signed(play, key, "aa.contact", "record_statement", **STATEMENT)
    act = play.last("statement_recorded").facts["act"]
    assert set(act) == {"name", "fields", "key", "signature", "particulars"}
    assert act["key"] == id_of(key)
    draft = play.decisions[-1][2].events[0]
    assert set(draft.particulars) == {"act", "salt"}
    signed(play, key, "aa.contact", "record_statement", digest=digest("bare"))
    assert set(play.last("statement_recorded").facts["act"]) == {"name", "fields", "key", "signature"}


def test_a_rotated_key_signs_no_more() -> None:
    play, key = founded()
    new = make()
    fields = {"key": id_of(key), "public_key": public_key_of(new)}
    assert play.guard("aa.contact", "rotate_key", **fields) == "own_signature"
    rotated = signed(play, key, "aa.contact", "rotate_key", **fields)
    assert [one.type for one in rotated.events] == ["key_enrolled", "key_revoked"]
    assert guard_of(signed(play, key, "aa.contact", "record_statement", **STATEMENT)) == "own_signature"
    assert guard_of(signed(play, new, "aa.contact", "record_statement", **STATEMENT)) is None
    back = {"key": id_of(new), "public_key": public_key_of(key)}
    assert guard_of(signed(play, new, "aa.contact", "rotate_key", **back)) == "key_is_new"


def test_only_the_key_that_is_replaced_rotates_itself() -> None:
    play, key = founded()
    spare = make()
    signed(play, key, "aa.contact", "enrol_key", delegate="aa.contact", public_key=public_key_of(spare))
    fields = {"key": id_of(key), "public_key": public_key_of(make())}
    assert guard_of(signed(play, spare, "aa.contact", "rotate_key", **fields)) == "own_signature"


def test_a_contact_keeps_a_key_to_act_with() -> None:
    play, key = founded()
    fields = {"delegate": "aa.contact", "key": id_of(key)}
    assert guard_of(signed(play, key, "aa.contact", "revoke_key", **fields)) == "key_remains"
    spare = make()
    signed(play, key, "aa.contact", "enrol_key", delegate="aa.contact", public_key=public_key_of(spare))
    assert guard_of(signed(play, spare, "aa.contact", "revoke_key", **fields)) is None
    assert guard_of(signed(play, key, "aa.contact", "record_statement", **STATEMENT)) == "own_signature"
    assert guard_of(signed(play, spare, "aa.contact", "revoke_key", **fields)) == "key_in_force"


def test_a_party_that_asks_for_none_may_still_have_keys() -> None:
    play, _ = founded()
    key = make()
    play.do("bb.contact", "enrol_key", delegate="bb.contact", public_key=public_key_of(key))
    assert guard_of(signed(play, key, "bb.contact", "record_statement", **STATEMENT)) is None
    play.do("bb.contact", "record_statement", digest=digest("unsigned"))
    play.do("bb.contact", "revoke_key", delegate="bb.contact", key=id_of(key))
    assert guard_of(signed(play, key, "bb.contact", "record_statement", **STATEMENT)) == "own_signature"


def test_nobody_sees_to_another_partys_keys() -> None:
    play, key = founded()
    public_key = public_key_of(make())
    assert (
        play.guard("bb.contact", "enrol_key", delegate="aa.contact", public_key=public_key) == "own_delegate"
    )
    assert play.guard("bb.contact", "enrol_key", delegate="nobody", public_key=public_key) == "own_delegate"
    other = {"delegate": "depositary", "public_key": public_key}
    assert play.guard("registrar", "enrol_key", **other) == "own_delegate"
    assert play.guard("bb.contact", "enrol_key", **other) == "own_delegate"
    assert play.guard("bb.contact", "revoke_key", delegate="aa.contact", key=id_of(key)) == "own_delegate"
    taken = public_key_of(key)
    assert play.guard("bb.contact", "enrol_key", delegate="bb.contact", public_key=taken) == "key_is_new"


def test_a_signed_refusal_is_recorded_beside_an_unsigned_one() -> None:
    """What anybody with the server could send unsigned does not stand for what the delegate did."""
    play, key = founded()
    unsigned = play.attempt("aa.contact", "confirm_visit")
    assert guard_of(unsigned) == "authority"
    with_key = signed(play, key, "aa.contact", "confirm_visit")
    assert (guard_of(with_key), with_key.repeats) == ("authority", None)
    again = signed(play, key, "aa.contact", "confirm_visit")
    assert again.repeats is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "A" * 44,
        base64.b64encode(b"k" * 31).decode(),
        base64.b64encode(b"k" * 33).decode(),
        "A" * 42 + "B=",
    ],
)
def test_what_is_no_public_key_is_no_act(text: str) -> None:
    play = Play(requiring())
    assert play.rejected("aa.contact", "enrol_key", delegate="aa.contact", public_key=text) == "malformed"


def test_altered_in_any_part_a_signature_does_not_fit() -> None:
    play, key = founded()
    command = play.command("aa.contact", "record_statement", dict(STATEMENT))
    own = sign_act(key, command)
    good = command.model_copy(update={"own": own})
    verify_own(play.state, good)
    salt = base64.b64encode(b"s" * 16).decode()
    altered: list[dict[str, Any]] = [
        {"id": "aa.contact/other"},
        {"accord": "another"},
        {"fields": {**STATEMENT, "digest": digest("other")}},
        {"fields": {**STATEMENT, "words": "We look backward"}},
        {"fields": {"digest": STATEMENT["digest"]}},
        {"delegate": "bb.contact"},
        {"own": own.model_copy(update={"salt": salt})},
        {"own": own.model_copy(update={"salt": "", "particulars": None})},
        {"own": own.model_copy(update={"particulars": digest("x")})},
        {"own": own.model_copy(update={"signature": ""})},
        {"own": own.model_copy(update={"key": "0" * 16})},
        {"own": sign_act(make(), command).model_copy(update={"key": own.key})},
    ]
    for changes in altered:
        with pytest.raises(WrongSignature):
            verify_own(play.state, good.model_copy(update=changes))
    bare = play.command("aa.contact", "record_statement", {"digest": digest("said")})
    bare = bare.model_copy(update={"own": sign_act(key, bare)})
    verify_own(play.state, bare)
    with pytest.raises(WrongSignature, match="does not fit"):
        verify_own(play.state, bare.model_copy(update={"act": "adopt_definition"}))


def test_a_signature_covers_its_end_and_the_version_that_it_is_for() -> None:
    play, key = founded()
    plain = play.command("aa.contact", "record_statement", dict(STATEMENT))
    command = plain.model_copy(update={"required_version": 3})
    end = play.now + timedelta(hours=1)
    own = sign_act(key, command, not_after=end)
    verify_own(play.state, command.model_copy(update={"own": own}))
    for changes in (
        {"own": own, "required_version": None},
        {"own": own, "required_version": 4},
        {"own": own.model_copy(update={"not_after": None})},
        {"own": own.model_copy(update={"not_after": end + timedelta(hours=1)})},
        {"own": sign_act(key, plain, not_after=end)},
    ):
        with pytest.raises(WrongSignature, match="does not fit"):
            verify_own(play.state, command.model_copy(update=changes))


def test_past_its_end_a_signature_counts_no_longer_and_the_record_says_so() -> None:
    play, key = founded()
    command = play.command("aa.contact", "record_statement", dict(STATEMENT))
    end = play.now + timedelta(hours=1)
    command = command.model_copy(update={"own": sign_act(key, command, not_after=end)})
    play.until(end + timedelta(seconds=1))
    late = play._take(command)
    assert guard_of(late) == "own_signature"
    assert late.refusal is not None
    assert "was to count until" in late.refusal.reason
    assert late.events[-1].facts["act"]["not_after"] == end.isoformat().replace("+00:00", "Z")
    play.now = end
    assert guard_of(decide(play.state.changed(time=end), command, end)) is None, "at the very end it counts"


def test_signed_or_not_an_act_is_the_same_command() -> None:
    play, key = founded()
    command = play.command("aa.contact", "record_statement", dict(STATEMENT))
    one, other = (command.model_copy(update={"own": sign_act(key, command)}) for _ in range(2))
    assert one.own is not None
    assert other.own is not None
    assert one.own.salt != other.own.salt
    assert command.fingerprint() == one.fingerprint() == other.fingerprint()
    assert "own" not in command.signed_part()
    assert one.signed_part()["own"] != other.signed_part()["own"]


def test_a_written_signature_is_of_one_form() -> None:
    for changes in ({"key": "xyz"}, {"signature": "A" * 88}, {"salt": "AAAA"}, {"particulars": "sha256:0"}):
        with pytest.raises(ValueError, match="pattern"):
            OwnSignature.model_validate({"key": "0" * 16, "signature": "A" * 86 + "==", **changes})


def test_a_delegates_key_is_revoked_by_itself_or_its_contact() -> None:
    play = Play(pair()).go("founded")
    keys = [public_key_of(make()) for _ in range(2)]
    for public in keys:
        play.do("aa.contact", "enrol_key", delegate="aa.protocol", public_key=public)
    first, second = ({"delegate": "aa.protocol", "key": key_id(public)} for public in keys)
    refusal = play.refused("aa.treaty", "revoke_key", **first)
    assert refusal.guard == "own_key"
    assert refusal.unmet[0].who == ("aa.protocol", "aa.contact")
    play.do("aa.protocol", "revoke_key", **first)
    play.do("aa.contact", "revoke_key", **second)


def test_a_delegate_has_no_end_of_keys() -> None:
    play = Play(pair()).go("founded")
    for number in range(MOST_KEYS):
        public = base64.b64encode(number.to_bytes(32, "big")).decode()
        play.do("aa.contact", "enrol_key", delegate="aa.protocol", public_key=public)
    one_more = {"delegate": "aa.protocol", "public_key": public_key_of(make())}
    assert play.guard("aa.contact", "enrol_key", **one_more) == "few_keys"
    play.do("aa.contact", "enrol_key", **{**one_more, "delegate": "aa.treaty"})


def test_a_partys_verifier_leaves_keys_to_the_contact() -> None:
    play = Play(pair()).go("founded")
    wanted = {"delegate": "bb.verifier", "public_key": public_key_of(make())}
    refusal = play.refused("bb.verifier", "enrol_key", **wanted)
    assert (refusal.guard, refusal.unmet[0].who) == ("enroller", ("bb.contact",))
    assert play.guard("bb.protocol", "enrol_key", **wanted) == "authority"


# The first key that a definition gives


def agreed(key: Ed25519PrivateKey) -> Play:
    parties = {
        "AA": party("AA", "host", signed_acts=True, contact_key=public_key_of(key)),
        "BB": party("BB"),
    }
    return Play(pair(parties=parties))


def test_the_first_key_of_a_contact_is_the_one_that_the_definition_gives() -> None:
    key, others = make(), make()
    play = agreed(key)
    wanted = {"delegate": "aa.contact", "public_key": public_key_of(others)}
    assert play.guard("aa.contact", "enrol_key", **wanted) == "key_as_agreed"
    play.do("aa.contact", "enrol_key", delegate="aa.contact", public_key=public_key_of(key))
    assert guard_of(signed(play, key, "aa.contact", "enrol_key", **wanted)) is None, "and then any other"


def test_a_definition_does_not_read_with_a_key_that_is_none() -> None:
    with pytest.raises(Rejected, match=r"contact_key: .*not the base64"):
        Play(pair(parties={"AA": party("AA", "host", contact_key="x"), "BB": party("BB")}))


# Officers


def officed(**more: Any) -> Play:
    registrar = {"office": "Registrar", "roles": ["registrar"], "signed_acts": True, **more}
    return Play(pair(officers={"registrar": registrar, "watch": {"office": "Watch", "roles": ["monitor"]}}))


def test_an_officer_whose_acts_are_to_be_signed_enrols_its_own_first_key() -> None:
    play, key, spare = officed().go("founded"), make(), make()
    refusal = play.refused("registrar", "record_statement", **STATEMENT)
    assert (refusal.guard, refusal.unmet[0].who) == ("own_signature", ("registrar",))
    assert refusal.remedy.startswith("enrol a key of yours")
    play.do("watch", "record_statement", **STATEMENT)
    play.do("registrar", "enrol_key", delegate="registrar", public_key=public_key_of(key))
    assert play.guard("registrar", "record_statement", **STATEMENT) == "own_signature"
    assert guard_of(signed(play, key, "registrar", "record_statement", **STATEMENT)) is None
    last = {"delegate": "registrar", "key": id_of(key)}
    assert guard_of(signed(play, key, "registrar", "revoke_key", **last)) == "key_remains"
    another = {"delegate": "registrar", "public_key": public_key_of(spare)}
    assert play.guard("registrar", "enrol_key", **another) == "own_signature"
    assert guard_of(signed(play, key, "registrar", "enrol_key", **another)) is None
    assert guard_of(signed(play, key, "registrar", "revoke_key", **last)) is None
    new = {"key": id_of(spare), "public_key": public_key_of(make())}
    assert guard_of(signed(play, spare, "registrar", "rotate_key", **new)) is None


def test_the_first_key_of_an_officer_is_the_one_that_the_definition_gives() -> None:
    key = make()
    play = officed(key=public_key_of(key)).go("founded")
    wrong = {"delegate": "registrar", "public_key": public_key_of(make())}
    assert play.guard("registrar", "enrol_key", **wrong) == "key_as_agreed"
    play.do("registrar", "enrol_key", delegate="registrar", public_key=public_key_of(key))


def test_nobody_takes_the_key_that_the_definition_gives_to_another() -> None:
    key = public_key_of(make())
    parties = {"AA": party("AA", "host"), "BB": party("BB", signed_acts=True, contact_key=key)}
    play = Play(pair(parties=parties))
    stolen = {"delegate": "aa.contact", "public_key": key}
    assert play.guard("aa.contact", "enrol_key", **stolen) == "key_is_not_anothers"
    play.do("bb.contact", "enrol_key", delegate="bb.contact", public_key=key)


def test_who_took_it_before_it_was_given_does_not_keep_the_other_out() -> None:
    key = public_key_of(make())
    play = Play(pair())
    play.do("aa.contact", "enrol_key", delegate="aa.contact", public_key=key)
    parties = {"AA": party("AA", "host"), "BB": party("BB", signed_acts=True, contact_key=key)}
    play.do("bb.contact", "amend_definition", definition=pair(parties=parties))
    play.do("bb.contact", "enrol_key", delegate="bb.contact", public_key=key)


@pytest.mark.parametrize(
    ("parties", "said"),
    [
        ({"AA": {"contact_key": True}}, "signed_acts"),
        ({code: {"contact_key": True, "signed_acts": True} for code in ("AA", "BB")}, "the same key"),
    ],
)
def test_a_definition_gives_keys_to_who_signs_and_one_to_each(parties: dict[str, Any], said: str) -> None:
    key = public_key_of(make())
    made = {
        code: party(
            code, *kind, **{k: key if k == "contact_key" else v for k, v in parties.get(code, {}).items()}
        )
        for code, kind in (("AA", ("host",)), ("BB", ()))
    }
    with pytest.raises(Rejected, match=said):
        Play(pair(parties=made))
