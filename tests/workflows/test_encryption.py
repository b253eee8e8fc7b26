"""Nothing of what people say stands in Temporal in plain: in its histories, in its database; erasing reaches both."""

from __future__ import annotations

import asyncio
import tempfile
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest
import pytest_asyncio
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHistory
from temporalio.envconfig import ClientConfigProfile
from temporalio.worker import Replayer

from activities.audit.history import parse
from activities.errors import Malformed
from activities.identity.keys import create_key
from activities.identity.signing import CommandSigner
from activities.ledger.connections import reading_pool
from activities.ledger.installation import InstallationKey
from activities.ledger.payload_keys import own_codec
from activities.ledger.postgres import PostgresLedger
from activities.runtime.codec import is_sealed
from activities.runtime.histories import payloads_in
from activities.runtime.settings import Settings, read_settings
from activities.runtime.temporal import ENCODED, EntentePlugin, connect
from api.codec import serving_codec
from tests.simulation.small import digest, small
from tests.workflows.harness import Engine
from worker import erasing as erasing_module
from worker.erasing import erasing
from worker.main import accord_worker
from worker.stack.logins import make_logins, password_of, role_of
from worker.stack.temporal import Temporal, executable
from workflows.model.definition import Definition
from workflows.model.values import INSTALLATION
from workflows.workflow import AccordWorkflow

SECRET = "Zarathustra Quixote of Nowhere"
"""Free text of an act, which no accord has but by this test."""

SOON_DELETED = {
    "history.transferProcessorEnsureCloseBeforeDelete": "false",
    "history.visibilityProcessorEnsureCloseBeforeDelete": "false",
}
"""Otherwise a server deletes what has just closed half a minute later."""

IN_PLAIN = "What is sent in plain is found"


@pytest_asyncio.fixture(loop_scope="session")
async def temporal() -> AsyncIterator[Temporal]:
    """A Temporal server with a database file."""
    with tempfile.TemporaryDirectory(prefix="entente-encryption-") as directory:
        server = Temporal(Path(directory), port=0, ui_port=None, dynamic_config=SOON_DELETED)
        await server.start()
        try:
            yield server
        finally:
            await server.stop()


@asynccontextmanager
async def encrypting(database_url: str, temporal: Temporal, key_file: Path) -> AsyncIterator[Engine]:
    """A worker that encrypts, and hands to act with."""
    InstallationKey.create(key_file)
    signer = CommandSigner(Ed25519PrivateKey.generate())
    settings = read_settings(
        database_url=database_url,
        task_queue=f"test-{uuid.uuid4().hex[:8]}",
        command_public_keys=(signer.public_key,),
        payload_key_file=key_file,
        temporal=ClientConfigProfile(address=temporal.address),
    )
    async with own_codec(settings) as codec, PostgresLedger.connect(database_url) as ledger:
        client = await connect(settings, codec=codec)
        async with accord_worker(settings, client) as worker, worker:
            yield Engine(client, settings, signer, ledger)


async def _histories(client: Client, accord: str) -> list[WorkflowHistory]:
    runs = [run async for run in client.list_workflows(f'WorkflowId = "{accord}"')]
    return [await client.get_workflow_handle(accord, run_id=run.run_id).fetch_history() for run in runs]


def _in_plain(history: WorkflowHistory) -> list[str]:
    """Payloads of a history that are not encrypted, but for search attributes and the core's own notes."""
    return [
        f"{EventType.Name(event.event_type)} {payload.data[:80]!r}"
        for event in history.events
        for payload in payloads_in(event)
        if not is_sealed(payload)
        and "type" not in payload.metadata
        and not payload.data.startswith(b'{"seq":')
    ]


def _database(state: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(state.glob("temporal.db*")))


async def _shown(settings: Settings, accord: str, *options: str) -> str:
    """What the Temporal command line shows of the accord's history."""
    process = await asyncio.create_subprocess_exec(
        str(executable()),
        *("workflow", "show", "--address", settings.temporal_address, "--workflow-id", accord),
        *("--output", "json", "--disable-config-file", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, err
    return out.decode()


@asynccontextmanager
async def codec_server(settings: Settings) -> AsyncIterator[str]:
    """A codec server that listens; its address."""
    async with serving_codec(settings) as app:
        server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_config=None))
        serving = asyncio.create_task(server.serve())
        async with asyncio.timeout(10):
            while not server.started:  # noqa: ASYNC110 - uvicorn offers nothing to wait for
                await asyncio.sleep(0.02)
        try:
            yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


async def test_no_plain_text_in_temporal_and_after_an_erasure_no_key_to_it(
    database_url: str, temporal: Temporal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with encrypting(database_url, temporal, tmp_path / "payload-key") as engine:
        client = engine.client
        accord = await engine.open(small())
        await engine.found(accord, Definition.model_validate(small()).digest())
        said = await engine.act(accord, "aa.contact", "record_statement", digest=digest("x"), words=SECRET)
        refused = await engine.failure(accord, "bb.contact", "confirm_visit")
        assert (refused.type, refused.message[:9]) == ("Refused", "✗ REFUSED")
        await engine.handle(accord).signal("unheard_of", SECRET)
        await engine.act(accord, "aa.contact", "record_statement", digest=digest("y"))

        # In the histories.
        [history] = await _histories(client, accord)
        assert _in_plain(history) == []
        raw = b"".join(event.SerializeToString() for event in history.events)
        title = small()["title"].encode()
        for text in (SECRET.encode(), title, "✗ REFUSED".encode()):
            assert text not in raw
        assert ENCODED.encode() in raw
        assert accord.encode() in raw
        # Whoever has the keys reads all of it.
        assert any("REFUSED" in line for line in await engine.handle(accord).query("minutes"))
        codec = client.data_converter.payload_codec
        await Replayer(workflows=[AccordWorkflow], plugins=[EntentePlugin(codec)]).replay_workflow(history)

        # By the Temporal command line: in plain for an operator, by the codec server.
        with pytest.raises(Malformed, match="codec server"):
            parse((await _shown(engine.settings, accord)).encode())
        async with codec_server(engine.settings) as url, reading_pool(database_url, min_size=0) as pool:
            operator = await create_key(pool, "ops", "test", "operator")
            see = ("--codec-endpoint", url, "--codec-auth", f"Bearer {operator}")
            seen = parse((await _shown(engine.settings, accord, *see)).encode())
            commands = [update.command for update in seen.updates if update.command is not None]
            assert [each.fields["words"] for each in commands if "words" in each.fields] == [SECRET]

        # In the server's database.
        plain = await connect(read_settings(), target=temporal.address)
        await plain.start_workflow("Nobody", IN_PLAIN, id="in-plain", task_queue="nobody-polls")
        assert IN_PLAIN.encode() in _database(temporal.state)
        assert accord.encode() in _database(temporal.state)
        for text in (SECRET.encode(), title):
            assert text not in _database(temporal.state)

        # Erased: the run goes on, what it was is gone, and no key that is left reads a copy of it.
        monkeypatch.setattr("activities.ledger.payload_keys.FRESH", 0.1)
        monkeypatch.setattr(erasing_module, "FRESH", 0.1)
        monkeypatch.setattr(erasing_module, "MARGIN", 0.1)
        async with erasing(engine.settings, accord) as work:
            await work.prepare()
            fields = {"positions": [said.position], "ground": "Article 17", "ordered_by": "Court"}
            await engine.act(accord, INSTALLATION, "erase_particulars", **fields)
            erased = await work.finish()
            assert (erased.positions, erased.keys, erased.finished) == ((said.position,), 1, True)
            assert erased.runs == 1
            assert not (await work.finish()).positions
        for _ in range(50):
            if len(await _histories(client, accord)) == 1:
                break
            await asyncio.sleep(0.1)
        [after] = await _histories(client, accord)
        assert after.run_id != history.run_id
        assert _in_plain(after) == []
        await engine.persist(engine.command(accord, "aa.contact", "record_statement", digest=digest("z")))
    async with own_codec(engine.settings) as fresh:
        replayer = Replayer(workflows=[AccordWorkflow], plugins=[EntentePlugin(fresh)])
        await replayer.replay_workflow(after)
        with pytest.raises(RuntimeError, match="Undecryptable"):
            await replayer.replay_workflow(history)


async def test_the_codec_server_asks_who_asks(
    database_url: str, temporal_address: str, tmp_path: Path
) -> None:
    InstallationKey.create(tmp_path / "payload-key")
    settings = read_settings(
        database_url=database_url,
        payload_key_file=tmp_path / "payload-key",
        codec_origins=("https://temporal.example",),
    )
    async with (
        reading_pool(database_url, min_size=0) as pool,
        serving_codec(settings) as app,
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://codec.example") as http,
    ):
        operator = await create_key(pool, "ops", "test", "operator")
        delegate = await create_key(pool, "aa.contact", "test")
        body = {"payloads": [{"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "Ingi"}]}
        by = {"authorization": f"Bearer {operator}"}
        encoded = (await http.post("/encode", json=body, headers=by)).json()
        assert encoded["payloads"][0]["metadata"]["encoding"] == "YmluYXJ5L2VuY3J5cHRlZA=="
        assert (await http.post("/decode", json=encoded, headers=by)).json() == body

        for headers, status in (
            ({}, 401),
            ({"authorization": "Bearer ent_no"}, 401),
            (
                {
                    "authorization": f"Bearer {operator[:20]}{'b' if operator[20] == 'a' else 'a'}{operator[21:]}"
                },
                401,
            ),
            ({"authorization": f"Bearer {delegate}"}, 403),
            ({"cookie": "entente_codec=bm90aGluZw=="}, 401),
        ):
            assert (await http.post("/decode", json=encoded, headers=headers)).status_code == status, headers
        for content in (b"", b"[]", b'{"payloads": 1}', b"[" * 100_000):
            assert (await http.post("/decode", content=content, headers=by)).status_code == 400
        altered = {"payloads": [{**encoded["payloads"][0], "data": "AAAA" * 20}]}
        [told] = (await http.post("/decode", json=altered, headers=by)).json()["payloads"]
        assert told["metadata"]["encoding"] == "anNvbi9wbGFpbg=="

        ask = {
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,x-namespace",
        }
        allowed = await http.options("/decode", headers={"origin": "https://temporal.example", **ask})
        assert allowed.headers["access-control-allow-origin"] == "https://temporal.example"
        assert allowed.headers["access-control-allow-credentials"] == "true"
        other = await http.options("/decode", headers={"origin": "https://elsewhere.example", **ask})
        assert "access-control-allow-origin" not in other.headers

        assert (await http.post("/login", data={"key": delegate})).status_code == 403
        entered = await http.post("/login", data={"key": operator})
        assert entered.status_code == 303
        assert {"HttpOnly", "Secure", "SameSite=strict"} <= set(entered.headers["set-cookie"].split("; "))
        assert operator not in entered.headers["set-cookie"]
        assert (await http.post("/decode", json=encoded)).json() == body


async def test_a_codec_server_whose_login_may_not_look_up_keys_says_so(
    database_url: str, tmp_path: Path
) -> None:
    InstallationKey.create(tmp_path / "payload-key")
    await make_logins(database_url, "secret")
    parts = urlsplit(database_url)
    login = f"{role_of('worker')}:{password_of('worker', 'secret')}@{parts.netloc.rpartition('@')[2]}"
    settings = read_settings(
        database_url=urlunsplit(parts._replace(netloc=login)), payload_key_file=tmp_path / "payload-key"
    )
    async with (
        reading_pool(database_url, min_size=0) as pool,
        serving_codec(settings) as app,
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://codec.example") as http,
    ):
        key = await create_key(pool, "ops", "test", "operator")
        for answer in (
            await http.post("/login", data={"key": key}),
            await http.post("/decode", json={"payloads": []}, headers={"authorization": f"Bearer {key}"}),
        ):
            assert answer.status_code == 503, answer.text
            assert "may not look up keys" in answer.text
            assert "role entente_api" in answer.text
