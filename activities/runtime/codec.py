"""Payloads on their way to Temporal and back: encrypted, so that its database, backups and operators hold no text.

A payload is sealed whole (its metadata included) with AES-256-GCM (NIST SP 800-38D) under a data key of its accord,
with a nonce of 96 random bits. The key's id stands in the metadata. Key and accord are authenticated with the content,
so that a payload cannot be passed off as another accord's. What comes in plain is taken as it is: who acts is proved by
a command's signature, never by who could encrypt.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ActivitySerializationContext,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from workflows.errors import EntenteError

ENCODING: Final = b"binary/encrypted"
"""The metadata ``encoding`` of an encrypted payload."""

KEY_ID: Final = "entente-key"
"""The metadata that names the data key."""

NONCE_BYTES: Final = 12
_MARK: Final = b"entente payload 1\n"

INSTALLATION: Final = "*"
"""Whose the data key is for what belongs to no accord. (No accord has this id.)"""

NO_ACCORDS: Final = "reconcile:"
"""Workflows whose ids begin so are no accord's, whose ids have no colon."""


class Undecryptable(EntenteError):
    """A payload cannot be read: its key is destroyed or unknown, it was altered, or it is another accord's."""


@dataclass(frozen=True, slots=True)
class DataKey:
    """A key that payloads are encrypted with, and whose it is: an accord's, or :data:`INSTALLATION`'s."""

    id: str
    subject: str
    cipher: AESGCM

    def associated(self) -> bytes:
        """What is authenticated with each payload, and not in it."""
        return _MARK + f"{self.id}\n{self.subject}".encode()


class DataKeys(Protocol):
    """Where data keys come from."""

    async def newest(self, subject: str) -> DataKey:
        """The key that ``subject``'s payloads are encrypted with now; made, if there is none."""

    async def of(self, key_id: str) -> DataKey:
        """The key of this id.

        Raises:
            Undecryptable: there is none, or it is destroyed.
        """


def seal(key: DataKey, payload: Payload) -> Payload:
    """The payload, encrypted."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    content = key.cipher.encrypt(nonce, payload.SerializeToString(), key.associated())
    return Payload(metadata={"encoding": ENCODING, KEY_ID: key.id.encode()}, data=nonce + content)


def unseal(key: DataKey, payload: Payload) -> Payload:
    """The payload in plain.

    Raises:
        Undecryptable: it was altered, or is not of this key and its accord.
    """
    nonce, content = payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:]
    try:
        return Payload.FromString(key.cipher.decrypt(nonce, content, key.associated()))
    except (InvalidTag, ValueError):
        raise Undecryptable(
            f"a payload of {key.subject} does not decrypt with its key {key.id}: it was altered",
            "Find out who can write to Temporal's database",
        ) from None


def is_sealed(payload: Payload) -> bool:
    """Whether the payload was encrypted here."""
    return payload.metadata.get("encoding") == ENCODING and KEY_ID in payload.metadata


class EncryptingCodec(PayloadCodec, WithSerializationContext):
    """Encrypts and decrypts all payloads of a client and its workers; each workflow's with its accord's key."""

    def __init__(self, keys: DataKeys, subject: str | None = None) -> None:
        self._keys = keys
        self._subject = subject

    def with_context(self, context: SerializationContext) -> EncryptingCodec:
        """The codec for what belongs to one workflow."""
        workflow_id = (
            context.workflow_id
            if isinstance(context, WorkflowSerializationContext | ActivitySerializationContext)
            else None
        )
        if not workflow_id or workflow_id.startswith(NO_ACCORDS):
            return EncryptingCodec(self._keys, INSTALLATION)
        return EncryptingCodec(self._keys, workflow_id)

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Encrypt.

        Raises:
            LedgerError: the database, which has the keys, does not answer.
        """
        if not payloads:
            return []
        key = await self._keys.newest(self._subject or INSTALLATION)
        return [seal(key, payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decrypt what is encrypted, and pass on what is not.

        Raises:
            Undecryptable: see :func:`unseal`; or the key is gone.
            LedgerError: the database, which has the keys, does not answer.
        """
        return [await self._decoded(payload) if is_sealed(payload) else payload for payload in payloads]

    async def _decoded(self, payload: Payload) -> Payload:
        key = await self._keys.of(payload.metadata[KEY_ID].decode(errors="replace"))
        if self._subject is not None and key.subject not in (self._subject, INSTALLATION):
            raise Undecryptable(
                f"a payload of {key.subject} stands in the history of {self._subject}",
                "Find out who can write to Temporal's database",
            )
        return unseal(key, payload)
