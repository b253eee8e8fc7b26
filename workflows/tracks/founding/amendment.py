"""Amendment: a party proposes a whole definition in place of the current one, and every party has to adopt it.

Until the accord is founded nobody has agreed to anything. So what protects a party against the others, or whoever
passes acts on, is that party's own to give up: its contact, its contact's key, that its acts are signed, its name.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from workflows.model.commands import Actor
from workflows.model.consent import ConsentGiven
from workflows.model.declare import Act, Audience, Check, Event, Who, act, party_of
from workflows.model.definition import Definition
from workflows.model.state import Accord
from workflows.model.values import Note
from workflows.model.wording import called, named
from workflows.tracks.founding.adoption import SUBJECT, DefinitionProposed, before_release, named_are_free


@act
class AmendDefinition(Act):
    """Propose a whole definition in place of the current one; it takes effect when every party adopts its digest."""

    definition: Definition
    note: Note = ""
    who = Who(("contact", "protocol"), "any", agree="every party", sees=Audience.ALL)
    says = "{by} proposes an amended definition"
    while_paused = True
    before_founding = True

    def target(self) -> str:
        """The definition's digest: the whole would be too long a name."""
        return self.definition.digest()

    def guards(self, a: Accord, by: Actor, at: datetime) -> Iterator[Check]:
        """Another content, by rules not older; clock, host and illustrative mark stay; nothing signed changes."""
        d, now = self.definition, a.definition
        yield Check(
            "definition_differs",
            d.digest() != a.definition_digest,
            "it equals the current definition",
            "change it",
        )
        yield Check(
            "rules_not_older",
            not a.founded or d.rules >= now.rules,
            f"{named(a, 'accord')} is judged by rules {now.rules}, and the amendment names the older rules {d.rules}",
            f"name rules {now.rules}, or newer ones; what was judged by them cannot be judged by older ones",
        )
        too_large = d.too_large()
        yield Check(
            "definition_bounded",
            not too_large,
            too_large,
            "leave out what is not needed, or open several accords",
        )
        same = (d.clock, d.illustrative, d.host) == (now.clock, now.illustrative, now.host)
        yield Check(
            "foundation_kept",
            same,
            "clock, illustrative mark and host cannot be amended",
            f"open another {called(a, 'accord')} for that",
        )
        yield _parties_kept(a, d, by)
        if not a.founded:
            yield _withdrawn_stay_out(a, d)
            yield from _each_partys_own(a, d, by)
        yield named_are_free(a, d)
        yield before_release(a)

    def events(self, a: Accord, by: Actor, at: datetime) -> Iterator[Event]:
        """The proposal, and the proposer's own consent where it is the contact that adopts."""
        digest = self.definition.digest()
        yield DefinitionProposed(definition=self.definition.as_facts(), digest=digest)
        if by.role == "contact" and by.party in self.definition.parties:
            yield ConsentGiven(subject=SUBJECT, party=party_of(by), digest=digest)


def _parties_kept(a: Accord, d: Definition, by: Actor) -> Check:
    """Guard: no party is dropped; but until founding one that was added by a proposal, or by itself the proposer."""
    gone = [party for party in a.definition.parties if party not in d.parties]
    if not a.founded:
        # Those with whom the accord was opened rid themselves of whom a proposal added; never the other way round.
        first = by.party not in a.added
        gone = [party for party in gone if party != by.party and not (first and party in a.added)]
    return Check(
        "parties_kept",
        not gone,
        f"the amendment drops {', '.join(gone)}",
        "a party leaves by declining or terminating; until founding it may withdraw its own name",
    )


def _withdrawn_stay_out(a: Accord, d: Definition) -> Check:
    """Guard: who was left out is not named anew, with less to protect it than before."""
    back = [
        code
        for code, party in d.parties.items()
        if code not in a.definition.parties and (code in a.withdrawn or party.contact in a.withdrawn.values())
    ]
    return Check(
        "withdrawn_stay_out",
        not back,
        f"{', '.join(back)} was left out of this proposal before, or its contact was",
        f"open another {called(a, 'accord')} with it",
    )


def _each_partys_own(a: Accord, d: Definition, by: Actor) -> Iterator[Check]:
    """Guards until founding: another party's contact, key and demand for signatures stay as that party has them."""
    others = {
        code: (now, d.parties[code])
        for code, now in a.definition.parties.items()
        if code != by.party and code in d.parties
    }
    taken = [code for code, (now, new) in others.items() if new.contact != now.contact]
    yield Check(
        "contacts_kept",
        not taken,
        f"the proposal names another contact for {', '.join(taken)}, which has adopted nothing yet",
        "until the definition is adopted, only a party itself names another contact of its own",
    )
    rekeyed = [code for code, (now, new) in others.items() if new.contact_key != now.contact_key]
    yield Check(
        "contact_keys_kept",
        not rekeyed,
        f"the proposal changes the contact_key of {', '.join(rekeyed)}, which has adopted nothing yet",
        "until the definition is adopted, only a party itself changes the key that it gives",
    )
    lowered = [code for code, (now, new) in others.items() if now.signed_acts and not new.signed_acts]
    yield Check(
        "signed_acts_kept",
        not lowered,
        f"by the proposal the acts of {', '.join(lowered)} would no longer be signed",
        "only a party itself does without its delegates' own signatures",
    )
