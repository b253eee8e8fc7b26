"""The desk and the list's filters over HTTP: what waits on the caller, over all accords."""

from __future__ import annotations

import pytest

from tests.api.conftest import Api, problem
from tests.api.filling import Filler
from tests.simulation.small import digest, small


async def test_the_desk_holds_acts_that_can_be_sent(reading_api: Api, filler: Filler) -> None:
    await filler.found("visit-1", small())
    await filler.open("visit-2", small(title="Other visit", vocabulary="closing"))
    said = (await reading_api.get("/desk", "bb.contact")).json()
    assert said["delegate"] == "bb.contact"
    steps = {f"{one['accord']} {one['key']}": one for one in said["items"]}
    [adopt] = [one for one in said["items"] if one["accord"] == "visit-2"]
    assert (adopt["act"], adopt["kind"]) == ("adopt_definition", "agree")
    assert adopt["says"] == "Read and adopt the definition of the transaction"
    receipt = await filler.do("visit-2", adopt["act"], "bb.contact", **adopt["fields"])
    assert receipt.refusal is None
    assert "visit-1 propose_text/D1/en" in steps
    assert sum(said["counts"].values()) == len(said["items"])
    assert said["overdue"] == 0
    await filler.do(
        "visit-1",
        "submit_evidence",
        "aa.contact",
        condition="C1",
        digest=digest("paper"),
        grade="inspected",
        source="Report",
    )
    said = (await reading_api.get("/desk?kind=verify", "bb.contact")).json()
    [verify] = said["items"]
    assert (verify["key"], verify["by"], verify["fields"]["evidence"]) == (
        "verify_condition/C1",
        "2030-04-01T00:00:00Z",
        [digest("paper")],
    )
    assert verify["says"] == "Verify C1 (Venue ready): evidence is in"
    others = (await reading_api.get("/desk?waiting_on=BB&kind=verify", "aa.contact")).json()["items"]
    assert [one["key"] for one in others] == ["verify_condition/C1"]


async def test_the_list_is_filtered_by_what_waits(reading_api: Api, filler: Filler) -> None:
    await filler.found("visit-1", small())
    await filler.open("visit-2", small(title="Consultations on fisheries"))

    async def listed(query: str, by: str = "aa.contact") -> list[str]:
        answer = await reading_api.get(f"/accords?{query}", by)
        assert answer.status_code == 200, answer.text
        return [one["accord"] for one in answer.json()["items"]]

    assert await listed("waiting_on=me") == ["visit-2", "visit-1"]
    assert await listed("waiting_on=AA&due_before=2031-01-01T00:00:00Z") == ["visit-1"]
    assert await listed("due_before=2030-01-01T00:00:00Z") == []
    assert await listed("blocked_by=founded") == ["visit-2"]
    assert await listed("waiting_on=bb.contact&blocked_by=founded", "auditor") == ["visit-2"]
    assert await listed("q=fish%20cons") == ["visit-2"]
    assert await listed("q=fish", "nobody") == []
    assert await listed("ended=true") == []
    row = (await reading_api.get("/accords?q=visit-1")).json()["items"][0]
    assert row["due"] == "2030-04-01T00:00:00Z"
    since = row["updated_at"]
    assert await listed(f"changed_since={since}") == ["visit-2", "visit-1"]
    later = (await reading_api.get("/accords?q=fisheries")).json()["items"][0]["updated_at"]
    assert await listed(f"changed_since={later}") == ["visit-2"]


async def test_the_desk_is_paged(reading_api: Api, filler: Filler) -> None:
    await filler.found("visit-1", small())
    whole = [one["key"] for one in (await reading_api.get("/desk")).json()["items"]]
    assert len(whole) > 2
    seen, url = [], "/desk?limit=2"
    for _ in range(20):
        answer = await reading_api.get(url)
        seen += [one["key"] for one in answer.json()["items"]]
        if answer.json()["next"] is None:
            assert "link" not in answer.headers
            break
        assert 'rel="next"' in answer.headers["link"]
        url = f"/desk?limit=2&after={answer.json()['next']}"
    assert seen == whole


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/desk?kinds=owe", "kinds"),
        ("/desk?kind=pay", "kind"),
        ("/desk?after=WzFd", "after"),
        ("/desk?after=bnVsbA", "after"),
        ("/desk?due_before=soon", "due_before"),
        ("/accords?waiting=me", "waiting"),
        ("/accords?waiting_on=%27", "waiting_on"),
        ("/accords?changed_since=2030-01-01", "changed_since"),
        ("/accords?q=%2B%2B", "q"),
        ("/accords?q=a+b+c+d+e+f+g+h+i", "q"),
        ("/accords?ended=1", "ended"),
    ],
)
async def test_what_is_no_filter_is_refused(reading_api: Api, path: str, field: str) -> None:
    said = problem(await reading_api.get(path), 422, "malformed")
    assert [one["field"] for one in said["errors"]] == [field]


async def test_nothing_waits_for_a_key_that_only_reads(reading_api: Api) -> None:
    problem(await reading_api.get("/desk", "auditor"), 403, "forbidden")
    said = problem(await reading_api.get("/accords?waiting_on=me", "operator"), 422, "malformed")
    assert "name a delegate or a party" in said["detail"]
