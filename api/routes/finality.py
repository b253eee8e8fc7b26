"""How much of a record is final: the newest checkpoint with its quorum, by whom, and its times from outside."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response

from activities.checkpoints.store import StoredCheckpoint
from activities.tlog.cosignature import cosigned_at
from api.answers.record import Cosigner, FinalCheckpoint, FinalityView
from api.backend import Backend
from api.calls import AccordId, Caller, Parts, answer, problems, seen
from api.problems import Problem
from api.routes.ledger import checkpoints_of, timestamp_view
from api.routing import BoundedRoute

SHOWN_TIMES = 20
"""Tokens of time that are looked at for the largest size."""

router = APIRouter(route_class=BoundedRoute, tags=["record"])


@router.get(
    "/accords/{accord}/finality",
    operation_id="get_finality",
    summary="Get how much of the record is final, and by whom",
    response_model=FinalityView,
    responses=problems("not_found"),
)
async def get_finality(request: Request, accord: AccordId, parts: Parts, identity: Caller) -> Response:
    """The newest checkpoint that has the witnesses' quorum, who cosigned it and when, and what authorities say of time.

    What is final nobody can alter unseen, whoever runs this installation included. This is the installation's word for
    it: a bundle proves it, by a policy and certificates of your own.
    """
    state, _ = await seen(parts, identity, accord)
    return answer(await finality_of(request, parts, accord, state.size))


async def finality_of(request: Request, parts: Backend, accord: str, size: int) -> FinalityView:
    """The same for an accord of ``size`` entries, for an answer or a page.

    Raises:
        LedgerError: the database does not answer, or an entry was altered.
    """
    try:
        checkpoints = checkpoints_of(request, parts)
    except Problem:
        # No log key: that is how it was set up, and nothing that passes.
        return FinalityView(
            accord=accord, size=size, signed=False, witnesses_named=False, final=None, times=()
        )
    named = await checkpoints.watched(accord)
    final = await checkpoints.newest_final(accord, 0) if named else None
    stamps = await checkpoints.timestamps.latest(accord, SHOWN_TIMES)
    return FinalityView(
        accord=accord,
        size=size,
        signed=True,
        witnesses_named=named,
        final=None if final is None else _final(final),
        times=tuple(timestamp_view(one) for one in stamps if one.size == stamps[0].size),
    )


def _final(kept: StoredCheckpoint) -> FinalCheckpoint:
    return FinalCheckpoint(
        size=kept.checkpoint.size,
        root=kept.checkpoint.root.hex(),
        witnesses=tuple(
            Cosigner(name=one.name, time=datetime.fromtimestamp(cosigned_at(one), UTC))
            for one in kept.cosignatures
        ),
    )
