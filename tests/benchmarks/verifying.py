"""A bundle's verification beside the bare hashes and signatures of the same bundle, all in one process and one run.

    python -m tests.benchmarks.verifying [--entries 20000] [--rounds 3]

What is bare: the leaf hashes, both salted digests of each entry, the Merkle tree with the root after each command,
which its receipt names, the salted fingerprint of each command, and the Ed25519 signature on it, over bytes that lie in
memory already. No file is read, nothing is parsed and no rule applied. What is whole: ``verify_bundle`` on the file.
Rounds take turns, and the best of each counts: others use the machine as well. The time is the processor's, but for
what runs on several processors, where it is the clock's; so the bare work is shown by both.

Then the parts of the whole, in microseconds of the clock for each entry, the best of as many rounds: they are timed
where they are called, and what is timed within another part is indented and counted in both.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from rich.console import Console
from rich.table import Table

from activities.bundle.format import Bundle
from activities.ledger.entry import Payload
from activities.tlog.merkle import Frontier
from activities.verifier.completeness import Completeness
from activities.verifier.fold import Fold
from activities.verifier.signatures import SignatureQueue, SignedBytes, verify_all
from activities.verifier.verify import Trust, _Verification, verify_bundle
from tests.benchmarks.million import export
from workflows.model.canonical import canonical


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed command: what its signature covers, and what its fingerprint is of."""

    signature: bytes
    covered: bytes
    salt: bytes
    kept: bytes


def material(path: Path) -> tuple[list[bytes], list[bytes], list[Signed]]:
    """The entries, the salted payloads, and the signed commands."""
    entries: list[bytes] = []
    payloads: list[bytes] = []
    signed: list[Signed] = []
    with Bundle(path) as bundle:
        for entry in bundle.entries():
            assert entry.content is not None
            entries.append(entry.content)
            for payload in (entry.facts, entry.particulars):
                assert isinstance(payload, Payload)
                payloads.append(payload.salt + payload.content)
        for command in bundle.commands():
            assert isinstance(command.signed, bytes)
            assert command.salt is not None
            part = json.loads(command.signed)
            signature = base64.b64decode(part.pop("signature"))
            covered = canonical(part)
            del part["key_id"]
            signed.append(Signed(signature, covered, command.salt, canonical(part)))
    return entries, payloads, signed


def bare(
    entries: list[bytes], payloads: list[bytes], signed: list[Signed], key: Ed25519PublicKey
) -> list[bytes]:
    """Hash and verify all of it; the root after each entry, of which all but two are their command's last."""
    frontier = Frontier()
    roots = []
    for content in entries:
        frontier, _ = frontier.append(hashlib.sha256(b"\0" + content).digest())
        roots.append(frontier.root())
    for payload in payloads:
        hashlib.sha256(payload).digest()
    for one in signed:
        key.verify(one.signature, one.covered)
        hashlib.sha256(one.salt + hashlib.sha256(one.kept).digest()).digest()
    return roots


PARTS: tuple[tuple[type, str, str], ...] = (
    (Bundle, "hashes", "tiles read"),
    (_Verification, "_read", "entries read, with both payloads"),
    (Completeness, "take", "receipts compared"),
    (Completeness, "_next", "  their lines read"),
    (Fold, "take", "the rules applied, and what follows compared"),
    (SignatureQueue, "put", "acts: what was signed is what was done"),
    (SignedBytes, "verifies", "  Ed25519"),
)
"""Which methods are timed, and as what."""


@contextmanager
def clocks() -> Iterator[Counter[str]]:
    """The seconds that each of ``PARTS`` takes while the block runs."""
    seconds: Counter[str] = Counter()

    def clocked(function: Callable[..., Any], part: str) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*arguments)
            finally:
                seconds[part] += time.perf_counter() - began

        return run

    plain = [(kind, name, getattr(kind, name)) for kind, name, _ in PARTS]
    for kind, name, part in PARTS:
        setattr(kind, name, clocked(getattr(kind, name), part))
    try:
        yield seconds
    finally:
        for kind, name, function in plain:
            setattr(kind, name, function)


def parts_of(whole: Callable[[], Any], rounds: int, entries: int) -> Table:
    """A table of the parts of ``whole``."""
    best: dict[str, float] = {}
    for _ in range(rounds):
        with clocks() as seconds:
            began = time.perf_counter()
            whole()
            seconds["all of it"] = time.perf_counter() - began
        best = {part: min(each, best.get(part, each)) for part, each in seconds.items()}
    table = Table("part", "µs an entry")
    for part in (*(part for _, _, part in PARTS), "all of it"):
        table.add_row(part, f"{best[part] / entries * 1e6:,.1f}")
    return table


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Seconds of the processor and of the clock."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def main() -> None:
    """Run it and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--entries", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="entente-verifying-") as folder:
        path = Path(folder) / "record.bundle"
        trusted = export(path, given.entries)
        from activities.tlog.policy import parse

        trust = Trust(parse(trusted["policy"]), tuple(trusted["command_keys"]))
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(trusted["command_keys"][0]))
        parts = material(path)

        def whole(executor: Executor | None) -> None:
            report = verify_bundle(path, trust, executor=executor)
            assert report.exit_code(strict=True) == 0, report.as_json()

        cores = os.cpu_count() or 1
        kinds: dict[str, Callable[[], Any]] = {
            "bare hashes and signatures": lambda: bare(*parts, key),
            "verified, in one process": lambda: whole(None),
            f"verified, signatures on {cores} processors": lambda: whole(pool),
        }
        best: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
        # One process reads and folds, the others verify. They start before the clock: once, however long a record is.
        with ProcessPoolExecutor(max(1, cores - 1), mp_context=get_context("spawn")) as pool:
            list(pool.map(verify_all, [[]] * 2 * cores))
            for _ in range(given.rounds):
                for name, work in kinds.items():
                    best[name].append(timed(work))
        parts = parts_of(lambda: whole(None), given.rounds, given.entries)
    table = Table(
        f"{given.entries:,} entries", "processor, s", "times bare", "clock, s", "times bare", "entries/s"
    )
    (bare_cpu, bare_wall), *_ = ([min(each) for each in zip(*best[name], strict=True)] for name in kinds)
    for name, found in best.items():
        cpu, wall = (min(each) for each in zip(*found, strict=True))
        table.add_row(
            name,
            f"{cpu:.2f}",
            f"{cpu / bare_cpu:.2f}",
            f"{wall:.2f}",
            f"{wall / bare_wall:.2f}",
            f"{given.entries / wall:,.0f}",
        )
    console = Console(width=110)
    console.print(table)
    console.print(parts)


if __name__ == "__main__":
    main()
