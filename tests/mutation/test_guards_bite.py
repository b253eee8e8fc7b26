"""No guard is there for show: wherever one is forced to be met, at least one of the model's tests fails."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.mutation.guards import forced, sites
from tests.simulation.definitions import pair
from tests.simulation.play import Play

UNNOTICED: dict[str, str] = {}
"""Places that no test can notice, and why; empty is best."""


def test_a_forced_guard_lets_pass_what_it_refused() -> None:
    refused = ("aa.protocol", "acknowledge_invitation")
    play = Play(pair()).go("founded")
    play.do("aa.protocol", "issue_invitation")
    assert play.guard(*refused) == "authority"
    with forced(("workflows.model.authority", "_no_authority", "authority")):
        assert play.attempt(*refused).refusal is None
    assert play.preview(*refused).refusal is not None, "and the guard is back afterwards"


def test_every_guard_is_found_in_the_source() -> None:
    found = sites()
    assert len(found) > 130
    assert ("workflows.tracks.signing.signatures", "SignDocument._in_order", "order_kept") in found


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_guard_bites() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.mutation.guards"], capture_output=True, text=True, check=True
    )
    report = json.loads(done.stdout[done.stdout.index("{\n") :])
    assert report["failing"] == []
    assert set(report["survivors"]) | set(report["never_unmet"]) == set(UNNOTICED)
    assert report["caught"] == report["sites"] - len(UNNOTICED)
