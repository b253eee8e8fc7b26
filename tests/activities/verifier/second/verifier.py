"""FORMAT.md, "What to check": every question but the fold."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.x509 import load_der_x509_certificate

from tests.activities.verifier.second.commands import Acts, Entry, lines
from tests.activities.verifier.second.contents import contents, files
from tests.activities.verifier.second.logs import Note, Policy, Tree, included, key, note, policy, sha
from tests.activities.verifier.second.reading import Members, NoBundle, from_json, need, tiles, unbase64
from tests.activities.verifier.second.timestamps import stamped, tokens
from tests.activities.verifier.second.walk import Walk
from tests.activities.verifier.second.witnessing import Witnessing

QUESTIONS = ("record", "consistency", "signatures", "quorum", "acts", "completeness")
DIGEST = re.compile("sha256:[0-9a-f]{64}", re.ASCII)
TIME = re.compile(r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}Z", re.ASCII)


@dataclass(frozen=True)
class Brought:
    """What the reader knows: a policy with the log's key, command keys, what was kept, authorities' certificates (in
    DER), and the text of the format.
    """

    policy: bytes | None = None
    command_keys: tuple[str, ...] = ()
    kept: tuple[bytes, ...] = ()
    certificates: tuple[bytes, ...] = ()
    format_text: bytes = b""


def verify(path: Path, brought: Brought) -> dict[str, str]:
    """Each question's answer: fails, unproven, unchecked, withheld or holds. Raises NoBundle for what is malformed."""
    return _Verifier(Members(path), brought).run()


class _Verifier:
    def __init__(self, members: Members, brought: Brought) -> None:
        self.members, self.brought = members, brought
        self.questions = QUESTIONS
        self.fails: dict[str, list[str]] = {name: [] for name in (*QUESTIONS, "files", "timestamps")}
        self.unproven: set[str] = set()
        self.withheld: set[str] = set()
        self.unchecked: set[str] = set()
        need("manifest.json" in members.content, "no manifest")
        self.manifest = self._manifest()
        self.size, self.accord = self.manifest["size"], self.manifest["accord"]
        need(self.size <= 256 * len(members.content), "too few members")
        self.tiles = tiles(self.size)
        wanted = {"manifest.json", "FORMAT.md", "checkpoints.jsonl", *self.tiles}
        wanted |= {self._payloads(name) for name in self.tiles if name.startswith("tile/entries/")}
        wanted |= {"commands.jsonl"} if self.manifest["audience"] != "none" else set()
        wanted |= {"policy.txt"} if self.manifest["policy"] else set()
        if "files" in self.manifest:
            self.questions = (*self.questions, "files")
            self.files = files(members)
            wanted |= {"files.jsonl", *self.files}
        self.tokens: list[tuple[int, bytes]] = []
        if "timestamps" in self.manifest:
            self.tokens = tokens(members, self.size)
            wanted |= {"timestamps.jsonl"}
        if "timestamps" in self.manifest or brought.certificates:
            self.questions = (*self.questions, "timestamps")
        need(wanted == members.content.keys(), "the members")
        self.claimed = [key(line, (1,)) for line in self.manifest["log_keys"]]
        for text in self.manifest["command_keys"]:
            _command_key(text)
        self.beside = policy(members.text("policy.txt")) if self.manifest["policy"] else None
        self.notes = [self._note(line) for line in members.lines("checkpoints.jsonl")]
        self.commands = (
            lines(members.lines("commands.jsonl")) if "commands.jsonl" in members.content else None
        )

    def _manifest(self) -> dict[str, Any]:
        found = from_json(self.members.text("manifest.json"))
        names = "format accord origin size audience log_keys command_keys state policy release"
        need(isinstance(found, dict), "the manifest")
        need(found.keys() - {"files", "timestamps"} == set(names.split()), "the manifest")
        need(all(found.get(name, True) is True for name in ("files", "timestamps")), "the manifest")
        need(
            found["format"] == "entente-bundle/1" and found["audience"] in ("all", "facts", "none"),
            "the manifest",
        )
        texts = [found["accord"], found["origin"], found["release"]]
        for name, least, most in (("log_keys", 1, 20), ("command_keys", 0, 100)):
            need(isinstance(found[name], list) and least <= len(found[name]) <= most, "the manifest")
            texts += found[name]
        need(all(isinstance(one, str) for one in texts) and len(found["release"]) <= 100, "the manifest")
        need(
            isinstance(found["size"], int) and found["size"] is not True and found["size"] >= 1,
            "the manifest",
        )
        need(isinstance(found["policy"], bool), "the manifest")
        state = found["state"]
        need(state is None or (isinstance(state, str) and DIGEST.fullmatch(state)), "the manifest")
        return found

    @staticmethod
    def _payloads(name: str) -> str:
        return "payloads/" + re.sub(r"\.p/.*", "", name.removeprefix("tile/entries/")) + ".jsonl"

    @staticmethod
    def _note(line: dict[str, Any]) -> Note:
        need(line.keys() == {"note"} and isinstance(line["note"], str), "a checkpoint")
        return note(line["note"].encode())

    def run(self) -> dict[str, str]:
        given = None if self.brought.policy is None else policy(self.brought.policy)
        entries = self._record()
        self._log(entries, given)
        self._commands(entries)
        self._erasures(entries)
        if "files" in self.questions:
            for name, answer in contents(self.members, self.files, entries).items():
                self.fails["files"] += [name] if answer == "fails" else []
                self.withheld |= {"files"} if answer == "withheld" else set()
        if "timestamps" in self.questions:
            self._stamps(entries)
        own = [] if given is None else [one for one in given.logs if one.name == self.manifest["origin"]]
        if not own or self.fails["signatures"] or "signatures" in self.unproven:
            self.unproven |= {"record", "consistency", "completeness", "files"}
        found = {}
        for name in self.questions:
            rest = "unproven" if name in self.unproven else "withheld" if name in self.withheld else "holds"
            found[name] = "fails" if self.fails[name] else "unchecked" if name in self.unchecked else rest
        return found

    def _stamps(self, entries: list[Entry | None]) -> None:
        texts = {}
        for size, _ in self.tokens:
            root = base64.b64encode(self.tree.root(size)).decode()
            texts[size] = f"{self.manifest['origin']}\n{size}\n{root}\n".encode()
        brought = [load_der_x509_certificate(one) for one in self.brought.certificates]
        answer = stamped(self.tokens, texts, brought, entries)
        self.fails["timestamps"] += ["a token"] if answer == "fails" else []
        self.unproven |= {"timestamps"} if answer == "unproven" else set()
        self.unchecked |= {"timestamps"} if answer == "unchecked" else set()
        self.withheld |= {"timestamps"} if answer == "withheld" else set()

    # 1

    def _record(self) -> list[Entry | None]:
        fails = self.fails["record"]
        if self.members.text("FORMAT.md") != self.brought.format_text:
            fails.append("FORMAT.md")
        entries: list[Entry | None] = []
        leaves: list[bytes] = []
        for name, (level, _, width) in self.tiles.items():
            if level == "0":
                content = self.members.content[name]
                need(len(content) == 32 * width, name)
                leaves += [content[at : at + 32] for at in range(0, len(content), 32)]
        self.tree = Tree(leaves)
        for name, (level, index, width) in self.tiles.items():
            content = self.members.content[name]
            if level not in ("0", "entries"):
                need(len(content) == 32 * width, name)
                span = 256 ** int(level)
                hashes = [self.tree.root(span, (256 * index + at) * span) for at in range(width)]
                if content != b"".join(hashes):
                    fails.append(name)
            elif level == "entries":
                entries += self._bundle(name, 256 * index, width)
        return entries

    def _bundle(self, name: str, start: int, width: int) -> list[Entry | None]:
        content, found = self.members.content[name], []
        payloads = self.members.lines(self._payloads(name))
        at = 0
        while at < len(content) and len(found) < width:
            end = at + 2 + int.from_bytes(content[at : at + 2], "big")
            need(at + 2 <= len(content) and end <= len(content), name)
            found.append(content[at + 2 : end])
            at = end
        need(at == len(content), name)
        need(len(found) == width == len(payloads), name)
        entries = []
        for at, (one, line) in enumerate(zip(found, payloads, strict=True)):
            need(line.keys() == {"position", "facts", "particulars"}, "a line of payloads")
            need(
                line["position"] == start + at and not isinstance(line["position"], bool),
                "a line of payloads",
            )
            for kind in ("facts", "particulars"):
                if line[kind] not in ("withheld", "erased"):
                    need(
                        isinstance(line[kind], dict) and line[kind].keys() == {"salt", "content"}, "a payload"
                    )
                    need(isinstance(line[kind]["content"], str), "a payload")
                    unbase64(line[kind]["salt"])
            entries.append(self._entry(start + at, one, line))
        return entries

    def _entry(self, position: int, content: bytes, line: dict[str, Any]) -> Entry | None:
        fails = self.fails["record"]
        if not content:
            self.withheld.add("record")
            return None
        if sha(b"\0", content) != self.tree.leaves[position]:
            fails.append(f"the leaf of {position}")
        try:
            said = _entry(content)
        except NoBundle:
            fails.append(f"entry {position}")
            return None
        if (said["accord"], said["position"]) != (self.accord, position):
            fails.append(f"the place of {position}")
        payloads: dict[str, Any] = {}
        for kind in ("facts", "particulars"):
            payloads[kind] = None
            if line[kind] == "erased" and kind == "facts":
                fails.append(f"the facts of {position}")
            if isinstance(line[kind], dict):
                try:
                    raw, salt = line[kind]["content"].encode(), unbase64(line[kind]["salt"])
                    need(len(salt) == 16 and said[kind] == "sha256:" + sha(salt, raw).hex(), "its digest")
                    payloads[kind] = from_json(raw)
                    need(isinstance(payloads[kind], dict), "no object")
                except NoBundle:
                    payloads[kind] = None
                    fails.append(f"the {kind} of {position}")
        erased = line["particulars"] == "erased"
        return Entry(
            position, self.tree.leaves[position], said, payloads["facts"], payloads["particulars"], erased
        )

    # 2 to 4

    def _log(self, entries: list[Entry | None], given: Policy | None) -> None:
        origin, size = self.manifest["origin"], self.size
        own = [] if given is None else [one for one in given.logs if one.name == origin]
        known = list(dict.fromkeys([*own, *(one for one in self.claimed if one.name == origin)]))
        if not known or (given is not None and given.logs and not own):
            self.fails["signatures"].append("no key of this log is known")
        if not own:
            self.unproven.add("signatures")
        log = Witnessing(self, own, known, given)
        before = 0
        at = 0
        for one in self.notes:
            if one.size > size:
                self.fails["completeness"].append("the record ends before a checkpoint")
                break
            if one.size <= before:
                self.fails["consistency"].append("checkpoints out of order")
                continue
            while at < one.size:
                log.tell(at, entries[at])
                at += 1
            before = one.size
            log.judge(one)
        while at < size:
            log.tell(at, entries[at])
            at += 1
        log.finish()
        self._kept(log)

    def _kept(self, log: Witnessing) -> None:
        for content in self.brought.kept:
            index, proof, one = _kept(content)
            same = one.origin == self.manifest["origin"]
            if same and not one.signers(log.keys_for_kept(one.size)):
                self.fails["signatures"].append("a kept checkpoint is not signed")
                continue
            if not same:
                self.fails["consistency"].append("a kept checkpoint of another log")
                continue
            if index is not None and index < self.size:
                leaf = self.tree.leaves[index]
                if not included(leaf, index, one.size, proof, one.root):
                    self.fails["consistency"].append("a kept proof")
            if one.size > self.size:
                self.fails["completeness"].append("a kept checkpoint is larger")
            elif self.tree.root(one.size) != one.root:
                self.fails["consistency"].append("a kept checkpoint")

    # 5 and 6

    def _commands(self, entries: list[Entry | None]) -> None:
        known = self.brought.command_keys or tuple(self.manifest["command_keys"])
        acts = Acts(self.accord, dict(map(_command_key, known)))
        fails = self.fails["completeness"]
        gone = any(one is None for one in entries)
        if self.commands is None or gone:
            self.withheld.add("completeness")
        order = [(line["receipt"]["size"], not line["receipt"]["events"]) for line in self.commands or []]
        if order != sorted(order):
            fails.append("the order of commands")
        walk = Walk(self.fails["completeness"], self.accord, self.tree, acts, entries, self.commands)
        walk.run()
        if not self.brought.command_keys:
            self.unproven.add("acts")
        if acts.withheld or gone:
            self.withheld.add("acts")
        self.fails["acts"] += acts.fails
        ids = Counter(walk.ids)
        if any(count > 1 for count in ids.values()):
            fails.append("an id twice")

    def _erasures(self, entries: list[Entry | None]) -> None:
        said: set[int] = set()
        whole = True
        for one in entries:
            if one is None or one.facts is None:
                whole = False
            elif one.said["type"] == "particulars_erased":
                positions = (one.event or {}).get("positions")
                if isinstance(positions, list) and all(type(at) is int for at in positions):
                    said |= set(positions)
                else:
                    whole = False
        if any(
            one is not None and one.facts is not None and one.erased and one.position not in said
            for one in entries
        ):
            if whole:
                self.fails["completeness"].append("particulars are missing")
            else:
                self.withheld.add("completeness")


def _command_key(text: str) -> tuple[str, bytes]:
    raw = unbase64(text)
    try:
        Ed25519PublicKey.from_public_bytes(raw)
    except ValueError:
        raise NoBundle("a command key") from None
    return hashlib.sha256(raw).hexdigest()[:16], raw


def _kept(content: bytes) -> tuple[int | None, tuple[bytes, ...], Note]:
    if not content.startswith(b"c2sp.org/tlog-proof@v1\n"):
        return None, (), note(content)
    head, _, below = content.partition(b"\n\n")
    told = [line for line in head.decode().split("\n")[1:] if not line.startswith("extra ")]
    return int(told[0].removeprefix("index ")), tuple(unbase64(one) for one in told[1:]), note(below)


def _entry(content: bytes) -> dict[str, Any]:
    said = from_json(content)
    names = "accord actor causation command facts particulars position time type v version"
    need(isinstance(said, dict) and said.keys() == set(names.split()), "an entry")
    actor = said["actor"]
    need(isinstance(actor, dict) and actor.keys() == {"behalf", "delegate", "party", "role"}, "an actor")
    need(said["v"] == 1 and said["v"] is not True, "the version of an entry")
    texts = [said[name] for name in ("accord", "command", "type", "time", "facts", "particulars")]
    texts += [actor["delegate"], actor["role"]]
    texts += [actor[name] for name in ("party", "behalf") if actor[name] is not None]
    need(all(isinstance(one, str) for one in texts), "an entry")
    need(all(DIGEST.fullmatch(said[name]) for name in ("facts", "particulars")), "a digest")
    for name, least in (("position", 0), ("version", 1)):
        need(type(said[name]) is int and said[name] >= least, f"the {name} of an entry")
    cause = said["causation"]
    need(cause is None or (type(cause) is int and 0 <= cause < said["position"]), "the cause of an entry")
    need(TIME.fullmatch(said["time"]), "the time of an entry")
    try:
        datetime.fromisoformat(said["time"])
    except ValueError:
        raise NoBundle("the time of an entry") from None
    return said
