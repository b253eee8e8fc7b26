"""A real record to verify: signed commands, decided and recorded by the worker's own gate, on a ledger in memory."""

from __future__ import annotations

import base64
import io
import itertools
import json
import zipfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509 import Certificate

from activities.bundle.export import Export, write_bundle
from activities.identity.signing import CommandSigner, CommandVerifier
from activities.ledger.writer import BatchWriter
from activities.reading.states import States
from activities.recording import Recorder
from activities.tlog.checkpoint import Checkpoint, sign_checkpoint
from activities.tlog.cosignature import CosignatureSigner
from activities.tlog.merkle import root_at
from activities.tlog.note import Ed25519Signer, signature_of
from activities.tlog.policy import Policy
from activities.tlog.policy import parse as parse_policy
from activities.verifier.findings import Report
from activities.verifier.verify import Trust, verify_bundle
from tests.activities.ledger.memory import MemoryLedger
from tests.simulation.small import digest, small
from workflows.messages import RawSignal, RecordAnswer, RecordRequest, SignalsRequest
from workflows.model.canonical import digest_bytes
from workflows.model.commands import Command
from workflows.model.definition import Definition
from workflows.model.state import Accord

BEGIN = datetime(2030, 1, 1, 9, tzinfo=UTC)
ORIGIN = "entente.test/accords/visit"


@dataclass
class Record:
    """An accord's record under way, with the keys of everybody who signs."""

    accord: str = "visit"
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    api: CommandSigner = field(default_factory=lambda: CommandSigner(Ed25519PrivateKey.generate()))
    log: Ed25519Signer = field(default_factory=lambda: Ed25519Signer(ORIGIN, Ed25519PrivateKey.generate()))
    time: datetime = BEGIN
    state: Accord | None = None
    notes: dict[int, bytes] = field(default_factory=dict)
    authorities: tuple[Certificate, ...] = ()
    _keys: Any = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.witnesses = [
            CosignatureSigner(f"witness.{party}.test/w1", Ed25519PrivateKey.generate(), lambda: 1_900_000_000)
            for party in ("aa", "bb")
        ]

    def command(self, delegate: str, act: str, /, **fields: Any) -> Command:
        if act == "open_accord":
            fields["definition"] = Definition.model_validate(fields["definition"]).as_facts()
        made = Command(
            accord=self.accord, id=f"{delegate}/{next(self._keys)}", act=act, fields=fields, delegate=delegate
        )
        return self.api.sign(made)

    async def signal(self, act: str, fields: dict[str, Any]) -> RecordAnswer:
        """A signal that nobody signed."""
        self.time += timedelta(minutes=1)
        content = json.dumps(fields).encode()
        signal = RawSignal(
            at=self.time,
            name=act,
            arguments=1,
            encoding="json/plain",
            data=base64.b64encode(content).decode(),
            digest=digest_bytes(content),
            whole=True,
        )
        async with self._recorder() as recorder:
            answer = await recorder.record_signals(SignalsRequest(accord=self.accord, signals=(signal,)))
        await self._fold()
        return answer

    async def send(self, *commands: Command) -> RecordAnswer:
        """Judge and record, as the worker does; each a minute after the one before."""
        async with self._recorder() as recorder:
            for command in commands:
                self.time += timedelta(minutes=1)
                answer = await recorder.record(RecordRequest(command=command, at=self.time))
        await self._fold()
        return answer

    @asynccontextmanager
    async def _recorder(self) -> AsyncIterator[Recorder]:
        async with BatchWriter(self.ledger) as writer:
            verifier = CommandVerifier([self.api.public_key])
            yield Recorder(self.ledger, writer, States(self.ledger), verifier, lambda: self.time)

    async def _fold(self) -> None:
        folded = await States(self.ledger).get(self.accord)
        self.state = folded.state if folded is not None else None

    async def act(self, delegate: str, act: str, /, **fields: Any) -> RecordAnswer:
        return await self.send(self.command(delegate, act, **fields))

    async def tick(self) -> RecordAnswer:
        assert self.state is not None
        return await self.send(
            Command(accord=self.accord, id=f"clock/{self.state.size}", act="clock", delegate="clock")
        )

    async def size(self) -> int:
        head = await self.ledger.head(self.accord)
        return 0 if head is None else head.size

    async def sign(
        self, size: int | None = None, *, witnesses: int = 2, log: Ed25519Signer | None = None
    ) -> bytes:
        """A checkpoint, cosigned by some witnesses, which goes into every bundle from now on."""
        head = await self.ledger.head(self.accord)
        assert head is not None
        size = head.size if size is None else size
        nodes = self.ledger._accords[self.accord].nodes
        note = sign_checkpoint(
            Checkpoint(ORIGIN, size, root_at(size, lambda level, index: nodes[level, index])), log or self.log
        )
        note = note.with_signatures(signature_of(note.text, each) for each in self.witnesses[:witnesses])
        self.notes[size] = note.encoded()
        return self.notes[size]

    @property
    def policy_text(self) -> bytes:
        one, other = (each.verifier.encoded() for each in self.witnesses)
        lines = [
            f"log {self.log.verifier.encoded()}",
            f"witness AA {one} http://127.0.0.1:9/",
            f"witness BB {other}",
            "group parties all AA BB",
            "quorum parties",
        ]
        return ("\n".join(lines) + "\n").encode()

    @property
    def policy(self) -> Policy:
        return parse_policy(self.policy_text)

    def trust(self, **changes: Any) -> Trust:
        given = {
            "policy": self.policy,
            "command_keys": (self.api.public_key,),
            "authorities": self.authorities,
        }
        return Trust(**{**given, **changes})

    async def export(self, path: Path, **changes: Any) -> Path:
        async def notes() -> AsyncIterator[bytes]:
            for _, note in sorted(self.notes.items()):
                yield note

        given: dict[str, Any] = {
            "ledger": self.ledger,
            "accord": self.accord,
            "origin": ORIGIN,
            "size": max(self.notes),
            "checkpoints": notes(),
            "log_keys": [self.log.verifier.encoded()],
            "command_keys": [self.api.public_key],
            "policy": self.policy_text,
        }
        await write_bundle(path, Export(**{**given, **changes}))
        return path

    async def verified(self, path: Path, **changes: Any) -> Report:
        return verify_bundle(await self.export(path, **changes), self.trust())


async def negotiated(record: Record | None = None, **changes: Any) -> Record:
    """A record with every kind of entry: acts, refusals and their repeats, deadlines, signals, what follows."""
    record = record or Record()
    # Without reminders, so that each position is of an act or of one deadline.
    definition = small(reminders={"before": None, "escalate_after": None}, **changes)
    definition["conditions"]["C1"]["valid_for"] = "P10D"
    await record.act("aa.contact", "open_accord", definition=definition)
    named = Definition.model_validate(definition).digest()
    await record.sign()
    for party in ("aa", "bb"):
        await record.act(f"{party}.contact", "adopt_definition", digest=named)
    roles = [
        "protocol",
        "treaty_section",
        "drafter",
        "obligor",
        "verifier",
        "competent_authority",
        "signatory",
    ]
    for party in ("aa", "bb"):
        await record.act(
            f"{party}.contact",
            "appoint_delegate",
            delegate=f"{party}.contact",
            office="Office",
            roles=roles,
            person=f"The delegate of {party} — Дипломат 외교관",
        )
    await record.act("bb.contact", "issue_invitation")
    await record.act("bb.contact", "issue_invitation")
    await record.act("aa.contact", "issue_invitation", note="With the compliments of the host")
    await record.sign()
    await record.act("bb.contact", "accept_invitation")
    record.time = datetime(2030, 4, 1, 12, tzinfo=UTC)
    await record.tick()
    await record.act(
        "aa.contact",
        "submit_evidence",
        condition="C1",
        digest=digest("report"),
        grade="documented",
        source="Inspectorate",
    )
    await record.act("bb.contact", "verify_condition", condition="C1", evidence=[digest("report")])
    signal = {"condition": "C1", "report": "r-1", "source": "news", "observed_at": "2030-01-01T09:00:00Z"}
    await record.signal("condition_changed", signal)
    await record.signal("weather", {"it": "rains"})
    # The verdict lapses on the tenth day, before the act that comes on the twentieth.
    record.time += timedelta(days=20)
    await record.act("bb.contact", "record_statement", digest=digest("Talks go on"), words="Talks go on")
    await record.sign()
    return record


Edit = Callable[[bytes], bytes]


def rewritten(path: Path, edits: dict[str, Edit | None]) -> Path:
    """The bundle with some members changed, or left out where the edit is ``None``."""
    content = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(content, "w") as new:
        for info in old.infolist():
            edit = edits.get(info.filename, _same)
            if edit is not None:
                new.writestr(info, edit(old.read(info)))
    path.write_bytes(content.getvalue())
    return path


def _same(content: bytes) -> bytes:
    return content


def on_lines(change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Edit:
    """An edit of a member that has one JSON object in each line."""

    def edit(content: bytes) -> bytes:
        lines = change([json.loads(line) for line in content.splitlines()])
        # Canonical where a canonical form exists; attacks also write what has none.
        dumped = (json.dumps(one, ensure_ascii=False, sort_keys=True, separators=(",", ":")) for one in lines)
        return b"".join(line.encode() + b"\n" for line in dumped)

    return edit
