"""By what an installation signs its papers, as its settings name it."""

from __future__ import annotations

from collections.abc import Mapping

from activities.errors import SettingsProblem
from activities.papers.pades.keys import Key, KeyFile, Signing, TokenKey, secret_in
from activities.runtime.settings import Settings

_OF_A_FILE = ("papers_p12_passphrase_file",)
_OF_A_TOKEN = ("papers_pkcs11_token", "papers_pkcs11_key", "papers_pkcs11_pin_file")


def signing_of(settings: Settings) -> Signing | None:
    """By what an installation signs its papers, where its settings say so.

    Raises:
        SettingsProblem: they name two keys, or one in part.
        SigningProblem: a passphrase or PIN cannot be read.
    """
    given = {name: value for name, value in settings if name.startswith("papers_") and value is not None}
    if "papers_p12" in given and "papers_pkcs11_library" in given:
        raise SettingsProblem(
            "ENTENTE_PAPERS_P12 and ENTENTE_PAPERS_PKCS11_LIBRARY both name a key for papers.",
            "Set one of them.",
        )
    key: Key
    if "papers_p12" in given:
        _without(given, _OF_A_TOKEN, "ENTENTE_PAPERS_PKCS11_LIBRARY")
        secret = given.get("papers_p12_passphrase_file")
        key = KeyFile(given["papers_p12"], None if secret is None else secret_in(secret))
    elif "papers_pkcs11_library" in given:
        _without(given, _OF_A_FILE, "ENTENTE_PAPERS_P12")
        if "papers_pkcs11_key" not in given:
            raise SettingsProblem(
                "ENTENTE_PAPERS_PKCS11_LIBRARY is set, and ENTENTE_PAPERS_PKCS11_KEY is not.",
                "Set it to the label of the key in the token.",
            )
        secret = given.get("papers_pkcs11_pin_file")
        key = TokenKey(
            given["papers_pkcs11_library"],
            given["papers_pkcs11_key"],
            given.get("papers_pkcs11_token"),
            None if secret is None else secret_in(secret),
        )
    else:
        _without(
            given, (*_OF_A_FILE, *_OF_A_TOKEN, "papers_timestamps", "papers_issuers"), "the setting of a key"
        )
        return None
    if "papers_timestamps" not in given:
        _without(given, ("papers_issuers",), "ENTENTE_PAPERS_TIMESTAMPS")
    return Signing(key, given.get("papers_timestamps"), given.get("papers_issuers"))


def _without(given: Mapping[str, object], names: tuple[str, ...], what: str) -> None:
    for name in names:
        if name in given:
            raise SettingsProblem(
                f"ENTENTE_{name.upper()} is set without {what}, so that no paper would be signed by it.",
                "Set ENTENTE_PAPERS_P12 or ENTENTE_PAPERS_PKCS11_LIBRARY with what belongs to it, and nothing else.",
            )
