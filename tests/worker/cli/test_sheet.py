"""What a coordinator types who has conditions and evidence in sheets."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from activities.errors import Unreachable
from activities.sheets.cells import Grid
from activities.sheets.named import NamedRow
from tests.simulation.small import digest, small
from tests.worker.cli.conftest import Served, entente, write
from worker.cli.client.bulk import Sender, Sending, send
from worker.cli.client.calling import Calls
from worker.cli.client.where import Where
from workflows.model.canonical import digest_bytes

HEAD = "id;title;obligors;gate;verifiers;due\r\n"


async def _opened(served: Served, tmp_path: Path) -> str:
    """An accord with 200 conditions from a sheet, founded, and an obligor who owes them."""
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
        accord,
        "appoint_delegate",
        "aa.contact",
        delegate="aa.contact",
        office="Office",
        roles=["obligor", "drafter"],
    )
    return accord


def test_what_was_done_is_told_where_the_sending_stops_half_way() -> None:
    grid = Grid("evidence", ("condition", "digest"), ())
    rows = [NamedRow(number, {"digest": digest(str(number))}, None, grid) for number in (2, 3, 4)]
    sendings = [Sending(row, "by digest alone") for row in rows]

    def act(one: Sending) -> None:
        if one.row.row == 3:
            raise Unreachable("127.0.0.1 does not answer.", "See that it runs.")
        one.act = "recorded"

    told: list[str] = []
    done: list[tuple[int, int]] = []
    with Calls(Where("http://127.0.0.1:9", "none")) as calls, pytest.raises(Unreachable):
        send(Sender(calls, "a", 7), sendings, act, told.append, lambda *at: done.append(at))
    assert [one.act for one in sendings] == ["recorded", "not sent", "not sent"]
    assert done == [(1, 3)]
    assert told == [
        "127.0.0.1 does not answer. Not sent yet: 2 of 3 rows. The same command goes on with them."
    ]


def _sheet(folder: Path, *rows: str) -> str:
    file = folder / "evidence.csv"
    file.write_text("\n".join(["condition,file,digest,grade,source", *rows]) + "\n")
    return str(file)


@pytest.mark.timeout(480)
async def test_rows_become_a_definition_and_evidence_is_sent_and_submitted_once(
    served: Served, tmp_path: Path
) -> None:
    accord = await _opened(served, tmp_path)
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / "one.txt").write_bytes(b"The venue is ready.\n")
    (reports / "two.pdf").write_bytes(b"%PDF-1.7 none that has pages\n")
    (reports / "no.pdf").write_bytes(b"plain text")

    async def run(*words: str):  # type: ignore[no-untyped-def]
        return await served.run("aa.contact", "sheet", *words)

    wrong = _sheet(
        tmp_path,
        "C1,one.txt,,documented,Report 1",
        "C999,one.txt,,documented,Report 2",
        "C3,no.pdf,,documented,Report 3",
        f"C4,,{digest('4')},documented,{'x' * 3000}",
    )
    bad = await run("evidence", accord, wrong, "--folder", str(reports))
    assert bad.code != 0
    for cell, said in (("A3", "no condition 'C999'"), ("B4", "does not begin as application/pdf")):
        assert any(cell in line and said in line for line in bad.err.splitlines()), bad.err
    assert "row 5" in bad.err or "E5" in bad.err
    assert "nothing was sent" in bad.err
    assert (await served.api.get(f"/accords/{accord}/files", "aa.contact")).json()["items"] == []

    good = _sheet(
        tmp_path,
        "C1,one.txt,,documented,Report 1",
        "C2,two.pdf,,documented,Report 2",
        "C3,one.txt,,documented,Report 1",
        f"C4,,{digest('4')},declared,AA",
    )
    tried = await run("evidence", accord, good, "--folder", str(reports), "--dry-run", "--json")
    assert {one["status"] for one in tried.json["rows"]} == {"would be recorded"}
    assert (await served.api.get(f"/accords/{accord}/files", "aa.contact")).json()["items"] == []
    # Something that was deposited before, as a run does that is cut off, is not sent again.
    put = await served.run("aa.contact", "file", "put", accord, str(reports / "two.pdf"))
    assert put.code == 0, put.err
    sent = await run("evidence", accord, good, "--folder", str(reports), "--json")
    assert sent.code == 0, sent.err
    assert [one["status"] for one in sent.json["rows"]] == ["recorded"] * 4
    assert [one["content"] for one in sent.json["rows"]] == [
        "sent, 20 bytes",
        "there already",
        "there already",
        "by digest alone",
    ]
    again = await run("evidence", accord, good, "--folder", str(reports), "--json")
    assert [one["status"] for one in again.json["rows"]] == ["there already"] * 4
    assert (await served.api.get(f"/accords/{accord}")).json()["size"] == sent.json["rows"][-1][
        "position"
    ] + 1
    held = (await served.api.get(f"/accords/{accord}/files", "aa.contact")).json()["items"]
    assert {one["digest"] for one in held} == {
        digest_bytes(b"The venue is ready.\n"),
        digest_bytes(b"%PDF-1.7 none that has pages\n"),
    }
    # The other side, whom the condition serves, can read it.
    assert (await served.api.get(f"/files/{held[0]['digest']}", "bb.contact")).status_code == 200
    other = _sheet(tmp_path, "C1,one.txt,,inspected,Report 1")
    assert "already as 'documented'" in (await run("evidence", accord, other, "--folder", str(reports))).err
