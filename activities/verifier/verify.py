"""Verify a bundle: one pass over the record in bounded memory, one finding for each question.

What is read is never trusted: leaf hashes are recomputed from entries, tiles from leaf hashes, roots from tiles, and
the state from the events. Signatures prove something only under keys that the verifier was given.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography import x509

from activities.bundle.format import FORMAT, FORMAT_TEXT, Bundle, BundledCommand, BundledEntry
from activities.checkpoints.standing import TYPES
from activities.errors import LedgerError
from activities.ledger.entry import Payload
from activities.ledger.parsing import parse
from activities.tlog import policy as policies
from activities.tlog.merkle import Frontier, Node, leaf_hash
from activities.tlog.note import Ed25519Verifier
from activities.tlog.policy import Policy
from activities.tlog.tiles import HEIGHT, WIDTH, Tile, TileReader
from activities.verifier.acts import OWN_WORD, SignedActs, parse_command_key
from activities.verifier.completeness import Completeness
from activities.verifier.erasures import Erasures
from activities.verifier.files import Files
from activities.verifier.findings import Finding, Report
from activities.verifier.fold import Fold
from activities.verifier.groups import Group, Told
from activities.verifier.held import Held, HeldCheckpoints
from activities.verifier.minutes import Minutes, minute_of
from activities.verifier.outside import EntryTimes, stretches
from activities.verifier.own import OwnSignatures
from activities.verifier.refusals import RecordedRefusal, Refusals
from activities.verifier.signatures import SignatureQueue, Waiting
from activities.verifier.timestamps import Timestamps
from activities.verifier.witnessed import Witnessed
from workflows.model.attested import state_digest
from workflows.model.rules import stage

Progress = Callable[[int, int], None]
"""Is told how many entries of how many are done; from time to time."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What the verifier has from a source of its own.

    ``policy`` names the log's key and the witnesses, ``command_keys`` are those of the API (base64 of raw Ed25519
    public keys), ``held`` are checkpoints, receipts and finality proofs that were kept from before, ``authorities``
    certificates of time-stamp authorities: their roots, and what may stand between root and signer.
    """

    policy: Policy | None = None
    command_keys: tuple[str, ...] = ()
    held: tuple[Held, ...] = field(default=())
    authorities: tuple[x509.Certificate, ...] = ()


def verify_bundle(
    path: Path,
    trust: Trust | None = None,
    progress: Progress | None = None,
    executor: Executor | None = None,
    minutes: Minutes | None = None,
) -> Report:
    """Verify the bundle ``path``; signatures on acts by ``executor``, if there is one: a pool of processes.

    ``minutes`` is given each command with what was proved about it.

    Raises:
        Malformed: where it is no bundle.
        OSError: where it cannot be read.
    """
    trust = trust or Trust()
    with Bundle(path) as bundle:
        return _Verification(bundle, trust, progress or _silent, executor, minutes).run()


def _silent(_done: int, _size: int) -> None:
    """Show no progress."""


class _Verification:
    def __init__(
        self,
        bundle: Bundle,
        trust: Trust,
        progress: Progress,
        executor: Executor | None,
        minutes: Minutes | None,
    ) -> None:
        manifest = bundle.manifest
        self._bundle = bundle
        self._trust = trust
        self._progress = progress
        self._minutes = minutes
        self.report = Report(manifest.accord, manifest.origin, manifest.size)
        given = trust.policy
        policy = given
        if policy is None and bundle.policy is not None:
            policy = policies.parse(bundle.policy)
        for key in manifest.command_keys:
            parse_command_key(key)
        claimed = [Ed25519Verifier.decoded(key) for key in manifest.log_keys]
        self._times = EntryTimes()
        self._witnessed = Witnessed(
            self.report, bundle.checkpoints(), claimed, policy, self._times, given=given
        )
        self._erasures = Erasures(self.report["completeness"])
        self._files = None
        if bundle.files is not None:
            self.report.findings["files"] = Finding("files")
            self._files = Files(self.report["files"], bundle.files, bundle.file)
        self._timestamps = None
        # Who brings an authority's certificate asks for its time, also where somebody took the tokens out.
        if manifest.timestamps or trust.authorities:
            finding = self.report.findings["timestamps"] = Finding("timestamps")
            self._timestamps = Timestamps(
                finding, manifest.origin, bundle.timestamps(), trust.authorities, self._times
            )
        self._acts = SignedActs(
            self.report["acts"],
            manifest.accord,
            trust.command_keys or manifest.command_keys,
        )
        self._refusals = Refusals()
        self._own = OwnSignatures(self.report["acts"])
        self._complete = Completeness(
            self.report["completeness"],
            manifest.accord,
            None if manifest.audience == "none" else bundle.commands(),
            self._refusals,
            self._repeat,
            self._acts.check_alone,
        )
        self._fold = Fold(self.report["fold"])
        self._signatures = SignatureQueue(executor, self._acts.signed, self._judge_act)
        self._tree = _Tree(self.report, bundle.hashes)
        self._group = Group()

    def run(self) -> Report:
        for entry in self._bundle.entries():
            if entry.position % WIDTH == 0:
                self._progress(entry.position, self.report.size)
            told = self._read(entry)
            if told is None:
                # Whether the group before it is whole cannot be told.
                self._fold.stop("entries are withheld, and the rules cannot be applied without them")
                self._complete.give_up()
            if told is None or told.entry.causation is None:
                self._close()
            self._add(told)
            if told is None:
                self._witnessed.withheld()
            elif told.entry.type in TYPES:
                self._witnessed.tell(entry.position, told.entry.type, told.facts)
                self._witnessed.keep(entry)
            self._erasures.take(entry.position, told)
            self._own.learn(entry.position, told)
            if self._files is not None:
                self._files.take(told)
            self._tree.append(entry.leaf)
            self._times.take(entry.position, told)
            self._witnessed.reach(entry.position + 1, self._tree.root)
            if self._timestamps is not None:
                self._timestamps.reach(entry.position + 1, self._tree.root)
        self._close()
        self._signatures.finish()
        self._progress(self.report.size, self.report.size)
        self._tree.finish()
        self._witnessed.finish()
        self._witnessed.against(self._bundle.manifest, self._bundle.policy)
        self._complete.finish(self.report.size)
        self._erasures.finish()
        if self._files is not None:
            self._files.finish()
        if self._timestamps is not None:
            self._timestamps.finish()
        stamped = [] if self._timestamps is None else self._timestamps.times
        self.report.outside = stretches([*self._witnessed.times, *stamped])
        self._fold.finish(self._bundle.manifest.state)
        held = HeldCheckpoints(self.report, self._witnessed, TileReader(self.report.size, self._tile))
        held.check(self._trust.held, self._tree.root())
        self._claims()
        self._describe()
        return self.report

    def _claims(self) -> None:
        """What of the bundle's own words is not proved by the rest, and what rests on them."""
        if not self._bundle.same_format:
            self.report["record"].fail(
                f"{FORMAT_TEXT} in it is not the text of {FORMAT} that this verifier knows: believe nothing of it"
            )
        if not self._trust.command_keys:
            self.report["acts"].gap(OWN_WORD)
        others = set(self._bundle.manifest.command_keys) - set(self._trust.command_keys)
        if self._trust.command_keys and others:
            self.report["acts"].note(
                "the bundle names command keys that you did not give; they count for nothing"
            )
        rests = None
        if not self._witnessed.rooted:
            rests = "it rests on the bundle's own word: no key of the log was given; give --policy"
        elif self.report["signatures"].status in ("fails", "unproven"):
            rests = "it rests on the bundle's own word: no key that you know stands behind all of it"
        if rests is not None:
            for question in ("record", "consistency", "completeness", "fold", "files"):
                if question in self.report.findings:
                    self.report[question].gap(rests)

    def _read(self, entry: BundledEntry) -> Told | None:
        """The entry, with its bytes and payloads held against their hashes."""
        record = self.report["record"]
        record.checked += 1
        if entry.content is None:
            self.report.withheld += 1
            record.lack("entries are withheld; their leaf hashes stand in the tree")
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
            said = replace(said, position=entry.position)
        told = Told(
            said,
            entry.leaf,
            self._payload(entry.position, "facts", entry.facts, said.facts),
            self._payload(entry.position, "particulars", entry.particulars, said.particulars),
        )
        if told.facts is not None and isinstance(entry.facts, Payload):
            told.facts_content = entry.facts.content
        if isinstance(entry.particulars, Payload):
            told.particulars_content = entry.particulars.content
        elif entry.particulars == "erased":
            self.report.erased += 1
            told.erased = True
        return told

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
            self.report["acts"].lack("entries are withheld")
            return
        if not self._group.told and told.entry.causation is not None:
            if not self._complete.gave_up:
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
        root = self._tree.root().hex()
        command = self._complete.take(group, root)
        self._fold.take(group)
        folding = not self._fold.stopped or group.follows is not None
        known = None if self._fold.stopped or self._fold.state is None else self._fold.state.version
        for told in group.told:
            self._refusals.take(told, known)
        self._signatures.put(Waiting(group, command, folding))
        if command is not None:
            self._fold.check_receipt(command.receipt)
        self._complete.repeats(group.end, root)

    def _repeat(self, command: BundledCommand, refused: RecordedRefusal | None) -> None:
        """A command that caused nothing, since it was refused before."""
        signed = self._acts.check_repeat(command, refused)
        if signed is not None:
            self._own.check_repeat(signed, command.receipt.size)
            if refused is not None:
                self._fold.check_repeat(signed, command.receipt, refused)
        self._fold.check_receipt(command.receipt)

    def _judge_act(self, waiting: Waiting, verified: bool | None) -> None:
        proof = self._acts.check(waiting.group, waiting.command, verified)
        own = self._own.check(waiting.group)
        if self._minutes is not None:
            given = bool(self._trust.command_keys)
            self._minutes(minute_of(waiting.group, proof, own, given=given, folding=waiting.folding))

    def _describe(self) -> None:
        state = self._fold.state
        if state is not None and not self._fold.stopped:
            self.report.stage = stage(state)
            self.report.state, self.report.version = state_digest(state), state.version
        if state is not None:
            self.report.rules = state.rules
            self.report.illustrative = state.definition.illustrative
            self.report.simulated = state.definition.clock.mode == "simulated"
        if self.report.erased:
            self.report["record"].note(f"particulars of {self.report.erased} entries are erased")

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
