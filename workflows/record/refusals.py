"""Refusals: that an act or a signal was refused is on the record, once for each content and state.

A state does not carry them: a flood would make it grow without end. What tells a repeat is the refusal's mark, which
whoever records keeps beside its entry and looks up (:mod:`workflows.model.repeats`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflows.model.canonical import digest_of
from workflows.model.commands import Refusal
from workflows.model.declare import Event, Stamp, event
from workflows.model.state import Accord
from workflows.model.values import Text
from workflows.model.vocabulary import phrase


@event
class ActRefused(Event):
    """An act of a known delegate was refused. Kept once for each delegate, act, target and state; changes nothing."""

    says = "{act} is refused: {reason}"
    changes_state = False
    act: Text
    target: str
    refusal: Refusal

    @classmethod
    def sentence(cls, facts: Mapping[str, Any], vocabulary: str) -> str:
        """The act by its name, and why it was refused."""
        words = {"act": phrase(vocabulary, str(facts.get("act", "an_act"))), "reason": reason_of(facts)}
        return super().sentence(words, vocabulary)

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Nothing: it is on the record, and that is all."""
        return a


def reason_of(facts: Mapping[str, Any]) -> str:
    """Why an act or a signal was refused, from the facts of the event that says so."""
    refusal = facts.get("refusal")
    return str(refusal.get("reason", "…") if isinstance(refusal, dict) else facts.get("reason", "…"))


@event
class SignalRefused(Event):
    """A signal could not be taken up: unknown, malformed, or refused; its payload is kept as a digest."""

    says = "a signal is not taken up: {reason}"
    changes_state = False
    signal: Text
    reason: Text
    payload: str

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Nothing: it is on the record, and that is all."""
        return a


def mark_of(
    a: Accord, delegate: str, act: str, target: str, guard: str, key: str = "", version: int | None = None
) -> str:
    """What the same refusal has in common: this delegate's act, its target, the state, and the guard that refused it.

    ``key`` is that of the delegate's own signature: what nobody signed must not stand for what a delegate did. For an
    act that required another ``version`` does not stand one that required none.
    """
    return digest_of([a.version, delegate, act, target, guard, key, version])
