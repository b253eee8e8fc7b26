"""What a record says of its log's keys, read for a witness that is to follow it: nothing of it is believed unproved."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from activities.bundle.format import Bundle, BundledEntry
from activities.errors import Malformed, SignatureInvalid
from activities.ledger.entry import Payload
from activities.ledger.parsing import parse
from activities.tlog.merkle import root_at
from activities.tlog.note import Ed25519Verifier, Note
from activities.tlog.policy import NONE, Policy
from activities.tlog.tiles import TileReader
from activities.verifier.acts import SignedActs
from activities.verifier.findings import Finding
from activities.verifier.groups import Group, Told
from activities.verifier.held import Held
from activities.verifier.verify import Trust, verify_bundle
from workflows.model.canonical import canonical
from workflows.record.logkeys import LogKeyRetired, LogKeyRotated

_KEYS: Final = (LogKeyRotated.type, LogKeyRetired.type)
_HOLD: Final = ("record", "consistency", "signatures", "completeness", "fold")
_COMPARE: Final = (
    "Ask for a whole bundle, and compare its log's key and --command-key with your own delegate's"
)


@dataclass(frozen=True, slots=True)
class Followed:
    """How far a log was followed: its ``size`` and ``root``, and the keys ``retired`` by then."""

    size: int
    root: bytes
    retired: tuple[str, ...] = ()

    def encoded(self) -> bytes:
        """As it is kept on disk."""
        return canonical({"retired": list(self.retired), "root": self.root.hex(), "size": self.size}) + b"\n"

    @classmethod
    def decoded(cls, content: bytes) -> Followed:
        """Read what :meth:`encoded` gave; raises :class:`Malformed` for anything else."""
        try:
            value = json.loads(content)
            found = cls(int(value["size"]), bytes.fromhex(value["root"]), tuple(map(str, value["retired"])))
        except (ValueError, KeyError, TypeError) as error:
            raise Malformed(
                f"what is kept of a log that was followed does not read: {str(error)[:200]}",
                "Let a new witness take this one's place; how far it had followed cannot be told any more",
            ) from None
        return found


def lead(
    bundle: Path,
    known: tuple[Ed25519Verifier, ...],
    held: tuple[Note, ...],
    command_keys: Sequence[str],
    before: Followed | None = None,
) -> tuple[tuple[Ed25519Verifier, ...], Followed]:
    """The keys that the record in ``bundle`` leads to from those ``known``, by acts signed under ``command_keys``.

    Acts need not all be proved, for signed commands may be erased with what they held. Those that name or retire a
    key hold nothing that is ever erased, so each of them has to be. The record has to extend what was followed
    ``before``: an older copy would bring back a key that is retired since.

    Raises:
        SignatureInvalid: it does not lead anywhere.
        Malformed: it is no bundle, or one of the keys is none.
    """
    trust = Trust(Policy(known, {}, {}, NONE), tuple(command_keys), tuple(map(Held, held)))
    report = verify_bundle(bundle, trust)
    for question in _HOLD:
        if report[question].status != "holds":
            raise _refusal(report[question])
    if report["acts"].status == "fails":
        raise _refusal(report["acts"])
    with Bundle(bundle) as opened:
        root = _extended(opened, before)
        groups = {group.command: group for group in _groups(opened)}
        finding = Finding("acts")
        acts = SignedActs(finding, opened.manifest.accord, command_keys)
        for command in opened.commands():
            if command.id in groups:
                acts.check(groups[command.id], command)
        if groups and (finding.status != "holds" or finding.checked != len(groups)):
            raise _refusal(finding)
    gone = set(() if before is None else before.retired)
    for told in (told for group in groups.values() for told in group.told):
        if told.entry.type == LogKeyRetired.type:
            gone.add(LogKeyRetired.model_validate((told.facts or {})["event"]).key)
    back = gone & set(report.log_keys)
    if back:
        raise SignatureInvalid(f"the record brings back a key that was retired: {min(back)}", _COMPARE)
    keys = tuple(Ed25519Verifier.decoded(line) for line in report.log_keys)
    return keys, Followed(report.size, root, tuple(sorted(gone)))


def _extended(bundle: Bundle, before: Followed | None) -> bytes:
    """The root of the whole verified record, which has to begin with what was followed before."""
    size = bundle.manifest.size
    lookup = TileReader(size, lambda tile: b"".join(bundle.hashes(tile)))
    if before is not None and size < before.size:
        raise SignatureInvalid(
            f"this witness followed the log to {before.size} entries, and the record here ends at {size}: it is an "
            "old copy, or was truncated",
            "Ask for a present bundle",
        )
    if before is not None and root_at(before.size, lookup) != before.root:
        raise SignatureInvalid(
            f"the record does not begin with the {before.size} entries to which this witness followed the log",
            "Keep the bundle, and compare it with the other parties' copies: two histories were shown",
        )
    return root_at(size, lookup)


def _refusal(finding: Finding) -> SignatureInvalid:
    why = next(iter((*finding.problems, *finding.gaps, *finding.absent)), "nobody signed it")
    return SignatureInvalid(
        f"the record does not lead to another key: {finding.question} {finding.status}: {why}", _COMPARE
    )


def _groups(bundle: Bundle) -> Iterator[Group]:
    """The entries of those commands that name or retire a key of the log."""
    group = Group()
    for entry in bundle.entries():
        told = _told(entry)
        if told.entry.causation is None:
            if _about_keys(group):
                yield group
            group = Group()
        group.told.append(told)
    if _about_keys(group):
        yield group


def _about_keys(group: Group) -> bool:
    return any(told.entry.type in _KEYS for told in group.told)


def _told(entry: BundledEntry) -> Told:
    facts, particulars = (
        payload.value() if isinstance(payload, Payload) else None
        for payload in (entry.facts, entry.particulars)
    )
    return Told(
        parse(entry.content or b""), entry.leaf, facts, particulars, erased=entry.particulars == "erased"
    )
