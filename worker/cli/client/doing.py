"""Doing an act, or asking what it would do: ``entente act`` and ``entente preview``, for whatever act is named."""

from __future__ import annotations

import difflib
import inspect
from typing import Annotated, Any

import typer

from activities.errors import RuntimeProblem
from worker.cli.client import show
from worker.cli.client.acting import ActCommand, act_named, hyphens, listed, new_key
from worker.cli.client.calling import Calls, RefusedAct
from worker.cli.client.config import read_config
from worker.cli.client.options import (
    Accord,
    At,
    Fields,
    Key,
    Place,
    named_function,
    parameters_of,
    path_of,
    placed,
)
from worker.cli.client.prefixes import is_beginning, whole_digest
from worker.cli.client.signing import NotAfter, Signer, SignWith, key_header, own_headers
from workflows.model.declared import ACTS

REFUSED = 5
"""The exit code where a guard refuses, or would refuse."""


def run_act(context: typer.Context, verb: str) -> None:
    """Run ``act`` or ``preview`` (the verb) with the words that follow it: an accord and an act, in either order.

    Raises:
        typer.BadParameter: no act is named, or what is given cannot be read.
        typer.Exit: it is refused, or failed.
    """
    words = context.args
    at = next((index for index, one in enumerate(words[:2]) if act_named(one)), None)
    act = act_named(words[at]) if at is not None else None
    if at is None or act is None:
        _no_act(context, words)
        return
    command = ActCommand(act)
    work = placed(_doing if verb == "act" else _previewing, look_up=False)
    common = [one for one in parameters_of(work) if one.name not in ("command", "given")]
    first, rest = common[0], [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in common[1:]]

    def run(**given: Any) -> None:
        fields = {one.name: given.pop(one.name) for one in command.fields}
        work(command=command, given=fields, **given)

    app = typer.Typer(
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.command(epilog=command.example(verb))(
        named_function(act.name, command.help(), [first, *command.parameters(), *rest], run)
    )
    code = typer.main.get_command(app).main(
        [*words[:at], *words[at + 1 :]],
        prog_name=f"entente {verb} {hyphens(act.name)}",
        standalone_mode=False,
    )
    if code:
        raise typer.Exit(code)


def _no_act(context: typer.Context, words: list[str]) -> None:
    """Show the help, or say that there is no such act."""
    if not words or {"-h", "--help"} & set(words):
        typer.echo(context.get_help())
        return
    named = words[1] if len(words) > 1 and not words[1].startswith("-") else words[0]
    like = difflib.get_close_matches(named, [hyphens(name) for name in ACTS], n=2)
    meant = f"; did you mean {' or '.join(like)}?" if like else "; entente act --list shows them"
    if len(words) == 1:
        raise typer.BadParameter("give an accord and an act; entente act --list shows the acts")
    raise typer.BadParameter(f"there is no act {named!r}{meant}")


def _doing(
    place: Place,
    accord: Accord,
    *,
    command: Any,
    given: dict[str, Any],
    fields: Fields = None,
    key: Key = None,
    if_match: Annotated[
        str,
        typer.Option(
            "--if-match", help="Only if the accord is still at this version, such as v17.", show_default=False
        ),
    ] = "",
    sign_with: SignWith = None,
    signer: Signer = None,
    not_after: NotAfter = "",
) -> None:
    config = read_config()
    sign_with, signer = sign_with or config.sign_with, signer or config.signer
    # What is wrong with the fields is said before anybody is asked.
    body = command.read(given, fields)
    accord = place.whole_id(accord)
    body = _whole(place, accord, command, body)
    key = key or new_key()
    if not_after and sign_with is None:
        raise typer.BadParameter(
            "only a signature has an end; give --sign-with as well", param_hint="--not-after"
        )
    own = own_headers(
        sign_with,
        signer or place.speaker or config.speaker,
        accord,
        command.act.name,
        body,
        key,
        if_match=if_match,
        not_after=not_after,
    )
    signal = command.act.signal
    out = show.console()
    with place.calls() as calls:
        if not place.as_json:
            # First, for whoever breaks it off to know under which key to go on.
            out.print(f"idempotency key {key}")
        try:
            said = calls.post(
                f"{path_of(accord)}/{'signals/' if signal else ''}{hyphens(command.act.name)}",
                body,
                key,
                if_match=if_match,
                signed=own,
            )
        except RefusedAct as refused:
            if place.as_json:
                show.print_json({"status": "refused", "idempotency_key": key, "problem": refused.problem})
            else:
                stands = _standing(calls, accord)
                show.show_refusal(out, show.readable(refused.problem), stands["vocabulary"] if stands else "")
            raise typer.Exit(REFUSED) from None
        stands = None if place.as_json or signal else _standing(calls, accord)
    if place.as_json:
        status, name = ("passed_on", "signal") if signal else ("recorded", "receipt")
        show.print_json({"status": status, "idempotency_key": key, name: said})
        return
    if signal:
        out.print(
            f"→ passed on: {show.doing(command.act.name, '')}; the record will have it as {said['command']}"
        )
    else:
        show.show_receipt(out, show.readable(said), stands["vocabulary"] if stands else "")
    if stands:
        out.print(show.ladder(stands["vocabulary"], stands["stage"]))


def _whole(place: Place, accord: str, command: Any, body: dict[str, Any]) -> dict[str, Any]:
    """The act's fields with whole digests, where beginnings are given.

    Raises:
        Ambiguous: a beginning is not that of one digest.
    """

    def given(name: str) -> list[Any]:
        value = body.get(name)
        return value if isinstance(value, list) else [value]

    names = [one.name for one in command.fields if one.digests and one.name in body]
    short = [one for name in names for one in given(name) if isinstance(one, str) and is_beginning(one)]
    if not short:
        return body
    with place.calls() as calls:
        whole = {one: whole_digest(calls, accord, one) for one in dict.fromkeys(short)}
    filled = dict(body)
    for name in names:
        value = body[name]
        filled[name] = (
            [whole.get(one, one) if isinstance(one, str) else one for one in value]
            if isinstance(value, list)
            else whole.get(value, value)
        )
    return filled


def _standing(calls: Calls, accord: str) -> dict[str, Any] | None:
    """How the accord stands; none where that cannot be read, which makes what was done no less done."""
    try:
        return calls.get(path_of(accord))
    except RuntimeProblem:
        return None


def _previewing(
    place: Place,
    accord: Accord,
    *,
    command: Any,
    given: dict[str, Any],
    fields: Fields = None,
    at: At = None,
    sign_with: SignWith = None,
) -> None:
    sign_with = sign_with or read_config().sign_with
    # What is wrong with the fields is said before anybody is asked.
    body = command.read(given, fields)
    accord = place.whole_id(accord)
    body = _whole(place, accord, command, body)
    signals = "signals/" if command.act.signal else ""
    with place.calls() as calls:
        query = [("dry_run", "true"), *([("at", at)] if at else [])]
        said = calls.post(
            f"{path_of(accord)}/{signals}{hyphens(command.act.name)}",
            body,
            None,
            query,
            signed=key_header(sign_with),
        )
        stands = None if place.as_json else _standing(calls, accord)
    if place.as_json:
        show.print_json(said)
    else:
        show.show_preview(show.console(), show.readable(said), stands["vocabulary"] if stands else "")
    if said["would_be"] == "refused":
        raise typer.Exit(REFUSED)


def list_acts(as_json: bool) -> None:
    """Print every act: what it does, and who may."""
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
