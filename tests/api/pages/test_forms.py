"""Forms from the registry: every act has one, and what it posts is read back as the act's own fields."""

from __future__ import annotations

import pytest

from api.pages.forms import form_fields, given_of, read_form
from api.pages.offers import BACKWARD, FORWARD, NOT_THEIRS
from api.pages.values import CANDIDATES, stand_in
from api.pages.words import CANNOT_BE_UNDONE
from tests.api.filling import Filler
from tests.api.pages.browser import Browser, Form
from tests.simulation.small import digest, small
from workflows.model.declare import parse_act
from workflows.model.declared import ACTS


async def test_every_act_has_a_form(browser: Browser, filler: Filler) -> None:
    await filler.found("a", small())
    await browser.sign_in("aa.contact")
    for name, act in ACTS.items():
        path = f"/accords/a/do/{name.replace('_', '-')}"
        query = {
            "condition": "C1",
            "document": "D1",
            "language": "en",
            "seat": "AA",
            "delegate": "aa.contact",
        }
        given = "&".join(f"{key}={value}" for key, value in query.items() if key in act.model_fields)
        page = await browser.page(f"{path}?{given}" if given else path)
        posted = {key for key, _ in Form(page, path).fields}
        assert {"csrf", "key"} <= posted, name
        for field in act.model_fields:
            assert f'"f.{field}' in page, (name, field)


async def test_what_depends_on_the_object_asks_for_it_first(browser: Browser, filler: Filler) -> None:
    await filler.found("a", small())
    await browser.sign_in("aa.contact")
    page = await browser.page("/accords/a/do/agree-text")
    assert 'name="document"' in page
    assert 'method="get"' in page
    page = await browser.page("/accords/a/do/agree-text?document=D1")
    assert 'name="language"' in page
    assert 'name="csrf"' in await browser.page("/accords/a/do/agree-text?document=D1&language=en")


async def test_what_stands_in_for_a_person_is_well_formed(filler: Filler) -> None:
    await filler.found("a", small())
    state = filler.states["a"]
    for name, act in ACTS.items():
        fields = {
            key: stand_in(state, act, key) for key, info in act.model_fields.items() if info.is_required()
        }
        assert parse_act(name, fields).name == name


def test_names_in_the_tables_are_acts_and_fields() -> None:
    assert set(FORWARD) | set(CANNOT_BE_UNDONE) <= set(ACTS)
    assert all(any(name.startswith(one) for name in ACTS) for one in BACKWARD)
    for act, field in CANDIDATES:
        assert any(field in one.model_fields for name, one in ACTS.items() if act in ("", name)), (act, field)
    assert len(NOT_THEIRS) == len(set(NOT_THEIRS))


READ = {
    "propose_dates": (
        {
            "f.window.begins": ["2030-06-01T08:00"],
            "f.window.ends": ["2030-06-02T08:30:15"],
            "f.window.place": ["Town"],
            "f.note": [""],
        },
        {"window": {"begins": "2030-06-01T08:00:00Z", "ends": "2030-06-02T08:30:15Z", "place": "Town"}},
    ),
    "verify_condition": (
        {"f.condition": ["C1"], "f.evidence": [digest("a")], "f.evidence.also": [f" {digest('b')} "]},
        {"condition": "C1", "evidence": [digest("a"), digest("b")]},
    ),
    "appoint_delegate": (
        {
            "f.delegate": ["aa.x"],
            "f.office": ["Office"],
            "f.roles": ["verifier", "obligor"],
            "f.valid_until": [""],
        },
        {"delegate": "aa.x", "office": "Office", "roles": ["verifier", "obligor"]},
    ),
    "decide_dispute": ({"f.condition": ["C1"], "f.uphold": ["false"]}, {"condition": "C1", "uphold": False}),
    "extend_invitation": ({"f.valid_until": [""]}, {"valid_until": None}),
    "attest_state": (
        {"f.position": ["7"], "f.digest": [digest("s")]},
        {"position": 7, "digest": digest("s")},
    ),
    "erase_particulars": (
        {"f.positions": ["3, 4 5"], "f.ground": ["law"], "f.ordered_by": ["court"]},
        {"positions": [3, 4, 5], "ground": "law", "ordered_by": "court"},
    ),
    "import_statement": (
        {"f.digest": [digest("s")], "f.source": ["S"], "f.changes": ["window: {place: NO}"]},
        {"digest": digest("s"), "source": "S", "changes": {"window": {"place": "NO"}}},
    ),
    "propose_texts": (
        {"f.texts": [f"- {{document: D1, language: en, digest: '{digest('t')}'}}"]},
        {"texts": [{"document": "D1", "language": "en", "digest": digest("t")}]},
    ),
}


@pytest.mark.parametrize("name", READ)
def test_a_posted_form_is_read(name: str) -> None:
    form, fields = READ[name]
    assert read_form(ACTS[name], given_of(form)) == (fields, {})
    parse_act(name, fields)


@pytest.mark.parametrize(
    ("name", "form", "field"),
    [
        ("attest_state", {"f.position": ["seven"]}, "position"),
        ("import_statement", {"f.changes": ["a: [b"]}, "changes"),
        ("erase_particulars", {"f.positions": ["1, x"]}, "positions"),
    ],
)
def test_what_cannot_be_read_is_said_at_its_field(name: str, form: dict[str, list[str]], field: str) -> None:
    _, errors = read_form(ACTS[name], given_of(form))
    assert list(errors) == [field]


async def test_what_was_given_is_in_the_form_again(filler: Filler) -> None:
    await filler.found("a", small())
    for name, (form, _) in READ.items():
        given = given_of(form)
        shown = {one.name: one for one in form_fields(ACTS[name], filler.states["a"], "aa.contact", given)}
        for field, values in given.items():
            assert shown[field].values == values
