"""``entente me``, ``join-link`` and ``join``: who one is here, one's keys, and how delegates become known."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Annotated, Any

import typer

from worker.cli.client.group import ShowsByItself
from worker.cli.client.options import Accord, Json, Place, Server, path_of, placed, segment

ValidFor = Annotated[str | None, typer.Option(help="How long it is good, such as P30D or PT12H.")]


def register(app: typer.Typer) -> None:
    """Add the subcommands."""
    me = typer.Typer(cls=ShowsByItself, help="Who you are here, and your keys. By itself: show.")
    me.command("show", epilog="Example: entente me show")(placed(_show))
    me.command("keys", epilog="Example: entente me keys")(placed(_keys))
    me.command("add-key", epilog="Example: entente me add-key --label monitor --scope act:condition_changed")(
        placed(_add_key)
    )
    me.command("revoke-key", epilog="Example: entente me revoke-key h3k5m7p2q4r6")(placed(_revoke_key))
    me.command("accounts", epilog="Example: entente me accounts")(placed(_accounts))
    me.command("unlink", epilog="Example: entente me unlink oidc-21fe31dfa154a261")(placed(_unlink))
    app.add_typer(me, name="me")
    app.command(
        "join-link", epilog="Example: entente join-link working-visit-mzxw6ytboi aa.treaty --valid-for P7D"
    )(placed(_join_link))
    app.command("join", epilog="Example: entente join https://entente.example/join#inv_… -o ~/.entente-key")(
        _join
    )


def _show(place: Place) -> None:
    """Show as whom your key is known, what it is good for, and in which accords you are whose delegate."""
    from worker.cli.client import show

    with place.calls() as calls:
        said = calls.get("/v1/me")
    if place.as_json:
        show.print_json(said)
        return
    out = show.readable(said)
    print(f"{out['delegate'] or 'no delegate yet'} · {out['kind']} · good for {', '.join(out['scopes'])}")
    for one in out["accords"]:
        side = f" for {one['party']}" if one["party"] else ""
        print(f"  {one['accord']} ({one['stage']}): {one['office']}{side}, {', '.join(one['roles'])}")


def _keys(place: Place) -> None:
    """List your keys, and those of the delegates whom you have claimed. Never the secrets."""
    from worker.cli.client import show

    with place.calls() as calls:
        said = calls.get("/v1/api-keys")
    if place.as_json:
        show.print_json(said)
        return
    for one in show.readable(said)["items"]:
        ends = one["revoked"] or one["expires"]
        word = "revoked" if one["revoked"] else "expires"
        until = f"{word} {ends}" if ends else ""
        print("  ".join([one["id"], one["delegate"], ", ".join(one["scopes"]), until, one["label"]]))


def _add_key(
    place: Place,
    label: Annotated[str, typer.Option(help="What the key is for.")] = "",
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="What it is good for: read, act, deposit, keys, or act: and an act; may be repeated."
        ),
    ] = None,
    valid_for: ValidFor = None,
) -> None:
    """Make a further key for yourself, good for less, or for a while. It is shown once."""
    from worker.cli.client import show
    from worker.cli.commands.api_keys import ends_after

    fields: dict[str, Any] = {"label": label} | ({"scopes": scope} if scope else {})
    if (expires := ends_after(valid_for)) is not None:
        fields["expires"] = expires.isoformat()
    with place.calls() as calls:
        said = calls.post("/v1/api-keys", fields, uuid.uuid4().hex)
    show.print_json(said) if place.as_json else print(said["key"])


def _revoke_key(
    place: Place,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The id of the key.", show_default=False)],
) -> None:
    """Revoke a key of yours, or of a delegate whom you have claimed."""
    from worker.cli.client import show

    with place.calls() as calls:
        calls.delete(f"/v1/api-keys/{segment(key)}")
    show.print_json({"revoked": key}) if place.as_json else print(f"revoked {key}")


def _accounts(place: Place) -> None:
    """List the OpenID providers' accounts that are you, or one of the delegates whom you have claimed."""
    from worker.cli.client import show

    with place.calls() as calls:
        said = calls.get("/v1/accounts")
    if place.as_json:
        show.print_json(said)
        return
    for one in show.readable(said)["items"]:
        print("  ".join([one["id"], one["delegate"], one["issuer"], one["subject"]]))


def _unlink(
    place: Place,
    account: Annotated[
        str, typer.Argument(metavar="ACCOUNT", help="The id of the account.", show_default=False)
    ],
) -> None:
    """Unlink a provider's account from you, or from a delegate whom you have claimed: its tokens are nobody's then."""
    from worker.cli.client import show

    with place.calls() as calls:
        calls.delete(f"/v1/accounts/{segment(account)}")
    show.print_json({"unlinked": account}) if place.as_json else print(f"unlinked {account}")


def _join_link(
    place: Place,
    accord: Accord,
    delegate: Annotated[
        str, typer.Argument(metavar="DELEGATE", help="Whom your party has appointed.", show_default=False)
    ],
    valid_for: Annotated[str, typer.Option(help="How long the link is good; at most P30D.")] = "P7D",
) -> None:
    """Make a link by which the person whom your party has appointed becomes known as that delegate; shown once."""
    from worker.cli.client import show

    with place.calls() as calls:
        said = calls.post(
            f"{path_of(accord)}/join-links", {"delegate": delegate, "valid_for": valid_for}, uuid.uuid4().hex
        )
    show.print_json(said) if place.as_json else print(said["link"])


def _join(
    link: Annotated[
        str, typer.Argument(metavar="LINK", help="The whole link that you were sent.", show_default=False)
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A new file for the key; printed where none is named."),
    ] = None,
    label: Annotated[str, typer.Option(help="What the key is for.")] = "",
    server: Server = None,
    look: Annotated[bool, typer.Option("--look", help="Only say as whom you would join.")] = False,
    as_json: Json = False,
) -> None:
    """Join by a link: become known as the delegate whom a contact has appointed. Needs no key; gives you one."""
    from activities.errors import SettingsProblem
    from activities.runtime.durable import write_private
    from worker.cli.client import show
    from worker.cli.client.calling import Calls
    from worker.cli.client.where import DEFAULT_SERVER, Where

    address, _, token = link.rpartition("#")
    base = server or address.removesuffix("/join") or DEFAULT_SERVER
    if output is not None and (output.exists() or not os.access(output.absolute().parent, os.W_OK)):
        # Looked at before: a key that could not be kept would be lost.
        raise SettingsProblem(f"{output} cannot be written anew.", "Name another file with --output.")
    with Calls(Where(base.rstrip("/"), "")) as calls:
        query = [("dry_run", "true")] if look else []
        said = calls.post("/v1/join", {"token": token, "label": label}, None, query)
    if output is not None and said["key"]:
        write_private(output, f"{said.pop('key')}\n".encode())
    if as_json:
        show.print_json(said)
        return
    side = f" for {said['party']}" if said["party"] else ""
    told = f"{said['delegate']}{side}, {said['office']} ({', '.join(said['roles'])}) in {said['accord']}"
    print(f"You {'would be' if look else 'are'} {told}.")
    if said.get("key"):
        print(said["key"])
