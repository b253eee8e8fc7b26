"""The whole of Entente on one machine: Postgres, Temporal, worker and API, found again at the next start.

::

    async with Stack(settings) as stack:
        print(stack.api_url)

All state is below ``settings.state_dir``. A database or a Temporal that the settings name is used instead of
the embedded one. What ends by itself is started again; leaving the context stops everything in reverse order.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from pydantic import SecretStr
from temporalio.envconfig import ClientConfigProfile

from activities.checkpoints.logkeys import LogKeys
from activities.identity.signing import CommandSigner
from activities.runtime.settings import Settings
from activities.runtime.temporal import connect
from worker.stack.errors import AlreadyRunning
from worker.stack.locks import Lock
from worker.stack.logins import Login
from worker.stack.ports import next_free
from worker.stack.postgres import USUAL_PORT as POSTGRES_PORT
from worker.stack.postgres import Postgres
from worker.stack.process import OnLine, Program, environment, in_thread
from worker.stack.rollout import bring_over, take_over
from worker.stack.schema import migrate_database
from worker.stack.service import Process, Service, answers, polls
from worker.stack.temporal import NAMESPACE, Temporal
from worker.stack.temporal import USUAL_PORT as TEMPORAL_PORT
from worker.stack.temporal import USUAL_UI_PORT as TEMPORAL_UI_PORT
from worker.stack.watching import keep_running, together

LOOPBACK = ("127.0.0.0/8", "::1/128")
"""Networks in which this stack asks witnesses besides the open Internet, where the settings name none."""

_GRACE = 20.0
"""Seconds for a worker to finish its activities, and for the API its requests."""
_RUNNING = "up.json"

DEMO_KEYS = "demo-keys.json"
"""In the state directory: the keys of the demonstration's delegates, for looking at it again."""


@dataclass(frozen=True)
class Ports:
    """The usual ports of the embedded servers. The next free one stands in for a used one; 0 is any."""

    postgres: int = POSTGRES_PORT
    temporal: int = TEMPORAL_PORT
    temporal_ui: int = TEMPORAL_UI_PORT


class Stack:
    """A running stack.

    Args:
        settings: of this process; what they do not name is embedded.
        ports: the usual ports of the embedded servers; the API's is in the settings.
        servers_only: start neither worker nor API, for somebody who runs these by hand.
        durable: false trades the data's safety in a power failure for speed, for tests and demonstrations.
        on_line: gets each line that a process prints, with the process's name, from a thread.
        on_event: gets remarks of the stack's own, such as that a process is started again.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        ports: Ports = Ports(),
        servers_only: bool = False,
        durable: bool = True,
        on_line: OnLine | None = None,
        on_event: Callable[[str], None] | None = None,
    ) -> None:
        self.settings = settings
        self.state = settings.state_dir.resolve()
        self.services: dict[str, Service] = {}
        self.api_url = ""
        self.applied_migrations: list[str] = []
        self._ports = ports
        self._servers_only = servers_only
        self._durable = durable
        self._on_line = on_line
        self._tell = on_event or (lambda _text: None)
        self._lock = Lock(self.state / "lock")
        self._postgres: Postgres | None = None
        self._temporal: Temporal | None = None
        self._signer: CommandSigner | None = None
        self._command_key = settings.command_key_file or self.state / "command-key.pem"
        self._log_key = settings.log_key_file or self.state / "log.key"
        self._api_port = 0
        self._operations: dict[str, int] = {}
        self._held: set[str] = set()
        self._watchers: list[asyncio.Task[None]] = []

    @property
    def database_url(self) -> str:
        """The ledger's database, with the credentials of who migrates and owns the tables."""
        return self._process_url("migrator")

    def _process_url(self, login: Login) -> str:
        """The ledger's database as one of the processes enters it."""
        if self._postgres is None:
            return self.settings.database_dsn()
        return self._postgres.url(login=login)

    @property
    def temporal_address(self) -> str:
        """Host and port of Temporal's gRPC API."""
        return self._temporal.address if self._temporal is not None else self.settings.temporal_address

    @property
    def temporal_namespace(self) -> str:
        """The Temporal namespace of the accords."""
        return NAMESPACE if self._temporal is not None else self.settings.temporal_namespace

    @property
    def temporal_ui_url(self) -> str | None:
        """The embedded Temporal's web UI; none where Temporal is not embedded."""
        return self._temporal.ui_url if self._temporal is not None else None

    @property
    def processes(self) -> dict[str, int | None]:
        """The pid of each process by name (postgres, temporal, worker, api); none where it is down."""
        return {
            name: service.child.pid if service.child is not None else None
            for name, service in self.services.items()
        }

    def addresses(self) -> dict[str, str]:
        """Where everything is, without credentials: what ``entente up`` shows."""
        found = {
            "pages": self.api_url and f"{self.api_url}/",
            "api": self.api_url,
            "docs": self.api_url and f"{self.api_url}/docs",
            "temporal_ui": self.temporal_ui_url or "",
            "temporal": self.temporal_address,
            "postgres": f"127.0.0.1:{self._postgres.port}" if self._postgres is not None else "",
            "state": str(self.state),
            **{
                f"{name}_operations": f"http://{self.settings.operations_host}:{port}"
                for name, port in self._operations.items()
            },
        }
        return {name: value for name, value in found.items() if value}

    async def start(self) -> None:
        """Start everything in order, each gated by its probe.

        Raises:
            AlreadyRunning: another stack uses this state directory.
            StackError: something could not be started; what had been is stopped again.
        """
        self._make_state_directory()
        if not self._lock.acquire(0.5):
            raise self._already_running()
        try:
            await self._start_servers()
            if self._postgres is not None:
                await self._postgres.make_logins()
            self.applied_migrations = await migrate_database(self.database_url)
            self._prepare_processes()
            if not self._servers_only:
                await self._start_processes()
        except BaseException:
            await self.stop()
            raise
        # No process ids: those that are started again get others.
        running = {"pid": os.getpid(), "addresses": self.addresses()}
        (self.state / _RUNNING).write_text(json.dumps(running, indent=2) + "\n")
        self._watchers += [
            asyncio.create_task(keep_running(name, self.services[name], self._held, self._tell))
            for name in self.services
        ]

    async def stop(self) -> None:
        """Stop everything in reverse order. Returns when nothing of it is left."""
        watchers, self._watchers = self._watchers, []
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)
        for service in reversed(self.services.values()):
            await service.stop()
        (self.state / _RUNNING).unlink(missing_ok=True)
        self._lock.release()

    def kill_all(self) -> None:
        """SIGKILL every process at once; :meth:`stop` then has nothing to wait for."""
        for watcher in self._watchers:
            watcher.cancel()
        for service in self.services.values():
            if service.child is not None:
                service.child.kill()

    async def __aenter__(self) -> Stack:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def kill(self, name: str) -> None:
        """SIGKILL the process ``name``, as a crash would; it is then started again like after any crash."""
        child = self.services[name].child
        if child is not None:
            child.kill()

    def crash(self, name: str) -> None:
        """SIGKILL the process ``name`` and leave it down, until :meth:`resume`."""
        self._held.add(name)
        self.kill(name)

    async def hold(self, name: str) -> None:
        """Stop the process ``name`` and leave it down, until :meth:`resume`."""
        self._held.add(name)
        await self.services[name].stop()

    async def resume(self, name: str) -> None:
        """Start the process ``name`` again after :meth:`hold` or :meth:`crash`; returns when it works."""
        service = self.services[name]
        if service.child is not None:
            await in_thread(service.child.wait, 5.0)
        await service.start()
        self._held.discard(name)

    async def restart(self, name: str) -> None:
        """Stop the process ``name`` in order and start it again; returns when it works."""
        await self.hold(name)
        await self.resume(name)

    def environment(self, *, private: bool = False) -> dict[str, str]:
        """The environment for a process of this stack; with ``private`` the API's signing key is named in it."""
        changes: dict[str, str | None] = {
            "ENTENTE_COMMAND_KEY_FILE": None,
            **self.process_settings(private=private).as_environment(),
            "PYTHONUNBUFFERED": "1",
        }
        if self._temporal is not None:
            changes |= {name: None for name in os.environ if name.startswith("TEMPORAL_")}
            changes |= {
                "TEMPORAL_ADDRESS": self.temporal_address,
                "TEMPORAL_NAMESPACE": self.temporal_namespace,
                # So that no profile of the user's adds credentials to the embedded server's address.
                "TEMPORAL_CONFIG_FILE": os.devnull,
            }
        return environment(**changes)

    def process_settings(self, *, private: bool = False) -> Settings:
        """The settings of a process of this stack: its own, completed by what the stack has brought up."""
        assert self._signer is not None  # noqa: S101 - the keys are made before the first process
        trusted = (*self.settings.command_public_keys, self._signer.public_key)
        changes: dict[str, object] = {
            "database_url": SecretStr(self._process_url("api" if private else "worker")),
            "state_dir": self.state,
            "api_port": self._api_port,
            # Each process has a port for operators of its own.
            "operations_port": self._operations.get("api" if private else "worker"),
            "command_public_keys": tuple(dict.fromkeys(trusted)),
            "command_key_file": self._command_key if private else None,
            "log_key_file": self._log_key,
            "demo_keys_file": self.state / DEMO_KEYS if private and self._postgres is not None else None,
            # Witnesses are tried out on the machine itself; whoever runs it may name other networks instead.
            "witness_networks": self.settings.witness_networks or LOOPBACK,
        }
        if self._temporal is not None:
            changes["temporal"] = ClientConfigProfile(address=self.temporal_address, namespace=NAMESPACE)
        return self.settings.model_copy(update=changes)

    def _make_state_directory(self) -> None:
        if not self.state.exists():
            # Root's stack runs Postgres as another user, who has to pass through; what is inside is closed.
            self.state.mkdir(mode=0o700, parents=True)
            self.state.chmod(0o711 if os.geteuid() == 0 else 0o700)

    def _already_running(self) -> AlreadyRunning:
        where = ""
        with contextlib.suppress(OSError, ValueError, KeyError):
            running = json.loads((self.state / _RUNNING).read_text())
            where = f" (process {running['pid']})"
        return AlreadyRunning(
            f"Another stack{where} uses the state directory {self.state}.",
            "Use that one, stop it with Ctrl-C, or choose another directory with --state-dir.",
        )

    async def _start_servers(self) -> None:
        if self.settings.database_url is None:
            self._postgres = Postgres(
                self.state, port=self._ports.postgres, durable=self._durable, on_line=self._on_line
            )
            self.services["postgres"] = self._postgres
        if self.settings.temporal.address is None:
            self._temporal = Temporal(
                self.state,
                port=self._ports.temporal,
                ui_port=self._ports.temporal_ui,
                on_line=self._on_line,
            )
            self.services["temporal"] = self._temporal
        await together(service.start for service in self.services.values())

    def _prepare_processes(self) -> None:
        """Make the keys that are missing, and choose the API's port."""
        if self.settings.command_key_file is None and not self._command_key.exists():
            CommandSigner.create(self._command_key)
        if self.settings.log_key_file is None and not self._log_key.exists():
            LogKeys.create(self._log_key, self.settings.log_origin)
        self._signer = CommandSigner.load(self._command_key)
        self._api_port = next_free(self.settings.api_port)
        if self.settings.operations_port is not None:
            worker = next_free(self.settings.operations_port, but=self._api_port)
            self._operations = {"worker": worker, "api": next_free(worker + 1, but=self._api_port)}

    async def _start_processes(self) -> None:
        host = self.settings.api_host
        shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - only compared
        self.api_url = f"http://{f'[{shown}]' if ':' in shown else shown}:{self._api_port}"
        target = self.temporal_address if self._temporal is not None else None
        processes: Mapping[str, Service] = {
            "worker": Process(
                lambda: self._program("worker"),
                polls(lambda: connect(self.settings, target=target), self.settings.task_queue),
                self._on_line,
            ),
            "api": Process(
                lambda: self._program("api", private=True), answers(f"{self.api_url}/readyz"), self._on_line
            ),
        }
        self.services.update(processes)
        starts = [service.start for service in processes.values()]
        await together([*starts, self.take_over] if self._temporal is not None else starts)

    async def take_over(self) -> None:
        """Make this code's version of the worker current, and begin to bring over what older versions left."""
        if self.settings.rollout == "off":
            return
        client = await connect(self.settings, target=self.temporal_address)
        await take_over(client, self.settings)
        self._watchers.append(asyncio.create_task(bring_over(client, self.settings, self._tell)))

    def _program(self, name: str, *, private: bool = False) -> Program:
        return Program(
            name=name,
            # -P: whatever lies in the working directory is not imported.
            argv=(sys.executable, "-P", "-m", "worker.cli.main", name),
            directory=self.state,
            env=self.environment(private=private),
            cwd=Path.cwd(),
            stop=((signal.SIGTERM, _GRACE),),
        )
