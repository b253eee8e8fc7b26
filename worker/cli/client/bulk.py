"""Sheets of files, row by row: all of it is checked before anything is sent; then contents and acts, each once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from activities.errors import RuntimeProblem
from activities.sheets.cells import CellProblem, bad_cells
from activities.sheets.named import NamedRow
from worker.cli.client.calling import ApiProblem, Calls, RefusedAct
from worker.cli.client.files import send_file, would_take
from worker.cli.client.options import path_of
from worker.cli.client.signing import key_header, own_headers

Bar = Callable[[int, int], None]

MOST_TRIES = 9
"""Keys of one row: one more for each earlier run whose act was refused."""

THERE = "there already"
NOT_SENT = "not sent"


@dataclass(slots=True)
class Sending:
    """A row on its way: what becomes of its file's content and of its act, in words; ``reason`` is why not."""

    row: NamedRow
    content: str
    act: str = NOT_SENT
    reason: str = ""
    position: int | None = None

    def told(self) -> dict[str, Any]:
        """The row's line of the result."""
        file = {"file": self.row.file.name} if self.row.file is not None else {}
        told = {"row": self.row.row, **self.row.fields, **file, "content": self.content, "status": self.act}
        told |= {"reason": self.reason} if self.reason else {}
        return told | ({"position": self.position} if self.position is not None else {})


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends the acts of an accord; ``sign_with`` is the file of the delegate's own key, ``signer`` whose it is."""

    calls: Calls
    accord: str
    size: int
    sign_with: Path | None = None
    signer: str | None = None
    sent: set[str] = field(default_factory=set)

    def refusal(self, act: str, fields: Mapping[str, Any]) -> str:
        """Why an act would be refused now, and what to do; empty where it would be recorded.

        Raises:
            ApiProblem: it cannot be judged, as where a field is malformed.
            Unreachable: the API does not answer.
        """
        said = self.calls.post(
            self._path(act), fields, None, [("dry_run", "true")], signed=key_header(self.sign_with)
        )
        if said["would_be"] == "recorded":
            return ""
        return f"{said['refusal']['reason']}; {said['refusal']['remedy']}"

    def do(self, act: str, fields: dict[str, Any], key: str) -> dict[str, Any]:
        """Do an act once, however often it is sent. A refusal of an earlier run is not the answer to this one.

        Raises:
            RefusedAct: a guard refuses it now.
            ApiProblem: the API says why it cannot be taken.
            Unreachable: the API does not answer.
        """
        for tries in range(1, MOST_TRIES + 1):
            named = key if tries == 1 else f"{key}-{tries}"
            own = own_headers(self.sign_with, self.signer, self.accord, act, fields, named)
            try:
                return self.calls.post(self._path(act), fields, named, signed=own)
            except RefusedAct as error:
                position = error.problem.get("position")
                if position is None or position >= self.size or tries == MOST_TRIES:
                    raise
        raise AssertionError("the last try returns or raises")

    def _path(self, act: str) -> str:
        return f"{path_of(self.accord)}/{act}"

    def content(self, sending: Sending, progress: Bar) -> None:
        """Send the content of a row's file, where it is not there; one that several rows name is sent once.

        Raises:
            ApiProblem: the API does not take it, or the file was changed since it was checked.
            Unreachable: the API does not answer.
        """
        file, digest = sending.row.file, sending.row.fields["digest"]
        if file is None or sending.content == THERE:
            return
        if digest in self.sent:
            sending.content = THERE
            return
        deposit = send_file(self.calls, self.accord, file, None, progress)
        if deposit.digest != digest:
            raise RuntimeProblem(
                f"{file} was changed while the sheet was sent: its digest is {deposit.digest} now, and was {digest}.",
                "Run the same command again, once nobody writes to it.",
            )
        self.sent.add(digest)
        sending.content = THERE if deposit.there else f"sent, {deposit.size:,} bytes"


class EvidenceRows:
    """Whether the rows of a sheet of evidence would be taken, by how the accord stands."""

    def __init__(self, stands: Mapping[str, Any], sender: Sender) -> None:
        self._conditions: Mapping[str, Any] = stands.get("conditions", {})
        # An observer's view has none: then the guards alone say why not.
        self._known = "conditions" in stands
        self._sender = sender

    def there(self, row: NamedRow) -> Mapping[str, Any] | None:
        """The evidence of the record that the row names, or none."""
        submitted = self._conditions.get(row.fields["condition"], {}).get("evidence", ())
        return next((one for one in submitted if one["digest"] == row.fields["digest"]), None)

    def problems(self, row: NamedRow) -> Iterator[CellProblem]:
        """What is wrong with a row: its condition, what is submitted already, what a guard refuses."""
        code = row.fields["condition"]
        if self._known and code not in self._conditions:
            known = ", ".join(self._conditions) or "none"
            yield row.problem("condition", f"the accord has no condition {code[:40]!r}; it has {known[:300]}")
            return
        there = self.there(row)
        if there is not None:
            for name in ("grade", "source"):
                if there[name] != row.fields[name]:
                    said = f"this is submitted for {code} already as {there[name]!r}; write that, or leave the row out"
                    yield row.problem(name, said)
            return
        try:
            refusal = self._sender.refusal("submit-evidence", row.fields)
        except ApiProblem as error:
            if error.code != "malformed":
                raise
            yield row.problem("", error.details.strip() or error.what)
            return
        if refusal:
            yield row.problem("condition", refusal)


def texts_there(stands: Mapping[str, Any], rows: Sequence[NamedRow]) -> bool:
    """Whether every text of a sheet is the one that stands, or is proposed, in the accord."""
    for row in rows:
        texts = stands["documents"].get(row.fields["document"], {}).get("texts", {})
        text = texts.get(row.fields["language"], {})
        if row.fields["digest"] not in (text.get("digest"), text.get("amendment")):
            return False
    return True


def check(
    sender: Sender,
    rows: Sequence[NamedRow],
    judge: Callable[[NamedRow], Iterator[CellProblem]],
    progress: Bar,
) -> list[Sending]:
    """What is to be sent of each row, once ``judge`` and the API take every one of them.

    Raises:
        BadSheet: some cells cannot be taken; all of them are named.
        ApiProblem: the API does not let the caller do any of this.
        Unreachable: the API does not answer.
    """
    problems: list[CellProblem] = []
    found: list[Sending] = []
    there: dict[Path, bool] = {}
    for number, row in enumerate(rows, start=1):
        problems += judge(row)
        content = "by digest alone"
        if row.file is not None:
            try:
                if row.file not in there:
                    there[row.file] = would_take(sender.calls, sender.accord, row.file)
                content = THERE if there[row.file] else "to be sent"
            except ApiProblem as error:
                if error.code in ("forbidden", "unauthorized", "not_found", "rate_limited"):
                    raise
                problems.append(
                    row.problem("file", " ".join(part for part in (error.what, error.remedy) if part))
                )
        found.append(Sending(row, content))
        progress(number, len(rows))
    if problems:
        raise bad_cells(problems, "nothing was sent")
    return found


def send(
    sender: Sender,
    sendings: Sequence[Sending],
    act: Callable[[Sending], None],
    tell: Callable[[str], None],
    progress: Bar,
) -> None:
    """Send each row's content, then do its ``act``. ``tell`` is given why it stopped half way, if it does.

    Raises:
        ApiProblem: the API says why something cannot be taken.
        Unreachable: the API does not answer.
    """
    weights = [_weight(one) for one in sendings]
    whole, before = sum(weights), 0
    try:
        for one, weight in zip(sendings, weights, strict=True):

            def forward(done: int, _: int, start: int = before) -> None:
                progress(start + done, whole)

            sender.content(one, forward)
            act(one)
            before += weight
            progress(before, whole)
    except BaseException as error:
        said = (
            "It was broken off."
            if isinstance(error, KeyboardInterrupt)
            else getattr(error, "what", str(error))
        )
        waiting = sum(one.act == NOT_SENT for one in sendings)
        tell(f"{said} Not sent yet: {waiting} of {len(sendings)} rows. The same command goes on with them.")
        raise


def _weight(sending: Sending) -> int:
    """How much of the whole a row is, in bytes; an act counts as some."""
    file = sending.row.file
    return file.stat().st_size if file is not None and file.exists() else 1
