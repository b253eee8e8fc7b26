"""The shapes of what the API tells of a record: its entries, its papers, its contents, and whose keys it needs."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from activities.reading.shown import EventView
from api.answers.accord import View


class EventPage(View):
    """Some entries, in order. ``next`` is the cursor of the next page, if there is one by now."""

    items: tuple[EventView, ...]
    next: str | None


class ClaimView(View):
    """A delegate whom a definition names: for which side, and who in this installation has claimed the id."""

    delegate: str
    party: str | None = Field(description="none: an officer of all parties")
    claimed_by: str | None = Field(
        description="the contact whose side claimed it first; none: nobody has, and it is claimed by adopting"
    )


class ClaimsView(View):
    """Whom the definition names, and whose they are: to be looked at before it is adopted."""

    accord: str
    digest: str = Field(description="of the definition, or of the amendment")
    items: tuple[ClaimView, ...]


class TimestampView(View):
    """A token of time (RFC 3161) over a checkpoint: its entries existed before the authority's time."""

    size: int = Field(description="entries of the checkpoint")
    authority: str = Field(description="the address that was asked")
    by: str = Field(description="the name in the certificate that the token carries (RFC 4514)")
    time: datetime = Field(description="the authority's time")
    accuracy_seconds: float = Field(description="how far the authority says that its time may be off")
    received: datetime = Field(description="when the token came, by this installation's clock")
    token: str = Field(description="base64 of the token (DER), as `openssl ts -verify -token_in` takes it")


class TimestampsView(View):
    """The tokens of time over the largest checkpoints, the largest first."""

    accord: str
    items: tuple[TimestampView, ...]


class Cosigner(View):
    """A witness that cosigned a checkpoint."""

    name: str = Field(description="the name of the witness's key")
    time: datetime = Field(description="when it cosigned, by its own clock")


class FinalCheckpoint(View):
    """A checkpoint that has the quorum of the witness policy at its size."""

    size: int = Field(description="entries that it commits to: those below this position are final")
    root: str = Field(description="its Merkle root (RFC 6962), hexadecimal")
    witnesses: tuple[Cosigner, ...] = Field(description="who cosigned it")


class FinalityView(View):
    """How much of a record is final, and by whom; and the times from outside over the largest stamped checkpoint."""

    accord: str
    size: int = Field(description="entries of the record now")
    signed: bool = Field(description="false: this installation signs no checkpoints, and nothing is final")
    witnesses_named: bool = Field(description="false: nobody is named who would make a checkpoint final")
    final: FinalCheckpoint | None = Field(description="null as long as no checkpoint has its quorum")
    times: tuple[TimestampView, ...] = Field(
        description="what each authority said; empty where none has stamped a final checkpoint"
    )


class SheetsRead(View):
    """A definition with the rows of sheets in it."""

    definition: dict[str, Any] = Field(
        description="as it can be sent to open an accord, or to amend its definition"
    )
    digest: str = Field(description="what the parties would adopt")
    rows: dict[str, int] = Field(
        description="how many rows each sheet has: conditions, documents, parties",
        examples=[{"conditions": 12}],
    )


class CommandKey(View):
    """A public key with which an API of this installation signs what delegates ask for."""

    id: str = Field(description="the first 16 hexadecimal digits of the key's SHA-256")
    public_key: str = Field(description="base64 of its 32 bytes (Ed25519)")


class Keys(View):
    """The public keys by which a record of this installation is verified."""

    command_keys: tuple[CommandKey, ...] = Field(
        description="every API's, as `entente verify --command-key` takes them"
    )
    log_keys: tuple[str, ...] = Field(
        description="of the accord's log, as a C2SP policy takes them, the newest first; empty where no accord is "
        "asked for. The record says which of them counts at which size"
    )


class PaperKind(View):
    """A paper that can be asked for."""

    kind: str
    title: str
    media_type: str


class SignaturePage(View):
    """A seat on a signature page, with the code by which a scan of it is matched."""

    document: str
    seat: str
    original: str | None = Field(description="the party whose original it is; none: there is one for all")
    digest: str = Field(description="the document's digest, which the page is bound to")
    code: str
    party: str = Field(description="whose seat it is")
    signed: bool = Field(description="whether the seat's signature of this digest is on the record")
    scan: str | None = Field(description="the digest of the scan of the signed page that was deposited")


class PapersView(View):
    """The papers of an accord."""

    accord: str
    position: int = Field(
        description="the record's last entry; give it as `as_of`, for papers that belong together"
    )
    papers: tuple[PaperKind, ...]
    languages: tuple[str, ...] = Field(description="in which papers can be written")
    own_languages: tuple[str, ...] = Field(
        description="those among them that the accord's parties and documents use"
    )
    signature_pages: tuple[SignaturePage, ...]
    signed_by: str | None = Field(
        description="whose key signs papers that are asked for with `signed=true`; none: they are not signed here"
    )
    signed_kinds: tuple[str, ...] = Field(description="the kinds of papers that it signs")


class Deposited(View):
    """What is here of a content by now."""

    accord: str
    digest: str
    size: int | None = Field(description="bytes of the whole content; none where that is not known yet")
    received: int = Field(description="bytes that are here; the next part begins there")
    complete: bool


class FileView(View):
    """A content of an accord. ``named_by`` are positions of entries that name it."""

    accord: str
    digest: str
    size: int
    media_type: str
    stored: datetime
    named_by: tuple[int, ...] = Field(
        description="of the entries that open it to their readers, the first of each kind; empty as long as nothing "
        "names it, and it is taken away after some days"
    )


class FilePage(View):
    """Contents of an accord that the caller may read, in the order in which they came."""

    items: tuple[FileView, ...]
    next: str | None


class ChangeView(View):
    """A stretch of text that both have (`equal`), that only the older has (`delete`), or only the newer (`insert`)."""

    op: Literal["equal", "delete", "insert"]
    text: str


class RedlineView(View):
    """What differs between two texts. Counted are characters as readers take them, whatever they consist of."""

    accord: str
    older: str
    newer: str
    deleted: int
    inserted: int
    changes: tuple[ChangeView, ...]
