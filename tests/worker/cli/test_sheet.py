"""What a coordinator types who has conditions and evidence in sheets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.simulation.small import digest, small
from tests.worker.cli.conftest import Served, entente, write

HEAD = "id;title;obligors;gate;verifiers;due\r\n"


@pytest.mark.timeout(240)
async def test_rows_become_a_definition_and_evidence_is_submitted_once(
    served: Served, tmp_path: Path
) -> None:
    sheet = tmp_path / "conditions.csv"
    rows = "".join(f"C{i};Condition {i};AA;signing;bb.contact;2030-04-01\r\n" for i in range(1, 201))
    base, out = write(tmp_path, small()), tmp_path / "visit.yaml"
    sheet.write_text(HEAD + rows)
    good = await entente("sheet", "read", str(sheet), "--base", base, "-o", str(out), "--json")
    assert good.code == 0, good.err
    assert good.json["rows"] == {"conditions": 200}

    accord = await served.api.opened(yaml.safe_load(out.read_text()))
    # One consent of each party adopts all 200 rows.
    for by in ("aa.contact", "bb.contact"):
        await served.api.done(accord, "adopt_definition", by, digest=good.json["digest"])
    await served.api.done(
        accord, "appoint_delegate", "aa.contact", delegate="aa.contact", office="Office", roles=["obligor"]
    )
    evidence = tmp_path / "evidence.csv"
    lines = [f"C{i},{digest(str(i))},documented,Report {i}" for i in (1, 2)]
    evidence.write_text("\n".join(["condition,digest,grade,source", *lines]) + "\n")
    sent = await served.run("aa.contact", "sheet", "evidence", accord, str(evidence), "--json")
    assert sent.code == 0, sent.err
    assert [one["status"] for one in sent.json["rows"]] == ["recorded", "recorded"]
    again = await served.run("aa.contact", "sheet", "evidence", accord, str(evidence), "--json")
    assert json.loads(again.out) == sent.json
    assert (await served.api.get(f"/accords/{accord}")).json()["size"] == sent.json["rows"][-1][
        "position"
    ] + 1
