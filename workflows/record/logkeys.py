"""The key of the accord's log: rotated and retired by entries, so that readers know which one counts at which size.

A checkpoint of ``size`` n commits to the entries before n. A key counts for it if it was named among those entries (or
signs from the beginning) and was not retired among them. From its rotation to the old key's retirement both count,
and both sign: by a checkpoint of that time a reader who trusts the old key learns the new one.

Whoever runs the installation does this, or the operator whom the parties have named: it is about how the log is
signed, and binds nobody to anything. It can be done at any time before the accord is closed, since a key that was
stolen has to be replaced whatever the parties are about.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from workflows.model.authority import OPERATOR
from workflows.model.commands import Actor
from workflows.model.declare import Act, Audience, Check, Event, Stamp, Who, act, event
from workflows.model.notekeys import LOG, LogKeyLine, read_key
from workflows.model.state import Accord, LogKey
from workflows.model.wording import called, named

MOST_LOG_KEYS = 20
"""Keys that a log may have had, retired ones included."""


def rotated(keys: tuple[LogKey, ...], old: str, new: str, position: int) -> tuple[LogKey, ...]:
    """The keys after the entry at ``position`` has named another one; the first such entry names the first key too."""
    return (*(keys or (LogKey(old),)), LogKey(new, position))


def retired(keys: tuple[LogKey, ...], key: str, position: int) -> tuple[LogKey, ...]:
    """The keys after the entry at ``position`` has retired one."""
    return tuple(
        replace(one, retired=position) if one.key == key and one.retired is None else one for one in keys
    )


def in_force(keys: tuple[LogKey, ...]) -> tuple[str, ...]:
    """The keys that sign, the newest first."""
    return tuple(one.key for one in reversed(keys) if one.retired is None)


def _id(line: str) -> str:
    """The eight hexadecimal digits by which a signature says whose it is; beside the name, which is the log's."""
    return line.split("+")[1]


@event
class LogKeyRotated(Event):
    """Another key signs the log from here on, beside the old one until that is retired."""

    says = "another key signs the log"
    old: LogKeyLine
    new: LogKeyLine

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Both keys are known; the new one signs what commits to this entry."""
        return a.changed(log_keys=rotated(a.log_keys, self.old, self.new, stamp.position))


@event
class LogKeyRetired(Event):
    """A key of the log counts no more: no checkpoint that commits to this entry is signed with it."""

    says = "a key of the log is retired"
    key: LogKeyLine

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """The key stays known, for the checkpoints that it signed before."""
        return a.changed(log_keys=retired(a.log_keys, self.key, stamp.position))


@act
class RotateLogKey(Act):
    """Name another key of the accord's log, which signs beside the old one until that is retired."""

    old: LogKeyLine
    new: LogKeyLine
    who = Who((OPERATOR,), "officer", sees=Audience.ALL)
    says = "{by} names another key of the log"
    before_founding = True
    after_end = True
    after_closing = True
    while_paused = True

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Keys of this log; the old one signs, alone; the new one never did."""
        old, new = (read_key(line, LOG)[0] for line in (self.old, self.new))
        yield Check(
            "log_is_this_accords",
            old == new and old.endswith(f"/accords/{a.id}"),
            f"the keys are of {old} and {new}, not both of the log of {a.id}",
            "take both from the installation's own key file: entente rotation begin",
        )
        signing = in_force(a.log_keys)
        yield Check(
            "log_key_in_force",
            not signing or self.old in signing,
            "the key to be replaced is none that signs this log",
            f"name the one that does: {', '.join(signing)}",
        )
        yield Check(
            "one_rotation_at_a_time",
            len(signing) < 2,
            "two keys sign this log already",
            "retire the older one first",
        )
        yield Check(
            "log_key_is_new",
            all(_id(line) != _id(self.new) for line in (self.old, *(one.key for one in a.log_keys))),
            "the new key, or one of the same id, has signed this log before: readers tell keys apart by it",
            "make another secret: entente log-key FILE --another",
        )
        yield Check(
            "few_log_keys",
            len(a.log_keys) < MOST_LOG_KEYS,
            f"the log has had {MOST_LOG_KEYS} keys",
            f"go on in another {called(a, 'accord')} that names this one as predecessor",
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The new key beside the old one."""
        yield LogKeyRotated(old=self.old, new=self.new)


@act
class RetireLogKey(Act):
    """Retire a key of the accord's log, once another signs: what it signs from here on counts for nobody."""

    key: LogKeyLine
    who = Who((OPERATOR,), "officer", sees=Audience.ALL)
    says = "{by} retires a key of the log"
    before_founding = True
    after_end = True
    after_closing = True
    while_paused = True

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """It signs, and is not the only one."""
        signing = in_force(a.log_keys)
        yield Check(
            "log_key_in_force",
            self.key in signing,
            "it is no key that the record says signs this log",
            f"the state of {named(a, 'accord')} lists its log's keys",
        )
        yield Check(
            "log_key_remains",
            self.key not in signing or len(signing) > 1,
            "no other key signs this log",
            "rotate it first",
        )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The end of the key."""
        yield LogKeyRetired(key=self.key)
