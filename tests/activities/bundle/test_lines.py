"""A line that is read by its form comes to what it comes to member by member, and none is read that should not be."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from activities.bundle import format as layout
from activities.bundle.lines import read_command, read_payloads
from activities.errors import Malformed
from workflows.model.canonical import canonical

RECEIPT = {
    "accord": "a",
    "act": "record_statement",
    "command": "aa.contact/1",
    "events": ["statement_recorded"],
    "first_position": 3,
    "leaf": "0" * 64,
    "position": 3,
    "refusal": None,
    "root": "1" * 64,
    "size": 4,
    "stage": "invitation",
    "status": "recorded",
    "time": "2026-05-01T09:00:00.000100Z",
    "version": 3,
}
COMMAND: dict[str, Any] = {
    "fingerprint": "sha256:" + "2" * 64,
    "id": "aa.contact/1",
    "receipt": RECEIPT,
    "salt": "AAECAwQFBgcICQoLDA0ODw==",
    "signed": '{"act":"é"}',
}
REFUSAL = {"guard": "founded", "reason": "no", "remedy": "adopt it", "unmet": []}
SALTED = {"content": "{}", "salt": "AAECAwQFBgcICQoLDA0ODw=="}
PAYLOADS: dict[str, Any] = {"facts": SALTED, "particulars": "erased", "position": 7}

ODD = (
    *(None, True, False, 0, 1, -1, 2**53 - 1, 2**53, 2**63, 2**64, 1.0, 1.5, "", "1", "x", [], {}, ["x"], [1], "é"),
    *("erased", "withheld", "recorded", "AAECAwQFBgcICQoLDA0ODw", "AAECAwQFBgcICQoLDA0ODx==", "AAEC", "AAE=", "AAF="),
    *("2026-05-01T09:00:00Z", "2026-05-01T09:00:00.1Z", "2026-05-01T09:00:00.100000Z", "2026-05-01T09:00:00"),
    *("2026-05-01T09:00:00.000000Z", "2026-05-01T09:00:00+00:00", "2026-05-01T24:00:00Z", "2026-05-01 09:00:00Z"),
    *("2026-05-01T11:00:00+02:00", "2026-05-01T09:00:00.000100-05:30", "2026-05-01T09:00:00-00:00"),
    *("1900-12-31T23:59:59Z", "1901-01-01T00:00:00Z", "2999-01-01T00:00:00Z", "0001-01-01T00:00:00Z", REFUSAL, SALTED),
)  # fmt: skip
"""What stands in a place where it belongs, or does not."""


def altered(line: dict[str, Any], *path: str) -> list[bytes]:
    """The line with each odd value in the place of a member; without it; with one more beside it."""
    lines = []
    for odd in (*ODD, ...):
        changed = deepcopy(line)
        place = changed
        for name in path[:-1]:
            place = place[name]
        if odd is ...:
            del place[path[-1]]
        else:
            place[path[-1]] = odd
        lines.append(layout.rewritten(changed))
    more = deepcopy(line)
    place = more
    for name in path[:-1]:
        place = place[name]
    place["more"] = 1
    content = canonical(line)
    return [
        *lines,
        canonical(more),
        content + b" ",
        content.replace(b":", b": ", 1),
        content.replace(b"e", b"\\u0065", 1),
    ]


def told(read: Any, *given: Any) -> Any:
    """What is read, or why it is refused."""
    try:
        return read(*given)
    except Malformed as error:
        return error.what


def by_member(line: bytes) -> Any:
    return layout._command(layout._object(line, layout.COMMANDS))


def payloads_by_member(line: bytes) -> Any:
    return layout._payloads(layout._object(line, "payloads"), 7, "payloads")


COMMAND_PATHS = [(name,) for name in COMMAND] + [("receipt", name) for name in RECEIPT]
PAYLOADS_PATHS = [(name,) for name in PAYLOADS] + [("facts", name) for name in SALTED]


@pytest.mark.parametrize("path", COMMAND_PATHS, ids=".".join)
def test_a_command_is_read_alike_both_ways(path: tuple[str, ...]) -> None:
    assert read_command(canonical(COMMAND)) is not None
    for line in altered(COMMAND, *path):
        assert told(layout.parse_command, line) == told(by_member, line), line


@pytest.mark.parametrize("path", PAYLOADS_PATHS, ids=".".join)
def test_payloads_are_read_alike_both_ways(path: tuple[str, ...]) -> None:
    assert read_payloads(canonical(PAYLOADS)) is not None
    for line in altered(PAYLOADS, *path):
        assert told(layout.parse_payloads, line, 7, "payloads") == told(payloads_by_member, line), line


def test_a_receipt_of_a_refusal_goes_there_and_back() -> None:
    line = {**COMMAND, "receipt": {**RECEIPT, "status": "refused", "refusal": REFUSAL}}
    receipt = layout.parse_command(canonical(line)).receipt
    assert receipt.refusal == REFUSAL
    assert canonical(receipt.as_recorded().model_dump(mode="json")) == canonical(line["receipt"])
