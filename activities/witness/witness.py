"""A witness: it cosigns checkpoints that extend what it cosigned before, by the C2SP ``tlog-witness`` protocol.

Each party can run one, on a machine of its own. It knows the logs whose keys its party gave it, and no others; of
each it remembers the last checkpoint, on disk before the cosignature leaves. So two histories of one log never both
carry its name, whatever the operator does. What it sees of an attempt, it keeps as evidence.

Its directory holds ``key`` (the private key), ``logs`` (verifier keys of the logs, one in a line; ``#`` begins a
comment), ``seen/`` (the last checkpoints, and how far the logs were followed), ``evidence/``
(:mod:`activities.verifier.evidence`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.errors import Malformed, ProofInvalid, SettingsProblem, SignatureInvalid
from activities.runtime.durable import DurableFile, DurableFiles, write_private
from activities.tlog.checkpoint import Checkpoint, open_checkpoint, parse_decimal, parse_text
from activities.tlog.cosignature import CosignatureSigner, CosignatureVerifier
from activities.tlog.merkle import verify_consistency
from activities.tlog.note import Ed25519Verifier, Note, decode_base64, encode_base64, signature_of
from activities.tlog.note import parse as parse_note
from activities.tlog.proofs import MAX_HASHES
from activities.verifier.evidence import Evidence

MAX_REQUEST: Final = 64 * 1024
"""The most bytes of a request: 63 hashes, and a checkpoint with many signatures."""

SIZE_TYPE: Final = "text/x.tlog.size"
"""The content type of an answer that says how large the last cosigned tree is."""

_MARK: Final = "entente-witness-key-1"
_ASK: Final = "See the C2SP specification tlog-witness"


@dataclass(frozen=True, slots=True)
class Request:
    """What a log asks of a witness: to cosign ``note``, whose tree extends that of ``old`` entries by ``proof``."""

    old: int
    proof: tuple[bytes, ...]
    note: Note

    def encoded(self) -> bytes:
        """The body of the request."""
        lines = [f"old {self.old}", *(encode_base64(each) for each in self.proof), ""]
        return "".join(line + "\n" for line in lines).encode() + self.note.encoded()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a witness answers: an HTTP status, a content type, and the body."""

    status: int
    body: str
    type: str = "text/plain; charset=utf-8"


def parse_request(content: bytes) -> Request:
    """Read the body of a request; raises :class:`Malformed` for anything that is none."""
    if len(content) > MAX_REQUEST:
        raise Malformed(f"a request has {len(content)} bytes, and {MAX_REQUEST} is the most", _ASK)
    head, gap, note = content.partition(b"\n\n")
    try:
        first, *lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise Malformed("a request is not ASCII above its checkpoint", _ASK) from None
    if not first.startswith("old ") or not gap:
        raise Malformed("a request does not begin with 'old' and a size, or has no checkpoint", _ASK)
    old = parse_decimal(first.removeprefix("old "), "the old size")
    proof = tuple(decode_base64(line, "a hash of the proof") for line in lines)
    if len(proof) > MAX_HASHES or any(len(each) != 32 for each in proof):
        raise Malformed(f"a proof has more than {MAX_HASHES} hashes, or one that is not 32 bytes", _ASK)
    return Request(old, proof, parse_note(note))


class Witness:
    """A witness on its directory. Several processes may share one; a log's state is locked while it is used."""

    def __init__(
        self, directory: Path, name: str, key: Ed25519PrivateKey, clock: Callable[[], float] = time.time
    ) -> None:
        self._directory = directory
        self._signer = CosignatureSigner(name, key, lambda: int(clock()))
        self._files = DurableFiles(directory / "seen")

    @property
    def verifier(self) -> CosignatureVerifier:
        """The public key: what the policy of the accords is to name."""
        return self._signer.verifier

    @classmethod
    def create(cls, directory: Path, name: str) -> Witness:
        """Make a witness with a new key in ``directory``, which is made as well.

        Raises:
            FileExistsError: there is a witness already.
            Malformed: ``name`` cannot be that of a key.
        """
        key = Ed25519PrivateKey.generate()
        CosignatureVerifier(name, key.public_key().public_bytes_raw())
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for below in ("seen", "evidence"):
            (directory / below).mkdir(mode=0o700, exist_ok=True)
        line = f"{_MARK} {name} {base64.b64encode(key.private_bytes_raw()).decode()}\n"
        write_private(directory / "key", line.encode())
        (directory / "logs").touch()
        return cls(directory, name, key)

    @classmethod
    def load(cls, directory: Path, clock: Callable[[], float] = time.time) -> Witness:
        """The witness in ``directory``.

        Raises:
            SettingsProblem: there is none, or not all of it.
        """
        try:
            mark, name, encoded = (directory / "key").read_text(encoding="utf-8").split()
            key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(encoded, validate=True))
            if mark != _MARK or not (directory / "seen").is_dir():
                raise ValueError(f"the key does not begin with {_MARK}, or the directory seen is missing")
            witness = cls(directory, name, key, clock)
            witness.logs()
        except (OSError, ValueError, binascii.Error, Malformed) as error:
            raise SettingsProblem(
                f"There is no witness in {directory}: {error}.",
                "Make one with `entente witness DIRECTORY --name NAME --init`; never restore `seen` from a backup.",
            ) from error
        return witness

    def logs(self) -> list[Ed25519Verifier]:
        """The keys of the logs that it watches; the file is read anew each time.

        Raises:
            Malformed: where a line is no key.
        """
        text = (self._directory / "logs").read_text(encoding="utf-8")
        lines = [line.strip() for line in text.splitlines()]
        return [Ed25519Verifier.decoded(line) for line in lines if line and not line.startswith("#")]

    def add_log(self, line: str) -> Ed25519Verifier:
        """Watch one more log, by a verifier key that came from the party's own delegate.

        Raises:
            Malformed: where it is no key of a log.
        """
        key = Ed25519Verifier.decoded(line.strip())
        if key not in self.logs():
            path = self._directory / "logs"
            # Whoever edits the file by hand may leave its last line without an end.
            gap = "\n" if path.read_bytes()[-1:] not in (b"", b"\n") else ""
            with path.open("a", encoding="utf-8") as file:
                file.write(f"{gap}{key.encoded()}\n")
        return key

    def drop_log(self, line: str) -> bool:
        """Watch a log no longer by this key; whether it was there. What was cosigned stays known."""
        kept = [key for key in self.logs() if key.encoded() != line.strip()]
        gone = len(kept) < len(self.logs())
        if gone:
            self._write_logs(kept)
        return gone

    async def follow(self, bundle: Path, command_keys: Sequence[str]) -> tuple[Ed25519Verifier, ...]:
        """Take the keys that a record says its log signs with at present, in place of those known; returns them.

        The record has to be whole and by its rules, to extend what was cosigned, and to lead from a key that is known
        here to those that it names, by checkpoints which commit to each rotation. Each rotation has to be an act that
        one of ``command_keys`` signed, the API's: a thief of the log's key alone can name none. Nothing is believed
        on first use, nor an older record than the last one followed, lest a key that was retired come back.

        Raises:
            SettingsProblem: there are no ``command_keys``, or the bundle cannot be read.
            SignatureInvalid: no log of that record is watched, or the record does not lead there; nothing is changed.
            Malformed: it is no bundle, or one of ``command_keys`` is no key.
        """
        from activities.bundle.format import Bundle
        from activities.witness.following import Followed, lead

        if not command_keys:
            raise SettingsProblem(
                "Who rotated the log's key cannot be told without the public key that the API signs commands with.",
                "Ask your own delegate for it, and give it with --command-key; again for each, if there are several.",
            )
        try:
            with Bundle(bundle) as opened:
                origin = opened.manifest.origin
        except OSError as error:
            raise SettingsProblem(
                f"{bundle} cannot be read: {error.strerror}.", "Name a bundle that there is."
            ) from None
        known = tuple(key for key in self.logs() if key.name == origin)
        if not known:
            raise SignatureInvalid(
                f"this witness does not watch {origin[:80]!r}",
                "Add its key, from your own delegate: --add-log",
            )
        async with self._files.locked(origin) as file:
            kept = file.read()
            # Beside what was cosigned, and under the same lock.
            memory = DurableFile(file.path.with_suffix(".followed"))
            content = memory.read()
            keys, followed = lead(
                bundle,
                known,
                () if kept is None else (parse_note(kept),),
                command_keys,
                None if content is None else Followed.decoded(content),
            )
            # On the disk before the keys are: a crash between the two leaves a key too many, and the same bundle,
            # given again, drops it.
            memory.write(followed.encoded())
            self._write_logs([*(key for key in self.logs() if key.name != origin), *keys])
        return keys

    def _write_logs(self, keys: list[Ed25519Verifier]) -> None:
        beside = self._directory / f"logs.{os.getpid()}.new"
        beside.write_text("".join(f"{key.encoded()}\n" for key in keys), encoding="utf-8")
        beside.replace(self._directory / "logs")

    async def add_checkpoint(self, content: bytes) -> Answer:
        """Answer a request: 200 with the cosignature, or why not (400, 403, 404, 409, 422)."""
        try:
            request = parse_request(content)
            checkpoint = parse_text(request.note.text)
        except Malformed as error:
            return Answer(400, f"{error}\n")
        if request.old > checkpoint.size:
            return Answer(400, f"the old size {request.old} is above the checkpoint's {checkpoint.size}\n")
        own = [log for log in self.logs() if log.name == checkpoint.origin]
        if not own:
            return Answer(404, "this witness does not watch that log\n")
        try:
            open_checkpoint(request.note, own)
        except SignatureInvalid as error:
            return Answer(403, f"{error}\n")
        async with self._files.locked(checkpoint.origin) as file:
            return self._extend(file, request, checkpoint)

    def _extend(self, file: DurableFile, request: Request, checkpoint: Checkpoint) -> Answer:
        kept = file.read()
        last = None if kept is None else parse_text(parse_note(kept).text)
        size = 0 if last is None else last.size
        if kept is not None and last is not None and checkpoint.size == size and checkpoint.root != last.root:
            self._keep_evidence(Evidence((kept, request.note.encoded())))
            return Answer(409, f"{size}\n", SIZE_TYPE)
        if request.old != size:
            return Answer(409, f"{size}\n", SIZE_TYPE)
        try:
            if last is None:
                if request.proof:
                    raise ProofInvalid("the first checkpoint needs no proof", _ASK)
            else:
                verify_consistency(size, checkpoint.size, last.root, checkpoint.root, request.proof)
        except ProofInvalid as error:
            return Answer(422, f"{error}\n")
        # On the disk before anybody can have the cosignature: after a crash it must not be forgotten.
        file.write(request.note.encoded())
        return Answer(200, signature_of(request.note.text, self._signer).line())

    def _keep_evidence(self, evidence: Evidence) -> None:
        content = evidence.encoded()
        path = self._directory / "evidence" / f"{hashlib.sha256(content).hexdigest()[:32]}.json"
        path.write_bytes(content)
