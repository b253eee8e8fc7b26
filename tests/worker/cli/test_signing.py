"""A delegate's own key on the command line: made, enrolled, and signing acts."""

from __future__ import annotations

import stat
from pathlib import Path

from tests.simulation.small import bare, digest
from tests.worker.cli.conftest import Served, entente, write
from workflows.model.definition import Definition


async def test_a_delegate_signs_with_a_key_of_its_own(served: Served, tmp_path: Path) -> None:
    definition = bare()
    definition["parties"]["AA"]["signed_acts"] = True
    started = await served.run("aa.contact", "start", write(tmp_path, definition), "--json")
    assert started.code == 0, started.err
    accord = started.json["receipt"]["accord"]
    named = Definition.model_validate(definition).digest()
    for by in ("aa.contact", "bb.contact"):
        assert (await served.run(by, "act", accord, "adopt-definition", "--digest", named)).code == 0

    file = tmp_path / "own.pem"
    made = await entente("delegate-key", str(file), "--json")
    assert made.code == 0, made.err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "PRIVATE" not in made.out
    assert (await entente("delegate-key", str(file))).code == 2
    enrol = ("act", accord, "enrol-key", "--delegate", "aa.contact", "--public-key", made.json["public_key"])
    assert (await served.run("aa.contact", *enrol)).code == 0

    state = ("act", accord, "record-statement", "--digest", digest("said"), "--words", "We may agree")
    unsigned = await served.run("aa.contact", *state)
    assert (unsigned.code, "has to sign this with a key of its own" in unsigned.out) == (5, True)
    nobody = await served.run("aa.contact", *state, "--sign-with", str(file))
    assert (nobody.code, "--signer" in nobody.err) == (2, True)
    tried = ("preview", *state[1:], "--sign-with", str(file))
    assert (await served.run("aa.contact", *tried)).code == 0
    signed = ("--sign-with", str(file), "--signer", "aa.contact", "--idempotency-key", "k1", "--json")
    done = await served.run("aa.contact", *state, *signed)
    assert done.code == 0, done.err
    again = await served.run("aa.contact", *state, *signed)
    assert again.json == done.json
    once = ("--sign-with", str(file), "--signer", "aa.contact", "--not-after")
    late = await served.run("aa.contact", *state, *once, "2020-01-01T00:00:00Z")
    assert (late.code, "was to count until 2020-01-01" in late.out) == (5, True)
    assert (await served.run("aa.contact", *state, *once, "2900-01-01T00:00:00+02:00")).code == 0
    assert (await served.run("aa.contact", *state, *once, "tomorrow")).code == 2
    assert (await served.run("aa.contact", *state, "--not-after", "2900-01-01T00:00:00Z")).code == 2
    version = (await served.run("aa.contact", "show", accord, "--json")).json["version"]
    bound = await served.run("aa.contact", *state, *once[:-1], "--if-match", f"v{version}")
    assert bound.code == 0, bound.err
    wrong = await served.run("aa.contact", *state, "--sign-with", str(file), "--signer", "bb.contact")
    assert (wrong.code, "does not fit" in wrong.err or "no key" in wrong.err) == (2, True)
    (tmp_path / "none.pem").write_text("nothing")
    none = await served.run(
        "aa.contact", *state, "--sign-with", str(tmp_path / "none.pem"), "--signer", "aa.contact"
    )
    assert (none.code, "delegate-key" in none.err) == (2, True)
