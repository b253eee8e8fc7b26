"""Examples for the OpenAPI document: one body for each act, and a definition. A test parses them all."""

from __future__ import annotations

from typing import Any

from workflows.model.declare import Act

_DIGEST = "sha256:" + "9f" * 32

DEFINITION: dict[str, Any] = {
    "title": "Working visit",
    "illustrative": True,
    "parties": {
        "AA": {"name": "Party A", "capacity": "host", "contact": "aa.protocol"},
        "BB": {"name": "Party B", "capacity": "guest", "contact": "bb.protocol"},
    },
    "officers": {"registrar": {"office": "Registrar", "roles": ["registrar"]}},
    "window": {"begins": "2030-05-01T08:00:00Z", "ends": "2030-05-03T18:00:00Z", "place": "Capital of A"},
    "conditions": {
        "C1": {
            "title": "Venue ready",
            "obligors": ["AA"],
            "gate": "visit",
            "due": "2030-04-01T00:00:00Z",
            "policy": {"verifiers": ["bb.protocol"], "grade": "documented"},
        }
    },
    "documents": {
        "D1": {
            "title": "Joint statement",
            "languages": ["en", "fr"],
            "seats": {"AA": "aa.head", "BB": "bb.head"},
        }
    },
}
"""A small definition."""

_LOG = "entente.example/accords/working-visit-mzxw6ytboi"

_BY_FIELD: dict[str, Any] = {
    "condition": "C1",
    "document": "D1",
    "language": "en",
    "digest": _DIGEST,
    "instrument": _DIGEST,
    "evidence": [_DIGEST],
    "grade": "documented",
    "source": "Inspection report 7/2030",
    "note": "",
    "gate": "signing",
    "uphold": True,
    "report": "report-17",
    "observed_at": "2030-04-02T09:30:00Z",
    "saw": "The venue was changed.",
    "subject": "definition",
    "valid_from": "2030-01-01T00:00:00Z",
    "valid_until": "2030-12-31T00:00:00Z",
    "window": {"begins": "2030-06-01T08:00:00Z", "ends": "2030-06-03T18:00:00Z", "place": "Capital of A"},
    "item": "Talks in restricted format",
    "definition": DEFINITION,
    "delegate": "aa.treaty",
    "office": "Treaty Section",
    "roles": ["treaty_section", "drafter"],
    "person": "",
    "seat": "AA",
    "key": "21fe31dfa154a261",
    "public_key": "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    "holder": "aa.head",
    "form": "definitive",
    "registration": "I-58123",
    "changes": {"window": {"begins": "2027-05-10T08:00:00Z", "ends": "2027-05-12T18:00:00Z"}},
    "reason": "Maintenance of the database",
    "words": "We look forward to the visit.",
    "severable": ["D1"],
    "comment": _DIGEST,
    "texts": [
        {"document": "D1", "language": "en", "digest": _DIGEST},
        {"document": "D1", "language": "fr", "digest": "sha256:" + "3c" * 32},
    ],
    "predecessor": "C1",
    "position": 41,
    "leaf": "5d" * 32,
    "old": _LOG + "+7c6f0a1e+Ac0D+93KqicDwlFlbVzN2Z9WNbHgZTwGNrlRo6PbIdrU",
    "new": _LOG + "+58596b69+AfhNH+CmtiNMFV8PQgeG9MV1AVMXwfQenLK1Xc0eOu5o",
    "policy": (
        "witness AA witness.aa.example/w1+a86732b2+BALGfSzvcOxSghRcpecS0aeXVcTEl8JEEpbgnooJiLMx\n"
        "witness BB witness.bb.example/w1+c188ccca+BCQM64wlm4HJMFl8dWGZJ7rqupvm+Np209hh6i7jGvDK\n"
        "group parties all AA BB\nquorum parties\n"
    ),
    "positions": [7, 9],
    "digests": [_DIGEST],
    "delegates": [
        {"delegate": "aa.treaty", "office": "Treaty Section", "roles": ["treaty_section", "drafter"]},
        {"delegate": "aa.protocol", "office": "Protocol Department", "roles": ["protocol"]},
    ],
    "persons": "",
    "ground": "Article 17 of the data protection regulation",
    "ordered_by": "Data protection office",
    "codes": ["CZTF-KJ3W-W3OT-7PAX-2QEM"],
}

_BY_ACT: dict[str, dict[str, Any]] = {"retire_log_key": {"key": _BY_FIELD["old"]}}
"""Where a field of the same name holds something else."""


BODIES: dict[str, dict[str, Any]] = {
    "open_accord": DEFINITION,
    "add_webhook": {
        "url": "https://notifier.example/entente",
        "types": ["condition_verified", "act_refused"],
    },
    "replay_webhook": {"since": 0},
    "rotate_webhook_secret": {"overlap_hours": 24},
    "choose_notices": {"address": "delegate@aa.example", "mode": "daily", "hour": 7, "zone": "Asia/Seoul"},
    "confirm_notices": {"code": "12345678"},
}
"""Bodies of operations that are no acts."""


def example_of(act: type[Act]) -> dict[str, Any]:
    """A body that is well-formed for an act; free text that may be left out is."""
    chosen = {**_BY_FIELD, **_BY_ACT.get(act.name, {})}
    return {name: value for name in act.model_fields if (value := chosen[name]) != ""}
