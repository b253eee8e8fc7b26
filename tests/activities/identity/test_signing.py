"""Only what a trusted API signed counts as given by a delegate."""

from __future__ import annotations

import base64
import stat
import subprocess
from pathlib import Path

import pytest

from activities.errors import SettingsProblem, UnsignedCommand
from activities.identity.signing import CommandSigner, CommandVerifier
from workflows.model.canonical import NotCanonical
from workflows.model.commands import Command

COMMAND = Command(
    accord="A-1", id="d1/k1", act="issue_invitation", fields={"to": "KP", "words": ["초대", 3]}, delegate="d1"
)


@pytest.fixture
def signer(tmp_path: Path) -> CommandSigner:
    return CommandSigner.create(tmp_path / "key.pem")


def test_a_signed_command_verifies_and_is_otherwise_unchanged(signer: CommandSigner) -> None:
    signed = signer.sign(COMMAND)
    CommandVerifier([signer.public_key]).verify(signed)
    assert signed.model_copy(update={"key_id": "", "signature": ""}) == COMMAND
    assert signed.fingerprint() == COMMAND.fingerprint()


@pytest.mark.parametrize(
    "change",
    [
        {"accord": "A-2"},
        {"id": "d1/k2"},
        {"act": "withdraw_invitation"},
        {"fields": {"to": "RU", "words": ["초대", 3]}},
        {"fields": {}},
        {"delegate": "d2"},
        {"signature": ""},
        {"signature": "not base64!"},
        {"signature": base64.b64encode(bytes(64)).decode()},
        {"key_id": "0" * 16},
        {"fields": {"to": 1.5}},
    ],
)
def test_any_change_is_refused(signer: CommandSigner, change: dict[str, object]) -> None:
    changed = signer.sign(COMMAND).model_copy(update=change)
    with pytest.raises(UnsignedCommand):
        CommandVerifier([signer.public_key]).verify(changed)


def test_keys_rotate_by_overlap(signer: CommandSigner, tmp_path: Path) -> None:
    newer = CommandSigner.create(tmp_path / "newer.pem")
    both = CommandVerifier([signer.public_key, newer.public_key])
    assert both.key_ids == (signer.key_id, newer.key_id)
    for each in (signer, newer):
        both.verify(each.sign(COMMAND))
    with pytest.raises(UnsignedCommand, match=signer.key_id):
        CommandVerifier([newer.public_key]).verify(signer.sign(COMMAND))


def test_the_key_file_is_private_kept_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    made = CommandSigner.create(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert CommandSigner.load(path).public_key == made.public_key
    with pytest.raises(FileExistsError):
        CommandSigner.create(path)
    assert "PRIVATE" not in repr(made)


def test_openssl_made_keys_are_read_and_others_refused(tmp_path: Path) -> None:
    for algorithm, fits in (("ed25519", True), ("x25519", False)):
        path = tmp_path / f"{algorithm}.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", algorithm, "-out", str(path)], check=True)
        if fits:
            CommandSigner.load(path)
        else:
            with pytest.raises(SettingsProblem, match="Ed25519"):
                CommandSigner.load(path)


@pytest.mark.parametrize("path", [None, Path("/nowhere/key.pem"), Path(__file__)])
def test_a_missing_key_is_one_clear_problem(path: Path | None) -> None:
    with pytest.raises(SettingsProblem, match=r"ENTENTE_COMMAND_KEY_FILE|key to sign"):
        CommandSigner.load(path)


@pytest.mark.parametrize("keys", [[], ["AAAA"], ["no base64"]])
def test_a_verifier_without_a_usable_key_cannot_be_made(keys: list[str]) -> None:
    with pytest.raises(SettingsProblem):
        CommandVerifier(keys)


def test_what_has_no_canonical_form_cannot_be_signed(signer: CommandSigner) -> None:
    with pytest.raises(NotCanonical):
        signer.sign(COMMAND.model_copy(update={"fields": {"share": 0.5}}))
