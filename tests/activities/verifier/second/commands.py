"""FORMAT.md, "Commands" and "Delegates' own signatures"; the questions *acts* and *completeness*."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

from tests.activities.verifier.second.logs import fits, sha
from tests.activities.verifier.second.reading import NoBundle, from_json, need, to_json, unbase64

TIME = re.compile(
    r"(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.(?!0{6})\d{6})?Z",
    re.ASCII,
)
REFUSALS = ("act_refused", "signal_refused")
NOBODY = ("clock", "unattributed")
OWN = ("key", "signature", "particulars", "not_after")


def digest(value: Any) -> str:
    """The digest of a value."""
    return "sha256:" + sha(to_json(value)).hex()


def _time(value: Any) -> bool:
    from datetime import datetime

    if not isinstance(value, str) or TIME.fullmatch(value) is None:
        return False
    try:
        return 1900 < datetime.fromisoformat(value).year < 2999
    except ValueError:
        return False


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def receipt(value: Any) -> dict[str, Any]:
    """A receipt of the right form."""
    texts = ("accord", "command", "act", "status", "leaf", "root", "stage")
    numbers = ("first_position", "position", "size", "version")
    need(isinstance(value, dict), "a receipt")
    need(value.keys() == {*texts, *numbers, "time", "events", "refusal"}, "the members of a receipt")
    need(all(isinstance(value[name], str) for name in texts), "a receipt")
    need(all(_integer(value[name]) for name in numbers), "a receipt")
    need(value["status"] in ("recorded", "refused") and _time(value["time"]), "a receipt")
    need(_texts(value["events"]), "a receipt")
    refusal = value["refusal"]
    if refusal is not None:
        need(
            isinstance(refusal, dict) and refusal.keys() == {"guard", "reason", "remedy", "unmet"},
            "a refusal",
        )
        need(all(isinstance(refusal[name], str) for name in ("guard", "reason", "remedy")), "a refusal")
        need(isinstance(refusal["unmet"], list), "a refusal")
        for one in refusal["unmet"]:
            need(isinstance(one, dict) and one.keys() == {"guard", "reason", "who", "by", "subject"}, "unmet")
            need(
                all(isinstance(one[name], str) for name in ("guard", "reason")) and _texts(one["who"]),
                "unmet",
            )
            need(one["by"] is None or _time(one["by"]), "unmet")
            need(one["subject"] is None or isinstance(one["subject"], str), "unmet")
    return value


def lines(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines of ``commands.jsonl``, of the right form."""
    for line in found:
        need(line.keys() == {"id", "fingerprint", "salt", "receipt", "signed"}, "the members of a command")
        need(all(isinstance(line[name], str) for name in ("id", "fingerprint", "signed")), "a command")
        if line["salt"] is not None:
            unbase64(line["salt"])
        receipt(line["receipt"])
    return found


@dataclass
class Entry:
    """An entry as far as it is there; payloads that are absent are ``None``."""

    position: int
    leaf: bytes
    said: dict[str, Any]
    facts: dict[str, Any] | None
    particulars: dict[str, Any] | None
    erased: bool

    @property
    def act(self) -> dict[str, Any] | None:
        """``facts.act``."""
        found = (self.facts or {}).get("act")
        return found if isinstance(found, dict) else None

    @property
    def unheard(self) -> bool:
        """Whether it refuses an act of which nothing is kept."""
        return self.said["type"] == "act_refused" and (self.act or {}).get("withheld") is True

    @property
    def event(self) -> dict[str, Any] | None:
        """``facts.event``."""
        found = (self.facts or {}).get("event")
        return found if isinstance(found, dict) else None


@dataclass
class Acts:
    """The question *acts*."""

    accord: str
    keys: dict[str, bytes]
    fails: list[str] = field(default_factory=list)
    withheld: bool = False
    hidden: bool = False
    enrolled: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def check(self, group: list[Entry], line: dict[str, Any] | None) -> None:
        """The entries of a command, and its line."""
        id_ = group[0].said["command"]
        by = id_.partition("/")[0]
        if by in NOBODY:
            for one in group:
                if (
                    one.said["actor"]["delegate"] not in ("clock", by)
                    or one.said["actor"]["party"] is not None
                ):
                    self.fails.append(f"{id_}: somebody stands on it")
        if line is None:
            self.withheld = True
        elif line["signed"] == "erased" and _unheard(group):
            pass
        elif line["signed"] in ("withheld", "erased"):
            self._absent(line, any(one.erased for one in group))
        else:
            self._say(id_, self._unsigned(line, group, None) if by in NOBODY else self._signed(line, group))
        self._own(group)

    def repeat(self, line: dict[str, Any], refusal: Entry | None) -> None:
        """A line without entries; ``refusal`` is the entry at which it points, if that is a refusal."""
        by = line["id"].partition("/")[0]
        if line["signed"] == "erased" and refusal is not None and refusal.unheard:
            return
        if line["signed"] in ("withheld", "erased"):
            self._absent(line, refusal is not None and refusal.erased)
            return
        if by in NOBODY:
            self._say(line["id"], self._unsigned(line, None, refusal))
            return
        problem, signed = self.genuine(line)
        if problem is None and refusal is not None:
            event, actor = refusal.event, refusal.said["actor"]["delegate"]
            if refusal.said["type"] != "act_refused" or actor != signed["delegate"]:
                problem = "it points at no refusal of this delegate"
            elif event is not None and event.get("act") != signed["act"]:
                problem = "it points at the refusal of another act"
        self._say(line["id"], problem)
        if problem is None and "own" in signed:
            self._say(line["id"], self._own_on_repeat(signed))

    def alone(self, line: dict[str, Any]) -> None:
        """A line of which nothing more is known."""
        if line["signed"] not in ("withheld", "erased") and line["id"].partition("/")[0] not in NOBODY:
            self._say(line["id"], self.genuine(line)[0])

    def learn(self, group: list[Entry]) -> None:
        """The keys that the entries enrol count for what comes after them."""
        for one in group:
            self.hidden |= one.facts is None
            if one.said["type"] == "key_enrolled" and one.event is not None:
                try:
                    raw = unbase64(one.event["public_key"])
                    delegate = one.event["delegate"]
                except (KeyError, NoBundle):
                    continue
                self.enrolled.setdefault(delegate, {})[hashlib.sha256(raw).hexdigest()[:16]] = raw

    def _say(self, where: str, problem: str | None) -> None:
        if problem is not None:
            self.fails.append(f"{where}: {problem}")

    def _absent(self, line: dict[str, Any], erased: bool) -> None:
        if line["signed"] == "withheld" or erased:
            self.withheld = True
        else:
            self.fails.append(f"{line['id']}: its signed command is missing")

    def genuine(self, line: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
        """What is wrong with a signed command by itself."""
        try:
            signed = from_json(line["signed"].encode())
        except (NoBundle, UnicodeEncodeError):
            return "it is not canonical JSON", {}
        members = {"accord", "act", "delegate", "fields", "id", "key_id", "signature"}
        if not isinstance(signed, dict) or signed.keys() - {"own", "required_version"} != members:
            return "its members", {}
        if (signed["accord"], signed["id"]) != (self.accord, line["id"]):
            return "its accord or id", {}
        if not line["id"].startswith(f"{signed['delegate']}/"):
            return "its id", {}
        covered = {name: value for name, value in signed.items() if name != "signature"}
        raw = self.keys.get(str(signed["key_id"]))
        try:
            signature = unbase64(signed["signature"])
        except NoBundle:
            return "its signature", {}
        if raw is None or not fits(raw, signature, to_json(covered)):
            return "its signature", {}
        if not self._fingerprint(line, covered):
            return "its fingerprint", {}
        return (None if signed["act"] == line["receipt"]["act"] else "the act of its receipt"), signed

    def _fingerprint(self, line: dict[str, Any], covered: dict[str, Any]) -> bool:
        if line["salt"] is None:
            return False
        kept = {name: covered[name] for name in covered if name not in ("key_id", "own", "signature")}
        return line["fingerprint"] == "sha256:" + sha(unbase64(line["salt"]), digest(kept).encode()).hex()

    def _signed(self, line: dict[str, Any], group: list[Entry]) -> str | None:
        problem, signed = self.genuine(line)
        if problem is not None:
            return problem
        told = next((one for one in group if one.act is not None), None)
        if told is None or told.act is None:
            return None if any(one.facts is None for one in group) else "no entry tells of an act"
        act, fields = told.act, signed["fields"]
        if (signed["delegate"], signed["act"]) != (told.said["actor"]["delegate"], act.get("name")):
            return "another delegate or act stands on the entry"
        try:
            if signed["act"] == "open_accord":
                named = digest(fields["definition"])
                same = fields.keys() == {"definition"} and act["fields"] == {"definition": named}
                event = told.event or {}
                same = same and (event["definition"], event["digest"]) == (fields["definition"], named)
                return None if same else "another definition was signed"
            facts = act["fields"]
            if to_json({name: fields[name] for name in fields if name in facts}) != to_json(facts):
                return "other fields stand on the entry"
            if signed.get("required_version") != act.get("required_version"):
                return "another version was required"
            own = signed.get("own")
            there = {
                name: value
                for name, value in act.items()
                if name not in ("name", "fields", "required_version")
            }
            if there != ({} if own is None else _shown(own)):
                return "another own signature stands on the entry"
            free = {name: value for name, value in fields.items() if name not in facts}
            said: dict[str, Any] = {"act": free} if free else {}
            if free and own is not None:
                said["salt"] = own["salt"]
        except (KeyError, TypeError, AttributeError, NoBundle) as error:
            return f"it does not read: {error!r}"
        if told.particulars is not None and to_json(told.particulars) != to_json(said):
            return "other particulars stand on the entry"
        return None

    def _unsigned(self, line: dict[str, Any], group: list[Entry] | None, refusal: Entry | None) -> str | None:
        try:
            said = from_json(line["signed"].encode())
        except (NoBundle, UnicodeEncodeError):
            return "it is not canonical JSON"
        members = {"accord", "act", "delegate", "fields", "id", "key_id", "signature"}
        if not isinstance(said, dict) or said.keys() != members or not isinstance(said["fields"], dict):
            return "its members"
        by = line["id"].partition("/")[0]
        there = [said[name] for name in ("accord", "act", "delegate", "id", "key_id", "signature")]
        if there != [self.accord, line["receipt"]["act"], by, line["id"], "", ""]:
            return "what it says of itself"
        if not self._fingerprint(line, said):
            return "its fingerprint"
        fields = said["fields"]
        if by == "clock":
            right = group is not None and line["id"] == f"clock/{group[0].position}"
            return None if right and said["act"] == "clock" and not fields else "no command of the clock"
        if line["id"] != "unattributed/" + digest(fields)[7:39]:
            return "its id"
        at = refusal
        if group is not None:
            told = next((one for one in group if one.act is not None), None)
            if told is not None and told.act is not None:
                facts = told.act.get("fields")
                if not isinstance(facts, dict) or told.act.get("name") != said["act"]:
                    return "another act stands on the entry"
                common = {name: fields[name] for name in fields if name in facts}
                return None if to_json(common) == to_json(facts) else "other fields stand on the entry"
            if any(one.facts is None for one in group):
                return None
            at = group[-1]
        if at is None:
            return None
        if at.said["type"] != "signal_refused":
            return "no refusal of a signal"
        if at.event is None:
            return None
        try:
            if said["act"] == "unreadable_signal":
                name, payload = fields["name"] or "?", fields["payload"]
                if group is not None and at.event["reason"] != (fields["reason"] or "?"):
                    return "another reason"
            else:
                name, payload = said["act"], digest({key: fields[key] for key in fields if key != "saw"})
            return None if (at.event["signal"], at.event["payload"]) == (name, payload) else "another signal"
        except KeyError:
            return "its fields"

    def _own(self, group: list[Entry]) -> None:
        told = next((one for one in group if one.act is not None), None)
        if told is None or told.act is None or not set(OWN) & told.act.keys():
            return
        act, by = told.act, told.said["actor"]["delegate"]
        part = {
            "accord": told.said["accord"],
            "act": act.get("name"),
            "delegate": by,
            "fields": act.get("fields"),
            "id": told.said["command"],
            "not_after": act.get("not_after"),
            "particulars": act.get("particulars"),
            "purpose": "entente.act/1",
            "required_version": act.get("required_version"),
        }
        if str(act.get("key")) not in self.enrolled.get(by, {}) and self.hidden:
            self.withheld = True
            return
        right = self._own_fits(by, act, part)
        if right and told.particulars is not None:
            right = _free(told.particulars.get("act", {}), told.particulars.get("salt", ""), act)
        if not right:
            self.fails.append(f"{told.said['command']}: its own signature")

    def _own_on_repeat(self, signed: dict[str, Any]) -> str | None:
        own = signed["own"]
        if not isinstance(own, dict):
            return "its own signature"
        if str(own.get("key")) not in self.enrolled.get(signed["delegate"], {}) and self.hidden:
            self.withheld = True
            return None
        # Which fields are free text is known by no entry here: some part of them fits, or none.
        from itertools import combinations

        fields = signed["fields"]
        for count in range(3):
            for names in combinations(fields, count):
                facts = {name: fields[name] for name in fields if name not in names}
                free = {name: fields[name] for name in names}
                part = {
                    "accord": signed["accord"],
                    "act": signed["act"],
                    "delegate": signed["delegate"],
                    "fields": facts,
                    "id": signed["id"],
                    "not_after": own.get("not_after"),
                    "particulars": own.get("particulars"),
                    "purpose": "entente.act/1",
                    "required_version": signed.get("required_version"),
                }
                if _free(free, own.get("salt"), own) and self._own_fits(signed["delegate"], own, part):
                    return None
        return "its own signature"

    def _own_fits(self, by: str, own: dict[str, Any], part: dict[str, Any]) -> bool:
        raw = self.enrolled.get(by, {}).get(str(own.get("key")))
        try:
            return raw is not None and fits(raw, unbase64(own.get("signature")), to_json(part))
        except NoBundle:
            return False


def _unheard(group: list[Entry]) -> bool:
    told = next((one for one in group if one.act is not None), None)
    return told is not None and told.unheard


def _shown(own: dict[str, Any]) -> dict[str, Any]:
    need(own.keys() == {*OWN, "salt"}, "an own signature")
    return {name: own[name] for name in OWN if own[name] is not None}


def _free(free: Any, salt: Any, own: dict[str, Any]) -> bool:
    """Whether the digest that was signed is that of the free text."""
    try:
        said = "sha256:" + sha(unbase64(salt), to_json(free)).hex() if free else None
    except NoBundle:
        return False
    return own.get("particulars") == said
