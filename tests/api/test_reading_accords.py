"""Reading over HTTP, without Temporal: it needs the ledger alone."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from api.bodies import read_yaml
from tests.api.conftest import Api, problem
from tests.api.filling import Filler
from tests.simulation.small import bare, digest, small
from workflows.model.definition import RULES, Definition
from workflows.model.rules import GATES
from workflows.tracks.documents.state import document_digest


async def test_an_accord_before_its_founding(reading_api: Api, filler: Filler) -> None:
    await filler.open("a", small())
    said = (await reading_api.get("/accords/a")).json()
    assert (said["accord"], said["stage"], said["founded"], said["version"], said["size"]) == (
        "a",
        "invitation",
        False,
        0,
        1,
    )
    assert said["illustrative"] is True
    assert said["conditions"]["C1"]["status"] == "proposed"
    assert said["documents"]["D1"]["status"] == "proposed"
    assert said["release_digest"] is None
    assert said["gates"]["founding"] == {
        "says": GATES["founding"],
        "open": False,
        "guards": {"founded": 1},
    }
    assert [one["guard"] for one in said["blocking"]] == ["founded"]
    assert said["definition_digest"] == filler.states["a"].definition_digest


async def test_an_accord_under_way(reading_api: Api, filler: Filler) -> None:
    evidence = digest("inspection")
    await filler.found("a", small())
    await filler.invite("a")
    await filler.verify("a", evidence)
    await filler.do("a", "propose_text", "aa.contact", document="D1", language="en", digest=digest("text"))
    answer = await reading_api.get("/accords/a", "bb.contact")
    said, state = answer.json(), filler.states["a"]
    assert answer.headers["etag"] == f'"v{state.version}"'
    assert answer.headers["cache-control"] == "private, no-cache"
    assert said["stage"] == "drafting"
    assert said["rules"] == RULES
    condition = said["conditions"]["C1"]
    assert (condition["status"], condition["satisfied"]) == ("verified", True)
    assert condition["verdict"]["evidence"] == [evidence]
    assert condition["evidence"][0]["source"] == "Report 1"
    document = said["documents"]["D1"]
    assert (document["status"], document["ready"]) == ("negotiating", False)
    assert "no text in fr" in document["next_step"]
    assert document["texts"]["en"] == {
        "digest": digest("text"),
        "number": 1,
        "agreed": False,
        "proposed_by": "AA",
        "amendment": None,
    }
    assert document["seats"]["AA"]["authority"] == "ex_officio"
    assert said["consents"] == [
        {
            "subject": "text/D1/en",
            "says": "the text of D1 in en",
            "digest": digest("text"),
            "given": ["AA"],
            "missing": ["BB"],
        }
    ]
    assert said["invitation"]["answers"] == {"BB": "accepted"}
    assert {one["delegate"]: one["in_force"] for one in said["delegates"]}["bb.contact"] is True
    assert said["visit"]["status"] == "tentative"
    assert said["release_digest"].startswith("sha256:")
    assert said["clock"]["mode"] == "real"


async def test_what_is_proposed_beside_what_stands(reading_api: Api, filler: Filler) -> None:
    await filler.found("a", small(conditions={}))
    for language in ("en", "fr"):
        text = digest(language)
        await filler.do("a", "propose_text", "aa.contact", document="D1", language=language, digest=text)
        await filler.do("a", "agree_text", "bb.contact", document="D1", language=language, digest=text)
    whole = document_digest(filler.states["a"], "D1")
    for party in ("aa", "bb"):
        await filler.do("a", "certify_concordance", f"{party}.contact", document="D1", digest=whole)
    receipt = await filler.do("a", "propose_understanding", "aa.contact")
    assert receipt.refusal is None, receipt
    await filler.do("a", "propose_text", "bb.contact", document="D1", language="fr", digest=digest("comma"))
    said = (await reading_api.get("/accords/a")).json()
    text = said["documents"]["D1"]["texts"]["fr"]
    assert (text["digest"], text["agreed"], text["amendment"]) == (digest("fr"), True, digest("comma"))
    pending = said["understanding"]["pending"]
    assert said["consents"] == [
        {
            "subject": "understanding",
            "says": "the understanding",
            "digest": pending,
            "given": ["AA"],
            "missing": ["BB"],
        },
        {
            "subject": "text/D1/fr",
            "says": "the text of D1 in fr",
            "digest": digest("comma"),
            "given": ["BB"],
            "missing": ["AA"],
        },
    ]


async def test_what_is_due_and_who_owes_it(reading_api: Api, filler: Filler) -> None:
    await filler.found("a", small())
    said = (await reading_api.get("/accords/a")).json()
    assert said["conditions"]["C1"]["owed_by"] == ["aa.contact"]
    assert said["next_deadline"] == "2030-03-25T00:00:00Z"
    assert said["deadlines"] == [
        {
            "at": "2030-03-25T00:00:00Z",
            "kind": "due",
            "subject": "C1",
            "says": "2030-03-25 00:00 UTC · reminder of C1, due 2030-04-01",
        },
        {
            "at": "2030-04-01T00:00:00Z",
            "kind": "due",
            "subject": "C1",
            "says": "2030-04-01 00:00 UTC · C1 is due",
        },
    ]
    assert [one["guard"] for one in said["blocking"]] == ["invitation_accepted"]


async def test_etag_and_if_none_match(reading_api: Api, filler: Filler) -> None:
    await filler.found("a", bare())
    tag = (await reading_api.get("/accords/a")).headers["etag"]
    for header in (tag, f"W/{tag}", f'"v0", {tag}', "*"):
        answer = await reading_api.get("/accords/a", headers={"If-None-Match": header})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    await filler.do("a", "issue_invitation", "aa.contact")
    answer = await reading_api.get("/accords/a", headers={"If-None-Match": tag})
    assert answer.status_code == 200
    # A refusal is on the record, and moves no version.
    tag = answer.headers["etag"]
    await filler.do("a", "issue_invitation", "aa.contact")
    assert (await reading_api.get("/accords/a")).headers["etag"] == tag


async def test_as_of_a_position_and_a_time(reading_api: Api, filler: Filler) -> None:
    await filler.found("a", small())
    before = filler.states["a"]
    await filler.invite("a")
    for as_of in (str(before.size - 1), before.time.isoformat(), before.time.isoformat().replace("+", " ")):
        answer = await reading_api.get("/accords/a", params={"as_of": as_of})
        assert answer.json()["stage"] == "invitation", answer.text
        assert answer.json()["version"] == before.version
        assert answer.headers["etag"] == f'"v{before.version}"'
    said = problem(await reading_api.get("/accords/a", params={"as_of": "999"}), 422, "beyond_record")
    assert f"{filler.states['a'].size} entries" in said["detail"]
    problem(
        await reading_api.get("/accords/a", params={"as_of": "2020-01-01T00:00:00Z"}), 422, "beyond_record"
    )
    for wrong in ("-1", "yesterday", "2030-01-01T00:00:00", "9" * 40):
        answer = await reading_api.get("/accords/a", params={"as_of": wrong})
        assert answer.status_code == 422, wrong


async def test_who_is_no_member_learns_nothing(reading_api: Api, filler: Filler) -> None:
    await filler.found("a", small())
    there = problem(await reading_api.get("/accords/a", "stranger"), 404, "not_found")
    absent = problem(await reading_api.get("/accords/b", "stranger"), 404, "not_found")
    assert there["detail"].replace("'a'", "'b'") == absent["detail"]
    for path in ("definition", "events", "why/visit", "why/confirm-visit"):
        problem(await reading_api.get(f"/accords/a/{path}", "stranger"), 404, "not_found")
    problem(await reading_api.act("a", "confirm_visit", "stranger"), 404, "not_found")
    problem(await reading_api.post("/accords/a/confirm-visit?dry_run=true", "stranger"), 404, "not_found")
    assert (await reading_api.get("/accords", "stranger")).json() == {"items": [], "next": None}


async def test_a_revoked_or_ended_appointment_no_longer_sees(reading_api: Api, filler: Filler) -> None:
    await filler.found("a", bare())
    for delegate in ("aa.one", "aa.two"):
        await filler.do(
            "a",
            "appoint_delegate",
            "aa.contact",
            delegate=delegate,
            office="Office",
            roles=["protocol"],
            valid_until=(filler.at + timedelta(days=2)).isoformat() if delegate == "aa.two" else None,
        )
    assert (await reading_api.get("/accords/a", "aa.one")).status_code == 200
    assert (await reading_api.get("/accords/a", "aa.two")).status_code == 200
    await filler.do("a", "revoke_delegate", "aa.contact", delegate="aa.one")
    problem(await reading_api.get("/accords/a", "aa.one"), 404, "not_found")
    filler.at += timedelta(days=3)
    await filler.do("a", "record_statement", "aa.contact", digest=digest("x"))
    problem(await reading_api.get("/accords/a", "aa.two"), 404, "not_found")


async def test_an_observer_sees_cleared_status_only(reading_api: Api, filler: Filler) -> None:
    definition = small()
    definition["officers"]["press"] = {"office": "Press pool", "roles": ["observer"]}
    await filler.found("a", definition)
    await filler.invite("a")
    await filler.verify("a", digest("inspection"))
    answer = await reading_api.get("/accords/a", "press")
    said = answer.json()
    assert said["cleared"] is True
    assert said["stage"] == "drafting"
    assert said["gates"]["visit"]["guards"] == {
        "founded": 0,
        "invitation_accepted": 0,
        "condition_satisfied": 0,
        "understanding_effective": 1,
    }
    for secret in (
        "aa.contact",
        "bb.contact",
        digest("inspection"),
        "Report 1",
        "Example",
        "Party A",
        "C1",
        "D1",
    ):
        assert secret not in answer.text
    why = await reading_api.get("/accords/a/why/visit", "press")
    assert {one["guard"]: one["met"] for one in why.json()["checks"]}["understanding_effective"] is False
    for secret in ("contact", 'reason":"', "C1"):
        assert secret not in why.text
    for path in ("definition", "events", "why/confirm-visit"):
        problem(await reading_api.get(f"/accords/a/{path}", "press"), 403, "forbidden")
    problem(await reading_api.post("/accords/a/confirm-visit?dry_run=true", "press"), 403, "forbidden")
    # One who holds another role beside it is no mere observer.
    await filler.do(
        "a", "appoint_delegate", "aa.contact", delegate="aa.eye", office="Eye", roles=["observer", "protocol"]
    )
    assert (await reading_api.get("/accords/a", "aa.eye")).json()["cleared"] is False


@pytest.mark.parametrize("reader", ["auditor", "operator"])
async def test_auditors_and_operators_read_all_and_act_in_none(
    reading_api: Api, filler: Filler, reader: str
) -> None:
    await filler.found("a", small())
    assert (await reading_api.get("/accords/a", reader)).json()["cleared"] is False
    assert len((await reading_api.get("/accords", reader)).json()["items"]) == 1
    assert (await reading_api.get("/accords/a/events", reader)).status_code == 200
    problem(await reading_api.act("a", "issue_invitation", reader), 403, "forbidden")
    problem(await reading_api.post("/accords", reader, json=small()), 403, "forbidden")
    problem(await reading_api.post("/accords/a/issue-invitation?dry_run=true", reader), 403, "forbidden")


async def test_the_list_is_filtered_and_paged(reading_api: Api, filler: Filler) -> None:
    for number in range(5):
        await filler.open(f"d{number}", bare(title=f"Visit {number}"))
        await filler.open(f"c{number}", bare(title=f"Closing {number}", vocabulary="closing"))
    other = bare()
    other["parties"]["CC"] = {"name": "Party C", "capacity": "guest", "contact": "cc.contact"}
    await filler.open("three", other)

    async def names(**params: str) -> list[str]:
        return [one["accord"] for one in (await reading_api.get("/accords", params=params)).json()["items"]]

    assert await names(party="CC") == ["three"]
    assert await names(vocabulary="closing") == [f"c{n}" for n in (4, 3, 2, 1, 0)]
    assert await names(stage="signing") == []
    assert len(await names(stage="invitation")) == 11
    for filters, expected in (({}, 11), ({"vocabulary": "closing"}, 5)):
        url, found = "/accords?" + "&".join(f"{k}={v}" for k, v in {**filters, "limit": "2"}.items()), []
        for _ in range(20):
            answer = await reading_api.get(url)
            found += [one["accord"] for one in answer.json()["items"]]
            link = answer.headers.get("link")
            if link is None:
                break
            assert link.endswith('>; rel="next"')
            url = link[1:].partition(">")[0].removeprefix("/v1")
            assert parse_qs(urlsplit(url).query)["after"] == [answer.json()["next"]]
        assert len(found) == len(set(found)) == expected
    row = (await reading_api.get("/accords", params={"party": "CC"})).json()["items"][0]
    assert (row["title"], row["illustrative"], row["blocked_by"], row["size"]) == (
        "Working visit",
        True,
        1,
        1,
    )
    assert "contact" not in json.dumps(row)
    for wrong in ({"after": "x"}, {"after": "é"}, {"limit": "0"}, {"limit": "201"}, {"limit": "many"}):
        answer = await reading_api.get("/accords", params=wrong)
        assert problem(answer, 422, "malformed")["errors"][0]["field"] == next(iter(wrong))


async def test_the_definition_round_trips_as_json_and_yaml(reading_api: Api, filler: Filler) -> None:
    await filler.open("a", small())
    as_json = await reading_api.get("/accords/a/definition")
    assert as_json.headers["content-type"] == "application/json"
    as_yaml = await reading_api.get(
        "/accords/a/definition", headers={"Accept": "application/yaml, application/json;q=0.5"}
    )
    assert as_yaml.headers["content-type"].startswith("application/yaml")
    expected = filler.states["a"].definition
    assert Definition.model_validate(as_json.json()) == expected
    assert Definition.model_validate(read_yaml(as_yaml.content).value) == expected
    assert yaml.safe_load(as_yaml.text)["title"] == expected.title
    assert as_json.headers["etag"] == f'"{expected.digest()}"'
    problem(
        await reading_api.get("/accords/a/definition", headers={"Accept": "text/html"}), 406, "not_acceptable"
    )
    problem(await reading_api.get("/accords/a/definition?amendment=true"), 404, "not_found")
    await filler.found("b", small())
    await filler.do("b", "amend_definition", "aa.contact", definition=small(title="Longer visit"))
    amended = await reading_api.get("/accords/b/definition?amendment=true")
    assert amended.json()["title"] == "Longer visit"
    assert (await reading_api.get("/accords/b")).json()["amendment_digest"] == amended.headers["etag"].strip(
        '"'
    )


async def test_events_are_the_record_with_what_the_reader_may_see(reading_api: Api, filler: Filler) -> None:
    definition = small()
    definition["parties"]["CC"] = {
        "name": "Party C",
        "capacity": "guest",
        "contact": "cc.contact",
        "required": False,
    }
    definition["conditions"]["C1"]["beneficiaries"] = ["BB"]
    await filler.open("a", definition)
    for party in ("aa", "bb", "cc"):
        await filler.do(
            "a", "adopt_definition", f"{party}.contact", digest=filler.states["a"].definition_digest
        )
    for party in ("aa", "bb"):
        await filler.do(
            "a",
            "appoint_delegate",
            f"{party}.contact",
            delegate=f"{party}.contact",
            office="Office",
            roles=["protocol", "obligor", "verifier"],
        )
    await filler.invite("a")
    await filler.verify("a", digest("inspection"))
    entries = await filler.ledger.entries("a")
    url, found = "/accords/a/events?limit=4", []
    while url:
        answer = await reading_api.get(url, "bb.contact")
        found += answer.json()["items"]
        url = answer.headers.get("link", "<>")[1:].partition(">")[0].removeprefix("/v1")
    assert [one["position"] for one in found] == list(range(len(entries)))
    assert [one["leaf"] for one in found] == [entry.leaf.hex() for entry in entries]
    by_type = {one["type"]: one for one in found}
    evidence = by_type["evidence_submitted"]
    assert evidence["actor"]["says"] == "aa.contact for AA"
    assert "aa.contact for AA" in evidence["says"]
    assert evidence["particulars"] == {"act": {"note": "Seen by Mr Example."}}
    assert evidence["facts"]["event"]["digest"] == digest("inspection")
    assert datetime.fromisoformat(evidence["time"]) == entries[evidence["position"]].entry().time
    assert by_type["condition_verified"]["causation"] == by_type["condition_found_met"]["position"]

    async def particulars(reader: str, type_: str) -> dict[str, object]:
        items = (await reading_api.get("/accords/a/events", reader)).json()["items"]
        one = next(one for one in items if one["type"] == type_)
        return {"is": one["particulars"], "withheld": one["withheld"], "erased": one["erased"]}

    shown = {"is": {"act": {"note": "Seen by Mr Example."}}, "withheld": False, "erased": False}
    withheld = {"is": None, "withheld": True, "erased": False}
    # Neither beneficiary nor verifier; and a registrar belongs to no party.
    for reader, expected in {
        "aa.contact": shown,
        "bb.contact": shown,
        "auditor": shown,
        "cc.contact": withheld,
        "registrar": withheld,
    }.items():
        assert await particulars(reader, "evidence_submitted") == expected, reader
    assert (await particulars("cc.contact", "invitation_answered"))["is"] == {
        "act": {"note": "With thanks to Ms Example."}
    }
    await filler.ledger.erase("a", evidence["position"])
    assert await particulars("bb.contact", "evidence_submitted") == {
        "is": None,
        "withheld": False,
        "erased": True,
    }
    assert await particulars("cc.contact", "evidence_submitted") == withheld
    assert (await reading_api.get("/accords/a/events?start=3&limit=1")).json()["items"][0]["position"] == 3
