"""Notices by e-mail, through a real mail server on the loopback interface: who is told of what, when, and only once."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import default
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from aiosmtpd.controller import Controller
from temporalio.client import Client

from activities.errors import SettingsProblem
from activities.feeds.mail import Mail, MailFailed
from activities.feeds.notices import NoticeSettings, Noticing
from activities.feeds.starting import tell_person
from activities.identity.keys import create_key, revoke
from activities.ledger.connections import reading_pool
from activities.runtime.settings import Settings
from tests.api.conftest import Api, problem, serving
from tests.api.filling import Filler
from tests.simulation.small import digest, small
from worker.background.telling import telling
from worker.main import accord_worker


@dataclass
class Mailbox:
    """What the mail server took; ``refuses`` is what it answers to every recipient instead."""

    got: list[EmailMessage] = field(default_factory=list)
    refuses: str = ""
    url: str = ""

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.refuses:
            return self.refuses
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        message = message_from_bytes(envelope.content, policy=default)
        assert isinstance(message, EmailMessage)
        self.got.append(message)
        return "250 OK"

    def text(self) -> str:
        """The last message's text."""
        text: str = self.got[-1].get_content()
        return text


@contextmanager
def mail_server() -> Iterator[Mailbox]:
    """A real mail server on the loopback interface, and what it took."""
    found = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(found, hostname="127.0.0.1", port=port)
    controller.start()
    found.url = f"smtp://127.0.0.1:{port}"
    try:
        yield found
    finally:
        controller.stop()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as found:
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def mailing_api(
    database_url: str, nowhere: str, make_settings: Callable[..., Settings], mailbox: Mailbox
) -> AsyncIterator[Api]:
    settings = make_settings(
        database_url, nowhere, api_deadline=5.0, smtp_url=mailbox.url, mail_from="entente@ministry.example"
    )
    async with serving(settings) as api:
        yield api


@pytest_asyncio.fixture(loop_scope="session")
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool[Any]]:
    async with reading_pool(database_url, min_size=0, max_size=2) as pool:
        yield pool


def noticing(pool: asyncpg.Pool[Any], mailbox: Mailbox, now: datetime) -> Noticing:
    mail = Mail(mailbox.url, "entente@ministry.example")
    return Noticing(pool, mail, "https://entente.example/", now=lambda: now)


async def chosen(api: Api, mailbox: Mailbox, by: str, **fields: Any) -> None:
    """Choose, and confirm by the code that comes."""
    body = {"address": f"{by}@ministry.example", "mode": "at_once", **fields}
    answer = await api.call("PUT", "/v1/notices", by, json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["confirmed"] is False
    [code] = re.findall(r"\b[0-9]{8}\b", mailbox.text())[:1]
    answer = await api.call("PUT", "/v1/notices/confirmation", by, json={"code": code})
    assert answer.json()["confirmed"] is True, answer.text
    mailbox.got.clear()


async def test_what_waits_is_told_once_then_when_it_is_due_and_when_it_is_late(
    mailing_api: Api, filler: Filler, mailbox: Mailbox, pool: asyncpg.Pool[Any]
) -> None:
    await filler.found("visit-1", small(vocabulary="closing", documents={}))
    await chosen(mailing_api, mailbox, "aa.contact")
    report = await noticing(pool, mailbox, filler.at).tell("aa.contact")
    assert report.told == len((await mailing_api.get("/desk")).json()["items"]) > 1
    [message] = mailbox.got
    assert (message["to"], message["from"]) == ("aa.contact@ministry.example", "entente@ministry.example")
    assert message["auto-submitted"] == "auto-generated"
    assert "Issue the offer" in mailbox.text(), "in the accord's vocabulary"
    assert "Submit evidence of grade documented or better for C1 (Venue ready)" in mailbox.text()
    assert "due 1 Apr 2030, 00:00 UTC (1 Apr 2030, 00:00 UTC)" in mailbox.text()
    assert "https://entente.example/accords/visit-1" in mailbox.text()
    assert "[ILLUSTRATIVE]" in mailbox.text()
    due = datetime(2030, 4, 1, tzinfo=UTC)
    assert report.next == due - timedelta(days=1)
    assert (await noticing(pool, mailbox, filler.at).tell("aa.contact")).told == 0
    # Due within a day, then late: each once. The database's own clock is far from there, so it is not overdue for it.
    for moment in (due - timedelta(hours=20), due + timedelta(hours=1)):
        assert [(await noticing(pool, mailbox, moment).tell("aa.contact")).told for _ in range(2)] == [1, 0]
    assert len(mailbox.got) == 3
    await filler.do(
        "visit-1", "submit_evidence", "aa.contact",
        condition="C1", digest=digest("p"), grade="inspected", source="R",
    )  # fmt: skip
    await filler.do("visit-1", "return_evidence", "bb.contact", condition="C1")
    assert (await noticing(pool, mailbox, filler.at).tell("aa.contact")).told == 0, "it waits as it did"


async def test_a_person_is_told_in_the_language_of_their_choice(
    mailing_api: Api, filler: Filler, mailbox: Mailbox, pool: asyncpg.Pool[Any]
) -> None:
    await filler.found("visit-1", small(vocabulary="closing", documents={}))
    await chosen(mailing_api, mailbox, "aa.contact", language="ru", zone="Europe/Moscow")
    await noticing(pool, mailbox, filler.at).tell("aa.contact")
    [message] = mailbox.got
    assert "Направить оферту" in mailbox.text(), "in the accord's vocabulary"
    assert "За вами\r\n-------" in mailbox.text()
    assert "03:00 Europe/Moscow" in mailbox.text()
    assert "Сообщения направляются сразу" in mailbox.text()
    subject = str(make_header(decode_header(message["subject"])))
    assert subject.startswith("Представить подтверждение по C1 («Venue ready»)")
    assert subject.endswith(" и ещё 2")
    await chosen(mailing_api, mailbox, "bb.contact", language="ko")
    kept = {"address": "aa.contact@ministry.example", "mode": "at_once"}
    answer = await mailing_api.call("PUT", "/v1/notices", "aa.contact", json=kept)
    assert answer.json()["language"] == "ru", "who names none keeps the one before"
    wrong = await mailing_api.call("PUT", "/v1/notices", "aa.contact", json={**kept, "language": "xx"})
    assert wrong.status_code == 422


async def test_a_digest_comes_at_its_hour_in_the_persons_zone(
    mailing_api: Api, filler: Filler, mailbox: Mailbox, pool: asyncpg.Pool[Any]
) -> None:
    await filler.open("visit-1", small())
    await chosen(mailing_api, mailbox, "bb.contact", mode="daily", hour=8, zone="Asia/Seoul")
    now = datetime.now(UTC)
    first = await noticing(pool, mailbox, now).tell("bb.contact")
    assert first.told == 0
    assert first.next is not None
    assert first.next.astimezone().minute == 0
    assert (first.next + timedelta(hours=9)).hour == 8
    for day in range(2):
        at = first.next + timedelta(days=day, minutes=1)
        report = await noticing(pool, mailbox, at).tell("bb.contact")
        assert (report.told, report.next) == (1, first.next + timedelta(days=day + 1))
        assert (await noticing(pool, mailbox, at).tell("bb.contact")).told == 0
    assert len(mailbox.got) == 2
    assert "Read and adopt the definition" in mailbox.text()


def test_the_hour_of_a_digest_stays_where_clocks_change() -> None:
    one = NoticeSettings("a", "a@b.example", "daily", 7, "Europe/Oslo", None, datetime.now(UTC), None)
    winter = one.next_digest(datetime(2030, 3, 29, 12, tzinfo=UTC))
    assert winter == datetime(2030, 3, 30, 6, tzinfo=UTC)
    assert one.next_digest(winter) == datetime(2030, 3, 31, 5, tzinfo=UTC), "summer time has begun"


async def test_an_address_is_shown_to_be_ones_own(mailing_api: Api, mailbox: Mailbox) -> None:
    problem(await mailing_api.get("/notices"), 404, "not_found")
    body = {"address": "a@ministry.example"}
    await mailing_api.call("PUT", "/v1/notices", "aa.contact", json=body)
    [code] = re.findall(r"\b[0-9]{8}\b", mailbox.text())[:1]
    wrong = f"{(int(code) + 1) % 10**8:08}"
    for _ in range(5):
        answer = await mailing_api.call("PUT", "/v1/notices/confirmation", "aa.contact", json={"code": wrong})
        problem(answer, 422, "malformed")
    answer = await mailing_api.call("PUT", "/v1/notices/confirmation", "aa.contact", json={"code": code})
    problem(answer, 422, "malformed")
    await chosen(mailing_api, mailbox, "aa.contact")
    again = {"address": "aa.contact@ministry.example", "mode": "daily"}
    assert (await mailing_api.call("PUT", "/v1/notices", "aa.contact", json=again)).json()[
        "confirmed"
    ] is True
    other = await mailing_api.call("PUT", "/v1/notices", "aa.contact", json=body)
    assert other.json()["confirmed"] is False
    assert (await mailing_api.call("DELETE", "/v1/notices", "aa.contact")).status_code == 204
    wrong_bodies = (
        {"address": "a@b"},
        {"address": "a\n@b.example"},
        {**body, "zone": "Moon/Base"},
        {**body, "hour": 24},
    )
    for wrong_body in wrong_bodies:
        problem(await mailing_api.call("PUT", "/v1/notices", "aa.contact", json=wrong_body), 422, "malformed")
    problem(await mailing_api.call("PUT", "/v1/notices", "auditor", json=body), 403, "forbidden")


async def test_nobodys_mailbox_is_filled_with_codes(mailing_api: Api, mailbox: Mailbox) -> None:
    """Found: as often as a delegate may act, six thousand times a minute, a code went to whatever address it named."""

    async def choose(by: str, address: str) -> Any:
        return await mailing_api.call("PUT", "/v1/notices", by, json={"address": address})

    for number in range(5):
        assert (await choose("code-a.contact", f"one{number}@victim.example")).status_code == 200
    problem(await choose("code-a.contact", "one9@victim.example"), 429, "rate_limited")
    for by in ("code-b.contact", "code-c.contact", "code-d.contact", "code-e.contact", "code-f.contact"):
        assert (await choose(by, "one@other.example")).status_code == 200
    problem(await choose("code-g.contact", "ONE@other.example"), 429, "rate_limited")
    assert len(mailbox.got) == 10


async def test_notices_end_with_the_key_by_which_they_were_chosen(
    mailing_api: Api, mailbox: Mailbox, pool: asyncpg.Pool[Any]
) -> None:
    """Found: a thief was told of what waits after the key was revoked; and a key that does not read was enough."""

    async def made(*scopes: str) -> str:
        return await create_key(pool, "end.contact", "", scopes=scopes)

    async def choose(token: str) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        body = {"address": "thief@elsewhere.example"}
        return await mailing_api.call("PUT", "/v1/notices", None, json=body, headers=headers)

    problem(await choose(await made("act")), 403, "forbidden")
    stolen = await made("read", "act")
    assert (await choose(stolen)).status_code == 200
    assert (await mailing_api.get("/notices", "end.contact")).json()["address"] == "thief@elsewhere.example"
    assert await revoke(pool, stolen.split("_")[1])
    problem(await mailing_api.get("/notices", "end.contact"), 404, "not_found")
    # The API believes in it for some seconds yet.
    problem(await choose(stolen), 403, "forbidden")
    await chosen(mailing_api, mailbox, "end.contact")


async def test_what_a_mail_server_refuses(
    mailing_api: Api, filler: Filler, mailbox: Mailbox, pool: asyncpg.Pool[Any]
) -> None:
    await filler.open("visit-1", small())
    await chosen(mailing_api, mailbox, "bb.contact")
    tells = noticing(pool, mailbox, datetime.now(UTC))
    mailbox.refuses = "450 Come again"
    with pytest.raises(MailFailed):
        await tells.tell("bb.contact")
    mailbox.refuses = ""
    assert (await tells.tell("bb.contact")).told == 1, "nothing was lost"
    await filler.do("visit-1", "amend_definition", "aa.contact", definition=small(title="Other"))
    mailbox.refuses = "550 No such user"
    assert (await tells.tell("bb.contact")).wanted is False
    problem(await mailing_api.get("/notices", "bb.contact"), 404, "not_found")
    mailbox.refuses = "550 No"
    answer = await mailing_api.call("PUT", "/v1/notices", "bb.contact", json={"address": "x@y.example"})
    problem(answer, 503, "unavailable")


def test_what_is_no_mail_server_is_told_at_the_start() -> None:
    assert Mail.of(None, None) is None
    for url, sender in (("http://x", "a@b"), ("smtp://", "a@b"), ("smtp://host", None)):
        with pytest.raises(SettingsProblem):
            Mail.of(url, sender)


async def test_a_person_is_told_by_a_worker_as_it_happens(
    database_url: str,
    temporal_address: str,
    temporal_client: Client,
    make_settings: Callable[..., Settings],
    filler: Filler,
    mailbox: Mailbox,
) -> None:
    settings = make_settings(
        database_url, temporal_address, smtp_url=mailbox.url, mail_from="entente@ministry.example"
    )
    principal = f"bb.contact.n{settings.task_queue.removeprefix('test-')}"
    parties = {**small()["parties"], "BB": {"name": "B", "capacity": "guest", "contact": principal}}
    definition = small(parties=parties, conditions={}, documents={})
    async with (
        accord_worker(settings, temporal_client) as worker,
        worker,
        serving(settings) as api,
        telling(settings, temporal_client),
    ):
        await chosen(api, mailbox, principal)
        workflow = temporal_client.get_workflow_handle(f"notices:{principal}")
        await workflow.terminate("a test waits less for more of the news")
        await tell_person(temporal_client, principal, settings.task_queue, together=0.1)
        await filler.open("visit-1", definition)
        async with asyncio.timeout(40):
            while not mailbox.got:  # noqa: ASYNC110 - the mail server runs in another thread
                await asyncio.sleep(0.05)
        assert "Read and adopt the definition" in mailbox.text()
        assert (await api.call("DELETE", "/v1/notices", principal)).status_code == 204
        await tell_person(temporal_client, principal, settings.task_queue)
        async with asyncio.timeout(40):
            await temporal_client.get_workflow_handle(workflow.id).result()
