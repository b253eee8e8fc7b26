"""The command's help by panels, its version, and options before the subcommand."""

from __future__ import annotations

from importlib.metadata import version

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from worker.cli.client.group import PANELS
from worker.cli.main import make_app


def test_every_subcommand_has_its_panel() -> None:
    listed = [name for names in PANELS.values() for name in names]
    assert sorted(listed) == sorted(get_command(make_app()).commands)  # type: ignore[attr-defined]
    shown = CliRunner().invoke(make_app(), ["--help"]).output
    places = [shown.index(panel) for panel in PANELS]
    assert places == sorted(places)


def test_the_version_is_the_packages() -> None:
    result = CliRunner().invoke(make_app(), ["--version"])
    assert (result.exit_code, result.output) == (0, f"entente {version('entente')}, rules up to 1\n")


@pytest.mark.parametrize(
    "args",
    [
        ["--json", "check", "no-such-file.yaml"],
        ["check", "--json", "no-such-file.yaml"],
        ["check", "no-such-file.yaml", "--json"],
    ],
)
def test_options_stand_anywhere(args: list[str]) -> None:
    result = CliRunner().invoke(make_app(), args)
    assert result.exit_code == 1
    assert (
        str(result.exception).startswith("no-such-file.yaml cannot be read")
        or "cannot be read" in result.output
    )


def test_what_is_no_option_of_any_command_is_told() -> None:
    result = CliRunner().invoke(make_app(), ["--nonsense"])
    assert result.exit_code == 2
    assert "--nonsense" in result.output


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--language", "xx"], "choose one of en (English), ru (Русский)"),
        (["--hour", "24"], "'--hour': give 23 at most"),
        (["--hour", "-1"], "'--hour': give 0 at least"),
        (["--hour", "noon"], "'--hour': give a whole number"),
    ],
)
def test_a_wrong_value_is_told_in_plain_words(args: list[str], said: str) -> None:
    result = CliRunner().invoke(make_app(), ["notices", *args], env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert said in result.output


@pytest.mark.parametrize(
    ("args", "meant"),
    [
        (["me", "--nonsense"], "me show"),
        (["me", "--as", "x", "--nonsense"], "me show"),
        (["me", "--nonsense", "keys"], "me keys"),
        (["me", "nonsense"], "No such command"),
    ],
)
def test_who_one_is_needs_no_subcommand(args: list[str], meant: str) -> None:
    result = CliRunner().invoke(make_app(), args)
    assert result.exit_code == 2
    assert meant in result.output
    assert "nonsense" in result.output
