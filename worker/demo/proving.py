"""The end of a demonstration: the record is taken away into a file, and verified there without the server."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import httpx

from activities.tlog.policy import parse
from activities.verifier.findings import Report
from activities.verifier.verify import Trust, verify_bundle
from worker.demo.over_http import ApiProblem

BUNDLES = "demo-bundles"
"""In the state directory: where the records of demonstrations are put."""


@dataclass(frozen=True, slots=True)
class Proven:
    """A record in files, and what its verification found.

    ``command_keys`` and ``policy`` (a file) are the keys as the server publishes them, to be compared with those that
    the other parties were told.
    """

    bundle: Path
    policy: Path
    command_keys: tuple[str, ...]
    report: Report

    @property
    def holds(self) -> bool:
        """Whether all holds that can be proved without witnesses: a demonstration asks none to cosign."""
        return all(
            finding.status == ("unproven" if finding.question == "quorum" else "holds")
            for finding in self.report.findings.values()
            if finding.status != "unchecked"
        )


async def prove(api_url: str, accord: str, token: str, state: Path) -> Proven:
    """Export the record of ``accord`` as the auditor of ``token`` sees it, below ``state``, and verify the file.

    Raises:
        ApiProblem: the API does not give the record or the keys.
        Malformed: what it gives is no record.
        OSError: the files cannot be written.
    """
    folder = state / BUNDLES
    folder.mkdir(mode=0o700, exist_ok=True)
    async with httpx.AsyncClient(base_url=api_url, timeout=60.0, trust_env=False) as client:
        record = await _get(client, f"/v1/accords/{accord}/bundle", token)
        keys = (await _get(client, f"/v1/keys?accord={accord}", token)).json()
    bundle, policy = folder / f"{accord}.bundle", folder / f"{accord}.policy"
    _write(bundle, record.content)
    text = "".join(f"log {line}\n" for line in keys["log_keys"]) + "quorum none\n"
    _write(policy, text.encode())
    commands = tuple(one["public_key"] for one in keys["command_keys"])
    report = verify_bundle(bundle, Trust(parse(text.encode()), commands))
    return Proven(bundle, policy, commands, report)


async def _get(client: httpx.AsyncClient, path: str, token: str) -> httpx.Response:
    answer = await client.get(path, headers={"Authorization": f"Bearer {token}"})
    if answer.status_code != 200:
        raise ApiProblem(
            f"{path} was answered with {answer.status_code}: {answer.text[:200]}", "Look at the API's log."
        )
    return answer


def _write(file: Path, content: bytes) -> None:
    """Whole or not at all, and for its owner alone: a record holds names."""
    part = file.with_suffix(file.suffix + ".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as opened:
        opened.write(content)
    part.replace(file)
