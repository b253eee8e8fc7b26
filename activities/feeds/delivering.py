"""The activity that delivers to a webhook: what is new for it, in order, signed, until something fails.

Delivered is at least once: a worker that dies between the answer and the database sends the same entry again, under the
same id. What the database knows of the endpoint is read before each page, so a replay, another secret or the end of an
endpoint count from then on.

Source: the Standard Webhooks specification, 1.0.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
import structlog
from standardwebhooks.webhooks import Webhook as Signer
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.errors import LedgerError
from activities.feeds.events import MEDIA_TYPE, as_json, cloud_event
from activities.feeds.following import Following, feed_position, page
from activities.feeds.webhooks import KEPT, Owner, Webhook, Webhooks
from activities.ledger.database import translated, with_role
from activities.ledger.store import StoredEntry
from activities.reading.access import access_of
from activities.reading.events import event_view
from activities.reading.states import States
from activities.runtime.alive import alive
from activities.runtime.reaching import NotAllowed, Reaching, Unreachable
from workflows.messages import FailureKind
from workflows.webhooks import DeliverReport, DeliverRequest

MOST = 100
"""Entries that are delivered at once."""

SECONDS = 60.0
"""The time after which no further entry is begun; the workflow asks for the rest."""

LONGEST_ANSWER = 1024 * 1024
"""Bytes of an answer; nothing in it is read."""

GONE = 410
"""The status by which a receiver says that it wants nothing more."""

NOBODY_READS = "no key is in force any more by which its owner reads every accord"

log = structlog.get_logger(__name__)


def signed(secrets: Sequence[str], message: str, at: datetime, body: bytes) -> list[tuple[bytes, bytes]]:
    """The headers of a delivery: its id, its time, and a signature by each live secret."""
    text = body.decode()
    signatures = " ".join(Signer(secret).sign(message, at, text) for secret in secrets)
    return [
        (b"Content-Type", MEDIA_TYPE.encode()),
        (b"webhook-id", message.encode()),
        (b"webhook-timestamp", str(int(at.timestamp())).encode()),
        (b"webhook-signature", signatures.encode()),
    ]


def message_id(feed: int) -> str:
    """The id of the delivery of an entry, the same each time it is sent."""
    return f"entry_{feed}"


class Delivering:
    """Delivers to webhooks. One for each worker."""

    def __init__(
        self,
        pool: asyncpg.Pool[Any],
        states: States,
        reaching: Reaching,
        origin: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._pool = pool
        self._webhooks = Webhooks(pool)
        self._states = states
        self._reaching = reaching
        self._origin = origin
        self._now = now

    @property
    def activities(self) -> Sequence[Callable[..., Any]]:
        """What a worker registers."""
        return (self.deliver_webhook,)

    @activity.defn(name="deliver_webhook")
    async def deliver_webhook(self, request: DeliverRequest) -> DeliverReport:
        """Deliver what is new to an endpoint, in order, until all is delivered or something fails."""
        try:
            async with alive():
                return await self.deliver(request.webhook, request.attempts)
        except LedgerError as error:
            raise ApplicationError(
                str(error), type=FailureKind.UNAVAILABLE, category=ApplicationErrorCategory.BENIGN
            ) from None

    async def deliver(self, name: str, attempts: int) -> DeliverReport:
        """As the activity does.

        Raises:
            LedgerError: the database does not answer.
        """
        delivered, began = 0, time.monotonic()
        while True:
            hook = await self._webhooks.get(name)
            if hook is None or not hook.active:
                return DeliverReport(delivered=delivered, active=False)
            if hook.reads_all and not await self._may_read_all(hook.principal):
                await self._webhooks.switch(
                    name, Owner(hook.principal, reads_all=True), active=False, reason=NOBODY_READS
                )
                return DeliverReport(delivered=delivered, active=False)
            end = await feed_position(self._pool)
            if hook.position >= end:
                return DeliverReport(delivered=delivered, active=True)
            who = Following(hook.principal, hook.reads_all, hook.accord)
            entries, reached = await page(self._pool, who, hook.position, end)
            position = hook.position
            for entry in entries:
                if delivered >= MOST or time.monotonic() - began > SECONDS:
                    return DeliverReport(delivered=delivered, active=True, more=True)
                body = await self._written(hook, entry)
                if body is None:
                    continue
                status, error = await self._send(hook, entry, body)
                if error is not None:
                    return await self._failed(hook, position, status, error, attempts, delivered)
                delivered += 1
                if not await self._moved(name, position, entry.feed):
                    # A replay, or another worker: what the database says now counts.
                    return DeliverReport(delivered=delivered, active=True, more=True)
                position = entry.feed
            if reached > position and not await self._moved(name, position, reached):
                return DeliverReport(delivered=delivered, active=True, more=True)

    async def _may_read_all(self, principal: str) -> bool:
        """Whether a key by which ``principal`` reads every accord is in force. No appointment says that it may."""
        with translated("look up keys", with_role("entente_writer")):
            found: bool = await self._pool.fetchval(
                "select exists (select from api_keys where principal = $1 and kind <> 'delegate' "
                "and revoked is null and (expires is null or expires > now()) and 'read' = any (scopes))",
                principal,
            )
        return found

    async def _written(self, hook: Webhook, entry: StoredEntry) -> bytes | None:
        """The event to send; none where the entry is not for this endpoint."""
        recorded = entry.recorded()
        if hook.types and recorded.type not in hook.types:
            return None
        folded = await self._states.get(entry.accord)
        if folded is None:
            return None
        access = access_of(hook.principal, folded.state, self._now(), reads_all=hook.reads_all)
        if access is None or access.cleared:
            return None
        view = event_view(entry, folded.state, access)
        return as_json(cloud_event(view, entry.accord, self._origin))

    async def _send(self, hook: Webhook, entry: StoredEntry, body: bytes) -> tuple[int | None, str | None]:
        """Send an entry and log what came of it: the status, and why it failed, if it did."""
        at, began = self._now(), time.monotonic()
        status: int | None = None
        error: str | None = None
        headers = signed(hook.live_secrets(at), message_id(entry.feed), at, body)
        try:
            answer = await self._reaching.post(hook.url, body, most=LONGEST_ANSWER, headers=headers)
        except Unreachable as problem:
            error = problem.what
            if isinstance(problem, NotAllowed):
                # What a name of ours resolves to is the operator's to know.
                log.warning("a webhook must not be asked", webhook=hook.id, reason=error)
                error = f"must not be asked: {problem.told}"
        else:
            status = answer.status
            if not 200 <= status < 300:
                error = f"answered {status}"
        with translated("log deliveries", with_role("entente_writer")):
            await self._pool.execute(
                "with old as (delete from webhook_attempts where webhook = $1 and at < now() - $2::interval) "
                "insert into webhook_attempts (webhook, feed, accord, entry, type, milliseconds, status, error) "
                # Of an endpoint that was deleted meanwhile nothing is logged.
                "select id, $3, $4, $5, $6, $7, $8, $9 from webhooks where id = $1",
                hook.id,
                KEPT,
                entry.feed,
                entry.accord,
                entry.position,
                entry.recorded().type,
                round((time.monotonic() - began) * 1000),
                status,
                None if error is None else error[:300],
            )
        return status, error

    async def _failed(
        self, hook: Webhook, position: int, status: int | None, error: str, attempts: int, delivered: int
    ) -> DeliverReport:
        """Count a failure; after too many, or where nothing more is wanted, the endpoint is disabled."""
        failures = hook.failures + 1 if position == hook.position else 1
        reason = None
        if status == GONE:
            reason = "the receiver answered 410: it wants nothing more"
        elif failures >= attempts:
            since = hook.failing_since or self._now()
            reason = f"{failures} attempts failed since {since:%Y-%m-%d %H:%M} UTC; the last one: {error}"
        with translated("count failures", with_role("entente_writer")):
            await self._pool.execute(
                "update webhooks set failures = $3, failing_since = coalesce(failing_since, now()), "
                "active = active and $4::text is null, reason = coalesce($4, reason) "
                "where id = $1 and position = $2",
                hook.id,
                position,
                failures,
                reason,
            )
        log.warning("a webhook could not be delivered", webhook=hook.id, failures=failures, reason=error)
        return DeliverReport(delivered=delivered, active=reason is None, failures=failures)

    async def _moved(self, name: str, before: int, after: int) -> bool:
        """Note how far the endpoint has got; false where it stands elsewhere by now."""
        with translated("note deliveries", with_role("entente_writer")):
            done = await self._pool.execute(
                "update webhooks set position = $3, failures = 0, failing_since = null "
                "where (id, position) = ($1, $2)",
                name,
                before,
                after,
            )
        return done == "UPDATE 1"
