"""What a person types to get papers, and to check one that was handed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from activities.checkpoints.logkeys import LogKeys
from tests.simulation.small import small
from tests.worker.cli.conftest import Served, entente, write


@pytest.mark.timeout(240)
async def test_papers_are_written_and_checked_against_the_record(
    served: Served, database_url: str, tmp_path: Path
) -> None:
    started = await served.run("aa.contact", "start", write(tmp_path, small()), "--json")
    accord = started.json["receipt"]["accord"]
    folder = tmp_path / "papers"
    done = await served.run(
        "aa.contact", "papers", accord, "--kind", "minutes", "--kind", "calendar", "-o", str(folder), "--json"
    )
    assert done.code == 0, done.err
    assert [one["kind"] for one in done.json["papers"]] == ["minutes", "calendar"]
    assert sorted(one.name for one in folder.iterdir()) == ["calendar.en.ics", "minutes.en.pdf"]

    LogKeys.create(tmp_path / "log.key", "entente.test")
    bundle = str(tmp_path / "record.bundle")
    exported = await entente(
        "export",
        accord,
        "-o",
        bundle,
        DATABASE_URL=database_url,
        ENTENTE_LOG_KEY_FILE=str(tmp_path / "log.key"),
        ENTENTE_LOG_ORIGIN="entente.test",
    )
    assert exported.code == 0, exported.err
    fits = await entente("paper-check", bundle, str(folder / "minutes.en.pdf"), "--json")
    assert fits.code == 0, fits.err
    assert (fits.json["accord"], fits.json["fits"]) == (accord, True)
    receipt = fits.json["receipt"]
    altered = await entente(
        "paper-check", bundle, "--receipt", receipt[:-1] + ("0" if receipt[-1] != "0" else "1")
    )
    assert altered.code == 1
    assert "another Merkle root" in altered.out
