"""Refusals: that an act or a signal was refused is on the record, once for each content and state."""

from __future__ import annotations

from dataclasses import replace

from workflows.model.canonical import digest_of
from workflows.model.commands import Refusal
from workflows.model.declare import Event, Stamp, event
from workflows.model.state import Accord, Refused
from workflows.model.values import Text


@event
class ActRefused(Event):
    """An act of a known delegate was refused. Kept once for each delegate, act, target and state; changes nothing."""

    changes_state = False
    act: Text
    target: str
    refusal: Refusal

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Remember where it stands, so that a repeat is not recorded again."""
        key = refusal_key(stamp.actor.delegate, self.act, self.target)
        return replace(a, refusals={**a.refusals, key: Refused(a.version, stamp.position)})


@event
class SignalRefused(Event):
    """A signal could not be taken up: unknown, malformed, or refused; its payload is kept as a digest."""

    changes_state = False
    signal: Text
    reason: Text
    payload: str

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Remember where it stands, so that a repeat is not recorded again."""
        key = refusal_key(stamp.actor.delegate, self.signal, self.payload)
        return replace(a, refusals={**a.refusals, key: Refused(a.version, stamp.position)})


def refusal_key(delegate: str, act: str, target: str) -> str:
    """Under what a refusal is remembered. Long targets are kept by digest."""
    return f"{delegate} {act} {target if len(target) <= 120 else digest_of(target)}"
