"""Erasing particulars wherever this installation has them: in the ledger, and in Temporal's histories."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio.client import Client
from temporalio.service import RPCError

from activities.errors import SettingsProblem, Unreachable
from activities.files.erasing import Erasing as FilesErasing
from activities.files.store import open_store
from activities.ledger.connections import reading_pool
from activities.ledger.erasing import finish_erasing
from activities.ledger.installation import InstallationKey
from activities.ledger.payload_keys import FRESH, PayloadKeys, has_keys
from activities.ledger.postgres import PostgresLedger
from activities.runtime.histories import continued_since, delete_closed_runs, key_ids, open_history
from activities.runtime.settings import Settings
from activities.runtime.temporal import connect
from workflows.record.erasure import EraseParticulars

CONTINUED = 30.0
"""Seconds within which a run continues after an erasure, where a worker is there."""

MARGIN = 1.0
"""Seconds beyond those for which a process encrypts with a key that it holds."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased, and what is left to do: a run that has not continued, keys that an open run still needs."""

    positions: tuple[int, ...]
    contents: tuple[str, ...]
    runs: int
    keys: int
    continued: bool
    keys_left: int
    unreached: str | None = None
    """Why Temporal could not be reached, whose histories are as they were then."""

    @property
    def finished(self) -> bool:
        """Whether nothing is left."""
        return self.continued and not self.keys_left and self.unreached is None


class Erasing:
    """Erases what the record of an accord says is erased."""

    def __init__(
        self,
        connecting: Callable[[], Awaitable[Client]],
        ledger: PostgresLedger,
        files: FilesErasing,
        keys: PayloadKeys | None,
        accord: str,
    ) -> None:
        self._connecting = connecting
        self._files = files
        self._ledger = ledger
        self._keys = keys
        self._accord = accord

    async def prepare(self) -> None:
        """Have everything encrypted with a new key of the accord from now on; returns when every process does so.

        Raises:
            LedgerError: the database does not answer, or the login may not.
        """
        if self._keys is not None:
            await self._keys.renew(self._accord)
            await asyncio.sleep(FRESH + MARGIN)

    async def finish(self, *, histories: bool = True) -> Erased:
        """Delete particulars, contents, closed histories and old keys. Safe to repeat and to interrupt.

        No content is in a history: ``histories`` may stay as they are where contents alone are erased. Where Temporal
        is not there, everything else is done.

        Raises:
            LedgerError: the ledger cannot be read or written.
            RPCError: Temporal does not let this be done.
        """
        positions = await finish_erasing(self._ledger, self._ledger, self._accord)
        contents = await self._files.finish(self._ledger, self._accord)
        if not histories:
            return Erased(tuple(positions), tuple(contents), 0, 0, True, 0)
        try:
            client = await self._connecting()
        except Unreachable as error:
            # After a restore, say: what is in the database does not wait for what is in histories.
            return Erased(tuple(positions), tuple(contents), 0, 0, False, 0, error.what)
        continued = await continued_since(client, self._accord, EraseParticulars.name, CONTINUED)
        runs = await delete_closed_runs(client, self._accord)
        keys, left = await self._destroy_keys(client) if continued else (0, 0)
        return Erased(tuple(positions), tuple(contents), runs, keys, continued, left)

    async def _destroy_keys(self, client: Client) -> tuple[int, int]:
        """Destroy all keys but the newest and those that the open run needs; how many, and how many it needs."""
        if self._keys is None:
            return 0, 0
        rows = await self._keys.keys_of(self._accord)
        old = {row.id for row in rows[1:] if row.destroyed is None}
        if not old:
            return 0, 0
        # Until then somebody may encrypt with one of them.
        fresh = FRESH + MARGIN - (datetime.now(UTC) - rows[0].created).total_seconds()
        if fresh > 0:
            await asyncio.sleep(min(fresh, FRESH + MARGIN))
        history = await open_history(client, self._accord)
        needed = old & key_ids(history) if history is not None else set()
        return await self._keys.destroy(sorted(old - needed)), len(needed)


@asynccontextmanager
async def erasing(settings: Settings, accord: str) -> AsyncIterator[Erasing]:
    """What erases by these settings, with its connections.

    Raises:
        SettingsProblem: payloads were encrypted here, and the key for that is not named.
        Unreachable: Temporal does not let it be done.
        LedgerError: the database does not answer.
    """
    dsn = settings.database_dsn()
    async with (
        PostgresLedger.connect(dsn) as ledger,
        reading_pool(dsn, min_size=0, max_size=1) as pool,
    ):
        keys = None
        if settings.payload_key_file is not None:
            keys = PayloadKeys(pool, InstallationKey.load(settings.payload_key_file))
        elif await has_keys(pool, accord):
            raise SettingsProblem(
                f"Payloads of {accord} in Temporal are encrypted, and ENTENTE_PAYLOAD_KEY_FILE is not set.",
                "Set it as the workers have it, then run this again.",
            )
        try:
            yield Erasing(
                lambda: connect(settings), ledger, FilesErasing(pool, open_store(settings)), keys, accord
            )
        except RPCError as error:
            raise Unreachable(
                f"Temporal does not do it: {error.message}.",
                "What was recorded and deleted stays so. Run `entente erase --finish` once Temporal answers.",
            ) from error
