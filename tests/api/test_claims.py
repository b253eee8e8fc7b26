"""Whose a delegate's id is in one installation: whoever claimed it first, whichever accord it was in."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import asyncpg
import httpx
import pytest
from typer.testing import CliRunner

from activities.errors import RuntimeProblem
from activities.identity.claims import Claims, give_claim
from activities.identity.tokens import Token
from activities.ledger.claiming import take
from activities.ledger.store import Claim
from tests.api.conftest import Api, problem
from tests.simulation.small import bare
from worker.cli.main import make_app
from workflows.model.definition import Definition

OFFICE: dict[str, Any] = {"office": "Office", "roles": ["protocol"]}


def between(host: str, guest: str, **more: Any) -> dict[str, Any]:
    """Two parties with contacts of their own."""
    definition = bare()
    definition["parties"]["AA"] |= {"contact": f"{host}.contact", **more}
    definition["parties"]["BB"] |= {"contact": f"{guest}.contact"}
    return definition


async def founded(api: Api, host: str, guest: str, **more: Any) -> str:
    definition = between(host, guest, **more)
    accord = await api.opened(definition, f"{host}.contact")
    named = Definition.model_validate(definition).digest()
    for side in (host, guest):
        await api.done(accord, "adopt_definition", f"{side}.contact", digest=named)
    return accord


async def claims(api: Api, accord: str, by: str) -> dict[str, str | None]:
    answer = await api.get(f"/accords/{accord}/claims", by)
    assert answer.status_code == 200, answer.text
    return {one["delegate"]: one["claimed_by"] for one in answer.json()["items"]}


async def test_who_appointed_an_id_first_keeps_it_in_every_accord(api: Api) -> None:
    first = await founded(api, "claim-a", "claim-b")
    await api.done(first, "appoint_delegate", "claim-a.contact", delegate="claim.envoy", **OFFICE)
    second = await founded(api, "claim-c", "claim-b")
    taken = {"delegate": "claim.envoy", **OFFICE}
    said = problem(
        await api.act(second, "appoint_delegate", "claim-c.contact", **taken), 409, "delegate_claimed"
    )
    assert "claim.envoy (by claim-a.contact)" in said["detail"]
    foreseen = await api.call(
        "POST",
        f"/v1/accords/{second}/appoint-delegate",
        "claim-c.contact",
        params={"dry_run": "true"},
        json=taken,
    )
    assert problem(foreseen, 409, "delegate_claimed")["detail"] == said["detail"]
    size = (await api.get(f"/accords/{second}", "claim-c.contact")).json()["size"]
    assert size == 4, "nothing of it is on the record"
    # A contact's id is its own from its first adoption on.
    taken["delegate"] = "claim-b.contact"
    third = await founded(api, "claim-c", "claim-d")
    problem(await api.act(third, "appoint_delegate", "claim-c.contact", **taken), 409, "delegate_claimed")
    # The same side appoints it wherever it likes, also by a contact that it appointed itself.
    await api.done(first, "appoint_delegate", "claim-a.contact", delegate="claim-e.contact", **OFFICE)
    fourth = await founded(api, "claim-e", "claim-d")
    await api.done(fourth, "appoint_delegate", "claim-e.contact", delegate="claim.envoy", **OFFICE)


async def test_claims_are_shown_before_adoption_and_a_proposal_makes_none(api: Api) -> None:
    first = await founded(api, "show-a", "show-b")
    await api.done(first, "appoint_delegate", "show-a.contact", delegate="show.envoy", **OFFICE)
    theirs = between("show-c", "show-d", delegates=["show.envoy"])
    problem(await api.post("/accords", "show-c.contact", json=theirs), 409, "delegate_claimed")
    # The other party may open it, and whom it names is seen before anybody adopts it.
    accord = await api.opened(theirs, "show-d.contact")
    assert await claims(api, accord, "show-d.contact") == {
        # Officers of all parties are nobody's but their own, from when they are first adopted as such.
        "registrar": "registrar",
        "watch": "watch",
        "show-c.contact": None,
        "show.envoy": "show-a.contact",
        "show-d.contact": None,
    }
    named = Definition.model_validate(theirs).digest()
    problem(
        await api.act(accord, "adopt_definition", "show-c.contact", digest=named), 409, "delegate_claimed"
    )
    await api.done(accord, "adopt_definition", "show-d.contact", digest=named)
    assert (await claims(api, accord, "show-d.contact"))["show-d.contact"] == "show-d.contact"


async def test_an_act_that_is_refused_claims_nothing(api: Api) -> None:
    accord = await api.opened(between("refuse-a", "refuse-b"), "refuse-a.contact")
    refused = await api.act(accord, "appoint_delegate", "refuse-a.contact", delegate="refuse.envoy", **OFFICE)
    problem(refused, 409, "refused")
    other = await founded(api, "refuse-c", "refuse-d")
    await api.done(other, "appoint_delegate", "refuse-c.contact", delegate="refuse.envoy", **OFFICE)


async def test_a_side_stands_behind_one_party_of_an_accord(api: Api) -> None:
    """Else whoever has claimed another's contact, and had itself a key made for it, would adopt in its place."""
    accord = await api.opened(between("stand-a", "stand-b"), "stand-a.contact")
    other = await founded(api, "stand-a", "stand-c")
    await api.done(other, "appoint_delegate", "stand-a.contact", delegate="stand-b.contact", **OFFICE)
    named = Definition.model_validate(between("stand-a", "stand-b")).digest()
    said = problem(
        await api.act(accord, "adopt_definition", "stand-b.contact", digest=named), 409, "delegate_claimed"
    )
    assert "stand-b.contact (by stand-a.contact)" in said["detail"]
    assert said["accord"] == accord
    again = between("stand-a", "stand-b", delegates=["stand.new"])
    problem(await api.post("/accords", "stand-a.contact", json=again), 409, "delegate_claimed")


async def test_of_acts_at_once_that_pass_by_the_first_look_one_is_recorded(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look before an act is sent is for a quick answer; the recorder takes the claim with the entry."""
    accords = [await founded(api, f"once-{one}", f"once-{one}-guest") for one in "abc"]

    async def none(*_: object) -> dict[str, str]:
        return {}

    monkeypatch.setattr(Claims, "taken", none)
    envoy = {"delegate": "once.envoy", **OFFICE}
    answers = await asyncio.gather(
        *(
            api.act(accord, "appoint_delegate", f"once-{one}.contact", key="k", **envoy)
            for accord, one in zip(accords, "abc", strict=True)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    [first] = [one for one, answer in zip("abc", answers, strict=True) if answer.status_code == 200]
    for one, accord, answer in zip("abc", accords, answers, strict=True):
        size = (await api.get(f"/accords/{accord}", f"once-{one}.contact")).json()["size"]
        if one == first:
            assert size == 5
            # Sent again, it is the same act.
            again = await api.act(accord, "appoint_delegate", f"once-{one}.contact", key="k", **envoy)
            assert again.json() == answer.json()
        else:
            assert (
                f"once.envoy (by once-{first}.contact)" in problem(answer, 409, "delegate_claimed")["detail"]
            )
            assert size == 4, "nothing of it is on the record"


async def test_of_many_at_once_one_has_it(database_url: str) -> None:
    wanted = tuple(f"race.{number}" for number in range(5))
    async with asyncpg.create_pool(database_url, min_size=0, max_size=8) as pool:

        async def claimed(one: int) -> bool:
            async with pool.acquire() as connection:
                attempt = connection.transaction()
                await attempt.start()
                taken = await take(
                    connection, "a", Claim(f"race{one}.contact", wanted[:: -1 if one % 2 else 1])
                )
                await (attempt.rollback() if taken else attempt.commit())
                return not taken

        assert (await asyncio.gather(*map(claimed, range(8)))).count(True) == 1
        assert len(set((await Claims(pool).of(wanted)).values())) == 1


async def link(api: Api, accord: str, by: str, delegate: str) -> httpx.Response:
    return await api.post(
        f"/accords/{accord}/join-links", by, json={"delegate": delegate, "valid_for": "P1D"}
    )


async def test_who_claims_a_contact_that_holds_a_key_becomes_nobody_else(api: Api) -> None:
    """Found: a third party appointed another accord's contact to its own side, first, and got a key as that contact."""
    await api.token("key-b.contact")
    theirs = between("key-a", "key-b", delegates=["key-a.envoy"])
    real = await api.opened(theirs, "key-a.contact")
    other = await founded(api, "key-m", "key-n")
    await api.done(other, "appoint_delegate", "key-m.contact", delegate="key-b.contact", **OFFICE)
    assert (await claims(api, real, "key-a.contact"))["key-b.contact"] == "key-m.contact", "it is told"
    said = problem(await link(api, other, "key-m.contact", "key-b.contact"), 403, "forbidden")
    assert "held a key as key-b.contact before" in said["detail"]
    # Nor are its keys that side's to see or to revoke, nor its provider's to give.
    listed = (await api.get("/api-keys", "key-m.contact")).json()["items"]
    assert {one["delegate"] for one in listed} == {"key-m.contact"}
    [mine] = (await api.get("/api-keys", "key-b.contact")).json()["items"]
    problem(await api.call("DELETE", f"/v1/api-keys/{mine['id']}", "key-m.contact"), 404, "not_found")
    given = Token(issuer="https://m.example", subject="m", delegate="key-b.contact", contact="key-m.contact")
    assert await api.app.state.backend.delegates.of_token(given) is None
    # By its own act it is its own side again, and whom the definition names for it is, too.
    named = Definition.model_validate(theirs).digest()
    await api.done(real, "adopt_definition", "key-b.contact", digest=named)
    assert (await claims(api, real, "key-a.contact"))["key-b.contact"] == "key-b.contact"
    third = await founded(api, "key-m", "key-o")
    taken = {"delegate": "key-b.contact", **OFFICE}
    problem(await api.act(third, "appoint_delegate", "key-m.contact", **taken), 409, "delegate_claimed")


async def test_a_claim_that_the_operator_confirms_is_one_on_the_credentials_too(
    api: Api, database_url: str
) -> None:
    await api.token("sure.envoy")
    accord = await founded(api, "sure-a", "sure-b")
    await api.done(accord, "appoint_delegate", "sure-a.contact", delegate="sure.envoy", **OFFICE)
    problem(await link(api, accord, "sure-a.contact", "sure.envoy"), 403, "forbidden")
    connection = await asyncpg.connect(database_url)
    try:
        assert await give_claim(connection, "sure.envoy", "sure-a.contact") == "sure-a.contact"
        made = await link(api, accord, "sure-a.contact", "sure.envoy")
        assert made.status_code == 201, made.text
        # A link leads nowhere any more once the claim is another's.
        assert await give_claim(connection, "sure.envoy", "sure-b.contact") == "sure-a.contact"
        assert await give_claim(connection, "sure.unknown", "sure-b.contact") is None
    finally:
        await connection.close()
    problem(await api.post("/join", None, json={"token": made.json()["token"]}), 410, "link_ended")


async def test_an_officer_of_all_parties_is_nobodys_to_claim(api: Api) -> None:
    """Found: any contact could appoint another accord's auditor to its own side, and had itself a key made for it."""
    definition = between("all-a", "all-b")
    definition["officers"]["all.auditor"] = {"office": "Auditor", "roles": ["auditor"]}
    accord = await api.opened(definition, "all-a.contact")
    named = Definition.model_validate(definition).digest()
    await api.done(accord, "adopt_definition", "all-a.contact", digest=named)
    for contact in ("all-a.contact", "all-m.contact"):
        other = await founded(api, contact.removesuffix(".contact"), "all-n")
        taken = {"delegate": "all.auditor", **OFFICE}
        problem(await api.act(other, "appoint_delegate", contact, **taken), 409, "delegate_claimed")
    # In each accord it is an officer all the same.
    await api.done(accord, "adopt_definition", "all-b.contact", digest=named)
    again = await api.opened(definition, "all-b.contact")
    await api.done(again, "adopt_definition", "all-b.contact", digest=named)


async def test_a_contact_who_is_replaced_claims_whom_the_amendment_names_for_its_party(api: Api) -> None:
    """Found: nobody claimed the next contact, so that whoever appointed it elsewhere became the party's contact."""
    accord = await founded(api, "more-a", "more-b")
    amended = between("more-a", "more-next")
    amended["parties"]["BB"]["delegates"] = ["more.verifier"]
    await api.done(accord, "amend_definition", "more-a.contact", definition=amended)
    named = Definition.model_validate(amended).digest()
    await api.done(accord, "adopt_definition", "more-b.contact", digest=named)
    other = await founded(api, "more-c", "more-d")
    for one in ("more.verifier", "more-next.contact"):
        taken = {"delegate": one, **OFFICE}
        problem(await api.act(other, "appoint_delegate", "more-c.contact", **taken), 409, "delegate_claimed")


def test_the_operator_sees_and_corrects_claims(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)

    def run(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(make_app(), ["keys", *arguments])
        assert result.exit_code == code, result.output
        return result.output

    async def claim() -> None:
        connection = await asyncpg.connect(database_url)
        try:
            await take(connection, "a", Claim("cli-m.contact", ("cli.known", "cli.unknown")))
        finally:
            await connection.close()

    assert "note" not in run("add", "cli.known")
    asyncio.run(claim())
    assert "note: cli-m.contact has claimed cli.unknown, in a" in run("add", "cli.unknown")
    assert "note" not in run("add", "cli-m.contact")
    known, unknown = json.loads(run("claims", "cli.known", "cli.unknown", "--json"))
    assert (known["claimed_by"], known["held_before"], unknown["held_before"]) == (
        "cli-m.contact",
        True,
        False,
    )
    assert "held a key before" in run("claims", "cli.known")
    assert "(it was of cli-m.contact's)" in run("give", "cli.known", "cli-b.contact")
    [known] = json.loads(run("claims", "cli.known", "--json"))
    assert (known["claimed_by"], known["held_before"], bool(known["confirmed"])) == (
        "cli-b.contact",
        False,
        True,
    )
    with pytest.raises(RuntimeProblem, match="Nobody has claimed"):
        CliRunner().invoke(
            make_app(), ["keys", "give", "cli.nobody", "cli-b.contact"], catch_exceptions=False
        )


def test_no_label_breaks_the_list_of_keys(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("COLUMNS", "80")
    made = CliRunner().invoke(
        make_app(), ["keys", "add", "cli.labelled", "--label", "[/b] \N{RIGHT-TO-LEFT OVERRIDE}"]
    )
    assert made.exit_code == 0, made.output
    listed = CliRunner().invoke(make_app(), ["keys", "ls"], catch_exceptions=False)
    assert listed.exit_code == 0, listed.output
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in listed.output
    assert "[/b]" in listed.output
    # The id is whole: keys are revoked by it.
    assert made.output.strip().split("_")[1] in listed.output
