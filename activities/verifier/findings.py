"""What a verification comes to: one finding for each question, and an exit code that names what failed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from activities.verifier.outside import Stretch, time_as_json

QUESTIONS: Final[dict[str, tuple[int, str]]] = {
    "record": (11, "every entry, payload and hash is the one that the tree commits to"),
    "consistency": (12, "every checkpoint is of this one record, each extending the one before"),
    "signatures": (13, "the log signed every checkpoint, and no signature is forged"),
    "quorum": (14, "the witnesses that the policy names agree to the whole record"),
    "acts": (15, "every act is the one that was asked for and signed"),
    "completeness": (16, "nothing is missing: every command has its entries, every entry its command"),
    "fold": (17, "every event followed from its act by the rules, up to the state that is claimed"),
    "files": (22, "every file is what has its digest, and the record names it"),
    "timestamps": (
        23,
        "every token of time is over this record, of an authority that you know, and no entry says that it is later",
    ),
}
"""The questions in the order in which they are reported, with the exit code where the answer is no.

The last two are asked of bundles with files, or with tokens of time, alone; the last also by who brings certificates.
"""

SOMETIMES: Final = ("files", "timestamps")
"""Questions that are not asked of every bundle."""

EXIT_MALFORMED: Final = 10
"""The exit code for a file that is no bundle."""

EXIT_EQUIVOCATION: Final = 18
"""The exit code for evidence that proves that the log equivocated."""

EXIT_NO_EVIDENCE: Final = 19
"""The exit code for evidence that proves nothing."""

EXIT_UNPROVEN: Final = 20
"""The exit code where nothing is wrong, and something rests on the bundle's own word."""

EXIT_WITHHELD: Final = 21
"""The exit code of ``--strict`` where all that is here is proved, and a part is withheld or erased."""

MOST_PROBLEMS: Final = 20
"""Problems kept for each finding; all are counted."""

Status = Literal["holds", "fails", "unproven", "withheld", "unchecked"]
"""``unproven``: nothing speaks against it, and it rests on the bundle's own word; the reader brought nothing to hold it
against. ``withheld``: what is here is proved by what the reader brought, and a part is withheld or lawfully erased.
``unchecked``: the reader did not ask, and nothing is claimed by it; the rest stands without it."""


@dataclass(slots=True)
class Finding:
    """The answer to one question: how much was checked, what is wrong, and what could not be proved."""

    question: str
    checked: int = 0
    problems: list[str] = field(default_factory=list)
    failures: int = 0
    gaps: dict[str, int] = field(default_factory=dict)
    absent: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    unchecked: str = ""

    @property
    def status(self) -> Status:
        """Whether it holds."""
        if self.failures:
            return "fails"
        if self.gaps:
            return "unproven"
        if self.unchecked:
            return "unchecked"
        return "withheld" if self.absent else "holds"

    def fail(self, problem: str) -> None:
        """Something is wrong."""
        self.failures += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)

    def gap(self, what: str) -> None:
        """Something rests on the bundle's own word; equal gaps are counted."""
        self.gaps[what] = self.gaps.get(what, 0) + 1

    def lack(self, what: str) -> None:
        """Something is withheld or erased, and could not be checked; equal ones are counted."""
        self.absent[what] = self.absent.get(what, 0) + 1

    def note(self, text: str) -> None:
        """Something that the reader should know."""
        if text not in self.notes and len(self.notes) < MOST_PROBLEMS:
            self.notes.append(text)

    def as_json(self) -> dict[str, Any]:
        """The finding as JSON values."""
        return {
            "question": self.question,
            "asks": QUESTIONS[self.question][1],
            "status": self.status,
            "checked": self.checked,
            "failures": self.failures,
            "problems": self.problems,
            "unproven": self.gaps,
            "withheld": self.absent,
            "unchecked": self.unchecked,
            "notes": self.notes,
        }


@dataclass(slots=True)
class Report:
    """All findings on one bundle, and what the record is of."""

    accord: str
    origin: str
    size: int
    findings: dict[str, Finding] = field(
        default_factory=lambda: {name: Finding(name) for name in QUESTIONS if name not in SOMETIMES}
    )
    illustrative: bool = False
    simulated: bool = False
    stage: str | None = None
    final_size: int | None = None
    erased: int = 0
    withheld: int = 0
    state: str | None = None
    version: int | None = None
    rules: int | None = None
    log_keys: tuple[str, ...] = ()
    evidence: bytes | None = None
    outside: tuple[Stretch, ...] = ()

    def __getitem__(self, question: str) -> Finding:
        return self.findings[question]

    def exit_code(self, *, strict: bool = False) -> int:
        """The code of the first question whose answer is no; else 20 where something is unproven; else 0.

        ``strict`` also asks that nothing is withheld or erased: 21 where something is. What the reader did not ask for
        and is claimed by nothing changes no code.
        """
        statuses = {finding.question: finding.status for finding in self.findings.values()}
        for question, status in statuses.items():
            if status == "fails":
                return QUESTIONS[question][0]
        if "unproven" in statuses.values():
            return EXIT_UNPROVEN
        return EXIT_WITHHELD if strict and "withheld" in statuses.values() else 0

    def as_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "accord": self.accord,
            "origin": self.origin,
            "size": self.size,
            "final_size": self.final_size,
            "stage": self.stage,
            "illustrative": self.illustrative,
            "simulated": self.simulated,
            "erased": self.erased,
            "withheld": self.withheld,
            "state": self.state,
            "version": self.version,
            "rules": self.rules,
            "log_keys": list(self.log_keys),
            "time": time_as_json(self.outside, simulated=self.simulated),
            "findings": [finding.as_json() for finding in self.findings.values()],
        }
