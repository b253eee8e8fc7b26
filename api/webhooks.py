"""What callers ask of webhooks: the bodies of the operations about them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from activities.feeds.webhooks import LONGEST_OVERLAP, OVERLAP
from api.calls import ACCORD_ID

TYPE = r"^[a-z][a-z_]{0,60}$"


class NewWebhook(BaseModel):
    """An endpoint to set up."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[
        str,
        Field(
            max_length=400,
            description="https://, a host and a path; no address of a private network",
            examples=["https://monitor.example/entente"],
        ),
    ]
    accord: Annotated[str | None, Field(pattern=ACCORD_ID, description="only this accord's entries")] = None
    types: Annotated[
        tuple[Annotated[str, Field(pattern=TYPE)], ...],
        Field(max_length=50, description="only entries of these types; all, where none is named"),
    ] = ()
    label: Annotated[str, Field(max_length=200)] = ""
    since: Annotated[
        int | None,
        Field(
            ge=0,
            lt=2**53,
            description="entries beyond this feed position are sent; those to come, by default",
        ),
    ] = None


class Rotation(BaseModel):
    """How long the present secret goes on signing beside the new one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    overlap_hours: Annotated[
        int, Field(ge=0, le=int(LONGEST_OVERLAP.total_seconds() // 3600), strict=True)
    ] = int(OVERLAP.total_seconds() // 3600)


class Replay(BaseModel):
    """From where on everything is sent again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    since: Annotated[
        int, Field(ge=0, lt=2**53, strict=True, description="the feed position; 0 is the beginning")
    ]
