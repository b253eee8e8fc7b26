"""Lists over all accords: which ones a delegate may know of, by what they wait for, and what waits on whom.

Both are answered by the read model alone, whatever the number of accords: its columns and its rows for each step that
is waited for change in the transaction that records what changes them.

No statement is left to the planner's guess at how many accords one sees, which it cannot know of a delegate whom its
statistics do not name. They are counted, up to a bound: who sees few is answered from these accords, who sees many by
walking through what is asked for in its order, most of which is theirs to see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, get_args

import asyncpg

from activities.ledger.database import translated, with_role
from workflows.model.commands import Summary, Waiting, WaitingKind

ME = "me"
"""Who is waited for: whoever asks."""

OTHERS = "others"
"""Who is waited for: anybody but whoever asks."""

FEW = 5_000
"""Accords of one's own that are looked at one by one; the steps of others in half of them take as long."""

MOST_COUNTED = 10_000
"""Steps that are counted; who has more is told that there are more."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which accords a list shows; what is none makes no difference.

    ``member`` sees the accord, ``waiting_on`` is a delegate's id or a party's code, ``due_before`` is about the steps
    that wait for these (for anybody, where none is named), ``blocked_by`` is a guard, ``words`` each begin a word of
    the accord's id, its title, or a party's code or name.
    """

    member: str | None = None
    stage: str | None = None
    party: str | None = None
    vocabulary: str | None = None
    waiting_on: str | None = None
    due_before: datetime | None = None
    changed_since: datetime | None = None
    blocked_by: str | None = None
    words: tuple[str, ...] = ()
    ended: bool | None = None


@dataclass(frozen=True, slots=True)
class AccordPage:
    """Some accords, the last opened first; ``next`` is the place of the last one, where there are more."""

    items: tuple[Summary, ...]
    next: int | None


@dataclass(frozen=True, slots=True)
class Step:
    """A step that waits, with what has to be known of its accord to show it."""

    accord: str
    title: str
    vocabulary: str
    stage: str
    illustrative: bool
    simulated: bool
    key: str
    waiting: Waiting
    overdue: bool


Place = tuple[datetime | None, str, str]
"""Where a step stands among all: its due date (none comes last), its accord, its key."""


@dataclass(frozen=True, slots=True)
class StepPage:
    """Some steps, what is due first first; ``next`` is the place of the last one, where there are more."""

    items: tuple[Step, ...]
    next: Place | None


@dataclass(frozen=True, slots=True)
class Totals:
    """How many steps wait on somebody, and how many of them are overdue; ``more`` than were counted."""

    by_kind: dict[str, int] = field(default_factory=dict)
    overdue: int = 0
    more: bool = False


class _Where:
    """The conditions of a statement and its arguments, which take their numbers as they come."""

    def __init__(self) -> None:
        self.arguments: list[object] = []
        self.conditions: list[str] = []

    def give(self, value: object) -> str:
        self.arguments.append(value)
        return f"${len(self.arguments)}"

    def add(self, condition: str, *values: object) -> None:
        self.conditions.append(condition.format(*map(self.give, values)))

    def __str__(self) -> str:
        return " and ".join(self.conditions) or "true"


def _member(where: _Where, member: str) -> str:
    """Whoever sees the accord now; its argument, for conditions that name it again."""
    me = where.give(member)
    where.conditions.append(
        f"a.members @> array[{me}] and (a.periods is null or a.periods->{me} is null or ("
        f"coalesce((a.periods->{me}->>0)::timestamptz <= now(), true) "
        f"and coalesce(now() < (a.periods->{me}->>1)::timestamptz, true)))"
    )
    return me


_TIME = "case when a.simulated then a.updated else now() end"
"""The accord's time: a simulated clock stands at its last entry, as far as the ledger knows."""

_OVERDUE = f"due < {_TIME}"


_NOT_ON = " and not exists (select from waiting mine where (mine.accord, mine.who, mine.key) = (w.accord, {me}, w.key))"
"""And it does not wait on whoever asks."""

_OF_FEW = (
    "with mine as materialized (select a.accord, a.simulated, a.updated from accords a where {sees}) "
    "select {shown} from mine a cross join lateral "
    "(select w.accord, w.key, w.due, w.kind from waiting w where w.accord = a.accord and {asks}{not_mine} offset 0) w"
)
_OF_MANY = (
    "select {shown} from (select * from ({steps}) w order by due, accord, key) w cross join lateral "
    "(select a.simulated, a.updated from accords a where a.accord = w.accord and {sees}{not_mine} offset 0) a"
)
"""Each inner statement is to stay one (``offset``): for each accord that is one's own its steps, or for each step its
accord."""

_COUNTED = (
    "select w.kind, case when w.sure then w.due < now() else w.{overdue} end as overdue "
    "from (select * from ({steps}) w order by due, accord, key) w left join lateral "
    "(select a.simulated, a.updated, true as seen from accords a "
    "where not w.sure and a.accord = w.accord and {sees} offset 0) a on true "
    "where w.sure or a.seen order by w.due, w.accord, w.key"
)
"""One's own steps; the accord is looked at only where the step's row does not say that one sees it at any time."""

KINDS: tuple[WaitingKind, ...] = get_args(WaitingKind)


def _steps(where: _Where, asks: object, kinds: Sequence[WaitingKind] = ()) -> str:
    """The steps asked for, of each kind by itself: so the index has them in their order, and they are merged."""
    return " union all ".join(
        "(select w.accord, w.key, w.due, w.kind, w.sure from waiting w "  # noqa: S608
        f"where w.kind = {where.give(kind)} and {asks} order by w.due, w.accord, w.key)"
        for kind in dict.fromkeys(kinds or KINDS)
    )


def _quoted(word: str) -> str:
    return word.replace("\\", "\\\\").replace("'", "''")


class Listing:
    """Lists over the accords of a ledger; ``pool`` reads it.

    All methods raise LedgerError where the database does not answer.
    """

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool

    async def accords(self, filters: Filters, *, after: int | None = None, limit: int = 50) -> AccordPage:
        """The accords that pass, the last opened first, from the place ``after`` on. Their steps are left out."""
        where = _Where()
        me = None if filters.member is None else _member(where, filters.member)
        for condition, value in (
            ("a.stage = {}", filters.stage),
            ("a.parties @> array[{}]", filters.party),
            ("a.vocabulary = {}", filters.vocabulary),
            ("a.updated >= {}", filters.changed_since),
            ("a.guards @> array[{}]", filters.blocked_by),
            ("a.ended = {}", filters.ended),
            ("a.ordinal < {}", after),
        ):
            if value is not None:
                where.add(condition, value)
        if filters.words:
            # Quoted as a lexeme, so that nothing in it is read as an operator.
            query = " & ".join(f"'{_quoted(word)}':*" for word in filters.words)
            where.add("a.words @@ {}::text::tsquery", query)
        if filters.waiting_on is not None:
            due = "" if filters.due_before is None else f" and w.due < {where.give(filters.due_before)}"
            who = where.give(filters.waiting_on)
            where.conditions.append(
                f"exists (select from waiting w where w.accord = a.accord and w.who = {who}{due})"
            )
            if me is not None and filters.waiting_on != filters.member:
                where.conditions.append(f"not a.observers @> array[{me}]")
        elif filters.due_before is not None:
            where.add("a.due < {}", filters.due_before)
        wanted = f"select a.ordinal from accords a where {where}"  # noqa: S608
        bound = where.give(limit + 1)
        if me is not None and len(where.conditions) > 1 and await self._sees_few(str(filters.member), FEW):
            # One's own first, and then by what is asked of them, whatever the planner counts on.
            mine, *asked = where.conditions
            wanted = (
                "with a as materialized (select accord, ordinal, stage, parties, vocabulary, updated, guards, ended, "  # noqa: S608
                f"words, due, observers from accords a where {mine}) "
                f"select a.ordinal from a where {' and '.join(asked)}"
            )
        rows = await self._rows(
            # Summaries are read of those alone that are shown.
            "select o.ordinal, (o.summary - 'waiting')::text as summary from accords o where o.ordinal = any(array("  # noqa: S608
            f"{wanted} order by a.ordinal desc limit {bound})) order by o.ordinal desc",
            *where.arguments,
        )
        page = rows[:limit]
        return AccordPage(
            tuple(Summary.model_validate_json(row["summary"]) for row in page),
            int(page[-1]["ordinal"]) if page and len(rows) > limit else None,
        )

    async def steps(
        self,
        member: str,
        *,
        waiting_on: str = ME,
        kinds: Sequence[WaitingKind] = (),
        due_before: datetime | None = None,
        accord: str | None = None,
        after: Place | None = None,
        limit: int = 50,
    ) -> StepPage:
        """What waits in the accords that ``member`` sees, on ``me``, ``others``, a delegate or a party."""
        sees, asks = _Where(), _Where()
        asks.arguments = sees.arguments
        me = _member(sees, member)
        if waiting_on == OTHERS:
            asks.add("w.who = '*'")
            sees.conditions.append(f"not a.observers @> array[{me}]")
        else:
            asks.add("w.who = {}", member if waiting_on == ME else waiting_on)
            if waiting_on not in (ME, member):
                sees.conditions.append(f"not a.observers @> array[{me}]")
        if due_before is not None:
            asks.add("w.due < {}", due_before)
        if accord is not None:
            sees.add("a.accord = {}", accord)
        if after is not None:
            due, *rest = after
            asks.add("(w.due, w.accord, w.key) > (coalesce({}, 'infinity'::timestamptz), {}, {})", due, *rest)
        not_mine = "" if waiting_on != OTHERS else _NOT_ON.format(me=me)
        # What waits on oneself is in accords that one sees; of what waits on others it may be the least.
        few = accord is not None or (
            waiting_on not in (ME, member)
            and await self._sees_few(member, FEW // 2 if waiting_on == OTHERS else FEW)
        )
        shown = f"w.accord, w.key, w.due, w.{_OVERDUE} as overdue"
        if few:
            if kinds:
                asks.add("w.kind = any({})", list(kinds))
            listed = _OF_FEW.format(shown=shown, sees=sees, asks=asks, not_mine=not_mine)
        else:
            steps = _steps(asks, asks, kinds)
            listed = _OF_MANY.format(shown=shown, sees=sees, steps=steps, not_mine=not_mine)
        rows = await self._rows(
            "select p.accord, p.key, p.overdue, o.summary->>'title' as title, o.vocabulary, o.stage, "  # noqa: S608
            "(o.summary->>'illustrative')::boolean as illustrative, o.simulated, "
            "(o.summary->'waiting'->p.key)::text as step "
            f"from ({listed} order by w.due, w.accord, w.key limit {sees.give(limit + 1)}) as p "
            "join accords o on o.accord = p.accord order by p.due, p.accord, p.key",
            *sees.arguments,
        )
        page = tuple(
            Step(
                accord=row["accord"],
                title=row["title"],
                vocabulary=row["vocabulary"],
                stage=row["stage"],
                illustrative=row["illustrative"],
                simulated=row["simulated"],
                key=row["key"],
                waiting=Waiting.model_validate_json(row["step"]),
                overdue=row["overdue"],
            )
            for row in rows[:limit]
        )
        last = page[-1] if page and len(rows) > limit else None
        return StepPage(page, None if last is None else (last.waiting.by, last.accord, last.key))

    async def totals(self, member: str) -> Totals:
        """How many steps wait on ``member``, by kind, and how many of them are overdue; what is due first first."""
        sees = _Where()
        me = _member(sees, member)
        listed = _COUNTED.format(overdue=_OVERDUE, steps=_steps(sees, f"w.who = {me}"), sees=sees)
        rows = await self._rows(
            "select kind, count(*) as steps, count(*) filter (where overdue) as overdue "  # noqa: S608
            f"from ({listed} limit {sees.give(MOST_COUNTED + 1)}) as p group by kind",
            *sees.arguments,
        )
        by_kind = {row["kind"]: row["steps"] for row in rows}
        return Totals(by_kind, sum(row["overdue"] for row in rows), sum(by_kind.values()) > MOST_COUNTED)

    async def _sees_few(self, member: str, most: int) -> bool:
        """Whether ``member`` has at most so many accords."""
        [row] = await self._rows(
            "select count(*) as found from (select from accords where members @> array[$1] limit $2) as mine",
            member,
            most + 1,
        )
        return bool(row["found"] <= most)

    async def _rows(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        with translated("read", with_role("entente_reader")):
            return await self._pool.fetch(query, *arguments)
