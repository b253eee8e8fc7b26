"""The verifier is small enough to be read: it loads no server, no database, no network library."""

from __future__ import annotations

import subprocess
import sys

ALLOWED = {
    "activities", "workflows",
    "pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection",
    "cryptography", "cffi", "pycparser", "rfc3161_client", "msgspec",
}  # fmt: skip

ROOMS = {
    "activities.bundle", "activities.bundle.archive", "activities.bundle.format",
    "activities.bundle.lines", "activities.errors", "activities.tlog", "activities.verifier",
    # Pure parts of other rooms: the entry's format, what the record says of its keys, whether a signature fits.
    "activities.ledger", "activities.ledger.entry", "activities.ledger.parsing", "activities.ledger.strict_json",
    "activities.checkpoints", "activities.checkpoints.standing",
    "activities.identity", "activities.identity.own_signatures",
    "activities.timestamps", "activities.timestamps.token",
    "workflows.errors", "workflows.model", "workflows.tracks", "workflows.record",
}  # fmt: skip


def loaded_by(*modules: str) -> set[str]:
    """The modules that a fresh Python has loaded after importing these, beyond those that it begins with."""
    code = f"import sys; before = set(sys.modules); import {', '.join(modules)}; print(*(set(sys.modules) - before))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(run.stdout.split())


def test_the_verifier_loads_no_other_room() -> None:
    whole = (
        "activities.tlog.",
        "activities.verifier.",
        "workflows.model.",
        "workflows.tracks.",
        "workflows.record.",
    )
    strays = {
        name
        for name in loaded_by("activities.verifier.verify", "activities.verifier.evidence")
        if name.startswith(("activities.", "workflows.", "worker", "api"))
        and name not in ROOMS
        and not name.startswith(whole)
    }
    assert not strays


def test_the_logs_formats_load_cryptography_and_nothing_else() -> None:
    names = ("checkpoint", "cosignature", "merkle", "note", "policy", "proofs", "tiles")
    loaded = loaded_by(*(f"activities.tlog.{name}" for name in names))
    foreign = {
        name for name in loaded if name.partition(".")[0] not in sys.stdlib_module_names and name[0] != "_"
    }
    ours = {name for name in foreign if name.partition(".")[0] in ("activities", "workflows")}
    assert ours == {
        *("activities", "activities.errors", "activities.tlog", "workflows", "workflows.errors"),
        *(f"activities.tlog.{name}" for name in names),
    }
    assert {name.partition(".")[0] for name in foreign - ours} <= {"cryptography", "cffi", "pycparser"}


def test_the_verifier_loads_no_other_package() -> None:
    loaded = {
        name.partition(".")[0]
        for name in loaded_by("activities.verifier.verify", "activities.verifier.evidence")
    }
    # A name that begins with an underscore is a compiled part of one of these, or of Python itself.
    foreign = {name for name in loaded if name not in sys.stdlib_module_names and not name.startswith("_")}
    assert "activities" in foreign
    assert foreign <= ALLOWED
