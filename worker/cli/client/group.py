"""The command's group: ``entente verify-condition`` is no subcommand but an act, and means that act."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup


class WithActs(TyperGroup):
    """Subcommands, and behind them the acts of the registry, which are read only when one is asked for."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The subcommand; ``act`` where the first word is an act's name."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            from worker.cli.client.acting import act_named

            if act_named(args[0]):
                args = ["act", *args]
        return super().resolve_command(ctx, args)
