"""The API's signature on every command, and its verification before anything is recorded.

The API authenticates a delegate and signs the command with an Ed25519 key (RFC 8032) over the canonical JSON
(RFC 8785) of its signed part. Whoever reaches Temporal in another way has no such key and is no delegate.
A key's id is derived from the key, so that several can be trusted at once while one replaces another.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from activities.errors import SettingsProblem, UnsignedCommand
from activities.identity.keyfiles import create_key, load_key
from workflows.model.canonical import NotCanonical, canonical
from workflows.model.commands import Command
from workflows.model.declare import in_normal_form

_SIGN_AGAIN = "Give commands through the API, which signs them."


def key_id_of(public_key: bytes) -> str:
    """The id of a raw 32-byte Ed25519 public key: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(public_key).hexdigest()[:16]


class CommandSigner:
    """Signs commands with the API's private key, which never shows when it is printed."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        raw = key.public_key().public_bytes_raw()
        self.key_id = key_id_of(raw)
        self.public_key = base64.b64encode(raw).decode()

    def __repr__(self) -> str:
        return f"CommandSigner(key_id={self.key_id!r})"

    @classmethod
    def load(cls, path: Path | None) -> CommandSigner:
        """Read the key from the PEM file ``path``, as the setting ``command_key_file`` names it.

        Raises:
            SettingsProblem: there is no such file, or it does not hold an Ed25519 private key.
        """
        if path is None:
            raise SettingsProblem(
                "The API has no key to sign commands with: ENTENTE_COMMAND_KEY_FILE is empty.",
                "Make one with `openssl genpkey -algorithm ed25519`, or run `entente up`, which makes one.",
            )
        try:
            return cls(load_key(path))
        except (OSError, ValueError) as error:
            raise SettingsProblem(
                f"The key to sign commands with cannot be read from {path}: {error}.",
                "ENTENTE_COMMAND_KEY_FILE has to name an unencrypted PEM file of an Ed25519 key that this user can "
                "read; `openssl genpkey -algorithm ed25519` makes one.",
            ) from error

    @classmethod
    def create(cls, path: Path) -> CommandSigner:
        """Make a new key and write it to ``path``, a file only its owner can read.

        Raises:
            FileExistsError: there is a file already; a key is never overwritten.
        """
        return cls(create_key(path))

    def sign(self, command: Command) -> Command:
        """``command`` in its normal form, with this key's id and signature.

        Raises:
            NotCanonical: its fields have no canonical form.
        """
        named = in_normal_form(command).model_copy(update={"key_id": self.key_id, "signature": ""})
        signature = self._key.sign(canonical(named.signed_part()))
        return named.model_copy(update={"signature": base64.b64encode(signature).decode()})


class CommandVerifier:
    """Verifies commands against the public keys that are trusted.

    Args:
        public_keys: base64 of the raw 32 bytes of each, as the setting ``command_public_keys`` has them.

    Raises:
        SettingsProblem: there is none, or one is not an Ed25519 public key.
    """

    def __init__(self, public_keys: Iterable[str]) -> None:
        self._keys: dict[str, Ed25519PublicKey] = {}
        for text in public_keys:
            try:
                raw = base64.b64decode(text, validate=True)
                key = Ed25519PublicKey.from_public_bytes(raw)
            except (ValueError, binascii.Error) as error:
                raise SettingsProblem(
                    f"{text!r} is not an Ed25519 public key: {error}.",
                    "ENTENTE_COMMAND_PUBLIC_KEYS takes base64 of each raw key, separated by commas.",
                ) from error
            self._keys[key_id_of(raw)] = key
        if not self._keys:
            raise SettingsProblem(
                "No API is trusted to give commands: ENTENTE_COMMAND_PUBLIC_KEYS is empty.",
                "Set it to the public key of each API; `entente up` does that by itself.",
            )

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The ids of the trusted keys, in the order given."""
        return tuple(self._keys)

    def verify(self, command: Command) -> None:
        """Return if a trusted key signed exactly this command.

        Raises:
            UnsignedCommand: it has no signature, an unknown key's, or one that does not fit it.
        """
        if not command.signature:
            raise UnsignedCommand(f"The command {command.id!r} is not signed.", _SIGN_AGAIN)
        key = self._keys.get(command.key_id)
        if key is None:
            raise UnsignedCommand(
                f"The command {command.id!r} is signed with {command.key_id!r}, a key that is not trusted.",
                "If it is the API's, add its public key to ENTENTE_COMMAND_PUBLIC_KEYS of the worker.",
            )
        try:
            key.verify(base64.b64decode(command.signature, validate=True), canonical(command.signed_part()))
        except (InvalidSignature, NotCanonical, ValueError) as error:
            raise UnsignedCommand(
                f"The signature on the command {command.id!r} does not fit it.", _SIGN_AGAIN
            ) from error
