"""Plays about one condition, ``C1`` of the host, with terms as a test needs them."""

from __future__ import annotations

from typing import Any

from tests.simulation.definitions import condition, pair
from tests.simulation.play import Play
from tests.simulation.small import digest


def founded(**terms: Any) -> Play:
    """One condition of the host, which bb.verifier verifies, with its terms as given."""
    verifiers = terms.pop("verifiers", ("bb.verifier",))
    return Play(pair(conditions={"C1": condition("AA", *verifiers, **terms)})).go("founded")


def verified(**terms: Any) -> Play:
    return founded(**terms).verify("C1")


def submission(play: Play, **fields: Any) -> dict[str, Any]:
    return {"condition": "C1", "digest": digest("it"), "grade": "documented", "source": "Office", **fields}
