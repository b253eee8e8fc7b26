"""The client commands against the real API: what they do, say, and end with."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.simulation.small import digest, small
from tests.worker.cli.conftest import Served, entente, write
from worker.cli.client.show import readable
from workflows.model.canonical import digest_bytes
from workflows.model.declared import ACTS
from workflows.model.definition import Definition


@pytest.fixture
def definition(tmp_path: Path) -> str:
    return write(tmp_path, small(vocabulary="closing"))


@pytest.mark.timeout(480)
async def test_an_accord_from_the_command_line(served: Served, definition: str, tmp_path: Path) -> None:
    started = await served.run("aa.contact", "start", definition, "--json", "--idempotency-key", "start-1")
    assert started.code == 0, started.err
    receipt = started.json["receipt"]
    accord = receipt["accord"]
    assert started.json["idempotency_key"] == "start-1"
    again = await served.run("aa.contact", "start", definition, "--json", "--key-id", "start-1")
    assert again.json["receipt"] == receipt

    named = Definition.model_validate(small(vocabulary="closing")).digest()
    refused = await served.run("aa.contact", "act", accord, "issue-invitation")
    assert refused.code == 5
    # The act in the words of the accord, why once, and no name of a guard.
    assert "✗ REFUSED: issue offer" in refused.out
    assert refused.out.count("aa.contact (contact of AA) may not") == 1
    assert "authority" not in refused.out.replace("competent authority", "")
    assert "aa.contact (contact of AA) may not" in refused.out
    said = " ".join(refused.out.split())
    assert "it takes the offeror's protocol; nobody of AA is appointed as protocol yet" in said
    assert "what to do: aa.contact appoints somebody (appoint-delegate)" in said
    as_json = await served.run("aa.contact", "act", accord, "issue-invitation", "--json")
    assert (as_json.code, as_json.json["status"], as_json.json["problem"]["guard"]) == (
        5,
        "refused",
        "authority",
    )

    for by, words in (
        ("aa.contact", ("act", accord, "adopt-definition")),
        ("bb.contact", ("adopt_definition", accord)),
    ):
        done = await served.run(by, *words, "--digest", named)
        assert done.code == 0, done.err
        assert "✓ recorded: adopt definition" in done.out
        assert "idempotency key" in done.out
    assert "[ Offer ]" in done.out  # the vocabulary's word for the stage

    desk = await served.run("aa.contact", "desk", "--kind", "owe")
    assert "owed: Appoint a delegate of AA as protocol: a step waits for one" in desk.out
    assert f"entente appoint-delegate {accord} --roles protocol" in desk.out
    assert (await served.run("aa.contact", "desk", "--kind", "sign")).out == "Nothing waits on you.\n"
    listed = await served.run("bb.contact", "ls", "working", "--json", "--waiting-on", "me", "--open")
    assert [one["accord"] for one in listed.json["items"]] == [accord]
    assert accord in (await served.run("bb.contact", "ls")).out

    shown = await served.run("bb.contact", "show", accord)
    assert "Conditions precedent" in shown.out
    assert "C1 Venue ready" in shown.out
    assert "the offer has not been issued" in " ".join(shown.out.split())
    assert "invitation" not in shown.out.lower()
    before = await served.run("bb.contact", "show", accord, "--as-of", "0", "--json")
    assert (before.json["size"], before.json["founded"]) == (1, False)

    read_back = tmp_path / "read_back.yaml"
    read_back.write_text((await served.run("bb.contact", "show", accord, "--definition")).out)
    assert (await entente("check", str(read_back), "--json")).json["digest"] == named

    why = await served.run("bb.contact", "why", accord, "visit")
    assert (why.code, "✗ The closing meeting can be confirmed: not yet." in why.out) == (0, True)
    assert "C1 (Venue ready)" in why.out
    asked = await served.run(
        "bb.contact", "why", accord, "verify-condition", "--field", "condition=C1",
        "--field", f"evidence={digest('x')}", "--json",
    )  # fmt: skip
    assert (asked.json["kind"], asked.json["open"]) == ("act", False)

    report = tmp_path / "report.pdf"
    report.write_bytes(b"all is ready")
    grade = ("--grade", "documented", "--source", "report 7")
    preview = await served.run(
        "aa.contact",
        "preview",
        accord,
        "submit-evidence",
        "--condition",
        "C1",
        "--digest",
        f"@{report}",
        *grade,
    )
    assert (preview.code, "✗ would be REFUSED" in preview.out) == (5, True)
    appoint = ("--delegate", "aa.works", "--office", "Works", "--roles", "obligor", "--roles", "drafter")
    assert (await served.run("aa.contact", "appoint-delegate", accord, *appoint)).code == 0
    words = ("submit-evidence", "--condition", "C1", "--digest", f"@{report}", *grade)
    preview = await served.run("aa.works", "preview", accord, *words)
    assert (preview.code, "✓ would be recorded" in preview.out) == (0, True)
    fields = json.dumps({"condition": "C1", "grade": "documented", "source": "x"})
    done = await served.run(
        "aa.works", "act", accord, "submit-evidence", "--digest", f"@{report}", "--fields", fields, "--json"
    )
    assert done.code == 0, done.err
    stands = (await served.run("bb.contact", "show", accord, "--json")).json["conditions"]["C1"]
    assert [one["digest"] for one in stands["evidence"]] == [digest_bytes(b"all is ready")]

    # The same key with other content is an error that says so, and not a second act.
    key = done.json["idempotency_key"]
    other = await served.run(
        "aa.works", "act", accord, *words[:-1], "other", "--idempotency-key", key, "--json"
    )
    assert other.code == 2
    assert "Idempotency" in json.loads(other.err)["error"]["what"] or "key" in other.err


async def test_what_is_not_an_act_is_told_from_a_refusal(served: Served, definition: str) -> None:
    accord = (await served.run("aa.contact", "start", definition, "--json")).json["receipt"]["accord"]
    malformed = await served.run("aa.contact", "act", accord, "adopt-definition", "--digest", "nonsense")
    assert (malformed.code, "digest: " in malformed.err) == (2, True)
    stale = await served.run(
        "aa.contact", "act", accord, "adopt-definition", "--digest", digest("x"), "--if-match", "v99"
    )
    # That the accord has moved on is a refusal: it is judged with the act, and on the record.
    assert stale.code == 5
    assert "version v0" in stale.out + stale.err
    assert (await served.run("cc.contact", "show", accord)).code == 1
    assert (await entente("ls", ENTENTE_SERVER=served.url, ENTENTE_KEY="ent_a_b")).code == 2


async def test_a_monitor_signals_and_is_told_so(served: Served, definition: str) -> None:
    accord = (await served.run("aa.contact", "start", definition, "--json")).json["receipt"]["accord"]
    named = Definition.model_validate(small(vocabulary="closing")).digest()
    for by in ("aa.contact", "bb.contact"):
        assert (await served.run(by, "adopt-definition", accord, "--digest", named)).code == 0
    words = ("--condition", "C1", "--report", "r1", "--source", "w", "--observed-at", "2026-01-01T00:00:00Z")
    done = await served.run("watch", "condition-changed", accord, *words)
    assert (done.code, "→ passed on" in done.out) == (0, True)


async def test_no_server_no_key_no_file(
    served: Served, definition: str, tmp_path: Path, nowhere: str
) -> None:
    down = await entente(
        "act", "a", "issue-invitation", "--idempotency-key", "k1", "--json",
        ENTENTE_SERVER=f"http://{nowhere}", ENTENTE_KEY="ent_a_b",
    )  # fmt: skip
    assert down.code == 3
    assert "--idempotency-key k1" in json.loads(down.err)["error"]["remedy"]
    none = await entente("ls", "--state-dir", str(tmp_path))
    assert (none.code, "There is no key" in none.err) == (2, True)
    lost = await entente("start", str(tmp_path / "lost.yaml"), ENTENTE_KEY="x")
    assert (lost.code, "cannot be read" in lost.err) == (2, True)
    address = await entente("ls", "--server", "entente.example", ENTENTE_KEY="x")
    assert (address.code, "no address" in address.err) == (2, True)

    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"aa.contact": await served.api.token("aa.contact")}))
    keys.chmod(stat.S_IRUSR | stat.S_IWUSR)
    words = ("ls", "--server", served.url, "--key-file", str(keys))
    assert (await entente(*words, "--as", "aa.contact")).code == 0
    unnamed = await entente(*words)
    assert (unnamed.code, "Choose one of aa.contact" in unnamed.err) == (2, True)
    alone = tmp_path / "key"
    alone.write_text(await served.api.token("aa.contact") + "\n")
    assert (await entente("ls", "--server", served.url, "--key-file", str(alone))).code == 0


async def test_who_only_observes_sees_gates_and_no_names(served: Served, tmp_path: Path) -> None:
    value = small(officers={"press": {"office": "Press", "roles": ["observer"]}})
    named = Definition.model_validate(value).digest()
    started = await served.run("aa.contact", "start", write(tmp_path, value))
    assert f"adopt-definition --digest {named}" in started.out
    accord = started.out.split("act ")[-1].split()[0]
    for by in ("aa.contact", "bb.contact"):
        assert (await served.run(by, "adopt-definition", accord, "--digest", named)).code == 0
    shown = await served.run("press", "show", accord)
    assert shown.code == 0, shown.err
    assert "the visit can be confirmed" in shown.out
    assert "aa.contact" not in shown.out
    assert "Venue ready" not in shown.out

    # Objects in a list, from a file each.
    for office, role in (("treaty", "treaty_section"), ("protocol", "protocol")):
        words = ("--delegate", f"aa.{office}", "--office", office, "--roles", role)
        assert (await served.run("aa.contact", "appoint-delegate", accord, *words)).code == 0
    texts = []
    for language in ("en", "fr"):
        file = tmp_path / f"{language}.yaml"
        file.write_text(f"document: D1\nlanguage: {language}\ndigest: {digest(language)}\n")
        texts += ["--texts", f"@{file}"]
    done = await served.run("aa.treaty", "propose-texts", accord, *texts)
    assert done.code == 0, done.err + done.out
    assert "text proposed, consent given, text proposed, consent given" in done.out


async def test_the_acts_tell_what_they_need() -> None:
    listed = await entente("act", "--list", "--json")
    assert {one["act"] for one in listed.json} == {name.replace("_", "-") for name in ACTS}
    helped = await entente("act", "verify-condition", "--help", COLUMNS="200")
    assert "Find, as a verifier named in its policy" in helped.out
    assert "--evidence" in helped.out
    missing = await entente("verify-condition", "a", "--condition", "C1")
    assert (missing.code, "--evidence" in missing.err) == (2, True)
    unknown = await entente("act", "a", "verify-conditon")
    assert (unknown.code, "verify-condition" in unknown.err) == (2, True)
    assert (await entente("verify-conditon", "a")).code == 2


def test_what_another_party_wrote_moves_no_cursor() -> None:
    said = {"title": "a\x1b[2Jb\u202ec", "items": ["Жé한", 1, None]}
    assert readable(said) == {"title": "a\ufffd[2Jb\ufffdc", "items": ["Жé한", 1, None]}
