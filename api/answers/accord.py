"""The shapes of the API's answers about an accord: all that a client can rely on."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from workflows.model.commands import Unmet


class View(BaseModel):
    """A frozen value of the API's answers."""

    model_config = ConfigDict(frozen=True)


class ClockView(View):
    """The accord's clock. ``live`` is false where only the record says how late it is."""

    mode: Literal["real", "simulated"]
    time: datetime = Field(description="the accord's present time")
    live: bool


class PartyView(View):
    """A party to the accord."""

    name: str
    capacity: str
    contact: str
    languages: tuple[str, ...]
    adopted: bool = Field(description="whether it has adopted the definition in force, or that is proposed")
    signed_acts: bool = Field(description="whether its delegates sign their acts with keys of their own")


class KeyView(View):
    """A delegate's own key, with the positions of the entries that enrolled and revoked it."""

    key: str
    public_key: str
    enrolled: int
    revoked: int | None


class DelegateView(View):
    """A delegate, with the office, roles and party of the appointment."""

    delegate: str
    party: str | None
    office: str
    roles: tuple[str, ...]
    valid_from: datetime | None
    valid_until: datetime | None
    in_force: bool
    keys: tuple[KeyView, ...] = ()


class InvitationView(View):
    """The invitation and the guests' answers."""

    status: str
    issued_at: datetime | None
    valid_until: datetime | None
    received: dict[str, datetime]
    answers: dict[str, str]


class EvidenceView(View):
    """Evidence for a condition, by digest."""

    digest: str
    grade: str
    source: str
    by: str
    party: str
    at: datetime


class VerdictView(View):
    """The verdict on a condition."""

    evidence: tuple[str, ...]
    policy: str
    verifiers: tuple[str, ...]
    at: datetime
    valid_until: datetime | None


class DisputeView(View):
    """A dispute about a verdict."""

    by: str
    party: str
    opened_at: datetime
    decide_by: datetime


class ConditionView(View):
    """A condition: where it stands, who owes the next step, and when it is due."""

    title: str
    status: str
    satisfied: bool
    gate: str
    obligors: tuple[str, ...]
    beneficiaries: tuple[str, ...]
    verifiers: tuple[str, ...]
    need: int = Field(description="number of distinct verifiers that a verdict needs")
    grade: str = Field(description="lowest evidence grade that the policy takes")
    depends_on: tuple[str, ...]
    waivable: bool
    deferrable: bool
    due: datetime | None
    overdue: bool = Field(description="its due date passed, and it is not satisfied")
    escalated: bool = Field(description="it stayed overdue, and the parties' contacts were told")
    owed_by: tuple[str, ...] = Field(description="delegates who could bring it forward now")
    evidence: tuple[EvidenceView, ...] = ()
    findings: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    verdict: VerdictView | None = None
    dispute: DisputeView | None = None
    waived_by: tuple[str, ...] = ()
    questioned: bool = False
    cure_by: datetime | None = None
    reason: str | None = None
    terms_digest: str


class TextView(View):
    """One language's text of a document, by digest. An ``amendment`` stands beside it until all have agreed to it."""

    digest: str
    number: int
    agreed: bool
    proposed_by: str
    amendment: str | None = None


class PowersView(View):
    """Full powers for a seat."""

    holder: str
    digest: str
    valid_from: datetime
    valid_until: datetime | None
    found_by: tuple[str, ...]
    status: str


class SignedPageView(View):
    """The scan of a signed page: evidence of the signature's paper form."""

    original: str | None = Field(description="the party whose original it is; none: there is one for all")
    code: str = Field(description="the code beside the seat on the page")
    digest: str = Field(description="the digest of the scan")
    by: str
    at: datetime


class SignatureView(View):
    """A signature on a seat."""

    holder: str
    form: str
    digest: str
    authority: str
    at: datetime
    status: str
    pages: tuple[SignedPageView, ...] = Field(
        default=(), description="the scans of the signed pages that were deposited, one for each original"
    )


class SeatView(View):
    """A place for one signature."""

    party: str
    holder: str
    capacity: str
    authority: str = Field(description="ex_officio or full_powers: the seat's own, or the document's")
    powers: PowersView | None = None
    signature: SignatureView | None = None


class DocumentView(View):
    """A document: its texts, the digest that all later steps name, its seats, and its next step."""

    title: str
    status: str
    nature: str
    languages: tuple[str, ...]
    prevailing: str | None
    authority: str
    digest: str | None = Field(description="the document's digest; none while a text is missing")
    texts: dict[str, TextView] = Field(default_factory=dict)
    ready: bool = Field(description="whether it is ready to be signed")
    next_step: str | None = Field(default=None, description="what is missing until then")
    owed_by: tuple[str, ...] = ()
    seats: dict[str, SeatView]
    released_at: datetime | None = None
    ratified_by: tuple[str, ...] = ()
    in_force_at: datetime | None = None
    registration: str | None = None


class WindowView(View):
    """When and where the visit takes place."""

    begins: datetime
    ends: datetime
    place: str


class PinsView(View):
    """What an understanding pins, most of it by digest; all of it is empty while none is proposed."""

    conditions: dict[str, str] = Field(default_factory=dict, description="digests of the conditions' terms")
    parties: tuple[str, ...] = ()
    severable: tuple[str, ...] = ()
    signatories: dict[str, dict[str, str]] = Field(
        default_factory=dict, description="for each document the holder of each seat"
    )
    texts: dict[str, str] = Field(
        default_factory=dict, description="digests of the documents; empty where a text was missing"
    )
    window: WindowView | None = None


class UnderstandingView(View):
    """The formal understanding. ``suspended_by`` are fallen conditions; it lifts by itself.

    ``pending`` is the digest that waits for concurrence; beside an effective one it is another's.
    """

    status: str
    digest: str | None
    pending: str | None
    severable: tuple[str, ...]
    effective_at: datetime | None
    suspended_by: tuple[str, ...]
    cause: str | None
    pins: PinsView


class VisitView(View):
    """The visit, and new dates that are proposed."""

    status: str
    window: WindowView | None
    proposed: WindowView | None
    proposed_digest: str | None
    arrived_at: datetime | None
    cause: str | None
    minutes: int


class ConsentView(View):
    """A pending consent: who has named the current digest, and whose consent is missing."""

    subject: str
    says: str = Field(description="what is consented to, in words")
    digest: str
    given: tuple[str, ...]
    missing: tuple[str, ...]


class GateView(View):
    """A gate: what can be done when it is open. ``guards`` tells for each guard how many are unmet."""

    says: str
    open: bool
    guards: dict[str, int] = Field(description="each guard by name, with the number of its unmet instances")


class DeadlineView(View):
    """A pending deadline."""

    at: datetime
    kind: str
    subject: str
    says: str


class StatusView(View):
    """Cleared status: what also an observer sees. No evidence, no drafts, no names."""

    accord: str
    title: str
    vocabulary: str
    illustrative: bool
    clock: ClockView
    stage: str
    rules: int = Field(description="the version of the rules by which the accord is judged")
    founded: bool
    terminated: bool
    closed: bool
    version: int = Field(description="position of the last entry that changed the state; the ETag")
    size: int = Field(description="number of entries on the record")
    opened_at: datetime
    updated_at: datetime
    released_at: datetime | None
    arrived_at: datetime | None
    window: WindowView | None
    gates: dict[str, GateView]
    next_deadline: datetime | None = Field(
        description="when something next falls by itself: a reminder, a due date, an expiry"
    )
    paused: bool = Field(description="while no act is taken up, since whoever runs this paused it")
    cleared: bool = Field(description="true: only cleared status is shown, as for an observer")


class PauseView(View):
    """Who paused the accord, since when, and why."""

    by: str
    at: datetime
    reason: str


class AccordView(StatusView):
    """The whole state of an accord."""

    pause: PauseView | None
    definition_digest: str
    amendment_digest: str | None = Field(description="of an amendment that waits for adoption")
    release_digest: str | None = Field(description="of the set that a consent to release names")
    declined_by: str | None
    terminated_because: str | None
    termination_grounds: tuple[str, ...]
    parties: dict[str, PartyView]
    delegates: tuple[DelegateView, ...]
    invitation: InvitationView
    conditions: dict[str, ConditionView]
    documents: dict[str, DocumentView]
    understanding: UnderstandingView
    visit: VisitView
    consents: tuple[ConsentView, ...]
    blocking: tuple[Unmet, ...] = Field(description="what blocks the next stage")
    deadlines: tuple[DeadlineView, ...]
