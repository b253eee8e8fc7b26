"""``entente verify`` and ``entente read``: a record, checked and read without a network."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

from worker.cli.commands.ledger import Json, progress_bar
from worker.cli.commands.reporting import print_report, printable, shown_time

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from activities.verifier.findings import Report
    from activities.verifier.minutes import Minute
    from activities.verifier.verify import Trust
    from workflows.model.commands import RecordedEvent

T = TypeVar("T")

Bundle = Annotated[Path, typer.Argument(help="A bundle.")]
PolicyFile = Annotated[
    Path | None,
    typer.Option(
        "--policy", help="Policy file with the log's key and the witnesses, from your own delegate."
    ),
]
CommandKeys = Annotated[
    list[str] | None,
    typer.Option("--command-key", help="Public key (base64) that commands are signed with; may be repeated."),
]
Kept = Annotated[
    list[Path] | None,
    typer.Option("--held", help="A checkpoint, receipt or finality proof that you kept; may be repeated."),
]

Certificates = Annotated[
    list[Path] | None,
    typer.Option(
        "--tsa-certificate",
        help="Root certificate (PEM or DER) of a time-stamp authority, from the authority itself, and those that stand "
        "between it and the signer, in one file or in several; may be repeated.",
    ),
]

_WORTH_PROCESSES: Final = 2_000_000
"""Bytes of a bundle from which on other processes save more than they cost to start: some five thousand entries."""

_MOST_PROCESSES: Final = 3
"""Processes that verify signatures; reading and folding, which one does, keeps no more of them busy."""

_VERIFY_HELP = (
    "Exit codes: 0 nothing is wrong, by what you gave; 1 the file cannot be read, 2 an option is wrong, 10 no bundle, "
    "11 record, 12 consistency, 13 signatures, 14 quorum, 15 acts, 16 completeness, 17 fold, 18 the evidence proves "
    "that the log equivocated, 19 the evidence proves nothing, 20 unproven: nothing is wrong, and something rests on "
    "the bundle's own word, 21 with --strict: nothing is wrong, and a part is withheld or erased, 22 files, "
    "23 timestamps. "
    "Example: entente verify visit.bundle --policy parties.policy --command-key KEY --held last.checkpoint"
)

_READ_HELP = (
    "Exit codes as those of entente verify. "
    "Example: entente read visit.bundle --policy parties.policy --command-key KEY"
)


def register(app: typer.Typer) -> None:
    """Add the subcommands."""
    app.command("verify", epilog=_VERIFY_HELP)(_verify)
    app.command("read", epilog=_READ_HELP)(_read)


def _verify(
    file: Annotated[Path, typer.Argument(help="A bundle, or evidence of equivocation.")],
    policy: PolicyFile = None,
    command_key: CommandKeys = None,
    held: Kept = None,
    tsa_certificate: Certificates = None,
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
    from activities.verifier.verify import verify_bundle

    trust = _trust(policy, command_key or [], held or [], tsa_certificate or [])
    with _file_errors(as_json=as_json):
        with file.open("rb") as opened:
            is_archive = opened.read(1) != b"{"
        if not is_archive:
            raise typer.Exit(_judge(file, trust, as_json=as_json))
        with progress_bar("verify") as progress, _processes(file) as executor:
            report = verify_bundle(file, trust, progress, executor)
    code = report.exit_code(strict=strict)
    if as_json:
        print(json.dumps({**report.as_json(), "exit_code": code}, ensure_ascii=False))
    else:
        print_report(report, code)
    if evidence is not None and report.evidence is not None:
        _write_evidence(evidence, report.evidence, as_json=as_json)
    raise typer.Exit(code)


def _write_evidence(file: Path, content: bytes, *, as_json: bool) -> None:
    """Write what proves that the log equivocated; that it could not be written does not hide what was found."""
    try:
        file.write_bytes(content)
    except OSError as error:
        what = f"the evidence could not be written to {file}: {error.strerror}"
        _say_error(what, "Verify once more with --evidence and a file that can be written", as_json=as_json)
        return
    if not as_json:
        print(f"The evidence is in {file}; anybody can judge it with: entente verify {file} --policy POLICY")


def _read(
    file: Bundle,
    policy: PolicyFile = None,
    command_key: CommandKeys = None,
    held: Kept = None,
    tsa_certificate: Certificates = None,
    as_json: Json = False,
) -> None:
    """Read the minutes of a record: each act, with what was proved of it, and by which key.

    What cannot be proved by what you give stands there as unproven. The verdict on the whole stands at the end.
    """
    from activities.verifier.verify import verify_bundle

    trust = _trust(policy, command_key or [], held or [], tsa_certificate or [])
    told: list[dict[str, Any]] = []
    spoken = ["diplomatic"]
    with _file_errors(as_json=as_json), progress_bar("read") as progress:
        report = verify_bundle(file, trust, progress, minutes=lambda one: told.append(_told(one, spoken)))
    code = report.exit_code()
    if as_json:
        final = report.final_size or 0
        minutes = [
            {**one, "final": one["position"] < final, "outside": _outside(one["position"], report)}
            for one in told
        ]
        print(
            json.dumps(
                {"report": report.as_json(), "minutes": minutes, "exit_code": code}, ensure_ascii=False
            )
        )
    else:
        for one in told:
            _print_minute(one, report)
        print()
        print_report(report, code)
    raise typer.Exit(code)


@contextmanager
def _file_errors(*, as_json: bool) -> Iterator[None]:
    """Say what is wrong with the file, and end: 1 where it cannot be read, 10 where it is no bundle."""
    from activities.errors import LedgerError
    from activities.verifier.findings import EXIT_MALFORMED

    try:
        yield
    except OSError as error:
        _say_error(
            f"{error.filename} cannot be read: {error.strerror}", "Name a file that there is", as_json=as_json
        )
        raise typer.Exit(1) from None
    except LedgerError as error:
        _say_error(error.what, error.remedy, as_json=as_json)
        raise typer.Exit(EXIT_MALFORMED) from None


def _told(minute: Minute, spoken: list[str]) -> dict[str, Any]:
    """A minute as JSON values, with its sentences; ``spoken`` keeps the vocabulary, which the first entry names."""
    from activities.ledger.entry import time_text
    from activities.reading.minutes import entry_says

    def says(event: RecordedEvent) -> str:
        try:
            return entry_says(event, spoken[-1])
        except Exception:
            # The record may be anybody's: what is no event of the model has its type, and the fold says what is wrong.
            return event.type

    first = next((event for event in minute.events if "act" in event.facts), minute.events[0])
    opened = first.facts.get("event", {}).get("definition") if first.position == 0 else None
    if isinstance(opened, dict):
        spoken.append(str(opened.get("vocabulary", spoken[-1])))
    return {
        "position": minute.last,
        "time": time_text(first.time),
        "command": minute.command,
        "says": [says(event) for event in minute.events],
        "text": minute.text,
        "signed": minute.proof.signed,
        "key": minute.proof.key,
        "key_given": minute.given,
        "own_key": minute.own,
        "by_the_rules": minute.follows,
        "problem": minute.proof.problem,
    }


def _print_minute(told: dict[str, Any], report: Report) -> None:
    """A few lines: what happened, the act's free text, and what was proved."""
    from activities.verifier.outside import covering

    proofs = {
        "signed": f"signed under the command key {told['key']}"
        + ("" if told["key_given"] else ", which came with the bundle: unproven"),
        "unsigned": "nobody signs for this",
        "withheld": "the signed command is withheld",
        "erased": "the signed command is erased",
        "unheard": "of who might not act: nothing of what was asked for is kept",
        "wrong": f"✗ NOT PROVED: {told['problem']}",
    }
    words = [proofs[told["signed"]]]
    if told["own_key"] is not None:
        words.append(f"signed with the delegate's own key {told['own_key']}")
    rules = {True: "follows by the rules", False: "✗ DOES NOT FOLLOW by the rules", None: "rules not applied"}
    words.append(rules[told["by_the_rules"]])
    words.append("final" if told["position"] < (report.final_size or 0) else "not proved final")
    for stretch in covering(told["position"], report.outside):
        words.append(f"existed before {shown_time(stretch.before)}, by {stretch.whose}")
    first, *rest = told["says"]
    print(printable(f"{told['position']:>6}  {told['time'][:16].replace('T', ' ')}  {first}"))
    for line in [*(f"→ {one}" for one in rest), *(f"“{value}”" for value in map(str, told["text"].values()))]:
        print(printable(f"        {line}"))
    print(printable(f"        [{'; '.join(words)}]"))


def _outside(position: int, report: Report) -> list[dict[str, Any]]:
    """Before when an entry existed by those outside, as JSON values."""
    from activities.verifier.outside import covering

    told = [stretch.as_json() for stretch in covering(position, report.outside)]
    return [{name: one[name] for name in ("before", "by", "kind")} for one in told]


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


def _trust(policy: Path | None, command_keys: list[str], held: list[Path], certificates: list[Path]) -> Trust:
    """What the options bring. One that is wrong is wrong usage, whatever the bundle is."""
    from activities.timestamps.token import parse_certificates, with_a_root
    from activities.tlog.policy import parse
    from activities.verifier.acts import parse_command_key
    from activities.verifier.held import parse_held
    from activities.verifier.verify import Trust

    for key in command_keys:
        _given("--command-key", lambda key=key: parse_command_key(key))
    brought = [
        certificate
        for path in certificates
        for certificate in _given(
            "--tsa-certificate", lambda path=path: parse_certificates(path.read_bytes())
        )
    ]
    return Trust(
        None if policy is None else _given("--policy", lambda: parse(policy.read_bytes())),
        tuple(command_keys),
        tuple(_given("--held", lambda path=path: parse_held(path.read_bytes())) for path in held),
        _given("--tsa-certificate", lambda: with_a_root(brought)),
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
        raise typer.BadParameter(printable(f"{error.what}. {error.remedy}"), param_hint=option) from None


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
            f"{'EQUIVOCATION PROVED' if code == EXIT_EQUIVOCATION else 'NOTHING PROVED'}: {printable(proved)}."
        )
    return code


def _say_error(what: str, remedy: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"error": {"what": what, "remedy": remedy, "details": ""}}), file=sys.stderr)
    else:
        print(f"Error: {printable(what)}.\n{printable(remedy)}.", file=sys.stderr)
