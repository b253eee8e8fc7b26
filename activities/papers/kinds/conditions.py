"""Papers about conditions: the checklist with what each rests on or why it is not met, and the letter on it."""

from __future__ import annotations

from collections.abc import Sequence

from activities.papers.blocks import (
    Block,
    Paper,
    Piece,
    bullets,
    facts,
    heading,
    lines,
    mono,
    note,
    para,
    signs,
    strong,
    table,
)
from activities.papers.people import party, person, titled
from activities.papers.source import Source
from activities.papers.words import Words
from workflows.model.state import Accord
from workflows.model.terms import ConditionTerms
from workflows.tracks.conditions.state import beneficiaries, gate_of, owed_by, satisfied


def standing(a: Accord, code: str) -> str:
    """A condition's status; only proposed while the accord is not founded."""
    return a.conditions[code].status if a.founded and code in a.conditions else "proposed"


def checklist(source: Source, w: Words) -> Paper:
    """Every condition: owner, evidence, verdict, date; or why it is not satisfied, and who can bring it forward."""
    a = source.state
    codes = list(a.definition.conditions)
    met = [code for code in codes if satisfied(a, code)]
    count = w.say("met_of", met=len(met), all=len(codes)) if codes else w["met_of_none"]
    blocks: list[Block] = [para(strong(count))]
    rows: list[tuple[Piece, ...]] = []
    for code in codes:
        terms = a.definition.conditions[code]
        rows.append(
            (
                code,
                lines(terms.title, w.term_of("guards", "gate", _gate(a, code, terms))),
                {"parts": [party(source, one) for one in terms.obligors]},
                w.date(terms.due) if terms.due else "–",
                lines(*_stands(source, w, code, terms)),
            )
        )
    head = (w["no"], w["condition"], w["owed_by"], w["due"], w["stands"])
    open_rows = [index for index, code in enumerate(codes) if code not in met]
    if rows:
        blocks.append(table(head, rows, ("auto", 4, 3, "auto", 5), open_rows))
    if open_rows:
        blocks.append(para(w["shaded_open"], style="small"))
    evidence = [(code, one) for code in codes if a.founded for one in a.conditions[code].evidence]
    if evidence:
        blocks.append(heading(w["evidence"]))
        blocks.append(
            facts(
                (
                    w.say("evidence_for", code=code, grade=w.term("grade", one.grade)),
                    lines(
                        one.source,
                        w.say("submitted", person=person(source, one.by), date=w.date(one.at)),
                        mono(one.digest),
                    ),
                )
                for code, one in evidence
            )
        )
    return Paper(w["title.checklist"], tuple(blocks))


def _gate(a: Accord, code: str, terms: ConditionTerms) -> str:
    return gate_of(a, code) if code in a.conditions else terms.gate


def _stands(source: Source, w: Words, code: str, terms: ConditionTerms) -> list[Piece]:
    a = source.state
    condition = a.conditions.get(code)
    says: list[Piece] = [strong(w.term("condition", standing(a, code)))]
    if condition is None or not a.founded:
        return says
    verdict = condition.verdict
    if condition.status in ("verified", "disputed") and verdict is not None:
        says.append(w.say("verdict_of", date=w.date(verdict.at), position=verdict.position))
        says += [person(source, one) for one in verdict.verifiers]
        if verdict.valid_until is not None:
            says.append(w.say("holds_until", date=w.date(verdict.valid_until)))
    if condition.waived_by:
        says.append(w.say("waived_by", parties=w.list(party(source, one) for one in condition.waived_by)))
    if condition.deferred_to:
        says.append(w.term_of("deferred_to", "gate", condition.deferred_to))
    if condition.questioned:
        says.append(w["is_questioned"])
    if satisfied(a, code):
        return says
    resting = [one for one in terms.depends_on if not satisfied(a, one)]
    if resting:
        says.append(w.say("rests_on_open", codes=w.list(resting)))
    if condition.findings and verdict is None:
        says.append(w.say("found_so_far", n=len(condition.findings), m=terms.policy.need))
    if condition.overdue:
        says.append(w["is_overdue"])
    waiting = owed_by(a, code)
    if waiting and not a.ended:
        says.append(_waits_for(source, w, waiting))
    return says


def _waits_for(source: Source, w: Words, waiting: Sequence[str]) -> str:
    named = w.list(person(source, one) for one in waiting[:4])
    return w.say("waits_for", who=named + (" …" if len(waiting) > 4 else ""))


def satisfaction_letter(source: Source, w: Words) -> Paper:
    """What the beneficiaries can confirm as satisfied, or waived, on this record; and what stands against it."""
    a = source.state
    codes = [code for code in a.definition.conditions if a.founded and gate_of(a, code) != "subsequent"]
    later = [code for code in a.definition.conditions if a.founded and code not in codes]
    met = [code for code in codes if satisfied(a, code)]
    unmet = [code for code in codes if code not in met]
    says = "letter_text" if met else "letter_none" if a.founded else "letter_not_founded"
    title, date = a.definition.title, w.time(source.bound.time)
    blocks: list[Block] = [
        para(w.say(says, title=title, date=date, position=source.bound.position), style="large")
    ]
    rows: list[tuple[Piece, ...]] = []
    for code in met:
        condition, terms = a.conditions[code], a.definition.conditions[code]
        verdict = condition.verdict
        basis = (
            w.say("waived_by", parties=w.list(party(source, one) for one in condition.waived_by))
            if condition.waived_by
            else w.say("verdict_of", date=w.date(verdict.at), position=verdict.position)
            if verdict is not None
            else w.term("condition", condition.status)
        )
        until = w.date(verdict.valid_until) if verdict is not None and verdict.valid_until else "–"
        rows.append((code, terms.title, basis, until))
    if rows:
        blocks.append(
            table((w["no"], w["condition"], w["basis"], w["holds_until_head"]), rows, ("auto", 4, 3, "auto"))
        )
    if unmet:
        blocks.append(note(strong(w["letter_not_all"])))
        blocks.append(bullets(_open(source, w, code) for code in unmet))
    elif not rows and a.founded:
        blocks.append(para(w["letter_nothing"]))
    if later:
        blocks += [para(w["letter_later"]), bullets(_open(source, w, code) for code in later)]
    if rows:
        concerned = dict.fromkeys(one for code in met for one in beneficiaries(a, code))
        # A joint condition has no beneficiary apart from its obligors: then each of these confirms it to the others.
        concerned |= dict.fromkeys(
            one
            for code in met
            if not beneficiaries(a, code)
            for one in a.definition.conditions[code].obligors
        )
        blocks.append(para(w["letter_confirm"]))
        blocks.append(signs(strong(party(source, one)) for one in a.definition.parties if one in concerned))
    return Paper(w["title.satisfaction-letter"], tuple(blocks))


def _open(source: Source, w: Words, code: str) -> Piece:
    a = source.state
    terms = a.definition.conditions[code]
    stands = w.term("condition", standing(a, code))
    said: Piece = w.say("named", name=titled(w, code, terms.title), value=stands)
    waiting = owed_by(a, code)
    return (
        said if a.ended or satisfied(a, code) or not waiting else lines(said, _waits_for(source, w, waiting))
    )
