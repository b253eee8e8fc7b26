"""Going through a record by its commands: each has its entries, each entry its command, and the receipts fit."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.activities.verifier.second.commands import REFUSALS, Acts, Entry
from tests.activities.verifier.second.logs import Tree


class Walk:
    """The entries, command by command, beside the lines."""

    def __init__(
        self,
        fails: list[str],
        accord: str,
        tree: Tree,
        acts: Acts,
        entries: list[Entry | None],
        commands: list[dict[str, Any]] | None,
    ) -> None:
        self.fails, self.accord, self.tree, self.acts, self.entries = fails, accord, tree, acts, entries
        self.told, self.left = commands is not None, list(commands or [])
        self.ids: list[str] = []
        self.gone = False

    def run(self) -> None:
        group: list[Entry] = []
        for one in self.entries:
            if one is None:
                self.gone = True
            if one is None or one.said["causation"] is None:
                self._close(group)
                group = []
            if one is None:
                self.acts.hidden = True
                continue
            cause = one.said["causation"]
            if not group and cause is not None and not self.gone:
                self.fails.append(f"the cause of {one.position}")
            first = group[0] if group else None
            if first is not None and (cause, one.said["command"]) != (
                first.said["position"],
                first.said["command"],
            ):
                self.fails.append(f"entry {one.position} stands among others'")
            group.append(one)
        self._close(group)
        for line in self.left:
            if not self.gone:
                self.fails.append(f"{line['id']} has no entries")
            self.acts.alone(line)

    def _close(self, group: list[Entry]) -> None:
        if not group:
            return
        self.ids.append(group[0].said["command"])
        line = None if not self.told or self.gone else self._line(group)
        self.acts.check(group, line)
        self.acts.learn(group)
        end = group[-1].position + 1
        while not self.gone and self.left and not self.left[0]["receipt"]["events"]:
            if self.left[0]["receipt"]["size"] != end:
                break
            self._repeat(self.left.pop(0), end)

    def _line(self, group: list[Entry]) -> dict[str, Any] | None:
        end = group[-1].position + 1
        while self.left and self.left[0]["receipt"]["size"] < end:
            stray = self.left.pop(0)
            self.ids.append(stray["id"])
            self.fails.append(f"{stray['id']} is of no entries")
            self.acts.alone(stray)
        if not self.left or not self.left[0]["receipt"]["events"] or self.left[0]["receipt"]["size"] != end:
            self.fails.append(f"the outcome of {group[0].said['command']}")
            return None
        line = self.left.pop(0)
        self._receipt(group, line, end)
        return line

    def _receipt(self, group: list[Entry], line: dict[str, Any], end: int) -> None:
        told, last, id_ = line["receipt"], group[-1], group[0].said["command"]
        there = {
            "accord": self.accord,
            "command": id_,
            "first_position": group[0].position,
            "position": last.position,
            "size": end,
            "leaf": last.leaf.hex(),
            "root": self.tree.root(end).hex(),
            "events": [one.said["type"] for one in group],
            "status": "refused" if any(one.said["type"] in REFUSALS for one in group) else "recorded",
        }
        right = line["id"] == id_ and all(told[name] == value for name, value in there.items())
        right = right and datetime.fromisoformat(told["time"]) == datetime.fromisoformat(last.said["time"])
        act = next((one.act for one in group if one.act is not None), None)
        by = id_.partition("/")[0]
        if act is not None:
            right = right and told["act"] == str(act.get("name"))
        elif by != "unattributed":
            right = right and told["act"] == ("clock" if by == "clock" else "")
        if all(one.facts is not None for one in group):
            right = right and told["refusal"] == _refusal(last)
        if not right:
            self.fails.append(f"the receipt of {id_}")

    def _repeat(self, line: dict[str, Any], size: int) -> None:
        told = line["receipt"]
        self.ids.append(line["id"])
        at = told["position"]
        there = self.entries[at] if 0 <= at < size else None
        refusal = there if there is not None and there.said["type"] in REFUSALS else None
        right = refusal is not None and told["refusal"] is not None
        right = right and (told["accord"], told["command"]) == (self.accord, line["id"])
        right = right and (told["status"], told["first_position"]) == ("refused", at)
        right = right and told["root"] == self.tree.root(size).hex()
        if not right or refusal is None or told["leaf"] != refusal.leaf.hex():
            self.fails.append(f"the repeat {line['id']}")
        self.acts.repeat(line, refusal)


def _refusal(last: Entry) -> Any:
    event = last.event
    if event is None:
        return None
    if last.said["type"] == "act_refused":
        found = event.get("refusal")
        return found if isinstance(found, dict) else None
    if last.said["type"] == "signal_refused":
        remedy = "correct it, and send it again"
        return {"guard": "signal_taken_up", "reason": event.get("reason"), "remedy": remedy, "unmet": []}
    return None
