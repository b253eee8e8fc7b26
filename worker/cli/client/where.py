"""Which Entente a client command speaks to, and as whom."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from activities.errors import SettingsProblem
from worker.cli.client.config import Config

DEFAULT_SERVER = "http://127.0.0.1:8080"

NOTHING = Config()
"""What a file says that is not there."""


@dataclass(frozen=True, slots=True)
class Where:
    """An API's address, and the key to send there; the key does not show when it is printed."""

    server: str
    key: str

    def __repr__(self) -> str:
        return f"Where({self.server!r})"


def where(
    server: str | None,
    key_file: Path | None,
    speaker: str | None,
    state_dir: Path | None,
    config: Config = NOTHING,
) -> Where:
    """The API to speak to and the key, from options and environment, and what these leave open from the file.

    Raises:
        SettingsProblem: there is no key, or the address is none.
    """
    named = state_dir or (
        Path(os.environ["ENTENTE_STATE_DIR"]) if os.environ.get("ENTENTE_STATE_DIR") else None
    )
    found = (server or config.server or _running(named or config.state_dir) or DEFAULT_SERVER).rstrip("/")
    if not found.startswith(("http://", "https://")):
        raise SettingsProblem(
            f"{found!r} is no address of an API.", "Give one such as https://entente.example with --server."
        )
    if key_file is None and not os.environ.get("ENTENTE_KEY", "").strip():
        key_file = config.key_file
    if speaker is None and key_file is not None:
        speaker = config.speaker
    return Where(found, _key(key_file, speaker))


def _running(state_dir: Path | None) -> str | None:
    from worker.stack.running import running_stack

    running = running_stack(state_dir or Path(".entente"))
    return running.api_url if running else None


def _key(file: Path | None, speaker: str | None) -> str:
    if file is None:
        if speaker is not None:
            raise SettingsProblem("--as chooses among the keys of a file.", "Name the file with --key-file.")
        key = os.environ.get("ENTENTE_KEY", "").strip()
        if not key:
            raise SettingsProblem(
                "There is no key to act with.",
                "Set ENTENTE_KEY, or name a file with --key-file or in the file that `entente config` names. "
                "`entente keys add DELEGATE` makes one.",
            )
        return key
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsProblem(f"The key file {file} cannot be read: {error}.", "Name another.") from error
    if not text.startswith("{"):
        if not text or len(text.split()) != 1:
            raise SettingsProblem(f"{file} does not hold a key alone.", "Put the key on its only line.")
        return text
    try:
        keys = json.loads(text)
    except ValueError as error:
        raise SettingsProblem(f"{file} is not JSON: {error}.", "Correct it, or name another.") from None
    names = ", ".join(sorted(keys))
    if speaker not in keys:
        said = "no key for " + speaker if speaker else "several keys"
        raise SettingsProblem(f"{file} holds {said}.", f"Choose one of {names} with --as.")
    return str(keys[speaker])
