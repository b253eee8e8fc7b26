"""How people name what they mean: by the beginnings of ids and digests, and by a file that says the rest."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest_asyncio

from activities.ledger.postgres import PostgresLedger
from activities.runtime.settings import Settings
from tests.api.conftest import Api, on_a_socket
from tests.api.filling import Filler
from tests.simulation.small import digest, small
from tests.worker.cli.conftest import Done, entente


@dataclass
class Reached:
    url: str
    keys: Path
    filler: Filler

    async def run(self, *words: str, **environment: str) -> Done:
        return await entente(
            *words,
            ENTENTE_SERVER=self.url,
            ENTENTE_KEY_FILE=str(self.keys),
            ENTENTE_AS="aa.contact",
            **environment,
        )


@pytest_asyncio.fixture(loop_scope="session")
async def reached(
    database_url: str, nowhere: str, make_settings: Callable[..., Settings], tmp_path: Path
) -> AsyncIterator[Reached]:
    settings = make_settings(database_url, nowhere, api_port=0)
    async with PostgresLedger.connect(database_url) as ledger, on_a_socket(settings) as (app, port):
        api = Api(app, settings)
        async with api.http:
            keys = {one: await api.token(one) for one in ("aa.contact", "bb.contact")}
        (tmp_path / "keys.json").write_text(json.dumps(keys))
        yield Reached(f"http://127.0.0.1:{port}", tmp_path / "keys.json", Filler(ledger))


async def test_beginnings_of_ids_and_digests(reached: Reached) -> None:
    filler = reached.filler
    for accord in ("visit-north-aaaa", "visit-north-abbb", "visit-north", "other-cccc"):
        await filler.found(accord, small())
    named = [digest(str(number)) for number in range(20)]
    for one in named:
        await filler.do("other-cccc", "record_statement", "aa.contact", digest=one)
        await filler.do(
            "other-cccc",
            "submit_evidence",
            "aa.contact",
            condition="C1",
            digest=one,
            grade="documented",
            source="R",
        )
    begins = named[0][:15]
    preview = ("preview", "oth", "verify-condition", "--condition", "C1", "--json", "--evidence")
    whole, several, exact, unknown, one_digest, no_digest, short = await asyncio.gather(
        reached.run("show", "oth", "--json"),
        reached.run("show", "visit-n"),
        reached.run("show", "visit-north", "--json"),
        reached.run("show", "nothing-begins-so"),
        reached.run(*preview, begins),
        reached.run(*preview, "sha256:0000000000"),
        reached.run("file", "get", begins),
    )
    assert (whole.code, whole.json["accord"]) == (0, "other-cccc"), whole.err
    assert several.code == 2
    for candidate in ("visit-north-aaaa", "visit-north-abbb"):
        assert several.err.count(candidate) == 1
    assert "other-cccc" not in several.err
    # An id is that accord's, though others begin with it.
    assert exact.json["accord"] == "visit-north"
    assert (unknown.code, "no accord 'nothing-begins-so'" in unknown.err) == (1, True)
    assert one_digest.code == 5
    assert "no digest" not in one_digest.err.lower(), one_digest.err
    assert (no_digest.code, "No digest that other-cccc names begins with" in no_digest.err) == (2, True)
    assert (short.code, "--accord" in short.err) == (2, True)


async def test_options_are_stronger_than_the_environment_and_that_than_the_file(
    reached: Reached, tmp_path: Path
) -> None:
    file = tmp_path / "conf" / "config.toml"
    file.parent.mkdir()
    (file.parent / "keys.json").write_bytes(reached.keys.read_bytes())
    file.write_text(f'server = "{reached.url}"\nkey_file = "keys.json"\nas = "bb.contact"\n')
    config = {"ENTENTE_CONFIG": str(file)}
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('sever = "x"\n')
    secret = tmp_path / "secret.toml"
    secret.write_text('key = "ent_a_b"\n')
    by_file, by_variable, by_option, told, odd, unsafe, missing = await asyncio.gather(
        entente("me", "show", "--json", **config),
        entente("me", "show", "--json", **config, ENTENTE_AS="aa.contact"),
        entente("me", "show", "--json", "--as", "aa.contact", **config, ENTENTE_AS="bb.contact"),
        entente("config", "--json", **config, ENTENTE_SERVER="http://elsewhere.test"),
        entente("ls", ENTENTE_CONFIG=str(wrong)),
        entente("ls", ENTENTE_CONFIG=str(secret)),
        entente("ls", ENTENTE_CONFIG=str(tmp_path / "none.toml")),
    )
    assert by_file.code == 0, by_file.err
    assert [one.json["delegate"] for one in (by_file, by_variable, by_option)] == [
        "bb.contact",
        "aa.contact",
        "aa.contact",
    ]
    settings = told.json["settings"]
    assert settings["server"] == {"value": "http://elsewhere.test", "by": "ENTENTE_SERVER"}
    assert settings["as"] == {"value": "bb.contact", "by": str(file)}
    assert settings["signer"] == {"value": None, "by": None}
    assert (odd.code, "Did you mean server?" in odd.err) == (2, True)
    assert (unsafe.code, "ent_a_b" not in unsafe.err, "key_file" in unsafe.err) == (2, True, True)
    assert (missing.code, "There is no file" in missing.err) == (2, True)


async def test_the_shell_completes_commands_acts_and_accords(reached: Reached) -> None:
    await reached.filler.found("visit-south-dddd", small())

    def completed(words: str, **environment: str) -> list[str]:
        done = subprocess.run(
            [str(Path(sys.executable).with_name("entente"))],
            env={
                **os.environ,
                "_ENTENTE_COMPLETE": "complete_bash",
                "COMP_WORDS": words,
                "COMP_CWORD": str(len(words.split(" ")) - 1),
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.stdout.split()

    there = {
        "ENTENTE_SERVER": reached.url,
        "ENTENTE_KEY_FILE": str(reached.keys),
        "ENTENTE_AS": "aa.contact",
    }
    accords, acts, away = await asyncio.gather(
        asyncio.to_thread(completed, "entente show visit-so", **there),
        asyncio.to_thread(completed, "entente verify"),
        asyncio.to_thread(completed, "entente show visit-so", ENTENTE_SERVER="http://127.0.0.1:9"),
    )
    assert accords == ["visit-south-dddd"]
    assert {"verify", "verify-condition"} <= set(acts)
    assert away == []
