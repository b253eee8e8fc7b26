"""An amendment touches what it changes, and nothing else; what falls is on the record, and the dry run lists it."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import fields
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulation.definitions import WINDOW, changed, condition, document, pair, party, trio
from tests.simulation.play import Play
from workflows.model.attested import state_json
from workflows.model.definition import Definition
from workflows.model.fold import evolve
from workflows.model.state import Accord
from workflows.model.working import Following


def last_adoption(play: Play, definition: dict[str, Any]) -> tuple[str, str]:
    """Every party but one has adopted an amendment: who is left, and the digest."""
    play.do("aa.contact", "amend_definition", definition=definition)
    assert play.state.amendment is not None
    digest, parties = play.state.amendment.digest(), play.state.amendment.parties
    *others, last = (one.contact for code, one in parties.items() if code != "AA")
    for contact in others:
        play.do(contact, "adopt_definition", digest=digest)
    return last, digest


def held() -> Play:
    return played("signed")


@cache
def _played(place: str) -> Play:
    return Play(trio()).go(place)


def played(place: str) -> Play:
    """A play of its own that has come to a place."""
    return deepcopy(_played(place))


# What a field reopens


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "Otherwise"},
        {"conditions__V1__title": "Otherwise"},
        {"conditions__Z1__due": "2030-08-01T00:00:00Z"},
        {"conditions__V1__cure": "P20D"},
        {"documents__D1__title": "Otherwise"},
        {"documents__D1__registered": False},
        {"reminders": {"before": "P3D"}},
    ],
)
def test_words_and_periods_reopen_nothing(changes: dict[str, Any]) -> None:
    play = held()
    before, size = play.state, len(play.log)
    play.amend(changed(trio(), **changes))
    types = set(play.types(size)) - {"definition_proposed", "consent_given", "definition_amended"}
    assert types == set()
    assert play.state.conditions == before.conditions
    assert play.held("D1") == ["AA", "BB", "CC"]
    assert play.state.understanding.status == "effective"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"conditions__V1__policy__grade": "inspected"}, ["verdict_reopened"]),
        (
            {"documents__D1__seats__BB": "bb.deputy"},
            ["signature_voided", "seat_reopened"],
        ),
        (
            {"documents__D1__languages": ["en"]},
            ["signature_voided"] * 3 + ["text_reopened"] + ["step_reopened"] * 3,
        ),
        ({"documents__D1__languages": ["en", "fr", "de"]}, ["signature_voided"] * 3 + ["step_reopened"] * 3),
        ({"documents__D2": None}, ["signature_voided"] * 2 + ["document_removed"]),
        ({"documents__D3__seats__CC": "cc.head"}, ["signature_voided", "seat_removed"]),
        ({"conditions__Z1": None}, ["condition_removed"]),
        ({"conditions__S1__obligors": ["BB"]}, ["verdict_reopened", "evidence_reopened"]),
    ],
)
def test_what_falls_is_told_by_the_field_and_is_on_the_record(
    changes: dict[str, Any], expected: list[str]
) -> None:
    play = held()
    last, digest = last_adoption(play, changed(trio(), **changes))
    types = list(play.do(last, "adopt_definition", digest=digest))
    assert types[0] == "consent_given"
    assert types[1 : types.index("definition_amended")] == expected
    causes = [one.facts["event"].get("cause", "the amendment") for one in play.log[-len(types) :][1:]]
    assert all("amendment" in cause for cause in causes[: len(expected)])


def test_a_seats_holder_reopens_that_seat_alone() -> None:
    play = held()
    play.amend(changed(trio(), documents__D1__seats__BB="bb.deputy"))
    assert play.held("D1") == ["AA", "CC"]
    seat = play.state.documents["D1"].seats["BB"]
    assert (seat.holder, seat.powers, seat.signature) == ("bb.deputy", None, None)
    assert play.state.documents["D1"].seats["AA"].powers is not None
    assert all(text.agreed for text in play.state.documents["D1"].texts.values())


def test_who_took_a_seat_by_full_powers_keeps_it_when_the_definition_says_so_too() -> None:
    play = held()
    play.do("bb.authority", "revoke_full_powers", document="D1", seat="BB")
    powers = {"document": "D1", "seat": "BB", "holder": "bb.deputy"}
    play.do("bb.authority", "issue_full_powers", **powers, digest="sha256:" + "7" * 64)
    assert play.state.documents["D1"].seats["BB"].holder == "bb.deputy"
    play.amend(changed(trio(), documents__D1__seats__BB="bb.deputy"))
    issued = play.state.documents["D1"].seats["BB"].powers
    assert issued is not None
    assert issued.holder == "bb.deputy"
    play.amend(changed(trio(), documents__D1__seats__BB="bb.head", title="Back"))
    assert play.state.documents["D1"].seats["BB"].holder == "bb.head"


def test_a_waiver_waits_for_a_beneficiary_that_is_added_and_keeps_the_others() -> None:
    play = Play(pair(conditions={"C1": condition("AA", "bb.verifier", waivable=True)})).go("founded")
    play.do("bb.protocol", "waive_condition", condition="C1")
    assert play.satisfied("C1")
    play.amend(changed(play.state.definition.as_facts(), parties__CC=party("CC")))
    assert play.fact("waiver_reopened", "waived_by") == ["BB"]
    assert not play.satisfied("C1")
    play.do("cc.contact", "waive_condition", condition="C1")
    assert play.satisfied("C1")


def test_a_window_that_is_amended_is_agreed_dates_on_the_record() -> None:
    play = played("confirmed")
    later = {**WINDOW, "begins": "2030-05-11T08:00:00Z", "ends": "2030-05-13T18:00:00Z"}
    last, digest = last_adoption(play, changed(trio(), window=later))
    assert play.do(last, "adopt_definition", digest=digest)[:3] == (
        "consent_given",
        "dates_agreed",
        "definition_amended",
    )
    assert play.fact("dates_agreed", "postponed")


# The dry run of the last adoption, over random amendments


ALTERED: dict[str, tuple[Any, ...]] = {
    "title": ("Otherwise",),
    "window": ({**WINDOW, "begins": "2030-05-02T08:00:00Z"}, None),
    "long_stop": ({"at": "2031-03-01T00:00:00Z"}, None),
    "programme": ([{"at": "2030-05-01T09:00:00Z", "item": "Talks"}],),
    "reminders": ({"before": "P1D"},),
    "parties__DD": (party("DD"), party("DD", required=False)),
    "parties__BB__contact": ("bb.other", "bb.protocol"),
    "parties__CC__signed_acts": (True,),
    "officers__press": (None, {"office": "Gallery", "roles": ["auditor"]}),
    "officers__clerk": ({"office": "Clerk", "roles": ["registrar"]},),
    "conditions__V1__title": ("Otherwise",),
    "conditions__V1__due": ("2030-04-05T00:00:00Z", None),
    "conditions__V1__policy__grade": ("inspected", "declared"),
    "conditions__V1__policy__need": (1,),
    "conditions__V1__waivable": (False,),
    "conditions__V1__cure": ("P3D",),
    "conditions__V2__beneficiaries": (["CC"], ["AA", "CC"], None),
    "conditions__V2__gate": ("signing", "subsequent"),
    "conditions__V2__obligors": (["BB", "CC"], ["CC"]),
    "conditions__V3": (None,),
    "conditions__S1__valid_until": ("2030-04-30T00:00:00Z", None),
    "conditions__X1": (None,),
    "conditions__X1__depends_on": (["S1"],),
    "conditions__N1": (condition("AA", "cc.verifier"),),
    "documents__D1__title": ("Otherwise",),
    "documents__D1__languages": (["en"], ["fr", "en"], ["en", "fr", "de"]),
    "documents__D1__prevailing": ("en",),
    "documents__D1__authority": ("ex_officio",),
    "documents__D1__initialled": (False,),
    "documents__D1__seats__BB": ("bb.deputy", ["bb.head", "bb.deputy"]),
    "documents__D1__seats__CC": (None,),
    "documents__D1__order": (None,),
    "documents__D2": (None,),
    "documents__D2__nature": ("on_signature",),
    "documents__D2__authority": ("full_powers",),
    "documents__D3__seats__CC": ("cc.head", ["cc.deputy", "cc.head"]),
    "documents__D4": (document("AA", "CC"),),
}


def amendments() -> st.SearchStrategy[dict[str, Any]]:
    one = st.sampled_from(sorted(ALTERED)).flatmap(
        lambda path: st.tuples(st.just(path), st.sampled_from(ALTERED[path]))
    )
    return st.lists(one, min_size=1, max_size=6, unique_by=lambda item: item[0]).map(dict)


def wanted(changes: dict[str, Any]) -> dict[str, Any] | None:
    """The definition that random changes make, if it holds together."""
    # Shorter paths first: what is taken out whole cannot be changed within.
    ordered = dict(sorted(changes.items(), key=lambda item: item[0].count("__")))
    gone = [path for path, value in ordered.items() if value is None]
    kept = {
        path: value for path, value in ordered.items() if not any(path.startswith(f"{one}__") for one in gone)
    }
    definition = changed(trio(), **kept)
    try:
        amended = Definition.model_validate(definition)
    except ValueError:
        return None
    return definition if amended != Definition.model_validate(trio()) else None


def of_the_definition(a: Accord) -> dict[str, Any]:
    """The state without what the definition itself says, and what only tells that entries were added."""
    told = state_json(a)
    for name in ("definition", "definition_digest", "amendment", "size", "version", "time"):
        del told[name]
    named = a.definition.owners()
    told["delegates"] = {code: one for code, one in told["delegates"].items() if code not in named}
    for one in told["conditions"].values():
        del one["terms"]
    for one in told["documents"].values():
        del one["terms"]
    return told


def difference(before: Any, after: Any, path: str = "") -> set[str]:
    """The paths at which two states differ; a new member counts as one path."""
    if isinstance(before, dict) and isinstance(after, dict):
        found = set()
        for key in before.keys() | after.keys():
            here = f"{path}/{key}"
            if key in before and key in after:
                found |= difference(before[key], after[key], here)
            else:
                found.add(here)
        return found
    return set() if before == after else {path}


PLACES = ("founded", "verified", "understood", "confirmed", "signed")


@settings(deadline=None, max_examples=120)
@given(place=st.sampled_from(PLACES), changes=amendments(), late=st.booleans())
def test_the_dry_run_of_the_last_adoption_lists_exactly_what_then_is_on_the_record(
    place: str, changes: dict[str, Any], late: bool
) -> None:
    definition = wanted(changes)
    if definition is None:
        return
    play = played(place)
    if late:
        play.until("2030-12-02T00:00:00Z")
    if play.state.ended or play.attempt("aa.contact", "amend_definition", definition=definition).refusal:
        return
    assert play.state.amendment is not None
    digest = play.state.amendment.digest()
    contacts = [
        play.state.definition.parties.get(code, one).contact
        for code, one in play.state.amendment.parties.items()
        if code != "AA"
    ]
    for contact in contacts[:-1]:
        play.do(contact, "adopt_definition", digest=digest)
    before = play.state
    dry = play.preview(contacts[-1], "adopt_definition", digest=digest)
    size = len(play.log)
    play.do(contacts[-1], "adopt_definition", digest=digest)
    entries = play.log[size:]
    assert [(one.type, one.facts["event"]) for one in entries] == [
        (draft.type, draft.facts["event"]) for draft in dry.events
    ]
    assert dry.after == play.state
    assert len([one for one in entries if one.type == "definition_amended"]) == 1
    _nothing_off_the_record(before, play, size)
    assert Following().next(play.state, play.now) is None, "nothing is left to follow"


def _nothing_off_the_record(before: Accord, play: Play, size: int) -> None:
    """The amendment's own entry changes the definition, and what begins with it; the rest is other entries' doing."""
    state = before
    for entry in play.log[size:]:
        after = evolve(state, entry)
        if entry.type == "definition_amended":
            known, now = of_the_definition(state), of_the_definition(after)
            for path in difference(known, now):
                _, part, *names = path.split("/")
                begins = part in ("conditions", "documents") and (
                    (len(names) == 1 and names[0] not in known[part])
                    or (
                        len(names) == 3
                        and names[1] == "seats"
                        and names[2] not in known[part][names[0]]["seats"]
                    )
                )
                named = part == "delegates" and names[0] in {
                    *state.definition.owners(),
                    *after.definition.owners(),
                }
                assert begins or named or path == "/consents/definition", (path, known, now)
        state = after
    assert {one.name for one in fields(state)} == {one.name for one in fields(before)}
