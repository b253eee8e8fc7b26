"""How a step that an accord waits for is put together: whose it is, in what words, under what key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from workflows.model.authority import expected
from workflows.model.commands import Waiting, WaitingKind
from workflows.model.declare import ACTS
from workflows.model.state import Accord

Item = tuple[str, Waiting]

MOST_WHO = 100
"""Delegates for whom a step waits, shared out among its parties: a party may have two hundred who could take it, and
the list is kept beside the record, anew with each act."""

MOST_TITLE = 120
"""Characters of a title that an item's words repeat."""


def holding(a: Accord, roles: Iterable[str], party: str | None) -> tuple[str, ...]:
    """Delegates of a party (officers, for none) who hold one of the roles now, or whose appointment is to begin."""
    return expected(a, roles, (party,))[:MOST_WHO]


def step(
    a: Accord,
    kind: WaitingKind,
    act: str,
    says: str,
    parties: Iterable[str],
    *,
    subject: str = "",
    fields: dict[str, Any] | None = None,
    by: datetime | None = None,
    not_before: datetime | None = None,
    officers: bool = False,
) -> Iterator[Item]:
    """A step of these parties, by whoever holds its act's role for them; where nobody does, the contact appoints."""
    roles, parties = ACTS[act].who.roles, tuple(parties)
    who: list[str] = list(holding(a, roles, None)) if officers else []
    for party in parties:
        able = holding(a, roles, party)
        who.extend(able[: max(1, MOST_WHO // len(parties))])
        if not able:
            yield from appointing(a, party, roles[0], by)
    if who:
        yield item(kind, act, says, parties, who, subject, fields, by, not_before)


def by_any(
    a: Accord, kind: WaitingKind, act: str, says: str, subject: str = "", fields: dict[str, Any] | None = None
) -> Iterator[Item]:
    """A step that any party may take for all: it waits for each that has somebody to take it."""
    roles = ACTS[act].who.roles
    able = [party for party in a.definition.parties if holding(a, roles, party)]
    yield from step(a, kind, act, says, able or tuple(a.definition.parties), subject=subject, fields=fields)


def item(
    kind: WaitingKind,
    act: str,
    says: str,
    parties: Iterable[str],
    who: Iterable[str],
    subject: str = "",
    fields: dict[str, Any] | None = None,
    by: datetime | None = None,
    not_before: datetime | None = None,
) -> Item:
    """A step by its key: the act, and what it is about."""
    key = f"{act}/{subject}" if subject else act
    return key, Waiting(
        kind=kind,
        act=act,
        says=says,
        parties=tuple(parties),
        who=tuple(dict.fromkeys(who)),
        subject=subject,
        fields=fields or {},
        by=by,
        not_before=not_before,
    )


def appointing(
    a: Accord, party: str, role: str, by: datetime | None, delegate: str | None = None
) -> Iterator[Item]:
    """The appointment of a delegate, of this one if it is named, without whom nobody can take a step."""
    if party not in a.definition.parties:
        return
    whom = delegate or f"a delegate of {party}"
    says = f"Appoint {whom} as {role.replace('_', ' ')}: a step waits for one"
    fields = {"roles": [role], **({"delegate": delegate} if delegate else {})}
    contact = (a.definition.parties[party].contact,)
    yield item("owe", "appoint_delegate", says, (party,), contact, f"{delegate or party}/{role}", fields, by)


def titled(code: str, title: str) -> str:
    """A condition or a document as words name it: ``C1 (Venue ready)``."""
    shown = title if len(title) <= MOST_TITLE else title[: MOST_TITLE - 1] + "…"
    return f"{code} ({shown})"
