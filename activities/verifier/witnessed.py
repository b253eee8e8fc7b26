"""Checkpoints against the record: consistency, the log's signatures, the witnesses' quorum."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from activities.bundle.format import BundledEntry, Manifest
from activities.checkpoints.standing import Standing, read_policy, same_policy
from activities.errors import LedgerError
from activities.tlog import policy as policies
from activities.tlog.checkpoint import Checkpoint, parse_text
from activities.tlog.cosignature import CosignatureVerifier, cosigned_at
from activities.tlog.merkle import inclusion_proof
from activities.tlog.note import Ed25519Verifier, Note, verify
from activities.tlog.note import parse as parse_note
from activities.tlog.policy import Policy
from activities.tlog.tiles import TileReader
from activities.verifier.findings import Report
from activities.verifier.outside import EntryTimes, OutsideTime
from workflows.record.logkeys import MOST_LOG_KEYS, LogKeyRotated
from workflows.record.witnessing import WitnessPolicyChanged

UNANCHORED: Final = "the log's key came with the bundle; give --policy with the one from your own delegate"
"""Why a good signature proves nothing: whoever forged the record could have brought the key along."""

_LAST_TIME: Final = 253_402_300_799
"""The last second of the year 9999, in POSIX time."""


class Witnessed:
    """Takes the bundle's checkpoints in the order of size while the record is read, and judges each.

    ``given`` is the policy that the verifier was handed, ``policy`` the first one, which may come from the bundle, and
    ``claimed`` are the keys in the manifest. Which key and which policy count at which size is said by the record, as
    far as it says anything; what it says is believed if a chain of signatures leads to it from what was handed over:
    each link a checkpoint that commits to the change, and is signed by what it replaces. ``entries`` are the times that
    entries say, which the witnesses' own are held against.
    """

    def __init__(
        self,
        report: Report,
        notes: Iterator[bytes],
        claimed: Sequence[Ed25519Verifier],
        policy: Policy | None,
        entries: EntryTimes,
        *,
        given: Policy | None,
    ) -> None:
        self._report = report
        self._notes = notes
        self._given = given
        self._own = [] if given is None else [log for log in given.logs if log.name == report.origin]
        self._known = list(
            dict.fromkeys([*self._own, *(log for log in claimed if log.name == report.origin)])
        )
        self._trusted = {log.public for log in self._own}
        self._first_policy = policy
        # Whose quorum counts for the reader: the one brought, and each to which its cosignatures lead.
        self._believed: Policy | None = given
        self._kept: list[BundledEntry] = []
        self._committing: list[tuple[int, Note]] = []
        self._anchored: int | None = None
        self._ahead: tuple[Checkpoint, Note] | None = None
        self._last: tuple[Checkpoint, Note] | None = None
        # Of the checkpoints before the first rotation: the first that lacks a key's signature, by key.
        self._lacking: dict[bytes, int] = {}
        self._foreign: int | None = None
        self.standing = Standing()
        self.times: list[OutsideTime] = []
        self._entries = entries
        # Whether what is withheld may change the keys, or the policy, from here on.
        self._hidden = False
        self._hidden_policy = False
        if (not self._own and given is not None and given.logs) or not self._known:
            report["signatures"].fail(f"no key of the log {report.origin!r} is known")
        self._advance()

    @property
    def rooted(self) -> bool:
        """Whether the reader brought a key of this log."""
        return bool(self._own)

    @property
    def last(self) -> Note | None:
        """The note of the last checkpoint."""
        return None if self._last is None else self._last[1]

    def keep(self, entry: BundledEntry) -> None:
        """Keep an entry that says something of the log, for evidence to show it; there are twenty keys at the most."""
        if len(self._kept) < 2 * MOST_LOG_KEYS:
            self._kept.append(entry)

    def rotations(self) -> list[tuple[BundledEntry, Note]]:
        """The rotations on the record, each with checkpoints that commit to it: the first, and the last."""
        named = {one.named for one in self.standing.keys if one.named is not None}
        found = []
        for entry in self._kept:
            if entry.position in named and entry.content is not None:
                notes = [note for size, note in self._committing if size > entry.position]
                found += [(entry, note) for note in dict.fromkeys([*notes[:2], *notes[-1:]])]
        return found

    def inclusion(self, position: int, note: Note, lookup: TileReader) -> tuple[bytes, ...]:
        """The proof that the checkpoint in ``note`` commits to the entry at ``position``."""
        return tuple(inclusion_proof(position, parse_text(note.text).size, lookup))

    def against(self, manifest: Manifest, policy: bytes | None) -> None:
        """Hold what the bundle says beside the record of keys and policy against what the record says."""
        named = {one.key for one in self.standing.keys}
        if named and not self._hidden and set(manifest.log_keys) != named:
            self._report["signatures"].fail("the manifest names other keys of the log than the record")
        if policy is None:
            return
        beside = policies.parse(policy)
        if any(log.encoded() not in manifest.log_keys for log in beside.logs):
            self._report["signatures"].fail("the policy beside the record names a key that is not the log's")
        recorded = self.standing.policy_at(self._report.size)
        if recorded is not None and not self._hidden_policy:
            holds = self._policy_at(self._report.size)
            if holds is not None and not same_policy(holds, beside):
                self._report["quorum"].fail(
                    "the policy beside the record is not the one that the record names"
                )
        elif self._given is not None and not same_policy(self._given, beside):
            self._report["quorum"].note(
                "the policy in the bundle is not the one that you gave; it counts for nothing"
            )

    def tell(self, position: int, type_: str, facts: Mapping[str, Any] | None) -> None:
        """Take in an entry that says which key or policy counts from here on."""
        if facts is None:
            self._hide(type_)
            return
        before = self.standing.keys
        # Twenty are all that the rules allow; a forged record with thousands would cost their square.
        if type_ == LogKeyRotated.type and len(before) >= MOST_LOG_KEYS:
            self._report["signatures"].fail(f"entry {position}: the log has had {MOST_LOG_KEYS} keys already")
            return
        try:
            self.standing.tell(position, type_, facts["event"])
        except (KeyError, ValueError, TypeError) as error:
            self._report["signatures"].fail(f"entry {position}: it does not read: {str(error)[:200]}")
            return
        if not before and self.standing.keys:
            self._begun_with(Ed25519Verifier.decoded(self.standing.keys[0].key))

    def withheld(self) -> None:
        """Take in an entry of which only the leaf hash is there: it may say anything."""
        self._hidden = self._hidden_policy = True

    def _hide(self, type_: str) -> None:
        if type_ == WitnessPolicyChanged.type:
            self._hidden_policy = True
        else:
            self._hidden = True

    def reach(self, size: int, root: Callable[[], bytes]) -> None:
        """The record comes to ``root()`` at ``size``: judge the checkpoint of that size, if there is one."""
        while self._ahead is not None and self._ahead[0].size <= size:
            checkpoint, note = self._ahead
            twice = self._last is not None and self._last[0].size == size
            if checkpoint.size == size and not twice:
                self._judge(checkpoint, note, root())
                self._last = self._ahead
            else:
                self._report["consistency"].fail(
                    f"the checkpoint at size {checkpoint.size} stands out of order, or there are two of it"
                )
            self._advance()

    def finish(self) -> None:
        """Judge what is left."""
        size, signatures = self._report.size, self._report["signatures"]
        beyond = self._ahead
        while self._ahead is not None:
            self._advance()
        if beyond is not None:
            self._report["completeness"].fail(
                f"the log signed {beyond[0].size} entries, and the record here ends at {size}: it was truncated"
            )
        if self._last is None or self._last[0].size != size:
            last = 0 if self._last is None else self._last[0].size
            signatures.fail(f"no checkpoint commits to the whole record: the last is at size {last}")
        if self._own:
            if not self.standing.keys and self._foreign is not None and not self._hidden:
                signatures.fail(f"the checkpoint at size {self._foreign} is not signed by its log")
            elif self._last is not None and self._anchored != self._last[0].size:
                said = "no key that you know signed the last checkpoint, and the record leads from none to one that did"
                (signatures.gap if self._hidden else signatures.fail)(said)
        if self._hidden:
            signatures.gap("entries are withheld that say, or may say, which keys of the log count")
        self._finish_quorum(size)
        counting = self.standing.keys_at(size)
        self._report.log_keys = tuple(
            key.encoded() for key in (counting if counting is not None else self._own or self._known)
        )

    def counted(self, note: Note, size: int) -> None:
        """Return if a key that counts at ``size`` signed the note of a checkpoint that somebody kept.

        Raises:
            SignatureInvalid: none did.
        """
        counting = self.standing.keys_at(size)
        if counting is not None and self._hidden:
            counting = (*counting, *self._known)
        verify(note, counting if counting is not None else self._own or self._known)

    def _begun_with(self, first: Ed25519Verifier) -> None:
        """The record names the key that it began with: what was signed before has to be signed with that."""
        lacking = self._lacking.get(first.public)
        if first not in self._known and self._last is not None:
            lacking = self._last[0].size
        # Where an entry before it is withheld, it may be a later rotation than the first; finish says so.
        if lacking is not None and not self._hidden:
            self._report["signatures"].fail(
                f"the checkpoint at size {lacking} is not signed with the key that the record says it began with"
            )

    def _finish_quorum(self, size: int) -> None:
        quorum, believed = self._report["quorum"], self._believed
        if believed is None:
            quorum.gap(
                "nobody but the log vouches for the record, and no policy was given that names witnesses; give "
                "--policy with the one that the parties agreed on"
            )
        elif self._hidden_policy:
            quorum.gap("entries are withheld that say, or may say, which witnesses count")
        elif believed.satisfied_by([]):
            quorum.gap(
                "the policy that you gave asks for no witness, so that nobody but the log vouches for the record, "
                "nor for any other policy in it"
            )
        elif self._report.final_size != size:
            holds = self._policy_at(size)
            changed = holds is not None and self._recorded(size) and not same_policy(holds, believed)
            quorum.fail(
                f"the quorum {believed.quorum!r} has not cosigned the whole record of {size} entries; final are "
                f"{self._report.final_size or 0}"
                + (
                    ". The record names another policy since, and the quorum that you know has not cosigned that: "
                    "if the parties did change it, give --policy with the present one, from your own delegate"
                    if changed
                    else ""
                )
            )

    def _recorded(self, size: int) -> bool:
        return self.standing.policy_at(size) is not None

    def _policy_at(self, size: int) -> Policy | None:
        text = self.standing.policy_at(size)
        if text is None:
            return self._first_policy
        try:
            return read_policy(text)
        except LedgerError as error:
            self._report["quorum"].fail(f"the policy on the record does not read: {error.what}")
            return None

    def _advance(self) -> None:
        content = next(self._notes, None)
        if content is None:
            self._ahead = None
            return
        note = parse_note(content)
        self._ahead = (parse_text(note.text), note)

    def _judge(self, checkpoint: Checkpoint, note: Note, root: bytes) -> None:
        consistency, signatures = self._report["consistency"], self._report["signatures"]
        consistency.checked += 1
        if checkpoint.origin != self._report.origin:
            consistency.fail(
                f"the checkpoint at size {checkpoint.size} is of another log: {checkpoint.origin[:80]!r}"
            )
        if checkpoint.root != root:
            consistency.fail(
                f"the checkpoint at size {checkpoint.size} commits to the root {checkpoint.root.hex()}, and the record "
                f"comes to {root.hex()}"
            )
        if checkpoint.extensions:
            consistency.fail(
                f"the checkpoint at size {checkpoint.size} has lines that no checkpoint of an accord has"
            )
        signatures.checked += 1
        holds = self._policy_at(checkpoint.size)
        witnesses = [
            key
            for policy in (holds, self._believed)
            if policy is not None
            for key in policy.witnesses.values()
        ]
        logs = dict.fromkeys([*self._known, *self._named()])
        try:
            signed = verify(note, [*logs, *witnesses])
        except LedgerError as error:
            signatures.fail(f"the checkpoint at size {checkpoint.size}: {error.what}")
            return
        if not self._signed(
            checkpoint.size, {key.public for key in signed if isinstance(key, Ed25519Verifier)}
        ):
            return
        if self._given is None:
            signatures.gap(UNANCHORED)
        self._committing.append((checkpoint.size, note))
        cosigners = [key for key in signed if isinstance(key, CosignatureVerifier)]
        self._report["quorum"].checked += len(cosigners)
        if checkpoint.root == root:
            self._cosigned(checkpoint.size, holds, cosigners)
            self._timed(checkpoint.size, note, cosigners)

    def _named(self) -> list[Ed25519Verifier]:
        return [Ed25519Verifier.decoded(one.key) for one in self.standing.keys]

    def _signed(self, size: int, by: set[bytes]) -> bool:
        """Whether a key that counts at ``size`` is among those that signed; what they lead to is trusted then."""
        counting = self.standing.keys_at(size)
        if counting is None:
            if not by:
                self._report["signatures"].fail(f"the checkpoint at size {size} is not signed by its log")
                return False
            for key in self._known:
                if key.public not in by:
                    self._lacking.setdefault(key.public, size)
            if not by & self._trusted and self._foreign is None:
                self._foreign = size
            valid = by
        else:
            valid = by & {key.public for key in counting}
            if not valid and self._hidden and by - {key.public for key in self._named()}:
                # What is withheld may name that key; finish says so.
                return False
            if not valid:
                self._report["signatures"].fail(
                    f"the checkpoint at size {size} is not signed with a key that counts there by the record"
                    + ("; a key signed it that is retired, or not yet named" if by else "")
                )
                return False
        if valid & self._trusted:
            # Whoever is trusted commits to all entries below, and so to the keys that they name.
            self._trusted |= {key.public for key in self._named()}
            self._anchored = size
        return True

    def _timed(self, size: int, note: Note, cosigners: Sequence[CosignatureVerifier]) -> None:
        """When the witnesses that the reader believes say that they saw the checkpoint."""
        if self._believed is None:
            return
        believed = {(key.name, key.key_id) for key in self._believed.witnesses.values() if key in cosigners}
        for signature in note.signatures:
            if (signature.name, signature.key_id) in believed and cosigned_at(signature) <= _LAST_TIME:
                time = datetime.fromtimestamp(cosigned_at(signature), UTC)
                self.times.append(OutsideTime(size, time, signature.name, "witness"))
                problem = self._entries.contradict(time, f"the witness {signature.name}")
                if problem is not None:
                    self._report["quorum"].note(problem)

    def _cosigned(self, size: int, holds: Policy | None, cosigners: list[CosignatureVerifier]) -> None:
        """Whether the checkpoint is final by a policy that the reader brought, or that leads from it to the record's.

        A policy that asks for nobody leads nowhere: anybody satisfies it.
        """
        if self._believed is None or self._given is None or self._hidden_policy:
            return
        if holds is not None and self._recorded(size) and not same_policy(holds, self._believed):
            vouched = not self._believed.satisfied_by([]) and self._believed.satisfied_by(cosigners)
            if vouched or same_policy(holds, self._given):
                self._believed = holds
        if self._believed.satisfied_by(cosigners) and not self._believed.satisfied_by([]):
            self._report.final_size = size
