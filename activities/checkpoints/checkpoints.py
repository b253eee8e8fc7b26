"""Checkpoints of the accords' logs: signed after the commit, kept, and handed out as receipts and finality proofs.

A checkpoint is signed over the root that the committed record has, never over one that is about to be written.
Before each signature the database has to extend the last checkpoint that was signed
(:mod:`activities.checkpoints.rollback`).
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any, Final

import asyncpg

from activities.checkpoints.logkeys import LogKeys
from activities.checkpoints.rollback import Guard, RolledBack, Seen
from activities.checkpoints.standing import TYPES, Standing
from activities.checkpoints.store import CheckpointStore, StoredCheckpoint
from activities.checkpoints.timestamps import TimestampStore
from activities.errors import LedgerError, Malformed, ProofInvalid, SignatureInvalid
from activities.ledger.store import Head, Ledger
from activities.tlog import policy as policies
from activities.tlog.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from activities.tlog.cosignature import CosignatureVerifier
from activities.tlog.merkle import (
    Coordinate,
    consistency_nodes,
    consistency_proof,
    inclusion_nodes,
    inclusion_proof,
    range_nodes,
    root_at,
    verify_consistency,
)
from activities.tlog.note import Ed25519Signer, Ed25519Verifier, Signature, signature_of
from activities.tlog.policy import Policy
from activities.tlog.proofs import TlogProof
from activities.tlog.tiles import Tile, encode_entries, encode_hashes
from workflows.model.addresses import parse_address

RESTORED: Final = (
    "An older backup of the database was restored, or this is another database. Bring back the latest one, by "
    "replaying the archived write-ahead log or from a replica. If those entries are lost for good, tell every party: "
    "this log has to end at the last checkpoint that they hold, and the accord goes on in a new one"
)
"""What to do about a database that is behind what was signed."""

_LOOKED_BACK: Final = 20
"""Checkpoints, each cosigned by somebody, among which the newest final one is looked for."""


class NoSuchEntry(LedgerError):
    """There is no such accord, or it has no entry at that position."""


class Checkpoints:
    """Signs, keeps and proves. One for each process, over the ledger and the database that it stands on."""

    def __init__(self, ledger: Ledger, pool: asyncpg.Pool[Any], keys: LogKeys, guard: Guard) -> None:
        self.store = CheckpointStore(pool)
        self.timestamps = TimestampStore(pool)
        self.keys = keys
        self._ledger = ledger
        self._guard = guard

    async def sign(self, accord: str, size: int | None = None) -> StoredCheckpoint:
        """The checkpoint of ``accord`` at ``size`` entries, by default at all; signed now if it was not before.

        Raises:
            NoSuchEntry: where there is no such accord, or it has fewer entries.
            RolledBack: where the database does not extend what was signed before. Nothing is signed then.
            ProofInvalid: where the stored tree contradicts itself.
        """
        head = await self._head(accord, 1 if size is None else size)
        wanted = head.size if size is None else size
        kept = await self.store.at(accord, wanted)
        if kept is not None and size is not None:
            return kept
        origin = self.keys.origin(accord)
        async with self._guard.locked(origin) as seen:
            # Read again: while waiting for the lock another process may have signed beyond what was read before.
            head = await self._head(accord, wanted)
            await self._extends(head, seen.read(), origin)
            if kept is not None:
                return kept
            checkpoint = Checkpoint(origin, wanted, await self._root(head, wanted))
            _remember(seen, checkpoint)
            newest, *others = await self._signers(accord, wanted)
            note = sign_checkpoint(checkpoint, newest)
            note = note.with_signatures(signature_of(note.text, other) for other in others)
        return await self.store.keep(accord, checkpoint, note)

    async def receipt(self, accord: str, position: int) -> TlogProof:
        """The proof that an entry is in the log, against the checkpoint at the end of its command.

        The same bytes whenever it is asked for: the command's end never changes, and its checkpoint is kept. Where the
        key that counted there is retired and gone, it is the first later size at which a change of keys lets sign.

        Raises:
            NoSuchEntry: where there is no such entry.
            RolledBack, SignatureInvalid: as :meth:`sign`.
        """
        await self._head(accord, position + 1)
        [entry] = await self._ledger.entries(accord, position, 1)
        found = await self._ledger.outcome(accord, entry.entry().command)
        if found is None:
            raise NoSuchEntry(
                f"entry {position} of {accord!r} has no command beside it",
                "Restore the table commands from a backup",
            )
        kept = await self._signed_from(accord, found.receipt.size)
        proof = await self.inclusion(accord, position, kept.checkpoint.size)
        return TlogProof(position, proof, kept.note.encoded())

    async def _signed_from(self, accord: str, size: int) -> StoredCheckpoint:
        """The checkpoint at ``size``; where no key is left for it, at the first change of keys that can be signed."""
        try:
            return await self.sign(accord, size)
        except SignatureInvalid:
            for later in (await self.standing(accord)).changes_of_keys():
                if later > size:
                    with contextlib.suppress(SignatureInvalid):
                        return await self.sign(accord, later)
            raise

    async def finality(self, accord: str, position: int) -> TlogProof | None:
        """The proof against the first later checkpoint that has its quorum; ``None`` while there is none.

        Raises:
            NoSuchEntry: where there is no such entry, or the accord has no policy.
        """
        await self._head(accord, position + 1)
        await self.policy(accord)
        standing, first = await self.standing(accord), await self.store.policy(accord)
        for kept in await self.store.cosigned_from(accord, position + 1):
            if self._is_final(accord, kept, standing, first):
                proof = await self.inclusion(accord, position, kept.checkpoint.size)
                return TlogProof(position, proof, kept.cosigned().encoded())
        return None

    async def newest_final(self, accord: str, above: int) -> StoredCheckpoint | None:
        """The largest checkpoint of more than ``above`` entries that has its quorum; of the last few cosigned ones."""
        standing, first = await self.standing(accord), await self.store.policy(accord)
        for kept in await self.store.last_cosigned(accord, above, _LOOKED_BACK):
            if self._is_final(accord, kept, standing, first):
                return kept
        return None

    def _is_final(self, accord: str, kept: StoredCheckpoint, standing: Standing, first: bytes | None) -> bool:
        """Whether a checkpoint has the quorum of the policy at its size; ``first`` is the one before any on record."""
        size = kept.checkpoint.size
        text = standing.policy_at(size)
        try:
            policy = policies.parse((first or b"") if text is None else text.encode())
            logs = standing.keys_at(size) or self.keys.verifiers(accord)
            replace(policy, logs=logs).open(kept.cosigned())
        except (SignatureInvalid, Malformed):
            return False
        return True

    async def watched(self, accord: str) -> bool:
        """Whether somebody is named at present to witness the accord."""
        content = await self.policy_text(accord)
        return content is not None and bool(policies.parse(content).witnesses)

    async def inclusion(self, accord: str, position: int, size: int) -> tuple[bytes, ...]:
        """The inclusion proof of an entry in the tree of ``size`` entries."""
        nodes = await self._nodes(accord, inclusion_nodes(position, size))
        return inclusion_proof(position, size, lambda level, index: nodes[level, index])

    async def consistency(self, accord: str, old: int, new: int) -> tuple[bytes, ...]:
        """The proof that the tree of ``new`` entries extends that of ``old``."""
        nodes = await self._nodes(accord, consistency_nodes(old, new))
        return consistency_proof(old, new, lambda level, index: nodes[level, index])

    async def tile(self, accord: str, tile: Tile) -> bytes:
        """The content of a tile or of a bundle of entries (C2SP ``tlog-tiles``).

        Raises:
            NoSuchEntry: where the log is not large enough for it.
        """
        shift = 8 * (tile.level or 0)
        start = tile.index * 256
        await self._head(accord, (start + tile.width) << shift)
        if tile.level is None:
            found = await self._ledger.entries(accord, start, tile.width)
            return encode_entries([entry.content for entry in found])
        nodes = await self._nodes(accord, tile.nodes())
        return encode_hashes(tile, lambda level, index: nodes[level, index])

    async def standing(self, accord: str) -> Standing:
        """What the record says of the accord's log.

        Raises:
            LedgerError: where an entry was altered.
        """
        found = Standing()
        for entry in await self._ledger.entries_of(accord, TYPES):
            told = entry.recorded()
            found.tell(told.position, told.type, told.facts["event"])
        return found

    async def verifiers(self, accord: str) -> tuple[Ed25519Verifier, ...]:
        """The keys that sign the log at present, the newest first: by the record, else by the key file."""
        head = await self._ledger.head(accord)
        named = (await self.standing(accord)).keys_at(0 if head is None else head.size)
        return named or self.keys.verifiers(accord)

    async def all_verifiers(self, accord: str) -> tuple[Ed25519Verifier, ...]:
        """Every key that signs or has signed the log by the record, the first one first; else this installation's."""
        named = (await self.standing(accord)).keys
        return tuple(Ed25519Verifier.decoded(one.key) for one in named) or self.keys.verifiers(accord)

    async def policy_text(self, accord: str, size: int | None = None) -> bytes | None:
        """The policy that holds at ``size``, by default at present: by the record, else the one that was set."""
        standing, head = await self.standing(accord), await self._ledger.head(accord)
        size = size if size is not None else 0 if head is None else head.size
        recorded = standing.policy_at(size)
        if recorded is None:
            return await self.store.policy(accord)
        logs = standing.keys_at(size) or self.keys.verifiers(accord)
        return "".join(f"log {key.encoded()}\n" for key in logs).encode() + recorded.encode()

    async def policy(self, accord: str, size: int | None = None) -> Policy:
        """The accord's policy at ``size`` entries, at present by default.

        Raises:
            NoSuchEntry: where it has none.
        """
        content = await self.policy_text(accord, size)
        if content is None:
            raise NoSuchEntry(
                f"the accord {accord!r} has no policy: nobody is named who would make a checkpoint final",
                "Set one with `entente policy set`",
            )
        return policies.parse(content)

    async def set_policy(self, accord: str, content: bytes) -> Policy:
        """Set who makes the checkpoints of an accord final.

        Raises:
            Malformed: where it is no policy, or does not name this log's key.
        """
        policy = policies.parse(content)
        for name, address in policy.addresses.items():
            try:
                parse_address(address)
            except ValueError as error:
                raise Malformed(
                    f"the witness {name} cannot be asked: {error}", "Correct its address in the policy"
                ) from None
        if (await self.standing(accord)).policies:
            raise Malformed(
                f"the policy of {accord!r} is on its record, and changes by all its parties only",
                "Let a party propose another: entente propose-witness-policy",
            )
        own = {key.public for key in self.keys.verifiers(accord)}
        if not any(log.name == self.keys.origin(accord) and log.public in own for log in policy.logs):
            raise Malformed(
                f"the policy does not name the key of {self.keys.origin(accord)}",
                f"Add the line: log {self.keys.verifiers(accord)[0].encoded()}",
            )
        await self.store.set_policy(accord, content)
        return policy

    async def mirror_policy(self, accord: str) -> None:
        """Let the collector find the accord by the policy that its record has last."""
        for position, text in (await self.standing(accord)).policies[-1:]:
            await self.store.mirror_policy(accord, text.encode(), position)

    async def watching(self, accord: str) -> dict[str, CosignatureVerifier]:
        """The witnesses to ask, by their names: those of the present policy, and of the one that it replaced.

        A reader who knows the earlier policy is led to the next one by a checkpoint which commits to the change, and
        has the earlier policy's quorum; so those witnesses are asked as well.
        """
        return {name: key for name, key, _ in await self._asked(accord)}

    async def addresses(self, accord: str) -> dict[str, tuple[CosignatureVerifier, str]]:
        """Of the witnesses to ask, those that can be reached, with their addresses, by their names."""
        return {name: (key, address) for name, key, address in await self._asked(accord) if address}

    async def _asked(self, accord: str) -> list[tuple[str, CosignatureVerifier, str]]:
        present = await self.policy(accord)
        changes = [position for position, _ in (await self.standing(accord)).policies]
        before = await self.policy_text(accord, changes[-1]) if changes else None
        found: dict[tuple[str, bytes], tuple[str, CosignatureVerifier, str]] = {}
        for policy in (present, *([policies.parse(before)] if before is not None else [])):
            for name, key in policy.witnesses.items():
                found.setdefault((key.name, key.key_id), (key.name, key, policy.addresses.get(name, "")))
        return list(found.values())

    async def add_cosignatures(self, accord: str, size: int, signatures: list[Signature]) -> int:
        """Keep those cosignatures that verify under the accord's policy; returns how many did.

        Raises:
            NoSuchEntry: where that checkpoint was not signed, or the accord has no policy.
            SignatureInvalid: where one is forged. None is kept then.
        """
        watching = await self.watching(accord)
        kept = await self.store.at(accord, size)
        if kept is None:
            raise NoSuchEntry(f"no checkpoint of {accord!r} at size {size} was signed", "Sign it first")
        opened = open_checkpoint(
            kept.note.with_signatures(signatures), await self.all_verifiers(accord), watching.values()
        )
        known = {(key.name, key.key_id) for key in opened.witnesses}
        valid = [each for each in signatures if (each.name, each.key_id) in known]
        await self.store.add_cosignatures(accord, size, valid)
        return len(valid)

    async def _signers(self, accord: str, size: int) -> tuple[Ed25519Signer, ...]:
        """The keys that are to sign at ``size``: those that count by the record, else all that the key file gives.

        Raises:
            SignatureInvalid: the key file lacks one that counts.
        """
        own = self.keys.signers(accord)
        counting = (await self.standing(accord)).keys_at(size)
        if counting is None:
            return own
        by_key = {signer.verifier.public: signer for signer in own}
        missing = [key for key in counting if key.public not in by_key]
        if missing:
            raise SignatureInvalid(
                f"by the record {missing[0].encoded()} signs the log of {accord!r}, and the key file does not give it",
                "Put the line of that secret into ENTENTE_LOG_KEY_FILE again, until the key is retired, and restart",
            )
        return tuple(by_key[key.public] for key in counting)

    async def _head(self, accord: str, least: int) -> Head:
        head = await self._ledger.head(accord)
        if head is None or least < 0 or head.size < least:
            raise NoSuchEntry(
                f"the accord {accord!r} has {0 if head is None else head.size} entries, not {least}",
                "Ask for what the record has; a list of accords shows how far each one goes",
            )
        return head

    async def _root(self, head: Head, size: int) -> bytes:
        """The root of the first ``size`` entries, proved to be that of the tree which the head commits to."""
        if size == head.size:
            return head.root
        nodes = await self._nodes(head.accord, range_nodes(0, size))
        root = root_at(size, lambda level, index: nodes[level, index])
        verify_consistency(
            size, head.size, root, head.root, await self.consistency(head.accord, size, head.size)
        )
        return root

    async def _extends(self, head: Head, seen: Checkpoint | None, origin: str) -> None:
        """Check that the database extends the checkpoint ``seen``."""
        if seen is None:
            return
        if head.size < seen.size:
            raise RolledBack(
                f"the database has {head.size} entries of {origin}, and {seen.size} were signed before",
                RESTORED,
            )
        try:
            proof = await self.consistency(head.accord, seen.size, head.size)
            verify_consistency(seen.size, head.size, seen.root, head.root, proof)
        except ProofInvalid:
            raise RolledBack(
                f"the database's {head.size} entries of {origin} do not begin with the {seen.size} that were signed "
                "before",
                RESTORED,
            ) from None

    async def _nodes(self, accord: str, wanted: list[Coordinate]) -> dict[Coordinate, bytes]:
        found = dict(await self._ledger.nodes(accord, wanted))
        if len(found) != len(set(wanted)):
            raise ProofInvalid(
                f"{len(set(wanted)) - len(found)} nodes of the tree of {accord!r} are missing from the database",
                "Restore the table merkle_nodes from a backup; every node follows from the entries",
            )
        return found


def _remember(seen: Seen, checkpoint: Checkpoint) -> None:
    """Write the checkpoint down before its signature leaves, unless a larger one is there already."""
    last = seen.read()
    if last is None or last.size < checkpoint.size:
        seen.write(checkpoint)
