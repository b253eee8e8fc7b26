"""What the documents of an accord wait for, from the first text to signature, release and registration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workflows.model import consent
from workflows.model.authority import periods_hold
from workflows.model.declare import ACTS
from workflows.model.rules import unmet
from workflows.model.state import Accord, SeatState
from workflows.model.waiting.step import Item, appointing, by_any, holding, item, step, titled
from workflows.model.wording import called, named
from workflows.tracks import subsequent
from workflows.tracks.documents import state as documents
from workflows.tracks.signing import authorization, full_powers, release, signatures

_STEPS_AFTER = (
    ("concordance", "certify_concordance", "Certify that the texts of {} say the same"),
    ("initials", "initial_document", "Initial {}"),
    ("execution", "approve_execution_version", "Approve the copy of {} that is to be signed"),
)


def texts(a: Accord, code: str) -> Iterator[Item]:
    """Texts to propose and to agree to, then the steps that make them one authentic document."""
    if not documents.is_open(a, code):
        return
    terms, now = a.definition.documents[code], a.documents[code]
    name = titled(code, terms.title)
    for language in terms.languages:
        text, where = now.texts.get(language), f"{code}/{language}"
        about = {"document": code, "language": language}
        if text is None:
            says = f"Propose a text of {name} in {language}"
            yield from by_any(a, "owe", "propose_text", says, where, about)
        elif text.pending is not None:
            parties = consent.missing(a, documents.text_subject(code, language), text.pending)
            says = f"Read and agree to the text of {name} in {language}"
            fields = {**about, "digest": text.pending}
            yield from step(a, "agree", "agree_text", says, parties, subject=where, fields=fields)
    following = _next_step(a, code)
    if following is not None:
        subject, act, says = following
        digest = documents.document_digest(a, code) or ""
        parties = consent.missing(a, f"{subject}/{code}", digest)
        fields = {"document": code, "digest": digest}
        yield from step(a, "agree", act, says.format(name), parties, subject=code, fields=fields)


def _next_step(a: Accord, code: str) -> tuple[str, str, str] | None:
    """The step after agreement that a document waits for: what is consented to, by which act, and in words."""
    if not documents.texts_agreed(a, code) or documents.executable(a, code):
        return None
    if not documents.concordant(a, code):
        return _STEPS_AFTER[0]
    return _STEPS_AFTER[1] if not documents.authenticated(a, code) else _STEPS_AFTER[2]


def authority(a: Accord, code: str) -> Iterator[Item]:
    """Full powers and authorization, without which nobody signs."""
    if not documents.is_open(a, code):
        return
    name = titled(code, a.definition.documents[code].title)
    for seat, state in a.documents[code].seats.items():
        powers, where = state.powers, f"{code}/{seat}"
        about: dict[str, Any] = {"document": code, "seat": seat}
        if not _may_sign(a, state):
            yield from appointing(a, state.party, "signatory", None, state.holder)
            continue
        if full_powers.authority_of(a, code, seat, a.time).met:
            continue
        if powers is None or powers.status != "issued":
            says = f"Issue {called(a, 'powers')} to {state.holder} for {name}"
            fields = {**about, "holder": state.holder}
            yield from step(a, "owe", "issue_full_powers", says, (state.party,), subject=where, fields=fields)
        else:
            says = (
                f"See whether {named(a, 'powers')} of {state.holder} for {name} are in due form, and find so"
            )
            parties = [
                party
                for party in subsequent.signing_parties(a, code)
                if party != state.party and party not in powers.found_by
            ]
            fields = {**about, "digest": powers.digest}
            yield from step(a, "verify", "find_full_powers", says, parties, subject=where, fields=fields)
    if a.definition.documents[code].authorization:
        lacking = [p for p in subsequent.signing_parties(a, code) if p not in a.documents[code].authorized_by]
        says = f"Authorize signing {name}"
        yield from step(
            a, "agree", "authorize_signing", says, lacking, subject=code, fields={"document": code}
        )


def signing(a: Accord) -> Iterator[Item]:
    """Signatures, consents to their release, and the release, each once its gate is open."""
    if a.released_at is not None or next(unmet(a, "signing"), None) is not None:
        return
    for code in documents.live(a):
        yield from _seats(a, code)
    if next(unmet(a, "held"), None) is not None:
        return
    digest = release.release_digest(a)
    parties = consent.missing(a, "release", digest)
    if parties:
        says = "Consent to the release of all signatures, which nothing undoes"
        yield from step(a, "sign", "consent_to_release", says, parties, fields={"digest": digest})
    else:
        says = "Release all signatures: every party has consented"
        who = holding(a, ACTS["release_signatures"].who.roles, None)
        yield item("sign", "release_signatures", says, (), who)


def _seats(a: Accord, code: str) -> Iterator[Item]:
    if not documents.check_ready(a, code).met:
        return
    terms, seats = a.definition.documents[code], a.documents[code].seats
    digest = documents.document_digest(a, code) or ""
    for name, seat in seats.items():
        before = terms.order[: terms.order.index(seat.party)] if seat.party in terms.order else ()
        others = any(one.party in before and not signatures.held(a, code, key) for key, one in seats.items())
        if (
            not signatures.held(a, code, name)
            and not others
            and _may_sign(a, seat)
            and full_powers.authority_of(a, code, name, a.time).met
            and authorization.authorized(a, code, seat.party).met
        ):
            says = f"Sign {titled(code, terms.title)} in the seat {name}"
            yield item(
                "sign",
                "sign_document",
                says,
                (seat.party,),
                (seat.holder,),
                f"{code}/{name}",
                {"document": code, "digest": digest},
            )


def _may_sign(a: Accord, seat: SeatState) -> bool:
    """Whether a seat's holder is appointed as a signatory of its party."""
    person = a.delegates.get(seat.holder)
    return (
        person is not None
        and person.party == seat.party
        and "signatory" in person.roles
        and periods_hold(a, person)
    )


def after_release(a: Accord, code: str) -> Iterator[Item]:
    """Ratification, entry into force and registration, where the document asks for them."""
    terms, now = a.definition.documents[code], a.documents[code]
    if now.released_at is None:
        return
    name, about = titled(code, terms.title), {"document": code}
    if terms.nature == "ratification":
        lacking = [party for party in subsequent.signing_parties(a, code) if party not in now.ratified_by]
        says = f"Ratify {name}, and name the instrument"
        yield from step(a, "owe", "ratify_document", says, lacking, subject=code, fields=about)
        if not lacking and now.in_force_at is None:
            able = [party for party in a.definition.parties if holding(a, ("competent_authority",), party)]
            says = f"Declare {name} in force: every party has ratified it"
            yield from step(
                a, "owe", "declare_in_force", says, able, subject=code, fields=about, officers=True
            )
    if terms.registered and now.in_force_at is not None and now.registration is None:
        who = holding(a, ACTS["register_document"].who.roles, None)
        if who:
            yield item("owe", "register_document", f"Register {name}", (), who, code, about)
