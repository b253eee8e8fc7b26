"""The operator, with every key of the server's, against a party whose delegates sign their acts themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from temporalio.exceptions import ApplicationError

from activities.identity.own_signatures import public_key_of, sign_act
from activities.ledger.parsing import parse
from activities.ledger.store import StoredEntry
from activities.verifier.findings import Report
from activities.verifier.verify import verify_bundle
from tests.activities.verifier.attacks.operator import forge_signature, resign, rewrite, with_facts
from tests.activities.verifier.attacks.test_altered_record import failed
from tests.activities.verifier.record import Record
from tests.simulation.small import bare, digest
from workflows.model.commands import Command
from workflows.model.definition import Definition


class Signing(Record):
    """A record, and the key of AA's contact."""

    key: Ed25519PrivateKey
    said: int

    async def signed(self, act: str, /, **fields: Any) -> int:
        """An act of AA's contact, with its own signature; the position of its entry."""
        command = self.command("aa.contact", act, **fields)
        command = command.model_copy(update={"own": sign_act(self.key, command)})
        return (await self.send(self.api.sign(command))).receipt.first_position


@pytest_asyncio.fixture
async def record() -> Signing:
    record = Signing()
    definition = bare()
    definition["parties"]["AA"]["signed_acts"] = True
    named = Definition.model_validate(definition).digest()
    await record.act("aa.contact", "open_accord", definition=definition)
    for party in ("aa", "bb"):
        await record.act(f"{party}.contact", "adopt_definition", digest=named)
    record.key = Ed25519PrivateKey.generate()
    await record.act("aa.contact", "enrol_key", delegate="aa.contact", public_key=public_key_of(record.key))
    await record.act("aa.contact", "record_statement", digest=digest("unsigned"))
    await record.signed("record_statement", digest=digest("said"))
    record.said = await record.signed("record_statement", digest=digest("said"), words="We may agree")
    await record.signed("record_statement", digest=digest("more"))
    await record.sign()
    return record


async def verified(record: Signing, path: Path) -> Report:
    """The verdict on what the operator made of it, signed anew by the log and by the witnesses too."""
    await resign(record, witnesses=2)
    return verify_bundle(await record.export(path), record.trust())


def changed(record: Signing, position: int, change: Callable[[dict[str, Any]], None]) -> None:
    def one(entries: list[StoredEntry]) -> list[StoredEntry]:
        entries[position] = with_facts(entries[position], change)
        return entries

    rewrite(record, one)


def as_passed_on(record: Signing, position: int, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the command as well, and sign it with the API's key, which the operator has."""
    held = record.ledger._accords[record.accord].entries[position]

    def both(value: dict[str, Any]) -> None:
        change(value)
        signed = record.api.sign(Command.model_validate({**value, "signature": ""}))
        value.update(signed.signed_part(), signature=signed.signature)

    forge_signature(record, parse(held.content).command, both)


async def test_what_is_signed_holds(record: Signing, tmp_path: Path) -> None:
    report = await verified(record, tmp_path / "b")
    assert failed(report) == set()
    assert report["acts"].status == "holds"


async def test_free_text_erased_leaves_the_signature_verifiable(record: Signing, tmp_path: Path) -> None:
    why = {"ground": "Article 17", "ordered_by": "Court"}
    await record.act("installation", "erase_particulars", positions=[record.said], **why)
    accord = record.ledger._accords[record.accord]
    before = record.state
    accord.entries[record.said] = _erased(accord.entries[record.said])
    report = await verified(record, tmp_path / "b")
    assert failed(report) == set()
    assert report["fold"].status == "holds"
    assert report.erased == 1
    assert record.state == before
    changed(record, record.said, lambda facts: facts["act"].update(signature="A" * 86 + "=="))
    accord.entries[record.said] = _erased(accord.entries[record.said])
    assert "acts" in failed(await verified(record, tmp_path / "b"))


def _erased(entry: StoredEntry) -> StoredEntry:
    return replace(entry, particulars=None)


async def test_a_signature_that_is_stripped(record: Signing, tmp_path: Path) -> None:
    def strip(facts: dict[str, Any]) -> None:
        for name in ("key", "signature", "particulars"):
            facts["act"].pop(name, None)

    position = record.said + 1
    changed(record, position, strip)
    as_passed_on(record, position, lambda value: value.pop("own"))
    report = await verified(record, tmp_path / "b")
    assert failed(report) == {"fold"}
    assert any(
        "from record_statement by aa.contact follows act_refused" in one for one in report["fold"].problems
    )


async def test_a_signature_that_is_forged(record: Signing, tmp_path: Path) -> None:
    forged = "B" * 86 + "=="
    position = record.said + 1
    changed(record, position, lambda facts: facts["act"].update(signature=forged))
    as_passed_on(record, position, lambda value: value["own"].update(signature=forged))
    report = await verified(record, tmp_path / "b")
    assert failed(report) == {"acts"}
    assert "does not fit the act" in report["acts"].problems[0]


async def test_an_act_that_is_altered_under_its_signature(record: Signing, tmp_path: Path) -> None:
    other = digest("We agree to everything")
    position = record.said - 1

    def facts(value: dict[str, Any]) -> None:
        value["act"]["fields"]["digest"] = other
        value["event"]["digest"] = other

    changed(record, position, facts)
    as_passed_on(record, position, lambda value: value["fields"].update(digest=other))
    report = await verified(record, tmp_path / "b")
    assert "acts" in failed(report)
    assert any("does not fit the act" in problem for problem in report["acts"].problems)


async def test_a_key_that_nobody_enrolled(record: Signing, tmp_path: Path) -> None:
    position = record.said + 1
    changed(record, position, lambda facts: facts["act"].update(key="0" * 16))
    as_passed_on(record, position, lambda value: value["own"].update(key="0" * 16))
    report = await verified(record, tmp_path / "b")
    assert failed(report) >= {"acts", "fold"}
    assert any("which is no key of" in problem for problem in report["acts"].problems)


async def test_an_end_that_is_moved_or_taken_away(record: Signing, tmp_path: Path) -> None:
    command = record.command("aa.contact", "record_statement", digest=digest("until then"))
    own = sign_act(record.key, command, not_after=record.time + timedelta(days=1))
    sent = record.api.sign(command.model_copy(update={"own": own}))
    position = (await record.send(sent)).receipt.first_position
    assert failed(await verified(record, tmp_path / "a")) == set()
    later = "2040-01-01T00:00:00Z"
    changed(record, position, lambda facts: facts["act"].update(not_after=later))
    as_passed_on(record, position, lambda value: value["own"].update(not_after=later))
    report = await verified(record, tmp_path / "b")
    assert failed(report) == {"acts"}
    assert "does not fit the act" in report["acts"].problems[0]


async def test_what_has_no_particulars_is_not_erased(record: Signing) -> None:
    """Whoever erases would else take away signed acts, of which the record says that this is lawful."""
    why = {"ground": "Article 17", "ordered_by": "Court"}
    for positions in ([record.said - 1], [record.said, record.said + 1]):
        with pytest.raises(ApplicationError, match="no names and no free text"):
            await record.act("installation", "erase_particulars", positions=positions, **why)
    await record.act("installation", "erase_particulars", positions=[record.said], **why)
