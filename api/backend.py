"""What the API's requests work with: database, Temporal, keys, reader. Put together here and nowhere else.

The API comes up without Postgres and without Temporal. The pool opens connections when they are needed, and the
client is made when it is first needed; both recover by themselves once their server is back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import structlog
from temporalio.client import Client
from temporalio.converter import PayloadCodec

from activities.feeds.following import Feed
from activities.feeds.notices import Notices
from activities.feeds.webhooks import Webhooks
from activities.files.depositing import Depositing
from activities.files.erasing import Erasing
from activities.files.register import Register
from activities.files.store import Store, open_store
from activities.identity.claims import Claims
from activities.identity.delegates import Delegates
from activities.identity.keys import Identities
from activities.identity.passkeys import Passkeys
from activities.identity.providers import load_providers
from activities.identity.sessions import Sessions
from activities.identity.signing import CommandSigner
from activities.identity.signing_in import SignIns
from activities.identity.tokens import Tokens
from activities.ledger.connections import reading_pool
from activities.ledger.payload_keys import payload_codec
from activities.ledger.postgres import PostgresLedger
from activities.ledger.store import Ledger
from activities.reading.accords import Reader
from activities.reading.listing import Listing
from activities.reading.looks import Looks
from activities.reading.states import States
from activities.runtime.settings import Settings
from activities.runtime.temporal import connect
from api.attempts import Attempts
from api.clock import Clocks
from api.commands import Commands
from api.exports import Copies, Exports
from api.heavy import FOLDING
from api.limits import Limits
from api.papersigning import PaperSigning
from api.queue import ActQueue
from api.streams import Streams
from api.uploads import Uploads

CONNECTIONS = 10
"""Database connections that one API process opens at the most."""

PATIENCE = 5.0
"""Seconds that making one database connection, or one statement, may take."""

PAPERS_AT_ONCE = 2
"""Papers that one API process has set at the same time, each by a process of its own."""

PAPERS_WAITING = 64
"""Papers that may wait for that."""

PAPERS_EACH = 16
"""Papers of one caller among them."""

PAPER_COPIES_EACH = 24
"""Papers of one caller that are waited for, set, or being sent: a closing book takes up to some 66 MB of the disk."""

PAPER_COPIES = 96
"""Papers of all callers together."""

log = structlog.get_logger(__name__)


class TemporalLink:
    """The connection to Temporal, made when it is first needed. Requests that need it meanwhile share one attempt."""

    def __init__(self, settings: Settings, codec: PayloadCodec | None = None) -> None:
        self._settings = settings
        self._codec = codec
        self._client: Client | None = None
        self._attempt: asyncio.Task[Client] | None = None

    async def client(self) -> Client:
        """The client; it survives restarts of the server.

        Raises:
            Unreachable: the server does not answer.
        """
        if self._client is not None:
            return self._client
        if self._attempt is None or self._attempt.done():
            connecting = connect(self._settings, codec=self._codec)
            self._attempt = asyncio.create_task(connecting, name="connect to Temporal")
            # A failed attempt that nobody waits for any more is not worth a warning at exit.
            self._attempt.add_done_callback(lambda task: task.cancelled() or task.exception())
        # Shielded: who gives up waiting must not end the attempt for the others.
        self._client = await asyncio.shield(self._attempt)
        return self._client

    async def aclose(self) -> None:
        """End an attempt that is still under way."""
        if self._attempt is not None and not self._attempt.done():
            self._attempt.cancel()
            await asyncio.gather(self._attempt, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class Backend:
    """The parts that requests use."""

    settings: Settings
    pool: asyncpg.Pool[Any]
    temporal: TemporalLink
    ledger: Ledger
    reader: Reader
    listing: Listing
    identities: Identities
    tokens: Tokens
    sign_ins: SignIns
    delegates: Delegates
    sessions: Sessions
    passkeys: Passkeys
    looks: Looks
    claims: Claims
    attempts: Attempts
    commands: Commands
    clocks: Clocks
    queue: ActQueue
    limits: Limits
    exports: Exports
    store: Store
    register: Register
    depositing: Depositing
    uploads: Uploads
    erasing: Erasing
    feed: Feed
    streams: Streams
    papers: ActQueue
    paper_copies: Copies
    paper_signing: PaperSigning
    webhooks: Webhooks
    notices: Notices


@asynccontextmanager
async def make_backend(settings: Settings) -> AsyncIterator[Backend]:
    """A backend for these settings, closed at the end.

    Raises:
        SettingsProblem: no database is set, no key to sign commands with, or contents cannot be kept as asked.
        SigningProblem: the passphrase or PIN of the key for papers cannot be read.
    """
    signer = CommandSigner.load(settings.command_key_file)
    dsn = settings.database_dsn()
    store = open_store(settings)
    paper_signing = PaperSigning(settings)
    providers = load_providers(settings.oidc_file)
    tokens = Tokens(providers)
    pool = await reading_pool(
        dsn, min_size=0, max_size=CONNECTIONS, timeout=PATIENCE, command_timeout=PATIENCE
    )
    try:
        temporal = TemporalLink(settings, payload_codec(settings, pool))
    except BaseException:
        pool.terminate()
        raise
    feed: Feed | None = None
    try:
        ledger = PostgresLedger(pool)
        states = States(ledger)
        feed = Feed(dsn, pool, states, settings.log_origin)
        reader = Reader(ledger, states, beside=FOLDING.run)
        identities = Identities(pool)
        claims = Claims(pool)
        register = Register(pool)
        clocks = Clocks(temporal.client, settings.task_queue)
        queue = ActQueue()
        limits = Limits(settings)
        commands = Commands(
            settings, signer, states, identities, claims, clocks, temporal.client, queue, limits
        )
        log.info("api started", signs_with=signer.key_id, signing_public_key=signer.public_key)
        yield Backend(
            settings=settings,
            pool=pool,
            temporal=temporal,
            ledger=ledger,
            reader=reader,
            listing=Listing(pool),
            identities=identities,
            tokens=tokens,
            sign_ins=SignIns(providers, tokens),
            delegates=Delegates(pool, claims),
            sessions=Sessions(pool),
            passkeys=Passkeys(pool),
            looks=Looks(pool),
            claims=claims,
            attempts=Attempts(identities, limits),
            commands=commands,
            clocks=clocks,
            queue=queue,
            limits=limits,
            exports=Exports(),
            store=store,
            register=register,
            depositing=Depositing(store, register, settings),
            uploads=Uploads(),
            erasing=Erasing(pool, store),
            feed=feed,
            streams=Streams(),
            papers=ActQueue(PAPERS_AT_ONCE, PAPERS_WAITING, PAPERS_EACH, what="papers", where=""),
            paper_copies=Copies(PAPER_COPIES_EACH, PAPER_COPIES, "papers"),
            paper_signing=paper_signing,
            webhooks=Webhooks(pool),
            notices=Notices(pool),
        )
    finally:
        if feed is not None:
            await feed.aclose()
        await temporal.aclose()
        try:
            async with asyncio.timeout(PATIENCE):
                await pool.close()
        except TimeoutError:
            pool.terminate()
