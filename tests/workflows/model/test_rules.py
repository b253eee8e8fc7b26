"""Rules are pinned: an accord is judged by those that its definition names, whatever a later release brings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest

from tests.simulation.definitions import pair
from tests.simulation.play import Play
from workflows.model import definition
from workflows.model.attested import state_digest
from workflows.model.commands import Actor
from workflows.model.declare import Act, Check
from workflows.model.declared import ACTS
from workflows.model.definition import Definition, UnknownRules
from workflows.model.fold import evolve
from workflows.model.state import Accord


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A later release: by its newest rules no invitation is issued on a Monday, by the ones before it still is."""
    issue: type[Act] = ACTS["issue_invitation"]
    before = issue.guards

    def guards(self: Act, a: Accord, by: Actor, at: datetime) -> Iterator[object]:
        yield from before(self, a, by, at)
        if a.rules >= 2:
            yield Check("not_on_monday", at.weekday() != 0, "it is Monday", "wait a day")

    monkeypatch.setattr(definition, "RULES", 2)
    monkeypatch.setattr(issue, "guards", guards)


def without_rules() -> dict[str, object]:
    return {name: value for name, value in pair().items() if name != "rules"}


def test_a_definition_that_names_none_is_of_the_newest_and_says_so(later: None) -> None:
    proposed = Definition.model_validate(without_rules())
    assert (proposed.rules, proposed.as_facts()["rules"]) == (2, 2)
    older = Definition.model_validate(pair(rules=1))
    assert older.as_facts()["rules"] == 1
    assert older.digest() != proposed.digest(), "what every party adopts covers the rules"


def test_the_opening_entry_names_them() -> None:
    play = Play(without_rules())
    assert play.log[0].facts["event"]["definition"]["rules"] == definition.RULES == play.state.rules


def test_an_accord_is_judged_by_its_own_rules(later: None) -> None:
    old, new = Play(pair(rules=1)).go("founded"), Play(pair(rules=2)).go("founded")
    assert old.now.weekday() == 0
    assert old.do("aa.protocol", "issue_invitation") == ("invitation_issued",)
    assert new.guard("aa.protocol", "issue_invitation") == "not_on_monday"


def test_newer_rules_are_an_amendment_that_every_party_adopts(later: None) -> None:
    play = Play(pair(rules=1)).go("founded")
    play.do("aa.contact", "amend_definition", definition=pair(rules=2))
    assert play.state.rules == 1, "one party alone moves nobody"
    assert play.preview("aa.protocol", "issue_invitation").refusal is None
    play.adopt()
    assert play.state.rules == 2
    assert play.guard("aa.protocol", "issue_invitation") == "not_on_monday"
    back = play.guard("bb.contact", "amend_definition", definition=pair(rules=1, title="Another"))
    assert back == "rules_not_older"


def test_before_founding_a_party_may_propose_older_ones(later: None) -> None:
    play = Play(pair(rules=2))
    play.do("bb.contact", "amend_definition", definition=pair(rules=1))
    play.adopt()
    assert (play.state.founded, play.state.rules) == (True, 1)


def test_a_release_that_knows_newer_rules_comes_to_the_same_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    play = Play(pair(rules=1)).go("accepted")
    before = state_digest(play.state)
    monkeypatch.setattr(definition, "RULES", 2)
    a: Accord | None = None
    for entry in play.log:
        a = evolve(a, entry)
    assert a is not None
    assert state_digest(a) == before


@pytest.mark.parametrize("rules", [2, 0, -1, True, "1", 1.5])
def test_rules_that_this_release_does_not_know_are_not_proposed(rules: object) -> None:
    play = Play(pair())
    assert play.rejected("aa.contact", "amend_definition", definition=pair(rules=rules)) == "malformed"
    with pytest.raises(ValueError, match=r"rules.*not known to this release, which knows 1 to 1"):
        Definition.model_validate(pair(rules=rules))


@pytest.mark.parametrize("rules", [2, None])
def test_a_record_judged_by_other_rules_is_not_folded(rules: int | None) -> None:
    opening = Play(pair()).log[0]
    named = {**opening.facts["event"]["definition"], "rules": rules}
    facts = {**opening.facts, "event": {**opening.facts["event"], "definition": named}}
    with pytest.raises(UnknownRules, match="not known to this release"):
        evolve(None, opening.model_copy(update={"facts": facts}))
