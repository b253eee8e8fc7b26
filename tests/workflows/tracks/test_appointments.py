"""Several delegates, appointed in one act: all of them, or none."""

from __future__ import annotations

from typing import Any

from tests.simulation.definitions import pair
from tests.simulation.play import Play


def named(delegate: str, **changes: Any) -> dict[str, Any]:
    return {"delegate": delegate, "office": "Office", "roles": ["protocol"], **changes}


def test_several_are_appointed_in_one_act() -> None:
    play = Play(pair()).go("founded")
    both = [
        named("aa.one"),
        named("aa.two", roles=["drafter", "verifier"], valid_until="2030-12-31T00:00:00Z"),
    ]
    happened = play.do("aa.contact", "appoint_delegates", delegates=both, persons={"aa.two": "A name"})
    assert happened == ("delegate_appointed", "delegate_appointed")
    one, two = (play.state.delegates[code] for code in ("aa.one", "aa.two"))
    assert (one.party, one.roles, two.roles) == ("AA", ("protocol",), ("drafter", "verifier"))
    assert two.valid_until is not None
    act = next(event for event in reversed(play.log) if "act" in event.facts)
    assert "A name" not in str(act.facts), "who they are is with the particulars"


def test_one_that_cannot_be_keeps_all_from_it() -> None:
    play = Play(pair()).go("founded")
    before = play.state.delegates

    def guard(*delegates: dict[str, Any], **more: Any) -> str:
        return play.guard("aa.contact", "appoint_delegates", delegates=[named("aa.one"), *delegates], **more)

    assert guard(named("bb.protocol")) == "own_delegate"
    assert guard(named("aa.two", roles=["registrar"])) == "role_is_the_partys"
    assert guard(named("aa.two", valid_until="2001-01-01T00:00:00Z")) == "period_in_order"
    assert guard(named("aa.one")) == "named_once"
    assert guard(persons={"aa.three": "A name"}) == "persons_appointed"
    assert play.guard("bb.protocol", "appoint_delegates", delegates=[named("bb.one")]) == "authority"
    assert play.state.delegates == before
    many = [named(f"aa.n{number}") for number in range(51)]
    assert play.rejected("aa.contact", "appoint_delegates", delegates=many) == "malformed"
    assert play.rejected("aa.contact", "appoint_delegates", delegates=[]) == "malformed"


def test_a_party_has_so_many_and_no_more() -> None:
    play = Play(pair()).go("founded")
    for start in range(0, 200, 40):
        many = [named(f"aa.n{number}") for number in range(start, start + 40)]
        if start < 160:
            play.do("aa.contact", "appoint_delegates", delegates=many)
    assert play.guard("aa.contact", "appoint_delegates", delegates=many) == "few_delegates"
    again = [named(f"aa.n{number}", office="Other") for number in range(40)]
    assert len(play.do("aa.contact", "appoint_delegates", delegates=again)) == 40
