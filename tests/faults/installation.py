"""An installation to break: Postgres, Temporal, two workers and an API, with a link between each process and server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from activities.identity.keys import create_key
from activities.runtime.settings import Settings, read_settings
from activities.runtime.temporal import connect
from tests.faults.links import Link
from worker.stack.ports import any_free
from worker.stack.process import Child, Program
from worker.stack.service import Process, answers
from worker.stack.stack import Ports, Stack

SERVERS = ("postgres", "temporal")
PROCESSES = ("worker-1", "worker-2", "api")
PRINCIPALS = ("aa.contact", "bb.contact", "watch")


@dataclass
class Installation:
    """What runs, and how to reach it past the links."""

    stack: Stack
    settings: Settings
    links: dict[tuple[str, str], Link]
    api_url: str
    temporal: Client
    tokens: dict[str, str]
    ended_by_themselves: list[str] = field(default_factory=list)
    down: set[str] = field(default_factory=set)

    def kill(self, name: str) -> None:
        """SIGKILL, and leave it down."""
        self.down.add(name)
        self.stack.crash(name)

    async def start(self, name: str) -> None:
        """Start what was killed; returns when it works."""
        await self.stack.resume(name)
        self.down.discard(name)

    def freeze(self, name: str) -> None:
        """SIGSTOP the process and all that it started."""
        for pid in self._pids(name):
            _send(pid, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """SIGCONT all that :meth:`freeze` stopped."""
        for pid in self._pids(name):
            _send(pid, signal.SIGCONT)

    def _pids(self, name: str) -> list[int]:
        child = self.stack.services[name].child
        if child is None or child.pid is None:
            return []
        return [child.pid, *_descendants(child.pid)]

    async def watch(self) -> None:
        """Start again what ended though nobody killed it, and note that; until cancelled."""
        while True:
            await asyncio.sleep(0.2)
            for name in PROCESSES:
                child = self.stack.services[name].child
                if name in self.down or child is None or child.running:
                    continue
                self.ended_by_themselves.append(f"{name} (exit code {child.exit_code})")
                await self.start(name)


@asynccontextmanager
async def installed(directory: Path) -> AsyncIterator[Installation]:
    """A running installation, durable as `entente up` has it, below ``directory``; nothing of it is left at the end."""
    directory.chmod(0o711)
    settings = read_settings(state_dir=directory / "state", api_port=any_free(), log_format="json")
    async with AsyncExitStack() as until_the_end:
        stack = Stack(settings, ports=Ports(0, 0, 0), servers_only=True)
        await until_the_end.enter_async_context(stack)
        # Thawed, whatever happened: a frozen process heeds no request to stop.
        links: dict[tuple[str, str], Link] = {}
        for process in PROCESSES:
            for server in SERVERS:
                host, port = _place(stack, server)
                links[process, server] = await until_the_end.enter_async_context(Link(host, port))
        client = await connect(stack.process_settings())
        for name in PROCESSES:
            stack.services[name] = _process(stack, name, links, client)
        api_url = f"http://127.0.0.1:{stack.process_settings().api_port}"
        await asyncio.gather(*(stack.services[name].start() for name in PROCESSES))
        connection = await asyncpg.connect(stack.database_url)
        try:
            tokens = {name: await create_key(connection, name, "faults") for name in PRINCIPALS}
        finally:
            await connection.close()
        installation = Installation(stack, stack.process_settings(), links, api_url, client, tokens)
        watching = asyncio.create_task(installation.watch())
        try:
            yield installation
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
            for link in links.values():
                link.mend()
            for name in (*SERVERS, *PROCESSES):
                installation.thaw(name)


def _place(stack: Stack, server: str) -> tuple[str, int]:
    if server == "temporal":
        host, _, port = stack.temporal_address.rpartition(":")
        return host, int(port)
    url = urlsplit(stack.database_url)
    assert url.hostname is not None
    assert url.port is not None
    return url.hostname, url.port


def _process(stack: Stack, name: str, links: dict[tuple[str, str], Link], client: Client) -> Process:
    role = name.partition("-")[0]

    def program() -> Program:
        environment = stack.environment(private=role == "api")
        url = urlsplit(environment["DATABASE_URL"])
        credentials = url.netloc.rpartition("@")[0]
        through = url._replace(netloc=f"{credentials}@127.0.0.1:{links[name, 'postgres'].port}")
        return Program(
            name=name,
            argv=(sys.executable, "-P", "-m", "worker.cli.main", role),
            directory=stack.state,
            env={
                **environment,
                "DATABASE_URL": urlunsplit(through),
                "TEMPORAL_ADDRESS": f"127.0.0.1:{links[name, 'temporal'].port}",
            },
            cwd=Path.cwd(),
            stop=((signal.SIGTERM, 20.0),),
        )

    if role == "api":
        return Process(program, answers(f"http://127.0.0.1:{stack.process_settings().api_port}/readyz"), None)
    return Process(program, _polls_itself(client, stack.settings.task_queue), None)


def _polls_itself(client: Client, task_queue: str) -> Callable[[Child], Awaitable[bool]]:
    """A probe that is true when this very worker polls; another's polls do not count."""

    async def probe(child: Child) -> bool:
        request = DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=task_queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
        try:
            described = await client.workflow_service.describe_task_queue(
                request, timeout=timedelta(seconds=5)
            )
        except RPCError:
            return False
        return any(
            poller.identity.startswith(f"{child.pid}@")
            and poller.last_access_time.ToDatetime(tzinfo=UTC) >= child.started
            for poller in described.pollers
        )

    return probe


def _descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name, in parentheses, may hold blanks.
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(stat.parent.name))
    found, waiting = [], [pid]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
