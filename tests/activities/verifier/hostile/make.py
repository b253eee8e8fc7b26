"""Make the hostile files beside this one. They are checked in, so that a verifier of other making can be tried too.

    python -m tests.activities.verifier.hostile.make

Each is a bundle of a small record with one thing wrong, or no bundle at all.
"""

from __future__ import annotations

import asyncio
import io
import json
import struct
import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import Any

from activities.bundle.format import MAX_LINE
from tests.activities.verifier.record import negotiated


def archive(
    members: dict[str, bytes], *, twice: str | None = None, method: int = zipfile.ZIP_DEFLATED
) -> bytes:
    """A zip archive of ``members``, of which one may come twice."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as made, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for name, member in [*members.items(), *([(twice, members[twice])] if twice else [])]:
            made.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), member, method, 9)
    return content.getvalue()


def encrypted(whole: bytes) -> bytes:
    """The archive with the flag of encryption on every member."""
    content = bytearray(whole)
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = content.find(mark)
        while at >= 0:
            content[at + offset] |= 1
            at = content.find(mark, at + 4)
    return bytes(content)


def hostile(whole: bytes) -> dict[str, bytes]:
    """The files by name, made from a bundle that is in order."""
    with zipfile.ZipFile(io.BytesIO(whole)) as opened:
        members = {name: opened.read(name) for name in opened.namelist()}
    manifest = json.loads(members["manifest.json"])
    [leaves] = [name for name in members if name.startswith("tile/0/")]
    [entries] = [name for name in members if name.startswith("tile/entries/")]
    commands = members["commands.jsonl"]

    def with_manifest(**changes: Any) -> bytes:
        value = json.dumps({**manifest, **changes}, sort_keys=True, separators=(",", ":"))
        return archive({**members, "manifest.json": value.encode()})

    return {
        "empty": b"",
        "text": b"hello",
        "half": whole[: len(whole) // 2],
        "no manifest": archive({"a": b"b"}),
        "a member twice": archive(members, twice="checkpoints.jsonl"),
        "another member": archive({**members, "../../etc/passwd": b"x"}),
        "a member less": archive({k: v for k, v in members.items() if k != leaves}),
        "a huge size": with_manifest(size=2**62),
        "size zero": with_manifest(size=0),
        "size as text": with_manifest(size="17"),
        "another format": with_manifest(format="entente-bundle/2"),
        "no keys": with_manifest(log_keys=[]),
        "a bad key": with_manifest(log_keys=["x"]),
        "a bad command key": with_manifest(command_keys=["AAAA"]),
        "a member more": with_manifest(extra=1),
        "not canonical": archive({**members, "manifest.json": json.dumps(manifest).encode()}),
        "deep": archive({**members, "manifest.json": b"[" * 200_000}),
        "deep lines": archive({**members, "commands.jsonl": b"[" * 200_000 + b"\n"}),
        "long tile": archive({**members, leaves: bytes(33 * 32)}),
        "short bundle": archive({**members, entries: b"\0\5abc"}),
        "bomb": archive({**members, entries: bytes(50_000_000)}),
        "bomb of a line": archive({**members, "commands.jsonl": b" " * (MAX_LINE + 2)}),
        "no newline": archive({**members, "checkpoints.jsonl": b"{}"}),
        "no object": archive({**members, "checkpoints.jsonl": b"[]\n"}),
        "surrogate": archive({**members, "checkpoints.jsonl": b'{"note":"\\ud800"}\n'}),
        "no receipt": archive(
            {
                **members,
                "commands.jsonl": b'{"id":"","fingerprint":"","salt":null,"receipt":{},"signed":"erased"}\n',
            }
        ),
        "too few payloads": archive({**members, "payloads/000.jsonl": b""}),
        "policy": archive({**members, "policy.txt": b"nonsense\n"}),
        "encrypted": encrypted(whole),
        "bzip2": archive(members, method=zipfile.ZIP_BZIP2),
        "lzma": archive(members, method=zipfile.ZIP_LZMA),
        "bytes before": b"#!/bin/sh\n" + whole,
        "bytes after": whole + b"\n",
        "bytes between": whole.replace(b"PK\3\4", b"xPK\3\4", 2),
        "a byte order mark": archive({**members, "commands.jsonl": b"\xef\xbb\xbf" + commands}),
        "a float": archive({**members, "commands.jsonl": commands.replace(b'"size":1,', b'"size":1.0,', 1)}),
        "a JSON member twice": archive(
            {**members, "commands.jsonl": commands.replace(b'{"fingerprint"', b'{"id":"x","fingerprint"', 1)}
        ),
        "a number as text": archive(
            {**members, "commands.jsonl": commands.replace(b'"size":1,', b'"size":"1",', 1)}
        ),
        "a position as truth": archive(
            {
                **members,
                "payloads/000.jsonl": members["payloads/000.jsonl"].replace(
                    b'"position":0}', b'"position":false}', 1
                ),
            }
        ),
        "a huge directory": whole[:-10] + struct.pack("<L", 0xFFFFFFF0) + whole[-6:],
    }


async def main() -> None:
    """Write all of them."""
    with tempfile.TemporaryDirectory() as folder:
        whole = (await (await negotiated()).export(Path(folder) / "b")).read_bytes()
    for name, content in hostile(whole).items():
        (Path(__file__).parent / f"{name.replace(' ', '-')}.bundle").write_bytes(content)


if __name__ == "__main__":
    asyncio.run(main())
