"""Checkpoints against the record: consistency, the log's signatures, the witnesses' quorum."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from activities.ledger.checkpoint import Checkpoint, parse_text
from activities.ledger.cosignature import CosignatureVerifier
from activities.ledger.errors import LedgerError, Malformed
from activities.ledger.note import Ed25519Verifier, Note, verify
from activities.ledger.note import parse as parse_note
from activities.ledger.policy import Policy
from activities.verifier.findings import Report

UNANCHORED: Final = "the log's key came with the bundle; give --policy with the one from your own delegate"
"""Why a good signature proves nothing: whoever forged the record could have brought the key along."""


class Witnessed:
    """Takes the bundle's checkpoints in the order of size while the record is read, and judges each.

    ``given`` is the policy that the verifier was handed, ``policy`` the one in force, which may come from the bundle.
    """

    def __init__(
        self,
        report: Report,
        notes: Iterator[bytes],
        logs: Sequence[Ed25519Verifier],
        policy: Policy | None,
        *,
        given: bool,
    ) -> None:
        self._report = report
        self._notes = notes
        self._logs = [log for log in logs if log.name == report.origin]
        self._policy = policy
        self._given = given
        self._ahead: tuple[Checkpoint, Note] | None = None
        self._last: tuple[Checkpoint, Note] | None = None
        if not self._logs:
            report["signatures"].fail(f"no key of the log {report.origin!r} is known")
        self._advance()

    def reach(self, size: int, root: Callable[[], bytes]) -> None:
        """The record comes to ``root()`` at ``size``: judge the checkpoint of that size, if there is one."""
        while self._ahead is not None and self._ahead[0].size <= size:
            checkpoint, note = self._ahead
            if checkpoint.size == size:
                self._judge(checkpoint, note, root())
            else:
                self._report["consistency"].fail(
                    f"the checkpoint at size {checkpoint.size} stands out of order"
                )
            self._last = self._ahead
            self._advance()

    def finish(self) -> Note | None:
        """Judge what is left; returns the note of the last checkpoint."""
        size = self._report.size
        if self._ahead is not None:
            self._report["completeness"].fail(
                f"the log signed {self._ahead[0].size} entries, and the record here ends at {size}: it was truncated"
            )
        if self._last is None or self._last[0].size != size:
            last = 0 if self._last is None else self._last[0].size
            self._report["signatures"].fail(
                f"no checkpoint commits to the whole record: the last is at size {last}"
            )
        quorum = self._report["quorum"]
        if self._policy is None:
            quorum.gap(
                "no policy names witnesses, so that nobody but the log vouches for the record; give --policy"
            )
        elif self._report.final_size != size:
            quorum.fail(
                f"the quorum {self._policy.quorum!r} has not cosigned the whole record of {size} entries; final are "
                f"{self._report.final_size or 0}"
            )
        elif self._policy.satisfied_by([]):
            quorum.gap("the policy asks for no witness, so that nobody but the log vouches for the record")
        elif not self._given:
            quorum.gap(
                "the policy came with the bundle; give --policy with the one that the parties agreed on"
            )
        return None if self._last is None else self._last[1]

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
        signatures.checked += 1
        try:
            signed = verify(note, [*self._logs, *self._witnesses()])
        except LedgerError as error:
            signatures.fail(f"the checkpoint at size {checkpoint.size}: {error.what}")
            return
        if not any(isinstance(key, Ed25519Verifier) and key in self._logs for key in signed):
            signatures.fail(f"the checkpoint at size {checkpoint.size} is not signed by its log")
            return
        if not self._given:
            signatures.gap(UNANCHORED)
        cosigners = [key for key in signed if isinstance(key, CosignatureVerifier)]
        self._report["quorum"].checked += len(cosigners)
        if self._policy is not None and checkpoint.root == root and self._policy.satisfied_by(cosigners):
            self._report.final_size = checkpoint.size

    def _witnesses(self) -> list[CosignatureVerifier]:
        return [] if self._policy is None else list(self._policy.witnesses.values())


def parse_held(content: bytes) -> Note:
    """The note in a checkpoint, receipt or finality proof that somebody kept.

    Raises:
        Malformed: where it is none of them.
    """
    from activities.ledger import tlogproof

    if content.startswith(tlogproof.HEADER.encode()):
        content = tlogproof.parse(content).checkpoint
    note = parse_note(content)
    if not note.text:
        raise Malformed("the checkpoint is empty", "Fetch it again")
    return note
