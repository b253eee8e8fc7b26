"""Dry runs, and why a step cannot be taken yet: on the folded state alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.api.conftest import Api, problem
from tests.api.filling import Filler
from tests.simulation.small import digest, small

EVIDENCE = digest("inspection")


async def dry(
    api: Api, act: str, by: str = "aa.contact", at: str | None = None, **fields: Any
) -> dict[str, Any]:
    params = {"dry_run": "true", **({"at": at} if at else {})}
    answer = await api.call("POST", f"/v1/accords/a/{act}", by, params=params, json=fields)
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


async def test_what_an_act_would_do_is_what_it_does(reading_api: Api, filler: Filler) -> None:
    await filler.found("a", small())
    await filler.invite("a")
    await filler.do(
        "a",
        "submit_evidence",
        "aa.contact",
        condition="C1",
        digest=EVIDENCE,
        grade="documented",
        source="Report",
    )
    at = filler.at + timedelta(hours=1)
    before = filler.states["a"]
    said = await dry(
        reading_api, "verify-condition", "bb.contact", at.isoformat(), condition="C1", evidence=[EVIDENCE]
    )
    assert (said["would_be"], said["refusal"], said["version"]) == ("recorded", None, before.version)
    assert said["stage"] == {"before": "verification", "after": "drafting"}
    assert said["opens"] == {"gates": [], "conditions": ["C1"]}
    assert said["reopens"] == {"gates": [], "conditions": []}
    # Nothing was recorded, and the act itself then does just that.
    assert len(await filler.ledger.entries("a")) == before.size
    await filler.do("a", "verify_condition", "bb.contact", condition="C1", evidence=[EVIDENCE], at=at)
    recorded = [entry.recorded() for entry in await filler.ledger.entries("a", before.size)]
    assert [(e["type"], e["facts"], e["time"]) for e in said["events"]] == [
        (e.type, e.facts, e.time.isoformat().replace("+00:00", "Z")) for e in recorded
    ]


async def test_what_an_act_would_reopen(reading_api: Api, filler: Filler) -> None:
    await filler.found("a", small(documents={}))
    await filler.invite("a")
    await filler.verify("a", EVIDENCE)
    await filler.do("a", "propose_understanding", "aa.contact")
    digest_ = filler.states["a"].understanding.digest
    for party in ("aa", "bb"):
        if filler.states["a"].understanding.status != "effective":
            await filler.do("a", "concur_in_understanding", f"{party}.contact", digest=digest_)
    assert (await reading_api.get("/accords/a/why/visit")).json()["open"] is True
    said = await dry(reading_api, "revoke-verdict", "bb.contact", condition="C1", note="venue changed")
    assert "verdict_revoked" in [event["type"] for event in said["events"]]
    assert said["reopens"] == {"gates": ["visit"], "conditions": ["C1"]}
    assert said["stage"] == {"before": "visit", "after": "verification"}


async def test_a_refusal_is_foreseen_with_its_guards(reading_api: Api, filler: Filler) -> None:
    await filler.found("a", small())
    said = await dry(reading_api, "confirm-visit")
    assert said["would_be"] == "refused"
    assert said["refusal"]["guard"] == "invitation_accepted"
    assert {one["guard"] for one in said["refusal"]["unmet"]} >= {
        "invitation_accepted",
        "condition_satisfied",
        "understanding_effective",
    }
    assert [event["type"] for event in said["events"]] == ["act_refused"]
    assert said["on_record"] is None
    await filler.do("a", "confirm_visit", "aa.contact")
    again = await dry(reading_api, "confirm-visit", at=filler.at.isoformat())
    assert (again["events"], again["on_record"]) == ([], filler.states["a"].size - 1)


async def test_deadlines_that_pass_until_then_fall_first(reading_api: Api, filler: Filler) -> None:
    await filler.found("a", small())
    said = await dry(reading_api, "record-statement", at="2030-04-02T00:00:00Z", digest=digest("x"))
    assert [(e["type"], e["time"]) for e in said["events"]] == [
        ("condition_due_soon", "2030-03-25T00:00:00Z"),
        ("condition_overdue", "2030-04-01T00:00:00Z"),
        ("statement_recorded", "2030-04-02T00:00:00Z"),
    ]
    said = await dry(
        reading_api, "record-statement", at=filler.states["a"].time.isoformat(), digest=digest("x")
    )
    assert said["at"] == filler.states["a"].time.isoformat().replace("+00:00", "Z")


async def test_a_signal_and_an_opening_can_be_tried(reading_api: Api, filler: Filler) -> None:
    await filler.found("a", small())
    await filler.invite("a")
    await filler.verify("a", EVIDENCE)
    said = await dry(
        reading_api,
        "signals/condition-changed",
        "watch",
        condition="C1",
        report="r-1",
        source="Monitor",
        observed_at="2030-01-07T12:00:00Z",
        saw="The venue was changed.",
    )
    assert [event["type"] for event in said["events"]] == ["condition_questioned"]
    opening = await reading_api.call("POST", "/v1/accords?dry_run=true", "aa.contact", json=small())
    assert (opening.status_code, opening.json()["events"]) == (200, ["accord_opened"])
    assert opening.json()["digest"] == filler.states["a"].definition_digest
    assert len((await reading_api.get("/accords")).json()["items"]) == 1
    stranger = await reading_api.call("POST", "/v1/accords?dry_run=true", "stranger", json=small())
    problem(stranger, 403, "not_a_contact")


async def test_malformed_dry_runs_are_problems(reading_api: Api, filler: Filler) -> None:
    await filler.found("a", small())
    answer = await reading_api.call(
        "POST", "/v1/accords/a/verify-condition?dry_run=true", "bb.contact", json={"condition": "C1"}
    )
    assert problem(answer, 422, "malformed")["errors"][0]["field"] == "evidence"
    answer = await reading_api.call(
        "POST", "/v1/accords/a/confirm-visit?dry_run=true&at=tomorrow", "bb.contact", json={}
    )
    assert problem(answer, 422, "malformed")["errors"][0]["field"] == "at"


async def test_why_a_gate_is_not_open_yet(reading_api: Api, filler: Filler) -> None:
    await filler.found("a", small())
    await filler.do("a", "issue_invitation", "aa.contact")
    answer = await reading_api.get("/accords/a/why/visit", "bb.contact")
    said = answer.json()
    assert (said["kind"], said["open"], said["says"]) == ("gate", False, "the visit can be confirmed")
    checks = {one["guard"]: one for one in said["checks"]}
    assert checks["founded"] == {
        "guard": "founded",
        "met": True,
        "reason": None,
        "remedy": None,
        "who": None,
        "by": None,
        "subject": None,
    }
    assert checks["invitation_accepted"]["who"] == ["bb.contact"]
    condition = checks["condition_satisfied"]
    assert (condition["subject"], condition["by"], condition["who"]) == (
        "C1",
        "2030-04-01T00:00:00Z",
        ["aa.contact"],
    )
    assert "evidence of grade documented or better is not in yet" in condition["reason"]
    assert answer.headers["etag"] == f'"v{filler.states["a"].version}"'
    for step in ("nothing", "visit-"):
        problem(await reading_api.get(f"/accords/a/why/{step}"), 404, "not_found")


async def test_why_at_a_later_time(reading_api: Api, filler: Filler) -> None:
    await filler.found("a", small())
    now = (await reading_api.get("/accords/a/why/visit?at=2030-02-01T00:00:00Z")).json()
    later = (await reading_api.get("/accords/a/why/visit?at=2030-04-02T00:00:00Z")).json()
    for said, overdue in ((now, False), (later, True)):
        reason = next(one["reason"] for one in said["checks"] if one["guard"] == "condition_satisfied")
        assert ("overdue" in reason) is overdue


async def test_why_an_act_cannot_be_done_yet(reading_api: Api, filler: Filler) -> None:
    await filler.found("a", small())
    await filler.invite("a")
    await filler.do(
        "a", "submit_evidence", "aa.contact", condition="C1", digest=EVIDENCE, grade="reported", source="News"
    )
    path = "/accords/a/why/verify-condition"
    params: dict[str, Any] = {"condition": "C1", "evidence": [EVIDENCE, digest("other")]}

    async def unmet(reader: str, **more: str) -> list[str]:
        said = (await reading_api.get(path, reader, params={**params, **more})).json()
        assert said["kind"] == "act"
        assert said["delegate"] == more.get("by", reader)
        return [one["guard"] for one in said["checks"] if not one["met"]]

    by_obligor = await unmet("aa.contact")
    assert "named_verifier" in by_obligor
    assert "named_verifier" not in await unmet("bb.contact")
    assert await unmet("auditor", by="aa.contact") == by_obligor
    assert await unmet("bb.contact", by="registrar") == ["authority"]
    problem(await reading_api.get(path, "auditor", params=params), 404, "not_found")
    said = problem(await reading_api.get(path, params={"condition": "C1"}), 422, "malformed")
    assert [one["field"] for one in said["errors"]] == ["evidence"]
    said = problem(await reading_api.get(path, params={**params, "colour": "red"}), 422, "malformed")
    assert [one["field"] for one in said["errors"]] == ["colour"]


async def test_why_takes_lists_objects_and_truth_in_the_query(reading_api: Api, filler: Filler) -> None:
    await filler.found("a", small())
    window = '{"begins": "2030-06-01T08:00:00Z", "ends": "2030-06-03T18:00:00Z", "place": "Town"}'
    said = (await reading_api.get("/accords/a/why/propose-dates", params={"window": window})).json()
    assert said["step"] == "propose_dates", said
    said = (await reading_api.get("/accords/a/why/propose-understanding", params={"severable": "D1"})).json()
    assert said["kind"] == "act", said
    params = {"condition": "C1", "uphold": "true"}
    said = (await reading_api.get("/accords/a/why/decide-dispute", params=params)).json()
    assert said["kind"] == "act", said
    answer = await reading_api.get("/accords/a/why/propose-dates", params={"window": "{begins"})
    assert problem(answer, 422, "malformed")["errors"][0]["field"] == "window"


@pytest.mark.parametrize(
    "gate", ["founding", "acceptance", "visit", "arrival", "signing", "held", "release", "closing"]
)
async def test_every_gate_answers_before_founding_and_after_the_end(
    reading_api: Api, filler: Filler, gate: str
) -> None:
    await filler.open("a", small())
    said = (await reading_api.get(f"/accords/a/why/{gate}")).json()
    assert said["checks"][0]["guard"] == "founded"
    await filler.do("a", "decline_definition", "bb.contact")
    ended = await reading_api.get(f"/accords/a/why/{gate}")
    assert ended.status_code == 200
    assert (await reading_api.get("/accords/a")).json()["terminated"] is True
