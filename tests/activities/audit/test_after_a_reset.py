"""A run that a reset began is read like any other, for the audit and for an erasure."""

from __future__ import annotations

import json

import pytest

from activities.audit.history import parse
from activities.errors import Malformed
from activities.runtime.histories import did
from tests.compatibility.histories import FOLDER, read


def test_a_history_after_a_reset_is_read_as_well() -> None:
    """There the server keeps what is done anew under the event that admits it, not under the one that accepts it."""
    history = read(next(FOLDER.glob("*-reset-1.json.gz")))
    updates = parse(history.to_json().encode()).updates
    assert all(update.ended and update.command is not None for update in updates)
    assert [update.name for update in updates][-3:] == [
        "issue_invitation",
        "accept_invitation",
        "record_statement",
    ]
    for act in ("issue_invitation", "accept_invitation", "record_statement"):
        assert did(history, act)
    assert not did(history, "erase_particulars")


def test_an_update_that_does_not_say_what_it_asks_is_no_history() -> None:
    history = json.loads(read(next(FOLDER.glob("*-reset-1.json.gz"))).to_json())
    kept = [
        each for each in history["events"] if "workflowExecutionUpdateAdmittedEventAttributes" not in each
    ]
    with pytest.raises(Malformed, match="does not say what it asks"):
        parse(json.dumps({"events": kept}).encode())
