"""The ``entente`` command. Each file in ``worker/cli/commands`` adds its subcommands by ``register(app)``."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import sys
import traceback
from importlib.metadata import version
from typing import Annotated

import typer

import worker.cli.commands
from worker.cli.client.group import WithActs
from workflows.errors import EntenteError

EPILOG = (
    "Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 a server does not answer, "
    "4 the state directory is in use, 5 an act is refused, 70 a fault of this program."
)

INTERNAL = 70
"""The exit code for what no command foresaw (EX_SOFTWARE of sysexits.h)."""


def make_app() -> typer.Typer:
    """The command with all its subcommands, in the order of their files' names."""
    app = typer.Typer(
        name="entente",
        cls=WithActs,
        help="Carry an accord between parties who need not trust each other, from invitation to signing.",
        epilog=EPILOG,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def options(
        version: Annotated[
            bool,
            typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True),
        ] = False,
    ) -> None:
        pass

    for found in sorted(pkgutil.iter_modules(worker.cli.commands.__path__), key=lambda module: module.name):
        module = importlib.import_module(f"worker.cli.commands.{found.name}")
        if hasattr(module, "register"):
            module.register(app)
    return app


def _version(asked: bool) -> None:
    """Print which version this is: of the package, and the newest rules that it judges by."""
    if asked:
        from workflows.model.definition import RULES

        print(f"entente {version('entente')}, rules up to {RULES}")
        raise typer.Exit


def report(error: Exception) -> int:
    """Say on standard error what failed and what to do next, as JSON under ``--json``; the exit code for it.

    An ``EntenteError`` says both itself; any other error is a fault of this program.
    """
    if isinstance(error, EntenteError):
        what, remedy, details, code = error.what, error.remedy, error.details, error.exit_code
    else:
        what = f"This is a fault in entente: {type(error).__name__}: {error}"
        remedy, details, code = "Report it; ENTENTE_LOG_LEVEL=debug shows where it happened.", "", INTERNAL
        if os.environ.get("ENTENTE_LOG_LEVEL") == "debug":
            traceback.print_exception(error)
    if "--json" in sys.argv:
        print(json.dumps({"error": {"what": what, "remedy": remedy, "details": details}}), file=sys.stderr)
    else:
        said = f"Error: {what}"
        # Styled with no colour it would still end in an escape code, which no file or pipe is for.
        lines = [typer.style(said, fg="red") if sys.stderr.isatty() else said, details, remedy]
        print("\n".join(line for line in lines if line), file=sys.stderr)
    return code


def main() -> None:
    """Run the command and exit."""
    try:
        make_app()()
    except Exception as error:
        sys.exit(report(error))


if __name__ == "__main__":
    main()
