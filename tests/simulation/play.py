"""A play that goes the ordinary way: whole steps, for what comes before the matter of a test."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.simulation.acting import Acting
from tests.simulation.small import digest
from workflows.model.declared import ACTS
from workflows.tracks.documents.state import live
from workflows.tracks.signing.release import release_digest

ROLES: dict[str, tuple[str, ...]] = {
    "protocol": ("protocol",),
    "treaty": ("treaty_section", "drafter"),
    "obligor": ("obligor",),
    "verifier": ("verifier",),
    "second": ("verifier",),
    "authority": ("competent_authority",),
    "head": ("signatory",),
    "deputy": ("signatory",),
}
"""The delegates that ``staff`` appoints for each party, by the last part of their id, and their roles."""


class Play(Acting):
    """One accord that is taken step by step, as far as a test wants it."""

    def codes(self) -> tuple[str, ...]:
        """The parties, the host first."""
        d = self.state.definition
        return (d.host, *d.guests)

    def adopt(self) -> None:
        """Every party adopts the definition, or the amendment, that is pending."""
        pending = self.state.amendment.digest() if self.state.amendment else self.state.definition_digest
        parties = (self.state.amendment or self.state.definition).parties
        for code, party in parties.items():
            known = self.state.definition.parties.get(code, party)
            in_effect = self.state.founded and self.state.amendment is None
            if not in_effect and self.state.consents.get("definition", {}).get(code) != pending:
                self.do(known.contact, "adopt_definition", digest=pending)

    def staff(self) -> None:
        """Every party appoints its delegates."""
        for code, party in self.state.definition.parties.items():
            for name, roles in ROLES.items():
                self.do(
                    party.contact,
                    "appoint_delegate",
                    delegate=f"{code.lower()}.{name}",
                    office=name.title(),
                    roles=list(roles),
                )

    def found(self) -> Play:
        self.adopt()
        self.staff()
        return self

    def amend(self, definition: dict[str, Any], by: str = "aa.contact") -> None:
        self.do(by, "amend_definition", definition=definition)
        self.adopt()

    def invite(self) -> Play:
        host = self.state.definition.host.lower()
        self.do(f"{host}.protocol", "issue_invitation")
        for guest in self.state.definition.guests:
            if self.state.invitation.status != "accepted":
                self.do(f"{guest.lower()}.protocol", "accept_invitation")
        return self

    def submit(
        self, code: str, grade: str = "inspected", text: str | None = None, by: str | None = None
    ) -> str:
        """An obligor submits evidence; its digest."""
        terms = self.state.definition.conditions[code]
        named = digest(text or f"{code} at {len(self.log)}")
        by = by or f"{terms.obligors[0].lower()}.obligor"
        self.do(by, "submit_evidence", condition=code, digest=named, grade=grade, source="Office")
        return named

    def verify(self, *codes: str) -> Play:
        """Each condition's verifiers verify it on new evidence; as many as it needs, the obligors' own last."""
        for code in codes:
            named = self.submit(code)
            for verifier in self.state.definition.conditions[code].policy.verifiers:
                if self.state.conditions[code].status != "verified":
                    self.do(verifier, "verify_condition", condition=code, evidence=[named])
        return self

    def agree_text(self, code: str, language: str, text: str | None = None) -> str:
        """The first party proposes a text in one language, and the others agree; its digest."""
        named = digest(text or f"{code} in {language}")
        first, *others = self.codes()
        self.do(f"{first.lower()}.treaty", "propose_text", document=code, language=language, digest=named)
        for party in others:
            self.do(f"{party.lower()}.treaty", "agree_text", document=code, language=language, digest=named)
        return named

    def each(self, office: str, act: str, /, **fields: Any) -> tuple[str, ...]:
        """One delegate of each party does the same; all events that follow."""
        found: list[str] = []
        for party in self.codes():
            found += self.do(f"{party.lower()}.{office}", act, **fields)
        return tuple(found)

    def prepare(self, *codes: str) -> Play:
        """Documents (all, if none is named) get their texts, concordance, initials and execution version."""
        for code in codes or live(self.state):
            terms = self.state.definition.documents[code]
            for language in terms.languages:
                text = self.state.documents[code].texts.get(language)
                if text is None or not text.agreed:
                    self.agree_text(code, language)
            self.certify(code)
        return self

    def certify(self, code: str) -> None:
        """The steps after agreement, as far as the document asks for them."""
        terms = self.state.definition.documents[code]
        if len(terms.languages) > 1:
            self.each("treaty", "certify_concordance", document=code, digest=self.document(code))
        if terms.initialled:
            self.each("treaty", "initial_document", document=code, digest=self.document(code))
        if terms.execution_version:
            self.each("treaty", "approve_execution_version", document=code, digest=self.document(code))

    def concur(self, severable: Iterable[str] = ()) -> Play:
        """An understanding is proposed by the first party, and every other concurs."""
        first, *others = self.codes()
        self.do(f"{first.lower()}.protocol", "propose_understanding", severable=list(severable))
        proposed = self.fact("understanding_proposed", "digest")
        for party in others:
            self.do(f"{party.lower()}.protocol", "concur_in_understanding", digest=proposed)
        return self

    def confirm(self) -> Play:
        self.each("protocol", "confirm_visit")
        return self

    def arrive(self) -> Play:
        """The window begins, and host and guests record the arrival."""
        window = self.state.visit.window
        assert window is not None
        self.until(max(window.begins, self.now))
        for party in self.codes():
            if self.state.visit.arrived_at is None:
                self.do(f"{party.lower()}.protocol", "record_arrival")
        return self

    def empower(self, code: str, seat: str, holder: str | None = None, **fields: Any) -> str:
        """Full powers are issued for a seat, and found in due form by every other party; their digest."""
        state = self.state.documents[code].seats[seat]
        holder = holder or state.holder
        named = digest(f"full powers {code} {seat} {holder} {len(self.log)}")
        self.do(
            f"{state.party.lower()}.authority",
            "issue_full_powers",
            document=code,
            seat=seat,
            holder=holder,
            digest=named,
            **fields,
        )
        for party in self.codes():
            if party != state.party:
                self.do(f"{party.lower()}.treaty", "find_full_powers", document=code, seat=seat, digest=named)
        return named

    def authorize(self, *codes: str) -> Play:
        """Full powers and authorizations, as far as the documents ask for them."""
        for code in codes or live(self.state):
            terms = self.state.definition.documents[code]
            if terms.authority == "full_powers":
                for seat in terms.seats:
                    self.empower(code, seat)
            if terms.authorization:
                for party in dict.fromkeys(seat.party for seat in terms.seats.values()):
                    self.do(f"{party.lower()}.authority", "authorize_signing", document=code)
        return self

    def sign(self, *codes: str) -> Play:
        """Every seat that does not hold signs, in the order of the seats."""
        for code in codes or live(self.state):
            order = self.state.definition.documents[code].order
            seats = list(self.state.documents[code].seats.values())
            for seat in sorted(seats, key=lambda one: order.index(one.party) if one.party in order else 0):
                if seat.signature is None:
                    self.do(seat.holder, "sign_document", document=code, digest=self.document(code))
        return self

    def release(self) -> Play:
        self.each("protocol", "consent_to_release", digest=release_digest(self.state))
        self.do("registrar", "release_signatures")
        return self

    def go(self, to: str) -> Play:
        """Take the ordinary way as far as a place: one of ``WAY``."""
        for place in WAY[: WAY.index(to) + 1]:
            self._step(place)
        return self

    def go_on(self, start: str, to: str) -> Play:
        """Take the ordinary way from one place on to another."""
        for place in WAY[WAY.index(start) : WAY.index(to) + 1]:
            self._step(place)
        return self

    def _needed(self) -> list[str]:
        """The conditions that guard something, and all that they depend on, as far as they do not hold."""
        terms = self.state.definition.conditions
        found = [code for code in terms if terms[code].gate != "subsequent"]
        for code in found:
            found += [other for other in terms[code].depends_on if other not in found]
        return [code for code in found if self.status(code) not in ("verified", "waived")]

    def _step(self, place: str) -> None:
        if place == "founded":
            self.found()
        elif place == "accepted":
            self.invite()
        elif place == "texts":
            self.prepare()
        elif place == "verified":
            self.verify(*self._needed())
        elif place == "understood":
            self.concur()
        elif place == "confirmed":
            self.confirm()
        elif place == "arrived":
            self.arrive()
            # A verdict that lasts a while may have lapsed on the way; it is given anew, and arrival stays.
            self.verify(*self._needed())
        elif place == "signed":
            self.authorize().sign()
        elif place == "released":
            self.release()


WAY = (
    "founded",
    "accepted",
    "texts",
    "verified",
    "understood",
    "confirmed",
    "arrived",
    "signed",
    "released",
)
"""The places on the ordinary way, in order; ``Play.go`` takes a play there."""

assert set(ACTS) >= {"issue_invitation", "release_signatures"}
