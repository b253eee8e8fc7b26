"""The shape of an entry of a record, as its readers see it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class ActorView(_View):
    """Who stands behind an entry; ``says`` is "X for Y"."""

    delegate: str
    party: str | None
    role: str
    behalf: str | None
    says: str


class EventView(_View):
    """An entry of the record. Its leaf hash is RFC 6962's, over the stored bytes."""

    position: int
    feed: int = Field(description="position in the feed over all accords")
    time: datetime
    type: str
    version: int
    actor: ActorView
    says: str = Field(
        description="as a sentence: the act that it records, an act that was refused (`✗ refused: …`), or what followed"
    )
    facts: dict[str, Any]
    particulars: dict[str, Any] | None = Field(
        description="names and free text, where they are for the reader"
    )
    withheld: bool = Field(description="whether particulars are kept from this reader")
    erased: bool = Field(description="whether particulars were erased")
    leaf: str
    command: str
    causation: int | None = Field(
        description="the first entry that the same command caused; none for that one"
    )
