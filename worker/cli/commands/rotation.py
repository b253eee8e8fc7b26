"""``entente rotation``: another key for an accord's log, by entries on its record, and the end of the old one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import typer

from worker.cli.client.options import Accord, Key, Place, placed

if TYPE_CHECKING:
    from activities.checkpoints.checkpoints import Checkpoints
    from activities.runtime.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the subcommands."""
    rotation = typer.Typer(help="Give an accord's log another key, by its record.", no_args_is_help=True)
    rotation.command("begin", epilog="Example: entente rotation begin visit-2027 --key-file operator.key")(
        placed(_begin)
    )
    rotation.command("end", epilog="Example: entente rotation end visit-2027 --key-file operator.key")(
        placed(_end)
    )
    app.add_typer(rotation, name="rotation")


def _begin(place: Place, accord: Accord, key: Key = None) -> None:
    """Put the newest secret's key of the log on record: both keys sign from here on.

    Runs where the log's key file is, with an operator's API key. First add a secret: entente log-key FILE --another,
    and restart API and workers. Then tell the parties' witnesses: entente witness DIRECTORY --follow BUNDLE
    --command-key KEY.
    """
    from activities.errors import RuntimeProblem
    from worker.cli.client.operating import send
    from worker.stack.running import settings_here

    settings = settings_here(place.state_dir)

    async def keys(checkpoints: Checkpoints) -> tuple[str, str]:
        old = (await checkpoints.verifiers(accord))[-1].encoded()
        return old, checkpoints.keys.verifiers(accord)[0].encoded()

    old, new = asyncio.run(_with_checkpoints(settings, keys))
    if old == new:
        raise RuntimeProblem(
            "The newest secret in the key file is the one that signs this log already.",
            "Add another: entente log-key FILE --another, restart API and workers, and begin again.",
        )
    send(place, accord, "rotate_log_key", {"old": old, "new": new}, key)
    _sign(place, settings, accord)


def _end(place: Place, accord: Accord, key: Key = None) -> None:
    """Put on record that the older key of the log counts no more. The newest alone signs from here on."""
    from activities.errors import RuntimeProblem
    from worker.cli.client.operating import send
    from worker.stack.running import settings_here

    settings = settings_here(place.state_dir)

    async def overlap(checkpoints: Checkpoints) -> str | None:
        """The older key, once a checkpoint of the overlap is there, by which its readers learn the new one."""
        signing = await checkpoints.verifiers(accord)
        if len(signing) < 2:
            return None
        await checkpoints.sign(accord)
        return signing[-1].encoded()

    old = asyncio.run(_with_checkpoints(settings, overlap))
    if old is None:
        raise RuntimeProblem(
            "One key alone signs this log by its record.", "Begin a rotation: entente rotation begin ACCORD"
        )
    send(place, accord, "retire_log_key", {"key": old}, key)
    _sign(place, settings, accord)


async def _with_checkpoints(settings: Settings, work: Any) -> Any:
    from worker.cli.commands.ledger import opened_checkpoints

    async with opened_checkpoints(settings) as (_, checkpoints):
        return await work(checkpoints)


def _sign(place: Place, settings: Settings, accord: str) -> None:
    """Sign the record as it stands now, with every key that counts there, and show which these are."""
    from worker.cli.client import show

    async def sign(checkpoints: Checkpoints) -> tuple[int, list[str]]:
        kept = await checkpoints.sign(accord)
        return kept.checkpoint.size, [one.encoded() for one in await checkpoints.verifiers(accord)]

    size, signing = asyncio.run(_with_checkpoints(settings, sign))
    if place.as_json:
        show.print_json({"accord": accord, "size": size, "log_keys": signing})
        return
    print(f"The checkpoint at {size} entries of {accord} is signed with:")
    print("\n".join(signing))
