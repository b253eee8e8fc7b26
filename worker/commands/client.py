"""``entente start``, ``ls``, ``show``, ``why``, ``act`` and ``preview``: work with accords over the HTTP API."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worker.client.where import Json, KeyFile, Server, Speaker, StateDir

if TYPE_CHECKING:
    from worker.client.calling import Calls

Accord = Annotated[str, typer.Argument(metavar="ACCORD", help="The accord's id.", show_default=False)]
At = Annotated[
    str | None,
    typer.Option(help="The accord's time to ask for, such as 2027-04-12T10:00:00Z; now by default."),
]
Key = Annotated[
    str | None,
    typer.Option(
        "--idempotency-key",
        "--key-id",
        help="Names this request for good; give the same to send it again. Made anew by default, and shown.",
        show_default=False,
    ),
]

_RAW = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def register(app: typer.Typer) -> None:
    """Add the subcommands."""
    app.command("start", epilog="Example: entente start visit.yaml --key-file ~/.entente-key")(_start)
    app.command("ls", epilog="Example: entente ls --stage signing")(_ls)
    app.command("show", epilog="Example: entente show working-visit-mzxw6ytboi --as-of 2027-04-12T10:00:00Z")(
        _show
    )
    app.command("why", epilog="Example: entente why working-visit-mzxw6ytboi visit")(_why)
    app.command(
        "act",
        context_settings=_RAW,
        epilog="Example: entente act working-visit-mzxw6ytboi verify-condition --condition C1 --evidence @report.pdf",
    )(_act)
    app.command(
        "preview",
        context_settings=_RAW,
        epilog="Example: entente preview working-visit-mzxw6ytboi waive-condition --condition C1",
    )(_preview)


def _calls(server: str | None, key_file: Path | None, speaker: str | None, state_dir: Path | None) -> Calls:
    from worker.client.calling import Calls
    from worker.client.where import where

    return Calls(where(server, key_file, speaker, state_dir))


def _start(
    file: Annotated[Path, typer.Argument(help="The definition, in YAML or JSON.", show_default=False)],
    server: Server = None,
    key_file: KeyFile = None,
    speaker: Speaker = None,
    state_dir: StateDir = None,
    key: Key = None,
    as_json: Json = False,
) -> None:
    """Open an accord with a definition, which its parties are then asked to adopt. Only a party's contact can."""
    from worker.client import show
    from worker.client.acting import new_key
    from worker.commands.check import read

    _, definition = read(file)
    key = key or new_key()
    with _calls(server, key_file, speaker, state_dir) as calls:
        receipt = calls.post("/v1/accords", definition.as_facts(), key)
    if as_json:
        show.print_json({"status": "recorded", "idempotency_key": key, "receipt": receipt})
        return
    out = show.console()
    show.show_receipt(out, show.readable(receipt))
    contacts = ", ".join(party.contact for party in definition.parties.values())
    out.print(f"  idempotency key {key}")
    out.print(f"Each party adopts it now ({contacts}):")
    out.print(
        f"  entente act {receipt['accord']} adopt-definition --digest {definition.digest()}", soft_wrap=True
    )


def _ls(
    stage: Annotated[str | None, typer.Option(help="Only accords at this stage, such as signing.")] = None,
    party: Annotated[str | None, typer.Option(help="Only accords with this party, such as RU.")] = None,
    vocabulary: Annotated[str | None, typer.Option(help="Only accords in this vocabulary.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The most accords to show.")] = 50,
    server: Server = None,
    key_file: KeyFile = None,
    speaker: Speaker = None,
    state_dir: StateDir = None,
    as_json: Json = False,
) -> None:
    """List the accords that you can see, the last opened first."""
    from worker.client import show

    filters = {"stage": stage, "party": party, "vocabulary": vocabulary}
    found: list[dict[str, Any]] = []
    after: str | None = None
    with _calls(server, key_file, speaker, state_dir) as calls:
        while True:
            query = [(name, value) for name, value in filters.items() if value]
            query += [("limit", str(min(200, limit - len(found)))), *([("after", after)] if after else [])]
            page = calls.get("/v1/accords", query)
            found += page["items"]
            after = page["next"]
            if after is None or len(found) >= limit:
                break
    if as_json:
        show.print_json({"items": found, "more": after is not None})
    else:
        show.show_list(show.console(), show.readable(found), after is not None)


def _show(
    accord: Accord,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            help="A position (from 0) or a time by RFC 3339: how it stood then.",
            show_default=False,
        ),
    ] = None,
    server: Server = None,
    key_file: KeyFile = None,
    speaker: Speaker = None,
    state_dir: StateDir = None,
    as_json: Json = False,
) -> None:
    """Show how an accord stands: its stage, what is missing, who owes it, by when. Now, or as of any moment."""
    from worker.client import show

    with _calls(server, key_file, speaker, state_dir) as calls:
        said = calls.get(_path(accord), [("as_of", as_of)] if as_of else None)
    if as_json:
        show.print_json(said)
    else:
        show.show_accord(show.console(), show.readable(said), as_of)


def _why(
    accord: Accord,
    step: Annotated[
        str,
        typer.Argument(
            help="A gate (founding, acceptance, visit, arrival, signing, held, release, closing) or an act.",
            show_default=False,
        ),
    ],
    field: Annotated[
        list[str] | None,
        typer.Option("--field", help="For an act: NAME=VALUE, may be repeated.", show_default=False),
    ] = None,
    by: Annotated[str | None, typer.Option(help="For an act: the delegate whose act it would be.")] = None,
    at: At = None,
    server: Server = None,
    key_file: KeyFile = None,
    speaker: Speaker = None,
    state_dir: StateDir = None,
    as_json: Json = False,
) -> None:
    """Ask why a step cannot be taken yet: every guard, met or unmet, who could meet it, and by when."""
    from worker.client import show
    from worker.client.acting import hyphens

    query = [(name, value) for name, value in (("by", by), ("at", at)) if value]
    for one in field or ():
        name, sign, value = one.partition("=")
        if not sign or not name or name in ("at", "by"):
            raise typer.BadParameter(f"{one!r} is not NAME=VALUE", param_hint="--field")
        query.append((name.replace("-", "_"), value))
    with _calls(server, key_file, speaker, state_dir) as calls:
        said = calls.get(f"{_path(accord)}/why/{_segment(hyphens(step))}", query)
    if as_json:
        show.print_json(said)
    else:
        show.show_why(show.console(), show.readable(said))


def _act(
    context: typer.Context,
    listing: Annotated[bool, typer.Option("--list", help="Show every act, and do none.")] = False,
) -> None:
    """Do an act: entente act ACCORD ACT and its fields as options. `entente act ACT --help` tells an act's fields.

    `entente ACT ACCORD` is the same. An act is sent under an idempotency key, which is shown: with it, the same
    act can be sent again and is done once.
    """
    if listing:
        _list_acts("--json" in context.args)
        return
    _run_act(context, "act")


def _preview(context: typer.Context) -> None:
    """Ask what an act would do, without doing it: entente preview ACCORD ACT and its fields as options.

    Shows the events that it would cause, what it would open and reopen, or why it would be refused (exit code 5).
    """
    _run_act(context, "preview")


def _run_act(context: typer.Context, verb: str) -> None:
    import inspect

    from worker.client.acting import ActCommand, act_named, hyphens, named_function

    words = context.args
    place = next((index for index, one in enumerate(words[:2]) if act_named(one)), None)
    if place is None:
        _no_act(context, words)
        return
    act = act_named(words[place])
    assert act is not None  # noqa: S101 - `place` was chosen by it
    command = ActCommand(act)
    signature = inspect.signature(_doing if verb == "act" else _previewing, eval_str=True)
    common = [one for one in signature.parameters.values() if one.name not in ("command", "given")]
    first, rest = common[0], [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in common[1:]]

    def run(**given: Any) -> None:
        fields = {one.name: given.pop(one.name) for one in command.fields}
        (_doing if verb == "act" else _previewing)(command=command, given=fields, **given)

    app = typer.Typer(
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.command(epilog=command.example(verb))(
        named_function(act.name, command.help(), [first, *command.parameters(), *rest], run)
    )
    code = typer.main.get_command(app).main(
        [*words[:place], *words[place + 1 :]],
        prog_name=f"entente {verb} {hyphens(act.name)}",
        standalone_mode=False,
    )
    if code:
        raise typer.Exit(code)


def _no_act(context: typer.Context, words: list[str]) -> None:
    """Show the help, or say that there is no such act."""
    import difflib

    from worker.client.acting import hyphens
    from workflows.acts import ACTS

    if not words or {"-h", "--help"} & set(words):
        typer.echo(context.get_help())
        return
    named = words[1] if len(words) > 1 and not words[1].startswith("-") else words[0]
    like = difflib.get_close_matches(named, [hyphens(name) for name in ACTS], n=2)
    meant = f"; did you mean {' or '.join(like)}?" if like else "; entente act --list shows them"
    if len(words) == 1:
        raise typer.BadParameter("give an accord and an act; entente act --list shows the acts")
    raise typer.BadParameter(f"there is no act {named!r}{meant}")


Fields = Annotated[
    str | None,
    typer.Option(
        "--fields",
        help="The act's fields as JSON, or @FILE with YAML or JSON; options come over them.",
        show_default=False,
    ),
]


def _doing(
    accord: Accord,
    *,
    command: Any,
    given: dict[str, Any],
    fields: Fields = None,
    server: Server = None,
    key_file: KeyFile = None,
    speaker: Speaker = None,
    state_dir: StateDir = None,
    key: Key = None,
    if_match: Annotated[
        str,
        typer.Option(
            "--if-match", help="Only if the accord is still at this version, such as v17.", show_default=False
        ),
    ] = "",
    as_json: Json = False,
) -> None:
    from worker.client import show
    from worker.client.acting import hyphens, new_key
    from worker.client.calling import RefusedAct

    body = command.read(given, fields)
    key = key or new_key()
    signal = command.act.signal
    out = show.console()
    with _calls(server, key_file, speaker, state_dir) as calls:
        try:
            said = calls.post(
                f"{_path(accord)}/{'signals/' if signal else ''}{hyphens(command.act.name)}",
                body,
                key,
                if_match=if_match,
            )
        except RefusedAct as refused:
            if as_json:
                show.print_json({"status": "refused", "idempotency_key": key, "problem": refused.problem})
            else:
                show.show_refusal(out, show.readable(refused.problem))
                out.print(f"  idempotency key {key}")
            raise typer.Exit(5) from None
        stands = None if as_json or signal else calls.get(_path(accord))
    if as_json:
        status, name = ("passed_on", "signal") if signal else ("recorded", "receipt")
        show.print_json({"status": status, "idempotency_key": key, name: said})
        return
    if signal:
        out.print(
            f"→ passed on: {command.act.name.replace('_', ' ')}; the record will have it as {said['command']}"
        )
    else:
        show.show_receipt(out, show.readable(said))
    out.print(f"  idempotency key {key}")
    if stands:
        out.print(show.ladder(stands["vocabulary"], stands["stage"]))


def _previewing(
    accord: Accord,
    *,
    command: Any,
    given: dict[str, Any],
    fields: Fields = None,
    at: At = None,
    server: Server = None,
    key_file: KeyFile = None,
    speaker: Speaker = None,
    state_dir: StateDir = None,
    as_json: Json = False,
) -> None:
    from worker.client import show
    from worker.client.acting import hyphens

    body = command.read(given, fields)
    signals = "signals/" if command.act.signal else ""
    with _calls(server, key_file, speaker, state_dir) as calls:
        query = [("dry_run", "true"), *([("at", at)] if at else [])]
        said = calls.post(f"{_path(accord)}/{signals}{hyphens(command.act.name)}", body, None, query)
        vocabulary = "" if as_json else calls.get(_path(accord))["vocabulary"]
    if as_json:
        show.print_json(said)
    else:
        show.show_preview(show.console(), show.readable(said), vocabulary)
    if said["would_be"] == "refused":
        raise typer.Exit(5)


def _list_acts(as_json: bool) -> None:
    from worker.client import show
    from worker.client.acting import listed

    acts = listed()
    if as_json:
        show.print_json(acts)
        return
    rows = show.table("act", "what it does", "who may")
    track = ""
    for one in acts:
        if one["track"] != track:
            track = one["track"]
            rows.add_section()
        rows.add_row(one["act"], one["says"], one["who"])
    show.console().print(rows)


def _segment(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")


def _path(accord: str) -> str:
    return f"/v1/accords/{_segment(accord)}"
