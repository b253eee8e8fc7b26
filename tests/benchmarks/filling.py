"""Fill a database with many accords: real entries of patterns, copied under other names with COPY.

Each pattern is a record that the model decided: opened, founded, a condition verified, then statements up to its
length. A copy has other names of accord and delegates; its salted digests, leaf hashes, Merkle nodes, root and
frontier are computed anew, so that it is read, folded and proved like any other. Entries of a thousand accords are
written in turn, as they come in life: those of one accord do not lie side by side on the disk.

What is not true to life: signatures and receipts are the pattern's, stages and deadlines of the read model are drawn by
chance, and the acts after the first twenty are statements.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from activities.ledger.entry import Payload
from activities.tlog.merkle import Frontier, leaf_hash
from tests.activities.verifier.record import Record, negotiated
from tests.simulation.small import digest

LENGTHS = {25: 60, 100: 30, 400: 9, 1900: 1}
"""Entries of an accord, and how many in a hundred accords have so many: 100 entries on an average."""

GROUP = 1000
"""Accords that go on at the same time."""

ORGANISATIONS = 500
"""Parties in all; small numbers have many accords, the last ones few."""

STAGES = {"concluded": 70, "verification": 15, "drafting": 8, "visit": 4, "invitation": 3}
"""Of a hundred accords; the concluded ones have ended."""

_OVERDUE = 0.0005
_COLUMNS = {
    "entries": ("accord", "position", "feed", "type", "time", "command", "bytes", "leaf", "mark"),
    "payloads": ("accord", "position", "kind", "salt", "bytes"),
    "merkle_nodes": ("accord", "level", "index", "hash"),
    "commands": ("accord", "id", "fingerprint", "salt", "outline", "receipt", "signed"),
    "heads": ("accord", "size", "root", "frontier"),
    "accords": ("accord", "stage", "parties", "members", "position", "next_deadline", "ended", "summary"),
}

_ACCORD, _A, _B = b"pattern-to-copy", b"aa.contact", b"bb.contact"


@dataclass(frozen=True, slots=True)
class _Part:
    """A payload of a pattern's entry: whether a name stands in it, so that its digest changes with the copy."""

    kind: str
    payload: Payload
    digest: bytes
    named: bool


@dataclass(frozen=True, slots=True)
class _Line:
    """An entry of a pattern."""

    type: str
    time: str
    command: bytes
    content: bytes
    parts: tuple[_Part, ...]
    commands: tuple[str, ...]
    """The outcomes of commands that this entry is the last one of, as COPY's text without their accord."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A record to copy."""

    lines: tuple[_Line, ...]
    summary: dict[str, Any]


@dataclass(slots=True)
class Filled:
    """What there is: accords by their length, and each organisation's share."""

    entries: int = 0
    accords: dict[int, list[str]] = field(default_factory=dict)
    shares: dict[str, int] = field(default_factory=dict)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _bytea(content: bytes | None) -> str:
    return "\\N" if content is None else "\\\\x" + content.hex()


async def pattern(length: int) -> Pattern:
    """A record of ``length`` entries, decided by the model."""
    record = await negotiated(Record(accord=_ACCORD.decode()))
    statements = [f"Statement {number}: talks go on" for number in range(length - await record.size())]
    await record.send(
        *(
            record.command("bb.contact", "record_statement", digest=digest(words), words=words)
            for words in statements
        )
    )
    commands: dict[int, list[str]] = {}
    for one in await record.ledger.commands(record.accord):
        receipt = one.receipt.model_dump(mode="json")
        columns = [
            one.id,
            one.fingerprint,
            _bytea(one.salt),
            one.outline or "\\N",
            _escaped(json.dumps(receipt)),
            _bytea(one.signed),
        ]
        commands.setdefault(one.receipt.size - 1, []).append("\t".join(columns))
    lines = []
    for stored in await record.ledger.entries(record.accord, 0, length):
        entry = stored.entry()
        parts = []
        for kind, payload, named in (
            ("facts", stored.facts, entry.facts),
            ("particulars", stored.particulars, entry.particulars),
        ):
            assert payload is not None
            changes = any(name in payload.content for name in (_ACCORD, _A, _B))
            parts.append(_Part(kind, payload, named.encode(), changes))
        lines.append(
            _Line(
                entry.type,
                entry.time.isoformat(),
                entry.command.encode(),
                stored.content,
                tuple(parts),
                tuple(commands.get(entry.position, ())),
            )
        )
    summary = await record.ledger.summary(record.accord)
    assert summary is not None
    return Pattern(tuple(lines), summary.model_dump(mode="json"))


@dataclass(slots=True)
class _Copy:
    """One accord: what each of its entries brings to the tables, in turn, and its head at the end."""

    accord: str
    steps: list[tuple[str, str, str, str]]
    head: str
    row: str


def _copied(source: Pattern, accord: str, delegates: tuple[str, str], chance: random.Random) -> _Copy:
    name = accord.encode()
    signed = tuple(one.encode() for one in delegates)

    def named(content: bytes) -> bytes:
        return content.replace(_ACCORD, name).replace(_A, signed[0]).replace(_B, signed[1])

    frontier, steps = Frontier(), []
    for position, line in enumerate(source.lines):
        content = named(line.content)
        payloads = ""
        for part in line.parts:
            payload = part.payload
            if part.named:
                payload = Payload(payload.salt, named(payload.content))
                content = content.replace(part.digest, payload.digest().encode())
            payloads += (
                f"{accord}\t{position}\t{part.kind}\t{_bytea(payload.salt)}\t{_bytea(payload.content)}\n"
            )
        leaf = leaf_hash(content)
        frontier, nodes = frontier.append(leaf)
        command = named(line.command).decode()
        entry = f"\t{line.type}\t{line.time}\t{command}\t{_bytea(content)}\t{_bytea(leaf)}\t\\N\n"
        steps.append(
            (
                f"{accord}\t{position}\t|{entry}",
                payloads,
                "".join(f"{accord}\t{n.level}\t{n.index}\t{_bytea(n.hash)}\n" for n in nodes if n.level),
                "".join(f"{accord}\t{one}\n" for one in line.commands)
                .replace("aa.contact", delegates[0])
                .replace("bb.contact", delegates[1]),
            )
        )
    head = f"{accord}\t{frontier.size}\t{_bytea(frontier.root())}\t{_bytea(frontier.encoded())}\n"
    return _Copy(accord, steps, head, _row(source, accord, delegates, chance))


def _row(source: Pattern, accord: str, delegates: tuple[str, str], chance: random.Random) -> str:
    [stage] = chance.choices(list(STAGES), list(STAGES.values()))
    ended = stage == "concluded"
    due = None
    if not ended and chance.random() < 0.8:
        days = -1 if chance.random() < _OVERDUE else 1 + 700 * chance.random()
        due = (datetime.now(UTC) + timedelta(days=days)).isoformat()
    members = [*delegates, "registrar", "watch"]
    steps = {} if ended else source.summary["waiting"]
    by = (datetime.now(UTC) + timedelta(days=365 * chance.random() - 30)).isoformat()
    named = json.dumps({key: step | ({"by": by} if step["by"] else {}) for key, step in steps.items()})
    summary = source.summary | {
        "accord": accord,
        "stage": stage,
        "ended": ended,
        "members": members,
        "next_deadline": due,
        "waiting": json.loads(named.replace("aa.contact", delegates[0]).replace("bb.contact", delegates[1])),
        "due": None if ended else by,
        "guards": [] if ended else source.summary["guards"],
        "words": accord.split("-"),
    }
    listed = "{" + ",".join(members) + "}"
    return (
        f"{accord}\t{stage}\t{{AA,BB}}\t{listed}\t{len(source.lines)}\t{due or chr(92) + 'N'}\t{ended}\t"
        f"{_escaped(json.dumps(summary))}\n"
    )


def _names(number: int, chance: random.Random) -> tuple[str, tuple[str, str]]:
    tail = base64.b32encode(hashlib.sha256(b"%d" % number).digest()).decode().lower()[:10]
    one, other = (int(ORGANISATIONS * chance.random() ** 3) for _ in range(2))
    return f"working-visit-{tail}", (f"a{one:03}.contact", f"b{other:03}.contact")


def _lengths(accords: int, chance: random.Random) -> Iterator[int]:
    """Every hundred accords have the lengths in their shares, in an order of chance."""
    while accords > 0:
        hundred = [length for length, share in LENGTHS.items() for _ in range(share)]
        chance.shuffle(hundred)
        yield from hundred[:accords]
        accords -= 100


async def _source(lines: list[str]) -> AsyncIterator[bytes]:
    for at in range(0, len(lines), 500):
        yield "".join(lines[at : at + 500]).encode()


async def fill(dsn: str, accords: int, *, told: Any = lambda _accords, _entries: None) -> Filled:
    """Write ``accords`` accords, a hundred entries each on an average; ``told`` hears of every thousand.

    The same number gives the same accords, but for salts and keys.
    """
    chance = random.Random(accords)
    patterns = {length: await pattern(length) for length in LENGTHS}
    filled = Filled(accords={length: [] for length in LENGTHS})
    lengths = _lengths(accords, chance)
    pool = await asyncpg.create_pool(dsn, min_size=1, max_size=3)
    async with pool:
        first = 0
        while group := list(itertools.islice(lengths, GROUP)):
            copies = []
            for number, length in enumerate(group, first):
                accord, delegates = _names(number, chance)
                copies.append(_copied(patterns[length], accord, delegates, chance))
                filled.accords[length].append(accord)
                for one in delegates:
                    filled.shares[one] = filled.shares.get(one, 0) + 1
            first += len(group)
            await _write(pool, copies, filled)
            told(first, filled.entries)
        await pool.execute("update feed set position = $1", filled.entries)
        for table in _COLUMNS:
            await pool.execute(f"vacuum (analyze) {table}")
    return filled


async def _write(pool: Any, copies: list[_Copy], filled: Filled) -> None:
    tables: dict[str, list[str]] = {table: [] for table in _COLUMNS}
    for position in range(max(len(one.steps) for one in copies)):
        for copy in copies:
            if position < len(copy.steps):
                filled.entries += 1
                entry, payloads, nodes, commands = copy.steps[position]
                tables["entries"].append(entry.replace("|", str(filled.entries), 1))
                tables["payloads"].append(payloads)
                tables["merkle_nodes"].append(nodes)
                tables["commands"].append(commands)
    tables["heads"] = [one.head for one in copies]
    tables["accords"] = [one.row for one in copies]
    async with pool.acquire() as connection, connection.transaction():
        for table, lines in tables.items():
            await connection.copy_to_table(
                table, source=_source(lines), columns=_COLUMNS[table], format="text"
            )
