"""The page that judges bundles: one file without a network, and of the same mind as the verifiers.

In every run its script judges some bundles under Node. By name (-m slow) the page itself is opened
from disk in Chromium, and judges the whole gallery of attacks, the hostile files, and a thousand mutated bundles.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright._impl._driver import compute_driver_executable

from activities.bundle.format import format_text
from activities.tlog.note import parse as parse_note
from activities.verifier.verify import Trust
from api.pages.verifying import script, whole
from tests.activities.timestamps.authority import known_authority
from tests.activities.verifier.agreement import KEEP, agreed, brought
from tests.activities.verifier.record import Record, negotiated, on_lines, rewritten
from tests.activities.verifier.test_timestamps import Stream
from tests.api.pages.browser import Browser
from tests.api.pages.chromium import chromium

ROOT = Path(__file__).parents[3]
HOSTILE = ROOT / "tests/activities/verifier/hostile"

JUDGED = """async ([data, given]) => {
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const brought = {
    policy: given.policy === null ? null : bytes(given.policy),
    commandKeys: given.commandKeys, kept: given.kept.map(bytes),
  };
  try {
    const { findings } = await verifyBundle(bytes(data), brought);
    return Object.fromEntries(findings.map(({ question, status }) => [question, status]));
  } catch (error) {
    if (error instanceof NoBundle) return null;
    throw error;
  }
}"""


def test_it_is_one_file_that_reaches_for_nothing() -> None:
    text, policy = whole()
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for kind in ("script", "style"):
        [inside] = re.findall(rf"<{kind}>(.*?)</{kind}>", text, re.DOTALL)
        hashed = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{hashed}'" in policy
    assert not re.search(r"\b(src|href|action)=|https?:|@import|url\(", text)
    assert not re.search(
        r"\b(fetch|XMLHttpRequest|WebSocket|EventSource|sendBeacon|import)\s*\(|\beval\b|innerHTML", script()
    )
    assert hashlib.sha256(format_text()).hexdigest() in text


async def test_it_is_served_with_its_own_policy(browser: Browser) -> None:
    answer = await browser.get("/verify")
    assert answer.status_code == 200
    assert answer.text == whole("en")[0]
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; script-src 'sha256-")
    kept = await browser.get("/verify?download=true")
    assert "attachment" in kept.headers["content-disposition"]
    assert kept.text == whole()[0]


def _hostile(folder: Path) -> None:
    """The hostile files, with what is to be said of them: nothing."""
    nothing = {"policy": None, "commandKeys": [], "kept": [], "said": None}
    for file in HOSTILE.glob("*.bundle"):
        shutil.copy(file, folder / file.name)
        (folder / file.name).with_suffix(".json").write_text(json.dumps(nothing))


def _flipped(path: Path, chance: random.Random) -> None:
    """Change one byte of a member, or leave out its last line."""

    def change(content: bytes) -> bytes:
        changed = bytearray(content)
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        return bytes(changed)

    name = chance.choice(["commands.jsonl", "payloads/000.jsonl", "checkpoints.jsonl"])
    rewritten(path, {name: change if chance.random() < 0.5 else on_lines(lambda lines: lines[:-1])})


async def test_its_script_agrees_with_the_verifiers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Playwright, which is among the development packages, brings a Node of its own.
    node, _ = compute_driver_executable()
    kept = tmp_path / "kept"
    kept.mkdir()
    monkeypatch.setenv(KEEP, str(kept))
    record: Record = await negotiated()
    path = await record.export(tmp_path / "b")
    whole_bundle = path.read_bytes()
    trusts: list[Trust | None] = [
        record.trust(),
        None,
        record.trust(policy=None),
        record.trust(command_keys=()),
    ]
    for trust in trusts:
        agreed(path, trust)
    text = parse_note(record.notes[max(record.notes)]).text.encode()
    token = known_authority().token(text, datetime(2030, 6, 1, tzinfo=UTC))
    agreed(
        await record.export(tmp_path / "t", timestamps=Stream([(max(record.notes), token)])), record.trust()
    )
    chance = random.Random(5)
    for _ in range(12):
        path.write_bytes(whole_bundle)
        _flipped(path, chance)
        try:
            agreed(path, record.trust())
        except Exception as error:
            assert type(error).__name__ == "Malformed"  # noqa: PT017
    _hostile(kept)
    program = tmp_path / "verify.js"
    program.write_text(script())
    third = Path(__file__).with_name("third.mjs")
    answer = subprocess.run([node, third, program, kept], capture_output=True, text=True, timeout=100)
    assert answer.returncode == 0, answer.stderr
    said: dict[str, Any] = json.loads(answer.stdout)
    wanted = {
        one.name: json.loads(one.with_suffix(".json").read_text())["said"] for one in kept.glob("*.bundle")
    }
    assert said == wanted
    assert len(said) > 40
    assert sum("timestamps" in (one or {}) for one in said.values()) == 1


@pytest.mark.slow
@pytest.mark.timeout(2400)
async def test_the_page_agrees_on_the_gallery_and_a_thousand_mutations(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    _hostile(kept)
    named = ["tests/activities/verifier/attacks", "tests/activities/verifier/test_verifier.py"]
    mutated = "tests/activities/verifier/test_second.py::test_they_agree_on_two_thousand_mutated_bundles"
    for chosen in (["-m", "not slow", *named], ["-m", "slow", mutated]):
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen],
            cwd=ROOT,
            env={**os.environ, KEEP: str(kept)},
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, ran.stdout[-3000:]
    file = tmp_path / "entente-verify.html"
    file.write_text(whole()[0])
    files = sorted(kept.glob("*.bundle"))
    assert len(files) > 1000
    async with chromium() as browser:
        page = await (await browser.new_context(offline=True)).new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        await page.goto(file.as_uri())
        for one in files:
            given = json.loads(one.with_suffix(".json").read_text())
            data = base64.b64encode(one.read_bytes()).decode()
            said = await page.evaluate(JUDGED, [data, given])
            # Nobody brings the page an authority's certificate: it says so, whatever the tokens are worth.
            assert (said or {}).pop("timestamps", "unchecked") == "unchecked", one.name
            (given["said"] or {}).pop("timestamps", None)
            assert said == given["said"], one.name
        assert not problems


@pytest.mark.slow
async def test_it_is_used_from_disk_with_no_network(tmp_path: Path) -> None:
    record = await negotiated()
    path = await record.export(tmp_path / "record.bundle")
    file = tmp_path / "entente-verify.html"
    file.write_text(whole()[0])
    known = brought(record.trust())
    (tmp_path / "policy").write_bytes(known.policy or b"")
    async with chromium() as browser:
        page = await (await browser.new_context(offline=True)).new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(file.as_uri())
        await page.set_input_files("#bundle", path)
        await page.wait_for_selector("#answer h2.unproven")
        assert "does not run them again" in await page.inner_text("#answer")
        await page.set_input_files("#policy", tmp_path / "policy")
        await page.fill("#command-keys", "\n".join(known.command_keys))
        await page.locator("#command-keys").blur()
        await page.wait_for_selector("#answer h2.holds")
        await page.set_input_files("#bundle", file)
        await page.wait_for_selector("#answer h2.fails")
        assert "This is no bundle" in await page.inner_text("#answer")
        assert asked == [file.as_uri()]
