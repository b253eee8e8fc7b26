"""The verifier is small enough to be read: it loads no server, no database, no network library."""

from __future__ import annotations

import subprocess
import sys

ALLOWED = {
    "activities", "workflows",
    "pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection",
    "cryptography", "cffi", "pycparser",
}  # fmt: skip


def test_the_verifier_loads_nothing_else() -> None:
    code = (
        "import sys; before = set(sys.modules); import activities.verifier.verify, activities.verifier.evidence; "
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    # A name that begins with an underscore is a compiled part of one of these, or of Python itself.
    foreign = {
        name
        for name in loaded.stdout.split()
        if name not in sys.stdlib_module_names and not name.startswith("_")
    }
    assert "activities" in foreign
    assert foreign <= ALLOWED
