"""Plays a play against a backend, compares what happens with what the play expects, and tells a listener."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from worker.demo.backend import Backend, Guard, Outcome, VerdictEntry, View
from worker.demo.play import Expect, Placed, Play, Standing
from worker.demo.symbols import fill
from workflows.model.canonical import digest_bytes, digest_of
from workflows.model.commands import Actor, Unmet
from workflows.model.declare import sentence
from workflows.model.declared import ACTS
from workflows.model.definition import Definition
from workflows.model.values import Window
from workflows.model.vocabulary import in_sentence


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that the audience is told: what was done when by whom, what came of it, how things stand."""

    kind: str
    """began, act, dry_run, signal, why, wait, open, differs."""
    at: datetime
    stage: str
    by: str = ""
    party: str | None = None
    act: str = ""
    """The act's name in the registry, where it is one."""
    text: str = ""
    says: str = ""
    outcome: Outcome | None = None
    guards: tuple[Guard, ...] = ()
    changed: tuple[str, ...] = ()
    """What else changed by it, in words."""


@dataclass(slots=True)
class Result:
    """How a play went."""

    play: str
    title: str
    accords: list[str] = field(default_factory=list)
    acts: int = 0
    refusals: int = 0
    entries: int = 0
    stages: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    began: datetime | None = None
    """Accord time at which the first accord's play began."""
    last: View | None = None

    @property
    def went_well(self) -> bool:
        """Whether everything went as the play says."""
        return not self.differences


Listener = Callable[[Moment], None]


def keys(checks: Iterable[Unmet | Guard]) -> tuple[str, ...]:
    """How a play names what is unmet: each subject once, or the guard itself where it has no subject."""
    return tuple(dict.fromkeys(one.subject or one.guard for one in checks if not getattr(one, "met", False)))


class Player:
    """Plays one play. ``listener`` hears each moment."""

    def __init__(self, play: Play, backend: Backend, listener: Listener = lambda _: None) -> None:
        self._play = play
        self._backend = backend
        self._listener = listener
        self._cast = play.cast()
        self._definition: Definition = play.definition
        self._window: Mapping[str, Any] | None = None
        self._view: View | None = None
        self._verdicts: Mapping[str, VerdictEntry] = {}
        self._refused_at: set[int | None] = set()
        self._promised: tuple[str, str, Any, Outcome] | None = None
        self.result = Result(play.name, play.title)

    async def play(self) -> Result:
        """Play it to the end, whatever differs on the way."""
        await self._open(self._play.definition, self._play.opens)
        for placed in self._play.steps:
            await self._step(placed)
        view = await self._look()
        self._compare(self._play.ends, view, "at the end")
        self.result.last = view
        self.result.entries += view.size
        return self.result

    async def _open(self, definition: Definition, by: str) -> None:
        self._definition = definition
        if self._view is not None:
            self.result.entries += self._view.size
            self._verdicts = await self._backend.verdicts()
        outcome = await self._backend.open(definition, by)
        if definition.clock.begins is not None:
            await self._backend.move_to(definition.clock.begins)
        self._refused_at = set()
        self._window = None
        view = await self._look()
        self.result.accords.append(view.accord)
        self.result.began = self.result.began or view.time
        self.result.acts += 1
        self._say(
            "began",
            view,
            by=by,
            text=f"{self._who(by)} opens the {in_sentence(self._words, 'accord')}: {definition.title}",
            outcome=outcome,
        )

    async def _step(self, placed: Placed) -> None:
        step = placed.step
        before = self._view
        if step.open is None:
            await self._backend.move_to(placed.at)
        match step.kind:
            case "act":
                await self._act(placed)
            case "signal":
                await self._signal(placed)
            case "why":
                guards = await self._backend.why(step.by or "", step.why or "")
                view = await self._look()
                self._say("why", view, by=step.by or "", text=step.why or "", says=step.says, guards=guards)
                self._expect_same(placed, "unmet", step.expect.unmet, keys(guards))
            case "open":
                definition = self._play.definition_file(step.open or "")
                if definition.predecessor is not None and before is not None:
                    linked = definition.predecessor.model_copy(update={"accord": before.accord})
                    definition = definition.model_copy(update={"predecessor": linked})
                await self._open(definition, step.by or "")
                await self._backend.move_to(placed.at)
            case "wait":
                view = await self._look()
                self._say("wait", view, says=step.says, changed=self._changes(before, view))
        view = await self._look()
        if step.stage is not None and view.stage != step.stage:
            self._differs(placed, f"the stage is {view.stage}, not {step.stage}")
        if step.then is not None:
            self._compare(step.then, view, placed.where)

    async def _act(self, placed: Placed) -> None:
        step = placed.step
        by, act = step.by or "", step.act or ""
        before = self._view or await self._look()
        fields = fill(step.fields, self._resolve)
        do = self._backend.dry_run if step.dry_run else self._backend.act
        outcome = await do(by, act, fields)
        view = before if step.dry_run else await self._look()
        if not step.dry_run:
            self.result.acts += 1
            if outcome.status == "refused" and outcome.position not in self._refused_at:
                self._refused_at.add(outcome.position)
                self.result.refusals += 1
            if act == "propose_dates" and outcome.status == "recorded":
                self._window = fields["window"]
        text = sentence(ACTS[act], fields, Actor(delegate=by, party=self._cast.get(by), role=""), self._words)
        self._say(
            "dry_run" if step.dry_run else "act",
            view,
            by=by,
            act=act,
            text=text,
            says=step.says,
            outcome=outcome,
            changed=() if step.dry_run else self._changes(before, view),
        )
        self._judge(placed, step.expect, outcome)
        self._keep_promise(placed, (by, act, fields), outcome)
        if step.dry_run:
            for code in step.expect.keeps:
                if code in (outcome.reopens or ()) or code not in before.satisfied:
                    self._differs(placed, f"{code} does not stay satisfied")

    async def _signal(self, placed: Placed) -> None:
        step = placed.step
        by, signal = step.by or "", step.signal or ""
        before = self._view or await self._look()
        fields = fill(step.fields, self._resolve)
        await self._backend.signal(by, signal, fields)
        view = await self._look()
        self.result.acts += 1
        text = sentence(
            ACTS[signal], fields, Actor(delegate=by, party=self._cast.get(by), role=""), self._words
        )
        self._say("signal", view, by=by, text=text, says=step.says, changed=self._changes(before, view))

    def _keep_promise(self, placed: Placed, what: tuple[str, str, Any], outcome: Outcome) -> None:
        """What a dry run said, and what the same act then does, are the same."""
        if placed.step.dry_run:
            self._promised = (*what, outcome)
            return
        promised, self._promised = self._promised, None
        if promised is None or promised[:3] != what:
            return
        if (promised[3].status, promised[3].events) != (outcome.status, outcome.events):
            self._differs(
                placed,
                f"the dry run said {promised[3].status}: {', '.join(promised[3].events)}; "
                f"what happened is {outcome.status}: {', '.join(outcome.events)}",
            )

    def _judge(self, placed: Placed, expect: Expect, outcome: Outcome) -> None:
        wanted = "refused" if expect.refused else "recorded"
        if outcome.status != wanted:
            said = f": {outcome.guard}: {outcome.reason}" if outcome.status != "recorded" else ""
            unmet = ", ".join(keys(outcome.unmet))
            self._differs(
                placed, f"it was {outcome.status}, not {wanted}{said}" + (f" [{unmet}]" if unmet else "")
            )
            return
        if expect.refused is not None:
            self._expect_same(placed, "guard", expect.refused.guard, outcome.guard)
            self._expect_same(placed, "unmet", expect.refused.unmet, keys(outcome.unmet))
        self._expect_same(placed, "events", expect.recorded, outcome.events)
        self._expect_same(placed, "reopened", expect.reopens, outcome.reopens)

    def _expect_same(self, placed: Placed, what: str, wanted: Any, found: Any) -> None:
        if wanted is not None and wanted != found:
            self._differs(placed, f"{what}: expected {_shown(wanted)}, found {_shown(found)}")

    def _compare(self, wanted: Standing, view: View, where: str) -> None:
        for difference in differences(wanted, view, self.result.refusals):
            self._differs(where, difference)

    def _differs(self, where: Placed | str, what: str) -> None:
        if isinstance(where, Placed):
            step = where.step
            where = f"{where.where} ({step.act or step.signal or step.kind} by {step.by})"
        self.result.differences.append(f"{where}: {what}")
        view = self._view
        if view is not None:
            self._say("differs", view, text=f"{where}: {what}")

    async def _look(self) -> View:
        view = await self._backend.look()
        if not self.result.stages or self.result.stages[-1] != view.stage:
            self.result.stages.append(view.stage)
        self._view = view
        return view

    def _resolve(self, kind: str, name: str) -> Any:
        """What a symbol stands for; most stand for a digest."""
        view = self._view
        assert view is not None  # noqa: S101 - the accord was looked at when it was opened
        if kind == "text":
            return digest_bytes(self._play.text(name))
        if kind == "paper":
            return digest_bytes(self._play.papers[name])
        if kind == "verdict":
            code, _, part = name.partition("/")
            # Where there is none, the act is to be refused, and not to be malformed.
            return getattr(self._verdicts.get(code, VerdictEntry(0, "0" * 64, None)), part)
        if kind == "dates":
            window = Window.model_validate(self._window) if self._window else None
            return digest_of(window.model_dump(mode="json") if window else None)
        found = {
            "definition": view.definition_digest,
            "understanding": view.understanding_digest,
            "release": view.release_digest,
            "document": view.documents[name].digest
            if kind == "document" and name in view.documents
            else None,
        }[kind]
        # Where there is none yet, an act that names it is to be refused, not malformed.
        return found or digest_of(None)

    @property
    def _words(self) -> str:
        return self._definition.vocabulary

    def _who(self, by: str) -> str:
        party = self._cast.get(by)
        return f"{by} for {party}" if party else by

    def _changes(self, before: View | None, after: View) -> tuple[str, ...]:
        return (
            tuple(changes(before, after, self._words))
            if before is not None and before.accord == after.accord
            else ()
        )

    def _say(self, kind: str, view: View, by: str = "", **more: Any) -> None:
        self._listener(Moment(kind, view.time, view.stage, by, self._cast.get(by), **more))


def differences(wanted: Standing, view: View, refusals: int) -> Iterator[str]:
    """Where things stand otherwise than wanted."""
    pairs: list[tuple[str, Any, Any]] = [
        ("stage", wanted.stage, view.stage),
        ("invitation", wanted.invitation, view.invitation),
        ("visit", wanted.visit, view.visit),
        ("understanding", wanted.understanding, view.understanding),
        ("questioned", wanted.questioned, view.questioned),
        ("blocking", wanted.blocking, keys(view.blocking)),
        ("terminated", wanted.terminated, view.terminated),
        ("refusals on the record", wanted.refusals, refusals),
        *((code, status, view.conditions.get(code)) for code, status in wanted.conditions.items()),
    ]
    for code, status in wanted.documents.items():
        pairs.append((code, status, view.documents[code].status if code in view.documents else None))
    for seat, status in wanted.seats.items():
        code, _, name = seat.partition("/")
        pairs.append((seat, status, view.documents[code].seats.get(name) if code in view.documents else None))
    for what, want, have in pairs:
        if want is not None and want != have:
            yield f"{what}: expected {_shown(want)}, found {_shown(have)}"


_STATUS = {"none": "withdrawn", "advance_done": "prepared", "arrived": "under way", "agreed": "agreed on"}
"""How a status is said, where it does not say so itself."""


def changes(before: View, after: View, vocabulary: str) -> Iterator[str]:
    """What changed between two views, in the words of a vocabulary, the stage apart."""
    accord = in_sentence(vocabulary, "accord")
    if "proposed" in before.conditions.values() and "proposed" not in after.conditions.values():
        yield f"the {accord} is founded"
    for code, status in after.conditions.items():
        was = before.conditions.get(code)
        if was not in (None, "proposed", status):
            yield f"{code} {_STATUS.get(status, status.replace('_', ' '))}"
    for code in after.questioned:
        if code not in before.questioned:
            yield f"{code} questioned"
    for code in before.questioned:
        if code not in after.questioned and after.conditions.get(code) == "verified":
            yield f"{code} no longer questioned"
    for code, document in after.documents.items():
        earlier = before.documents.get(code)
        if earlier is not None and earlier.status not in ("proposed", document.status):
            yield f"{code} {document.status.replace('_', ' ')}"
        for seat, status in document.seats.items():
            # That a signature is released is said by the document's status.
            if earlier is not None and earlier.seats.get(seat) != status and status != "released":
                yield f"signature of {seat} on {code} {'void' if status == 'open' else status}"
    for what in ("invitation", "understanding", "visit"):
        if getattr(before, what) != getattr(after, what):
            status = getattr(after, what)
            yield f"{in_sentence(vocabulary, what)} {_STATUS.get(status, status.replace('_', ' '))}"
    if after.terminated and not before.terminated:
        yield f"the {accord} is terminated"


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) or "nothing" if isinstance(value, tuple) else str(value)
