"""Ask the witnesses of the accords for their cosignatures, again and again, until each checkpoint is final.

This runs beside the worker. Nothing waits for it: a witness that does not answer delays finality and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import httpx
import structlog

from activities.checkpoints.checkpoints import Checkpoints
from activities.checkpoints.store import StoredCheckpoint
from activities.errors import EntenteError, LedgerError, Malformed
from activities.tlog.note import Signature, parse_signature
from activities.witness.witness import Request

PATIENCE: Final = 10.0
"""Seconds that a witness has to answer."""

MAX_ANSWER: Final = 64 * 1024
"""The most bytes of a witness's answer that are read."""

_PAGE: Final = 100
_AT_ONCE: Final = 8

log = structlog.get_logger(__name__)


class WitnessFailed(EntenteError):
    """A witness did not answer, or not by the protocol; the text says how."""

    def __init__(self, what: str) -> None:
        super().__init__(what, "It is asked again; where that lasts, speak to whoever runs it")


class Cosigning:
    """Collects cosignatures over ``checkpoints`` with the HTTP client ``client``."""

    def __init__(self, checkpoints: Checkpoints, client: httpx.AsyncClient) -> None:
        self._checkpoints = checkpoints
        self._client = client
        self._failing: dict[str, str] = {}

    async def run(self, pause: float = 2.0) -> None:
        """Collect for all accords, wait ``pause`` seconds, and so on until cancelled."""
        while True:
            try:
                await self.sweep()
            except LedgerError as error:
                log.warning("cosignatures cannot be collected now", reason=str(error))
            except Exception:
                # Nobody waits for this task, so nobody would notice its end: finality would just never come again.
                log.exception("collecting cosignatures failed")
            await asyncio.sleep(pause)

    async def sweep(self) -> int:
        """Collect once for every accord whose record is not wholly cosigned; returns how many cosignatures came."""
        after, came = "", 0
        limit = asyncio.Semaphore(_AT_ONCE)

        async def one(accord: str) -> int:
            async with limit:
                try:
                    return await self.collect(accord)
                except LedgerError as error:
                    # One accord that may not be signed must not keep the others from becoming final.
                    log.error("no cosignatures for an accord", accord=accord, reason=str(error))
                    return 0

        while page := await self._checkpoints.store.unwitnessed(after, _PAGE):
            came += sum(await asyncio.gather(*(one(accord) for accord in page)))
            after = page[-1]
        return came

    async def collect(self, accord: str) -> int:
        """Sign the accord's record as it stands, and ask those witnesses that have not cosigned it.

        Raises:
            LedgerError: the record cannot be signed, or the accord has no policy.
        """
        await self._checkpoints.mirror_policy(accord)
        reached = await self._checkpoints.addresses(accord)
        kept = await self._checkpoints.sign(accord)
        there = {(signature.name, signature.key_id) for signature in kept.cosignatures}
        asked: Mapping[str, str] = {
            name: address for name, (key, address) in reached.items() if (key.name, key.key_id) not in there
        }
        came = 0
        for answer in asyncio.as_completed([self._ask(accord, kept, *each) for each in asked.items()]):
            signatures = await answer
            if not signatures:
                continue
            try:
                came += await self._checkpoints.add_cosignatures(accord, kept.checkpoint.size, signatures)
            except LedgerError as error:
                log.error("a witness's cosignature is wrong", accord=accord, reason=str(error))
        return came

    async def _ask(self, accord: str, kept: StoredCheckpoint, name: str, address: str) -> list[Signature]:
        """The cosignatures of one witness; none where it did not answer, which is said in the log."""
        try:
            signatures = await self._exchange(accord, kept, address)
        except (httpx.HTTPError, httpx.InvalidURL, WitnessFailed, Malformed) as error:
            reason = str(error) or type(error).__name__
            if self._failing.get(address) != reason:
                # Said once for as long as it lasts, not on every try.
                log.warning(
                    "a witness does not cosign", witness=name, address=address, accord=accord, reason=reason
                )
            self._failing[address] = reason
            return []
        if self._failing.pop(address, None) is not None:
            log.info("a witness cosigns again", witness=name, address=address)
        return signatures

    async def _exchange(self, accord: str, kept: StoredCheckpoint, address: str) -> list[Signature]:
        """Offer the checkpoint; where the witness says that it knows another size, again from that one."""
        size = kept.checkpoint.size
        old = 0
        for _ in range(3):
            proof = await self._checkpoints.consistency(accord, old, size)
            body = Request(old, proof, kept.note).encoded()
            status, text = await self._post(f"{address.rstrip('/')}/add-checkpoint", body)
            if status == 200:
                return [parse_signature(line) for line in text.splitlines() if line]
            if status != 409:
                raise WitnessFailed(f"it answered {status}: {text[:200].strip()}")
            known = text.strip()
            if not known.isascii() or not known.isdigit() or len(known) > 18:
                raise WitnessFailed("it answered 409 without a size")
            if int(known) > size:
                raise WitnessFailed(f"it has cosigned {known} entries already, more than the {size} offered")
            if int(known) == old:
                raise WitnessFailed(
                    f"it has cosigned another record of {old} entries: the log may have been forked"
                )
            old = int(known)
        raise WitnessFailed("it changes its mind on what it has cosigned")

    async def _post(self, url: str, body: bytes) -> tuple[int, str]:
        async with self._client.stream("POST", url, content=body, timeout=PATIENCE) as response:
            content = b""
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > MAX_ANSWER:
                    raise WitnessFailed("its answer is too long")
        return response.status_code, content.decode("utf-8", "replace")
