"""Delegates' own signatures over HTTP: by three headers beside the act."""

from __future__ import annotations

from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.identity.own_signatures import public_key_of
from api.client import OwnKey
from tests.api.conftest import Api, problem
from tests.simulation.small import bare, digest
from workflows.record.keys import key_id


def headers(
    key: Ed25519PrivateKey, accord: str, by: str, idempotency: str, act: str, fields: dict[str, Any]
) -> dict[str, str]:
    return OwnKey(by, key).headers(accord, act, fields, idempotency)


async def test_an_act_signed_by_its_delegate(api: Api) -> None:
    definition = bare()
    definition["parties"]["AA"]["signed_acts"] = True
    accord = await api.opened(definition)
    named = (await api.get(f"/accords/{accord}")).json()["definition_digest"]
    for party in ("aa", "bb"):
        await api.done(accord, "adopt_definition", f"{party}.contact", digest=named)
    key = Ed25519PrivateKey.generate()
    await api.done(accord, "enrol_key", "aa.contact", delegate="aa.contact", public_key=public_key_of(key))
    said = (await api.get(f"/accords/{accord}")).json()
    assert said["parties"]["AA"]["signed_acts"] is True
    shown = next(one for one in said["delegates"] if one["delegate"] == "aa.contact")["keys"]
    assert [(one["key"], one["public_key"], one["revoked"]) for one in shown] == [
        (key_id(public_key_of(key)), public_key_of(key), None)
    ]
    path = f"/accords/{accord}/record-statement"
    fields = {"digest": digest("said"), "words": "We may agree"}

    async def send(idempotency: str, given: dict[str, str], body: Any = fields) -> httpx.Response:
        return await api.post(path, "aa.contact", key=idempotency, json=body, headers=given)

    good = headers(key, accord, "aa.contact", "k1", "record_statement", fields)
    done = await send("k1", good)
    assert done.status_code == 200, done.text
    again = await send("k1", headers(key, accord, "aa.contact", "k1", "record_statement", fields))
    assert again.json() == done.json()
    size = (await api.get(f"/accords/{accord}")).json()["size"]
    other = headers(Ed25519PrivateKey.generate(), accord, "aa.contact", "k2", "record_statement", fields)
    wrong: list[tuple[dict[str, str], Any]] = [
        (good, fields),
        (other, fields),
        ({**other, "Entente-Key": good["Entente-Key"]}, fields),
        (
            headers(key, accord, "aa.contact", "k2", "record_statement", fields),
            {**fields, "words": "We agree"},
        ),
        ({**good, "Entente-Salt": ""}, fields),
        ({**good, "Entente-Signature": "no"}, fields),
        ({"Entente-Key": good["Entente-Key"]}, fields),
        ({"Entente-Signature": good["Entente-Signature"]}, fields),
    ]
    for given, body in wrong:
        problem(await send("k2", given, body), 422, "own_signature_wrong")
    assert (await api.get(f"/accords/{accord}")).json()["size"] == size
    unsigned = problem(await send("k3", {}), 409, "refused")
    assert unsigned["guard"] == "own_signature"
    # A dry run takes no signature, only the name of the key, and leaves no trace.
    size = (await api.get(f"/accords/{accord}")).json()["size"]
    tried = [
        (await api.post(f"{path}?dry_run=true", "aa.contact", json=fields, headers=given)).json()
        for given in ({}, {"Entente-Key": good["Entente-Key"]})
    ]
    assert [one["would_be"] for one in tried] == ["refused", "recorded"]
    answer = await api.post(f"{path}?dry_run=true", "aa.contact", json=fields, headers={"Entente-Key": "x"})
    problem(answer, 422, "malformed")
    assert (await api.get(f"/accords/{accord}")).json()["size"] == size
    why = (await api.get(f"/accords/{accord}/why/record-statement?digest={digest('x')}")).json()
    assert why["open"] is True
