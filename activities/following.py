"""What a record says of its log's keys, read for a witness that is to follow it: nothing of it is believed unproved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from activities.ledger.entry import Payload, parse
from activities.ledger.errors import SignatureInvalid
from activities.ledger.note import Ed25519Verifier, Note
from activities.ledger.policy import NONE, Policy
from activities.verifier.acts import SignedActs
from activities.verifier.bundle import Bundle, BundledEntry
from activities.verifier.findings import Finding
from activities.verifier.groups import Group, Told
from activities.verifier.verify import Trust, verify_bundle
from workflows.logkeys import LogKeyRetired, LogKeyRotated

_KEYS: Final = (LogKeyRotated.type, LogKeyRetired.type)
_HOLD: Final = ("record", "consistency", "signatures", "completeness", "fold")
_COMPARE: Final = (
    "Ask for a whole bundle, and compare its log's key and --command-key with your own delegate's"
)


def lead(
    bundle: Path, known: tuple[Ed25519Verifier, ...], held: tuple[Note, ...], command_keys: Sequence[str]
) -> tuple[Ed25519Verifier, ...]:
    """The keys that the record in ``bundle`` leads to from those ``known``, by acts signed under ``command_keys``.

    Acts need not all be proved, for signed commands may be erased with what they held. Those that name or retire a
    key hold nothing that is ever erased, so each of them has to be.

    Raises:
        SignatureInvalid: it does not lead anywhere.
        Malformed: it is no bundle, or one of the keys is none.
    """
    report = verify_bundle(bundle, Trust(Policy(known, {}, {}, NONE), tuple(command_keys), held))
    for question in _HOLD:
        if report[question].status != "holds":
            raise _refusal(report[question])
    if report["acts"].status == "fails":
        raise _refusal(report["acts"])
    with Bundle(bundle) as opened:
        groups = {group.command: group for group in _groups(opened)}
        finding = Finding("acts")
        acts = SignedActs(finding, command_keys, given=True)
        for command in opened.commands():
            if command.id in groups:
                acts.check(groups[command.id], command)
        if groups and (finding.status != "holds" or finding.checked != len(groups)):
            raise _refusal(finding)
    return tuple(Ed25519Verifier.decoded(line) for line in report.log_keys)


def _refusal(finding: Finding) -> SignatureInvalid:
    why = next(iter((*finding.problems, *finding.gaps)), "nobody signed it")
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
