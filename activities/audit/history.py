"""A workflow's history as the Temporal UI, its command line or an SDK exports it in JSON: what it says of an accord.

Payloads come in two forms: as they are stored, in base64 with their encoding beside it; or decoded, as the command line
shows them by default. Nothing of the file is believed; all of it is held against the ledger.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from activities.errors import Malformed
from workflows.messages import AccordInput, FailureKind, RecordAnswer, SignalsRequest
from workflows.model.commands import Command, Receipt

MAX_HISTORY: Final = 128 * 1024 * 1024
"""The most bytes of a file. A server ends a run at 50 MB of history; base64 and JSON add to that."""

_AGAIN = "Export it again: temporal workflow show --workflow-id ACCORD --output json > FILE"


@dataclass(frozen=True, slots=True)
class Update:
    """An update that the workflow accepted, and how it ended there: by a receipt, a failure, or not yet.

    ``command`` is none where the update's argument is no command, which says ``unread``.
    """

    event: int
    name: str
    command: Command | None
    unread: str = ""
    ended: bool = False
    receipt: Receipt | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A receipt that an activity gave the workflow."""

    event: int
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Signals:
    """Signals that the workflow had recorded; ``recorded`` is whether it was told that they are."""

    event: int
    request: SignalsRequest
    recorded: bool


@dataclass(frozen=True, slots=True)
class History:
    """What one run's history says."""

    accord: str
    events: int
    updates: tuple[Update, ...]
    answers: tuple[Answer, ...]
    signals: tuple[Signals, ...]


def parse(content: bytes) -> History:
    """Read an exported history.

    Raises:
        Malformed: it is none of an accord's workflow, or its payloads are encrypted.
    """
    if len(content) > MAX_HISTORY:
        raise Malformed(f"the file has more than {MAX_HISTORY:,} bytes", "Export one run of one accord")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise Malformed("the file is no JSON", _AGAIN) from None
    events = document.get("events") if isinstance(document, dict) else document
    if not isinstance(events, list) or not events or not all(isinstance(event, dict) for event in events):
        raise Malformed("the file holds no events of a workflow", _AGAIN)
    try:
        return _History(events).read()
    except _Encrypted as error:
        raise Malformed(
            f"a payload is encoded as {error.args[0][:60]!r}",
            "Export the history through the codec server, or with the command line's --codec-endpoint",
        ) from None
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise Malformed(
            f"the file is no history of an accord's workflow: {type(error).__name__}: {str(error)[:200]}",
            _AGAIN,
        ) from None


class _Encrypted(Exception):
    """A payload is not in plain JSON."""


class _History:
    def __init__(self, events: list[dict[str, Any]]) -> None:
        self._events = events
        self._updates: dict[str, Update] = {}
        self._admitted: dict[str, dict[str, Any]] = {}
        self._answers: list[Answer] = []
        self._signals: dict[int, Signals] = {}
        self._records: set[int] = set()

    def read(self) -> History:
        started = self._events[0]["workflowExecutionStartedEventAttributes"]
        start = AccordInput.model_validate(_first(started["input"]))
        for event in self._events:
            number = int(event["eventId"])
            for name, attributes in event.items():
                take = getattr(self, f"_{name}", None)
                if name.endswith("EventAttributes") and take is not None:
                    take(number, attributes)
        return History(
            start.accord,
            len(self._events),
            tuple(self._updates.values()),
            tuple(self._answers),
            tuple(self._signals.values()),
        )

    def _workflowExecutionUpdateAdmittedEventAttributes(self, number: int, told: dict[str, Any]) -> None:
        """After a reset what was done since is to be done anew: what is asked stands here, not where it is accepted."""
        request = told["request"]
        identity = str(request["meta"]["updateId"])
        self._admitted[identity] = request
        self._asked(number, identity, request)

    def _workflowExecutionUpdateAcceptedEventAttributes(self, number: int, told: dict[str, Any]) -> None:
        identity = str(told["protocolInstanceId"])
        request = told.get("acceptedRequest") or self._admitted.get(identity)
        if request is None:
            raise ValueError(f"event {number} accepts an update that does not say what it asks")
        self._asked(number, identity, request)

    def _asked(self, number: int, identity: str, request: dict[str, Any]) -> None:
        command, unread = None, ""
        try:
            command = Command.model_validate(_first(request["input"]["args"]))
        except (ValidationError, KeyError, IndexError) as error:
            unread = f"its argument is no command: {str(error)[:100]}"
        name = str(request["input"]["name"])
        self._updates[identity] = Update(number, name, command, unread)

    def _workflowExecutionUpdateCompletedEventAttributes(self, number: int, told: dict[str, Any]) -> None:
        identity = str(told["meta"]["updateId"])
        before = self._updates.get(identity)
        if before is None:
            raise ValueError(f"event {number} completes an update that was never accepted")
        receipt, failure = None, ""
        outcome = told.get("outcome", {})
        if "success" in outcome:
            receipt = Receipt.model_validate(_first(outcome["success"]))
        else:
            cause = outcome["failure"]
            application = cause.get("applicationFailureInfo", {})
            failure = str(application.get("type") or cause.get("message") or "failed")
            if failure == FailureKind.REFUSED:
                receipt = Receipt.model_validate(_first(application["details"]))
        self._updates[identity] = Update(
            before.event, before.name, before.command, before.unread, True, receipt, failure
        )

    def _markerRecordedEventAttributes(self, number: int, told: dict[str, Any]) -> None:
        details = told.get("details", {})
        if told.get("markerName") != "core_local_activity" or "result" not in details:
            return
        if _first(details["data"]).get("activity_type") == "record":
            self._answered(number, _first(details["result"]))

    def _activityTaskScheduledEventAttributes(self, number: int, told: dict[str, Any]) -> None:
        name = told["activityType"]["name"]
        if name == "record":
            self._records.add(number)
        elif name == "record_signals":
            request = SignalsRequest.model_validate(_first(told["input"]))
            self._signals[number] = Signals(number, request, False)

    def _activityTaskCompletedEventAttributes(self, number: int, told: dict[str, Any]) -> None:
        scheduled = int(told["scheduledEventId"])
        if scheduled in self._records:
            self._answered(number, _first(told["result"]))
        elif scheduled in self._signals:
            self._signals[scheduled] = Signals(scheduled, self._signals[scheduled].request, True)

    def _answered(self, number: int, value: Any) -> None:
        receipt = RecordAnswer.model_validate(value).receipt
        if receipt is not None:
            self._answers.append(Answer(number, receipt))


def _values(payloads: Any) -> Iterator[Any]:
    if isinstance(payloads, Mapping) and set(payloads) == {"payloads"}:
        payloads = payloads["payloads"]
    if not isinstance(payloads, list):
        payloads = [payloads]
    for payload in payloads:
        yield _value(payload)


def _value(payload: Any) -> Any:
    """A payload's value, in whichever of the two forms it stands."""
    if not isinstance(payload, Mapping) or not {"metadata"} <= set(payload) <= {"metadata", "data"}:
        return payload
    try:
        encoding = base64.b64decode(payload["metadata"]["encoding"], validate=True).decode()
        data = base64.b64decode(payload.get("data", ""), validate=True)
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError(f"a payload is not in base64: {error}") from None
    if encoding == "binary/null":
        return None
    if not encoding.startswith("json/"):
        raise _Encrypted(encoding)
    return json.loads(data)


def _first(payloads: Any) -> Any:
    for value in _values(payloads):
        return value
    raise ValueError("it lacks an argument or a result")
