"""What client commands are told by a file: weaker than the environment, which is weaker than options."""

from __future__ import annotations

import difflib
import os
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

from activities.errors import SettingsProblem

FILE = "ENTENTE_CONFIG"
"""The environment's variable that names the file."""


@dataclass(frozen=True, slots=True)
class Config:
    """What the file says; none, where it says nothing of it. Paths are relative to the file's directory."""

    server: str | None = None
    key_file: Path | None = None
    speaker: str | None = None
    state_dir: Path | None = None
    sign_with: Path | None = None
    signer: str | None = None


NAMES = {one.name: "as" if one.name == "speaker" else one.name for one in fields(Config)}
"""What each setting is called in the file."""

VARIABLES = {
    "server": "ENTENTE_SERVER",
    "key_file": "ENTENTE_KEY_FILE",
    "speaker": "ENTENTE_AS",
    "state_dir": "ENTENTE_STATE_DIR",
    "sign_with": "ENTENTE_SIGN_WITH",
    "signer": "ENTENTE_SIGNER",
}
"""The environment's variable for each setting."""

_PATHS = ("key_file", "state_dir", "sign_with")


def config_file() -> Path:
    """Where the file is, or would be: ``ENTENTE_CONFIG``, or ``entente/config.toml`` in the user's configuration."""
    named = os.environ.get(FILE)
    if named:
        return Path(named).expanduser()
    home = os.environ.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path.home() / ".config") / "entente" / "config.toml"


def read_config() -> Config:
    """What the file says.

    Raises:
        SettingsProblem: it is named and is not there, cannot be read, or says something that nobody asks.
    """
    file = config_file()
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        if os.environ.get(FILE):
            raise SettingsProblem(f"There is no file {file}.", f"Name another with {FILE}.") from None
        return Config()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsProblem(f"{file} cannot be read: {error}.", "Correct it, or take it away.") from None
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsProblem(f"{file} is not TOML: {error}.", "Correct it, or take it away.") from None
    found: dict[str, str | Path] = {}
    known = {written: name for name, written in NAMES.items()}
    for written, value in said.items():
        if written not in known:
            raise SettingsProblem(f"{file} has {written!r}, {_unknown(written)}", _remedy(written, known))
        if not isinstance(value, str) or not value:
            raise SettingsProblem(f"{file}: {written} is no text.", f'Write it as {written} = "…".')
        name = known[written]
        found[name] = file.parent / Path(value).expanduser() if name in _PATHS else value
    return Config(**found)  # type: ignore[arg-type]


def _unknown(written: str) -> str:
    return "which does not belong in a file." if written == "key" else "which is no setting."


def _remedy(written: str, known: dict[str, str]) -> str:
    if written == "key":
        return "Put the key into a file that only you can read, and name that with key_file."
    like = difflib.get_close_matches(written, known, n=1)
    return f"Did you mean {like[0]}?" if like else f"There are {', '.join(sorted(known))}."
