"""Definitions for the model's tests: three parties, and between them every feature that a definition has.

The delegates' ids are those that ``play.Play.staff`` appoints: ``aa.protocol``, ``bb.verifier``, ``cc.head``, …
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from workflows.model.definition import RULES

OFFICERS = {
    "registrar": {"office": "Registrar", "roles": ["registrar"]},
    "depositary": {"office": "Depositary", "roles": ["depositary"]},
    "watch": {"office": "Monitor", "roles": ["monitor"]},
    "press": {"office": "Press", "roles": ["observer"]},
}

WINDOW = {"begins": "2030-05-01T08:00:00Z", "ends": "2030-05-03T18:00:00Z", "place": "Town"}


def party(code: str, capacity: str = "guest", **more: Any) -> dict[str, Any]:
    """A party; whom its contact appoints as verifiers, it names."""
    named = {"delegates": [f"{code.lower()}.{one}" for one in ("verifier", "second")], **more}
    return {"name": f"Party {code}", "capacity": capacity, "contact": f"{code.lower()}.contact", **named}


def condition(obligor: str, *verifiers: str, gate: str = "visit", **more: Any) -> dict[str, Any]:
    """A condition of one obligor; ``policy`` fields may be given beside the others."""
    policy = {
        key: more.pop(key) for key in ("need", "grade", "joint", "independent", "on_change") if key in more
    }
    return {
        "title": f"Matter of {obligor}",
        "obligors": more.pop("obligors", [obligor]),
        "gate": gate,
        "policy": {"verifiers": list(verifiers), **policy},
        **more,
    }


def document(*parties: str, languages: tuple[str, ...] = ("en",), **more: Any) -> dict[str, Any]:
    return {
        "title": "Instrument",
        "languages": list(languages),
        "seats": {code: f"{code.lower()}.head" for code in parties},
        **more,
    }


def pair(**changes: Any) -> dict[str, Any]:
    """A host, a guest, a window; one condition owed by the host, one document of one language, signed ex officio."""
    return {
        "title": "Two parties",
        "rules": RULES,
        "illustrative": True,
        "parties": {"AA": party("AA", "host"), "BB": party("BB")},
        "officers": deepcopy(OFFICERS),
        "window": dict(WINDOW),
        "conditions": {"C1": condition("AA", "bb.verifier")},
        "documents": {"D1": document("AA", "BB")},
        **changes,
    }


def trio(**changes: Any) -> dict[str, Any]:
    """A host and two guests, with every kind of condition and document."""
    return {
        "title": "Three parties",
        "rules": RULES,
        "predecessor": {"title": "Earlier accord", "accord": "accord-0"},
        "illustrative": True,
        "parties": {"AA": party("AA", "host"), "BB": party("BB"), "CC": party("CC")},
        "officers": deepcopy(OFFICERS),
        "invitation": {"valid_until": "2030-03-01T00:00:00Z", "withdrawable_until": "arrival"},
        "window": dict(WINDOW),
        "long_stop": {"at": "2030-12-01T00:00:00Z"},
        "conditions": {
            "V1": condition(
                "AA",
                "bb.verifier",
                "cc.verifier",
                need=2,
                grade="documented",
                on_change="close",
                due="2030-04-01T00:00:00Z",
                valid_for="P150D",
                cure="P10D",
                waivable=True,
            ),
            "V2": condition(
                "BB",
                "aa.verifier",
                "cc.verifier",
                depends_on=["V1"],
                beneficiaries=["AA"],
                waivable=True,
                deferrable=True,
            ),
            "V3": condition(
                "AA",
                "aa.verifier",
                "aa.second",
                "bb.verifier",
                obligors=["AA", "BB"],
                need=2,
                joint=True,
                beneficiaries=[],
            ),
            "S1": condition("CC", "aa.verifier", gate="signing", valid_until="2030-11-01T00:00:00Z"),
            "X1": condition("BB", "cc.verifier", gate="ceremony", valid_while_texts_of=["D1"]),
            "Z1": condition("CC", "bb.verifier", gate="subsequent", due="2030-07-01T00:00:00Z"),
        },
        "documents": {
            "D1": document(
                "AA",
                "BB",
                "CC",
                languages=("en", "fr"),
                authority="full_powers",
                authorization=True,
                initialled=True,
                execution_version=True,
                nature="ratification",
                registered=True,
                order=["AA", "BB", "CC"],
            ),
            "D2": document("AA", "BB", nature="political"),
            "D3": {
                "title": "Joint instrument",
                "languages": ["en"],
                "nature": "on_signature",
                "seats": {"AA": "aa.head", "CC": ["cc.head", "cc.deputy"]},
            },
        },
        **changes,
    }


def changed(definition: dict[str, Any], **paths: Any) -> dict[str, Any]:
    """A copy with values replaced by path, ``conditions__C1__waivable=True``; ``None`` takes the key out."""
    copy = deepcopy(definition)
    for path, value in paths.items():
        *where, key = path.split("__")
        place = copy
        for step in where:
            place = place.setdefault(step, {})
        if value is None:
            place.pop(key, None)
        else:
            place[key] = value
    return copy
