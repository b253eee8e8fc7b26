"""What can be seen on this machine: keys, disk, limits, and whether traces can be sent."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import entry_points
from pathlib import Path

from activities.checkpoints.logkeys import LogKeys, guard_directory
from activities.errors import SettingsProblem
from activities.identity.signing import CommandSigner, CommandVerifier
from activities.ledger.installation import InstallationKey
from activities.papers.pades.configured import signing_of
from activities.papers.pades.keys import KeyFile, SigningProblem
from activities.runtime.settings import Settings
from activities.runtime.tracing import entry_point_of, exporters_asked_for
from worker.doctor.finding import Finding, ok, skipped, warning, wrong

GIB = 1024**3

LEAST_FREE = 1 * GIB
"""Bytes of free disk below which the embedded servers are about to stand still."""

LITTLE_FREE = 5 * GIB
"""Bytes of free disk below which more is to be had."""

SOON = timedelta(days=30)
"""So long before its end a certificate is to be renewed."""

FEWEST_FILES = 256
FEW_FILES = 1024
"""Open files that a process may have: below the first it fails under little load, below the second under much."""


def keys(settings: Settings) -> Iterator[Finding]:
    """The API's key and whether workers trust it; the secret of the logs' keys and the guard beside it."""
    signer: CommandSigner | None = None
    file = settings.command_key_file
    if file is None:
        yield skipped(
            "command key", "ENTENTE_COMMAND_KEY_FILE is not set; an API needs it, a worker does not"
        )
    else:
        try:
            signer = CommandSigner.load(file)
        except SettingsProblem as problem:
            yield wrong("command key", problem.what, problem.remedy)
        else:
            yield from _private("command key", file, f"{file} holds the key {signer.key_id}")
    if not settings.command_public_keys:
        yield warning(
            "trusted keys",
            "ENTENTE_COMMAND_PUBLIC_KEYS is empty: a worker with these settings does not start.",
            "Set it to the public key of each API, which `entente command-key` printed.",
        )
    else:
        try:
            trusted = CommandVerifier(settings.command_public_keys).key_ids
        except SettingsProblem as problem:
            yield wrong("trusted keys", problem.what, problem.remedy)
        else:
            if signer is not None and signer.key_id not in trusted:
                yield wrong(
                    "trusted keys",
                    f"The API signs with {signer.key_id}, and the workers trust {', '.join(trusted)}: no act would be "
                    "recorded.",
                    f"Add {signer.public_key} to ENTENTE_COMMAND_PUBLIC_KEYS of the workers.",
                )
            else:
                yield ok("trusted keys", f"workers trust {', '.join(trusted)}")
    yield from _log_key(settings)
    yield from _payload_key(settings)
    yield from _paper_key(settings)


def _paper_key(settings: Settings) -> Iterator[Finding]:
    try:
        signing = signing_of(settings)
        if signing is None:
            yield skipped("paper key", "ENTENTE_PAPERS_P12 is not set: the API signs no papers")
            return
        # Loaded by those alone who sign.
        from activities.papers.pades.signing import holder_of

        holder = holder_of(signing.key)
    except (SettingsProblem, SigningProblem) as problem:
        yield wrong("paper key", problem.what, problem.remedy)
        return
    left = holder.until - datetime.now(UTC)
    if left < SOON:
        yield warning(
            "paper key",
            f"The certificate of {holder.name} is valid until {holder.until:%Y-%m-%d} only.",
            "Have it renewed: after that day no paper is signed.",
        )
    elif isinstance(signing.key, KeyFile):
        yield from _private("paper key", signing.key.file, f"papers are signed by {holder.name}")
    else:
        yield ok("paper key", f"papers are signed by {holder.name}, by a key in a token")


def _payload_key(settings: Settings) -> Iterator[Finding]:
    file = settings.payload_key_file
    if file is None:
        yield skipped(
            "payload key", "ENTENTE_PAYLOAD_KEY_FILE is not set: payloads stand in Temporal in plain"
        )
        return
    try:
        key = InstallationKey.load(file)
    except SettingsProblem as problem:
        yield wrong("payload key", problem.what, problem.remedy)
        return
    yield from _private("payload key", file, f"payloads in Temporal are encrypted under the secret {key.id}")


def _log_key(settings: Settings) -> Iterator[Finding]:
    file = settings.log_key_file
    if file is None:
        yield warning(
            "log key",
            "ENTENTE_LOG_KEY_FILE is not set: no checkpoint is signed, and no act becomes final.",
            "Make one with `entente log-key FILE`, and keep a copy apart from the database's backups.",
        )
        return
    try:
        LogKeys.load(file, settings.log_origin)
    except SettingsProblem as problem:
        yield wrong("log key", problem.what, problem.remedy)
        return
    yield from _private("log key", file, f"{file} is the secret of the logs of {settings.log_origin}")
    guard = guard_directory(file)
    if not guard.is_dir():
        yield wrong(
            "rollback guard",
            f"The directory {guard} is missing, so that it is unknown what was signed; nothing will be.",
            "Bring it back from where the key came from. Only for a key that never signed: make it, empty.",
        )
    else:
        yield from _private("rollback guard", guard, f"{guard} remembers what was signed")


def _private(check: str, path: Path, what: str) -> Iterator[Finding]:
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        yield wrong(
            check,
            f"{path} is open to others than its owner (mode {mode:o}).",
            f"chmod {'700' if path.is_dir() else '600'} {path}, and make a new key if anybody may have read this one.",
        )
    else:
        yield ok(check, what)


def disk(state: Path, least: int = LEAST_FREE, little: int = LITTLE_FREE) -> Finding:
    """The free disk of the state directory, where there is one."""
    if not state.is_dir():
        return skipped("disk", f"there is no state directory {state}: nothing is kept on this machine")
    usage = shutil.disk_usage(state)
    what = f"{usage.free / GIB:.1f} GiB of {usage.total / GIB:.1f} GiB are free for {state}"
    remedy = "Free some, or move the directory. Logs of earlier runs are in its folder logs."
    if usage.free < least:
        return wrong("disk", f"Only {what}.", remedy)
    return warning("disk", f"Only {what}.", remedy) if usage.free < little else ok("disk", what)


def file_limit() -> Finding:
    """How many files a process may have open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    what = f"a process may have {_count(soft)} files open (at the most {_count(hard)})"
    remedy = "Raise it: `ulimit -n 65536`, LimitNOFILE= of the unit, or the container's nofile limit."
    if soft != resource.RLIM_INFINITY and soft < FEW_FILES:
        make = wrong if soft < FEWEST_FILES else warning
        return make("open files", f"Only {soft} files: each request and each connection takes one.", remedy)
    return ok("open files", what)


def _count(limit: int) -> str:
    return "any number of" if limit == resource.RLIM_INFINITY else f"{limit:,}"


def traces() -> Finding:
    """Whether the exporters that OpenTelemetry's environment asks for are installed."""
    names = exporters_asked_for()
    if not names:
        return ok("traces", "off: OpenTelemetry's environment does not ask for any")
    for name in names:
        wanted, group = entry_point_of(name)
        if not entry_points(group=group, name=wanted):
            return wrong(
                "traces",
                f"Traces are to go to {name!r}, and no exporter of that name is installed: no process starts.",
                "Install it (for otlp: pip install opentelemetry-exporter-otlp-proto-http), or unset the variables.",
            )
    return ok("traces", f"go to {', '.join(names)}")
