"""What stands still, for whoever runs the installation: paused accords, and witnesses that lag behind."""

from __future__ import annotations

from fastapi import APIRouter, Response

from activities.checkpoints.store import CheckpointStore
from activities.reading.paused import paused_accords
from api.answers.lists import LaggingWitness, OperationView, PausedAccord
from api.backend import Backend
from api.calls import Caller, Parts, answer, problems
from api.problems import Problem
from api.routing import BoundedRoute

MOST = 20
"""Accords that are named of each kind; how many there are in all is counted."""

router = APIRouter(route_class=BoundedRoute, tags=["health"])


@router.get(
    "/operation",
    operation_id="get_operation",
    summary="Get what stands still: paused accords, and witnesses that lag",
    response_model=OperationView,
    responses=problems(),
)
async def get_operation(parts: Parts, identity: Caller) -> Response:
    """Which accords are paused, since when and why, and which witnesses have not cosigned all of a record.

    For an operator's key. Of each kind 20 accords are named, those that stand still longest first, and all are counted.
    """
    if identity.kind != "operator":
        raise Problem("forbidden", "This is for the operator alone. Send an operator's key.")
    return answer(await operation_of(parts))


async def operation_of(parts: Backend) -> OperationView:
    """The same for an answer or a page.

    Raises:
        LedgerError: the database does not answer.
    """
    paused = await paused_accords(parts.pool, MOST)
    lags, lagging = await CheckpointStore(parts.pool).lagging(MOST)
    listed = []
    for one in paused.items:
        state = await parts.reader.state(one.accord)
        # It may have been resumed since.
        if state is not None and state.paused is not None:
            pause = state.paused
            listed.append(
                PausedAccord(
                    accord=one.accord, title=one.title, since=pause.at, by=pause.by, reason=pause.reason
                )
            )
    return OperationView(
        paused=tuple(listed),
        paused_accords=paused.accords - (len(paused.items) - len(listed)),
        lagging=tuple(
            LaggingWitness(
                accord=one.accord,
                witness=one.witness,
                key_id=one.key_id,
                size=one.size,
                cosigned=one.cosigned,
                since=one.since,
            )
            for one in lags
        ),
        lagging_accords=lagging,
    )
