"""Plays a play against the model in memory."""

from __future__ import annotations

from worker.demo.memory import Memory
from worker.demo.play import Play
from worker.demo.player import Moment, Player, Result


async def played(play: Play, backend: Memory | None = None) -> tuple[Result, Memory, list[Moment]]:
    """The result, the backend with its log, and what the audience was told."""
    moments: list[Moment] = []
    backend = backend or Memory()
    result = await Player(play, backend, moments.append).play()
    return result, backend, moments
