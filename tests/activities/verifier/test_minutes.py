"""``entente read``: the minutes of a bundle, each act with what was proved about it, and by which key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from typer.testing import CliRunner

from activities.identity.own_signatures import public_key_of
from activities.verifier.minutes import Minute
from activities.verifier.verify import verify_bundle
from tests.activities.verifier.attacks.operator import forge_signature
from tests.activities.verifier.attacks.test_own_signatures import Signing
from tests.activities.verifier.attacks.test_own_signatures import record as signing_record
from tests.activities.verifier.record import Record, negotiated, on_lines, rewritten
from worker.cli.main import make_app
from workflows.record.keys import key_id

signing = signing_record


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def record() -> Record:
    return await negotiated()


def read(path: Path, record: Record, policy: Path, *arguments: str) -> tuple[int, str]:
    policy.write_bytes(record.policy_text)
    given = ["read", str(path), "--policy", str(policy), "--command-key", record.api.public_key, *arguments]
    result = CliRunner().invoke(make_app(), given)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


async def test_each_act_is_told_with_its_proof(record: Record, tmp_path: Path) -> None:
    path = await record.export(tmp_path / "b")
    code, text = read(path, record, tmp_path / "policy")
    assert code == 0
    assert f"signed under the command key {record.api.key_id}; follows by the rules; final" in text
    assert "aa.contact for AA issues the invitation" in text
    assert "“With the compliments of the host”" in text
    assert text.count("nobody signs for this") == 3
    assert "Nothing is wrong with what is here" in text

    code, told = read(path, record, tmp_path / "policy", "--json")
    found = json.loads(told)
    assert (code, found["exit_code"]) == (0, 0)
    assert [one["position"] for one in found["minutes"]][-1] == 17
    assert {one["signed"] for one in found["minutes"]} == {"signed", "unsigned"}
    assert all(one["by_the_rules"] and one["final"] for one in found["minutes"])


async def test_without_keys_of_ones_own_nothing_is_told_as_proved(record: Record, tmp_path: Path) -> None:
    path = await record.export(tmp_path / "b")
    result = CliRunner().invoke(make_app(), ["read", str(path)])
    assert result.exit_code == 20
    assert "which came with the bundle: unproven" in result.output
    assert "; final" not in result.output
    assert "Nothing is wrong" not in result.output


async def test_a_delegates_own_key_is_named(signing: Signing, tmp_path: Path) -> None:
    path = await signing.export(tmp_path / "b")
    _, text = read(path, signing, tmp_path / "policy")
    own = key_id(public_key_of(signing.key))
    assert text.count(f"signed with the delegate's own key {own}") == 3


async def test_a_forged_act_is_told_as_not_proved(tmp_path: Path) -> None:
    record = await negotiated()
    forge_signature(record, "aa.contact/7", lambda value: value["fields"].update(note="Otherwise"))
    code, text = read(await record.export(tmp_path / "b"), record, tmp_path / "policy")
    assert code == 15
    assert text.count("✗ NOT PROVED: no known key made the signature") == 1


@pytest.mark.parametrize(("audience", "follows"), [("facts", True), ("none", None)])
async def test_what_is_withheld_is_told_so(
    record: Record, tmp_path: Path, audience: str, *, follows: bool | None
) -> None:
    path = await record.export(tmp_path / "b", audience=audience)
    told: list[Minute] = []
    verify_bundle(path, record.trust(), minutes=told.append)
    assert {one.proof.signed for one in told} == {"withheld"}
    assert {one.follows for one in told} == {follows}


async def test_minutes_of_a_hostile_record_steer_no_terminal(tmp_path: Path) -> None:
    """Whatever stands in it, the command prints lines and a verdict."""
    record = await negotiated()

    def steer(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for line in lines:
            if isinstance(line["facts"], dict):
                line["facts"]["content"] = '{"event":"\\u001b[2J"}'
        return lines

    path = rewritten(await record.export(tmp_path / "b"), {"payloads/000.jsonl": on_lines(steer)})
    code, text = read(path, record, tmp_path / "policy")
    assert code == 11
    assert not [each for each in text if not each.isprintable() and each != "\n"]
