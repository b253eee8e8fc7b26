"""A party whose delegates sign their acts themselves: whoever holds the API's key cannot act for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.identity.own_signatures import public_key_of, sign_act
from tests.simulation.small import bare, digest
from tests.workflows.harness import Engine, failure_of
from tests.workflows.test_hostile import refusal_of
from workflows.messages import RecordRequest
from workflows.model.commands import Command
from workflows.model.definition import Definition
from workflows.record.keys import key_id


def signed(engine: Engine, key: Ed25519PrivateKey, command: Command) -> Command:
    """The command with the delegate's own signature, and then the API's, which covers that."""
    return engine.signer.sign(command.model_copy(update={"own": sign_act(key, command)}))


async def founded(engine: Engine) -> tuple[str, Ed25519PrivateKey]:
    """An accord whose party AA requires its delegates' signatures, and the key of AA's contact."""
    definition = bare()
    definition["parties"]["AA"]["signed_acts"] = True
    accord = await engine.open(definition)
    for party in ("aa", "bb"):
        await engine.act(
            accord,
            f"{party}.contact",
            "adopt_definition",
            digest=Definition.model_validate(definition).digest(),
        )
    key = Ed25519PrivateKey.generate()
    await engine.act(accord, "aa.contact", "enrol_key", delegate="aa.contact", public_key=public_key_of(key))
    return accord, key


def said(engine: Engine, accord: str, words: str, key: str | None = None) -> Command:
    fields: dict[str, Any] = {"digest": digest(words), "words": words}
    return engine.command(accord, "aa.contact", "record_statement", key, **fields)


async def size(engine: Engine, accord: str) -> int:
    return (await engine.state(accord)).size


async def test_the_apis_key_alone_does_no_act_of_such_a_party(engine: Engine) -> None:
    """The operator has every key of the server's, and is refused by the rules, or at the ledger's gate."""
    accord, _ = await founded(engine)
    unsigned = await failure_of(engine.send(said(engine, accord, "We agree")))
    assert (unsigned.type, unsigned.details[0]["refusal"]["guard"]) == ("Refused", "own_signature")
    before = await size(engine, accord)
    # Signed with a key of the operator's own that claims to be the delegate's.
    claimed = said(engine, accord, "We agree")
    state = await engine.state(accord)
    enrolled = state.keys["aa.contact"][0].id
    for forged in (sign_act(Ed25519PrivateKey.generate(), claimed),):
        for name in (enrolled, forged.key):
            command = engine.signer.sign(
                claimed.model_copy(update={"own": forged.model_copy(update={"key": name})})
            )
            assert (await failure_of(engine.send(command))).type == "NotSigned"
    assert await size(engine, accord) == before


async def test_nor_does_it_at_the_gate_past_the_workflow(engine: Engine) -> None:
    accord, key = await founded(engine)
    before = await size(engine, accord)
    genuine = signed(engine, key, said(engine, accord, "We may agree"))
    forged = [
        genuine.model_copy(update={"fields": {**genuine.fields, "digest": digest("We agree")}}),
        genuine.model_copy(update={"fields": {**genuine.fields, "words": "We agree"}}),
        genuine.model_copy(update={"id": "aa.contact/again"}),
    ]
    for one in forged:
        command = engine.signer.sign(one)
        request = RecordRequest(command=command, at=datetime.now(UTC))
        assert (await refusal_of(engine, request)).type == "NotSigned"
    assert await size(engine, accord) == before
    assert (await engine.send(genuine)).events == ("statement_recorded",)


async def test_a_retry_is_the_same_act_also_signed_anew(engine: Engine) -> None:
    accord, key = await founded(engine)
    command = said(engine, accord, "Once", "k1")
    first = await engine.send(signed(engine, key, command))
    assert await engine.send(signed(engine, key, command)) == first
    new = Ed25519PrivateKey.generate()
    rotate = engine.command(
        accord, "aa.contact", "rotate_key", key=key_id(public_key_of(key)), public_key=public_key_of(new)
    )
    assert (await engine.send(signed(engine, key, rotate))).events == ("key_enrolled", "key_revoked")
    assert await engine.send(signed(engine, key, command)) == first
    after = await failure_of(engine.send(signed(engine, key, said(engine, accord, "Twice"))))
    assert (after.type, after.details[0]["refusal"]["guard"]) == ("Refused", "own_signature")
    assert (await engine.send(signed(engine, new, said(engine, accord, "Thrice")))).status == "recorded"


async def test_a_revoked_key_does_no_act(engine: Engine) -> None:
    accord, key = await founded(engine)
    office = {"delegate": "aa.head", "office": "Head", "roles": ["protocol"]}
    await engine.send(signed(engine, key, engine.command(accord, "aa.contact", "appoint_delegate", **office)))
    head = Ed25519PrivateKey.generate()
    enrol = {"delegate": "aa.head", "public_key": public_key_of(head)}
    await engine.send(signed(engine, key, engine.command(accord, "aa.contact", "enrol_key", **enrol)))
    issue = engine.command(accord, "aa.head", "issue_invitation")
    assert (await engine.send(signed(engine, head, issue))).events == ("invitation_issued",)
    revoke = {"delegate": "aa.head", "key": key_id(public_key_of(head))}
    await engine.send(signed(engine, key, engine.command(accord, "aa.contact", "revoke_key", **revoke)))
    statement = engine.command(accord, "aa.head", "record_statement", digest=digest("late"))
    refused = await failure_of(engine.send(signed(engine, head, statement)))
    assert (refused.type, refused.details[0]["refusal"]["guard"]) == ("Refused", "own_signature")


@pytest.mark.parametrize("by", ["aa.contact", "bb.contact"])
async def test_a_wrong_signature_is_refused_also_where_none_is_needed(engine: Engine, by: str) -> None:
    accord, _ = await founded(engine)
    command = engine.command(accord, by, "record_statement", digest=digest("said"))
    before = await size(engine, accord)
    assert (
        await failure_of(engine.send(signed(engine, Ed25519PrivateKey.generate(), command)))
    ).type == "NotSigned"
    assert await size(engine, accord) == before
