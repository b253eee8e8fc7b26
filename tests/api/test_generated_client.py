"""A client that openapi-python-client makes from our document type-checks strictly, and works.

The generator asks for other versions of what we use ourselves; so it is installed by itself, from a lock file of its
own (`make lock` writes that too).
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import api.openapi
from activities.runtime.settings import Settings
from tests.api.conftest import Api, on_a_socket
from tests.api.filling import Filler
from tests.simulation.small import small

HERE = Path(__file__).parent / "generated"


def run(*command: str | Path, directory: Path) -> str:
    environment = {**os.environ, "PATH": f"{directory / 'venv' / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(
        [str(part) for part in command], cwd=directory, env=environment, capture_output=True, text=True
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def generated(directory: Path) -> None:
    """The client in ``directory/client``, and the generator in ``directory/venv``."""
    run(sys.executable, "-m", "venv", "venv", directory=directory)
    binaries = directory / "venv" / "bin"
    run(
        binaries / "python", "-m", "pip", "install", "--quiet", "--require-hashes", "-r", HERE / "generator.lock",
        directory=directory,
    )  # fmt: skip
    said = run(
        binaries / "openapi-python-client", "generate",
        "--path", Path(api.openapi.__file__).with_name("openapi.json"),
        "--config", HERE / "generator.yaml", "--output-path", "client", "--meta", "none",
        directory=directory,
    )  # fmt: skip
    assert "WARNING" not in said, said
    (directory / "program.py").write_text((HERE / "program.py").read_text())


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_a_generated_client_type_checks_and_works(
    tmp_path: Path,
    database_url: str,
    nowhere: str,
    make_settings: Callable[..., Settings],
    filler: Filler,
) -> None:
    await asyncio.to_thread(generated, tmp_path)
    binaries = tmp_path / "venv" / "bin"
    said = await asyncio.to_thread(
        run, binaries / "mypy", "--config-file", HERE / "mypy.ini", "client", "program.py", directory=tmp_path
    )
    assert "Success: no issues found" in said
    await filler.found("a", small())
    settings = make_settings(database_url, nowhere, api_port=0)
    async with on_a_socket(settings) as (app, port):
        reader = Api(app, settings)
        async with reader.http:
            token = await reader.token("aa.contact")
        said = await asyncio.to_thread(
            run, binaries / "python", "program.py", f"http://127.0.0.1:{port}", token, directory=tmp_path
        )
    assert said.splitlines() == ["a invitation ['AA', 'BB']", "not_found"]
