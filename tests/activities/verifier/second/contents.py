"""FORMAT.md, "Files": their list, and what is to be checked of each."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from tests.activities.verifier.second.commands import Entry
from tests.activities.verifier.second.reading import Members, need

DIGEST = re.compile("sha256:[0-9a-f]{64}", re.ASCII)


def files(members: Members) -> list[str]:
    """The members that `files.jsonl` lists."""
    need("files.jsonl" in members.content, "no files.jsonl")
    listed = members.lines("files.jsonl")
    need(len(listed) <= 10_000, "files.jsonl")
    digests = []
    for line, raw in zip(listed, members.content["files.jsonl"].split(b"\n"), strict=False):
        need(line.keys() == {"digest", "size", "type"} and len(raw) <= 1024, "files.jsonl")
        digest, size = line["digest"], line["size"]
        need(isinstance(digest, str) and DIGEST.fullmatch(digest), "files.jsonl")
        need(isinstance(line["type"], str) and type(size) is int, "files.jsonl")
        content = members.content.get("files/" + digest[7:])
        need(content is not None and len(content) == size, "a file")
        digests.append(digest)
    need(digests == sorted(set(digests)), "files.jsonl")
    return ["files/" + digest[7:] for digest in digests]


def contents(members: Members, listed: list[str], entries: list[Entry | None]) -> dict[str, str]:
    """What is to be said of each file: fails, withheld or holds."""
    named: set[str] = set()
    for one in entries:
        if one is not None and one.facts is not None and one.said["type"] != "contents_erased":
            named |= _texts(one.facts)
    whole = all(one is not None and one.facts is not None for one in entries)
    found = {}
    for name in listed:
        digest = name.removeprefix("files/")
        same = hashlib.sha256(members.content[name]).hexdigest() == digest
        unnamed = "sha256:" + digest not in named
        found[name] = "fails" if not same or (unnamed and whole) else "withheld" if unnamed else "holds"
    return found


def _texts(value: Any) -> set[str]:
    """Every text in a JSON value, at any depth."""
    if isinstance(value, str):
        return {value}
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return set().union(*map(_texts, inner))
