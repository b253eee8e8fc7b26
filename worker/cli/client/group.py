"""The command's group: panels in its help, options before the subcommand, and acts that need no subcommand."""

from __future__ import annotations

import re
from typing import Any

import typer
from typer.core import CompletionItem, TyperGroup  # type: ignore[attr-defined]

PANELS: dict[str, tuple[str, ...]] = {
    "Accords: start, see what is missing, act": (
        "check",
        "start",
        "desk",
        "ls",
        "show",
        "why",
        "preview",
        "act",
        "log",
        "watch",
        "notices",
    ),
    "The record and its papers: take them away, verify and read them": (
        "export",
        "verify",
        "read",
        "audit-history",
        "papers",
        "paper-check",
        "paper-sign",
        "signed-page",
        "file",
        "sheet",
    ),
    "Who one is, and join": ("me", "join", "join-link", "config"),
    "Keys and witnesses": ("delegate-key", "policy", "witness", "rotation"),
    "Try it": ("demo", "up"),
    "Run it": (
        "rollout",
        "codec",
        "payload-key",
        "doctor",
        "migrate",
        "worker",
        "api",
        "keys",
        "command-key",
        "log-key",
        "erase",
    ),
}
"""The subcommands in the order in which one needs them, under what one needs them for."""


PLAIN = (
    (re.compile("^Value error, "), ""),
    (re.compile(r"^Input should be less than or equal to (\S+)$"), r"give \1 at most"),
    (re.compile(r"^Input should be greater than or equal to (\S+)$"), r"give \1 at least"),
    (re.compile("^Input should be a valid integer.*"), "give a whole number"),
    (re.compile("^Input should be a valid number.*"), "give a number"),
)
"""What pydantic says of an option's value, and how a person is told."""


def plain(said: str) -> str:
    """What is wrong with a value, without the words of the library that found it."""
    for pattern, words in PLAIN:
        said = pattern.sub(words, said)
    return said


class WithActs(TyperGroup):
    """Subcommands, and behind them the acts of the registry, which are read only when one is asked for.

    ``entente verify-condition`` is no subcommand but an act, and means that act.
    """

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - click calls it so
        """The subcommands in the order of their panels; each gets its panel here, where all of them are known."""
        ordered = [name for names in PANELS.values() for name in names if name in self.commands]
        for panel, names in PANELS.items():
            for name in names:
                if name in self.commands:
                    self.commands[name].rich_help_panel = panel  # type: ignore[attr-defined]
        return ordered + [name for name in self.commands if name not in ordered]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take options of a subcommand that stand before its name, as ``entente --json ls``, for standing behind it."""
        own = {text for each in self.get_params(ctx) for text in each.opts}
        if args and args[0].startswith("-") and args[0].partition("=")[0] not in own:
            at = next((index for index, text in enumerate(args) if self._is_command(text)), None)
            if at is not None:
                args = [args[at], *args[:at], *args[at + 1 :]]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the subcommand; a wrong value of one of its options is told in plain words."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = plain(error.message)
            raise

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The subcommand; ``act`` where the first word is an act's name."""
        if args and args[0] not in self.commands and self._is_command(args[0]):
            args = ["act", *args]
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """What the shell offers: subcommands, and acts once something is typed, since there are many."""
        offered: list[Any] = super().shell_complete(ctx, incomplete)
        if incomplete and incomplete[0].isalpha():
            from worker.cli.client.acting import hyphens
            from workflows.model.declared import ACTS

            names = sorted(hyphens(name) for name in ACTS)
            offered += [CompletionItem(name) for name in names if name.startswith(incomplete)]
        return offered

    def _is_command(self, text: str) -> bool:
        if text in self.commands or text.startswith("-"):
            return text in self.commands
        from worker.cli.client.acting import act_named

        return act_named(text) is not None


class ShowsByItself(TyperGroup):
    """Subcommands of which ``show`` is meant where none is named: ``entente me --as x`` means ``me show --as x``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the subcommand's options before its name as well, and ``show`` where there is none."""
        own = {text for each in self.get_params(ctx) for text in each.opts}
        at = next((index for index, text in enumerate(args) if text in self.commands), None)
        if not args or (args[0].startswith("-") and args[0].partition("=")[0] not in own):
            args = ["show", *args] if at is None else [args[at], *args[:at], *args[at + 1 :]]
        return super().parse_args(ctx, args)
