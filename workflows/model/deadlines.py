"""Deadlines: what an accord's durable timer waits for.

The next deadline of an accord is the earliest of all tracks'. ``decide`` emits every deadline that has passed
before it judges an act, dated when it was due.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from workflows.model.declare import Event

Kind = Literal["due", "response", "freshness", "cure", "long_stop"]


@dataclass(frozen=True, slots=True)
class Deadline:
    """When, of which kind, about what, and the event that follows if nothing was done by then."""

    at: datetime
    kind: Kind
    subject: str
    event: Event
    words: str = ""
    """What happens then, where the kind does not say it."""

    def summary(self) -> str:
        """One line for people: what happens then."""
        words = {
            "due": f"{self.subject} is due",
            "response": f"the {self.subject} expires without an answer",
            "freshness": f"{self.subject}: validity ends",
            "cure": f"time to cure {self.subject} ends",
            "long_stop": "long-stop date",
        }
        return f"{self.at:%Y-%m-%d %H:%M UTC} · {self.words or words[self.kind]}"
