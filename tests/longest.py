"""The files of tests that take longest, for the run to begin with them.

A file goes to one process as a whole. One that is begun last runs on alone while the other process has nothing left:
by the number of its tests, which is all that xdist knows, the longest of all come last. The order is by what
``make test ARGS="--durations=0"`` shows; it need not be exact.
"""

from __future__ import annotations

LONGEST = (
    "tests/worker/stack/test_up.py",
    "tests/worker/stack/test_stack.py",
    "tests/faults/test_faults.py",
    "tests/deploy/test_tutorial.py",
    "tests/api/test_nasty.py",
    "tests/deploy/test_observability.py",
    "tests/api/test_conformance.py",
    "tests/worker/doctor/test_doctor.py",
    "tests/mutation/test_guards_bite.py",
    "tests/simulation/test_properties.py",
    "tests/compatibility/test_replay.py",
    "tests/worker/demo/test_demo_command.py",
    "tests/api/test_acting.py",
    "tests/api/pages/test_in_chromium.py",
    "tests/api/pages/test_signing_in.py",
    "tests/worker/stack/test_place.py",
    "tests/activities/verifier/test_scenarios_verify.py",
    "tests/simulation/test_state_visit.py",
    "tests/worker/rollout/test_rollout.py",
    "tests/workflows/test_hostile.py",
    "tests/api/test_claims.py",
    "tests/api/test_clock.py",
    "tests/api/test_requests.py",
    "tests/api/pages/test_passkeys.py",
    "tests/workflows/test_reconcile.py",
    "tests/activities/papers/test_papers.py",
    "tests/activities/papers/book/test_book.py",
    "tests/api/pages/test_reading.py",
    "tests/worker/cli/test_widths.py",
    "tests/api/test_feeds.py",
)
"""By their paths from the top, the longest first."""
