"""Attestation: the digest of the folded state at a version becomes an entry, if it is right.

A version is the position of the last entry that changed the state; refusals and statements after it change nothing.

Whoever folded the record, by this program or another that follows the same rules, can put on record what it comes to.
The rules compare it with their own fold, and so does whoever verifies the record later.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from pydantic import Field

from workflows.model.attested import state_digest
from workflows.model.commands import Actor
from workflows.model.declare import Act, Audience, Check, Event, Stamp, Who, act, event
from workflows.model.state import Accord
from workflows.model.values import Count, Digest


@event
class StateAttested(Event):
    """A delegate attested what the entries up to a version come to, and the rules came to the same."""

    says = "the state at entry {position} is attested"
    changes_state = False
    position: Count = Field(ge=0, description="the version: the last entry that changed the state")
    digest: Digest

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Nothing: it is said of the state, and changes none."""
        return a


@act
class AttestState(Act):
    """Attest the digest of the state that the record comes to at its present version; taken only if it is right."""

    position: Count = Field(
        ge=0, description="the version: position of the last entry that changed the state"
    )
    digest: Digest
    who = Who((), "anyone", sees=Audience.ALL)
    says = "{by} attests the state at entry {position}"
    before_founding = True
    after_end = True
    after_closing = True

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """The state is still that one, and has that digest."""
        yield Check(
            "version_is_present",
            self.position == a.version,
            f"the state is that of entry {a.version}, not of {self.position}",
            "fold the record up to its last entry, and attest that",
        )
        # Not said what it would be: an attestation is worth something only from who has folded the record.
        yield Check(
            "digest_is_the_states",
            self.position != a.version or self.digest == state_digest(a),
            "the entries come to a state with another digest",
            "fold the record again, by the rules of the release that runs here; entente verify shows the digest",
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The attestation."""
        yield StateAttested(position=self.position, digest=self.digest)
