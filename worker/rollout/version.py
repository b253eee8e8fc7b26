"""Which version of the workers this is: the name of their deployment, and a build id made of release and code."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import WorkerDeploymentConfig

import activities
import worker
import workflows
from activities.runtime.settings import Settings

REPLAYED_BY = ("temporalio", "pydantic")
"""Packages that have a say in how a history is replayed; another release of them is another version of the workers."""


def deployment_name(settings: Settings) -> str:
    """The deployment of all workers on the settings' task queue. (Temporal takes neither dots nor colons in it.)"""
    return settings.deployment or re.sub(r"[^A-Za-z0-9_-]|^_", "-", settings.task_queue)


@lru_cache(maxsize=1)
def build_id_of_code() -> str:
    """The release, and a digest of the code that a worker runs: ``0.1.0-3f9c2a71b04d``.

    The same code has the same id on every machine. What only the API runs is not in it.
    """
    digest = hashlib.sha256()
    for package in (workflows, activities, worker):
        root = Path(str(package.__file__)).parent
        for path in sorted(root.rglob("*.py")):
            content = path.read_bytes()
            digest.update(f"{package.__name__}/{path.relative_to(root).as_posix()} {len(content)}\n".encode())
            digest.update(content)
    for name in REPLAYED_BY:
        digest.update(f"{name} {version(name)}\n".encode())
    return f"{version('entente')}-{digest.hexdigest()[:12]}"


def this_version(settings: Settings) -> WorkerDeploymentVersion:
    """The version of the workers that run by these settings with this code."""
    return WorkerDeploymentVersion(deployment_name(settings), settings.build_id or build_id_of_code())


def deployed(settings: Settings) -> WorkerDeploymentConfig | None:
    """How a worker tells Temporal its version; none where the settings want it without one.

    A run is pinned to the version that began it. (This stands here and not with the workflows: the server refuses
    workers without a version that say it.)
    """
    if settings.rollout == "off":
        return None
    return WorkerDeploymentConfig(
        version=this_version(settings),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,
    )
