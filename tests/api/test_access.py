"""Who reads what: a party that an amendment would add, a party's own auditor, and the auditor of all."""

from __future__ import annotations

from tests.api.conftest import Api, problem
from tests.api.filling import Filler
from tests.simulation.small import digest, small


def with_third() -> dict[str, object]:
    definition = small()
    definition["parties"]["CC"] = {"name": "Party C", "capacity": "guest", "contact": "cc.contact"}
    return definition


async def test_who_would_be_added_reads_what_it_is_asked_to_adopt_and_no_more(
    reading_api: Api, filler: Filler
) -> None:
    await filler.found("a", small())
    await filler.do("a", "record_statement", "aa.contact", digest=digest("said"), words="Between us")
    await filler.do("a", "amend_definition", "aa.contact", definition=with_third())
    status = await reading_api.get("/accords/a", "cc.contact")
    assert status.json()["cleared"] is True
    assert "contact" not in status.text
    for path in ("definition", "definition?amendment=true"):
        assert (await reading_api.get(f"/accords/a/{path}", "cc.contact")).status_code == 200
    assert (await reading_api.get("/accords/a/why/visit", "cc.contact")).status_code == 200
    for path in ("events", "receipts/0", "tile/entries/000.p/3", "why/adopt-definition"):
        answer = await reading_api.get(f"/accords/a/{path}", "cc.contact")
        assert answer.status_code in (403, 404), path
        assert "Between us" not in answer.text
    named = filler.states["a"].amendment
    assert named is not None
    dry = await reading_api.post(
        "/accords/a/adopt-definition?dry_run=true", "cc.contact", json={"digest": named.digest()}
    )
    problem(dry, 403, "forbidden")
    for contact in ("bb.contact", "cc.contact"):
        await filler.do("a", "adopt_definition", contact, digest=named.digest())
    assert (await reading_api.get("/accords/a/events", "cc.contact")).status_code == 200


async def test_a_partys_own_auditor_reads_what_that_party_reads(reading_api: Api, filler: Filler) -> None:
    definition = small()
    definition["officers"]["all.auditor"] = {"office": "Auditor", "roles": ["auditor"]}
    definition["parties"]["CC"] = {"name": "Party C", "capacity": "guest", "contact": "cc.contact"}
    definition["conditions"]["C1"]["beneficiaries"] = ["BB"]
    definition["conditions"]["C1"]["policy"]["verifiers"] = ["bb.contact"]
    await filler.open("a", definition)
    named = filler.states["a"].definition_digest
    for contact in ("aa.contact", "bb.contact", "cc.contact"):
        await filler.do("a", "adopt_definition", contact, digest=named)
    for party, name, role in (("aa", "contact", "obligor"), ("cc", "auditor", "auditor")):
        office = {"delegate": f"{party}.{name}", "office": "Office", "roles": [role]}
        await filler.do("a", "appoint_delegate", f"{party}.contact", **office)
    evidence = {"condition": "C1", "digest": digest("it"), "grade": "documented", "source": "Office"}
    await filler.do("a", "submit_evidence", "aa.contact", **evidence, note="For the beneficiary's eyes")
    shown = {}
    for reader in ("cc.contact", "cc.auditor", "bb.contact", "all.auditor"):
        text = (await reading_api.get("/accords/a/events", reader)).text
        shown[reader] = "For the beneficiary's eyes" in text
    assert shown == {"cc.contact": False, "cc.auditor": False, "bb.contact": True, "all.auditor": True}
