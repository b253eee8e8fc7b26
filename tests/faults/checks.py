"""After the faults: whether the record, the read model, the workflows and the clients agree, and nothing is lost."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from pathlib import Path

import asyncpg
from temporalio.service import RPCError

from activities.bundle.export import export_accord
from activities.checkpoints.checkpoints import Checkpoints
from activities.checkpoints.logkeys import LogKeys, guard_directory
from activities.checkpoints.rollback import Guard
from activities.ledger.postgres import PostgresLedger
from activities.tlog.policy import parse
from activities.verifier.verify import Trust, verify_bundle
from tests.faults.clients import Load
from tests.faults.installation import Installation
from tests.faults.order import contradictions
from workflows.messages import Status
from workflows.model.fold import evolve
from workflows.model.rules import stage
from workflows.model.state import Accord
from workflows.model.summary import summarize

SETTLED = 30.0
"""Seconds in which, once nothing is broken any more, signals and deadlines are on the record."""


async def problems(installation: Installation, load: Load) -> list[str]:
    """All that is not as it has to be; none, where all is well. To be called when the clients have stopped."""
    found = [*load.history.wrong, *contradictions(load.history.acts, load.history.reads)]
    connection = await asyncpg.connect(installation.stack.database_url)
    try:
        async with PostgresLedger.connect(installation.stack.database_url) as ledger:
            for accord in load.accords:
                found += await _settle(installation, load, ledger, accord)
            for accord in load.accords:
                found += await _accord(load, ledger, accord)
            found += await _feed(connection)
        async with asyncpg.create_pool(installation.stack.database_url, min_size=1, max_size=2) as pool:
            found += await _bundles(installation, load, pool)
    finally:
        await connection.close()
    return found


async def _status(installation: Installation, accord: str) -> Status:
    handle = installation.temporal.get_workflow_handle(accord)
    return await handle.query("status", result_type=Status)


async def _settle(installation: Installation, load: Load, ledger: PostgresLedger, accord: str) -> list[str]:
    """Wait until the workflow has nothing left to record, and holds what the record and the read model have."""
    said = ""
    for _ in range(int(SETTLED / 0.2)):
        try:
            status = await _status(installation, accord)
        except RPCError as error:
            said = f"the workflow of {accord} does not say where it stands: {error}"
            await asyncio.sleep(0.2)
            continue
        state, summary = await _fold(ledger, accord), await ledger.summary(accord)
        if summary != summarize(state):
            said = f"the read model of {accord} is not the fold of its record: {summary}"
        elif (status.size, status.stage) != (state.size, stage(state)):
            said = (
                f"the workflow of {accord} stands at {status.size} entries, in {status.stage}; "
                f"its record at {state.size}, in {stage(state)}"
            )
        elif status.waiting_signals:
            said = f"{status.waiting_signals} signals to {accord} still wait"
        elif not state.conditions["C1"].overdue:
            said = f"the deadline of {accord} at {load.due[accord]} is not on its record"
        else:
            return []
        await asyncio.sleep(0.2)
    return [said]


async def _fold(ledger: PostgresLedger, accord: str) -> Accord:
    state: Accord | None = None
    for entry in await ledger.entries(accord, 0, 1_000_000):
        state = evolve(state, entry.recorded())
    assert state is not None, accord
    return state


async def _accord(load: Load, ledger: PostgresLedger, accord: str) -> list[str]:
    """Each acknowledged act once, where its receipt says; no gap; every signal; the deadline at its time."""
    found = []
    entries = [entry.entry() for entry in await ledger.entries(accord, 0, 1_000_000)]
    if [entry.position for entry in entries] != list(range(len(entries))):
        found.append(f"the positions of {accord} have a gap")
    places: dict[str, list[int]] = {}
    for entry in entries:
        places.setdefault(entry.command, []).append(entry.position)
    for (of, command), receipt in load.history.receipts.items():
        if of != accord:
            continue
        known = await ledger.outcome(accord, command)
        if known is None:
            found.append(f"{command} was acknowledged, and {accord} has no outcome of it")
        elif known.receipt.model_dump(mode="json") != receipt:
            found.append(f"{command} on {accord} was acknowledged otherwise than it is recorded")
        if places.get(command) != list(range(receipt["first_position"], receipt["position"] + 1)):
            found.append(f"{command} stands at {places.get(command)} on the record of {accord}")
    for (of, command), position in load.history.refused.items():
        if of == accord:
            known = await ledger.outcome(accord, command)
            if known is None or known.receipt.refusal is None or known.receipt.position != position:
                found.append(f"{command} on {accord} was refused, and that is not what is recorded")
    found += await _signals(load, ledger, accord)
    overdue = [entry.time for entry in entries if entry.type == "condition_overdue"]
    if overdue != [load.due[accord]]:
        found.append(f"the deadline of {accord} at {load.due[accord]} is recorded as {overdue}")
    return found


async def _signals(load: Load, ledger: PostgresLedger, accord: str) -> list[str]:
    sent = [command for of, command in load.history.signals if of == accord]
    twice = [command for command, times in Counter(sent).items() if times > 1]
    missing = [command for command in sent if await ledger.outcome(accord, command) is None]
    counted = 0
    for entry in await ledger.entries_of(accord, ["signal_refused"]):
        event = entry.recorded().facts["event"]
        if event["signal"] == "overflow":
            counted += int(event["reason"].split()[0])
    if twice or len(missing) > counted:
        return [
            f"{len(missing)} of {len(sent)} signals to {accord} are lost ({counted} counted): {missing[:3]}"
        ]
    return []


async def _feed(connection: asyncpg.Connection) -> list[str]:
    row = await connection.fetchrow(
        "select count(*) as number, coalesce(min(feed), 1) as first, coalesce(max(feed), 0) as last, "
        "(select position from feed) as counter from entries"
    )
    assert row is not None
    if (row["first"], row["last"], row["counter"]) != (1, row["number"], row["number"]):
        return [f"the feed has a gap: {dict(row)}"]
    return []


async def _bundles(installation: Installation, load: Load, pool: asyncpg.Pool) -> list[str]:
    """Every accord's bundle, as `entente export` writes it and `entente verify` checks it."""
    settings = installation.settings
    assert settings.log_key_file is not None
    keys = LogKeys.load(settings.log_key_file, settings.log_origin)
    ledger = PostgresLedger(pool)
    checkpoints = Checkpoints(ledger, pool, keys, Guard(guard_directory(settings.log_key_file)))
    found = []
    with tempfile.TemporaryDirectory(prefix="entente-bundles-") as directory:
        for accord in load.accords:
            path = Path(directory) / f"{accord}.bundle"
            await export_accord(path, checkpoints, ledger, accord, command_keys=settings.command_public_keys)
            # As a party has it from its own delegate: the log's key, the API's, and that no witness is asked for.
            policy = parse(
                f"log {(await checkpoints.verifiers(accord))[0].encoded()}\nquorum none\n".encode()
            )
            trust = Trust(policy, settings.command_public_keys)
            report = await asyncio.to_thread(verify_bundle, path, trust)
            # No witness runs here, so that the log alone vouches for its record.
            wrong = {
                question: (finding.status, finding.problems[:3], list(finding.gaps)[:3])
                for question, finding in report.findings.items()
                if finding.status != ("unproven" if question == "quorum" else "holds")
            }
            if wrong:
                found.append(f"the bundle of {accord} does not verify: {wrong}")
    return found
