"""What the record offers for the fields of acts: choices, so that nobody has to type a digest or an id."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from activities.languages.catalogues import counted, said
from activities.languages.prose import prose
from api.pages.words import value_word
from workflows.model import consent
from workflows.model.attested import state_digest
from workflows.model.declare import Act
from workflows.model.state import Accord
from workflows.model.values import GRADES
from workflows.record.keys import live as live_keys
from workflows.record.witnessing import policy_digest
from workflows.tracks.documents.state import document_digest
from workflows.tracks.signing.pages import Place, places
from workflows.tracks.signing.release import release_digest
from workflows.tracks.visit.state import dates_digest


@dataclass(frozen=True, slots=True)
class Choice:
    """A value to choose, what it is called, and whether it is chosen at first."""

    value: str
    label: str
    chosen: bool = False


Given = Mapping[str, str]
Offered = Callable[[Accord, str, Given], tuple[Choice, ...]]


def _one(value: str | None, label: str) -> tuple[Choice, ...]:
    return (Choice(value, label, True),) if value else ()


def _conditions(a: Accord, delegate: str, given: Given) -> tuple[Choice, ...]:
    return tuple(Choice(code, f"{code} · {terms.title}") for code, terms in a.definition.conditions.items())


def _documents(a: Accord, delegate: str, given: Given) -> tuple[Choice, ...]:
    return tuple(Choice(code, f"{code} · {terms.title}") for code, terms in a.definition.documents.items())


def _languages(a: Accord, delegate: str, given: Given) -> tuple[Choice, ...]:
    terms = a.definition.documents.get(given.get("document", ""))
    listed: Iterable[str] = (
        terms.languages
        if terms is not None
        else dict.fromkeys(one for each in a.definition.documents.values() for one in each.languages)
    )
    return tuple(Choice(one, one) for one in listed)


def _seats(a: Accord, delegate: str, given: Given) -> tuple[Choice, ...]:
    document = a.documents.get(given.get("document", ""))
    if document is None:
        return ()
    return tuple(
        Choice(name, said("{seat} · {holder} for {party}", seat=name, holder=seat.holder, party=seat.party))
        for name, seat in document.seats.items()
    )


def _delegates(a: Accord, delegate: str, given: Given) -> tuple[Choice, ...]:
    """Those of the delegate's own party: appointed, named by the definition, or holders of its seats."""
    own = a.delegates.get(delegate)
    party = own.party if own is not None else None
    named = [one for one, whose in a.definition.owners().items() if whose == party]
    appointed = [one for one, standing in a.delegates.items() if standing.party == party]
    return tuple(
        Choice(
            one,
            f"{one} · {a.delegates[one].office}"
            if one in a.delegates
            else said("{delegate} (not appointed yet)", delegate=one),
        )
        for one in dict.fromkeys([*appointed, *named])
    )


def _pending_subjects(a: Accord, delegate: str, given: Given) -> tuple[Choice, ...]:
    own = a.delegates.get(delegate)
    return tuple(
        Choice(one.subject, prose(one.says))
        for one in consent.pending(a)
        if own is not None and own.party in one.given
    )


def _definition(a: Accord, delegate: str, given: Given) -> tuple[Choice, ...]:
    if a.amendment is not None:
        return _one(a.amendment.digest(), said("the amendment that waits for adoption"))
    return _one(a.definition_digest, said("the definition that is proposed"))


def _text(a: Accord, given: Given) -> Any:
    document = a.documents.get(given.get("document", ""))
    return None if document is None else document.texts.get(given.get("language", ""))


def _pending_text(a: Accord, delegate: str, given: Given) -> tuple[Choice, ...]:
    text = _text(a, given)
    if text is None:
        return ()
    by = text.amended_by if text.agreed else text.proposed_by
    return _one(
        text.pending,
        said("the text that {party} proposed", party=by) if by else said("the text that a party proposed"),
    )


def _standing_text(a: Accord, delegate: str, given: Given) -> tuple[Choice, ...]:
    text = _text(a, given)
    if text is None:
        return ()
    return _one(text.digest, said("version {number}", number=text.number)) + tuple(
        Choice(one, said("the amendment that is proposed")) for one in (text.amendment,) if one
    )


def _document_digest(a: Accord, delegate: str, given: Given) -> tuple[Choice, ...]:
    code = given.get("document", "")
    return (
        _one(document_digest(a, code), said("{document}, all its texts as they stand", document=code))
        if code in a.documents
        else ()
    )


def _powers(a: Accord, delegate: str, given: Given) -> tuple[Choice, ...]:
    document = a.documents.get(given.get("document", ""))
    seat = None if document is None else document.seats.get(given.get("seat", ""))
    if seat is None or seat.powers is None:
        return ()
    return _one(seat.powers.digest, said("the full powers of {holder}", holder=seat.powers.holder))


def _correction(a: Accord, delegate: str, given: Given) -> tuple[Choice, ...]:
    pending = a.corrections.get(given.get("document", ""))
    return (
        ()
        if pending is None
        else _one(pending.digest, said("the corrected text in {language}", language=pending.language))
    )


def _schedules(a: Accord, delegate: str, given: Given) -> tuple[Choice, ...]:
    return tuple(
        Choice(digest, counted("a schedule of {n} text", "a schedule of {n} texts", len(texts)))
        for digest, texts in a.schedules.items()
    )


def _evidence(a: Accord, delegate: str, given: Given) -> tuple[Choice, ...]:
    code = given.get("condition", "")
    condition, terms = a.conditions.get(code), a.definition.conditions.get(code)
    if condition is None or terms is None:
        return ()
    lowest = GRADES.index(terms.policy.grade)
    return tuple(
        Choice(
            one.digest,
            said(
                "{grade}, from {source}, by {who}",
                grade=value_word(one.grade, "grade", a),
                source=one.source,
                who=one.by,
            ),
            GRADES.index(one.grade) >= lowest,
        )
        for one in condition.evidence
    )


def _keys(a: Accord, delegate: str, given: Given) -> tuple[Choice, ...]:
    whose = given.get("delegate", delegate)
    return tuple(
        Choice(one.id, said("{key} of {delegate}", key=one.id, delegate=whose)) for one in live_keys(a, whose)
    )


def _log_keys(a: Accord, delegate: str, given: Given) -> tuple[Choice, ...]:
    return tuple(Choice(one.key, one.key.rpartition("+")[0]) for one in a.log_keys if one.retired is None)


def _signed_pages(a: Accord, delegate: str, given: Given) -> tuple[Choice, ...]:
    """The seats on pages of the delegate's own party, or of all parties; what has no scan yet stands first."""
    own = a.delegates.get(delegate)
    party = own.party if own is not None else None
    mine = [one for one in places(a) if party in (None, one.party)]
    mine.sort(key=lambda one: (not one.signed, one.scan is not None))
    return tuple(Choice(one.code, _page_of(one)) for one in mine)


def _page_of(one: Place) -> str:
    """A seat on a page, by its code, and whether it is signed and scanned."""
    where = said("{code} · {document}, seat {seat}", code=one.code, document=one.document, seat=one.seat)
    original = said(", original of {party}", party=one.original) if one.original else ""
    signed = "" if one.signed else f" {said('(not signed yet)')}"
    scanned = f" {said('(a scan is there; another takes its place)')}" if one.scan is not None else ""
    return where + original + signed + scanned


def _items(a: Accord, delegate: str, given: Given) -> tuple[Choice, ...]:
    return tuple(Choice(one.item, one.item) for one in a.definition.programme)


CANDIDATES: Mapping[tuple[str, str], Offered] = {
    ("", "condition"): _conditions,
    ("", "document"): _documents,
    ("", "language"): _languages,
    ("", "seat"): _seats,
    ("", "delegate"): _delegates,
    ("", "holder"): _delegates,
    ("", "severable"): _documents,
    ("withdraw_consent", "subject"): _pending_subjects,
    ("adopt_definition", "digest"): _definition,
    ("agree_text", "digest"): _pending_text,
    ("comment_on_text", "digest"): _standing_text,
    ("certify_concordance", "digest"): _document_digest,
    ("initial_document", "digest"): _document_digest,
    ("approve_execution_version", "digest"): _document_digest,
    ("sign_document", "digest"): _document_digest,
    ("find_full_powers", "digest"): _powers,
    ("agree_dates", "digest"): lambda a, d, g: _one(dates_digest(a), said("the dates that are proposed")),
    ("concur_in_understanding", "digest"): lambda a, d, g: _one(
        a.understanding.pending, said("the understanding that is proposed")
    ),
    ("consent_to_release", "digest"): lambda a, d, g: _one(
        release_digest(a) if a.founded else None, said("the whole set, as it stands now")
    ),
    ("agree_texts", "digest"): _schedules,
    ("agree_corrigendum", "digest"): _correction,
    ("agree_witness_policy", "digest"): lambda a, d, g: _one(
        policy_digest(a.witness_policy.proposed) if a.witness_policy.proposed else None,
        said("the policy that is proposed"),
    ),
    ("verify_condition", "evidence"): _evidence,
    ("attest_state", "position"): lambda a, d, g: _one(str(a.version), said("the present version")),
    ("attest_state", "digest"): lambda a, d, g: _one(
        state_digest(a), said("the state at the present version")
    ),
    ("rotate_key", "key"): _keys,
    ("revoke_key", "key"): _keys,
    ("rotate_log_key", "old"): _log_keys,
    ("retire_log_key", "key"): _log_keys,
    ("record_minutes", "item"): _items,
    ("deposit_signed_page", "codes"): _signed_pages,
}
"""By act and field, or by field alone, what the record offers."""

OPEN_ENDED = ("delegate", "holder", "item")
"""Fields in which also something else can be written than what the record offers."""

_LOG_KEY = "entente.localhost/accord+92d49b15+AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

_STAND_INS: Mapping[str, Any] = {
    "digest": "sha256:" + "0" * 64,
    "digests": ["sha256:" + "0" * 64],
    "instrument": "sha256:" + "0" * 64,
    "comment": "sha256:" + "0" * 64,
    "evidence": ["sha256:" + "0" * 64],
    "grade": "inspected",
    "gate": "subsequent",
    "uphold": False,
    "position": 0,
    "positions": [0],
    "roles": ["observer"],
    "delegate": "somebody.new",
    "delegates": [{"delegate": "somebody.new", "office": "Office", "roles": ["observer"]}],
    "office": "Office",
    "source": "Source",
    "item": "Item",
    "report": "Report",
    "reason": "Reason",
    "ground": "Ground",
    "ordered_by": "Office",
    "registration": "Registration",
    "observed_at": "2000-01-01T00:00:00Z",
    "valid_until": None,
    "document": "D0",
    "condition": "C0",
    "predecessor": "C0",
    "language": "en",
    "seat": "A",
    "holder": "somebody.new",
    "subject": "definition",
    "public_key": base64.b64encode(bytes(32)).decode(),
    "key": "0" * 16,
    "leaf": "0" * 64,
    "codes": ["AAAA-AAAA-AAAA-AAAA-AAAA"],
    "policy": "quorum none\n",
    "changes": {"title": "Title"},
    "window": {"begins": "2900-01-01T00:00:00Z", "ends": "2900-01-02T00:00:00Z"},
    "texts": [{"document": "D0", "language": "en", "digest": "sha256:" + "0" * 64}],
}


def stand_in(a: Accord, act: type[Act], name: str) -> Any:
    """A value that stands in for what only a person can say, so that the guards about all else can be asked.

    Raises:
        KeyError: there is none for this field.
    """
    if name == "definition":
        return {**a.definition.as_facts(), "title": f"{a.definition.title[:290]} ."}
    if act.track == "logkeys":
        return next((one.key for one in a.log_keys), _LOG_KEY)
    return _STAND_INS[name]
