"""Records the histories of the workflows that deliver webhooks and send notices, which later code has to replay.

    python -m tests.compatibility.feeds NAME

writes ``NAME-webhook-*.json.gz`` and ``NAME-notices-*.json.gz`` into ``tests/compatibility/histories``: by a worker of
its own, to a receiver and a mail server on the loopback interface. An endpoint fails, waits, is hurried, and goes; a
person is told of what is new, hears of more, and wants no more notices. NAME is the released version.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

import asyncpg
from temporalio.client import Client

from activities.feeds.notices import Notices
from activities.feeds.starting import tell_person, tell_webhook
from activities.feeds.webhooks import Owner, Webhooks
from activities.identity.signing import CommandSigner
from activities.ledger.connections import reading_pool
from activities.ledger.migrate import migrate
from activities.ledger.postgres import PostgresLedger
from activities.runtime.settings import Settings, read_settings
from activities.runtime.temporal import connect
from tests.api.filling import Filler
from tests.api.test_notices import mail_server
from tests.api.test_webhooks import Receiver
from tests.compatibility.histories import keep, runs
from tests.simulation.small import digest, small
from worker.main import accord_worker
from worker.stack.postgres import Postgres
from worker.stack.temporal import Temporal

OWNER = "aa.contact"


async def _webhook(client: Client, settings: Settings, filler: Filler, pool: asyncpg.Pool) -> str:
    """An endpoint that is sent two entries, fails, is hurried by a replay, and is deleted."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    owner, webhooks = Owner(OWNER), Webhooks(pool)
    async with server:
        hook = await webhooks.add(owner, "one", receiver.url)
        receiver.answers = [500, 503]
        await filler.do("a", "record_statement", OWNER, digest=digest("x"))
        await tell_webhook(client, hook.id, settings.task_queue, backoff=(0.1, 0.2, 600.0))
        await receiver.received(3)
        receiver.answers = [500, 500, 500]
        await filler.do("a", "record_statement", OWNER, digest=digest("y"))
        await tell_webhook(client, hook.id, settings.task_queue)
        await receiver.received(6)
        await webhooks.replay(hook.id, owner, 0)
        await tell_webhook(client, hook.id, settings.task_queue, hurry=True)
        await receiver.received(6 + await filler.ledger.feed_position())
        await webhooks.delete(hook.id, owner)
        await tell_webhook(client, hook.id, settings.task_queue)
        await client.get_workflow_handle(f"webhook:{hook.id}").result()
    return f"webhook:{hook.id}"


async def _notices(client: Client, settings: Settings, filler: Filler, pool: asyncpg.Pool) -> str:
    """A person who is told at once of what is new, of more by and by, and who wants no more."""
    notices = Notices(pool)
    _, code = await notices.choose("bb.contact", "person@bb.example", "at_once", 8, "UTC")
    assert await notices.confirm("bb.contact", str(code))
    await tell_person(client, "bb.contact", settings.task_queue, together=0.2)
    for number in range(2):
        await filler.open(f"more-{number}", small(title=f"Visit {number}"))
        await tell_person(client, "bb.contact", settings.task_queue)
        await asyncio.sleep(2)
    await notices.forget("bb.contact")
    await tell_person(client, "bb.contact", settings.task_queue)
    await client.get_workflow_handle("notices:bb.contact").result()
    return "notices:bb.contact"


async def record(version: str) -> None:
    """Run both, fetch, and write."""
    with tempfile.TemporaryDirectory(prefix="entente-histories-") as directory, mail_server() as mailbox:
        state = Path(directory)
        state.chmod(0o711)
        postgres = Postgres(state, port=0, durable=False)
        temporal = Temporal(state, port=0, ui_port=None, durable=False)
        await postgres.start()
        try:
            await temporal.start()
            url = postgres.url("postgres")
            await migrate(url)
            client = await connect(read_settings(), target=temporal.address)
            settings = read_settings(
                database_url=url,
                command_public_keys=(CommandSigner.create(state / "command.pem").public_key,),
                webhook_networks=("127.0.0.0/8",),
                smtp_url=mailbox.url,
                mail_from="entente@ministry.example",
            )
            async with (
                PostgresLedger.connect(url) as ledger,
                reading_pool(url) as pool,
                accord_worker(settings, client) as worker,
                worker,
            ):
                filler = Filler(ledger)
                await filler.found("a", small())
                for made in (_webhook, _notices):
                    accord = await made(client, settings, filler, pool)
                    keep(version, made.__name__.lstrip("_"), await runs(client, accord))
        finally:
            await temporal.stop()
            await postgres.stop()


if __name__ == "__main__":
    asyncio.run(record(sys.argv[1]))
