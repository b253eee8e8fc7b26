"""Beside the worker: authorities are asked for their time over final checkpoints."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from activities.checkpoints.checkpoints import Checkpoints
from activities.checkpoints.logkeys import LogKeys, guard_directory
from activities.checkpoints.rollback import Guard
from activities.errors import Malformed, SettingsProblem
from activities.ledger.connections import reading_pool
from activities.ledger.postgres import PostgresLedger
from activities.runtime.reaching import Reaching, parse_networks
from activities.runtime.settings import Settings
from activities.timestamps.token import Authorities, parse_certificates, with_a_root
from activities.witness.stamping import Stamping
from worker.background.beside import beside

NETWORKS = "ENTENTE_TSA_NETWORKS"


def known_authorities(file: Path | None) -> Authorities | None:
    """The authorities whose root certificates are in the operator's file; none where no file is named.

    Raises:
        SettingsProblem: it cannot be read, or holds none.
    """
    if file is None:
        return None
    try:
        return Authorities(with_a_root(parse_certificates(file.read_bytes())))
    except OSError as error:
        raise SettingsProblem(
            f"The certificates of the time-stamp authorities cannot be read from {file}: {error.strerror}.",
            "Set ENTENTE_TSA_CERTIFICATES to a file with their root certificates, or leave it out.",
        ) from None
    except Malformed as error:
        raise SettingsProblem(
            f"{file}, which ENTENTE_TSA_CERTIFICATES names: {error.what}.", f"{error.remedy}."
        ) from None


def reaching_authorities(settings: Settings) -> Reaching:
    """What authorities are asked by. They are the operator's choice, and sign what they say: so by plain http too."""
    return Reaching(parse_networks(settings.tsa_networks), setting=NETWORKS, plain=True)


@asynccontextmanager
async def stamping(settings: Settings, pause: float = 5.0) -> AsyncIterator[None]:
    """Collect tokens of time while the block runs, every ``pause`` seconds; nothing without an authority or a log key.

    Raises:
        SettingsProblem: the log key, the guard beside it, or the authorities' certificates cannot be read.
    """
    if not settings.tsa or settings.log_key_file is None:
        yield
        return
    known = known_authorities(settings.tsa_certificates)
    keys = LogKeys.load(settings.log_key_file, settings.log_origin)
    guard = Guard(guard_directory(settings.log_key_file))
    # Connections of its own: nothing must wait for an authority.
    async with (
        reading_pool(settings.database_dsn(), min_size=0, max_size=len(settings.tsa) + 2) as pool,
        aclosing(reaching_authorities(settings)) as reaching,
    ):
        checkpoints = Checkpoints(PostgresLedger(pool), pool, keys, guard)
        asking = Stamping(checkpoints, pool, settings.tsa, reaching, known)
        async with beside(asking.run(pause), "stamping"):
            yield
