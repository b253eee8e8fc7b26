"""A worker and an API as processes of their own, with ports for operators and traces on standard output."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from activities.identity.signing import CommandSigner
from tests.worker.stack.running import until
from worker.stack.ports import any_free

READY = 60.0


@dataclass
class Process:
    """One of the service's processes: what it printed, and where operators ask it."""

    name: str
    child: subprocess.Popen[bytes]
    operations: str
    out: Path
    err: Path

    def metrics(self) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
        """Every metric that is served, by name and labels."""
        answer = httpx.get(f"{self.operations}/metrics", trust_env=False)
        assert answer.status_code == 200
        found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
        for family in text_string_to_metric_families(answer.text):
            for sample in family.samples:
                found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
        return found

    def lines(self) -> list[dict[str, Any]]:
        """The lines of its log."""
        return [json.loads(line) for line in self.err.read_text().splitlines() if line.startswith("{")]

    def spans(self) -> list[dict[str, Any]]:
        """What it traced so far."""
        text, found, at = self.out.read_text(), [], 0
        while (at := text.find("{", at)) >= 0:
            try:
                span, at = json.JSONDecoder().raw_decode(text, at)
            except ValueError:
                break
            found.append(span)
        return found


@dataclass
class Service:
    """The processes, and the key file by which people may be known to them."""

    processes: dict[str, Process] = field(default_factory=dict)
    api_url: str = ""
    files: list[IO[bytes]] = field(default_factory=list)

    def stop(self) -> None:
        for process in self.processes.values():
            process.child.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.child.wait(30)
            except subprocess.TimeoutExpired:
                process.child.kill()
                process.child.wait()
        for file in self.files:
            file.close()


ENTENTE = (sys.executable, "-P", "-m", "worker.cli.main")
"""The command, of this environment."""


def running_service(
    folder: Path,
    database_url: str,
    temporal_address: str,
    *,
    entente: Sequence[str] = ENTENTE,
    **more: str,
) -> Iterator[Service]:
    """The service in processes of its own, until the generator is closed."""
    signer = CommandSigner.create(folder / "command.pem")
    api_port = any_free()
    common = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("ENTENTE_", "OTEL_"))},
        "DATABASE_URL": database_url,
        "TEMPORAL_ADDRESS": temporal_address,
        "TEMPORAL_CONFIG_FILE": os.devnull,
        "ENTENTE_TASK_QUEUE": f"test-{uuid.uuid4().hex[:8]}",
        "ENTENTE_COMMAND_PUBLIC_KEYS": signer.public_key,
        "ENTENTE_COMMAND_KEY_FILE": str(folder / "command.pem"),
        "ENTENTE_LOG_FORMAT": "json",
        "ENTENTE_API_PORT": str(api_port),
        **more,
    }
    service = Service(api_url=f"http://127.0.0.1:{api_port}")
    try:
        for name in ("worker", "api"):
            port, out, err = any_free(), folder / f"{name}.out", folder / f"{name}.err"
            files = out.open("wb"), err.open("wb")
            service.files += files
            child = subprocess.Popen(
                [*entente, name],
                env={**common, "ENTENTE_OPERATIONS_PORT": str(port)},
                stdout=files[0],
                stderr=files[1],
            )
            service.processes[name] = Process(name, child, f"http://127.0.0.1:{port}", out, err)
        for process in service.processes.values():
            assert until(lambda process=process: _ready(process), READY), process.err.read_text()  # type: ignore[misc]
        yield service
    finally:
        service.stop()


def _ready(process: Process) -> bool:
    assert process.child.poll() is None, process.err.read_text()
    try:
        return httpx.get(f"{process.operations}/readyz", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
