"""The definition in the pages: what is adopted can be read, and what an amendment changes."""

from __future__ import annotations

import asyncpg
import yaml

from activities.ledger.claiming import take
from activities.ledger.store import Claim
from api.pages.terms import changes
from tests.api.filling import Filler
from tests.api.pages.browser import Browser, text_of
from tests.simulation.small import small
from workflows.model.definition import Definition


async def test_what_is_adopted_can_be_read_and_what_an_amendment_changes(
    browser: Browser, filler: Filler
) -> None:
    await filler.open("a", small())
    await browser.sign_in("bb.contact")
    assert 'href="/accords/a/definition"' in await browser.page("/accords/a/do/adopt-definition")
    page = await browser.page("/accords/a/definition")
    assert "A proposal, until every party has adopted it." in text_of(page)
    assert "What the amendment changes" not in page
    answer = await browser.get("/accords/a/definition?download=true")
    assert answer.headers["content-disposition"] == 'attachment; filename="a-definition.yaml"'
    asked = Definition.model_validate(small())
    assert Definition.model_validate(yaml.safe_load(answer.text)).digest() == asked.digest()

    await filler.found("b", small())
    changed = small(title="Another <b>title</b>")
    await filler.do("b", "amend_definition", "aa.contact", definition=changed)
    page = await browser.page("/accords/b/do/adopt-definition")
    assert "What the amendment changes" in page
    page = await browser.page("/accords/b/definition?amendment=true")
    assert f'<del><bdi class="lines">{asked.title}</bdi></del>' in page
    assert '<ins><bdi class="lines">Another &lt;b&gt;title&lt;/b&gt;</bdi></ins>' in page
    assert "BB to consent still" in text_of(page)
    answer = await browser.get("/accords/b/definition?download=true&amendment=true")
    assert (
        Definition.model_validate(yaml.safe_load(answer.text)).digest()
        == Definition.model_validate(changed).digest()
    )
    await browser.sign_in("dd.nobody")
    assert (await browser.get("/accords/a/definition")).status_code == 404


def test_changes_name_the_place_and_both_sides() -> None:
    before = {
        "title": "a",
        "conditions": {"C1": {"title": "x", "due": "P1D"}, "C2": {"title": "y"}},
        "n": [1, 2],
    }
    after = {"title": "a", "conditions": {"C1": {"title": "z"}, "C3": {"title": "w"}}, "n": [1, 3]}
    found = {one.place: (one.before, one.after) for one in changes(before, after)}
    assert found == {
        "conditions / C1 / title": ("x", "z"),
        "conditions / C1 / due": ("P1D", None),
        "conditions / C2": ("title: y", None),
        "conditions / C3": (None, "title: w"),
        "n": ("- 1\n- 2", "- 1\n- 3"),
    }
    assert not list(changes(after, after))


async def test_whose_delegates_another_side_has_claimed_is_told_before_adoption(
    browser: Browser, filler: Filler, database_url: str
) -> None:
    named = small()
    named["parties"]["BB"] |= {"contact": "told-b.contact", "delegates": ["told-b.envoy", "told-b.clerk"]}
    named["conditions"]["C1"]["policy"]["verifiers"] = ["told-b.contact"]
    named["documents"]["D1"]["seats"]["BB"] = "told-b.contact"
    await filler.open("a", named)
    await browser.sign_in("told-b.contact")
    assert "Claimed by others" not in await browser.page("/accords/a/definition")
    connection = await asyncpg.connect(database_url)
    try:
        for claim in (
            Claim("told-m.contact", ("told-b.contact",)),
            Claim("told-o.contact", ("told-b.envoy",)),
            Claim("aa.contact", ("aa.contact",)),
        ):
            await take(connection, "b", claim)
    finally:
        await connection.close()
    page = " ".join(text_of(await browser.page("/accords/a/definition")).split()).replace(" :", ":")
    assert "told-b.contact: claimed by told-m.contact" in page
    assert "told-b.envoy: claimed by told-o.contact" in page
    assert "aa.contact: claimed" not in page
    assert "told-b.clerk: claimed" not in page
