"""The words of who may not act, or may not read, are in no part of a bundle; and the bundle still verifies."""

from __future__ import annotations

import zipfile
from pathlib import Path

from tests.activities.verifier.record import negotiated
from tests.simulation.small import digest

WORDS = "These words get nowhere"


async def test_what_an_observer_and_a_revoked_delegate_say_is_in_no_part_of_the_bundle(
    tmp_path: Path,
) -> None:
    record = await negotiated()
    for eye, roles in (("bb.eye", ["observer"]), ("bb.left", ["protocol"])):
        await record.act("bb.contact", "appoint_delegate", delegate=eye, office="Office", roles=roles)
    await record.act("bb.contact", "revoke_delegate", delegate="bb.left")
    size = await record.size()
    for by in ("bb.eye", "bb.left"):
        for number in range(3):
            answer = await record.act(
                by, "record_statement", digest=digest(str(number)), words=f"{WORDS} {number}"
            )
            assert answer.receipt is not None
            assert answer.receipt.status == "refused"
            assert WORDS not in answer.minute
    assert await record.size() == size + 2, "one refusal for each, whatever they say"
    await record.sign()
    path = await record.export(tmp_path / "b")
    with zipfile.ZipFile(path) as bundle:
        for name in bundle.namelist():
            assert WORDS.encode() not in bundle.read(name), name
    report = await record.verified(tmp_path / "b")
    assert report.exit_code(strict=True) == 0, report.as_json()
    assert any("might not act" in note for note in report["acts"].notes)
