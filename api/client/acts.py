"""Every act and signal of the registry, to be done by :meth:`api.client.accord.Accord.do`; a test compares the two."""

from __future__ import annotations

from workflows.model.consent import WithdrawConsent
from workflows.record.attestation import AttestState
from workflows.record.erasure import EraseContents, EraseParticulars
from workflows.record.keys import EnrolKey, RevokeKey, RotateKey
from workflows.record.logkeys import RetireLogKey, RotateLogKey
from workflows.record.operation import PauseAccord, RepairAccord, ResumeAccord, RetryAccord
from workflows.record.statements import ImportStatement, RecordStatement
from workflows.record.witnessing import AgreeWitnessPolicy, ProposeWitnessPolicy
from workflows.tracks.conditions.disputes import (
    ConditionChanged,
    ConfirmVerdict,
    DecideDispute,
    DisputeVerdict,
)
from workflows.tracks.conditions.evidence import ReturnEvidence, SubmitEvidence
from workflows.tracks.conditions.verdicts import RevokeVerdict, VerifyCondition
from workflows.tracks.conditions.waivers import DeferCondition, WaiveCondition, WithdrawWaiver
from workflows.tracks.corrections import AgreeCorrigendum, ProposeCorrigendum
from workflows.tracks.documents.authentication import (
    ApproveExecutionVersion,
    CertifyConcordance,
    InitialDocument,
)
from workflows.tracks.documents.texts import AgreeText, CommentOnText, ProposeText
from workflows.tracks.ending import AgreeTermination, CloseAccord, DeclineDefinition, Terminate
from workflows.tracks.founding.adoption import AdoptDefinition
from workflows.tracks.founding.amendment import AmendDefinition
from workflows.tracks.founding.appointments import AppointDelegate, AppointDelegates, RevokeDelegate
from workflows.tracks.invitation import (
    AcceptInvitation,
    AcceptInvitationInPrinciple,
    AcknowledgeInvitation,
    DeclineInvitation,
    ExtendInvitation,
    IssueInvitation,
    WithdrawInvitation,
)
from workflows.tracks.predecessor import CarryOverVerdict
from workflows.tracks.schedules import AgreeTexts, ProposeTexts
from workflows.tracks.signing.authorization import AuthorizeSigning, WithdrawAuthorization
from workflows.tracks.signing.full_powers import FindFullPowers, IssueFullPowers, RevokeFullPowers
from workflows.tracks.signing.pages import DepositSignedPage
from workflows.tracks.signing.release import ConsentToRelease, ReleaseSignatures, SeverDocument
from workflows.tracks.signing.signatures import SignDocument, WithdrawSignature
from workflows.tracks.subsequent import DeclareInForce, RatifyDocument, RegisterDocument
from workflows.tracks.understanding import ConcurInUnderstanding, ProposeUnderstanding
from workflows.tracks.visit.course import (
    ConfirmVisit,
    HoldVisit,
    RecordAdvanceDone,
    RecordArrival,
    RecordMinutes,
)
from workflows.tracks.visit.dates import AgreeDates, ProposeDates
from workflows.tracks.visit.endings import CancelVisit, CompleteVisit, CurtailVisit

__all__ = [
    "AcceptInvitation",
    "AcceptInvitationInPrinciple",
    "AcknowledgeInvitation",
    "AdoptDefinition",
    "AgreeCorrigendum",
    "AgreeDates",
    "AgreeTermination",
    "AgreeText",
    "AgreeTexts",
    "AgreeWitnessPolicy",
    "AmendDefinition",
    "AppointDelegate",
    "AppointDelegates",
    "ApproveExecutionVersion",
    "AttestState",
    "AuthorizeSigning",
    "CancelVisit",
    "CarryOverVerdict",
    "CertifyConcordance",
    "CloseAccord",
    "CommentOnText",
    "CompleteVisit",
    "ConcurInUnderstanding",
    "ConditionChanged",
    "ConfirmVerdict",
    "ConfirmVisit",
    "ConsentToRelease",
    "CurtailVisit",
    "DecideDispute",
    "DeclareInForce",
    "DeclineDefinition",
    "DeclineInvitation",
    "DeferCondition",
    "DepositSignedPage",
    "DisputeVerdict",
    "EnrolKey",
    "EraseContents",
    "EraseParticulars",
    "ExtendInvitation",
    "FindFullPowers",
    "HoldVisit",
    "ImportStatement",
    "InitialDocument",
    "IssueFullPowers",
    "IssueInvitation",
    "PauseAccord",
    "ProposeCorrigendum",
    "ProposeDates",
    "ProposeText",
    "ProposeTexts",
    "ProposeUnderstanding",
    "ProposeWitnessPolicy",
    "RatifyDocument",
    "RecordAdvanceDone",
    "RecordArrival",
    "RecordMinutes",
    "RecordStatement",
    "RegisterDocument",
    "ReleaseSignatures",
    "RepairAccord",
    "ResumeAccord",
    "RetireLogKey",
    "RetryAccord",
    "ReturnEvidence",
    "RevokeDelegate",
    "RevokeFullPowers",
    "RevokeKey",
    "RevokeVerdict",
    "RotateKey",
    "RotateLogKey",
    "SeverDocument",
    "SignDocument",
    "SubmitEvidence",
    "Terminate",
    "VerifyCondition",
    "WaiveCondition",
    "WithdrawAuthorization",
    "WithdrawConsent",
    "WithdrawInvitation",
    "WithdrawSignature",
    "WithdrawWaiver",
]
