"""The settings of all processes, read once when a process starts and passed on from there.

Each is an environment variable: ``ENTENTE_`` and its name, but for the database, which is ``DATABASE_URL`` as
everywhere, and the connection to Temporal, which follows Temporal's own environment configuration
(``TEMPORAL_*`` and its profiles; https://docs.temporal.io/develop/environment-configuration).
"""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from limits import parse_many
from pydantic import (
    AfterValidator,
    AliasChoices,
    Field,
    SecretStr,
    SkipValidation,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from temporalio.envconfig import ClientConfigProfile

from activities.errors import SettingsProblem
from activities.runtime.mediatypes import DEFAULT_TYPES, is_media_type
from workflows.model.addresses import parse_address

NO_LIMIT = "none"

MOST_AUTHORITIES = 8
"""Time-stamp authorities that one installation asks; each takes a connection to the database while it is asked."""


def _rates(text: str) -> str:
    if text != NO_LIMIT:
        try:
            parse_many(text)
        except ValueError:
            raise ValueError(
                f"{text[:60]!r} is no rate: write such as 600/minute, several with a semicolon between, or none"
            ) from None
    return text


RateLimits = Annotated[str, AfterValidator(_rates)]
"""How often something may be done: ``600/minute``, or several with semicolons between; ``none`` for no limit."""

DEFAULT_TEMPORAL_ADDRESS = "127.0.0.1:7233"
"""Where Temporal is looked for when nothing says otherwise; the embedded server's usual place."""


class Settings(BaseSettings):
    """What a process needs to know from outside. Frozen; secrets do not show when it is printed."""

    model_config = SettingsConfigDict(
        env_prefix="ENTENTE_", frozen=True, extra="ignore", populate_by_name=True, env_ignore_empty=True
    )

    database_url: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("DATABASE_URL", "database_url"),
        description="the ledger's Postgres, as postgresql://user:password@host:port/database",
    )
    temporal: Annotated[ClientConfigProfile, SkipValidation] = Field(
        default_factory=ClientConfigProfile,
        repr=False,
        description="the connection to Temporal, by its own environment configuration",
    )
    task_queue: str = Field(default="entente", min_length=1, description="Temporal task queue of the workers")
    deployment: str | None = Field(
        default=None,
        max_length=200,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$",
        description="name of the workers' deployment in Temporal; that of the task queue where it is not set",
    )
    build_id: str | None = Field(
        default=None,
        max_length=200,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$",
        description="the version of these workers; made of release and code where it is not set",
    )
    rollout: Literal["auto", "manual", "off"] = Field(
        default="auto",
        description="auto: a version that was never current becomes so when its first worker is there; manual: by "
        "entente rollout alone; off: workers without a version",
    )
    drain_seconds: float = Field(
        default=30.0,
        ge=0,
        description="how long a worker that is told to stop carries on what is open on its version, where another one "
        "is current",
    )
    state_dir: Path = Field(default=Path(".entente"), description="where the embedded stack keeps everything")
    api_host: str = Field(default="127.0.0.1", description="address that the API listens on")
    api_port: int = Field(default=8080, ge=0, le=65535, description="port that the API listens on; 0 for any")
    api_deadline: float = Field(
        default=10.0, gt=0, description="seconds after which the API stops waiting for an act's outcome"
    )
    api_head_seconds: float = Field(
        default=10.0, gt=0, description="seconds in which a request's line and headers have to arrive"
    )
    api_body_seconds: float = Field(
        default=20.0,
        gt=0,
        description="seconds in which a request's body has to arrive, once its headers are there",
    )
    api_requests: int = Field(
        default=1000,
        ge=1,
        description="requests that one API process has under way at the most, open streams apart; what comes beyond "
        "that is answered 503 at once",
    )
    api_processes: int = Field(
        default=1,
        ge=1,
        description="API processes that serve behind one balancer: each counts for itself, and lets through its part "
        "of the rates below",
    )
    rate_key: RateLimits = Field(
        default="12000/minute", description="requests with one API key; none: as many as come"
    )
    rate_delegate: RateLimits = Field(
        default="6000/minute", description="acts and dry runs of one delegate, over all accords"
    )
    rate_accord: RateLimits = Field(
        default="6000/minute", description="acts on one accord by the delegates of one party together"
    )
    rate_opening: RateLimits = Field(
        default="2000/hour; 10000/day", description="accords that one delegate opens"
    )
    rate_failures: RateLimits = Field(
        default="60/minute; 600/hour",
        description="attempts from one address with no key, token or link in force; and those with one key's id",
    )
    rate_codes: RateLimits = Field(
        default="5/hour; 20/day", description="codes by e-mail, for one person and to one address"
    )
    token_key_days: int = Field(
        default=90,
        ge=1,
        le=3650,
        description="days after which a key ends at the latest that somebody made with a provider's token",
    )
    proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="networks of the proxies before the API, such as 10.1.0.0/16, separated by commas: theirs alone is "
        "believed from which address a request came (X-Forwarded-For), and by https or not",
    )
    operations_host: str = Field(
        default="127.0.0.1", description="address for operators: /metrics, /livez and /readyz of this process"
    )
    operations_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="port for operators; 0 for any, and none is served where it is not set",
    )
    log_format: Literal["auto", "console", "json"] = Field(
        default="auto", description="auto: for people on a terminal, JSON otherwise"
    )
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    command_key_file: Path | None = Field(
        default=None, description="the API's Ed25519 private key (PEM), by which it signs commands"
    )
    command_public_keys: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="the API's public keys that the ledger trusts: base64, separated by commas"
    )
    demo_keys_file: Path | None = Field(
        default=None,
        description="keys of a demonstration's delegates: on this machine anybody may sit in their chairs, in the "
        "pages, and see illustrative accords alone; the embedded stack sets it",
    )
    log_key_file: Path | None = Field(
        default=None, description="the secret that the keys of the accords' logs are derived from"
    )
    payload_key_file: Path | None = Field(
        default=None,
        description="the secret under which payloads in Temporal are encrypted; in plain where it is not set",
    )
    codec_host: str = Field(default="127.0.0.1", description="address that the codec server listens on")
    codec_port: int = Field(
        default=8081, ge=0, le=65535, description="port that the codec server listens on; 0 for any"
    )
    codec_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("http://127.0.0.1:8233", "http://localhost:8233"),
        description="where the Temporal UI is served, such as https://temporal.example, separated by commas: its pages "
        "may ask the codec server",
    )
    log_origin: str = Field(
        default="entente.localhost",
        pattern=r"^[^\s+]+$",
        description="what the logs of this installation are named by, such as entente.example; never changed later",
    )

    witness_networks: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="networks in which witnesses may be asked besides the open Internet, such as 10.1.0.0/16, "
        "separated by commas; in them also by plain http",
    )

    tsa: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="addresses of RFC 3161 time-stamp authorities that are asked for tokens over final checkpoints, "
        "separated by commas; none is asked where it is not set",
    )
    tsa_certificates: Path | None = Field(
        default=None,
        description="file (PEM or DER) with the root certificates of these authorities: only tokens that verify under "
        "them are kept",
    )
    tsa_networks: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="networks in which authorities may be asked besides the open Internet, such as 10.1.0.0/16, "
        "separated by commas",
    )

    oidc_file: Path | None = Field(
        default=None, description="JSON file that names the OpenID providers whose tokens the API takes"
    )
    public_url: str | None = Field(
        default=None, description="where people reach the API from outside, for joining links and passkeys"
    )
    files_url: str | None = Field(
        default=None,
        description="where contents are kept: a directory, or an object store such as s3://bucket/prefix; below the "
        "state directory where it is not set",
    )
    file_bytes: int = Field(default=256 * 1024 * 1024, ge=1, description="bytes that one content may have")
    files_bytes: int = Field(
        default=8 * 1024 * 1024 * 1024, ge=1, description="bytes that one side may deposit in one accord"
    )
    file_types: Annotated[tuple[str, ...], NoDecode] = Field(
        default=DEFAULT_TYPES, description="media types of contents that are taken, separated by commas"
    )
    file_days: float = Field(
        default=7.0, gt=0, description="days after which contents that no entry names are taken away"
    )

    @field_validator("file_types")
    @classmethod
    def _types(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            if not is_media_type(one):
                raise ValueError(f"{one[:80]!r} is no media type such as application/pdf")
        return value

    book_bytes: int = Field(
        default=64 * 1024 * 1024, ge=0, description="bytes of deposited files that one closing book holds"
    )
    papers_p12: Path | None = Field(
        default=None,
        description="PKCS#12 file with the key by which the API signs certificates of the record and closing books "
        "for those who ask for them signed",
    )
    papers_p12_passphrase_file: Path | None = Field(default=None, description="file with its passphrase")
    papers_pkcs11_library: Path | None = Field(
        default=None, description="PKCS#11 module of the token that holds the key by which papers are signed"
    )
    papers_pkcs11_token: str | None = Field(
        default=None, description="the token's label, where the module has several"
    )
    papers_pkcs11_key: str | None = Field(
        default=None, description="the label of the key, and of its certificate, in the token"
    )
    papers_pkcs11_pin_file: Path | None = Field(default=None, description="file with the token's PIN")
    papers_timestamps: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s]+$",
        description="the time-stamp authority (RFC 3161) that is asked for each signature of a paper",
    )
    papers_issuers: Path | None = Field(
        default=None,
        description="file with the certificates of all who issued that key's certificate and the authority's, up to "
        "their roots: then papers keep what shows that none of them was revoked (PAdES B-LT)",
    )

    webhook_networks: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="networks in which webhooks may be delivered besides the open Internet, such as 10.1.0.0/16, "
        "separated by commas; in them also by plain http",
    )

    smtp_url: SecretStr | None = Field(
        default=None,
        description="the mail server for notices: smtp://, smtp+starttls:// or smtps://, with user and password if "
        "it asks for them; no notices are sent where it is not set",
    )
    mail_from: str | None = Field(default=None, description="the address that notices come from")

    @field_validator("tsa")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            parse_address(one)
        if len(set(value)) > MOST_AUTHORITIES:
            raise ValueError(f"at most {MOST_AUTHORITIES} authorities are asked")
        return tuple(dict.fromkeys(value))

    @field_validator("witness_networks", "tsa_networks", "webhook_networks", "proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            ip_network(one)
        return value

    @field_validator("codec_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            if not re.fullmatch(r"https?://[^/\s*]+", one):
                raise ValueError(
                    f"{one[:60]!r} is no origin: write such as https://temporal.example, without a path"
                )
        return value

    @field_validator(
        "command_public_keys",
        "witness_networks",
        "tsa",
        "tsa_networks",
        "webhook_networks",
        "proxies",
        "file_types",
        "codec_origins",
        mode="before",
    )
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @property
    def temporal_address(self) -> str:
        """Host and port of Temporal's gRPC API."""
        return self.temporal.address or DEFAULT_TEMPORAL_ADDRESS

    @property
    def temporal_namespace(self) -> str:
        """The Temporal namespace to work in."""
        return self.temporal.namespace or "default"

    def database_dsn(self) -> str:
        """The ledger's Postgres, credentials included.

        Raises:
            SettingsProblem: no database is set.
        """
        if self.database_url is None:
            raise SettingsProblem(
                "No database is set: DATABASE_URL is empty.",
                "Set DATABASE_URL=postgresql://…, or run `entente up`, which brings a database with it.",
            )
        return self.database_url.get_secret_value()

    def as_environment(self) -> dict[str, str]:
        """The variables from which a process reads these very settings; secrets are in it in the clear.

        Temporal's are not among them, which stand in its own variables and files.
        """
        found: dict[str, str] = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if name == "temporal" or value is None:
                continue
            if isinstance(value, SecretStr):
                value = value.get_secret_value()
            text = ",".join(value) if isinstance(value, tuple) else str(value)
            found["DATABASE_URL" if name == "database_url" else _variable(name)] = text
        return found


def read_settings(**overrides: Any) -> Settings:
    """Read the settings from the environment; ``overrides`` (by field name) come first.

    Raises:
        SettingsProblem: a variable, or Temporal's configuration, is not what it has to be.
    """
    if "temporal" not in overrides:
        try:
            overrides["temporal"] = ClientConfigProfile.load()
        except RuntimeError as error:
            raise SettingsProblem(
                f"Temporal's environment configuration cannot be read: {error}.",
                "Look at TEMPORAL_PROFILE, TEMPORAL_CONFIG_FILE and the other TEMPORAL_ variables.",
            ) from error
    try:
        return Settings(**overrides)
    except ValidationError as error:
        problems = "; ".join(
            f"{_variable(str(problem['loc'][0]) if problem['loc'] else '')}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        )
        raise SettingsProblem(
            f"The settings cannot be used. {problems}.",
            "Correct these environment variables, then start again.",
        ) from None


def _variable(field: str) -> str:
    return field if field.isupper() else f"ENTENTE_{field.upper()}"
