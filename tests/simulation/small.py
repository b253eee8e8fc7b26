"""Small definitions for tests, and digests to name."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from workflows.model.canonical import digest_bytes


def digest(text: str) -> str:
    """A digest for a content that only has to differ."""
    return digest_bytes(text.encode())


def key_line(name: str, kind: int, number: int) -> str:
    """A key of a log (kind 1) or a witness (4) as a line; nobody holds its private half."""
    content = bytes([kind]) + hashlib.sha256(bytes([number])).digest()
    digits = hashlib.sha256(name.encode() + b"\n" + content).hexdigest()[:8]
    return f"{name}+{digits}+{base64.b64encode(content).decode()}"


def log_key_line(accord: str, number: int) -> str:
    """A key of an accord's log."""
    return key_line(f"entente.test/accords/{accord}", 1, number)


def small(**changes: Any) -> dict[str, Any]:
    """Two parties, one condition on each gate, one document in two languages."""
    return {
        "title": "Working visit",
        "illustrative": True,
        "parties": {
            "AA": {"name": "Party A", "capacity": "host", "contact": "aa.contact"},
            "BB": {"name": "Party B", "capacity": "guest", "contact": "bb.contact"},
        },
        "officers": {
            "registrar": {"office": "Registrar", "roles": ["registrar"]},
            "watch": {"office": "Monitor", "roles": ["monitor"]},
        },
        "window": {"begins": "2030-05-01T08:00:00Z", "ends": "2030-05-03T18:00:00Z", "place": "Town"},
        "conditions": {
            "C1": {
                "title": "Venue ready",
                "obligors": ["AA"],
                "gate": "visit",
                "waivable": True,
                "due": "2030-04-01T00:00:00Z",
                "policy": {"verifiers": ["bb.contact"], "grade": "documented"},
            }
        },
        "documents": {
            "D1": {
                "title": "Joint statement",
                "languages": ["en", "fr"],
                "seats": {"AA": "aa.contact", "BB": "bb.contact"},
            }
        },
        **changes,
    }


def bare(**changes: Any) -> dict[str, Any]:
    """Two parties and nothing else: for tests of the machinery."""
    return {
        key: value
        for key, value in small(**changes).items()
        if key not in ("conditions", "documents", "window")
    }
