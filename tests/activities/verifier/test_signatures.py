"""Signatures verified in other processes, and acts judged the quick way: findings are as the slow way's here."""

from __future__ import annotations

import json
import os
import random
import signal
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from activities.bundle.format import Bundle
from activities.errors import Malformed
from activities.verifier import signatures
from activities.verifier.acts import SignedActs
from activities.verifier.findings import Report
from activities.verifier.verify import verify_bundle
from tests.activities.verifier.attacks.test_own_signatures import Signing
from tests.activities.verifier.attacks.test_own_signatures import record as signing_record
from tests.activities.verifier.record import Record, negotiated, on_lines, rewritten

signing = signing_record


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def record() -> Record:
    return await negotiated()


@pytest.fixture
def pool() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


def _nothing(*_given: object) -> None:
    return None


def _outcome(path: Path, record: Record, executor: Executor | None = None) -> dict[str, Any] | str:
    try:
        return verify_bundle(path, record.trust(), executor=executor).as_json()
    except Malformed as error:
        return str(error)


def _otherwise(value: Any, chance: random.Random) -> Any:
    """``value`` with one thing in it changed."""
    if isinstance(value, dict) and value:
        name = chance.choice(sorted(value))
        if chance.random() < 0.1:
            return {key: each for key, each in value.items() if key != name}
        return {**value, name: _otherwise(value[name], chance)}
    if isinstance(value, list) and value:
        at = chance.randrange(len(value))
        return [*value[:at], _otherwise(value[at], chance), *value[at + 1 :]]
    if isinstance(value, str) and value.startswith("{"):
        changed = _otherwise(json.loads(value), chance)
        if chance.random() < 0.9:
            return json.dumps(changed, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return json.dumps(changed)
    if isinstance(value, str) and value:
        at = chance.randrange(len(value))
        return value[:at] + chance.choice('a0=/é"\\ ') + value[at + 1 :]
    return chance.choice([None, True, False, 0, 1, -1, 2**60, "", "x", [], {}, {"a": 1}])


async def test_damage_gives_the_same_findings_every_way(
    record: Record, signing: Signing, tmp_path: Path, pool: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signatures, "BATCH", 3)
    monkeypatch.setattr(signatures, "BATCHES", 2)
    await signing.sign()
    chance = random.Random(11)
    codes: set[int | str] = set()
    for trial in range(160):
        which = (record, signing)[trial % 2]
        path = await which.export(tmp_path / "b")
        member = chance.choice(["commands.jsonl", "commands.jsonl", "payloads/000.jsonl"])

        def change(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
            at = chance.randrange(len(lines))
            return [*lines[:at], _otherwise(lines[at], chance), *lines[at + 1 :]]

        rewritten(path, {member: on_lines(change)})
        here = _outcome(path, which)
        assert _outcome(path, which, pool) == here
        with monkeypatch.context() as patched:
            patched.setattr(SignedActs, "signed", _nothing)
            slowly = _outcome(path, which)
        assert slowly == here
        codes.add("malformed" if isinstance(here, str) else _code(here))
    assert codes >= {"malformed", "record", "acts", "completeness"}


def _code(report: dict[str, Any]) -> str:
    return next((each["question"] for each in report["findings"] if each["status"] == "fails"), "")


async def test_an_honest_record_takes_the_quick_way(
    record: Record, signing: Signing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the quick way could be lost without anybody noticing: all would hold, at twice the cost."""
    slow: list[str] = []
    thorough = SignedActs._problem

    def noted(self: SignedActs, group: Any, *given: Any) -> str | None:
        slow.append(group.act_entry.act["name"])
        return thorough(self, group, *given)

    monkeypatch.setattr(SignedActs, "_problem", noted)
    for which in (record, signing):
        await which.sign()
        report = await which.verified(tmp_path / "b")
        assert report.exit_code(strict=True) == 0
    assert not slow


async def test_a_process_that_is_killed_changes_no_finding(record: Record, tmp_path: Path) -> None:
    path = await record.export(tmp_path / "b")
    whole = verify_bundle(path, record.trust())
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        assert verify_bundle(path, record.trust(), executor=executor).as_json() == whole.as_json()
        os.kill(executor.submit(os.getpid).result(), signal.SIGKILL)
        assert verify_bundle(path, record.trust(), executor=executor).as_json() == whole.as_json()


async def test_batches_under_way_are_bounded(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signatures, "BATCH", 1)
    monkeypatch.setattr(signatures, "BATCHES", 2)
    path = await record.export(tmp_path / "b")
    most = 0

    class Counting(ThreadPoolExecutor):
        under_way = 0

        def submit(self, *given: Any, **named: Any) -> Any:
            nonlocal most
            future = super().submit(*given, **named)
            result = future.result

            def taken(*wait: Any) -> Any:
                self.under_way -= 1
                return result(*wait)

            future.result = taken  # type: ignore[method-assign]
            self.under_way += 1
            most = max(most, self.under_way)
            return future

    with Counting(1) as executor:
        report: Report = verify_bundle(path, record.trust(), executor=executor)
    assert report.exit_code(strict=True) == 0
    with Bundle(path) as bundle:
        assert len(list(bundle.commands())) > 5
    assert most == 3
