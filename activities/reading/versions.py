"""The versions of a document's texts, as the record has them: every text that was ever put forward, by its digest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from activities.ledger.database import translated
from activities.ledger.postgres import entry_with_facts

MOST = 500
"""Versions of one document that are listed; the latest are."""

_PROPOSING = """
select e.accord, e.position, e.feed, e.bytes, e.leaf, p.salt as facts_salt, p.bytes as facts
from entries e join payloads p on (p.accord, p.position, p.kind) = (e.accord, e.position, 'facts')
where e.accord = $1 and e.type = any ($2::text[]) and position($3::bytea in p.bytes) > 0
order by e.position desc limit $4
"""
_TYPES = ("text_proposed", "corrigendum_proposed")


@dataclass(frozen=True, slots=True)
class Version:
    """A text that was put forward. ``number`` is none for a corrigendum; ``by`` is the party, or else the delegate."""

    language: str
    digest: str
    number: int | None
    by: str
    at: datetime
    position: int


async def versions(pool: asyncpg.Pool[Any], accord: str, document: str) -> tuple[Version, ...]:
    """Every text of a document that the record names, the first first; each digest once in a language.

    Raises:
        LedgerError: the database cannot be asked, or an entry was altered.
    """
    with translated("list versions", "Use a login that has the role entente_api"):
        rows = await pool.fetch(_PROPOSING, accord, list(_TYPES), f'"document":"{document}"'.encode(), MOST)
    known: dict[tuple[str, str], Version] = {}
    for row in reversed(rows):
        recorded = entry_with_facts(row).recorded()
        said = recorded.facts.get("event", {})
        if said.get("document") != document:
            continue
        version = Version(
            language=said["language"],
            digest=said["digest"],
            number=said.get("number"),
            by=recorded.actor.party or recorded.actor.delegate,
            at=recorded.time,
            position=recorded.position,
        )
        known.setdefault((version.language, version.digest), version)
    return tuple(known.values())
