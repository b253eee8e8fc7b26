"""The record from the command line: an accord's, and what is recorded as it happens."""

from __future__ import annotations

import json
from pathlib import Path

from tests.simulation.small import small
from tests.worker.cli.conftest import Served, write


async def test_the_log_and_what_is_watched(served: Served, tmp_path: Path) -> None:
    started = await served.run("aa.contact", "start", write(tmp_path, small()), "--json")
    accord = started.json["receipt"]["accord"]
    await served.run("aa.contact", "act", accord, "issue-invitation")
    log = await served.run("bb.contact", "log", accord)
    assert "0  aa.contact for AA opens the accord" in log.out
    refusals = await served.run(
        "bb.contact", "log", accord, "--refused", "--since", "1", "--by", "AA", "--json"
    )
    assert '"act_refused"' in refusals.out
    assert "adopts" not in refusals.out
    watched = await served.run("bb.contact", "watch", accord, "--since", "0", "--count", "2", "--json")
    assert [json.loads(line)["id"] for line in watched.out.splitlines()] == ["0", "1"]
