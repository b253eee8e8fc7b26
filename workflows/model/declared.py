"""Every act and every event that there is: by importing this the registries are whole."""

from __future__ import annotations

from workflows.model import consent
from workflows.model.declare import ACTS, EVENTS
from workflows.record import attestation, erasure, keys, logkeys, operation, refusals, statements, witnessing
from workflows.tracks import (
    corrections,
    ending,
    invitation,
    predecessor,
    schedules,
    subsequent,
    understanding,
)
from workflows.tracks.conditions import disputes, due, evidence, verdicts, waivers
from workflows.tracks.documents import authentication, texts
from workflows.tracks.founding import adoption, amendment, appointments, reopening
from workflows.tracks.signing import authorization, full_powers, pages, release, signatures
from workflows.tracks.visit import course, dates, endings

DECLARING = (
    consent,
    *(attestation, erasure, keys, logkeys, operation, refusals, statements, witnessing),
    *(adoption, amendment, appointments, reopening),
    *(invitation, disputes, due, evidence, verdicts, waivers, predecessor),
    *(authentication, texts, schedules, understanding, dates, course, endings),
    *(full_powers, authorization, release, signatures, pages, subsequent, ending, corrections),
)
"""The modules that declare acts and events."""

__all__ = ["ACTS", "DECLARING", "EVENTS"]
