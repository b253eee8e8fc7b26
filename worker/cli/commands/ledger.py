"""``entente export``, ``verify``, ``policy``, ``log-key``: the record on its way to whoever has to check it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from activities.checkpoints.checkpoints import Checkpoints
    from activities.ledger.postgres import PostgresLedger
    from activities.runtime.settings import Settings
    from activities.verifier.findings import Report
    from activities.verifier.verify import Trust

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
StateDir = Annotated[Path | None, typer.Option(help="The running stack's directory; .entente by default.")]
Progress = Callable[[int, int], None]
T = TypeVar("T")

_WORTH_PROCESSES: Final = 2_000_000
"""Bytes of a bundle from which on other processes save more than they cost to start: some five thousand entries."""

_MOST_PROCESSES: Final = 3
"""Processes that verify signatures; reading and folding, which one does, keeps no more of them busy."""

_VERIFY_HELP = (
    "Exit codes: 0 nothing is wrong, by what you gave; 1 the file cannot be read, 2 an option is wrong, 10 no bundle, "
    "11 record, 12 consistency, 13 signatures, 14 quorum, 15 acts, 16 completeness, 17 fold, 18 the evidence proves "
    "that the log equivocated, 19 the evidence proves nothing, 20 unproven: nothing is wrong, and something rests on "
    "the bundle's own word, 21 with --strict: nothing is wrong, and a part is withheld or erased. "
    "Example: entente verify visit.bundle --policy parties.policy --command-key KEY --held last.checkpoint"
)


def register(app: typer.Typer) -> None:
    """Add the subcommands."""
    app.command("export", epilog="Example: entente export visit-2027 -o visit.bundle --audience facts")(
        _export
    )
    app.command("verify", epilog=_VERIFY_HELP)(_verify)
    app.command("policy", epilog="Example: entente policy visit-2027 --set parties.policy")(_policy)
    app.command("log-key", epilog="Example: entente log-key /etc/entente/log.key")(_log_key)


@asynccontextmanager
async def opened_checkpoints(settings: Settings) -> AsyncIterator[tuple[PostgresLedger, Checkpoints]]:
    """The ledger of ``DATABASE_URL`` and the checkpoints over it, with the installation's log key."""
    import asyncpg

    from activities.checkpoints.checkpoints import Checkpoints
    from activities.checkpoints.logkeys import LogKeys, guard_directory
    from activities.checkpoints.rollback import Guard
    from activities.ledger.postgres import PostgresLedger

    keys = LogKeys.load(settings.log_key_file, settings.log_origin)
    assert settings.log_key_file is not None  # noqa: S101 - load has refused that
    guard = Guard(guard_directory(settings.log_key_file))
    async with asyncpg.create_pool(settings.database_dsn(), min_size=1, max_size=2) as pool:
        ledger = PostgresLedger(pool)
        yield ledger, Checkpoints(ledger, pool, keys, guard)


def _export(
    accord: Annotated[str, typer.Argument(help="The accord's id.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")],
    audience: Annotated[
        str, typer.Option(help="all: with everything; facts: without names and notes; none: no payloads.")
    ] = "all",
    state_dir: StateDir = None,
    as_json: Json = False,
) -> None:
    """Write an accord's record into one file that its reader can verify without the server.

    Takes the stack that runs on the state directory, or DATABASE_URL, ENTENTE_LOG_KEY_FILE and
    ENTENTE_COMMAND_PUBLIC_KEYS, as the worker has them.
    """
    from activities.bundle.export import export_accord
    from activities.bundle.format import Audience
    from worker.stack.running import settings_here

    chosen: dict[str, Audience] = {"all": "all", "facts": "facts", "none": "none"}
    if audience not in chosen:
        raise typer.BadParameter(f"{audience!r} is not one of {', '.join(chosen)}", param_hint="--audience")
    settings = settings_here(state_dir)

    async def export(progress: Progress) -> int:
        async with opened_checkpoints(settings) as (ledger, checkpoints):
            return await export_accord(
                output,
                checkpoints,
                ledger,
                accord,
                command_keys=settings.command_public_keys,
                audience=chosen[audience],
                progress=progress,
            )

    with _progress_bar("export") as progress:
        size = asyncio.run(export(progress))
    if as_json:
        print(json.dumps({"accord": accord, "file": str(output), "size": size, "audience": audience}))
    else:
        print(f"{output}: {size:,} entries of {accord}. Verify it with: entente verify {output}")


def _verify(
    file: Annotated[Path, typer.Argument(help="A bundle, or evidence of equivocation.")],
    policy: Annotated[
        Path | None,
        typer.Option(help="Policy file with the log's key and the witnesses, from your own delegate."),
    ] = None,
    command_key: Annotated[
        list[str] | None,
        typer.Option(help="Public key (base64) that commands are signed with; may be repeated."),
    ] = None,
    held: Annotated[
        list[Path] | None,
        typer.Option(help="A checkpoint, receipt or finality proof that you kept; may be repeated."),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Ask for the whole record too: 21 where a part is withheld or erased."),
    ] = False,
    evidence: Annotated[
        Path | None, typer.Option(help="Where to write evidence, should the log have equivocated.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check a record without a network: whole, unaltered, signed, agreed by the witnesses, and by the rules."""
    from activities.errors import LedgerError
    from activities.verifier.findings import EXIT_MALFORMED
    from activities.verifier.verify import verify_bundle

    trust = _trust(policy, command_key or [], held or [])
    try:
        with file.open("rb") as opened:
            is_archive = opened.read(1) != b"{"
        if not is_archive:
            raise typer.Exit(_judge(file, trust, as_json=as_json))
        with _progress_bar("verify") as progress, _processes(file) as executor:
            report = verify_bundle(file, trust, progress, executor)
    except OSError as error:
        _say_error(
            f"{error.filename} cannot be read: {error.strerror}", "Name a file that there is", as_json=as_json
        )
        raise typer.Exit(1) from None
    except LedgerError as error:
        _say_error(error.what, error.remedy, as_json=as_json)
        raise typer.Exit(EXIT_MALFORMED) from None
    code = report.exit_code(strict=strict)
    if evidence is not None and report.evidence is not None:
        evidence.write_bytes(report.evidence)
    if as_json:
        print(json.dumps({**report.as_json(), "exit_code": code}, ensure_ascii=False))
    else:
        _print_report(report, code)
        if evidence is not None and report.evidence is not None:
            print(f"The evidence is in {evidence}; anybody can judge it with: entente verify {evidence}")
    raise typer.Exit(code)


@contextmanager
def _processes(file: Path) -> Iterator[Executor | None]:
    """Processes that verify signatures, where there are processors, and the bundle is long enough to be worth it."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    spare = (
        len(os.sched_getaffinity(0)) - 1 if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1) - 1
    )
    if spare < 1 or file.stat().st_size < _WORTH_PROCESSES:
        yield None
        return
    # Not forked: this process may have threads, which show the progress.
    with ProcessPoolExecutor(min(spare, _MOST_PROCESSES), mp_context=get_context("spawn")) as executor:
        yield executor


def _trust(policy: Path | None, command_keys: list[str], held: list[Path]) -> Trust:
    """What the options bring. One that is wrong is wrong usage, whatever the bundle is."""
    from activities.tlog.policy import parse
    from activities.verifier.acts import parse_command_key
    from activities.verifier.held import parse_held
    from activities.verifier.verify import Trust

    for key in command_keys:
        _given("--command-key", lambda key=key: parse_command_key(key))
    return Trust(
        None if policy is None else _given("--policy", lambda: parse(policy.read_bytes())),
        tuple(command_keys),
        tuple(_given("--held", lambda path=path: parse_held(path.read_bytes())) for path in held),
    )


def _given(option: str, read: Callable[..., T]) -> T:
    """What an option's value reads as.

    Raises:
        BadParameter: it cannot be read, or is not what the option takes.
    """
    from activities.errors import LedgerError

    try:
        return read()
    except OSError as error:
        raise typer.BadParameter(
            f"{error.filename} cannot be read: {error.strerror}", param_hint=option
        ) from None
    except LedgerError as error:
        raise typer.BadParameter(_printable(f"{error.what}. {error.remedy}"), param_hint=option) from None


def _judge(file: Path, trust: Trust, *, as_json: bool) -> int:
    """Judge evidence; the log's key has to be known, for anybody can sign contradictions with a key of their own."""
    from activities.errors import ProofInvalid, SignatureInvalid
    from activities.verifier.evidence import MAX_EVIDENCE, parse
    from activities.verifier.findings import EXIT_EQUIVOCATION, EXIT_NO_EVIDENCE

    with file.open("rb") as opened:
        content = parse(opened.read(MAX_EVIDENCE + 1))
    if trust.policy is None:
        raise typer.BadParameter(
            "evidence is judged by the log's own key; give a file that names it", param_hint="--policy"
        )
    try:
        proved, code = content.judge(trust.policy.logs), EXIT_EQUIVOCATION
    except (ProofInvalid, SignatureInvalid) as error:
        proved, code = error.what, EXIT_NO_EVIDENCE
    if as_json:
        verdict = "equivocation" if code == EXIT_EQUIVOCATION else "nothing"
        print(json.dumps({"proves": verdict, "what": proved, "exit_code": code}))
    else:
        print(
            f"{'EQUIVOCATION PROVED' if code == EXIT_EQUIVOCATION else 'NOTHING PROVED'}: {_printable(proved)}."
        )
    return code


def _say_error(what: str, remedy: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"error": {"what": what, "remedy": remedy, "details": ""}}), file=sys.stderr)
    else:
        print(f"Error: {_printable(what)}.\n{_printable(remedy)}.", file=sys.stderr)


def _print_report(report: Report, code: int) -> None:
    from rich.console import Console
    from rich.text import Text

    from activities.verifier.findings import QUESTIONS

    console = Console(highlight=False, soft_wrap=True)
    marks = "".join(
        f" [{mark}]"
        for mark, on in (("ILLUSTRATIVE", report.illustrative), ("SIMULATED CLOCK", report.simulated))
        if on
    )
    said = f"{report.accord}: {report.size:,} entries, log {report.origin}{marks}"
    console.print(Text(_printable(said)))
    stage = _printable(report.stage or "not determined")
    final = "not proved" if report.final_size is None else f"{report.final_size:,} entries"
    console.print(Text(f"final: {final}; stage {stage}"))
    if report.state is not None:
        console.print(Text(f"state at version {report.version}, by rules {report.rules}: {report.state}"))
    styles = {
        "holds": ("✓ holds   ", "green"),
        "fails": ("✗ FAILS   ", "bold red"),
        "unproven": ("? unproven", "yellow"),
        "withheld": ("– in part ", "cyan"),
    }
    for finding in report.findings.values():
        label, style = styles[finding.status]
        line = Text.assemble((label, style), f"  {finding.question}: {QUESTIONS[finding.question][1]}")
        console.print(Text.assemble(line, f" ({finding.checked:,} checked)"))
        for problem in finding.problems:
            console.print(Text(f"      {_printable(problem)}"))
        if finding.failures > len(finding.problems):
            console.print(Text(f"      … and {finding.failures - len(finding.problems):,} more"))
        for gap, count in [*finding.gaps.items(), *finding.absent.items()]:
            console.print(Text(f"      {_printable(gap)}" + (f" ({count:,} times)" if count > 1 else "")))
        for note in finding.notes:
            console.print(Text(f"      {_printable(note)}"))
    console.print(Text(_conclusion(report, code)))


def _conclusion(report: Report, code: int) -> str:
    """The verdict in a sentence. What was not proved by what the reader brought is not called sound."""
    from activities.verifier.findings import EXIT_UNPROVEN, EXIT_WITHHELD

    def those(status: str) -> str:
        return ", ".join(one.question for one in report.findings.values() if one.status == status)

    if code in (0, EXIT_WITHHELD):
        part = f" A part is withheld or erased: {those('withheld')}." if those("withheld") else ""
        return f"Nothing is wrong with what is here, by the keys and the policy that you gave.{part}" + (
            f" (exit code {code})" if code else ""
        )
    if code == EXIT_UNPROVEN:
        return (
            f"Unproven: {those('unproven')}. Nothing here contradicts itself; that much anybody can make up. Give what "
            f"is asked for above, from your own delegate (exit code {code})."
        )
    return f"This record does not stand: {those('fails')} (exit code {code})."


def _printable(text: str) -> str:
    """Text from a record that may be hostile, without what a terminal would obey."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


@contextmanager
def _progress_bar(what: str) -> Iterator[Progress]:
    """A bar on standard error where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, size: bar.update(task, completed=done, total=size)


def _policy(
    accord: Annotated[str, typer.Argument(help="The accord's id.")],
    file: Annotated[Path | None, typer.Option("--set", help="The policy file to put in force.")] = None,
    state_dir: StateDir = None,
    as_json: Json = False,
) -> None:
    """Show, or set, who makes the checkpoints of an accord final; without a policy, the log's key to begin one."""
    from worker.stack.running import settings_here

    settings = settings_here(state_dir)

    async def run() -> dict[str, Any]:
        async with opened_checkpoints(settings) as (_, checkpoints):
            if file is not None:
                await checkpoints.set_policy(accord, file.read_bytes())
            content = await checkpoints.policy_text(accord)
            key = (await checkpoints.verifiers(accord))[0].encoded()
            return {
                "accord": accord,
                "log_key": key,
                "policy": None if content is None else content.decode("latin-1"),
            }

    found = asyncio.run(run())
    if as_json:
        print(json.dumps(found))
    elif found["policy"] is None:
        print(f"# {accord} has no policy yet. Begin one with these lines, and add its witnesses:")
        print(f"log {found['log_key']}\nquorum none")
    else:
        print(found["policy"], end="")


def _log_key(
    file: Annotated[Path, typer.Argument(help="The file to make; ENTENTE_LOG_KEY_FILE names it afterwards.")],
    another: Annotated[
        bool, typer.Option("--another", help="Add a secret above those in the file, for keys to rotate to.")
    ] = False,
) -> None:
    """Make the secret from which the keys of all accords' logs are derived, and the rollback guard beside it."""
    from activities.checkpoints.logkeys import LogKeys, guard_directory
    from activities.errors import SettingsProblem
    from activities.runtime.settings import read_settings

    if another:
        LogKeys.add(file, read_settings().log_origin)
        print(f"{file}: restart API and workers, then rotate each accord: entente rotation begin ACCORD")
        return
    try:
        LogKeys.create(file, read_settings().log_origin)
    except FileExistsError:
        raise SettingsProblem(
            f"There is a file {file} already.",
            "A secret is never overwritten; name another, or add --another.",
        ) from None
    print(f"{file}: keep it secret, with a copy apart from the database's backups.")
    print(f"{guard_directory(file)}: goes where the key goes; it remembers what was signed.")
