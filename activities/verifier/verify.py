"""Verify a bundle: one pass over the record in bounded memory, one finding for each question.

What is read is never trusted: leaf hashes are recomputed from entries, tiles from leaf hashes, roots from tiles, and
the state from the events. Signatures prove something only under keys that the verifier was given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from activities.bundle.format import Bundle, BundledEntry
from activities.checkpoints.standing import TYPES
from activities.errors import LedgerError
from activities.ledger.entry import Payload, parse
from activities.tlog import policy as policies
from activities.tlog.checkpoint import Checkpoint, parse_text
from activities.tlog.merkle import Frontier, Node, consistency_proof, leaf_hash, root_at
from activities.tlog.note import Ed25519Verifier, Note
from activities.tlog.policy import Policy
from activities.tlog.tiles import HEIGHT, WIDTH, Tile, TileReader
from activities.verifier.acts import Completeness, SignedActs
from activities.verifier.erasures import Erasures
from activities.verifier.evidence import Evidence
from activities.verifier.findings import Report
from activities.verifier.fold import Fold
from activities.verifier.groups import Group, Told
from activities.verifier.own import OwnSignatures
from activities.verifier.witnessed import Witnessed

Progress = Callable[[int, int], None]
"""Is told how many entries of how many are done; from time to time."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What the verifier has from a source of its own.

    ``policy`` names the log's key and the witnesses, ``command_keys`` are those of the API (base64 of raw Ed25519
    public keys), ``held`` are notes of checkpoints that were kept from before.
    """

    policy: Policy | None = None
    command_keys: tuple[str, ...] = ()
    held: tuple[Note, ...] = field(default=())


def verify_bundle(path: Path, trust: Trust | None = None, progress: Progress | None = None) -> Report:
    """Verify the bundle ``path``.

    Raises:
        Malformed: where it is no bundle.
        OSError: where it cannot be read.
    """
    trust = trust or Trust()
    with Bundle(path) as bundle:
        return _Verification(bundle, trust, progress or _silent).run()


def _silent(_done: int, _size: int) -> None:
    """Show no progress."""


class _Verification:
    def __init__(self, bundle: Bundle, trust: Trust, progress: Progress) -> None:
        manifest = bundle.manifest
        self._bundle = bundle
        self._trust = trust
        self._progress = progress
        self.report = Report(manifest.accord, manifest.origin, manifest.size)
        given = trust.policy
        policy = given
        if policy is None and bundle.policy is not None:
            policy = policies.parse(bundle.policy)
        claimed = [Ed25519Verifier.decoded(key) for key in manifest.log_keys]
        self._witnessed = Witnessed(self.report, bundle.checkpoints(), claimed, policy, given=given)
        self._erasures = Erasures(self.report["completeness"])
        self._acts = SignedActs(
            self.report["acts"], trust.command_keys or manifest.command_keys, given=bool(trust.command_keys)
        )
        self._own = OwnSignatures(self.report["acts"])
        self._complete = Completeness(
            self.report["completeness"], None if manifest.audience == "none" else bundle.commands()
        )
        self._fold = Fold(self.report["fold"])
        self._tree = _Tree(self.report, bundle.hashes)
        self._group = Group()

    def run(self) -> Report:
        for entry in self._bundle.entries():
            if entry.position % WIDTH == 0:
                self._progress(entry.position, self.report.size)
            told = self._read(entry)
            if told is None or told.entry.causation is None:
                self._close()
            self._add(told)
            if told is None:
                self._witnessed.withheld()
            elif told.entry.type in TYPES:
                self._witnessed.tell(entry.position, told.entry.type, told.facts)
            self._erasures.take(entry.position, told)
            self._tree.append(entry.leaf)
            self._witnessed.reach(entry.position + 1, self._tree.root)
        self._close()
        self._progress(self.report.size, self.report.size)
        self._tree.finish()
        last = self._witnessed.finish()
        self._complete.finish(self.report.size)
        self._erasures.finish()
        self._fold.finish(self._bundle.manifest.state)
        self._against_held(last)
        self._describe()
        return self.report

    def _read(self, entry: BundledEntry) -> Told | None:
        """The entry, with its bytes and payloads held against their hashes."""
        record = self.report["record"]
        record.checked += 1
        if entry.content is None:
            self.report.withheld += 1
            record.gap("entries are withheld; their leaf hashes stand in the tree")
            return None
        if leaf_hash(entry.content) != entry.leaf:
            record.fail(
                f"entry {entry.position}: its bytes do not have the leaf hash that stands in the tree"
            )
        try:
            said = parse(entry.content)
        except LedgerError as error:
            record.fail(f"entry {entry.position}: {error.what}")
            return None
        if (said.accord, said.position) != (self.report.accord, entry.position):
            record.fail(
                f"entry {entry.position}: it says that it is {said.position} of {said.accord[:80]!r}: it was moved"
            )
        facts = self._payload(entry.position, "facts", entry.facts, said.facts)
        particulars = self._payload(entry.position, "particulars", entry.particulars, said.particulars)
        if entry.particulars == "erased":
            self.report.erased += 1
        return Told(said, entry.leaf, facts, particulars, erased=entry.particulars == "erased")

    def _payload(
        self, position: int, kind: str, payload: Payload | str, digest: str
    ) -> dict[str, object] | None:
        if not isinstance(payload, Payload):
            if kind == "facts" and payload == "erased":
                self.report["record"].fail(
                    f"entry {position}: its facts are said to be erased, which facts never are"
                )
            return None
        try:
            payload.verify(digest)
            return payload.value()
        except LedgerError as error:
            self.report["record"].fail(f"entry {position}: {kind}: {error.what}")
            return None

    def _add(self, told: Told | None) -> None:
        if told is None:
            self._fold.stop("entries are absent, and the rules cannot be applied without them")
            self._complete.give_up()
            self.report["acts"].gap("entries are absent")
            return
        if not self._group.told and told.entry.causation is not None:
            if not self.report.withheld:
                self.report["completeness"].fail(
                    f"entry {told.entry.position}: the entry {told.entry.causation} that caused it is not before it"
                )
        elif self._group.told:
            first = self._group.told[0].entry
            if (told.entry.causation, told.entry.command) != (first.position, first.command):
                self.report["completeness"].fail(
                    f"entry {told.entry.position}: it stands among the entries of the command {first.command!r}, "
                    "and is not one of them"
                )
        self._group.told.append(told)

    def _close(self) -> None:
        """The entries of a command are all there: judge them together."""
        group, self._group = self._group, Group()
        if not group.told:
            return
        command = self._complete.take(group, self._tree.root().hex())
        before = None if self._fold.stopped else self._fold.state
        self._fold.take(group)
        self._acts.check(group, command)
        self._own.check(group, before)
        if command is not None:
            self._fold.check_receipt(command.receipt)

    def _describe(self) -> None:
        state = self._fold.state
        if state is not None and not self._fold.stopped:
            from workflows.model.rules import stage
            from workflows.model.state import state_digest

            self.report.stage = stage(state)
            self.report.state, self.report.version = state_digest(state), state.version
        if state is not None:
            self.report.rules = state.rules
            self.report.illustrative = state.definition.illustrative
            self.report.simulated = state.definition.clock.mode == "simulated"
        if self.report.erased:
            self.report["record"].note(f"particulars of {self.report.erased} entries are erased")

    def _against_held(self, last: Note | None) -> None:
        """Hold the record against the checkpoints that were kept from before."""
        for note in self._trust.held:
            try:
                held = parse_text(note.text)
                if held.origin == self.report.origin:
                    self._witnessed.counted(note, held.size)
            except LedgerError as error:
                self.report["signatures"].fail(f"a checkpoint that you hold: {error.what}")
                continue
            self._hold(held, note, last)

    def _hold(self, held: Checkpoint, note: Note, last: Note | None) -> None:
        if held.origin != self.report.origin:
            self.report["consistency"].fail(
                f"a checkpoint that you hold is of another log: {held.origin[:80]!r}"
            )
            return
        if held.size > self.report.size:
            self.report["completeness"].fail(
                f"you hold a checkpoint of {held.size} entries, and the record here ends at {self.report.size}: it was "
                "truncated, or is an old copy"
            )
            return
        lookup = TileReader(self.report.size, self._tile)
        root = root_at(held.size, lookup)
        self.report["consistency"].checked += 1
        if root == held.root:
            return
        self.report["consistency"].fail(
            f"the checkpoint that you hold commits to the root {held.root.hex()} at size {held.size}, and the record "
            f"comes to {root.hex()}: two histories were shown"
        )
        if last is not None and parse_text(last.text).root == self._tree.root():
            proof = consistency_proof(held.size, self.report.size, lookup)
            same = held.size == self.report.size
            evidence = Evidence(
                (note.encoded(), last.encoded()), None if same else root, () if same else proof
            )
            self.report.evidence = evidence.encoded()

    def _tile(self, tile: Tile) -> bytes:
        return b"".join(self._bundle.hashes(tile))


class _Tree:
    """Builds the tree from the leaf hashes, and holds every tile above the leaves against it."""

    def __init__(self, report: Report, read: Callable[[Tile], list[bytes]]) -> None:
        self._report = report
        self._read = read
        self._frontier = Frontier()
        self._rows: dict[int, list[bytes]] = {}
        self._done: dict[int, int] = {}

    def root(self) -> bytes:
        """The root of what was appended so far."""
        return self._frontier.root()

    def append(self, leaf: bytes) -> None:
        """Add a leaf hash."""
        self._frontier, nodes = self._frontier.append(leaf)
        for node in nodes:
            self._keep(node)

    def finish(self) -> None:
        """Check the tiles that are not full."""
        for level in list(self._rows):
            self._check(level)

    def _keep(self, node: Node) -> None:
        level, rest = divmod(node.level, HEIGHT)
        # The tiles of level 0 are where the leaf hashes were read from.
        if rest or not level:
            return
        self._rows.setdefault(level, []).append(node.hash)
        if len(self._rows[level]) == WIDTH:
            self._check(level)

    def _check(self, level: int) -> None:
        row = self._rows[level]
        if not row:
            return
        tile = Tile(level, self._done.get(level, 0), len(row))
        if self._read(tile) != row:
            self._report["record"].fail(
                f"{tile.path()} does not have the hashes that follow from the entries"
            )
        self._done[level] = tile.index + 1
        self._rows[level] = []


__all__ = ["Progress", "Trust", "verify_bundle"]
