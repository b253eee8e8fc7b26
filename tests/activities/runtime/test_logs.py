"""All logs leave by one pipeline, and say which accord they are about."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PROGRAM = """
import logging, structlog
from activities.runtime.logs import configure_logs, logged
configure_logs("{format}", "info")
with logged(accord="A-1", act="verify_condition"):
    structlog.get_logger("ours").info("recorded", position=7, words="초대")
    logging.getLogger("theirs").warning("slow %s", "query", extra={{"ms": 12}})
logging.getLogger("theirs").debug("not seen")
logging.getLogger("httpx").info("not seen either")
password = "hunter2"
try:
    1 / 0
except ZeroDivisionError:
    structlog.get_logger("ours").exception("failed")
"""


def _lines(log_format: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(format=log_format)], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_json_lines_carry_context_from_either_kind_of_logger() -> None:
    ours, theirs, failed = [json.loads(line) for line in _lines("json")]
    assert (ours["event"], ours["accord"], ours["act"], ours["position"], ours["words"]) == (
        "recorded",
        "A-1",
        "verify_condition",
        7,
        "초대",
    )
    assert (theirs["event"], theirs["accord"], theirs["logger"], theirs["ms"]) == (
        "slow query",
        "A-1",
        "theirs",
        12,
    )
    assert theirs["level"] == "warning"
    assert ours["timestamp"].endswith("Z")
    assert "accord" not in failed
    assert failed["exception"][0]["exc_type"] == "ZeroDivisionError"


def test_auto_is_json_where_nobody_looks() -> None:
    assert [json.loads(line)["event"] for line in _lines("auto")] == ["recorded", "slow query", "failed"]


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_tracebacks_show_no_local_variables(log_format: str) -> None:
    lines = _lines(log_format)
    assert any("ZeroDivisionError" in line for line in lines)
    assert not any("hunter2" in line for line in lines)


def test_console_lines_are_for_people() -> None:
    first = _lines("console")[0]
    assert "recorded" in first
    assert "position=7" in first


DUMP = """
import logging, structlog
from activities.runtime.logs import configure_logs
configure_logs("{format}", "info")
history = "payload " * 50_000
logging.getLogger("temporalio.core").warning("Failing workflow task %s", history, extra={{"history": [history]}})
structlog.get_logger("ours").warning("a history", history=history)
"""


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_line_dumps_a_history(log_format: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DUMP.format(format=log_format)], capture_output=True, text=True, check=True
    )
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert all(len(line) < 10_000 for line in lines)
    assert all("more characters)" in line for line in lines)
