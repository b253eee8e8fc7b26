"""What a person types to get papers, and to check one that was handed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from activities.checkpoints.logkeys import LogKeys
from tests.activities.papers.pades.material import PASSPHRASE, certified
from tests.simulation.small import small
from tests.worker.cli.conftest import Served, entente, write


@pytest.mark.timeout(480)
async def test_papers_are_written_and_checked_against_the_record(
    served: Served, database_url: str, tmp_path: Path
) -> None:
    started = await served.run("aa.contact", "start", write(tmp_path, small()), "--json")
    accord = started.json["receipt"]["accord"]
    folder = tmp_path / "papers"
    done = await served.run(
        "aa.contact", "papers", accord, "--kind", "minutes", "--kind", "calendar", "-o", str(folder), "--json"
    )
    assert done.code == 0, done.err
    assert [one["kind"] for one in done.json["papers"]] == ["minutes", "calendar"]
    assert sorted(one.name for one in folder.iterdir()) == ["calendar.en.ics", "minutes.en.pdf"]

    LogKeys.create(tmp_path / "log.key", "entente.test")
    bundle = str(tmp_path / "record.bundle")
    exported = await entente(
        "export",
        accord,
        "-o",
        bundle,
        DATABASE_URL=database_url,
        ENTENTE_LOG_KEY_FILE=str(tmp_path / "log.key"),
        ENTENTE_LOG_ORIGIN="entente.test",
    )
    assert exported.code == 0, exported.err
    fits = await entente("paper-check", bundle, str(folder / "minutes.en.pdf"), "--json")
    assert fits.code == 0, fits.err
    assert (fits.json["accord"], fits.json["fits"]) == (accord, True)
    assert fits.json["signatures"] == []
    receipt = fits.json["receipt"]
    altered = await entente(
        "paper-check", bundle, "--receipt", receipt[:-1] + ("0" if receipt[-1] != "0" else "1")
    )
    assert altered.code == 1
    assert "another Merkle root" in altered.out

    # Signed by one party, then by the other; and nothing is written where a key cannot sign.
    own, other = certified(), certified("Registry of BB (illustrative)")
    secret = tmp_path / "passphrase"
    secret.write_text(PASSPHRASE)
    signed = tmp_path / "signed"
    by_us = ("--sign-with", str(own.file(tmp_path, "a.p12")), "--passphrase-file", str(secret))
    words = ("papers", accord, "--kind", "certificate", "--kind", "calendar", "-o", str(signed))
    refused = await served.run("aa.contact", *words, *by_us[:3], str(write(tmp_path, small())))
    assert refused.code == 1
    assert "The passphrase does not open" in refused.err
    assert not signed.exists() or not list(signed.iterdir())
    done = await served.run("aa.contact", *words, *by_us)
    assert done.code == 0, done.err
    file, both = signed / "certificate.en.pdf", tmp_path / "both.pdf"
    by_them = ("--sign-with", str(other.file(tmp_path, "b.p12")), "--passphrase-file", str(secret))
    assert (await entente("paper-sign", str(file), "-o", str(both), *by_them)).code == 0
    root = own.root(tmp_path)
    checked = await entente("paper-check", bundle, str(file), "--trust", str(root), "--json")
    assert checked.code == 0, checked.out + checked.err
    assert [(one["intact"], one["trusted"]) for one in checked.json["signatures"]] == [(True, True)]
    told = await entente("paper-check", bundle, str(both), "--trust", str(root))
    assert told.code == 1
    assert "Signature1 by CN=Registry of AA (illustrative) is intact" in told.out
    assert "NO certificate that you trust issued" in told.out
    content = bytearray(both.read_bytes())
    content[len(file.read_bytes()) // 3] ^= 1
    both.write_bytes(content)
    broken = await entente("paper-check", bundle, str(both))
    assert broken.code == 1
    assert "is broken" in broken.out + broken.err or "does not read" in broken.out + broken.err


async def test_what_a_key_is_not_told_by_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "paper.pdf").write_bytes(b"%PDF-1.7")
    paper = str(tmp_path / "paper.pdf")
    # A key without a passphrase asks for none.
    bare = await entente(
        "paper-sign", paper, "--sign-with", str(certified().file(tmp_path, "bare.p12", None))
    )
    assert "The PDF cannot be signed" in bare.err
    locked = str(certified().file(tmp_path, "locked.p12", "secret"))
    for words, said in (
        ((), "name the key"),
        (("--sign-with", "a.p12"), "'a.p12' does not exist"),
        (("--sign-with", locked), "nobody can be asked here"),
        (("--sign-with", locked, "--sign-pkcs11", "m.so"), "not both"),
        (("--sign-pkcs11", "m.so"), "name the key in the token"),
        (("--sign-pkcs11", "m.so", "--token-key", "k"), "ENTENTE_PKCS11_PIN"),
        (("--token-key", "k"), "it is for --sign-pkcs11"),
    ):
        refused = await entente("paper-sign", paper, *words)
        assert refused.code == 2, refused.out
        assert said in " ".join(refused.err.replace("│", " ").split()), refused.err
    assert (tmp_path / "paper.pdf").read_bytes() == b"%PDF-1.7"
    absent = await entente(
        "paper-sign", paper, "--sign-pkcs11", "/none.so", "--token-key", "k", ENTENTE_PKCS11_PIN="1"
    )
    assert absent.code == 1
    assert "The PKCS#11 module /none.so cannot be used" in absent.err
