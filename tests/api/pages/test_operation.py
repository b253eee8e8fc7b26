"""What stands still, for operators: paused accords and witnesses that lag, by the API and on the page."""

from __future__ import annotations

from datetime import timedelta

import asyncpg
import pytest

from activities.checkpoints.store import CheckpointStore
from activities.tlog.note import Signature
from api.routes import operation
from tests.api.conftest import Api, problem
from tests.api.filling import Filler
from tests.api.pages.browser import Browser, text_of
from tests.simulation.small import small
from workflows.model.values import INSTALLATION

WHY = "The <b>archive</b> moves"
NAMES = ("ru.test/witness", "kp.test/witness")
POLICY = "".join(
    f"witness W{number} {name}+0000000{number}+AAAA https://w{number}.test/\n"
    for number, name in enumerate(NAMES)
)


async def _cosign(store: CheckpointStore, accord: str, number: int, size: int) -> None:
    given = Signature(NAMES[number], bytes([0, 0, 0, number]), bytes(72))
    await store.add_cosignatures(accord, size, [given])


async def test_operators_see_what_stands_still_and_nobody_else(
    reading_api: Api, browser: Browser, filler: Filler, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for by in ("aa.contact", "auditor"):
        problem(await reading_api.get("/operation", by), 403, "forbidden")
    empty = (await reading_api.get("/operation", "operator")).json()
    assert empty == {"paused": [], "paused_accords": 0, "lagging": [], "lagging_accords": 0}

    for accord in ("a", "b", "c"):
        await filler.found(accord, small())
    # Nobody of the accord is its operator: the installation's own pause is listed all the same.
    since = filler.at + timedelta(hours=1)
    await filler.do("b", "pause_accord", INSTALLATION, reason=WHY)
    await filler.do("c", "pause_accord", INSTALLATION, reason="As well")
    async with asyncpg.create_pool(database_url, min_size=0, max_size=1) as pool:
        store = CheckpointStore(pool)
        size = filler.states["a"].size
        for accord in ("a", "b"):
            await store.set_policy(accord, POLICY.encode())
        for accord in ("a", "b"):
            await _cosign(store, accord, 0, filler.states[accord].size)
        await _cosign(store, "a", 1, 2)
        await _cosign(store, "b", 1, filler.states["b"].size)

        said = (await reading_api.get("/operation", "operator")).json()
        assert [(one["accord"], one["reason"], one["by"]) for one in said["paused"]] == [
            ("b", WHY, INSTALLATION),
            ("c", "As well", INSTALLATION),
        ]
        assert said["paused"][0]["since"] == since.isoformat().replace("+00:00", "Z")
        [lag] = said["lagging"]
        assert (lag["accord"], lag["witness"], lag["key_id"]) == ("a", NAMES[1], "00000001")
        assert (lag["size"], lag["cosigned"], said["lagging_accords"]) == (size, 2, 1)
        entries = (await reading_api.get("/accords/a/events", "operator")).json()["items"]
        assert lag["since"] == entries[2]["time"]

        await browser.sign_in("operator", "operator")
        page = await browser.page("/operation")
        assert 'href="/accords/b/operation"' in page
        assert "<b>archive</b>" not in page
        assert f"2 of {size} entries" in text_of(page)
        assert NAMES[1] in text_of(page)
        assert NAMES[0] not in text_of(page)

        monkeypatch.setattr(operation, "MOST", 1)
        assert "And 1 accord more." in text_of(await browser.page("/operation"))

        await filler.do("b", "resume_accord", INSTALLATION)
        await filler.do("c", "resume_accord", INSTALLATION)
        await _cosign(store, "a", 1, size)
        # What was resumed has one entry more, which nobody has cosigned.
        said = (await reading_api.get("/operation", "operator")).json()
        assert (said["paused"], said["paused_accords"]) == ([], 0)
        lags = {one["witness"]: one["size"] - one["cosigned"] for one in said["lagging"]}
        assert ([one["accord"] for one in said["lagging"]], lags) == (["b", "b"], dict.fromkeys(NAMES, 1))

        # What the database cannot tell is said to be so, beside what the page knows.
        await pool.execute("alter table witness_policies rename to witness_policies_away")
        assert "The database does not tell now." in text_of(await browser.page("/operation"))
        assert problem(await reading_api.get("/operation", "operator"), 503, "unavailable")
