"""The keys of the accords' logs: one secret of the installation, from which the key of each accord is derived.

An accord's log has the origin ``<installation>/accords/<accord>``, and its Ed25519 key has that origin as its name.
The private key is HKDF-SHA256 (RFC 5869) over the installation's secret, with the origin in ``info``: so there is
one secret to guard, and no key says anything about another.

The secret is a file of lines ``entente-log-secret-1 <base64 of 32 bytes>``. Every line signs: while a key is being
replaced there are two lines, the new one first, and a checkpoint carries both signatures until all readers know
the new key; then the old line is taken out.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from activities.errors import SettingsProblem
from activities.runtime.durable import replace_private, write_private
from activities.tlog.note import Ed25519Signer, Ed25519Verifier

_MARK: Final = "entente-log-secret-1"
_INFO: Final = b"entente log key 1\n"
_SECRET_BYTES: Final = 32


class LogKeys:
    """Derives the key of every accord's log from ``secrets_``, of which the first is the newest.

    ``installation`` is the part of the origins that all accords share, such as ``entente.example``.
    """

    def __init__(self, secrets_: Sequence[bytes], installation: str) -> None:
        if not secrets_ or any(len(each) != _SECRET_BYTES for each in secrets_):
            raise ValueError(f"one or more secrets of {_SECRET_BYTES} bytes are needed")
        self._secrets = tuple(secrets_)
        self.installation = installation

    def __repr__(self) -> str:
        return f"LogKeys(installation={self.installation!r})"

    @classmethod
    def load(cls, path: Path | None, installation: str) -> LogKeys:
        """Read the secrets from the file ``path``, as the setting ``log_key_file`` names it.

        Raises:
            SettingsProblem: there is no such file, or it is not one that :meth:`create` could have written.
        """
        if path is None:
            raise SettingsProblem(
                "There is no key to sign checkpoints with: ENTENTE_LOG_KEY_FILE is empty.",
                "Make one with `entente log-key FILE`, or run `entente up`, which makes one.",
            )
        try:
            lines = path.read_text(encoding="ascii").splitlines()
            found = [_secret(line) for line in lines if line.strip()]
            return cls(found, installation)
        except (OSError, ValueError) as error:
            raise SettingsProblem(
                f"The key to sign checkpoints with cannot be read from {path}: {error}.",
                "ENTENTE_LOG_KEY_FILE has to name a file that `entente log-key` made, readable by this user.",
            ) from error

    @classmethod
    def create(cls, path: Path, installation: str) -> LogKeys:
        """Make a new secret in ``path``, which only its owner can read, and the empty guard beside it.

        Raises:
            FileExistsError: there is a file already; a secret is never overwritten.
        """
        secret = secrets.token_bytes(_SECRET_BYTES)
        guard_directory(path).mkdir(mode=0o700, exist_ok=True)
        write_private(path, _line(secret))
        return cls([secret], installation)

    @classmethod
    def add(cls, path: Path, installation: str) -> LogKeys:
        """Put a new secret above those that the file has: new accords begin with it, others can be rotated to it.

        The file is replaced whole, so that a crash leaves either the old one or the new one.

        Raises:
            SettingsProblem: there is no such file yet, or it cannot be read.
        """
        cls.load(path, installation)
        replace_private(path, _line(secrets.token_bytes(_SECRET_BYTES)) + path.read_bytes())
        return cls.load(path, installation)

    def origin(self, accord: str) -> str:
        """The origin of an accord's log, which is also the name of its key."""
        return f"{self.installation}/accords/{accord}"

    def signers(self, accord: str) -> tuple[Ed25519Signer, ...]:
        """The private keys of an accord's log, the newest first.

        Raises:
            Malformed: the origin cannot be the name of a key, since it holds a space or a plus sign.
        """
        origin = self.origin(accord)
        return tuple(Ed25519Signer(origin, _derived(secret, origin)) for secret in self._secrets)

    def verifiers(self, accord: str) -> tuple[Ed25519Verifier, ...]:
        """The public keys of an accord's log, the newest first: what its parties are to be given."""
        return tuple(signer.verifier for signer in self.signers(accord))


def guard_directory(key_file: Path) -> Path:
    """Where the last checkpoints seen are kept: beside the key, outside the database (see ``rollback.py``)."""
    return key_file.with_name(key_file.name + ".seen")


def _line(secret: bytes) -> bytes:
    return f"{_MARK} {base64.b64encode(secret).decode()}\n".encode("ascii")


def _secret(line: str) -> bytes:
    mark, _, encoded = line.strip().partition(" ")
    if mark != _MARK:
        raise ValueError(f"a line does not begin with {_MARK}")
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise ValueError("a secret is not base64") from None


def _derived(secret: bytes, origin: str) -> Ed25519PrivateKey:
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=_INFO + origin.encode())
    return Ed25519PrivateKey.from_private_bytes(kdf.derive(secret))
