"""The files of tests that take longest, for the run to begin with them.

A file goes to one process as a whole. One that is begun last runs on alone while the other process has nothing left:
by the number of its tests, which is all that xdist knows, the longest of all come last. The order is by what
``make test ARGS="--durations=0"`` shows; it need not be exact.
"""

from __future__ import annotations

LONGEST = (
    "tests/worker/stack/test_up.py",
    "tests/worker/stack/test_stack.py",
    "tests/worker/demo/test_demo_command.py",
    "tests/deploy/test_tutorial.py",
    "tests/faults/test_faults.py",
    "tests/api/test_conformance.py",
    "tests/simulation/test_properties.py",
    "tests/api/test_nasty.py",
    "tests/activities/bundle/test_export.py",
    "tests/worker/stack/test_place.py",
    "tests/worker/doctor/test_doctor.py",
    "tests/compatibility/test_replay.py",
    "tests/deploy/test_observability.py",
    "tests/activities/papers/book/test_book.py",
    "tests/activities/papers/test_papers.py",
    "tests/workflows/test_reconcile.py",
    "tests/worker/cli/test_widths.py",
    "tests/worker/cli/test_client.py",
    "tests/workflows/test_hostile.py",
    "tests/api/test_feeds.py",
    "tests/simulation/test_state_visit.py",
    "tests/simulation/test_jv_closing.py",
    "tests/activities/verifier/test_scenarios_verify.py",
    "tests/api/test_acting.py",
    "tests/activities/audit/test_audit_history.py",
    "tests/api/test_claims.py",
    "tests/api/test_clock.py",
    "tests/worker/rollout/test_rollout.py",
)
"""By their paths from the top, the longest first."""
