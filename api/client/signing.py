"""A delegate's own key, by which its acts are signed before they leave: `deploy/docs/signed-acts.md`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.identity.keyfiles import load_key
from activities.identity.own_signatures import public_key_of, sign_act
from workflows.model.commands import Command
from workflows.record.keys import key_id


@dataclass(frozen=True, slots=True)
class OwnKey:
    """The key of ``delegate``. It stays here: only signatures are sent."""

    delegate: str
    key: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def from_file(cls, delegate: str, path: Path) -> OwnKey:
        """The key in a PEM file, as `entente delegate-key` makes it.

        Raises:
            OSError: it cannot be read.
            ValueError: it holds no unencrypted Ed25519 private key.
        """
        return cls(delegate, load_key(path))

    @property
    def public_key(self) -> str:
        """The public key as `enrol-key` takes it: base64 of its 32 bytes."""
        return public_key_of(self.key)

    def dry_headers(self) -> dict[str, str]:
        """The header that names the key for a dry run, which takes no signature."""
        return {"Entente-Key": key_id(self.public_key)}

    def headers(
        self,
        accord: str,
        act: str,
        fields: Mapping[str, Any],
        key: str,
        *,
        if_match: int | None = None,
        not_after: datetime | None = None,
    ) -> dict[str, str]:
        """The headers that carry the signature on an act under the idempotency key ``key``.

        It covers the version that ``if_match`` names, and counts until ``not_after`` by the accord's clock.

        Raises:
            Rejected: the act is malformed.
        """
        command = Command(
            accord=accord,
            id=f"{self.delegate}/{key}",
            act=act,
            fields=dict(fields),
            delegate=self.delegate,
            required_version=if_match,
        )
        own = sign_act(self.key, command, not_after=not_after)
        found = {"Entente-Key": own.key, "Entente-Signature": own.signature}
        if own.salt:
            found["Entente-Salt"] = own.salt
        if not_after is not None:
            found["Entente-Not-After"] = not_after.isoformat()
        return found
