"""OpenID providers as the operator names them in a file (``ENTENTE_OIDC_FILE``), and what each counts for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from activities.errors import SettingsProblem
from workflows.model.values import DelegateId

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures by a private key that the provider alone has. None that whoever verifies could make as well."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""Hosts that a provider may have without https: this very machine."""


class SignIn(BaseModel):
    """How people sign in to the pages at a provider: as which client of it the pages are known there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    client_id: str = Field(min_length=1, max_length=255)
    client_secret_file: Path | None = Field(
        default=None,
        description="the client's secret; none for a public client, which proof keys protect alone",
    )
    name: str | None = Field(default=None, min_length=1, max_length=60, description="what its button says")
    scope: str = Field(default="openid", pattern=r"^openid( [\x21\x23-\x5b\x5d-\x7e]+)*$")

    def secret(self) -> str | None:
        """The client's secret, if it has one; read anew each time, so that it can be changed.

        Raises:
            SettingsProblem: the file cannot be read.
        """
        if self.client_secret_file is None:
            return None
        try:
            return self.client_secret_file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsProblem(
                f"The client secret in {self.client_secret_file} cannot be read.",
                "Name another file in ENTENTE_OIDC_FILE.",
            ) from error


class Provider(BaseModel):
    """A provider whose tokens are taken, and what for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str = Field(description="as tokens name it in `iss`, byte for byte")
    audience: str = Field(min_length=1, description="whom its tokens have to be for: what they name in `aud`")
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = ("RS256",)
    jwks_uri: str | None = Field(
        default=None, description="where its keys are; where its configuration says, if this does not"
    )
    claim: str | None = Field(
        default=None, description="the claim that holds a delegate's id, where one does"
    )
    contact: DelegateId | None = Field(
        default=None, description="the contact whose side's ids the provider may give out by that claim"
    )
    sign_in: SignIn | None = Field(
        default=None, description="how people sign in to the pages there; they do not, where this is not set"
    )

    @field_validator("issuer", "jwks_uri")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "https://none")
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise ValueError(f"{value!r} is no https address")
        return value

    @model_validator(mode="after")
    def _whose(self) -> Provider:
        if (self.claim is None) != (self.contact is None):
            raise ValueError(
                "claim and contact go together: a provider speaks for one side's delegates alone"
            )
        return self


_PROVIDERS: TypeAdapter[list[Provider]] = TypeAdapter(list[Provider])


def load_providers(file: Path | None) -> tuple[Provider, ...]:
    """The providers in a JSON file; none where there is no file.

    Raises:
        SettingsProblem: it cannot be read, or says something else.
    """
    if file is None:
        return ()
    try:
        providers = tuple(_PROVIDERS.validate_json(file.read_bytes()))
    except OSError as error:
        raise SettingsProblem(
            f"ENTENTE_OIDC_FILE {file} cannot be read: {error.strerror}.", "Name another file."
        ) from error
    except ValidationError as error:
        told = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, told["loc"]))
        raise SettingsProblem(
            f"ENTENTE_OIDC_FILE {file} names no providers: {where}: {told['msg']}.",
            'Write such as [{"issuer": "https://login.example", "audience": "entente"}].',
        ) from None
    for one in providers:
        if one.sign_in is not None:
            one.sign_in.secret()
    if len({one.issuer for one in providers}) < len(providers):
        raise SettingsProblem(f"ENTENTE_OIDC_FILE {file} names an issuer twice.", "Name each once.")
    return providers
