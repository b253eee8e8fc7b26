"""How a batch of appends gets into Postgres: in one round trip where nobody races it.

What is to be written is computed beforehand, on the assumption that every accord stands where its append says. The
function ``append_batch`` (``migrations/0001_ledger.sql``) writes what is so, in one statement that commits by itself,
and names the accords whose part it wrote. The others are read (heads, commands, leaves, in one statement), judged
anew by the same rules (:mod:`activities.ledger.settle`), and what is then to be written is tried once more. Read first
are also appends that do not say what they rest on, and repeated refusals, whose receipts need a leaf. An accord that
another session keeps locked is never waited for: its outcome is ``locked``. What claims delegates' ids, which is rare,
is recorded with its claims in a transaction of several round trips.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import asyncpg

from activities.errors import Unavailable
from activities.ledger.claiming import take
from activities.ledger.database import translated, with_role
from activities.ledger.settle import CommandKey, Settlement, repeated_places, seal_events, settle
from activities.ledger.store import Append, Known, Outcome
from activities.tlog.merkle import EMPTY_ROOT, Frontier
from workflows.model.commands import Receipt

ATTEMPTS = 5
"""How often a batch is tried when Postgres aborts it because of another one at the same moment."""

_FIRST_PAUSE = 0.01
_RETRIED = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.UniqueViolationError)

_APPEND = f"select append_batch({', '.join(f'${number}' for number in range(1, 31))})"

_LOOK = """
select 0 as what, h.accord, null as id, h.size as number, h.frontier as bytes,
    null as fingerprint, null::bytea as salt, null as outline, null as receipt
from unnest($1::text[]) as wanted (accord) join heads h using (accord)
union all
select 1, c.accord, c.id, null, null, c.fingerprint, c.salt, c.outline, c.receipt::text
from unnest($2::text[], $3::text[]) as wanted (accord, id) join commands c using (accord, id)
union all
select 2, e.accord, null, e.position, e.leaf, null, null, null, null
from unnest($4::text[], $5::bigint[]) as wanted (accord, position) join entries e using (accord, position)
"""

Place = tuple[str, int]


class Appender:
    """Appends on the connections of ``pool``, whose login needs the role ``entente_writer``."""

    def __init__(self, pool: asyncpg.Pool[Any]) -> None:
        self._pool = pool

    async def record(self, appends: Sequence[Append]) -> list[Outcome]:
        """See :meth:`activities.ledger.store.Ledger.record`."""
        if not appends:
            return []
        for append in appends:
            seal_events(append)
        attempt, pause = 1, _FIRST_PAUSE
        while True:
            try:
                with translated("record", with_role("entente_writer")):
                    return await self._in_order(appends)
            except _RETRIED as error:
                if attempt == ATTEMPTS:
                    raise Unavailable(
                        f"the database aborted the batch {ATTEMPTS} times: {error}",
                        "Try again later; a command is recorded once under its id",
                    ) from error
            # Two that were aborted because of one another must not meet again at once.
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - no secret depends on it
            attempt, pause = attempt + 1, pause * 2

    async def _in_order(self, appends: Sequence[Append]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        async with self._pool.acquire() as connection:
            for claims, group in groupby(appends, key=lambda one: one.claim is not None):
                if claims:
                    outcomes += [await _claiming(connection, append) for append in group]
                else:
                    outcomes += await _record(connection, list(group))
        return outcomes


async def _claiming(connection: Any, append: Append) -> Outcome:
    """Record an append with what it claims, in a transaction of its own: both or neither."""
    assert append.claim is not None  # noqa: S101 - whoever calls has looked
    attempt = connection.transaction()
    await attempt.start()
    try:
        taken = await take(connection, append.accord, append.claim)
        if taken:
            outcome = Outcome("claimed", None, append.expected, taken=taken)
        else:
            [outcome] = await _record(connection, [append])
    except BaseException:
        await attempt.rollback()
        raise
    if outcome.status == "appended":
        await attempt.commit()
    else:
        await attempt.rollback()
    return outcome


async def _record(connection: Any, appends: Sequence[Append]) -> list[Outcome]:
    outcomes: dict[int, Outcome] = {}
    assumed = _assumed(appends)
    # Twice at most: what raced somebody the first time is judged on what there is then.
    for _ in range(2):
        places = [index for index in range(len(appends)) if index not in outcomes]
        if not places:
            break
        batch = [appends[index] for index in places]
        unclear = [append for append in batch if append.accord not in assumed]
        frontiers, known, leaves = await _look(connection, unclear) if unclear else ({}, {}, {})
        done = settle(
            [(append, seal_events(append)) for append in batch],
            frontiers=assumed | frontiers,
            known=known,
            leaves=leaves,
        )
        passed = await _write(connection, done, assumed | frontiers)
        # Where nothing is to be written, what was read is the answer.
        passed |= {append.accord for append in batch} - {accord for accord, _ in done.commands}
        for index, outcome in zip(places, done.outcomes, strict=True):
            if appends[index].accord in passed:
                outcomes[index] = outcome
        assumed = {}
    return [
        outcomes.get(index) or Outcome("locked", None, append.expected)
        for index, append in enumerate(appends)
    ]


def known_of(row: asyncpg.Record) -> Known:
    """What is known of a command, from its row."""
    receipt = Receipt.model_validate_json(row["receipt"])
    return Known(row["fingerprint"], row["salt"], row["outline"], receipt)


def _assumed(appends: Sequence[Append]) -> dict[str, Frontier]:
    """The trees on which the appends say they rest, of the accords that can be judged by that alone."""
    assumed: dict[str, Frontier] = {}
    unclear: set[str] = set()
    for append in appends:
        if append.accord in assumed or append.accord in unclear:
            # Judged after the accord's first append of this batch; a repeated refusal needs a leaf besides.
            if append.repeats is not None:
                unclear.add(append.accord)
        elif append.repeats is None and append.frontier is not None:
            assumed[append.accord] = append.frontier
        elif append.repeats is None and append.expected == 0:
            assumed[append.accord] = Frontier()
        else:
            unclear.add(append.accord)
    return {accord: frontier for accord, frontier in assumed.items() if accord not in unclear}


async def _look(
    connection: Any, appends: Sequence[Append]
) -> tuple[dict[str, Frontier], dict[CommandKey, Known], dict[Place, bytes]]:
    """What there is of the appends' accords, commands, and repeated refusals: of one moment, in one round trip."""
    rows = await connection.fetch(
        _LOOK,
        list({append.accord for append in appends}),
        *columns(list({(append.accord, append.command_id) for append in appends}), 2),
        *columns(list(set(repeated_places(appends))), 2),
    )
    heads = {r["accord"]: Frontier.decoded(r["number"], r["bytes"]) for r in rows if r["what"] == 0}
    known = {(r["accord"], r["id"]): known_of(r) for r in rows if r["what"] == 1}
    leaves = {(r["accord"], r["number"]): r["bytes"] for r in rows if r["what"] == 2}
    return heads, known, leaves


def columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Rows as the columns that ``unnest`` takes."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


async def _write(connection: Any, done: Settlement, before: dict[str, Frontier]) -> set[str]:
    """Write what was settled where every accord stands as ``before`` says; the accords of which this was so."""
    if not done.commands:
        return set()
    return set(await connection.fetchval(_APPEND, *arguments(done, before)))


def arguments(done: Settlement, before: dict[str, Frontier]) -> list[list[Any]]:
    """What ``append_batch`` takes: columns for heads with summaries, commands, entries and Merkle nodes."""
    heads = []
    for accord in dict.fromkeys(accord for accord, _ in done.commands):
        old = before.get(accord) or Frontier()
        new = done.frontiers.get(accord) or old
        last = done.summaries.get(accord)
        heads.append(
            (
                accord,
                old.size,
                old.root() if old.size else EMPTY_ROOT,
                new.size,
                new.root(),
                new.encoded(),
                None if last is None else last.summary_json,
            )
        )
    commands = [
        (
            accord,
            each.id,
            each.fingerprint,
            each.salt,
            each.outline,
            each.receipt.model_dump_json(),
            each.signed,
        )
        for (accord, _), each in done.commands.items()
    ]
    entries = [
        (
            sealed.entry.accord,
            sealed.entry.position,
            sealed.entry.type,
            sealed.entry.time,
            sealed.entry.command,
            sealed.content,
            sealed.leaf,
            sealed.facts.salt,
            sealed.facts.content,
            sealed.particulars.salt,
            sealed.particulars.content,
            done.marks.get((sealed.entry.accord, sealed.entry.position)),
        )
        for sealed in done.entries
    ]
    nodes = [
        (accord, node.level, node.index, node.hash)
        for accord, completed in done.nodes.items()
        for node in completed
        if node.level > 0
    ]
    return [*columns(heads, 7), *columns(commands, 7), *columns(entries, 12), *columns(nodes, 4)]
