"""Keys that are published for tests, and signers, a checkpoint and a policy of our own."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.tlog.checkpoint import Checkpoint
from activities.tlog.cosignature import CosignatureSigner
from activities.tlog.note import Ed25519Signer, Ed25519Verifier, Note, signature_of

LOG = Path(__file__).parent / "vectors" / "tessera-log"
# Published together with the test log, for tests.
VKEY = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
SKEY = "PRIVATE+KEY+example.com/log/testdata+33d7b496+AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg"
KEY = Ed25519Verifier.decoded(VKEY)
SIGNER = Ed25519Signer.decoded(SKEY)
FILES = sorted(LOG.glob("checkpoint*"))


def signer(name: str, seed: int = 1) -> Ed25519Signer:
    return Ed25519Signer(name, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


def witness(name: str, seed: int = 1, time: int = 1_750_000_000) -> CosignatureSigner:
    return CosignatureSigner(name, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32), lambda: time)


def cosigned(note: Note, *signers: CosignatureSigner) -> Note:
    return note.with_signatures(signature_of(note.text, each) for each in signers)


ORIGIN = "accords.example/a-17"
HEAD = Checkpoint(ORIGIN, 7, bytes(range(32)))
RU, KP = witness("witness.ru.example/w1", 2), witness("witness.kp.example/w1", 3)
POLICY = (
    f"# who makes it final\nlog {signer(ORIGIN).verifier.encoded()} https://accords.example/a-17\n"
    f"witness RU {RU.verifier.encoded()}\n\twitness  KP\t{KP.verifier.encoded()} https://kp.example\n\n"
    "group parties all RU KP\nquorum parties\n"
).encode()
