"""``entente erase``: put an erasure on an accord's record, then delete what it names; or finish what was cut short."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from worker.cli.client.options import Accord, Key, Place, placed


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command(
        "erase",
        epilog="Example: entente erase visit-2027 --position 7 --ground 'Article 17' --ordered-by 'Data office'",
    )(placed(_erase))


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
    and entente_eraser; contents also from the object store of ENTENTE_FILES_URL. Whatever is on record as erased and is
    still there is deleted as well: run it again, or with --finish, after it was cut short.
    """
    from activities.files.erasing import Erasing
    from activities.files.store import open_store
    from activities.ledger.connections import reading_pool
    from activities.ledger.erasing import finish_erasing
    from activities.ledger.postgres import PostgresLedger
    from worker.cli.client import show
    from worker.cli.client.operating import send
    from worker.stack.running import settings_here

    if (bool(position) + bool(file) + finish) != 1:
        raise typer.BadParameter(
            "give one of --position and --file, with --ground and --ordered-by, or --finish"
        )
    why = {"ground": ground, "ordered_by": ordered_by}
    if position:
        send(place, accord, "erase_particulars", {"positions": position, **why}, key)
    if file:
        send(place, accord, "erase_contents", {"digests": file, **why}, key)

    async def delete() -> tuple[list[int], list[str]]:
        settings = settings_here(place.state_dir, erasing=True)
        store = open_store(settings)
        async with (
            PostgresLedger.connect(settings.database_dsn()) as ledger,
            reading_pool(settings.database_dsn(), max_size=1) as pool,
        ):
            positions = await finish_erasing(ledger, ledger, accord)
            return positions, await Erasing(pool, store).finish(ledger, accord)

    positions, contents = asyncio.run(delete())
    if place.as_json:
        show.print_json({"accord": accord, "deleted": positions, "contents": contents})
        return
    if positions or not contents:
        listed = ", ".join(map(str, positions)) or "none: nothing was left to delete"
        print(f"Deleted the particulars of the entries {listed}.")
    if contents:
        print(f"Deleted the contents of {', '.join(contents)}.")
