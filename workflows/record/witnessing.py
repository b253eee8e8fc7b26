"""The witness policy: whose cosignatures make a checkpoint final. A change of it needs every party.

A policy is the text of a C2SP ``tlog-policy`` without its ``log`` lines: which key the log signs with is said by other
entries (:mod:`workflows.record.logkeys`). The first policy may be set outside the record, as long as none is on it. A
checkpoint is judged by the policy of the last change among the entries that it commits to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from workflows.model.addresses import parse_address
from workflows.model.canonical import digest_bytes
from workflows.model.commands import Actor
from workflows.model.consent import ConsentGiven, clear, complete, not_yet_given, same_digest, subject
from workflows.model.declare import Act, Audience, Check, Event, Stamp, Who, act, event, party_of
from workflows.model.notekeys import WITNESS, read_key
from workflows.model.state import Accord, WitnessPolicy
from workflows.model.values import Digest, Note

SUBJECT = "witness policy"

MAX_POLICY = 8000
"""Characters of a policy: some 32 witnesses with their addresses, and groups of them."""


MAX_LINES = 1000
"""Lines of a policy, empty ones included."""


class _Reading:
    """A policy while its lines are read."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.keys: set[bytes] = set()
        self.ids: set[str] = set()
        self.members: set[str] = set()
        self.quorum = ""

    def read(self, words: list[str]) -> None:
        match words:
            case ["witness", name, key]:
                self._witness(name, key)
            case ["witness", name, key, address]:
                self._witness(name, key)
                parse_address(address)
            case ["group", name, threshold, *members] if members:
                self._group(name, threshold, members)
            case ["quorum", name] if not self.quorum:
                if name != "none" and name not in self.names:
                    raise ValueError(f"{name!r} is not defined above")
                self.quorum = name
            case ["log", *_]:
                raise ValueError("which key the log has is said by other entries; leave the line out")
            case _:
                raise ValueError(f"{' '.join(words)[:80]!r} is no line of a policy, or the second quorum")

    def _witness(self, name: str, line: str) -> None:
        _, public = read_key(line, WITNESS)
        if public in self.keys:
            raise ValueError(f"the key of {name} is listed twice")
        identified = line.rpartition("+")[0]
        if identified in self.ids:
            raise ValueError(
                f"the key of {name} has the name and id of another, by which they are told apart"
            )
        self.keys.add(public)
        self.ids.add(identified)
        self._define(name)

    def _group(self, name: str, threshold: str, members: list[str]) -> None:
        for member in members:
            if member not in self.names:
                raise ValueError(f"{member!r} is not defined above")
            if member in self.members:
                raise ValueError(f"{member!r} is a member twice")
            self.members.add(member)
        plain = threshold.isascii() and threshold.isdigit() and threshold == str(int(threshold))
        if threshold not in ("all", "any") and not (plain and 1 <= int(threshold) <= len(members)):
            raise ValueError(f"the group {name!r} cannot need {threshold[:20]} of {len(members)} members")
        self._define(name)

    def _define(self, name: str) -> None:
        if name == "none" or name in self.names:
            raise ValueError(f"the name {name!r} is already taken")
        self.names.add(name)


def _policy(text: str) -> str:
    if (
        not text.endswith("\n")
        or not text.isascii()
        or any((c < " " and c not in "\t\n") or c == "\x7f" for c in text)
    ):
        raise ValueError("a policy is ASCII text whose lines all end in a newline")
    if text.count("\n") > MAX_LINES:
        raise ValueError(f"a policy has at most {MAX_LINES} lines")
    reading = _Reading()
    for number, line in enumerate(text.split("\n"), 1):
        words = line.replace("\t", " ").split()
        if words and not words[0].startswith("#"):
            try:
                reading.read(words)
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from None
    if not reading.quorum:
        raise ValueError("it has no quorum; add a line such as: quorum parties")
    return text


PolicyText = Annotated[
    str,
    Field(
        max_length=MAX_POLICY,
        description="a C2SP tlog-policy without log lines: witnesses, groups of them, and the quorum",
    ),
    AfterValidator(_policy),
]


def policy_digest(text: str) -> str:
    """The digest of a policy's text, which consents name."""
    return digest_bytes(text.encode())


def _pending(a: Accord) -> str | None:
    proposed = a.witness_policy.proposed
    return policy_digest(proposed) if proposed else None


subject(SUBJECT, "the witness policy", _pending)


@event
class WitnessPolicyProposed(Event):
    """A party proposed whose cosignatures are to make a checkpoint final."""

    says = "a witness policy is proposed"
    policy: PolicyText
    digest: Digest

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """It stands beside the one in force; consents to an earlier proposal fall away."""
        return clear(a.changed(witness_policy=replace(a.witness_policy, proposed=self.policy)), SUBJECT)


@event
class WitnessPolicyChanged(Event):
    """Every party has agreed to the policy: checkpoints that commit to this entry are judged by it."""

    says = "the witness policy is changed"
    policy: PolicyText
    digest: Digest

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """The policy is in force."""
        return clear(a.changed(witness_policy=WitnessPolicy(self.policy, stamp.position)), SUBJECT)


def follows(a: Accord, at: datetime) -> Iterator[Event]:
    """A proposed policy takes effect when every party has consented to its digest."""
    proposed = a.witness_policy.proposed
    if proposed and complete(a, SUBJECT, policy_digest(proposed)):
        yield WitnessPolicyChanged(policy=proposed, digest=policy_digest(proposed))


@act
class ProposeWitnessPolicy(Act):
    """Propose whose cosignatures are to make the log's checkpoints final; it takes effect when every party agrees."""

    policy: PolicyText
    note: Note = ""
    who = Who(("contact", "protocol"), "any", agree="every party", sees=Audience.ALL)
    says = "{by} proposes another witness policy"

    def target(self) -> str:
        """The policy's digest: the whole would be too long a name."""
        return policy_digest(self.policy)

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Another one than what is in force or proposed."""
        yield Check(
            "policy_differs",
            self.policy not in (a.witness_policy.text, a.witness_policy.proposed),
            "this very policy is in force or proposed already",
            "agree to the one that is proposed, or change it",
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The proposal, and the proposer's consent."""
        digest = policy_digest(self.policy)
        yield WitnessPolicyProposed(policy=self.policy, digest=digest)
        yield ConsentGiven(subject=SUBJECT, party=party_of(by), digest=digest)


@act
class AgreeWitnessPolicy(Act):
    """Agree, for your party, to the witness policy that is proposed, by its digest."""

    digest: Digest
    who = Who(("contact", "protocol"), "any", agree="every party", sees=Audience.ALL)
    says = "{by} agrees to the witness policy"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """It is the one proposed, and the party has not agreed yet."""
        yield same_digest(SUBJECT, self.digest, _pending(a), "the witness policy")
        yield not_yet_given(a, SUBJECT, self.digest, by)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The party's consent."""
        yield ConsentGiven(subject=SUBJECT, party=party_of(by), digest=self.digest)
