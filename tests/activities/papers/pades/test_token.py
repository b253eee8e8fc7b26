"""Papers that are signed by a key which stays in a token: SoftHSM, by PKCS#11."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from activities.errors import SettingsProblem
from activities.papers.making import job
from activities.papers.pades.apart import sign_apart
from activities.papers.pades.configured import signing_of
from activities.papers.pades.keys import KeyFile, Signing, SigningProblem, TokenKey
from activities.papers.pades.reading import certificates_in, signatures_in
from activities.papers.pades.signing import holder_of, sign
from activities.papers.press import press
from activities.runtime.settings import Settings
from tests.activities.papers.pades.material import Certified, certified, softhsm, token
from tests.activities.papers.pades.test_signing import openssl_says
from tests.activities.papers.sources import scenario, unnamed

PIN = "2468"
LABEL = "papers of the test"


@pytest.fixture(scope="module")
def module() -> Path:
    found = softhsm()
    if found is None:
        # Reason: SoftHSM is a library of the system, which no package of the lock has.
        pytest.skip("there is no SoftHSM: apt-get install softhsm2, or name it in SOFTHSM2_MODULE")
    return found


@pytest.fixture(scope="module")
def keys() -> dict[str, Certified]:
    return {
        "curve": certified(),
        "rsa": certified(key=rsa.generate_private_key(65537, 2048)),
        "tls": certified(for_signatures=False),
    }


@pytest.fixture(scope="module")
def in_token(
    module: Path, keys: dict[str, Certified], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """The process reads a module's configuration once: all tests of this file share the token."""
    with pytest.MonkeyPatch.context() as patch:
        configuration = token(tmp_path_factory.mktemp("token"), module, LABEL, PIN, keys)
        patch.setenv("SOFTHSM2_CONF", str(configuration))
        yield


@pytest.mark.usefixtures("in_token")
@pytest.mark.parametrize("label", ["curve", "rsa"])
async def test_a_key_in_a_token_signs(
    module: Path, keys: dict[str, Certified], label: str, tmp_path: Path
) -> None:
    paper = press(job(await scenario("jv-closing"), "certificate", "en")[0])
    key = TokenKey(module, label, LABEL, PIN)
    assert "Registry of AA" in holder_of(key).name
    made = await asyncio.to_thread(sign, paper, Signing(key), "Certificate of the record")
    assert made.startswith(paper)
    root = keys[label].root(tmp_path)
    (signature,) = await asyncio.to_thread(signatures_in, made, certificates_in(root))
    assert (signature.intact, signature.trusted) == (True, True)
    assert openssl_says(made, root, tmp_path)
    with unnamed(paper) as file, await sign_apart(file, Signing(key), "Certificate of the record") as apart:
        apart.seek(0)
        assert (await asyncio.to_thread(signatures_in, apart.read()))[0].intact
    # The only token needs no name, and is logged out of again.
    assert holder_of(TokenKey(module, label, None, PIN)) == holder_of(key)


@pytest.mark.usefixtures("in_token")
def test_each_reason_why_a_token_does_not_sign_is_said_with_the_way_on(module: Path) -> None:
    cases = [
        (TokenKey(module, "curve", LABEL, "1357"), "The PIN is not that of the token"),
        (TokenKey(module, "curve", "another", PIN), "There is no token 'another'"),
        (TokenKey(module, "none", LABEL, PIN), "The token has 0 private keys 'none'"),
        (TokenKey(module, "curve", LABEL), "The token has 0 private keys 'curve'"),
        (TokenKey(module, "tls", LABEL, PIN), "is not for signatures"),
    ]
    for key, said in cases:
        with pytest.raises(SigningProblem) as refused:
            holder_of(key)
        assert said in refused.value.what
        assert refused.value.remedy
        assert PIN not in str(refused.value)


def test_a_module_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.so").write_text("no library")
    for module in (tmp_path / "none.so", tmp_path / "text.so"):
        with pytest.raises(SigningProblem, match="cannot be used") as refused:
            holder_of(TokenKey(module, "key", None, PIN))
        assert str(module) in refused.value.what


def test_the_settings_name_one_key_whole_or_none(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("geheim\n")
    assert signing_of(Settings()) is None
    of_file = signing_of(
        Settings(
            papers_p12=Path("key.p12"),
            papers_p12_passphrase_file=secret,
            papers_timestamps="https://tsa.example/",
        )
    )
    assert of_file == Signing(KeyFile(Path("key.p12"), "geheim"), "https://tsa.example/")
    of_token = signing_of(
        Settings(
            papers_pkcs11_library=Path("m.so"),
            papers_pkcs11_key="k",
            papers_pkcs11_token="t",
            papers_pkcs11_pin_file=secret,
        )
    )
    assert of_token == Signing(TokenKey(Path("m.so"), "k", "t", "geheim"))
    for wrong in (
        {"papers_p12": Path("a"), "papers_pkcs11_library": Path("b")},
        {"papers_pkcs11_library": Path("b")},
        {"papers_p12_passphrase_file": secret},
        {"papers_pkcs11_key": "k"},
        {"papers_p12": Path("a"), "papers_pkcs11_pin_file": secret},
        {"papers_timestamps": "https://tsa.example/"},
        {"papers_p12": Path("a"), "papers_issuers": secret},
    ):
        with pytest.raises(SettingsProblem):
            signing_of(Settings(**wrong))
