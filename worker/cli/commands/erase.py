"""``entente erase``: put an erasure on an accord's record, then delete what it names; or finish what was cut short."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from worker.cli.client.options import Accord, Key, Place, placed

if TYPE_CHECKING:
    from worker.erasing import Erased


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command(
        "erase",
        epilog="Example: entente erase visit-2027 --position 7 --ground 'Article 17' --ordered-by 'Data office'",
    )(placed(_erase, look_up=False))


def _erase(
    place: Place,
    accord: Accord,
    position: Annotated[
        list[int] | None, typer.Option(help="An entry whose names and free text are erased; may be repeated.")
    ] = None,
    file: Annotated[
        list[str] | None,
        typer.Option(
            "--file", help="The digest of a content that is erased, whoever deposited it; may be repeated."
        ),
    ] = None,
    ground: Annotated[
        str, typer.Option(help="The legal ground. It stays on the record: name no person.")
    ] = "",
    ordered_by: Annotated[
        str, typer.Option(help="The office or court that ordered it. It stays on the record: name no person.")
    ] = "",
    finish: Annotated[
        bool,
        typer.Option("--finish", help="Record nothing; delete what is on record as erased and still there."),
    ] = False,
    key: Key = None,
) -> None:
    """Erase names and free text of entries, or contents. All see that it was done, on what ground, by whose order.

    Recorded over the API with an operator's key; deleted with DATABASE_URL, whose login needs the roles entente_reader
    and entente_eraser; contents also from the object store of ENTENTE_FILES_URL; particulars also in Temporal: the
    accord's run continues as new, and its closed runs are deleted. Where payloads are encrypted, the accord gets a new
    key and the older ones are destroyed. Whatever is on record as erased and is still there is deleted as well: run it
    again, or with --finish, after it was cut short.
    """
    from activities.ledger.payload_keys import FRESH
    from worker.cli.client import show
    from worker.cli.client.operating import foresee, send
    from worker.erasing import erasing
    from worker.stack.running import installation

    if (bool(position) + bool(file) + finish) != 1:
        raise typer.BadParameter(
            "give one of --position and --file, with --ground and --ordered-by, or --finish"
        )
    if not finish:
        # To finish, after a restore say, takes neither a key nor an API that answers.
        accord = place.whole_id(accord)
    settings, _ = installation(place.state_dir, erasing=True)
    why = {"ground": ground, "ordered_by": ordered_by}
    particulars = {"positions": position, **why}
    encrypted = settings.payload_key_file is not None
    if position and not encrypted:
        send(place, accord, "erase_particulars", particulars, key)
    if position and encrypted and key is None:
        # A new key, and the seconds until every process has it, are not for an act that is refused.
        foresee(place, accord, "erase_particulars", particulars)
    if file:
        send(place, accord, "erase_contents", {"digests": file, **why}, key)

    async def erase() -> Erased:
        async with erasing(settings, accord) as work:
            if position and encrypted:
                if not place.as_json:
                    print(f"The accord gets a new key, which every process takes within {FRESH:g} seconds.")
                await work.prepare()
                await asyncio.to_thread(send, place, accord, "erase_particulars", particulars, key)
            return await work.finish(histories=not file)

    try:
        erased = asyncio.run(erase())
    except typer.Exit as refused:
        _leave(refused.exit_code)
    if place.as_json:
        shown = {
            "accord": accord,
            "deleted": list(erased.positions),
            "contents": list(erased.contents),
            "runs_deleted": erased.runs,
            "keys_destroyed": erased.keys,
            "unreached": erased.unreached,
            "finished": erased.finished,
        }
        show.print_json(shown)
    else:
        _tell(erased, encrypted)
    _leave(0 if erased.finished else 1)


def _tell(erased: Erased, encrypted: bool) -> None:
    if erased.positions or not erased.contents:
        listed = ", ".join(map(str, erased.positions)) or "none: nothing was left to delete"
        print(f"Deleted the particulars of the entries {listed}.")
    if erased.contents:
        print(f"Deleted the contents of {', '.join(erased.contents)}.")
    if erased.runs:
        print(f"Temporal deletes {erased.runs} closed runs within a minute.")
    if encrypted and not erased.unreached:
        print(f"Destroyed {erased.keys} older keys of the accord.")
    if erased.unreached:
        print(f"Histories are as they were: {erased.unreached} Run this with --finish when it does.")
    elif not erased.continued:
        print("Its open run has not continued yet: see that a worker runs, then run this with --finish.")
    if erased.keys_left:
        print(
            f"Its open run needs {erased.keys_left} older keys until it continues: run this with --finish then."
        )


def _leave(code: int) -> NoReturn:
    """At once, and hard: Temporal's core can crash when it is taken down slowly."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
