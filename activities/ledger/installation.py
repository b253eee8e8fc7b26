"""The key of an installation, which wraps its data keys: a file of secrets, of which the first is the newest.

Its lines are ``entente-payload-secret-1 <base64 of 32 bytes>``. The first wraps; the others only unwrap, while data
keys are being wrapped anew after a rotation.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from activities.errors import SettingsProblem
from activities.runtime.codec import NONCE_BYTES, Undecryptable
from activities.runtime.durable import replace_private, write_private

KEY_BYTES: Final = 32
_MARK: Final = "entente-payload-secret-1"
_WRAPPING: Final = b"entente data key 1\n"


class UnknownSecret(SettingsProblem):
    """A data key is wrapped by a secret that is not in the file."""


class InstallationKey:
    """The secrets of an installation that wrap its data keys; the first is the newest."""

    def __init__(self, secrets_: Sequence[bytes], file: Path | None = None) -> None:
        if not secrets_ or any(len(each) != KEY_BYTES for each in secrets_):
            raise ValueError(f"one or more secrets of {KEY_BYTES} bytes are needed")
        self._file = file
        self._ciphers = {_id_of(each): AESGCM(each) for each in secrets_}
        self.id = _id_of(secrets_[0])
        """The id of the one that wraps."""
        self.ids = frozenset(self._ciphers)
        """The ids of all that unwrap."""

    def __repr__(self) -> str:
        return f"InstallationKey({self.id})"

    @classmethod
    def load(cls, path: Path) -> InstallationKey:
        """Read the secrets from the file that the setting ``payload_key_file`` names.

        Raises:
            SettingsProblem: there is no such file, or it is none that :meth:`create` could have written.
        """
        try:
            lines = path.read_text(encoding="ascii").splitlines()
            return cls([_secret(line) for line in lines if line.strip()], path)
        except (OSError, ValueError) as error:
            raise SettingsProblem(
                f"The key that payloads are encrypted under cannot be read from {path}: {error}.",
                "ENTENTE_PAYLOAD_KEY_FILE has to name a file that `entente payload-key create` made.",
            ) from error

    @classmethod
    def create(cls, path: Path) -> InstallationKey:
        """Make a new secret in ``path``, which only its owner can read.

        Raises:
            FileExistsError: there is a file already; a secret is never overwritten.
        """
        secret = secrets.token_bytes(KEY_BYTES)
        write_private(path, _line(secret))
        return cls([secret], path)

    def read_again(self) -> InstallationKey:
        """What the file holds by now.

        Raises:
            SettingsProblem: it cannot be read.
        """
        return self if self._file is None else InstallationKey.load(self._file)

    @classmethod
    def add(cls, path: Path) -> InstallationKey:
        """Put a new secret above those that the file has. The file is replaced whole.

        Raises:
            SettingsProblem: the file cannot be read.
        """
        cls.load(path)
        replace_private(path, _line(secrets.token_bytes(KEY_BYTES)) + path.read_bytes())
        return cls.load(path)

    def wrap(self, key_id: str, subject: str, key: bytes) -> bytes:
        """A data key, encrypted; bound to its id and to whose it is."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._ciphers[self.id].encrypt(nonce, key, _bound(key_id, subject))

    def unwrap(self, key_id: str, subject: str, wrapped: bytes, wrapped_by: str) -> bytes:
        """The data key in plain.

        Raises:
            UnknownSecret: the secret that wrapped it is not in the file.
            Undecryptable: the row was altered.
        """
        cipher = self._ciphers.get(wrapped_by)
        if cipher is None:
            raise UnknownSecret(
                f"The data key {key_id} of {subject} is wrapped by {wrapped_by}, which the payload key file lacks.",
                "Put that line back into ENTENTE_PAYLOAD_KEY_FILE, then run `entente payload-key rewrap`.",
            )
        try:
            return cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], _bound(key_id, subject))
        except InvalidTag:
            raise Undecryptable(
                f"the data key {key_id} of {subject} does not unwrap: its row was altered",
                "Put the row of payload_keys back from a backup",
            ) from None


def _id_of(secret: bytes) -> str:
    return hashlib.sha256(_MARK.encode() + b"\n" + secret).hexdigest()[:16]


def _bound(key_id: str, subject: str) -> bytes:
    return _WRAPPING + f"{key_id}\n{subject}".encode()


def _line(secret: bytes) -> bytes:
    return f"{_MARK} {base64.b64encode(secret).decode()}\n".encode()


def _secret(line: str) -> bytes:
    mark, _, text = line.strip().partition(" ")
    if mark != _MARK:
        raise ValueError(f"a line does not begin with {_MARK}")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("a line holds no base64") from None
