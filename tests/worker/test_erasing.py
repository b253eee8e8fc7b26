"""Erasing where a part of the installation is away: what can be deleted is, and what is left is said."""

from __future__ import annotations

from temporalio.envconfig import ClientConfigProfile

from activities.ledger.postgres import PostgresLedger
from activities.runtime.settings import read_settings
from tests.activities.ledger.making import append, event
from worker.erasing import erasing

ERASED = event(
    "particulars_erased",
    facts={"event": {"positions": [0], "ground": "Article 17", "ordered_by": "Data office"}},
    particulars={},
)


async def test_without_temporal_what_is_in_the_database_is_deleted_all_the_same(database_url: str) -> None:
    # Nobody serves port 9 (discard) here.
    settings = read_settings(database_url=database_url, temporal=ClientConfigProfile(address="127.0.0.1:9"))
    async with PostgresLedger.connect(database_url) as ledger:
        await ledger.record([append("a", 0, "d/1"), append("a", 1, "d/2", events=(ERASED,))])
        assert (await ledger.entries("a"))[0].particulars is not None
        for positions in ((0,), ()):
            async with erasing(settings, "a") as work:
                erased = await work.finish()
            assert (erased.positions, erased.finished) == (positions, False)
            assert "does not answer" in str(erased.unreached)
            assert (await ledger.entries("a"))[0].particulars is None
