"""``entente rollout``: which version of the workers takes what is new, and which can be stopped."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from temporalio.client import Client

    from worker.rollout.deployment import Version

T = TypeVar("T")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
StateDir = Annotated[Path | None, typer.Option(help="The running stack's directory; .entente by default.")]
BuildId = Annotated[
    str | None,
    typer.Argument(help="The version; by default the one of this program's code.", show_default=False),
]

PAUSE = 2.0
"""Seconds between two looks at what is to drain."""


def register(app: typer.Typer) -> None:
    """Add the subcommands."""
    rollout = typer.Typer(help="Go over from one version of the workers to the next.", no_args_is_help=True)
    rollout.command("status", epilog="Example: entente rollout status --json")(_status)
    rollout.command("ramp", epilog="Example: entente rollout ramp --percentage 10")(_ramp)
    rollout.command("current", epilog="Example: entente rollout current 0.2.0-3f9c2a71b04d")(_current)
    rollout.command(
        "drained",
        epilog="Exit codes: 0 it is, 1 it is not. Example: entente rollout drained 0.1.0-86ce0a11f3aa --wait 600",
    )(_drained)
    app.add_typer(rollout, name="rollout")


class _Versions:
    """The deployment that the settings name, over a connection to Temporal."""

    def __init__(self, client: Client, name: str, task_queue: str, here: str) -> None:
        self.client = client
        self.name = name
        self.here = here
        self._task_queue = task_queue

    async def listed(self) -> list[dict[str, Any]]:
        """Each version as it is shown."""
        from worker.rollout.deployment import describe
        from worker.rollout.moving import count_open

        versions = (await describe(self.client, self.name, self._task_queue)).versions
        return [self._shown(v, await count_open(self.client, self.name, v.build_id)) for v in versions]

    def _shown(self, version: Version, runs: int) -> dict[str, Any]:
        workers = version.has_workers(datetime.now(UTC))
        return {
            "build_id": version.build_id,
            "status": version.status,
            "percentage": version.percentage,
            "open_runs": runs,
            "has_workers": workers,
            "this_code": version.build_id == self.here,
            # What Temporal says of it may be minutes old; what is open is counted now. Both have to agree.
            "can_be_stopped": version.status in ("drained", "inactive") and not runs,
        }

    async def one(self, build_id: str) -> dict[str, Any]:
        """One version as it is shown.

        Raises:
            RuntimeProblem: there is none of this id.
        """
        from activities.errors import RuntimeProblem

        for shown in await self.listed():
            if shown["build_id"] == build_id:
                return shown
        raise RuntimeProblem(
            f"Temporal knows no version {build_id} of the workers' deployment {self.name}.",
            "`entente rollout status` lists the versions.",
        )


def _with_versions(state_dir: Path | None, work: Callable[[_Versions], Awaitable[T]]) -> T:
    from temporalio.service import RPCError

    from activities.errors import SettingsProblem, Unreachable
    from activities.runtime.temporal import connect
    from worker.rollout.version import this_version
    from worker.stack.running import installation

    settings, _ = installation(state_dir)
    if settings.rollout == "off":
        raise SettingsProblem("The workers have no versions: ENTENTE_ROLLOUT is off.", "Set it to manual.")

    async def run() -> T:
        client = await connect(settings)
        here = this_version(settings)
        versions = _Versions(client, here.deployment_name, settings.task_queue, here.build_id)
        try:
            return await work(versions)
        except RPCError as error:
            raise Unreachable(
                f"Temporal does not do it: {error.message}.",
                "See that it runs, and what its credentials may do.",
            ) from error

    return asyncio.run(run())


def _leave(code: int = 0) -> None:
    """At once, and hard: Temporal's core can crash when it is taken down slowly."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _status(state_dir: StateDir = None, as_json: Json = False) -> None:
    """Show the versions of the workers: which one takes what is new, what is open on each, and which can be stopped.

    An older version may be stopped when Temporal says that it is drained, and no run is open on it.
    """

    async def work(versions: _Versions) -> None:
        listed = await versions.listed()
        if as_json:
            print(json.dumps({"deployment": versions.name, "here": versions.here, "versions": listed}))
            return
        print(f"Deployment {versions.name}; the code here is version {versions.here}.")
        for shown in listed:
            _print(shown)
        if not listed:
            print("No worker with a version was ever there.")

    _with_versions(state_dir, work)
    _leave()


def _print(shown: dict[str, Any]) -> None:
    status = shown["status"] + (f" {shown['percentage']:g} %" if shown["status"] == "ramping" else "")
    runs = f"{shown['open_runs']} open"
    workers = "workers poll" if shown["has_workers"] else "no worker polls"
    stop = "; can be stopped" if shown["can_be_stopped"] and shown["has_workers"] else ""
    print(f"  {shown['build_id']:<32} {status:<14} {runs:>12} · {workers}{stop}")


def _ramp(
    build_id: BuildId = None,
    percentage: Annotated[
        float, typer.Option(min=0, max=100, help="The share of accords; 0 ends the ramp.")
    ] = 10,
    state_dir: StateDir = None,
    as_json: Json = False,
) -> None:
    """Have a version take a share of the accords, chosen by their ids: new ones, and those whose run continues.

    Its workers need ENTENTE_ROLLOUT=manual; otherwise a new version is current as soon as its first worker is there.
    """
    from worker.rollout.deployment import ramp

    async def work(versions: _Versions) -> None:
        chosen = build_id or versions.here
        await ramp(versions.client, versions.name, chosen, percentage)
        _say(as_json, {"build_id": chosen, "percentage": percentage}, f"{chosen} takes {percentage:g} %.")

    _with_versions(state_dir, work)
    _leave()


def _current(build_id: BuildId = None, state_dir: StateDir = None, as_json: Json = False) -> None:
    """Have a version take all that is new. Its workers then wake what is open on the others, which drain.

    The way back is the same: name the version that was current before, whose workers still have to be there.
    """
    from worker.rollout.deployment import make_current

    async def work(versions: _Versions) -> None:
        chosen = build_id or versions.here
        await make_current(versions.client, versions.name, chosen)
        _say(as_json, {"build_id": chosen, "status": "current"}, f"{chosen} is current.")

    _with_versions(state_dir, work)
    _leave()


def _drained(
    build_id: Annotated[str, typer.Argument(help="The version that is to be stopped.")],
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for it.")] = 0,
    state_dir: StateDir = None,
    as_json: Json = False,
) -> None:
    """Tell whether a version can be stopped: it takes nothing new, and nothing that is open needs it."""

    async def work(versions: _Versions) -> bool:
        deadline = time.monotonic() + wait
        while True:
            shown = await versions.one(build_id)
            if shown["can_be_stopped"] or time.monotonic() >= deadline:
                break
            await asyncio.sleep(PAUSE)
        done = bool(shown["can_be_stopped"])
        text = "can be stopped" if done else f"is {shown['status']}, with {shown['open_runs']} open"
        _say(as_json, shown, f"{build_id} {text}.")
        return done

    _leave(0 if _with_versions(state_dir, work) else 1)


def _say(as_json: bool, value: dict[str, Any], text: str) -> None:
    print(json.dumps(value) if as_json else text)
