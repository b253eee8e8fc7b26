"""The shapes of what the API lists over all accords, and of the desk."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from api.answers.accord import View
from workflows.model.commands import WaitingKind


class AccordRow(View):
    """An accord in a list: what is cleared for everybody who may know of it."""

    accord: str
    title: str
    vocabulary: str
    stage: str
    parties: tuple[str, ...]
    version: int
    size: int = Field(description="number of entries on the record")
    opened_at: datetime | None
    updated_at: datetime | None
    next_deadline: datetime | None = Field(
        description="when something next falls by itself: a reminder, a due date, an expiry"
    )
    due: datetime | None = Field(description="when the first of the steps that somebody can take now is due")
    blocked_by: int = Field(description="number of guards that block the next stage")
    illustrative: bool
    simulated: bool
    ended: bool


class AccordPage(View):
    """Some accords, the last opened first. ``next`` is the cursor of the next page, if there is one."""

    items: tuple[AccordRow, ...]
    next: str | None


class DeskItem(View):
    """A step that waits in one accord: what is to be done by which act, by whom, and by when."""

    accord: str
    title: str
    vocabulary: str
    stage: str
    illustrative: bool
    simulated: bool
    key: str = Field(description="names the step in its accord, as long as it is the same one")
    kind: WaitingKind = Field(
        description="what it is to whoever is waited for: owed, to be verified, to be agreed to, to be signed"
    )
    act: str = Field(description="the act's name, as in POST /v1/accords/{accord}/{act} with hyphens")
    fields: dict[str, Any] = Field(description="the act's fields, as far as they are known")
    says: str = Field(description="what is to be done, in the accord's vocabulary")
    subject: str = Field(description="what it is about, such as C1 or D1/en; empty: the accord as a whole")
    by: datetime | None = Field(description="when it is due")
    not_before: datetime | None = Field(description="until then it is refused: its time has not come")
    overdue: bool
    parties: tuple[str, ...] = Field(description="the parties that are waited for; none: officers of all")
    who: tuple[str, ...] = Field(description="the delegates who may do it; one of each party suffices")


class DeskView(View):
    """What waits on the caller over all accords: how much of it in all, and some of it, what is due first first."""

    delegate: str
    counts: dict[WaitingKind, int] = Field(description="steps that wait on the caller, by their kind")
    overdue: int = Field(description="how many of them should have been taken by now")
    more: bool = Field(
        description="whether there are more than were counted, which are those that are due first"
    )
    items: tuple[DeskItem, ...]
    next: str | None


class PausedAccord(View):
    """An accord that an operator has paused."""

    accord: str
    title: str
    since: datetime
    by: str
    reason: str


class LaggingWitness(View):
    """A witness of an accord's policy that has not cosigned all of the record."""

    accord: str
    witness: str
    key_id: str = Field(description="the id of the witness's key, in hexadecimal")
    size: int = Field(description="number of entries on the record")
    cosigned: int = Field(description="number of its first entries that the witness has cosigned")
    since: datetime = Field(description="the time of the first entry that it has not, by the accord's clock")


class OperationView(View):
    """What stands still in this installation; of each kind the first accords, and how many there are in all."""

    paused: tuple[PausedAccord, ...]
    paused_accords: int = Field(description="number of accords that are paused")
    lagging: tuple[LaggingWitness, ...]
    lagging_accords: int = Field(description="number of accords of which a witness lags behind the record")
