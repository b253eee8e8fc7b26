"""Files with an Ed25519 private key in PEM (PKCS #8, RFC 8410): the API's, or a delegate's own."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.runtime.durable import write_private


def create_key(path: Path) -> Ed25519PrivateKey:
    """Make a key and write it to ``path`` in PEM, a file only its owner can read.

    Raises:
        FileExistsError: there is a file already; a key is never overwritten.
        OSError: it cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    write_private(
        path,
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )
    return key


def load_key(path: Path) -> Ed25519PrivateKey:
    """The key in the PEM file ``path``.

    Raises:
        OSError: it cannot be read.
        ValueError: it holds no unencrypted Ed25519 private key.
    """
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} holds no private key that can be read: {error}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"the key in {path} is not an Ed25519 key")
    return key
