"""Signature pages on paper: the code that binds each to a seat, an original and a text, and the scans that come back.

The paper is signed at the ceremony, and the signature counts by the act that affixes it. A scan is evidence of that
signature's paper form and nothing more: it opens no gate, stands in for no signature, and falls with the signature.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Annotated

from pydantic import Field

from workflows.model.commands import Actor
from workflows.model.declare import Act, Check, Event, Stamp, Who, act, event
from workflows.model.state import Accord, SeatState, SignedPage
from workflows.model.values import Digest, Note, PartyId, Reference
from workflows.model.wording import called
from workflows.tracks.documents.state import document_digest, live, set_seat
from workflows.tracks.signing.full_powers import SeatName

PageCode = Annotated[
    str,
    Field(
        pattern=r"^[A-Z2-7]{4}(-[A-Z2-7]{4}){4}$",
        description="the code beside a seat on a signature page, such as CZTF-KJ3W-W3OT-7PAX-2QEM",
    ),
]

MOST_CODES = 50
"""Seats of which one scan may show the signatures."""


@lru_cache(maxsize=65536)
def page_code(accord: str, document_digest: str, seat: str, original: str) -> str:
    """The code of a seat on a signature page: five groups of four letters and digits that only this one has.

    The first 100 bits of the SHA-256 of what it is: accord, document's digest, seat, original; in Base32 (RFC 4648),
    whose letters and digits are not taken for one another. Of 60 bits, somebody who writes texts could make two with
    one code in minutes, and put the page that was signed behind the other.
    """
    content = "\n".join(("entente signature page", accord, document_digest, seat, original))
    text = base64.b32encode(hashlib.sha256(content.encode()).digest()).decode()[:20]
    return "-".join(text[start : start + 4] for start in range(0, 20, 4))


def seats_in_order(a: Accord, document: str, first: str | None = None) -> list[tuple[str, SeatState]]:
    """A document's seats in the order of signature; in an original of an alternat its own party comes ``first``.

    The order is the definition's where it gives one; else that of the parties' codes, which is no order of rank.
    """
    terms = a.definition.documents[document]
    parties = [*terms.order, *(code for code in a.definition.parties if code not in terms.order)]
    if first is not None:
        parties = [first, *(code for code in parties if code != first)]
    seats = a.documents[document].seats
    return sorted(seats.items(), key=lambda item: (_index(parties, item[1].party), item[0]))


def _index(parties: list[str], code: str) -> int:
    return parties.index(code) if code in parties else len(parties)


def originals(a: Accord, document: str) -> list[str | None]:
    """The originals to sign: one for each signing party of an alternat, in which it stands first; else one."""
    if a.definition.originals == "single":
        return [None]
    return list(dict.fromkeys(seat.party for _, seat in seats_in_order(a, document)))


@dataclass(frozen=True, slots=True)
class Place:
    """A seat on a signature page: of which document and original (none where there is one alone), with its code.

    ``digest`` is the document's, which covers the texts in all its languages. ``signed`` says whether the seat's
    signature of it is on the record, and ``scan`` is what came back of the page.
    """

    document: str
    seat: str
    party: str
    original: str | None
    digest: str
    code: str
    signed: bool
    scan: SignedPage | None


def places(a: Accord) -> Iterator[Place]:
    """Every seat of every original of every document that has all its texts, in the order of signature."""
    for document in live(a) if a.founded else ():
        digest = document_digest(a, document)
        if digest is None:
            continue
        for original in originals(a, document):
            for name, seat in seats_in_order(a, document, original):
                code = page_code(a.id, digest, name, original or "")
                signature = seat.signature
                signed = signature is not None and signature.digest == digest
                scan = signature.pages.get(original or "") if signature is not None and signed else None
                yield Place(document, name, seat.party, original, digest, code, signed, scan)


@event
class SignedPageDeposited(Event):
    """A scan of a signed page was deposited: evidence of the paper form of a signature that is on the record."""

    says = "the signed page {code} is deposited: seat {seat} of {~document} {document}"
    reopens = False
    document: Reference
    seat: SeatName
    original: PartyId | None = None
    code: PageCode
    digest: Digest

    def apply(self, a: Accord, stamp: Stamp) -> Accord:
        """The scan stands beside the signature, in place of an earlier one of the same page."""
        signature = a.documents[self.document].seats[self.seat].signature
        if signature is None:
            return a
        page = SignedPage(self.digest, self.code, stamp.actor.delegate, stamp.at)
        pages = {**signature.pages, self.original or "": page}
        return set_seat(a, self.document, self.seat, signature=replace(signature, pages=pages))


@act
class DepositSignedPage(Act):
    """Deposit a scan of a signed page, by its digest, as evidence of the signatures' paper form.

    It changes no signature. A page is known by the codes printed beside its seats: name those whose signatures the
    scan shows.
    """

    codes: Annotated[
        tuple[PageCode, ...],
        Field(
            min_length=1, max_length=MOST_CODES, description="of the seats whose signatures the scan shows"
        ),
    ]
    digest: Digest
    note: Note = ""
    # A party speaks for its own hand alone. Who keeps the originals for all, speaks for the paper of all.
    who = Who(("signatory", "protocol", "treaty_section", "registrar", "depositary"), "anyone")
    says = "{by} deposits a signed page: {codes}"

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Codes of the accord's pages as its texts stand, of one's own seats, signed on the record, and a new scan."""
        known = {one.code: one for one in places(a)}
        unknown = [code for code in self.codes if code not in known]
        yield Check(
            "page_known",
            not unknown,
            f"no signature page of this {called(a, 'accord')}, as its texts stand, has the code {', '.join(unknown)}",
            "compare it with the page; if a text was changed since that was printed, it is of a text that no longer "
            "stands: print it anew, and let it be signed anew",
        )
        yield from self._of_places(a, by, [known[code] for code in dict.fromkeys(self.codes)])

    def _of_places(self, a: Accord, by: Actor, named: Iterable[Place]) -> Iterator[Check]:
        for one in named:
            holder = a.documents[one.document].seats[one.seat].holder
            yield Check(
                "own_seat",
                by.party is None or one.party == by.party,
                f"the seat {one.seat} on {one.document} is {one.party}'s, and {by.delegate} acts for {by.party}",
                "each party deposits the pages that it signed; the registrar or the depositary may deposit any",
                subject=one.document,
            )
            yield Check(
                "signature_on_record",
                one.signed,
                f"the seat {one.seat} on {one.document} is not signed by {holder} on the record, as it stands",
                f"{holder} signs {one.document} first; the scan is evidence of that signature's paper form",
                (holder,),
                subject=one.document,
            )
            yield Check(
                "scan_is_new",
                one.scan is None or one.scan.digest != self.digest,
                f"this scan is deposited for the page {one.code} already",
                "there is nothing to do; another scan of the page takes its place",
                subject=one.document,
            )

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The deposit, for each seat that is named."""
        known: Mapping[str, Place] = {one.code: one for one in places(a)}
        for code in dict.fromkeys(self.codes):
            one = known[code]
            yield SignedPageDeposited(
                document=one.document, seat=one.seat, original=one.original, code=code, digest=self.digest
            )
