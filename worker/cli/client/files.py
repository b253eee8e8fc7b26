"""Contents to and from the API, for commands; and redlines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from api.client.files import CHUNK, Deposit, Progress
from worker.cli.client.calling import Calls
from worker.cli.client.options import path_of

__all__ = ["CHUNK", "Deposit", "fetch_file", "fetch_redline", "send_file", "would_take"]


def send_file(calls: Calls, accord: str, path: Path, media_type: str | None, progress: Progress) -> Deposit:
    """Deposit a file's content; goes on where an earlier attempt was cut off.

    Raises:
        ApiProblem: the API says why it does not take it, or the file cannot be read.
        Unreachable: the API does not answer.
    """
    return calls.run(calls.api.files.put(accord, path, media_type, progress), quiet=True)


def would_take(calls: Calls, accord: str, path: Path) -> bool:
    """Whether all of a file's content is there already; where it is not, that it would be taken.

    Raises:
        ApiProblem: the API says why it would not take it, or the file cannot be read, or is not of its name's type.
        Unreachable: the API does not answer.
    """
    return calls.run(calls.api.files.would_take(accord, path)).complete


def fetch_file(calls: Calls, digest: str, accord: str | None, target: Path, progress: Progress) -> int:
    """Write a content to ``target``, once all of it is there and has the digest; its size in bytes.

    Raises:
        ApiProblem: the API says why it does not give it, it cannot be written, or is not what has the digest.
        Unreachable: the API does not answer.
    """
    return calls.run(calls.api.files.get(digest, target, accord, progress), quiet=True)


def fetch_redline(calls: Calls, accord: str, older: str, newer: str, accept: str) -> Any:
    """The redline of two texts: JSON values, or the page.

    Raises:
        ApiProblem: the API says why it does not give it.
        Unreachable: the API does not answer.
    """
    query = [("older", older), ("newer", newer)]
    text = calls.fetch(f"{path_of(accord)}/redline", query, {"Accept": accept}).content.decode()
    return text if accept == "text/html" else json.loads(text)
