"""``entente export``, ``verify``, ``policy``, ``log-key``: the record on its way to whoever has to check it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from activities.checkpoints.checkpoints import Checkpoints
    from activities.ledger.postgres import PostgresLedger
    from activities.runtime.settings import Settings
    from activities.verifier.findings import Report
    from activities.verifier.verify import Trust

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
StateDir = Annotated[Path | None, typer.Option(help="The running stack's directory; .entente by default.")]
Progress = Callable[[int, int], None]

_VERIFY_HELP = (
    "Exit codes: 0 nothing is wrong, 10 no bundle, 11 record, 12 consistency, 13 signatures, 14 quorum, 15 acts, "
    "16 completeness, 17 fold, 18 the evidence proves that the log equivocated, 19 the evidence proves nothing. "
    "Example: entente verify visit.bundle --policy parties.policy --held last.checkpoint"
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
    strict: Annotated[bool, typer.Option("--strict", help="What cannot be proved counts as failed.")] = False,
    evidence: Annotated[
        Path | None, typer.Option(help="Where to write evidence, should the log have equivocated.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check a record without a network: whole, unaltered, signed, agreed by the witnesses, and by the rules."""
    from activities.errors import LedgerError
    from activities.verifier.findings import EXIT_MALFORMED
    from activities.verifier.verify import verify_bundle

    try:
        trust = _trust(policy, command_key or [], held or [])
        with file.open("rb") as opened:
            is_archive = opened.read(1) != b"{"
        if not is_archive:
            raise typer.Exit(_judge(file, trust, as_json=as_json))
        with _progress_bar("verify") as progress:
            report = verify_bundle(file, trust, progress)
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


def _trust(policy: Path | None, command_keys: list[str], held: list[Path]) -> Trust:
    from activities.tlog.policy import parse
    from activities.verifier.verify import Trust
    from activities.verifier.witnessed import parse_held

    return Trust(
        None if policy is None else parse(policy.read_bytes()),
        tuple(command_keys),
        tuple(parse_held(path.read_bytes()) for path in held),
    )


def _judge(file: Path, trust: Trust, *, as_json: bool) -> int:
    """Judge evidence; the log's key has to be known, for anybody can sign contradictions with a key of their own."""
    from activities.errors import Malformed, ProofInvalid, SignatureInvalid
    from activities.verifier.evidence import MAX_EVIDENCE, parse
    from activities.verifier.findings import EXIT_EQUIVOCATION, EXIT_NO_EVIDENCE

    with file.open("rb") as opened:
        content = parse(opened.read(MAX_EVIDENCE + 1))
    if trust.policy is None:
        raise Malformed("evidence is judged by the log's own key", "Give --policy with a file that names it")
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
    console.print(Text(f"final are {report.final_size or 0:,} entries; stage {stage}"))
    if report.state is not None:
        console.print(Text(f"state at version {report.version}, by rules {report.rules}: {report.state}"))
    styles = {
        "holds": ("✓ holds   ", "green"),
        "fails": ("✗ FAILS   ", "bold red"),
        "unproven": ("? unproven", "yellow"),
    }
    for finding in report.findings.values():
        label, style = styles[finding.status]
        line = Text.assemble((label, style), f"  {finding.question}: {QUESTIONS[finding.question][1]}")
        console.print(Text.assemble(line, f" ({finding.checked:,} checked)"))
        for problem in finding.problems:
            console.print(Text(f"      {_printable(problem)}"))
        if finding.failures > len(finding.problems):
            console.print(Text(f"      … and {finding.failures - len(finding.problems):,} more"))
        for gap, count in finding.gaps.items():
            console.print(Text(f"      {_printable(gap)}" + (f" ({count:,} times)" if count > 1 else "")))
        for note in finding.notes:
            console.print(Text(f"      {_printable(note)}"))
    unproven = [finding.question for finding in report.findings.values() if finding.status == "unproven"]
    if code == 0:
        rest = f", but for what is unproven: {', '.join(unproven)}" if unproven else ""
        console.print(Text(f"Nothing is wrong with this record{rest}."))
    else:
        console.print(Text(f"This record does not stand (exit code {code})."))


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
