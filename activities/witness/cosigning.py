"""Ask the witnesses of the accords for their cosignatures, again and again, until each checkpoint is final.

This runs beside the worker. Nothing waits for it: a witness that does not answer delays finality and nothing else.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar
from weakref import WeakValueDictionary

import structlog

from activities.checkpoints.checkpoints import Checkpoints
from activities.checkpoints.store import StoredCheckpoint
from activities.errors import EntenteError, LedgerError, Malformed
from activities.runtime.metrics import WITNESS_ANSWERS
from activities.runtime.reaching import Reaching, Unreachable
from activities.tlog.note import Signature, parse_signature
from activities.witness.witness import Request
from workflows.model.addresses import parse_address

MAX_ANSWER: Final = 64 * 1024
"""The most bytes of a witness's answer that are read."""

_PAGE: Final = 100
_REMEMBERED: Final = 10_000

T = TypeVar("T")

log = structlog.get_logger(__name__)


class WitnessFailed(EntenteError):
    """A witness did not answer by the protocol; the text says how."""

    def __init__(self, what: str) -> None:
        super().__init__(what, "It is asked again; where that lasts, speak to whoever runs it")


@dataclass(frozen=True, slots=True)
class Pace:
    """How much is asked at once, and how long anything may take, in seconds."""

    accord: float = 20.0
    """for all witnesses of one accord"""
    sweep: float = 5.0
    """after which a sweep is left behind, and the next one begins where it stood; what it asks goes on"""
    at_once: int = 32
    """accords"""
    slow_at_once: int = 8
    """accords of which a witness was slow the last time; the other places are not for them"""
    of_one_host: int = 4
    """requests"""
    slow: float = 1.0
    """a witness that takes so long to fail is left alone for a while; others are asked again in the next sweep"""
    first_pause: float = 15.0
    longest_pause: float = 600.0
    """the pause doubles with each failure that was slow, up to this"""


class _Kept(Generic[T]):
    """What is remembered by name, of at most ``_REMEMBERED`` names: parties may name any number of witnesses."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, T] = OrderedDict()

    def get(self, name: str) -> T | None:
        return self._kept.get(name)

    def put(self, name: str, value: T) -> None:
        self._kept[name] = value
        self._kept.move_to_end(name)
        if len(self._kept) > _REMEMBERED:
            self._kept.popitem(last=False)

    def drop(self, name: str) -> T | None:
        return self._kept.pop(name, None)


@dataclass(frozen=True, slots=True)
class _Slow:
    """A host that was slow to fail: how often in a row, and until when it is left alone."""

    times: int
    until: float


class Cosigning:
    """Collects cosignatures over ``checkpoints``; witnesses are asked by way of ``reaching``.

    Accords are apart from one another, and so are the witnesses of one: a witness that is slow, or whose address is
    none, delays nothing but its own cosignatures.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        reaching: Reaching,
        pace: Pace | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._checkpoints = checkpoints
        self._reaching = reaching
        self._pace = pace or Pace()
        self._clock = clock
        self._failing: _Kept[str] = _Kept()
        self._slow_hosts: _Kept[_Slow] = _Kept()
        self._slow_accords: _Kept[bool] = _Kept()
        self._hosts: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._places = asyncio.Semaphore(self._pace.at_once)
        self._under_way: dict[str, asyncio.Task[int]] = {}
        self._after = ""

    async def run(self, pause: float = 2.0) -> None:
        """Collect for all accords, wait ``pause`` seconds, and so on until cancelled."""
        try:
            while True:
                try:
                    await self.sweep()
                except LedgerError as error:
                    log.warning("cosignatures cannot be collected now", reason=str(error))
                except Exception:
                    # Nobody waits for this task, so nobody would notice its end: finality would just never come again.
                    log.exception("collecting cosignatures failed")
                await asyncio.sleep(pause)
        finally:
            await self.stop()

    async def stop(self) -> None:
        """End what is still being asked."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def sweep(self) -> int:
        """Collect once for every accord whose record is not wholly cosigned; returns how many cosignatures came.

        It ends in time, whatever the witnesses do. What has no answer by then goes on, within its own deadline.
        """
        begun: set[asyncio.Task[int]] = set()
        try:
            async with asyncio.timeout(self._pace.sweep):
                while page := await self._checkpoints.store.unwitnessed(self._after, _PAGE):
                    for accord in page:
                        await self._begin(accord, begun)
                        self._after = accord
                self._after = ""
                if begun:
                    await asyncio.wait(begun)
        except TimeoutError:
            pass
        return sum(task.result() for task in begun if task.done() and not task.cancelled())

    async def _begin(self, accord: str, begun: set[asyncio.Task[int]]) -> None:
        if accord in self._under_way:
            return
        if self._slow_accords.get(accord):
            slow = sum(self._slow_accords.get(one) is not None for one in self._under_way)
            if slow >= self._pace.slow_at_once:
                return
        await self._places.acquire()
        task = asyncio.create_task(self._collected(accord), name=f"cosigning {accord}")
        self._under_way[accord] = task
        begun.add(task)
        task.add_done_callback(lambda _: self._over(accord))

    def _over(self, accord: str) -> None:
        self._under_way.pop(accord, None)
        self._places.release()

    async def _collected(self, accord: str) -> int:
        began = self._clock()
        try:
            return await self.collect(accord)
        except LedgerError as error:
            # One accord that may not be signed must not keep the others from becoming final.
            log.error("no cosignatures for an accord", accord=accord, reason=str(error))
        except Exception:
            log.exception("no cosignatures for an accord", accord=accord)
        finally:
            if self._clock() - began >= self._pace.slow:
                self._slow_accords.put(accord, True)
            else:
                self._slow_accords.drop(accord)
        return 0

    async def collect(self, accord: str) -> int:
        """Sign the accord's record as it stands, and ask those witnesses that have not cosigned it.

        Raises:
            LedgerError: the record cannot be signed, or the accord has no policy.
        """
        await self._checkpoints.mirror_policy(accord)
        reached = await self._checkpoints.addresses(accord)
        kept = await self._checkpoints.sign(accord)
        there = {(signature.name, signature.key_id) for signature in kept.cosignatures}
        asked = [
            asyncio.create_task(self._cosigned(accord, kept, name, address))
            for name, (key, address) in reached.items()
            if (key.name, key.key_id) not in there
        ]
        if not asked:
            return 0
        try:
            await asyncio.wait(asked, timeout=self._pace.accord)
        finally:
            for task in asked:
                task.cancel()
            came = await asyncio.gather(*asked, return_exceptions=True)
        return sum(one for one in came if isinstance(one, int))

    async def _cosigned(self, accord: str, kept: StoredCheckpoint, name: str, address: str) -> int:
        """How many cosignatures of one witness were kept. Its troubles end here."""
        try:
            signatures = await self._ask(accord, kept, name, address)
            if not signatures:
                return 0
            return await self._checkpoints.add_cosignatures(accord, kept.checkpoint.size, signatures)
        except LedgerError as error:
            log.error("a witness's cosignature is wrong", accord=accord, witness=name, reason=str(error))
        except Exception:
            log.exception("a witness cannot be asked", accord=accord, witness=name)
        return 0

    async def _ask(self, accord: str, kept: StoredCheckpoint, name: str, address: str) -> list[Signature]:
        """The cosignatures of one witness; none where it did not answer, which is said in the log."""
        try:
            host = parse_address(address).authority
        except ValueError as error:
            self._failed(accord, name, address, str(error))
            return []
        async with self._hosts.setdefault(host, asyncio.Semaphore(self._pace.of_one_host)):
            slow = self._slow_hosts.get(host)
            if slow is not None and self._clock() < slow.until:
                return []
            began = self._clock()
            try:
                signatures = await self._exchange(accord, kept, address)
            except Unreachable as error:
                if self._clock() - began >= self._pace.slow:
                    self._leave_alone(host)
                self._failed(accord, name, address, str(error))
                return []
            except (WitnessFailed, Malformed) as error:
                self._failed(accord, name, address, str(error))
                return []
            except asyncio.CancelledError:
                # The accord's time is over.
                self._leave_alone(host)
                raise
        WITNESS_ANSWERS.labels("cosigned").inc()
        self._slow_hosts.drop(host)
        if self._failing.drop(f"{accord} {name}") is not None:
            log.info("a witness cosigns again", witness=name, address=address)
        return signatures

    def _leave_alone(self, host: str) -> None:
        before = self._slow_hosts.get(host)
        times = 1 if before is None else before.times + 1
        pause = min(self._pace.first_pause * 2 ** min(times - 1, 20), self._pace.longest_pause)
        self._slow_hosts.put(host, _Slow(times, self._clock() + pause))

    def _failed(self, accord: str, name: str, address: str, reason: str) -> None:
        WITNESS_ANSWERS.labels("failed").inc()
        if self._failing.get(f"{accord} {name}") != reason:
            # Said once for as long as it lasts, not on every try.
            log.warning(
                "a witness does not cosign", witness=name, address=address, accord=accord, reason=reason
            )
        self._failing.put(f"{accord} {name}", reason)

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
        answer = await self._reaching.post(url, body, most=MAX_ANSWER)
        return answer.status, answer.content.decode("utf-8", "replace")
