"""Reading an entry's bytes: nothing but the one form in which they may stand is taken."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from activities.errors import Malformed
from activities.ledger.entry import COMPARE, FORMAT, MAX_ENTRY_BYTES, Entry, decode_canonical, parse_time
from workflows.model.commands import Actor, actor

_ACTOR_MEMBERS = frozenset(("behalf", "delegate", "party", "role"))

_MEMBERS = frozenset(
    (
        "accord",
        "actor",
        "causation",
        "command",
        "facts",
        "particulars",
        "position",
        "time",
        "type",
        "v",
        "version",
    )
)

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)

_TEXT = r'"([^"\\\x00-\x1f]*)"'

# Up to fifteen digits, which are always below 2^53; larger numbers take the slower way.
_SHA256 = r'"(sha256:[0-9a-f]{64})"'
_PLAIN = re.compile(
    rf'\{{"accord":{_TEXT},"actor":\{{"behalf":(?:null|{_TEXT}),"delegate":{_TEXT},"party":(?:null|{_TEXT}),'
    rf'"role":{_TEXT}\}},"causation":(?:null|(0|[1-9][0-9]{{0,14}})),"command":{_TEXT},"facts":{_SHA256},'
    rf'"particulars":{_SHA256},"position":(0|[1-9][0-9]{{0,14}}),'
    r'"time":"([0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{6}Z)",'
    rf'"type":{_TEXT},"v":{FORMAT},"version":([1-9][0-9]{{0,14}})\}}',
    re.ASCII,
)


def parse(content: bytes) -> Entry:
    """Read the bytes of an entry strictly: ``parse(bytes).encoded()`` gives the same bytes again.

    Raises:
        Malformed: for anything that is not an entry of format 1.
    """
    if len(content) > MAX_ENTRY_BYTES:
        raise Malformed(f"an entry has {len(content)} bytes, and {MAX_ENTRY_BYTES} is the most", COMPARE)
    return _parse_plain(content) or _parse_any(content)


def _parse_plain(content: bytes) -> Entry | None:
    """An entry whose texts need no escape, which is nearly every one; ``None`` for all others, right or wrong.

    Such an entry has one canonical form, and the pattern is that form. Many times faster than to read it as JSON, write
    it again and compare.
    """
    try:
        found = _PLAIN.fullmatch(content.decode("utf-8"))
        if found is None:
            return None
        (
            accord,
            behalf,
            delegate,
            party,
            role,
            cause,
            command,
            facts,
            particulars,
            at,
            time,
            type_,
            version,
        ) = found.groups()
        moment = datetime.fromisoformat(time)
    except ValueError:
        return None
    position, causation = int(at), None if cause is None else int(cause)
    if causation is not None and causation >= position:
        return None
    return Entry(
        accord=accord,
        position=position,
        type=type_,
        version=int(version),
        time=moment,
        actor=actor(delegate, party, role, behalf),
        command=command,
        causation=causation,
        facts=facts,
        particulars=particulars,
    )


def _parse_any(content: bytes) -> Entry:
    value = decode_canonical(content, "an entry")
    if not isinstance(value, dict):
        raise Malformed("an entry is not a JSON object", COMPARE)
    version = value.get("v")
    if version != FORMAT or isinstance(version, bool):
        raise Malformed(
            f"an entry has the format {str(version)[:40]!r}, and this version reads {FORMAT}",
            "Use a version of entente that reads it",
        )
    _exactly(value, _MEMBERS, "an entry")
    actor = value["actor"]
    if not isinstance(actor, dict):
        raise Malformed("the actor of an entry is not an object", COMPARE)
    _exactly(actor, _ACTOR_MEMBERS, "the actor of an entry")
    return Entry(
        accord=_text(value, "accord"),
        position=_number(value, "position", 0),
        type=_text(value, "type"),
        version=_number(value, "version", 1),
        time=parse_time(_text(value, "time")),
        actor=Actor(
            delegate=_text(actor, "delegate"),
            party=_optional_text(actor, "party"),
            role=_text(actor, "role"),
            behalf=_optional_text(actor, "behalf"),
        ),
        command=_text(value, "command"),
        causation=_causation(value),
        facts=_digest(value, "facts"),
        particulars=_digest(value, "particulars"),
    )


def _exactly(value: dict[str, Any], members: frozenset[str], what: str) -> None:
    if value.keys() != members:
        wrong = ", ".join(sorted(value.keys() ^ members))[:200]
        raise Malformed(f"{what} has other members than its format: {wrong}", COMPARE)


def _text(value: dict[str, Any], member: str) -> str:
    found = value[member]
    if not isinstance(found, str):
        raise Malformed(f"{member!r} in an entry is not text", COMPARE)
    return found


def _optional_text(value: dict[str, Any], member: str) -> str | None:
    return None if value[member] is None else _text(value, member)


def _number(value: dict[str, Any], member: str, least: int) -> int:
    found = value[member]
    if not isinstance(found, int) or isinstance(found, bool) or found < least:
        raise Malformed(f"{member!r} in an entry is not an integer from {least} on", COMPARE)
    return found


def _causation(value: dict[str, Any]) -> int | None:
    if value["causation"] is None:
        return None
    causation = _number(value, "causation", 0)
    if causation >= _number(value, "position", 0):
        raise Malformed("an entry is caused by one that does not stand before it", COMPARE)
    return causation


def _digest(value: dict[str, Any], member: str) -> str:
    found = _text(value, member)
    if _DIGEST.fullmatch(found) is None:
        raise Malformed(f"{member!r} in an entry is not 'sha256:' and 64 hexadecimal digits", COMPARE)
    return found
