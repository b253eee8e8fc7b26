"""Acts over HTTP, all the way to the ledger and back, with a worker behind the API."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import yaml
from temporalio.client import Client

from activities.runtime.settings import Settings
from api.commands import accord_id
from tests.api.conftest import Api, problem, serving
from tests.simulation.small import bare, digest, small
from worker.main import accord_worker
from workflows.model.definition import Definition


async def founded(api: Api, definition: dict[str, Any]) -> str:
    accord = await api.opened(definition)
    for party in ("aa", "bb"):
        await api.done(
            accord,
            "adopt_definition",
            f"{party}.contact",
            digest=Definition.model_validate(definition).digest(),
        )
    for party in ("aa", "bb"):
        await api.done(
            accord,
            "appoint_delegate",
            f"{party}.contact",
            delegate=f"{party}.contact",
            office="Office",
            roles=["protocol", "treaty_section", "obligor", "verifier", "competent_authority", "signatory"],
        )
    return accord


async def test_from_opening_to_a_verdict(api: Api, key: str) -> None:
    answer = await api.post("/accords", json=small(), key=key)
    assert answer.status_code == 201, answer.text
    receipt = answer.json()
    accord = receipt["accord"]
    assert answer.headers["location"] == f"/v1/accords/{accord}"
    assert (answer.headers["etag"], receipt["events"]) == ('"v0"', ["accord_opened"])
    said = (await api.get(f"/accords/{accord}")).json()
    digest_ = said["definition_digest"]
    assert said["parties"]["AA"]["adopted"] is False
    await api.done(accord, "adopt_definition", "aa.contact", digest=digest_)
    assert (await api.get(f"/accords/{accord}")).json()["parties"]["AA"]["adopted"] is True
    receipt = await api.done(accord, "adopt_definition", "bb.contact", digest=digest_)
    assert receipt["events"] == ["consent_given", "definition_adopted"]
    said = (await api.get(f"/accords/{accord}", "bb.contact")).json()
    assert (said["founded"], said["version"]) == (True, receipt["version"])
    assert said["clock"]["live"] is True


async def test_a_definition_in_yaml_and_the_same_in_json_are_one_request(api: Api, key: str) -> None:
    content = yaml.safe_dump(small(), allow_unicode=True)
    first = await api.post("/accords", content=content, headers={"Content-Type": "application/yaml"}, key=key)
    assert first.status_code == 201, first.text
    again = await api.post("/accords", json=small(), key=key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert len((await api.get("/accords")).json()["items"]) == 1


@pytest.mark.parametrize("changes", [{"illustrative": False}, {"title": "Another title"}])
async def test_the_same_key_with_another_definition_is_refused(
    api: Api, key: str, changes: dict[str, Any]
) -> None:
    await api.post("/accords", json=bare(), key=key)
    problem(await api.post("/accords", json=bare(**changes), key=key), 422, "idempotency_key_reused")
    assert len((await api.get("/accords")).json()["items"]) == 1
    # The other party's contact has keys of its own.
    assert (await api.post("/accords", "bb.contact", json=bare(), key=key)).status_code == 201


async def test_openings_at_once_under_one_key_are_one(api: Api, key: str) -> None:
    answers = await asyncio.gather(*(api.post("/accords", json=bare(), key=key) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1


def test_accord_ids_are_made_of_title_and_key() -> None:
    suffix = base64.b32encode(hashlib.sha256(b"ru.protocol/k").digest()).decode().lower()[:10]
    assert accord_id("Official visit, 2027!", "ru.protocol", "k") == f"official-visit-2027-{suffix}"
    assert accord_id("Официальный визит", "ru.protocol", "k") == f"accord-{suffix}"
    assert accord_id("Über-Visite à la carte", "ru.protocol", "k") == f"uber-visite-a-la-carte-{suffix}"
    for title in ("x" * 300, "a-" * 100, "---", "  a  ", "a" * 39 + " b", "a" * 40 + " b"):
        slug = accord_id(title, "d", "k").rpartition("-")[0]
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug), slug
        assert len(slug) <= 40
    assert accord_id("a", "d", "k") != accord_id("a", "d", "l")


async def test_a_retry_gets_the_same_receipt_and_records_nothing(api: Api) -> None:
    accord = await founded(api, bare())
    first = await api.act(accord, "issue_invitation", "aa.contact", key="k1")
    size = (await api.get(f"/accords/{accord}")).json()["size"]
    again = await api.act(accord, "issue_invitation", "aa.contact", key="k1")
    assert (again.status_code, again.json()) == (200, first.json())
    assert (await api.get(f"/accords/{accord}")).json()["size"] == size
    problem(
        await api.act(accord, "issue_invitation", "aa.contact", key="k1", note="other"),
        422,
        "idempotency_key_reused",
    )
    problem(await api.act(accord, "hold_visit", "aa.contact", key="k1"), 422, "idempotency_key_reused")
    # Keys belong to a delegate: the other one's is another command.
    problem(await api.act(accord, "issue_invitation", "bb.contact", key="k1"), 409, "refused")


async def test_one_key_with_two_contents_at_once_is_one_act_and_one_error(api: Api) -> None:
    accord = await founded(api, bare())
    answers = await asyncio.gather(
        *(
            api.act(accord, "record_statement", "aa.contact", key="k1", digest=digest(str(number % 2)))
            for number in range(6)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [422] * 3
    assert len({answer.text for answer in answers if answer.status_code == 200}) == 1
    items = (await api.get(f"/accords/{accord}/events")).json()["items"]
    assert [one["type"] for one in items].count("statement_recorded") == 1


async def test_a_refusal_says_what_is_missing_and_is_on_the_record(api: Api) -> None:
    accord = await founded(api, small())
    answer = await api.act(accord, "confirm_visit", "aa.contact", key="k1")
    said = problem(answer, 409, "refused")
    assert (said["act"], said["guard"], said["accord"]) == ("confirm_visit", "invitation_accepted", accord)
    assert said["remedy"] in said["detail"]
    condition = next(one for one in said["unmet"] if one["guard"] == "condition_satisfied")
    assert (condition["subject"], condition["who"], condition["by"]) == (
        "C1",
        ["aa.contact"],
        "2030-04-01T00:00:00Z",
    )
    items = (await api.get(f"/accords/{accord}/events?start={said['position']}")).json()["items"]
    assert (items[0]["type"], items[0]["facts"]["act"]["name"]) == ("act_refused", "confirm_visit")
    assert said["command"] == items[0]["command"] == "aa.contact/k1"
    # The same again, under the same key and another one: the same answer, and no other entry.
    for key in ("k1", "k2"):
        again = problem(await api.act(accord, "confirm_visit", "aa.contact", key=key), 409, "refused")
        assert (again["position"], again["unmet"]) == (said["position"], said["unmet"])
    assert (await api.get(f"/accords/{accord}")).json()["size"] == said["position"] + 1
    assert answer.headers["etag"] == (await api.get(f"/accords/{accord}")).headers["etag"]


async def test_an_observers_refusal_tells_no_names(api: Api) -> None:
    definition = small()
    definition["officers"]["press"] = {"office": "Press pool", "roles": ["observer"]}
    accord = await founded(api, definition)
    answer = await api.act(accord, "confirm_visit", "press")
    said = problem(answer, 409, "refused")
    assert said["guard"] == "authority"
    assert "unmet" not in said
    assert "contact" not in answer.text.replace("press", "")
    await api.done(
        accord, "appoint_delegate", "aa.contact", delegate="aa.old", office="Old", roles=["protocol"]
    )
    await api.done(accord, "revoke_delegate", "aa.contact", delegate="aa.old")
    said = problem(await api.act(accord, "issue_invitation", "aa.old"), 409, "refused")
    assert (said["guard"], "unmet" in said) == ("appointment_in_force", False)


async def test_a_signal_is_passed_on_and_recorded(api: Api) -> None:
    accord = await founded(api, small())
    await api.done(accord, "issue_invitation", "aa.contact")
    await api.done(accord, "accept_invitation", "bb.contact")
    evidence = digest("inspection")
    await api.done(
        accord,
        "submit_evidence",
        "aa.contact",
        condition="C1",
        digest=evidence,
        grade="documented",
        source="Report",
    )
    await api.done(accord, "verify_condition", "bb.contact", condition="C1", evidence=[evidence])
    path = f"/accords/{accord}/signals/condition-changed"
    body = {
        "condition": "C1",
        "report": "r-1",
        "source": "Monitor",
        "observed_at": "2026-01-01T00:00:00Z",
        "saw": "The venue was changed.",
    }
    taken = await api.post(path, "watch", json=body, key="k1")
    assert (taken.status_code, taken.json()["command"]) == (202, "watch/k1")
    for _ in range(1200):
        condition = (await api.get(f"/accords/{accord}")).json()["conditions"]["C1"]
        if condition["questioned"]:
            break
        await asyncio.sleep(0.05)
    assert (condition["questioned"], condition["satisfied"]) == (True, True)
    size = (await api.get(f"/accords/{accord}")).json()["size"]
    again = await api.post(path, "watch", json=body, key="k1")
    assert (again.status_code, again.json()["receipt"]["events"]) == (202, ["condition_questioned"])
    assert (await api.get(f"/accords/{accord}")).json()["size"] == size
    problem(
        await api.post(path, "watch", json={**body, "report": "r-2"}, key="k1"), 422, "idempotency_key_reused"
    )
    problem(await api.post(path, "stranger", json=body), 404, "not_found")
    problem(await api.post(path, "watch", json={"condition": "C1"}), 422, "malformed")
    # What will be refused is not said to be taken; and it is on the record.
    for by, changes, guard in (
        ("watch", {"condition": "C9"}, "condition_known"),
        ("registrar", {"report": "r-3"}, "authority"),
    ):
        said = problem(await api.post(path, by, json={**body, **changes}), 409, "refused")
        assert said["guard"] == guard
        for _ in range(1200):
            entries = (await api.get(f"/accords/{accord}/events")).json()["items"]
            if entries[-1]["type"] == "act_refused" and entries[-1]["actor"]["delegate"] == by:
                break
            await asyncio.sleep(0.05)
        else:
            raise AssertionError(f"the refusal of {by} is not on the record")


async def test_an_accord_that_has_ended_still_answers(api: Api, temporal_client: Client) -> None:
    accord = await api.opened(bare())
    first = await api.done(accord, "decline_definition", "bb.contact")
    said = problem(await api.act(accord, "issue_invitation", "aa.contact"), 409, "refused")
    assert said["guard"] == "accord_open"
    answer = await api.act(accord, "close_accord", "aa.contact", key="close")
    assert answer.status_code == 200, answer.text
    for _ in range(1200):
        described = await temporal_client.get_workflow_handle(accord).describe()
        if described.status is not None and described.status.name == "COMPLETED":
            break
        await asyncio.sleep(0.05)
    assert described.status is not None
    assert described.status.name == "COMPLETED"
    # Retries get their outcome; new acts are refused, and no workflow starts again for them.
    assert (await api.act(accord, "close_accord", "aa.contact", key="close")).json() == answer.json()
    said = problem(await api.act(accord, "issue_invitation", "aa.contact"), 409, "refused")
    assert (said["guard"], "position" in said) == ("accord_open", False)
    after = await temporal_client.get_workflow_handle(accord).describe()
    assert after.run_id == described.run_id
    assert (await api.get(f"/accords/{accord}")).json()["closed"] is True
    assert first["stage"] == "terminated"


async def test_a_lost_temporal_store_is_made_good_from_the_ledger(api: Api, temporal_client: Client) -> None:
    accord = await founded(api, bare())
    await temporal_client.get_workflow_handle(accord).terminate("as if the store were lost")
    receipt = await api.done(accord, "issue_invitation", "aa.contact")
    assert receipt["events"] == ["invitation_issued"]
    await api.done(accord, "accept_invitation", "bb.contact")
    assert (await api.get(f"/accords/{accord}")).json()["invitation"]["status"] == "accepted"


async def test_while_a_history_is_continued_acts_get_through(
    database_url: str,
    temporal_address: str,
    temporal_client: Client,
    make_settings: Callable[..., Settings],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("activities.reading.standing.ACTS_PER_RUN", 4)
    settings = make_settings(database_url, temporal_address)
    async with accord_worker(settings, temporal_client) as worker, worker, serving(settings) as api:
        accord = await founded(api, bare())

        async def persist(n: int) -> httpx.Response:
            # On a busy machine the queue may outlast the API's deadline; the retry gets what became of it.
            for _ in range(10):
                answer = await api.act(
                    accord, "record_statement", "aa.contact", key=f"k{n}", digest=digest(str(n))
                )
                if answer.status_code != 503:
                    break
            return answer

        answers = await asyncio.gather(*(persist(n) for n in range(24)))
        assert {answer.status_code for answer in answers} == {200}, [
            a.text for a in answers if a.status_code != 200
        ]
        assert len({answer.json()["position"] for answer in answers}) == 24
        described = await temporal_client.get_workflow_handle(accord).describe()
        # Each run takes four acts, or some more that came at once.
        assert described.run_id != described.raw_description.workflow_execution_info.first_run_id


async def test_without_a_worker_the_answer_is_503_in_time_and_the_retry_gets_the_outcome(
    database_url: str,
    temporal_address: str,
    temporal_client: Client,
    make_settings: Callable[..., Settings],
    key: str,
) -> None:
    settings = make_settings(database_url, temporal_address, api_deadline=1.0)
    async with serving(settings) as api:
        began = asyncio.get_running_loop().time()
        answer = await api.post("/accords", json=bare(), key=key)
        assert asyncio.get_running_loop().time() - began < 5
        problem(answer, 503, "unavailable")
        assert answer.headers["retry-after"] == "1"
        async with accord_worker(settings, temporal_client) as worker, worker:
            for _ in range(20):
                answer = await api.post("/accords", json=bare(), key=key)
                if answer.status_code != 503:
                    break
            assert answer.status_code == 201, answer.text
            assert (await api.get(f"/accords/{answer.json()['accord']}")).json()["size"] == 1


async def test_a_key_that_the_worker_does_not_trust_is_told_to_whoever_runs_it(
    database_url: str,
    temporal_address: str,
    temporal_client: Client,
    make_settings: Callable[..., Settings],
) -> None:
    trusting = make_settings(database_url, temporal_address)
    other = trusting.model_copy(
        update={"command_public_keys": ("O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik=",)}
    )
    async with accord_worker(other, temporal_client) as worker, worker, serving(trusting) as api:
        answer = await api.post("/accords", json=bare())
        assert "ENTENTE_COMMAND_PUBLIC_KEYS" in problem(answer, 503, "unavailable")["detail"]


async def test_what_the_ledger_cannot_hold_is_malformed(api: Api) -> None:
    accord = await founded(api, bare())
    answer = await api.act(accord, "withdraw_consent", "aa.contact", subject="a\x00b")
    said = problem(answer, 422, "malformed")
    assert "U+0000" in said["detail"]
    await api.done(accord, "issue_invitation", "aa.contact")


async def test_many_accords_and_many_acts_at_once(api: Api) -> None:
    accords = await asyncio.gather(*(founded(api, bare(title=f"Visit {number}")) for number in range(5)))
    answers = await asyncio.gather(
        *(
            api.act(accord, "record_statement", f"{party}.contact", digest=digest(f"{party}{number}"))
            for accord in accords
            for party in ("aa", "bb")
            for number in range(6)
        )
    )
    assert {answer.status_code for answer in answers} == {200}
    for accord in accords:
        items = (await api.get(f"/accords/{accord}/events?limit=500")).json()["items"]
        assert [one["position"] for one in items] == list(range(len(items)))
        assert [one["type"] for one in items].count("statement_recorded") == 12
