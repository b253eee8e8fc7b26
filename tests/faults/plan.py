"""What is broken, in which order and for how long: it follows from a seed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tests.faults.installation import PROCESSES, SERVERS, Installation

Kind = Literal["kill", "freeze", "cut", "silence"]

WORKERS = ("worker-1", "worker-2")

EVERYTHING = ("postgres", "temporal", *WORKERS, "api")

WHOLE: tuple[tuple[str, ...], ...] = (
    ("api",),
    ("worker-1",),
    WORKERS,
    ("temporal",),
    ("postgres",),
    EVERYTHING,
)
"""What is killed or frozen together."""

LINKS: tuple[tuple[str, ...], ...] = (
    ("worker-1/postgres",),
    ("worker-1/temporal",),
    ("worker-1/postgres", "worker-2/postgres"),
    ("worker-1/temporal", "worker-2/temporal"),
    ("api/postgres",),
    ("api/temporal",),
)
"""Which connections are cut, or fall silent, together."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that lasts ``seconds``."""

    kind: Kind
    victims: tuple[str, ...]
    seconds: float

    @property
    def name(self) -> str:
        """What the report calls it."""
        return f"{self.kind} {'everything' if self.victims == EVERYTHING else ' and '.join(self.victims)}"

    def begin(self, installation: Installation) -> None:
        """Break it."""
        for victim in self.victims:
            if self.kind == "kill":
                installation.kill(victim)
            elif self.kind == "freeze":
                installation.freeze(victim)
            elif self.kind == "cut":
                installation.links[_link(victim)].cut()
            else:
                installation.links[_link(victim)].silence()

    async def end(self, installation: Installation) -> None:
        """Let it go on, or start it again; returns when it does.

        Servers first, then the processes, all at once, as whoever looks after processes does.
        """
        if self.kind == "kill":
            for together in (SERVERS, PROCESSES):
                await asyncio.gather(
                    *(installation.start(victim) for victim in self.victims if victim in together)
                )
            return
        for victim in self.victims:
            if self.kind == "freeze":
                installation.thaw(victim)
            else:
                installation.links[_link(victim)].mend()


def _link(victim: str) -> tuple[str, str]:
    process, _, server = victim.partition("/")
    return process, server


def faults(seed: int, longest: float = 5.0) -> Iterator[Fault]:
    """Faults without end: in each round every kind of every victim once, in an order and for a time by chance."""
    chance = random.Random(seed)
    every: list[tuple[Kind, tuple[str, ...]]] = [
        *(("kill", victims) for victims in WHOLE),
        *(("freeze", victims) for victims in WHOLE),
        *(("cut", victims) for victims in LINKS),
        *(("silence", victims) for victims in LINKS),
    ]
    while True:
        chance.shuffle(every)
        for kind, victims in every:
            yield Fault(kind, victims, round(chance.uniform(1.0, longest), 1))
