"""Every bundle of the gallery is verified twice: by us, and by the verifier written from FORMAT.md alone."""

from __future__ import annotations

import pytest

from tests.activities.checkpoints import changing
from tests.activities.verifier import record
from tests.activities.verifier.agreement import agreed


@pytest.fixture(autouse=True)
def _both(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (request.module, record, changing):
        if hasattr(module, "verify_bundle"):
            monkeypatch.setattr(module, "verify_bundle", agreed)
