"""The accords that are pictured: a demonstration that stops before the release, and small ones on the real clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx

from worker.demo.catalog import entry
from worker.demo.hosting import OPERATOR, Place, keys_for
from worker.demo.over_http import OverHttp
from worker.demo.player import Player
from workflows.model.definition import Definition

_REPORT = "sha256:" + "9f" * 32


async def before_release(place: Place) -> str:
    """The state visit up to where all signatures are held; its accord."""
    play = entry("state-visit").read()
    last = next(i for i, one in enumerate(play.steps) if one.step.act == "release_signatures")
    keys = await keys_for(place, play.cast())
    async with OverHttp(place.api_url, keys, keys[OPERATOR]) as backend:
        player = Player(replace(play, steps=play.steps[:last]), backend, lambda _: None)
        return (await player.play()).accords[-1]


def definition(title: str) -> dict[str, Any]:
    """A working visit with one condition, which a monitor watches."""
    return {
        "title": title,
        "illustrative": True,
        "parties": {
            "AA": {"name": "Party A", "capacity": "host", "contact": "aa.contact"},
            "BB": {
                "name": "Party B",
                "capacity": "guest",
                "contact": "bb.contact",
                "delegates": ["bb.inspector"],
            },
        },
        "officers": {"site.monitor": {"office": "Monitor", "roles": ["monitor"]}},
        "conditions": {
            "C1": {
                "title": "Venue ready",
                "obligors": ["AA"],
                "gate": "visit",
                "policy": {"verifiers": ["bb.inspector"], "grade": "documented", "on_change": "close"},
            }
        },
    }


CAST = ("aa.contact", "aa.office", "bb.contact", "bb.office", "bb.inspector", "site.monitor")


async def working_visit(place: Place, keys: Mapping[str, str], title: str, acts: int) -> str:
    """An accord on the real clock in which the first ``acts`` acts of a short story are done; its id."""
    proposed = definition(title)
    digest = Definition.model_validate(proposed).digest()
    verdict = {"condition": "C1", "evidence": [_REPORT]}
    story: list[tuple[str, str, dict[str, Any], int]] = [
        ("aa.contact", "adopt-definition", {"digest": digest}, 200),
        ("bb.contact", "adopt-definition", {"digest": digest}, 200),
        ("aa.contact", "appoint-delegate", _appointed("aa.office", "Protocol", "protocol", "obligor"), 200),
        ("bb.contact", "appoint-delegate", _appointed("bb.office", "Protocol", "protocol"), 200),
        ("bb.contact", "appoint-delegate", _appointed("bb.inspector", "Inspectorate", "verifier"), 200),
        ("aa.office", "issue-invitation", {}, 200),
        ("bb.office", "accept-invitation", {}, 200),
        (
            "aa.office",
            "submit-evidence",
            {"condition": "C1", "digest": _REPORT, "grade": "documented", "source": "Inspection report 7"},
            200,
        ),
        ("aa.office", "verify-condition", verdict, 409),
        ("bb.inspector", "verify-condition", verdict, 200),
    ]
    async with httpx.AsyncClient(base_url=f"{place.api_url}/v1", timeout=30, trust_env=False) as http:

        async def post(path: str, by: str, key: str, body: dict[str, Any], status: int) -> Any:
            headers = {"Authorization": f"Bearer {keys[by]}", "Idempotency-Key": f"{title} {key}"}
            headers["Idempotency-Key"] = headers["Idempotency-Key"].replace(" ", "-")
            answer = await http.post(path, json=body, headers=headers)
            if answer.status_code != status:
                raise RuntimeError(f"{path}: {answer.status_code} instead of {status}: {answer.text}")
            return answer.json()

        accord: str = (await post("/accords", "aa.contact", "open", proposed, 201))["accord"]
        for number, (by, act, fields, status) in enumerate(story[:acts]):
            await post(f"/accords/{accord}/{act}", by, str(number), fields, status)
    return accord


def _appointed(delegate: str, office: str, *roles: str) -> dict[str, Any]:
    return {"delegate": delegate, "office": office, "roles": list(roles)}
