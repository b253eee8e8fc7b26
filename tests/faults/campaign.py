"""A campaign: accords run, one thing after another breaks, and in the end all has to be right.

How long nobody was answered, and how long the slowest act took after the fault's end, is measured for each fault.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from tests.faults.checks import problems
from tests.faults.clients import History, Load
from tests.faults.installation import Installation, installed
from tests.faults.plan import Fault, faults
from tests.memory import memory

GOAL = 10.0
"""Seconds after a fault's end in which every act is to be answered."""

GIVE_UP = 60.0
"""Seconds after which no further fault waits for the answers to come."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A fault as it was: from when to when, on the clients' clock."""

    fault: Fault
    begin: float
    end: float
    over: float
    """When all was answered again, or no longer waited for."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What a fault did: the longest time in which nobody was answered, and the slowest act after its end."""

    broken: Broken
    silence: float
    slowest: float
    acts: int


@dataclass
class Outcome:
    """What came of a campaign."""

    effects: list[Effect] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    ended_by_themselves: list[str] = field(default_factory=list)
    acts: int = 0
    signals: int = 0
    entries: int = 0

    def late(self) -> list[str]:
        """Faults after whose end an act was not answered in time."""
        return [
            f"{effect.broken.fault.name}: {effect.slowest:.1f} s"
            for effect in self.effects
            if effect.slowest > GOAL
        ]


def effect_of(broken: Broken, history: History) -> Effect:
    """Measure a fault by the acts that waited at any time of it, or were sent and answered until all was over."""
    waits = [
        (sent, answered)
        for sent, answered in history.waits
        if answered >= broken.begin and (sent <= broken.end or answered <= broken.over)
    ]
    answers = sorted(answered for _, answered in waits if answered <= broken.over)
    silence = max(after - before for before, after in pairwise([broken.begin, *answers, broken.over]))
    slowest = max((answered - max(sent, broken.end) for sent, answered in waits), default=0.0)
    return Effect(broken, silence, max(0.0, slowest), len(waits))


async def _until_answered(load: Load, end: float) -> None:
    """Wait until every act that was sent before ``end`` is answered, and one that was sent after it."""
    limit = time.monotonic() + GIVE_UP
    while time.monotonic() < limit:
        waiting = any(sent <= end for sent in load.history.pending.values())
        later = any(sent > end for sent, _ in load.history.waits[-50:])
        if (not waiting and later) or load.failed():
            return
        await asyncio.sleep(0.1)


async def run(
    seed: int,
    seconds: float,
    accords: int = 8,
    longest: float = 5.0,
    tell: Callable[[str], None] = lambda _: None,
    keep: Path | None = None,
) -> Outcome:
    """Break things for so many seconds, then check everything.

    Where a client had no answer, or something is wrong, logs and histories are left in ``keep``.
    """
    outcome = Outcome()
    with tempfile.TemporaryDirectory(prefix="entente-faults-", dir=memory()) as directory:
        async with installed(Path(directory)) as installation:
            load = Load(installation, seed, accords, seconds)
            try:
                await load.begin()
                broken = await _break(installation, load, seed, seconds, longest, tell)
                await load.stop()
                await load.go_on()
                outcome.problems = await problems(installation, load)
            except BaseException:
                await _leave(installation, load, keep)
                raise
            finally:
                await load.aclose()
            if outcome.problems:
                await _leave(installation, load, keep)
            outcome.effects = [effect_of(each, load.history) for each in broken]
            outcome.acts, outcome.signals = len(load.history.waits), len(load.history.signals)
            outcome.ended_by_themselves = installation.ended_by_themselves
    return outcome


async def _leave(installation: Installation, load: Load, keep: Path | None) -> None:
    """Leave what tells why: the processes' logs, and each accord's history and pending work."""
    if keep is None:
        return
    keep.mkdir(parents=True, exist_ok=True)
    shutil.copytree(installation.stack.state / "logs", keep / "logs", dirs_exist_ok=True)
    for accord in load.accords:
        handle = installation.temporal.get_workflow_handle(accord)
        described = await handle.describe()
        (keep / f"{accord}.pending.txt").write_text(str(described.raw_description))
        (keep / f"{accord}.json").write_text((await handle.fetch_history()).to_json())


async def _break(
    installation: Installation,
    load: Load,
    seed: int,
    seconds: float,
    longest: float,
    tell: Callable[[str], None],
) -> list[Broken]:
    broken = []
    until = time.monotonic() + seconds
    for fault in faults(seed, longest):
        if time.monotonic() >= until or load.failed():
            break
        await asyncio.sleep(0.5)
        begin = time.monotonic()
        fault.begin(installation)
        await asyncio.sleep(fault.seconds)
        end = time.monotonic()
        await fault.end(installation)
        await _until_answered(load, end)
        broken.append(Broken(fault, begin, end, time.monotonic()))
        effect = effect_of(broken[-1], load.history)
        tell(
            f"{fault.name} for {fault.seconds:g} s: nobody was answered for {effect.silence:.1f} s; "
            f"the slowest act took {effect.slowest:.1f} s after its end"
        )
    return broken


def table(outcome: Outcome) -> str:
    """The effects, by kind of fault and victim, as Markdown."""
    by_name: dict[str, list[Effect]] = defaultdict(list)
    for effect in outcome.effects:
        by_name[effect.broken.fault.name].append(effect)
    lines = [
        "| fault | times | lasted at most | nobody answered, at most | slowest act after its end |",
        "|---|---|---|---|---|",
    ]
    for name, effects in sorted(by_name.items()):
        lasted = max(effect.broken.end - effect.broken.begin for effect in effects)
        silence = max(effect.silence for effect in effects)
        slowest = max(effect.slowest for effect in effects)
        lines.append(f"| {name} | {len(effects)} | {lasted:.1f} s | {silence:.1f} s | {slowest:.1f} s |")
    return "\n".join(lines)
