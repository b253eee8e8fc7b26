"""Every kind of consent that some have given and others have not is shown, by the digest that it names."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from api.clock import Present
from api.views import accord_view
from tests.compatibility import plays
from tests.simulation.definitions import pair, trio
from tests.simulation.play import Play
from tests.simulation.small import digest
from workflows.model.consent import SUBJECTS, ConsentGiven
from workflows.model.fold import evolve
from workflows.model.state import Accord
from workflows.model.vocabulary import VOCABULARIES


def ended_early() -> Iterator[Play]:
    """The endings of a visit that no recorded play has."""
    play = Play(pair()).go("confirmed")
    play.do("aa.protocol", "cancel_visit")
    yield play
    play = Play(pair()).go("arrived")
    play.do("aa.protocol", "curtail_visit")
    yield play


def shown(a: Accord) -> dict[str, tuple[str, tuple[str, ...]]]:
    view = accord_view(a, Present(a.time, live=True))
    return {one.subject: (one.digest, one.given) for one in view.consents}


def consents(play: Play) -> Iterator[tuple[ConsentGiven, Accord]]:
    """Every consent of a play that waits for others, and the state after it."""
    state: Accord | None = None
    for number, recorded in enumerate(play.log):
        state = evolve(state, recorded)
        if recorded.type != "consent_given":
            continue
        given = ConsentGiven.model_validate(recorded.facts["event"])
        followed = play.log[number + 1 : number + 2]
        # Where the next entry is of the same command, the consent was the last that was needed; a release to which
        # all have consented waits for the registrar alone.
        took_effect = bool(followed) and followed[0].command == recorded.command
        if not took_effect and {*state.definition.parties} - {*state.consents[given.subject]}:
            yield given, state


def test_every_kind_of_consent_shows_while_others_are_waited_for() -> None:
    kinds: set[str] = set()
    for play in (*(make() for make in plays.ALL.values()), *ended_early()):
        for given, state in consents(play):
            digest_, by = shown(state)[given.subject]
            assert (digest_, given.party in by) == (given.digest, True), given
            kinds.add(given.subject.split("/")[0])
    assert kinds == set(SUBJECTS)


@pytest.mark.parametrize("kind", sorted(SUBJECTS))
def test_a_kind_says_in_words_what_it_is(kind: str) -> None:
    for vocabulary in VOCABULARIES:
        words = SUBJECTS[kind].says(vocabulary, *(f"<{part}>" for part in SUBJECTS[kind].parts))
        assert all(f"<{part}>" in words for part in SUBJECTS[kind].parts)
        assert "{" not in words


def test_a_corrigendum_waits_for_those_who_signed_and_an_amendment_for_those_whom_it_adds() -> None:
    play = Play(trio()).go("released")
    play.do("aa.treaty", "propose_corrigendum", document="D2", language="en", digest=digest("mended"))
    [one] = accord_view(play.state, Present(play.now, live=True)).consents
    assert (one.says, one.given, one.missing) == ("the corrigendum of D2", ("AA",), ("BB",))

    play = Play(pair()).go("founded")
    larger = pair()
    larger["parties"]["DD"] = {"name": "Party DD", "capacity": "guest", "contact": "dd.contact"}
    play.do("aa.contact", "amend_definition", definition=larger)
    [one] = accord_view(play.state, Present(play.now, live=True)).consents
    assert (one.given, one.missing) == (("AA",), ("BB", "DD"))


def test_consents_to_a_document_that_an_amendment_drops_show_no_more() -> None:
    play = Play(trio()).go("founded")
    play.agree_text("D1", "en")
    play.agree_text("D1", "fr")
    play.do("aa.treaty", "certify_concordance", document="D1", digest=play.document("D1"))
    assert "concordance/D1" in shown(play.state)
    without = trio()
    del without["documents"]["D1"]
    without["conditions"]["X1"].pop("valid_while_texts_of")
    play.amend(without)
    assert shown(play.state) == {}
