"""An embedded Postgres 18: initialised at first, started, probed by a real connection, stopped fast."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import time
from functools import partial
from pathlib import Path
from urllib.parse import quote

import asyncpg

from activities.runtime.durable import write_private
from worker.stack.errors import PortTaken, StackError
from worker.stack.logins import Login, make_logins, password_of, role_of
from worker.stack.place import Place, settle
from worker.stack.ports import LOOPBACK, must_be_free, next_free
from worker.stack.process import Child, OnLine, Program, environment, in_thread, wait_until
from worker.stack.server import Server, once_free

USUAL_PORT = 54329
"""Tried first; not 5432, where a Postgres of the system's may listen."""

_PASSWORD = "postgres.password"  # noqa: S105 - the file's name
SUPERUSER = "entente"
DATABASE = "entente"

_STOP = ((signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0))
"""Fast shutdown, then immediate shutdown (which recovery at the next start repairs)."""

_PORT_ATTEMPTS = 5
_INITDB_SECONDS = 120.0
_WRONG_PASSWORD_SECONDS = 3.0
_NOT_YET = (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError)


class Postgres(Server):
    """An embedded Postgres whose data belong to one state directory.

    Args:
        state: the state directory; data go below it where the server's user can reach it (see place.py).
        port: the usual port, the next free one is taken instead when it is in use; 0 for any.
        durable: false trades the safety of the data in a power failure for speed, for tests.
        on_line: gets the server's log lines.
    """

    def __init__(
        self, state: Path, *, port: int = USUAL_PORT, durable: bool = True, on_line: OnLine | None = None
    ) -> None:
        super().__init__(state, durable=durable, on_line=on_line)
        self._usual_port = port
        self._password = ""

    def url(self, database: str = DATABASE, login: Login | None = None) -> str:
        """The server's address with a login's credentials, or the superuser's, as asyncpg and libpq read it."""
        return address(f"{LOOPBACK}:{self.port}", self._password, database, login)

    async def make_logins(self) -> None:
        """Make the logins of who migrates, of worker, API and eraser; before each migration."""
        await make_logins(self.url(), self._password)

    def _url(self, database: str, port: int) -> str:
        return address(f"{LOOPBACK}:{port}", self._password, database)

    async def start(self, patience: float = 60.0) -> None:
        """Start the server, initialising it at first; returns when it answers, in up to ``patience`` seconds.

        Raises:
            StackError: it cannot be placed, initialised or started, or does not answer in time.
        """
        self.state.mkdir(parents=True, exist_ok=True)
        place = await in_thread(settle, self.state)
        initialised = (place.data / "PG_VERSION").exists()
        self._password = _password(self.state / _PASSWORD, must_exist=initialised)
        if not initialised:
            await in_thread(self._initialise, place)
        if self.port:
            await once_free(partial(self._start_on_port, place, self.port), patience)
            return
        usual = self._usual_port
        for attempt in range(_PORT_ATTEMPTS):
            port = next_free(usual)
            try:
                await self._start_on_port(place, port, patience)
                return
            except PortTaken:
                if attempt == _PORT_ATTEMPTS - 1:
                    raise
                usual = port + 1 if usual else 0

    def _initialise(self, place: Place) -> None:
        unfinished = place.base / "data-unfinished"
        password = place.base / "initial-password"
        if unfinished.exists():
            shutil.rmtree(unfinished)
        place.make_owned(unfinished)
        password.unlink(missing_ok=True)
        write_private(password, self._password.encode())
        if place.user is not None:
            shutil.chown(password, place.user)
        command = [
            str(place.binaries / "initdb"),
            f"--pgdata={unfinished}",
            f"--username={SUPERUSER}",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            # The builtin provider sorts the same on every system and in every release of its C library.
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        ]
        if not self._durable:
            command.append("--no-sync")
        child = Child(
            Program(
                name="initdb",
                argv=tuple(command),
                directory=self.state,
                env=_environment(),
                user=place.user,
                cwd=place.base,
                stop=((signal.SIGINT, 5.0),),
            ),
            self._on_line,
        )
        try:
            child.start()
            if not child.wait(_INITDB_SECONDS) or child.exit_code != 0:
                raise child.failure("could not initialise the database")
        finally:
            child.stop()
            password.unlink()
        # Only a complete data directory gets the final name.
        unfinished.rename(place.data)

    def _program(self, place: Place, port: int) -> Program:
        options = {
            "port": port,
            "listen_addresses": LOOPBACK,
            # In quotes, since it is a list, and a path may hold a comma.
            "unix_socket_directories": f'"{place.sockets}"' if place.sockets else "",
            "unix_socket_permissions": "0700",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "max_connections": 200,
            "log_checkpoints": "off",
        }
        if not self._durable:
            options |= {
                "fsync": "off",
                "full_page_writes": "off",
                "synchronous_commit": "off",
                "wal_level": "minimal",
                "max_wal_senders": 0,
                "autovacuum_naptime": "1h",
            }
        argv = [str(place.binaries / "postgres"), "-D", str(place.data)]
        for name, value in options.items():
            argv += ["-c", f"{name}={value}"]
        return Program(
            name="postgres",
            argv=tuple(argv),
            directory=self.state,
            env=_environment(),
            user=place.user,
            cwd=place.base,
            stop=_STOP,
            # Immediate shutdown: the only one that Postgres itself bounds.
            death=signal.SIGQUIT,
        )

    async def _start_on_port(self, place: Place, port: int, patience: float) -> None:
        if place.sockets is not None:
            place.make_owned(place.sockets)
        self.child = Child(self._program(place, port), self._on_line)

        def prepare() -> None:
            must_be_free(port)
            _clear(place.data)

        await in_thread(self.child.start, prepare)
        began = time.monotonic()
        while True:
            try:
                if await self._answers(port):
                    self.port = port
                    return
            except asyncpg.InvalidPasswordError:
                # For a moment this can also be another server on our port, which ours is about to find taken.
                if time.monotonic() - began > _WRONG_PASSWORD_SECONDS and self.child.running:
                    raise StackError(
                        f"Postgres refuses the password in {self.state / _PASSWORD}.",
                        f"Restore the file that belongs to {place.data}.",
                    ) from None
            if not self.child.running:
                self.child.wait(1.0)
                if any("Address already in use" in line for line in self.child.recent):
                    raise PortTaken(f"Port {port} was taken meanwhile.", "Start again.")
                raise self.child.failure("ended while it was starting")
            if time.monotonic() - began > patience:
                raise self.child.failure(f"did not answer within {patience:g} s")
            await asyncio.sleep(0.05)

    async def _answers(self, port: int) -> bool:
        """Whether the server answers; then it has its database too."""
        try:
            connection = await asyncpg.connect(self._url("postgres", port), timeout=5)
        except _NOT_YET:
            return False
        try:
            if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", DATABASE):
                await connection.execute(f'CREATE DATABASE "{DATABASE}"')
        finally:
            await connection.close()
        return True


def address(place: str, superuser_password: str, database: str = DATABASE, login: Login | None = None) -> str:
    """The address of the server at ``place`` (host:port), with a login's credentials or the superuser's."""
    user, password = (
        (SUPERUSER, superuser_password)
        if login is None
        else (role_of(login), password_of(login, superuser_password))
    )
    return f"postgresql://{user}:{quote(password)}@{place}/{database}"


def _environment() -> dict[str, str]:
    """The parent's environment without what would change the server's ways or let its credentials in."""
    plain = {key: None for key in os.environ if key.startswith(("PG", "ENTENTE_", "DATABASE_URL", "LC_"))}
    return environment(**{**plain, "LC_ALL": "C.UTF-8", "TZ": "UTC"})


def _password(path: Path, *, must_exist: bool) -> str:
    """The superuser's password, generated at first and kept in a file only its owner can read."""
    with contextlib.suppress(FileNotFoundError):
        return path.read_text().strip()
    if must_exist:
        raise StackError(
            f"The password of the embedded Postgres is gone: {path} does not exist.",
            "Restore that file; the server was initialised with it.",
        )
    password = secrets.token_urlsafe(24)
    write_private(path, f"{password}\n".encode())
    return password


def _servers_in(data: Path) -> list[int]:
    """Pids of the Postgres processes that work in ``data``: each has it as its working directory (Linux)."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink() == data and b"postgres" in (process / "cmdline").read_bytes():
                found.append(int(process.name))
    return found


def _postmaster(data: Path) -> int | None:
    """The pid in the process id file of ``data``, whether or not such a process lives."""
    try:
        return int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _clear(data: Path, patience: float = 10.0) -> None:
    """End a server that still works in ``data``, and remove the process id file that a killed one left.

    Only called once the lock shows that nothing which this stack started is left, so this is a server started
    by hand, or one whose lock file was removed. Postgres takes a stale file for a live server when some other
    process of the same user has that pid by now, which in a container happens easily.
    """
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        pids = _servers_in(data)
        # SIGINT and SIGQUIT stop the server when its first process gets them; to the others they mean other
        # things.
        first = _postmaster(data)
        for pid in [first] if first in pids and number is not signal.SIGKILL else pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        if wait_until(lambda: not _servers_in(data), patience if pids else 0.0):
            break
    if Path("/proc/self/cwd").exists() and not _servers_in(data):
        (data / "postmaster.pid").unlink(missing_ok=True)
