"""What the API hands out for checking a record: all of it verifies by what `entente verify` is made of."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from temporalio.client import Client

from activities.checkpoints.checkpoints import Checkpoints
from activities.checkpoints.logkeys import LogKeys, guard_directory
from activities.checkpoints.rollback import Guard
from activities.checkpoints.timestamps import TimestampStore
from activities.ledger.postgres import PostgresLedger
from activities.runtime.settings import Settings
from activities.tlog import proofs
from activities.tlog.checkpoint import open_checkpoint
from activities.tlog.cosignature import CosignatureSigner
from activities.tlog.merkle import leaf_hash
from activities.tlog.note import parse as parse_note
from activities.tlog.note import signature_of
from activities.tlog.policy import parse as parse_policy
from activities.tlog.tiles import decode_entries, parse_path
from activities.verifier.verify import Trust, verify_bundle
from tests.activities.papers.test_papers import text_of as text_of_paper
from tests.activities.timestamps.authority import known_authority
from tests.api.conftest import Api, problem, serving
from tests.api.filling import Filler
from tests.api.pages.browser import Browser, text_of
from tests.simulation.small import small
from worker.main import accord_worker
from workflows.model.definition import Definition


@pytest.fixture
def log_key(tmp_path: Path) -> Path:
    LogKeys.create(tmp_path / "log.key", "entente.test")
    return tmp_path / "log.key"


@pytest_asyncio.fixture(loop_scope="session")
async def signing_api(
    database_url: str,
    temporal_address: str,
    temporal_client: Client,
    make_settings: Callable[..., Settings],
    log_key: Path,
) -> AsyncIterator[Api]:
    """The API with a worker behind it, and a key to sign checkpoints with."""
    settings = make_settings(database_url, temporal_address, log_key_file=log_key, log_origin="entente.test")
    async with accord_worker(settings, temporal_client) as worker, worker, serving(settings) as api:
        yield api


async def test_a_reader_checks_everything_that_was_handed_out(signing_api: Api, tmp_path: Path) -> None:
    api = signing_api
    accord = await api.opened(small())
    digest = Definition.model_validate(small()).digest()
    for party in ("aa", "bb"):
        await api.done(accord, "adopt_definition", f"{party}.contact", digest=digest)
    receipt = await api.done(
        accord, "appoint_delegate", "bb.contact",
        delegate="bb.eyes", office="Observer", roles=["observer"], person="A person's name",
    )  # fmt: skip

    policy = parse_policy((await api.get(f"/accords/{accord}/policy")).content)
    assert policy.logs[0].name == f"entente.test/accords/{accord}"
    size = receipt["size"]
    entries = await api.get(f"/accords/{accord}/tile/entries/000.p/{size}")
    contents = decode_entries(parse_path(f"tile/entries/000.p/{size}"), entries.content)
    leaves = await api.get(f"/accords/{accord}/tile/0/000.p/{size}")
    assert leaves.content == b"".join(map(leaf_hash, contents))
    for position, content in enumerate(contents):
        answer = await api.get(f"/accords/{accord}/proof/{position}", "bb.contact")
        proof = proofs.parse(answer.content)
        proof.verify(leaf_hash(content), lambda note: open_checkpoint(note, policy.logs))
        assert (await api.get(f"/accords/{accord}/proof/{position}")).content == answer.content
    final = await api.get(f"/accords/{accord}/proof/0", "aa.contact", params={"final": "true"})
    assert "no policy" in problem(final, 404, "not_found")["detail"]
    note = (await api.get(f"/accords/{accord}/checkpoint")).content
    checkpoint = open_checkpoint(note, policy.logs).checkpoint
    assert (checkpoint.size, checkpoint.root.hex()) == (size, receipt["root"])

    # An authority stamps it; what it said is told, and is in the bundle.
    assert (await api.get(f"/accords/{accord}/timestamps")).json() == {"accord": accord, "items": []}
    token = known_authority().token(parse_note(note).text.encode())
    async with asyncpg.create_pool(api.settings.database_dsn(), min_size=1, max_size=1) as pool:
        await TimestampStore(pool).keep(accord, size, "https://tsa.test", token)
    [told] = (await api.get(f"/accords/{accord}/timestamps", "bb.eyes")).json()["items"]
    assert (told["size"], told["authority"], told["by"]) == (size, "https://tsa.test", "CN=Illustrative TSA")
    assert base64.b64decode(told["token"]) == token
    problem(await api.get(f"/accords/{accord}/timestamps", "zz.stranger"), 404, "not_found")
    certificate = (await api.get(f"/accords/{accord}/papers/certificate")).content
    read = " ".join(text_of_paper(certificate))
    assert "CN=Illustrative TSA" in read
    assert f"entries up to no. {size - 1} existed before" in read
    told = (await api.get(f"/accords/{accord}/finality", "bb.eyes")).json()
    assert (told["size"], told["witnesses_named"], told["final"]) == (size, False, None)
    assert [(one["size"], one["by"]) for one in told["times"]] == [(size, "CN=Illustrative TSA")]
    problem(await api.get(f"/accords/{accord}/finality", "zz.stranger"), 404, "not_found")

    trust = Trust(policy, api.settings.command_public_keys, authorities=(known_authority().root,))
    file = tmp_path / "bundle"
    fails: dict[str, set[str]] = {}
    for reader in ("auditor", "aa.contact", "bb.eyes"):
        answer = await api.get(f"/accords/{accord}/bundle", reader)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/zip"
        file.write_bytes(answer.content)
        report = verify_bundle(file, trust)
        # No witness is named, so that nobody but the log vouches for it.
        assert (report.exit_code(), report["quorum"].status) == (20, "unproven")
        assert report["timestamps"].checked == 1
        assert [one.last + 1 for one in report.outside] == [size]
        fails[reader] = {each.question for each in report.findings.values() if each.status == "withheld"}
        assert {each.status for each in report.findings.values()} <= {"holds", "unproven", "withheld"}
    assert fails == {
        "auditor": set(),
        "aa.contact": {"acts"},
        # Whether the clock is real stands in the facts.
        "bb.eyes": {"acts", "completeness", "fold", "timestamps"},
    }
    problem(await api.get(f"/accords/{accord}/tile/entries/000.p/{size}", "bb.eyes"), 403, "forbidden")
    problem(await api.get(f"/accords/{accord}/bundle", "zz.stranger"), 404, "not_found")
    for nothing in ("proof/99", "tile/0/000", "tile/9", "tile/../../etc/passwd"):
        problem(await api.get(f"/accords/{accord}/{nothing}"), 404, "not_found")


async def test_how_much_is_final_is_told_with_who_cosigned_it(
    filler: Filler, database_url: str, nowhere: str, make_settings: Callable[..., Settings], log_key: Path
) -> None:
    await filler.found("a", small())
    witness = CosignatureSigner("w.test/1", Ed25519PrivateKey.generate(), lambda: 1_900_000_000)
    settings = make_settings(database_url, nowhere, log_key_file=log_key, log_origin="entente.test")
    async with (
        serving(settings) as api,
        asyncpg.create_pool(database_url, min_size=1, max_size=2) as pool,
    ):
        keys = LogKeys.load(log_key, "entente.test")
        checkpoints = Checkpoints(PostgresLedger(pool), pool, keys, Guard(guard_directory(log_key)))
        lines = f"log {keys.verifiers('a')[0].encoded()}\nwitness W {witness.verifier.encoded()}\nquorum W\n"
        await checkpoints.set_policy("a", lines.encode())
        told = (await api.get("/accords/a/finality")).json()
        assert (told["witnesses_named"], told["final"], told["times"]) == (True, None, [])
        kept = await checkpoints.sign("a")
        size = kept.checkpoint.size
        await checkpoints.add_cosignatures("a", size, [signature_of(kept.note.text, witness)])
        await filler.invite("a")
        told = (await api.get("/accords/a/finality")).json()
        assert told["size"] > size
        assert told["final"] == {
            "size": size,
            "root": kept.checkpoint.root.hex(),
            "witnesses": [{"name": "w.test/1", "time": "2030-03-17T17:46:40Z"}],
        }
        browser = Browser(api)
        async with browser.http:
            await browser.sign_in("aa.contact")
            for path in ("", "/minutes", "/record"):
                page = text_of(await browser.page(f"/accords/a{path}"))
                assert f"The first {size} entries are final" in page, path
                assert "w.test/1" in page
                assert "17 Mar 2030, 17:46 UTC" in page
                assert "No authority outside has stamped" in page
            assert "are final" not in await browser.page("/accords/a?as_of=1")


async def test_without_a_key_or_on_an_old_database_nothing_is_signed(
    database_url: str, nowhere: str, make_settings: Callable[..., Settings], log_key: Path, filler: Filler
) -> None:
    await filler.do("a", "open_accord", "aa.contact", definition=small())
    async with serving(make_settings(database_url, nowhere)) as api:
        told = (await api.get("/accords/a/finality")).json()
        assert (told["signed"], told["final"]) == (False, None)
        assert (
            "ENTENTE_LOG_KEY_FILE"
            in problem(await api.get("/accords/a/checkpoint"), 503, "unavailable")["detail"]
        )
    async with serving(make_settings(database_url, nowhere, log_key_file=log_key)) as api:
        assert (await api.get("/accords/a/checkpoint")).status_code == 200
        for seen in guard_directory(log_key).iterdir():
            if not seen.suffix:
                seen.write_text(seen.read_text().replace("\n1\n", "\n8\n"))
        said = problem(await api.get("/accords/a/checkpoint"), 503, "unavailable")
        assert "does not extend what was signed before" in said["detail"]
        problem(await api.get("/accords/a/bundle"), 503, "unavailable")
