"""Files that commands write: whole, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from activities.errors import RuntimeProblem


def write_whole(file: Path, content: bytes) -> None:
    """Write a file under its name only once it is complete: what was cut off could be handed over.

    Raises:
        RuntimeProblem: it cannot be written.
    """
    # A name of this process's own: another one may write the same file now.
    unfinished = file.with_name(f".{file.name}.{os.getpid()}.unfinished")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(file)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise RuntimeProblem(
            f"{file} cannot be written: {error.strerror}.", "Make room, or name another with -o."
        ) from None
