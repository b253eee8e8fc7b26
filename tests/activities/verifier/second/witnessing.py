"""FORMAT.md, "Checkpoints, keys, witnesses": the questions *signatures* and *quorum*."""

from __future__ import annotations

import base64
from typing import Any

from tests.activities.verifier.second.commands import Entry
from tests.activities.verifier.second.logs import Key, Note, Policy, key, policy
from tests.activities.verifier.second.reading import NoBundle, need

ABOUT_KEYS = ("log_key_rotated", "log_key_retired")
POLICY = "witness_policy_changed"


class Witnessing:
    """Which keys and which policy count, from checkpoint to checkpoint."""

    def __init__(self, verifier: Any, own: list[Key], known: list[Key], given: Policy | None) -> None:
        self.verifier, self.own, self.known, self.given = verifier, own, known, given
        self.fails = verifier.fails
        self.named: list[list[Any]] = []
        self.policies: list[tuple[int, Policy | None]] = []
        self.hidden = self.hidden_policy = False
        self.trusted = set(own)
        self.believed = given
        self.final = 0
        self.anchored = 0
        self.last: Note | None = None
        self.unnamed: list[tuple[int, list[Key]]] = []

    def tell(self, position: int, one: Entry | None) -> None:
        """Take in an entry."""
        if one is None:
            self.hidden = self.hidden_policy = True
            return
        kind = one.said["type"]
        if kind not in (*ABOUT_KEYS, POLICY):
            return
        if one.facts is None:
            self.hidden |= kind in ABOUT_KEYS
            self.hidden_policy |= kind == POLICY
            return
        try:
            self._told(position, kind, one.facts["event"])
        except (KeyError, TypeError, NoBundle):
            self.fails["signatures"].append(f"entry {position} does not read")

    def _told(self, position: int, kind: str, event: dict[str, Any]) -> None:
        if kind == POLICY:
            need(isinstance(event["policy"], str), "a policy")
            try:
                self.policies.append((position, policy(event["policy"].encode())))
            except NoBundle:
                self.policies.append((position, None))
        elif kind == "log_key_retired":
            retired = key(event["key"], (1,))
            self.named = [
                [k, since, position if k == retired and end is None else end] for k, since, end in self.named
            ]
        else:
            if len(self.named) >= 20:
                self.fails["signatures"].append("too many keys")
                return
            old, new = key(event["old"], (1,)), key(event["new"], (1,))
            if not self.named:
                self.named.append([old, None, None])
                lacking = any(old not in signers for _, signers in self.unnamed)
                if (lacking or (old not in self.known and self.last is not None)) and not self.hidden:
                    self.fails["signatures"].append("not signed by the key that it began with")
            self.named.append([new, position, None])

    def counting(self, size: int) -> list[Key]:
        """The keys that count at a size, where the record names any."""
        return [
            k
            for k, since, end in self.named
            if (since is None or since < size) and (end is None or size <= end)
        ]

    def keys_for_kept(self, size: int) -> list[Key]:
        """The keys that may have signed what was kept."""
        if not self.named:
            return self.own or self.known
        return [*self.counting(size), *(self.known if self.hidden else [])]

    def judge(self, one: Note) -> None:
        """A checkpoint of the size that was reached."""
        right = self.verifier.tree.root(one.size) == one.root
        if one.origin != self.verifier.manifest["origin"] or not right or one.more:
            self.fails["consistency"].append(f"the checkpoint at {one.size}")
        self.last = one
        recorded = self.policies[-1][1] if self.policies else None
        at_its_size = recorded if self.policies else (self.given or self.verifier.beside)
        if self.policies and recorded is None:
            self.fails["quorum"].append("the policy on the record does not read")
        witnesses = [k for p in (at_its_size, self.believed) if p is not None for _, k in p.witnesses]
        signers = one.signers([*self.known, *(k for k, _, _ in self.named), *witnesses])
        if signers is None:
            self.fails["signatures"].append(f"the signatures at {one.size}")
            return
        by = [k for k in signers if k.kind == 1]
        if not self._by_the_log(one.size, by):
            return
        if right:
            self._cosigned(one.size, recorded, [k for k in signers if k.kind == 4])

    def _by_the_log(self, size: int, by: list[Key]) -> bool:
        if not self.named:
            if not by:
                self.fails["signatures"].append(f"not signed at {size}")
                return False
            self.unnamed.append((size, by))
            valid = by
        else:
            valid = [k for k in by if k in self.counting(size)]
            if not valid:
                names = [k for k, _, _ in self.named]
                if not (self.hidden and any(k not in names for k in by)):
                    self.fails["signatures"].append(f"signed by no key that counts at {size}")
                return False
        if self.trusted & set(valid):
            self.trusted |= {k for k, _, _ in self.named}
            self.anchored = size
        return True

    def _cosigned(self, size: int, recorded: Policy | None, cosigners: list[Key]) -> None:
        if self.given is None or self.believed is None or self.hidden_policy:
            return
        if recorded is not None and recorded.asks() != self.believed.asks():
            vouched = not self.believed.satisfied([]) and self.believed.satisfied(cosigners)
            if vouched or recorded.asks() == self.given.asks():
                self.believed = recorded
        if self.believed.satisfied(cosigners) and not self.believed.satisfied([]):
            self.final = size

    def finish(self) -> None:
        """The end of the record."""
        size, signatures, quorum = self.verifier.size, self.fails["signatures"], self.fails["quorum"]
        if self.last is None or self.last.size != size:
            signatures.append("no checkpoint over the whole record")
        if self.own:
            foreign = [at for at, by in self.unnamed if not set(by) & set(self.own)]
            if not self.named and foreign and not self.hidden:
                signatures.append("a checkpoint that none of yours signed")
            elif self.last is not None and self.anchored != self.last.size and not self.hidden:
                signatures.append("the last checkpoint has no signature that you believe")
        if self.hidden:
            self.verifier.unproven.add("signatures")
        names = {_line(k) for k, _, _ in self.named}
        if names and not self.hidden and set(self.verifier.manifest["log_keys"]) != names:
            signatures.append("the manifest names other keys")
        beside = self.verifier.beside
        if beside is not None:
            if any(_line(k) not in self.verifier.manifest["log_keys"] for k in beside.logs):
                signatures.append("policy.txt names another key")
            recorded = self.policies[-1][1] if self.policies else None
            if recorded is not None and not self.hidden_policy and recorded.asks() != beside.asks():
                quorum.append("policy.txt is another policy")
        if self.believed is None or self.hidden_policy or self.believed.satisfied([]):
            self.verifier.unproven.add("quorum")
        elif self.final != size:
            quorum.append("no quorum over the whole record")


def _line(one: Key) -> str:
    return f"{one.name}+{one.id.hex()}+{base64.b64encode(bytes([one.kind]) + one.public).decode()}"
