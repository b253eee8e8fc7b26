"""Sending an act for a command that does more than that one act: shown as ``entente act`` shows it."""

from __future__ import annotations

from typing import Any

import typer

from worker.cli.client import show
from worker.cli.client.acting import hyphens, new_key
from worker.cli.client.calling import RefusedAct
from worker.cli.client.doing import REFUSED
from worker.cli.client.options import Place, path_of


def send(place: Place, accord: str, act: str, fields: dict[str, Any], key: str | None) -> dict[str, Any]:
    """The receipt of an act; the idempotency key is shown before it is used.

    Raises:
        typer.Exit: it is refused, which is shown.
        RuntimeProblem: the API does not answer, or answers with another problem.
    """
    key = key or new_key()
    out = show.console()
    if not place.as_json:
        out.print(f"idempotency key {key}")
    with place.calls() as calls:
        try:
            receipt: dict[str, Any] = calls.post(f"{path_of(accord)}/{hyphens(act)}", fields, key)
        except RefusedAct as refused:
            if place.as_json:
                show.print_json({"status": "refused", "idempotency_key": key, "problem": refused.problem})
            else:
                show.show_refusal(out, show.readable(refused.problem))
            raise typer.Exit(REFUSED) from None
    return receipt


def foresee(place: Place, accord: str, act: str, fields: dict[str, Any]) -> None:
    """Ask whether an act would be refused now, before work that it alone would be worth.

    Raises:
        typer.Exit: it would be, which is shown.
        RuntimeProblem: the API does not answer, or answers with another problem.
    """
    with place.calls() as calls:
        preview = calls.post(f"{path_of(accord)}/{hyphens(act)}", fields, None, [("dry_run", "true")])
    if preview["would_be"] != "refused":
        return
    if place.as_json:
        show.print_json(preview)
    else:
        show.show_preview(show.console(), show.readable(preview), "")
    raise typer.Exit(REFUSED)
