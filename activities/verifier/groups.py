"""The entries of one command, taken together, and the command that they tell of."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from activities.ledger.entry import Entry
from workflows.model.commands import (
    OPEN,
    TICK,
    UNATTRIBUTED,
    UNREADABLE,
    Command,
    OwnSignature,
    RecordedEvent,
)
from workflows.record.refusals import ActRefused


@dataclass(slots=True)
class Told:
    """An entry as far as it may be read: ``facts`` and ``particulars`` are ``None`` where they are absent."""

    entry: Entry
    leaf: bytes
    facts: dict[str, Any] | None
    particulars: dict[str, Any] | None
    erased: bool = False
    facts_content: bytes = b""
    """The canonical bytes of ``facts``, as they were hashed."""
    particulars_content: bytes = b""
    """The same of ``particulars``."""
    act: dict[str, Any] | None = field(init=False)
    """The act that the entry names, if it is the first that an act caused."""

    def __post_init__(self) -> None:
        act = None if self.facts is None else self.facts.get("act")
        self.act = act if isinstance(act, dict) else None

    def recorded(self) -> RecordedEvent:
        """What ``evolve`` folds."""
        return RecordedEvent(
            position=self.entry.position,
            type=self.entry.type,
            version=self.entry.version,
            time=self.entry.time,
            facts=self.facts or {},
            actor=self.entry.actor,
            command=self.entry.command,
        )

    @property
    def unheard(self) -> bool:
        """Whether it refuses an act of who might not act, of which nothing is kept but that it was refused."""
        return self.entry.type == ActRefused.type and (self.act or {}).get("withheld") is True

    @property
    def own(self) -> OwnSignature | None:
        """The delegate's own signature on the act, if the entry has one; without its salt where that is not there.

        Raises:
            ValueError, TypeError: where it is not written as one.
        """
        act = self.act or {}
        if not _OWN & act.keys():
            return None
        salt = (self.particulars or {}).get("salt", "")
        return OwnSignature.model_validate({**{name: act[name] for name in _OWN & act.keys()}, "salt": salt})


_OWN = {"key", "signature", "particulars", "not_after"}
"""The members of an entry's act that are the delegate's own signature."""


@dataclass(slots=True)
class Group:
    """The entries that one command caused, in order."""

    told: list[Told] = field(default_factory=list)
    follows: Command | None = None
    """The command from which exactly these entries follow by the rules; none until that is judged, or if none does."""

    @property
    def first(self) -> int:
        """The position of the first entry."""
        return self.told[0].entry.position

    @property
    def end(self) -> int:
        """The size of the record after the group."""
        return self.told[-1].entry.position + 1

    @property
    def command(self) -> str:
        """The command's id."""
        return self.told[0].entry.command

    @property
    def act_entry(self) -> Told | None:
        """The entry that names the act; deadlines that fell before it stand above."""
        for told in self.told:
            if told.act is not None:
                return told
        return None

    @property
    def unheard(self) -> bool:
        """Whether the command is one of who might not act, of which nothing is kept."""
        told = self.act_entry
        return told is not None and told.unheard

    def asked(self) -> tuple[Command, datetime]:
        """The command as the entries tell it, and the time at which it was judged.

        A tick of the clock is judged at the time of its last entry: later deadlines, had they passed as well, would
        stand there too. A refused signal is told by its event.

        Raises:
            ValueError, KeyError, TypeError: where the facts do not tell any.
        """
        last = self.told[-1]
        told = self.act_entry
        if told is not None:
            return self._act(told)
        if last.entry.type == "signal_refused" and last.entry.actor.delegate == UNATTRIBUTED:
            event = (last.facts or {})["event"]
            fields = {"name": event["signal"], "reason": event["reason"], "payload": event["payload"]}
            return self._command(UNREADABLE, fields, UNATTRIBUTED), last.entry.time
        return self._command(TICK, {}, TICK), last.entry.time

    def _act(self, told: Told) -> tuple[Command, datetime]:
        act = told.act
        if act is None or told.facts is None:
            raise ValueError("there is no act")
        delegate = told.entry.actor.delegate
        if act["name"] == OPEN:
            event = told.facts["event"]
            # The accord's clock may begin in the past; the act was judged by the server's.
            at = told.entry.time - timedelta(microseconds=event["clock_offset"])
            return self._command(OPEN, {"definition": event["definition"]}, delegate), at
        said = (told.particulars or {}).get("act", {})
        command = self._command(
            act["name"],
            {**act["fields"], **said},
            delegate,
            own=told.own,
            required_version=act.get("required_version"),
        )
        return command, told.entry.time

    def _command(self, act: str, fields: dict[str, Any], delegate: str, **asked: Any) -> Command:
        accord = self.told[0].entry.accord
        return Command(accord=accord, id=self.command, act=act, fields=fields, delegate=delegate, **asked)
