"""Statements: what somebody said in public. It is recorded, is no evidence, and at most becomes a proposal.

Recording one changes no state. Importing one also puts forward what it speaks of as an amendment of the definition,
as it would stand if it were meant: a proposal and nothing more, to which nobody has consented by that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, ValidationError

from workflows.model.canonical import canonical
from workflows.model.commands import Actor
from workflows.model.declare import Act, Audience, Check, Event, Stamp, Who, act, event, malformed
from workflows.model.definition import LARGEST_DEFINITION, Definition
from workflows.model.state import Accord
from workflows.model.values import Digest, Line, Note
from workflows.tracks.founding.adoption import SUBJECT, DefinitionProposed
from workflows.tracks.founding.amendment import AmendDefinition


@event
class StatementRecorded(Event):
    """Something that somebody said in public was recorded. It changes no state and is no evidence."""

    says = "a statement is recorded"
    changes_state = False
    digest: Digest

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """Counted, so that the record shows that it was noted."""
        return a.changed(statements=a.statements + 1)


@act
class RecordStatement(Act):
    """Record, by digest, something that was said in public. It changes no state and never counts as evidence."""

    digest: Digest
    words: Note = ""
    who = Who((), "anyone", sees=Audience.ALL, observers=False)
    says = "{by} records a statement"

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The record."""
        yield StatementRecorded(digest=self.digest)


def merged(target: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """``target`` changed by a JSON merge patch (RFC 7396): members take the patch's values; null takes one away."""
    result = dict(target)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            old = result.get(name)
            result[name] = merged(old if isinstance(old, Mapping) else {}, value)
        else:
            result[name] = value
    return result


@act
class ImportStatement(Act):
    """Record a statement, and put forward what it speaks of as an amendment, to which nobody consents by that."""

    digest: Digest
    source: Line
    changes: Annotated[
        dict[str, Any],
        Field(
            min_length=1,
            description="what it would change in the definition, as a JSON merge patch (RFC 7396), "
            'such as {"window": {"begins": "2027-05-10T08:00:00Z"}}; null takes a member away, '
            "which then has its default",
        ),
    ]
    words: Note = ""
    who = Who(("contact", "protocol"), "any", agree="every party", sees=Audience.ALL)
    says = "{by} imports a statement ({source}) as a proposal"

    def _proposal(self, a: Accord) -> AmendDefinition:
        """The amendment that the statement would be.

        Raises:
            ValueError: no definition comes of it, or one that is too large to be looked at.
        """
        wanted = merged(a.definition.as_facts(), self.changes)
        if (size := len(canonical(wanted))) > LARGEST_DEFINITION:
            raise ValueError(
                f"the definition would have {size:,} bytes; at most {LARGEST_DEFINITION:,} are taken"
            )
        try:
            return AmendDefinition(definition=Definition.model_validate(wanted))
        except ValidationError as error:
            problem = malformed("the definition would be malformed", error).message
            raise ValueError(
                problem.removesuffix(" Correct the fields named and send it again.").rstrip(".")
            ) from None

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """A definition comes of it, no proposal that has support is displaced, and it could be proposed as it is."""
        problem, proposal = "", None
        try:
            proposal = self._proposal(a)
        except ValueError as error:
            problem = str(error)
        yield Check(
            "proposal_known",
            proposal is not None,
            problem,
            "correct what is named; record_statement records it without a proposal",
        )
        yield Check(
            "no_amendment_pending",
            a.amendment is None or not a.consents.get(SUBJECT),
            "parties have consented to an amendment that is pending, and a statement displaces none",
            "wait for it, or let them withdraw their consents; record_statement records it without a proposal",
        )
        if proposal is not None:
            yield from proposal.guards(a, by, at)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The statement, and the proposal that it becomes; no consent."""
        proposed = self._proposal(a).definition
        yield StatementRecorded(digest=self.digest)
        yield DefinitionProposed(definition=proposed.as_facts(), digest=proposed.digest())
