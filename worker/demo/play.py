"""A play: the steps of a scenario with what is expected of each, read from YAML and checked before it is played.

A step is one of: ``act`` (by somebody, with fields; ``dry_run`` only asks what would follow), ``signal``, ``why``
(what a gate waits for), ``wait`` (let the time pass), ``open`` (another accord after the first). Every step may say
what is expected: its outcome, the ``stage`` after it, and ``then``, how things stand.

A field's value may be a symbol instead of a digest: ``{text: D2/ko}`` a text's file, ``{paper: name}`` one of the
play's papers, ``{document: D2}``, ``{definition: current}``, ``{understanding: current}``, ``{release: current}``
what the accord says now, ``{dates: proposed}`` the dates that were proposed last; and, after another accord was
opened, ``{verdict: C4/position}``, ``/leaf`` or ``/valid_until``, the last verdict on C4 on the record before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from activities.definitions import check
from activities.definitions.structured import Unreadable
from worker.demo.lines import Lines, ScenarioProblem, read_yaml
from worker.demo.symbols import fill, symbols
from workflows.model.canonical import digest_bytes
from workflows.model.commands import Instant, Message
from workflows.model.declare import Rejected, parse_act
from workflows.model.declared import ACTS
from workflows.model.definition import Definition
from workflows.model.rules import GATES, LADDER
from workflows.model.values import DelegateId

MARK = "ILLUSTRATIVE - NOT AN OFFICIAL DOCUMENT"
"""The first line of every text and paper; part of what is digested."""

_PLACEHOLDER = digest_bytes(b"")

_OF_VERDICTS: Mapping[str, Any] = {
    "position": 0,
    "leaf": "0" * 64,
    "valid_until": "2000-01-01T00:00:00Z",
}
"""What can be said of a verdict, with a value of its kind."""


class Refused(Message):
    """An expected refusal: the guard, and everything unmet, by its subject, or by its guard where it has none."""

    guard: str
    unmet: tuple[str, ...] | None = None


class Expect(Message):
    """What a step is expected to come to. Without anything said: recorded."""

    recorded: tuple[str, ...] | None = Field(default=None, description="exactly these events, in order")
    refused: Refused | None = None
    unmet: tuple[str, ...] | None = Field(
        default=None, description="why: exactly these, as a refusal names them"
    )
    reopens: tuple[str, ...] | None = Field(
        default=None, description="dry run: exactly the conditions that it would reopen, sorted"
    )
    keeps: tuple[str, ...] = Field(default=(), description="dry run: conditions that stay satisfied")

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {} if value == "recorded" else value


class Standing(Message):
    """How things stand: what is named is compared."""

    stage: str | None = None
    invitation: str | None = None
    visit: str | None = None
    understanding: str | None = None
    conditions: dict[str, str] = Field(default_factory=dict)
    questioned: tuple[str, ...] | None = None
    documents: dict[str, str] = Field(default_factory=dict)
    seats: dict[str, str] = Field(default_factory=dict, description="D2/RU: open, held or released")
    blocking: tuple[str, ...] | None = None
    refusals: int | None = Field(default=None, description="refusals on the record")
    terminated: bool | None = None


class Step(Message):
    """One step of a play."""

    at: Instant | None = Field(
        default=None, description="accord time; that of the step before, if none is given"
    )
    by: DelegateId | None = None
    act: str | None = None
    fields: dict[str, Any] = Field(default_factory=dict)
    dry_run: bool = False
    signal: str | None = None
    why: str | None = None
    wait: bool = False
    open: str | None = Field(default=None, description="the definition file of a further accord")
    says: str = Field(default="", description="a remark to the audience")
    label: str | None = None
    expect: Expect = Expect()
    stage: str | None = None
    then: Standing | None = None

    @property
    def kind(self) -> Literal["act", "signal", "why", "wait", "open"]:
        """Which kind of step it is."""
        if self.act:
            return "act"
        if self.signal:
            return "signal"
        if self.why:
            return "why"
        return "open" if self.open else "wait"

    @model_validator(mode="after")
    def _one_thing(self) -> Step:
        kinds = [name for name in ("act", "signal", "why", "open") if getattr(self, name)] + (
            ["wait"] if self.wait else []
        )
        if len(kinds) != 1:
            raise ValueError(
                f"a step is one of act, signal, why, wait, open; this is {' and '.join(kinds) or 'none'}"
            )
        if self.by is None and not self.wait:
            raise ValueError("say by whom")
        if self.wait and self.at is None:
            raise ValueError("say until when to wait, with at")
        if self.dry_run and not self.act:
            raise ValueError("only an act has a dry run")
        if (self.expect.reopens is not None or self.expect.keeps) and not self.dry_run:
            raise ValueError("reopens and keeps are expected of a dry run")
        if self.expect.unmet is not None and not self.why:
            raise ValueError(
                "unmet alone is expected of why; of a refusal, write refused: {guard: …, unmet: […]}"
            )
        if self.act and self.act not in ACTS:
            raise ValueError(f"there is no act {self.act!r}; the acts are {', '.join(sorted(ACTS))}")
        if self.act and ACTS[self.act].signal:
            raise ValueError(f"{self.act} comes as a signal: write signal instead of act")
        if self.signal and (self.signal not in ACTS or not ACTS[self.signal].signal):
            raise ValueError(f"there is no signal {self.signal!r}")
        if self.why and self.why not in GATES:
            raise ValueError(f"there is no gate {self.why!r}; the gates are {', '.join(GATES)}")
        if self.stage is not None and self.stage not in (*LADDER, "terminated"):
            raise ValueError(f"there is no stage {self.stage!r}")
        return self


class After(Message):
    """Which play goes before, and up to and including which of its labels (all of it, if none is named)."""

    play: str
    until: str | None = None


class PlayFile(Message):
    """A play as it is written."""

    title: Annotated[str, Field(min_length=1, max_length=200)]
    says: str = ""
    after: After | None = None
    definition: str | None = None
    opens: DelegateId | None = None
    papers: dict[str, str] = Field(default_factory=dict)
    steps: tuple[Step, ...] = Field(min_length=1)
    ends: Standing = Standing()

    @model_validator(mode="after")
    def _begins_somehow(self) -> PlayFile:
        if self.after is None and (self.definition is None or self.opens is None):
            raise ValueError(
                "a play that follows no other says its definition, and who opens the accord with it"
            )
        if self.after is not None and (self.definition or self.opens):
            raise ValueError("a play that follows another has that one's definition")
        return self


@dataclass(frozen=True)
class Placed:
    """A step with where it stands written, and the time at which it takes place."""

    step: Step
    at: Any
    play: str
    file: Path
    line: int

    @property
    def where(self) -> str:
        """File and line, for messages."""
        return f"{self.file.name}:{self.line}"


@dataclass(frozen=True)
class Play:
    """A play, ready: its own steps after those of the plays before it."""

    name: str
    title: str
    says: str
    folder: Path
    definition: Definition
    opens: str
    papers: Mapping[str, bytes]
    steps: tuple[Placed, ...]
    ends: Standing
    prefix: int

    def definition_file(self, name: str) -> Definition:
        """Another definition of this scenario."""
        return read_definition(self.folder / name)

    def text(self, name: str) -> bytes:
        """The bytes of a text's file: ``D2/ko`` is ``texts/D2.ko.txt``."""
        return (self.folder / "texts" / f"{name.replace('/', '.')}.txt").read_bytes()

    def cast(self) -> dict[str, str | None]:
        """Everybody who acts, with their party: contacts, officers, and whom the contacts appoint in the play."""
        found: dict[str, str | None] = {one.contact: party for party, one in self.definition.parties.items()}
        found.update(dict.fromkeys(self.definition.officers))
        for placed in self.steps:
            if placed.step.act == "appoint_delegate" and placed.step.expect.refused is None:
                found[placed.step.fields["delegate"]] = found.get(placed.step.by or "")
        return found


def read_definition(file: Path) -> Definition:
    """A definition from its YAML file.

    Raises:
        ScenarioProblem: names the line of each field that is wrong.
    """
    try:
        return check.read_definition(read_yaml(file).source)
    except Unreadable as error:
        raise ScenarioProblem(f"{file} {error.said}", "Correct it at the lines named.") from None


def read_play(file: Path, name: str) -> Play:
    """A play from its file, with the plays that go before it.

    Raises:
        ScenarioProblem: names line and step of what is wrong.
    """
    lines = read_yaml(file)
    try:
        written = PlayFile.model_validate(lines.source.value)
    except ValidationError as error:
        raise _problem(error, lines) from None
    before = _before(written, file, lines)
    folder = before.folder if before else file.parent
    definition = before.definition if before else read_definition(folder / str(written.definition))
    papers = dict(before.papers) if before else {}
    papers.update({key: f"{MARK}\n{text.strip()}\n".encode() for key, text in written.papers.items()})
    own = _place(written, file, lines, before.steps[-1].at if before else definition.clock.begins)
    play = Play(
        name=name,
        title=written.title,
        says=" ".join(written.says.split()),
        folder=folder,
        definition=definition,
        opens=before.opens if before else str(written.opens),
        papers=papers,
        steps=(*(before.steps if before else ()), *own),
        ends=written.ends,
        prefix=len(before.steps) if before else 0,
    )
    _check(play, len(own))
    return play


def _before(written: PlayFile, file: Path, lines: Lines) -> Play | None:
    if written.after is None:
        return None
    folder = file.parent if (file.parent / "definition.yaml").exists() else file.parent.parent
    earlier = next(
        (
            f
            for f in (file.parent / f"{written.after.play}.yaml", folder / f"{written.after.play}.yaml")
            if f.exists()
        ),
        None,
    )
    if earlier is None or earlier == file:
        raise ScenarioProblem(
            f"{file}:{lines.line(('after',))}: there is no play {written.after.play} to follow.",
            "Name one that is there.",
        )
    play = read_play(earlier, written.after.play)
    if written.after.until is None:
        return play
    labels = [placed.step.label for placed in play.steps]
    if written.after.until not in labels:
        known = ", ".join(label for label in labels if label)
        where = f"{file}:{lines.line(('after', 'until'))}"
        raise ScenarioProblem(
            f"{where}: {earlier.name} has no label {written.after.until!r}; it has {known}.",
            "Name one of these.",
        )
    kept = play.steps[: labels.index(written.after.until) + 1]
    return Play(**{**play.__dict__, "steps": kept})


def _place(written: PlayFile, file: Path, lines: Lines, begins: Any) -> tuple[Placed, ...]:
    placed: list[Placed] = []
    now = begins
    for index, step in enumerate(written.steps):
        line = lines.line(("steps", index))
        at = step.at or now
        if at is None:
            raise ScenarioProblem(f"{file}:{line}: the first step has no time.", "Give it one with at.")
        if now is not None and at < now:
            raise ScenarioProblem(
                f"{file}:{line}: {step.at} is before the step that goes before.", "Put them in order."
            )
        now = at
        placed.append(Placed(step, at, file.stem, file, line))
    return tuple(placed)


def _check(play: Play, own: int) -> None:
    """Every act is well formed, everybody is in the cast, every text and paper is there."""
    cast = play.cast()
    for placed in play.steps[len(play.steps) - own :]:
        step = placed.step
        if step.by is not None and step.by not in cast and step.expect.refused is None:
            raise _at(placed, f"{step.by} is nobody's delegate", "Let a contact appoint the delegate first.")
        for kind, name in symbols(step.fields):
            _check_symbol(play, placed, kind, name)
        try:
            if step.act or step.signal:
                parse_act(str(step.act or step.signal), fill(step.fields, _placeholder))
        except Rejected as error:
            raise _at(placed, error.message, "") from None
        if step.open:
            play.definition_file(step.open)


def _placeholder(kind: str, name: str) -> Any:
    return _OF_VERDICTS[name.partition("/")[2]] if kind == "verdict" else _PLACEHOLDER


def _check_symbol(play: Play, placed: Placed, kind: str, name: str) -> None:
    if kind == "paper" and name not in play.papers:
        raise _at(placed, f"there is no paper {name!r}", "Write it under papers.")
    if kind == "verdict" and name.partition("/")[2] not in _OF_VERDICTS:
        raise _at(placed, f"{name!r} is nothing of a verdict", f"Write C4/{' or C4/'.join(_OF_VERDICTS)}.")
    if kind == "text":
        try:
            first = play.text(name).splitlines()[0].decode()
        except OSError:
            raise _at(
                placed, f"there is no text {name!r}", f"Put it into texts/{name.replace('/', '.')}.txt."
            ) from None
        if first != MARK:
            raise _at(placed, f"the text {name!r} does not begin with the line {MARK!r}", "Add it.")


def _at(placed: Placed, what: str, remedy: str) -> ScenarioProblem:
    step = placed.step
    return ScenarioProblem(
        f"{placed.file}:{placed.line} ({step.kind} {step.act or step.signal or step.why or step.open or ''} "
        f"by {step.by}): {what}.",
        remedy or "Correct that step.",
    )


def _problem(error: ValidationError, lines: Lines) -> ScenarioProblem:
    said = []
    for item in error.errors(include_url=False, include_context=False, include_input=False)[:5]:
        loc = tuple(part for part in item["loc"] if isinstance(part, str | int))
        step = f"step {int(loc[1]) + 1}: " if len(loc) > 1 and loc[0] == "steps" else ""
        rest = ".".join(str(part) for part in (loc[2:] if step else loc))
        said.append(
            f"line {lines.line(loc)}: {step}{rest + ': ' if rest else ''}{item['msg'].removeprefix('Value error, ')}"
        )
    return ScenarioProblem(
        f"{lines.file} cannot be used. {'; '.join(said)}.", "Correct it at the lines named."
    )
