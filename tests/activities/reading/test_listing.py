"""Lists and desks over many accords: what is on them, in what order, page by page, and what the database keeps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from activities.ledger.connections import reading_pool
from activities.ledger.postgres import PostgresLedger
from activities.ledger.repairing import columns_fit, repair_summary
from activities.reading import listing
from activities.reading.listing import OTHERS, Filters, Listing, Place
from tests.activities.ledger.making import START, append, summary
from workflows.model.commands import Summary, Waiting
from workflows.model.summary import searchable

DAY = timedelta(days=1)


@pytest_asyncio.fixture(loop_scope="session")
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool[Any]]:
    async with reading_pool(database_url, min_size=0, max_size=4) as pool:
        yield pool


class Ledger:
    """A ledger that takes summaries as they are given, and lists them."""

    def __init__(self, ledger: PostgresLedger, pool: asyncpg.Pool[Any]) -> None:
        self.ledger = ledger
        self.pool = pool
        self.listing = Listing(pool)
        self.sizes: dict[str, int] = {}

    async def put(self, accord: str, **changes: Any) -> Summary:
        """Record an entry after which the accord's summary is as given."""
        size = self.sizes.get(accord, 0)
        self.sizes[accord] = size + 1
        folded = summary(accord, size + 1, **changes)
        [outcome] = await self.ledger.record([append(accord, size, f"d/{size}", summary=folded)])
        assert outcome.status == "appended"
        return folded

    async def names(self, **filters: Any) -> list[str]:
        return [one.accord for one in (await self.listing.accords(Filters(**filters))).items]

    async def keys(self, member: str, **options: Any) -> list[str]:
        steps = (await self.listing.steps(member, **options)).items
        return [f"{one.accord}:{one.key}" for one in steps]


@pytest_asyncio.fixture(loop_scope="session")
async def ledger(database_url: str, pool: asyncpg.Pool[Any]) -> AsyncIterator[Ledger]:
    async with PostgresLedger.connect(database_url) as ledger:
        yield Ledger(ledger, pool)


def step(act: str, *who: str, **changes: Any) -> Waiting:
    given: dict[str, Any] = {"kind": "owe", "act": act, "says": f"Do {act}", "parties": (), "who": who}
    return Waiting(**{**given, **changes})


async def test_accords_are_filtered_and_paged_newest_first(ledger: Ledger) -> None:
    members = {"a": ("m1",), "b": ("m1", "m2"), "c": ("m2",), "d": ("m1",), "e": ()}
    stages = {"c": "signing", "d": "signing"}
    for name, who in members.items():
        stage = stages.get(name, "invitation")
        await ledger.put(name, members=who, stage=stage, parties=("RU", name.upper()), updated=START)
    # A later entry changes the row, and leaves its place in the list.
    await ledger.put(
        "a",
        members=("m1", "m3"),
        parties=("RU", "A"),
        ended=True,
        vocabulary="closing",
        updated=START + DAY,
        guards=("founded",),
        words=searchable("a", "Встреча на высшем уровне", "KP", "공동 성명", "会谈纪要"),
    )
    names = ledger.names
    assert await names() == ["e", "d", "c", "b", "a"]
    assert await names(member="m1") == ["d", "b", "a"]
    assert await names(member="m3") == ["a"]
    assert await names(stage="signing") == ["d", "c"]
    assert await names(stage="signing", member="m2") == ["c"]
    assert await names(party="RU") == ["e", "d", "c", "b", "a"]
    assert await names(party="B", member="m2") == ["b"]
    assert await names(vocabulary="closing") == ["a"]
    assert await names(ended=True) == ["a"]
    assert await names(member="m1", ended=False) == ["d", "b"]
    assert await names(changed_since=START + DAY) == ["a"]
    assert await names(changed_since=START + 2 * DAY) == []
    assert await names(blocked_by="founded", member="m1") == ["a"]
    assert await names(member="nobody") == []
    for query in ("ВЫСШЕМ встр", "공동", "纪", "kp", "A"):
        assert await names(words=searchable(query)) == ["a"], query
    for query in ("уровней", "동", "k p x"):
        assert await names(words=searchable(query)) == [], query
    assert await names(words=("' | 'kp", "\\", "a:*", "!")) == []
    pages = [await ledger.listing.accords(Filters(member="m1"), limit=2)]
    pages.append(await ledger.listing.accords(Filters(member="m1"), after=pages[0].next, limit=2))
    assert [[one.accord for one in page.items] for page in pages] == [["d", "b"], ["a"]]
    assert pages[1].next is None


async def test_an_accord_is_listed_while_the_members_appointment_lasts(ledger: Ledger) -> None:
    now = datetime.now(UTC)
    waiting = {"x": step("x", "m1", "m2", "m3")}
    dated = {"m1": (now - DAY, now + DAY), "m2": (None, now - DAY), "m3": (now + DAY, None)}
    await ledger.put("a", members=("m1", "m2", "m3"), periods=dated, waiting=waiting)
    assert [await ledger.names(member=one) for one in ("m1", "m2", "m3")] == [["a"], [], []]
    assert [await ledger.keys(one) for one in ("m1", "m2", "m3")] == [["a:x"], [], []]


async def test_what_waits_on_somebody_comes_by_its_due_date(ledger: Ledger) -> None:
    now = datetime.now(UTC)
    everybody = ("m1", "m2", "m3")
    await ledger.put(
        "a",
        members=everybody,
        observers=("m3",),
        due=now + DAY,
        waiting={
            "late": step("late", "m1", parties=("RU",), by=now - DAY),
            "soon": step("soon", "m1", "m2", parties=("RU", "KP"), by=now + DAY, kind="verify"),
            "whenever": step("whenever", "m2", parties=("KP",), kind="agree"),
        },
    )
    # On a simulated clock it is not late yet, whatever the time is here.
    await ledger.put(
        "b",
        members=everybody,
        simulated=True,
        updated=now - 9 * DAY,
        waiting={"then": step("then", "m1", by=now - 5 * DAY), "never": step("never", "m1", kind="sign")},
    )
    await ledger.put("c", members=("m2",), waiting={"foreign": step("foreign", "m1")})
    mine = ["b:then", "a:late", "a:soon", "b:never"]
    assert await ledger.keys("m1") == mine
    assert [one.overdue for one in (await ledger.listing.steps("m1")).items] == [False, True, False, False]
    totals = await ledger.listing.totals("m1")
    assert (totals.by_kind, totals.overdue) == ({"owe": 2, "verify": 1, "sign": 1}, 1)
    assert await ledger.keys("m1", kinds=("verify", "sign")) == ["a:soon", "b:never"]
    assert await ledger.keys("m1", due_before=now) == ["b:then", "a:late"]
    assert await ledger.keys("m1", accord="a") == ["a:late", "a:soon"]
    assert await ledger.keys("m1", waiting_on="KP") == ["a:soon", "a:whenever"]
    assert await ledger.keys("m1", waiting_on="m2") == ["a:soon", "a:whenever"]
    assert await ledger.keys("m1", waiting_on=OTHERS) == ["a:whenever"]
    assert await ledger.keys("m2", waiting_on=OTHERS) == ["b:then", "a:late", "b:never", "c:foreign"]
    # Who sees cleared status only does not learn whom it waits for.
    assert await ledger.keys("m3", waiting_on="KP") == []
    assert await ledger.keys("m3", waiting_on=OTHERS) == ["b:then", "b:never"]
    assert await ledger.names(member="m3", waiting_on="KP") == []
    assert await ledger.names(member="m2", waiting_on="KP") == ["a"]
    assert await ledger.names(member="m1", waiting_on="m1") == ["b", "a"]
    assert await ledger.names(member="m1", waiting_on="m1", due_before=now - 3 * DAY) == ["b"]
    assert await ledger.names(member="m1", due_before=now + 2 * DAY) == ["a"]
    seen: list[str] = []
    place: Place | None = None
    for _ in range(9):
        page = await ledger.listing.steps("m1", after=place, limit=1)
        seen += [f"{one.accord}:{one.key}" for one in page.items]
        place = page.next
        if place is None:
            break
    assert seen == mine


async def test_the_rows_follow_each_entry_and_are_repaired_from_the_summary(ledger: Ledger) -> None:
    first = {"x": step("x", "m1"), "y": step("y", "m1", "m2", by=START)}
    await ledger.put("a", members=("m1", "m2"), waiting=first)
    await ledger.put("b", members=("m1", "m2"), waiting=first)
    then = {"y": step("y", "m2", by=START + DAY), "z": step("z", "m1")}
    folded = await ledger.put("a", members=("m1", "m2"), waiting=then)
    assert await ledger.keys("m1") == ["b:y", "a:z", "b:x"]
    assert await ledger.keys("m2") == ["b:y", "a:y"]
    assert await columns_fit(ledger.pool, "a")
    for damage in (
        "delete from waiting where accord = 'a' and who = 'm1'",
        "update waiting set due = 'infinity' where accord = 'a'",
        "insert into waiting values ('a', 'more', 'm2', 'owe', 'infinity')",
        "delete from accords where accord = 'a'",
        "update waiting set sure = true where accord = 'a'",
    ):
        await ledger.pool.execute(damage)
        assert not await columns_fit(ledger.pool, "a"), damage
        assert await repair_summary(ledger.pool, folded)
        assert await columns_fit(ledger.pool, "a"), damage
        assert await ledger.keys("m2", accord="a") == ["a:y"]
    await ledger.put("a", members=("m1", "m2"))
    assert await ledger.keys("m2") == ["b:y"]


async def test_who_sees_few_and_who_sees_many_are_told_the_same(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists and desks are answered in two ways, by how many accords one sees; both come to one answer."""
    now = datetime.now(UTC)
    for number in range(6):
        waiting = {
            f"s{one}": step(
                "x", "m1" if one % 2 else "m2", parties=("RU",), by=now + (number * 7 + one * 5) % 11 * DAY
            )
            for one in range(4)
        }
        dated = {"m1": (None, now - DAY)} if number == 5 else {}
        seen_by = ("m1", "m2", "m3") if number else ("m2",)
        guards = ("founded",) if number % 2 else ()
        only = ("m1",) if number == 4 else ()
        await ledger.put(
            f"a{number}", members=seen_by, periods=dated, waiting=waiting, guards=guards, observers=only
        )

    async def asked(member: str) -> list[Any]:
        answers: list[Any] = []
        for on in ("me", OTHERS, "RU", "m2"):
            for options in ({}, {"kinds": ("owe",)}, {"due_before": now + 5 * DAY}, {"accord": "a3"}):
                place, found = None, []
                while True:
                    page = await ledger.listing.steps(member, waiting_on=on, after=place, limit=2, **options)
                    found += [(one.accord, one.key, one.overdue) for one in page.items]
                    if (place := page.next) is None:
                        break
                answers.append(found)
        answers.append(await ledger.names(member=member, blocked_by="founded"))
        answers.append(await ledger.names(member=member, waiting_on="m2", due_before=now + 5 * DAY))
        answers.append(await ledger.names(member=member, party="RU", ended=False))
        return answers

    for member in ("m1", "m2", "m3", "nobody"):
        monkeypatch.setattr(listing, "FEW", 5_000)
        few = await asked(member)
        monkeypatch.setattr(listing, "FEW", 0)
        assert await asked(member) == few
        assert (member == "nobody") == (not any(few))
    totals = await ledger.listing.totals("m1")
    assert (totals.by_kind, totals.more) == ({"owe": 8}, False)
    monkeypatch.setattr(listing, "MOST_COUNTED", 3)
    totals = await ledger.listing.totals("m1")
    assert (totals.by_kind, totals.more) == ({"owe": 4}, True)


async def test_steps_are_counted_where_one_sees_the_accord_whatever_its_row_knew(ledger: Ledger) -> None:
    """The row of a step may be believed without the accord: so it follows what members and clock become."""
    now = datetime.now(UTC)
    late = {"x": step("x", "m1", "m2", by=now - DAY)}

    async def counted(**changes: Any) -> list[tuple[int, int]]:
        await ledger.put("a", **{"members": ("m1", "m2"), "waiting": late, **changes})
        totals = [await ledger.listing.totals(one) for one in ("m1", "m2")]
        return [(sum(one.by_kind.values()), one.overdue) for one in totals]

    assert await counted() == [(1, 1), (1, 1)]
    assert await counted(members=("m2",)) == [(0, 0), (1, 1)]
    assert await counted(periods={"m2": (now + DAY, None)}) == [(1, 1), (0, 0)]
    assert await counted(simulated=True, updated=now - 2 * DAY) == [(1, 0), (1, 0)]
    assert await counted() == [(1, 1), (1, 1)]
    # Rows from before the column are not believed, and say the same.
    await ledger.pool.execute("update waiting set sure = false")
    assert [(await ledger.listing.totals(one)).overdue for one in ("m1", "m2")] == [1, 1]
    assert await columns_fit(ledger.pool, "a")
