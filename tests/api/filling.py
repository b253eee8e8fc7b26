"""Fills a ledger with what the model decides, as the recorder does, without a workflow between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from activities.judging.judge import appended_as
from activities.ledger.store import Ledger
from workflows.model.commands import OPEN, Command, Receipt
from workflows.model.decide import Decision, decide
from workflows.model.repeats import Refusals
from workflows.model.state import Accord

START = datetime(2030, 1, 7, 9, tzinfo=UTC)
ROLES = ("protocol", "treaty_section", "drafter", "obligor", "verifier", "competent_authority", "signatory")


class Filler:
    """One accord after another; every act an hour after the one before."""

    def __init__(self, ledger: Ledger, *, start: datetime = START) -> None:
        self.ledger = ledger
        self.states: dict[str, Accord] = {}
        self.at = start
        self._commands = 0
        self._refusals: dict[str, Refusals] = {}

    async def do(
        self, accord: str, act: str, by: str, /, *, at: datetime | None = None, **fields: Any
    ) -> Receipt:
        """Record what follows from an act, or its refusal."""
        self.at = at or self.at + timedelta(hours=1)
        self._commands += 1
        command = Command(
            accord=accord, id=f"{by}/{self._commands}", act=act, fields=fields, delegate=by, key_id="k"
        )
        state = self.states.get(accord)
        decision: Decision = decide(state, command, self.at)
        decision = self._refusals.setdefault(accord, Refusals()).settle(state, decision)
        [outcome] = await self.ledger.record([appended_as(state, command, decision)])
        assert outcome.receipt is not None, outcome
        self.states[accord] = decision.after
        return outcome.receipt

    async def open(self, accord: str, definition: dict[str, Any]) -> None:
        await self.do(accord, OPEN, "aa.contact", definition=definition)

    async def found(self, accord: str, definition: dict[str, Any]) -> None:
        """Open it, let both parties of the small definitions adopt it, and give their contacts every role."""
        await self.open(accord, definition)
        digest = self.states[accord].definition_digest
        for party in ("aa", "bb"):
            await self.do(accord, "adopt_definition", f"{party}.contact", digest=digest)
        for party in ("aa", "bb"):
            await self.do(
                accord,
                "appoint_delegate",
                f"{party}.contact",
                delegate=f"{party}.contact",
                office="Office",
                roles=list(ROLES),
            )

    async def invite(self, accord: str) -> None:
        await self.do(accord, "issue_invitation", "aa.contact")
        await self.do(accord, "accept_invitation", "bb.contact", note="With thanks to Ms Example.")

    async def verify(self, accord: str, evidence: str) -> None:
        """Bring the small definitions' condition C1 to a verdict."""
        await self.do(
            accord,
            "submit_evidence",
            "aa.contact",
            condition="C1",
            digest=evidence,
            grade="documented",
            source="Report 1",
            note="Seen by Mr Example.",
        )
        await self.do(accord, "verify_condition", "bb.contact", condition="C1", evidence=[evidence])
