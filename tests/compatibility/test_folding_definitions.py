"""What is on the record only has to read: rules that came later do not make an old accord unreadable."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tests.simulation.definitions import pair
from tests.simulation.play import Play
from workflows.model.attested import state_digest
from workflows.model.definition import Definition
from workflows.model.fold import evolve


def test_a_vocabulary_that_this_installation_lacks_is_folded_and_not_proposed() -> None:
    play = Play(pair())
    foreign = {**pair(), "vocabulary": "maritime"}
    with pytest.raises(ValidationError):
        Definition.model_validate(foreign)
    opening = play.log[0]
    facts = {**opening.facts, "event": {**opening.facts["event"], "definition": foreign}}
    state = evolve(None, opening.model_copy(update={"facts": facts}))
    assert state.definition.vocabulary == "maritime"
    assert state_digest(state) == state_digest(evolve(None, opening.model_copy(update={"facts": facts})))


def test_a_blank_title_is_no_title() -> None:
    with pytest.raises(ValidationError):
        Definition.model_validate({**pair(), "title": "  "})
