"""Where the record names contents: texts, full powers and evidence by the state, the others by the entries."""

from __future__ import annotations

from dataclasses import dataclass

from activities.papers.people import documents, party
from activities.papers.source import Source
from activities.papers.words import Words
from workflows.tracks.signing import pages


@dataclass(frozen=True, slots=True)
class Place:
    """A place where the record names a digest: what it is for, and what its file is called."""

    digest: str
    kind: str
    subject: str
    of: str
    name: str
    seat: str = ""

    def says(self, source: Source, w: Words) -> str:
        """What the file is, in words."""
        match self.kind:
            case "text":
                return w.say("file_text", document=self.subject, language=w.term("language", self.of))
            case "powers":
                return w.say("file_powers", document=self.subject, party=party(source, self.of))
            case "scan":
                return w.say("file_scan", code=self.of, seat=self.seat, document=self.subject)
            case "evidence":
                return w.say("file_evidence", condition=self.subject)
            case _:
                return w.say("file_other", position=self.subject)

    @property
    def language(self) -> str | None:
        """The language that the file is in, where the record says so."""
        return self.of if self.kind == "text" else None


def places(source: Source) -> list[Place]:
    """The texts, full powers, scans of signed pages and evidence that stand, by documents and conditions."""
    a = source.state
    found = []
    for code in documents(a):
        for language, text in a.documents[code].texts.items():
            found.append(Place(text.digest, "text", code, language, f"{code}-{language}"))
        for seat in a.documents[code].seats.values():
            if seat.powers is not None:
                name = f"{code}-powers-{seat.party}"
                found.append(Place(seat.powers.digest, "powers", code, seat.party, name))
    for page in pages.places(a):
        if page.scan is not None:
            name = f"{page.document}-page-{page.code}"
            found.append(Place(page.scan.digest, "scan", page.document, page.code, name, page.seat))
    for code in a.definition.conditions if a.founded else ():
        found += [
            Place(one.digest, "evidence", code, "", f"{code}-evidence") for one in a.conditions[code].evidence
        ]
    return found


def other(digest: str, position: int) -> Place:
    """A content that stands for none of these, such as an earlier text: an entry names it."""
    return Place(digest, "other", str(position), "", f"entry-{position}")
