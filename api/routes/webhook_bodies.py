"""What requests about webhooks carry, and how it is read."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from activities.feeds.webhooks import (
    LONGEST_OVERLAP,
    OVERLAP,
)
from api.bodies import json_body
from api.calls import (
    ACCORD_ID,
)
from api.problems import FieldError, Problem

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


WebhookId = Annotated[
    str,
    Path(
        max_length=40,
        pattern=r"^wh_[a-z2-7]{20}$",
        description="the endpoint's id",
        examples=["wh_" + "a" * 20],
    ),
]


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """What the API's description says of such a body."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


async def read_body(request: Request, model: type[BaseModel]) -> Any:
    """The body of a request.

    Raises:
        Problem: it is not such a body.
    """
    try:
        return model.model_validate((await json_body(request)).value)
    except ValidationError as error:
        found = tuple(
            FieldError(field=".".join(map(str, item["loc"])) or "(whole)", problem=str(item["msg"]))
            for item in error.errors(include_url=False, include_input=False)
        )
        listing = "; ".join(f"{each.field}: {each.problem}" for each in found[:5])
        raise Problem("malformed", f"The body is malformed: {listing}.", errors=found) from None
