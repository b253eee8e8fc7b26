"""What webhooks are sent is as the OpenAPI document says: real deliveries, and every type of entry."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest

import api.openapi
from activities.feeds.delivering import Delivering
from activities.feeds.events import MEDIA_TYPE, cloud_event, event_type
from activities.reading.events import ActorView, EventView
from activities.runtime.settings import Settings
from api.app import create_app
from tests.api.conftest import Api
from tests.api.filling import Filler
from tests.api.receiving import Receiver
from tests.compatibility.corpus import FOLDER
from tests.simulation.small import digest, small
from workflows.model.commands import RecordedEvent
from workflows.model.declared import EVENTS


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return api.openapi.document(create_app(Settings()))


def validator(document: dict[str, Any], type_: str) -> Any:
    """Of the bodies that the document promises for a type of CloudEvent."""
    [(media, content)] = document["webhooks"][type_]["post"]["requestBody"]["content"].items()
    assert media == MEDIA_TYPE
    whole = {"components": document["components"], **content["schema"]}
    return jsonschema_rs.validator_for(whole, validate_formats=True)


def header_schemas(document: dict[str, Any], type_: str) -> dict[str, Any]:
    found = {}
    for one in document["webhooks"][type_]["post"]["parameters"]:
        parameter = document["components"]["parameters"][one["$ref"].rpartition("/")[2]]
        assert (parameter["in"], parameter["required"]) == ("header", True)
        found[parameter["name"]] = parameter["schema"]
    return found


def test_every_type_of_entry_has_its_webhook(document: dict[str, Any]) -> None:
    assert set(document["webhooks"]) == {event_type(one.type, one.version) for one in EVENTS.values()}
    ids = [one["post"]["operationId"] for one in document["webhooks"].values()]
    assert len(ids) == len({*ids})
    for one in document["webhooks"].values():
        assert one["post"]["summary"]
        assert one["post"]["description"]
        assert set(one["post"]["responses"]) == {"2XX", "410", "default"}


async def test_real_deliveries_are_as_the_document_says(
    document: dict[str, Any],
    reading_api: Api,
    filler: Filler,
    receiver: Receiver,
    delivering: Delivering,
) -> None:
    await filler.found("a", small())
    evidence = digest("report")
    await filler.do("a", "verify_condition", "bb.contact", condition="C1", evidence=[evidence])
    for by, act, fields in (
        ("aa.contact", "submit_evidence", {"digest": evidence, "grade": "documented", "source": "A report"}),
        ("bb.contact", "verify_condition", {"evidence": [evidence], "note": "seen"}),
    ):
        await filler.do("a", act, by, condition="C1", **fields)
    await filler.do("a", "record_statement", "aa.contact", digest=digest("x"), words="We look forward.")
    await filler.do("a", "propose_text", "aa.contact", document="D1", language="en", digest=digest("t"))
    answer = await reading_api.post("/webhooks", "bb.contact", json={"url": receiver.url, "since": 0})
    hook = answer.json()
    await reading_api.post(f"/webhooks/{hook['id']}/rotate-secret", "bb.contact", json={"overlap_hours": 1})
    report = await delivering.deliver(hook["id"], 3)
    assert report.delivered == len(receiver.got) == filler.states["a"].size
    types = set()
    for headers, body in receiver.got:
        event = json.loads(body)
        types.add(event["type"])
        validator(document, event["type"]).validate(event)
        for name, schema in header_schemas(document, event["type"]).items():
            jsonschema_rs.validator_for(schema).validate(headers[name])
        assert headers["webhook-signature"].count("v1,") == 2
    assert len(types) > 8
    assert "entente.act_refused.v1" in types
    # The schemas say no to what is not so.
    first = json.loads(receiver.got[0][1])
    for changed in (
        {**first, "type": "entente.condition_verified.v1"},
        {**first, "specversion": "0.3"},
        {**first, "extra": 1},
        {**first, "data": {**first["data"], "facts": {}}},
        {**first, "data": {**first["data"], "facts": {"event": {"accord": "a"}}}},
    ):
        assert not validator(document, first["type"]).is_valid(changed)
    for name, schema in header_schemas(document, first["type"]).items():
        assert not jsonschema_rs.validator_for(schema).is_valid("forged"), name


def written_today() -> list[RecordedEvent]:
    """An entry of each type in its present version: older ones are read from old records alone."""
    kept = (RecordedEvent.model_validate_json(path.read_bytes()) for path in sorted(FOLDER.glob("*.json")))
    return [each for each in kept if each.version == EVENTS[each.type].version]


@pytest.mark.parametrize("recorded", written_today(), ids=lambda recorded: str(recorded.type))
def test_an_entry_of_each_type_is_as_the_document_says(
    document: dict[str, Any], recorded: RecordedEvent
) -> None:
    actor = recorded.actor
    view = EventView(
        position=recorded.position,
        feed=recorded.position,
        time=recorded.time,
        type=recorded.type,
        version=recorded.version,
        actor=ActorView(
            delegate=actor.delegate,
            party=actor.party,
            role=actor.role,
            behalf=actor.behalf,
            says=actor.delegate,
        ),
        says=recorded.type,
        facts=recorded.facts,
        particulars=None,
        withheld=True,
        erased=False,
        leaf="5d" * 32,
        command=recorded.command,
        causation=None,
    )
    event = json.loads(json.dumps(cloud_event(view, "accord-1", "entente.test")))
    validator(document, event["type"]).validate(event)
