"""The stack's own workers are the only ones, so that its code's version takes over from whatever version was before."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from temporalio.client import Client
from temporalio.service import RPCError

from activities.errors import RuntimeProblem
from activities.runtime.settings import Settings
from worker.rollout.deployment import describe, make_current
from worker.rollout.moving import AGAIN, retire
from worker.rollout.version import this_version
from worker.stack.errors import StackError

PAUSE = 5.0
"""Seconds after which it is tried again to bring accords over."""


async def take_over(client: Client, settings: Settings) -> None:
    """Make the version of this code current, before its worker polls.

    Raises:
        StackError: Temporal does not do it.
    """
    here = this_version(settings)
    try:
        deployment = await describe(client, here.deployment_name, settings.task_queue)
        if deployment.current is None or deployment.current.build_id != here.build_id:
            await make_current(client, here.deployment_name, here.build_id, before_it_polls=True)
    except (RPCError, RuntimeProblem) as error:
        raise StackError(
            f"Temporal does not make this version of the workers current: {error}.", "Start again."
        ) from error


async def bring_over(client: Client, settings: Settings, tell: Callable[[str], None]) -> None:
    """Have every run that an older version began go on by this one, since no worker of the older one is left."""
    here = this_version(settings)
    while True:
        try:
            deployment = await describe(client, here.deployment_name, settings.task_queue)
            for old in deployment.versions:
                if old.build_id == here.build_id:
                    continue
                turn = int(time.time() / AGAIN)
                runs = await retire(
                    client, here.deployment_name, old.build_id, here.build_id, stranded=True, turn=turn
                )
                if runs:
                    tell(f"{runs} accords of version {old.build_id} go on by version {here.build_id}")
            return
        except* (RPCError, RuntimeProblem):
            await asyncio.sleep(PAUSE)
