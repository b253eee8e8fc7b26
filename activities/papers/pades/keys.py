"""By what papers are signed: a key in a PKCS#12 file (RFC 7292), or one that stays in a token (PKCS#11)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from activities.errors import RuntimeProblem

LONGEST_SECRET = 4096
"""Bytes that a file with a passphrase or a PIN has at the most: another one was named by mistake."""


class SigningProblem(RuntimeProblem):
    """A paper was not signed: key, certificate, token or time-stamp authority is not what it has to be."""


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A PKCS#12 file with a private key, its certificate, and the certificates of those who issued it."""

    file: Path
    passphrase: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A private key in a token, with the certificate of the same label. ``module`` is the token's PKCS#11 module."""

    module: Path
    key: str
    token: str | None = None
    pin: str | None = field(default=None, repr=False)


Key = KeyFile | TokenKey


@dataclass(frozen=True, slots=True)
class Signing:
    """A key, and the time-stamp authority (RFC 3161) that is asked for each signature; none for no such time.

    ``issuers`` is a file with the certificates of those who issued the key's certificate and the authority's, up to
    their roots: then the paper also gets what shows that none of these certificates was revoked (PAdES B-LT).
    """

    key: Key
    authority: str | None = None
    issuers: Path | None = None


def opens_without_passphrase(file: Path) -> bool:
    """Whether a PKCS#12 file opens as it is; not, where it cannot be read at all, which is for signing to say."""
    # Loaded by those alone who sign.
    from cryptography.hazmat.primitives.serialization import pkcs12

    try:
        pkcs12.load_key_and_certificates(file.read_bytes(), None)
    except (OSError, ValueError):
        return False
    return True


def secret_in(file: Path) -> str:
    """The passphrase or PIN in a file, without the end of its line.

    Raises:
        SigningProblem: the file cannot be read, or holds none.
    """
    try:
        with file.open("rb") as opened:
            told = opened.read(LONGEST_SECRET + 1)
        text = told.decode().rstrip("\r\n")
    except OSError as error:
        raise SigningProblem(
            f"{file} cannot be read: {error.strerror}.", "Name the file with the passphrase or PIN."
        ) from None
    except UnicodeDecodeError:
        raise SigningProblem(
            f"{file} is no text in UTF-8.", "Name the file with the passphrase or PIN, not the key's."
        ) from None
    if len(told) > LONGEST_SECRET or not text or "\n" in text:
        raise SigningProblem(
            f"{file} does not hold one line with a passphrase or PIN.", "Put it there alone, in one line."
        )
    return text
