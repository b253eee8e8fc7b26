"""Moves for random plays: what a delegate might plausibly do in a state, forwards, backwards, or at all.

A move's fields may hold marks such as ``@document:D1``, which are looked up in the play that it is made in, so that
the same moves can be made in a play whose parties are swapped.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from tests.definitions import digest
from tests.workflows import oracle
from tests.workflows.definitions import changed, party
from tests.workflows.driver import Play
from workflows.accord import Accord
from workflows.canonical import digest_of
from workflows.signing import release_digest

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Move:
    """An act with marks in its fields, or (no act) time that passes; unsigned, while no worker runs."""

    by: str = ""
    act: str = ""
    fields: tuple[tuple[str, Any], ...] = ()
    hours: int = 0
    signed: bool = True


def move(by: str, act: str, /, **fields: Any) -> Move:
    return Move(by, act, tuple(fields.items()))


class Choice:
    """Choices out of one number, so that a play is a list of numbers and shrinks well."""

    def __init__(self, number: int) -> None:
        self.rest = number

    def of(self, options: Sequence[T]) -> T:
        self.rest, which = divmod(self.rest, len(options))
        return options[which]

    def chance(self, one_in: int) -> bool:
        return self.of(range(one_in)) == one_in - 1


# Marks


def look_up(play: Play, value: Any, variants: dict[str, dict[str, Any]]) -> Any:
    """``value`` with its marks replaced by what they stand for in ``play``."""
    if isinstance(value, list):
        return [look_up(play, one, variants) for one in value]
    if not isinstance(value, str) or not value.startswith("@"):
        return value
    kind, _, rest = value[1:].partition(":")
    return _MARKS[kind](play.state, *rest.split("/")) if kind != "variant" else variants[rest]


def _definition(a: Accord, _: str) -> str:
    return a.amendment.digest() if a.amendment else a.definition_digest


def _text(a: Accord, code: str, language: str) -> str:
    text = a.documents[code].texts.get(language) if code in a.documents else None
    return (text.pending or text.digest) if text else digest("none")


def _document(a: Accord, code: str) -> str:
    known = code in a.documents and code in a.definition.documents
    return (oracle.document_digest(a, code) if known else None) or digest("none")


def _powers(a: Accord, code: str, seat: str) -> str:
    state = a.documents[code].seats.get(seat) if code in a.documents else None
    return state.powers.digest if state and state.powers else digest("none")


def _evidence(a: Accord, code: str, which: str) -> str:
    found = [one.digest for one in a.conditions[code].evidence] if code in a.conditions else []
    return found[int(which) % len(found)] if found else digest("none")


_MARKS: dict[str, Callable[..., Any]] = {
    "definition": _definition,
    "text": _text,
    "document": _document,
    "powers": _powers,
    "evidence": _evidence,
    "understanding": lambda a, _: a.understanding.pending or a.understanding.digest or digest("none"),
    "schedule": lambda a, _: next(reversed(a.schedules), digest("none")),
    "corrigendum": lambda a, code: (
        (a.corrections[code].digest if code in a.corrections else None) or digest("none")
    ),
    "dates": lambda a, _: (
        digest_of(a.visit.proposed.model_dump(mode="json")) if a.visit.proposed else digest("none")
    ),
    "release": lambda a, _: release_digest(a) if a.founded else digest("none"),
}


# Forwards


def _low(code: str) -> str:
    return code.lower()


def forwards(a: Accord) -> list[Move]:
    """The next steps on the ordinary way."""
    if a.ended:
        return [move("aa.contact", "close_accord")]
    if not a.founded:
        return [
            move(party.contact, "adopt_definition", digest="@definition:")
            for party in a.definition.parties.values()
        ]
    found = [
        *_adoptions(a),
        *_carried_on(a),
        *_invitation(a),
        *_texts(a),
        *_verdicts(a),
        *_understanding(a),
        *_visit(a),
    ]
    if a.released_at is not None:
        return [*_after_release(a), *_verdicts(a)]
    if a.visit.arrived_at is not None or a.definition.signing_at_a_distance:
        found += _signing(a)
    return found or [Move(hours=24)]


def _adoptions(a: Accord) -> Iterator[Move]:
    if a.amendment is None:
        return
    for code, one in a.amendment.parties.items():
        contact = a.definition.parties.get(code, one).contact
        yield move(contact, "adopt_definition", digest="@definition:")


def _carried_on(a: Accord) -> Iterator[Move]:
    """What one party has agreed to in ending the visit or severing a document, another agrees to as well."""
    for subject in a.consents:
        kind, _, code = subject.partition("/")
        act = {
            "completion": "complete_visit",
            "curtailment": "curtail_visit",
            "cancellation": "cancel_visit",
        }.get(kind)
        for one in _lacking(a, subject) if act else ():
            yield move(f"{one}.protocol", act or "")
        for one in _lacking(a, subject) if kind == "severance" else ():
            yield move(f"{one}.protocol", "sever_document", document=code)


def _invitation(a: Accord) -> Iterator[Move]:
    if a.invitation.status == "drafted":
        yield move("aa.protocol", "issue_invitation")
    elif not oracle.accepted(a):
        for code in oracle.required(a):
            if a.invitation.answers.get(code) != "accepted":
                yield move(f"{_low(code)}.protocol", "accept_invitation")


def _lacking(a: Accord, subject: str) -> list[str]:
    given = a.consents.get(subject, {})
    return [_low(code) for code in a.definition.parties if code not in given]


def _texts(a: Accord) -> Iterator[Move]:
    for code in oracle.live(a):
        now, terms = a.documents[code], a.definition.documents[code]
        if now.released_at is not None:
            continue
        for language in terms.languages:
            text = now.texts.get(language)
            mark = f"@text:{code}/{language}"
            if text is None:
                content = digest(f"{code} {language}")
                yield move("aa.treaty", "propose_text", document=code, language=language, digest=content)
            elif text.pending is not None:
                for one in _lacking(a, f"text/{code}/{language}"):
                    yield move(f"{one}.treaty", "agree_text", document=code, language=language, digest=mark)
        if any(one not in now.texts or not now.texts[one].agreed for one in terms.languages):
            continue
        steps = (
            ("certify_concordance", "concordance", len(terms.languages) > 1 and now.certified is None),
            ("initial_document", "initials", terms.initialled and now.initialled is None),
            ("approve_execution_version", "execution", terms.execution_version and now.execution is None),
        )
        for act, subject, asked in steps:
            if asked:
                for one in _lacking(a, f"{subject}/{code}"):
                    yield move(f"{one}.treaty", act, document=code, digest=f"@document:{code}")
                break


def _verdicts(a: Accord) -> Iterator[Move]:
    for code, terms in a.definition.conditions.items():
        now = a.conditions[code]
        if oracle.fresh(a, code, a.time):
            continue
        if now.questioned and now.status == "verified":
            yield move(terms.policy.verifiers[0], "confirm_verdict", condition=code)
        elif now.status == "disputed":
            for one in terms.policy.verifiers:
                yield move(one, "decide_dispute", condition=code, uphold=False)
        elif now.status == "evidence_submitted" and now.evidence:
            for one in terms.policy.verifiers:
                if one not in now.findings:
                    yield move(one, "verify_condition", condition=code, evidence=[f"@evidence:{code}/0"])
        elif now.status not in ("waived", "removed"):
            yield _submission(terms.obligors[0], code, "inspected", "a")


def _submission(obligor: str, code: str, grade: str, content: str) -> Move:
    return move(
        f"{_low(obligor)}.obligor",
        "submit_evidence",
        condition=code,
        digest=digest(f"evidence {code} {content}"),
        grade=grade,
        source="Office",
    )


def _understanding(a: Accord) -> Iterator[Move]:
    if a.understanding.pending is not None:
        for one in _lacking(a, "understanding"):
            yield move(f"{one}.protocol", "concur_in_understanding", digest="@understanding:")
    elif a.understanding.status != "effective":
        yield move("aa.protocol", "propose_understanding", severable=["D3"] if "D3" in oracle.live(a) else [])


def _visit(a: Accord) -> Iterator[Move]:
    now = a.visit
    if now.proposed is not None:
        for one in _lacking(a, "dates"):
            yield move(f"{one}.protocol", "agree_dates", digest="@dates:")
    if now.status in ("tentative", "on_hold"):
        ready = oracle.accepted(a) and not oracle.unsatisfied(a, oracle.VISIT, a.time)
        if ready and a.understanding.status == "effective":
            for one in _lacking(a, "confirmation"):
                yield move(f"{one}.protocol", "confirm_visit")
    if now.status in ("confirmed", "advance_done") and now.window is not None:
        if now.window.begins > a.time:
            yield Move(hours=1 + int((now.window.begins - a.time) / timedelta(hours=1)))
        for one in _lacking(a, "arrival"):
            yield move(f"{one}.protocol", "record_arrival")


def _signing(a: Accord) -> Iterator[Move]:
    open_seats = 0
    for code in oracle.live(a):
        terms = a.definition.documents[code]
        for name, seat in a.documents[code].seats.items():
            side = _low(seat.party)
            if terms.authorization and seat.party not in a.documents[code].authorized_by:
                yield move(f"{side}.authority", "authorize_signing", document=code)
            if not oracle.authority(a, code, name, a.time):
                powers = seat.powers
                if powers is None or powers.status != "issued":
                    yield _powers_for(side, code, name, seat.holder, "a")
                for other in a.definition.parties if powers is not None else ():
                    if other != seat.party and powers is not None and other not in powers.found_by:
                        yield move(
                            f"{_low(other)}.treaty",
                            "find_full_powers",
                            document=code,
                            seat=name,
                            digest=f"@powers:{code}/{name}",
                        )
            if not oracle.held(a, code, name):
                open_seats += 1
                yield move(seat.holder, "sign_document", document=code, digest=f"@document:{code}")
    if not open_seats:
        for one in _lacking(a, "release"):
            yield move(f"{one}.protocol", "consent_to_release", digest="@release:")
        yield move("registrar", "release_signatures")


def _powers_for(side: str, code: str, seat: str, holder: str, content: str, **dates: Any) -> Move:
    named = digest(f"powers {code} {seat} {content}")
    return move(
        f"{side}.authority",
        "issue_full_powers",
        document=code,
        seat=seat,
        holder=holder,
        digest=named,
        **dates,
    )


def _after_release(a: Accord) -> Iterator[Move]:
    for code in oracle.live(a):
        terms, now = a.definition.documents[code], a.documents[code]
        if terms.nature == "ratification":
            for side in {seat.party: None for seat in now.seats.values()}:
                if side not in now.ratified_by:
                    yield move(
                        f"{_low(side)}.authority", "ratify_document", document=code, instrument=digest(side)
                    )
        if terms.nature != "political" and now.in_force_at is None:
            yield move("depositary", "declare_in_force", document=code)
        if terms.registered and now.registration is None:
            yield move("registrar", "register_document", document=code, registration="I-1")
        corrected = a.corrections.get(code)
        if corrected is not None and corrected.digest is not None:
            for side in {seat.party: None for seat in now.seats.values()}:
                if side not in a.consents.get(f"corrigendum/{code}", {}):
                    agreed = f"@corrigendum:{code}"
                    yield move(f"{_low(side)}.treaty", "agree_corrigendum", document=code, digest=agreed)
    yield move("aa.contact", "close_accord")


# Backwards: what reopens, takes back, or ends


def backwards(a: Accord, choice: Choice) -> Move:
    """Something that undoes, suspends or changes what stands, by somebody who may."""
    if not a.founded or a.ended:
        return anything(a, choice)
    found = [*_take_back(a), *_shake_verdicts(a), *_shake_documents(a, choice), *_shake_visit(a, choice)]
    return choice.of(found) if found else anything(a, choice)


def _take_back(a: Accord) -> Iterator[Move]:
    for subject, given in a.consents.items():
        for party_code in given:
            yield move(f"{_low(party_code)}.contact", "withdraw_consent", subject=subject)
    for code, now in a.documents.items():
        for seat in now.seats.values():
            if seat.signature is not None and seat.signature.status == "held":
                yield move(seat.holder, "withdraw_signature", document=code)


def _shake_verdicts(a: Accord) -> Iterator[Move]:
    for code, terms in a.definition.conditions.items():
        now, mine = a.conditions[code], oracle.beneficiaries(a, code)
        if now.status == "verified":
            yield move(terms.policy.verifiers[-1], "revoke_verdict", condition=code)
            yield move("cc.protocol", "dispute_verdict", condition=code)
            report = {"report": "R", "source": "Sensor", "observed_at": "2030-01-07T08:00:00Z"}
            yield move("watch", "condition_changed", condition=code, **report)
        elif now.status == "disputed":
            for one in terms.policy.verifiers:
                yield move(one, "decide_dispute", condition=code, uphold=True)
        elif now.status == "evidence_submitted":
            yield move(terms.policy.verifiers[0], "return_evidence", condition=code)
        if terms.waivable and not oracle.fresh(a, code, a.time):
            for one in mine:
                act = "withdraw_waiver" if one in now.waived_by else "waive_condition"
                yield move(f"{_low(one)}.protocol", act, condition=code)
        if terms.deferrable:
            yield move(f"{_low(mine[0])}.protocol", "defer_condition", condition=code, gate="ceremony")


def _shake_documents(a: Accord, choice: Choice) -> Iterator[Move]:
    for code in oracle.live(a):
        now = a.documents[code]
        for language in now.texts:
            content = digest(f"{code} {language} {choice.of(['', 'b', 'c'])}")
            yield move("bb.treaty", "propose_text", document=code, language=language, digest=content)
        for name, seat in now.seats.items():
            if seat.powers is not None:
                side = _low(seat.party)
                yield move(f"{side}.authority", "revoke_full_powers", document=code, seat=name)
                yield _powers_for(side, code, name, f"{side}.deputy", "b")
        if code in a.understanding.severable:
            for one in _lacking(a, f"severance/{code}"):
                yield move(f"{one}.protocol", "sever_document", document=code)


def _shake_visit(a: Accord, choice: Choice) -> Iterator[Move]:
    side = _low(choice.of(list(a.definition.parties)))
    if a.visit.status in ("confirmed", "advance_done"):
        yield move(f"{side}.protocol", "hold_visit")
        yield move(f"{side}.protocol", "record_advance_done")
    if a.visit.arrived_at is None:
        yield move(f"{side}.protocol", "propose_dates", window=_window(a, choice))
    endings = ("complete_visit", "curtail_visit") if a.visit.status == "arrived" else ("cancel_visit",)
    for act in endings:
        yield move(f"{side}.protocol", act)
    yield move(f"{side}.contact", "amend_definition", definition=f"@variant:{choice.of(VARIANTS)}")
    if choice.chance(6):
        yield move("aa.protocol", "withdraw_invitation")


# Anything: every act, mostly by somebody who holds the role, with fields that occur


_ENDINGS = (
    "withdraw_invitation",
    "decline_invitation",
    "decline_definition",
    "terminate",
    "agree_termination",
)
"""What ends everything is rare, or nothing else would be reached."""


def anything(a: Accord, choice: Choice) -> Move:
    """Some act, right or wrong."""
    act = choice.of(sorted(_ACTS))
    if act in _ENDINGS and not choice.chance(8):
        act = "record_statement"
    return _ACTS[act](a, act, choice)


def _who(a: Accord, office: str, choice: Choice) -> str:
    if choice.chance(8):
        return choice.of(sorted(a.delegates))
    return f"{_low(choice.of(list(a.definition.parties)))}.{office}"


def _by(
    office: str, **fields: Callable[[Accord, Choice], Any] | Any
) -> Callable[[Accord, str, Choice], Move]:
    """An act by somebody of an office; a field that is a function is asked for its value."""

    def make(a: Accord, act: str, choice: Choice) -> Move:
        by = office if office in a.delegates else _who(a, office, choice)
        made = {key: value(a, choice) if callable(value) else value for key, value in fields.items()}
        return move(by, act, **made)

    return make


def _condition(a: Accord, choice: Choice) -> str:
    return choice.of([*a.definition.conditions, "C9"])


def _some_document(a: Accord, choice: Choice) -> str:
    return choice.of([*a.definition.documents, *a.definition.documents, "D9"])


def _window(_: Accord, choice: Choice) -> dict[str, str]:
    return choice.of(
        [
            {"begins": "2030-05-01T08:00:00Z", "ends": "2030-05-03T18:00:00Z", "place": "Town"},
            {"begins": "2030-06-10T08:00:00Z", "ends": "2030-06-12T08:00:00Z", "place": "Town"},
            {"begins": "2030-09-10T08:00:00Z", "ends": "2030-09-12T08:00:00Z", "place": "City"},
        ]
    )


def _about_document(office: str, **fields: Any) -> Callable[[Accord, str, Choice], Move]:
    def make(a: Accord, act: str, choice: Choice) -> Move:
        code = _some_document(a, choice)
        made = {key: value(a, code, choice) if callable(value) else value for key, value in fields.items()}
        by = office if office in a.delegates else _who(a, office, choice)
        return move(by, act, document=code, **made)

    return make


def _language(a: Accord, code: str, choice: Choice) -> str:
    known = a.definition.documents[code].languages if code in a.definition.documents else ("en",)
    return choice.of(known)


def _content(a: Accord, code: str, choice: Choice) -> str:
    return digest(f"{code} {choice.of(['en', 'fr', 'v2', 'v3'])}")


def _seat(a: Accord, code: str, choice: Choice) -> str:
    known = list(a.documents[code].seats) if code in a.documents else []
    return choice.of([*known, *known, "ZZ"])


def _agree_text(a: Accord, act: str, choice: Choice) -> Move:
    code = _some_document(a, choice)
    language = _language(a, code, choice)
    by = _who(a, "treaty", choice)
    return move(by, act, document=code, language=language, digest=f"@text:{code}/{language}")


def _own_seat(act_fields: dict[str, Any]) -> Callable[[Accord, str, Choice], Move]:
    """An act of a seat's holder."""

    def make(a: Accord, act: str, choice: Choice) -> Move:
        code = _some_document(a, choice)
        seats = a.documents[code].seats if code in a.documents else {}
        holders = [seat.holder for seat in seats.values()]
        by = choice.of(holders) if holders and not choice.chance(6) else _who(a, "head", choice)
        made = {
            key: value(a, code, choice) if callable(value) else value for key, value in act_fields.items()
        }
        return move(by, act, document=code, **made)

    return make


def _of_seat(act: str) -> Callable[[Accord, str, Choice], Move]:
    def make(a: Accord, _: str, choice: Choice) -> Move:
        code = _some_document(a, choice)
        seat = _seat(a, code, choice)
        state = a.documents[code].seats.get(seat) if code in a.documents else None
        side = (
            _low(state.party)
            if state and not choice.chance(8)
            else _low(choice.of(list(a.definition.parties)))
        )
        if act == "issue_full_powers":
            dates = choice.of(
                [
                    {},
                    {},
                    {"valid_until": "2030-05-20T00:00:00Z"},
                    {"valid_from": "2030-05-02T00:00:00Z", "valid_until": "2030-10-01T00:00:00Z"},
                ]
            )
            return _powers_for(
                side, code, seat, f"{side}.{choice.of(['head', 'deputy'])}", choice.of(["a", "b"]), **dates
            )
        if act == "find_full_powers":
            by = _who(a, "treaty", choice)
            return move(by, act, document=code, seat=seat, digest=f"@powers:{code}/{seat}")
        return move(f"{side}.authority", act, document=code, seat=seat)

    return make


def _submit(a: Accord, act: str, choice: Choice) -> Move:
    code = _condition(a, choice)
    obligors = a.definition.conditions[code].obligors if code in a.definition.conditions else ("AA",)
    grade = choice.of(["declared", "reported", "documented", "inspected"])
    return _submission(choice.of(obligors), code, grade, choice.of(["a", "b", "c"]))


def _verifiers(a: Accord, act: str, choice: Choice) -> Move:
    code = _condition(a, choice)
    named = a.definition.conditions[code].policy.verifiers if code in a.definition.conditions else ()
    by = choice.of(named) if named and not choice.chance(6) else _who(a, "verifier", choice)
    if act == "verify_condition":
        which = choice.of([["0"], ["1"], ["0", "1"]])
        return move(by, act, condition=code, evidence=[f"@evidence:{code}/{one}" for one in which])
    if act == "decide_dispute":
        return move(by, act, condition=code, uphold=choice.chance(2))
    return move(by, act, condition=code)


def _report(a: Accord, act: str, choice: Choice) -> Move:
    fields = {
        "condition": _condition(a, choice),
        "report": choice.of(["R1", "R2"]),
        "source": "Sensor",
        "observed_at": "2030-01-07T08:00:00Z",
    }
    by = choice.of(["watch", "watch", "press", "unattributed"])
    return Move(by, act, tuple(fields.items()), signed=by != "unattributed")


VARIANTS = (
    "title",
    "terms of V1",
    "without D2",
    "another D2",
    "later long stop",
    "a fourth party",
    "no Z1",
    "other window",
    "as it was",
)
"""The amendments that random plays propose."""


def variants(definition: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the parties may amend ``definition`` to, by name."""
    return {
        "title": changed(definition, title="Another title"),
        "terms of V1": changed(definition, conditions__V1__title="Another matter"),
        "without D2": changed(definition, documents__D2=None),
        "another D2": changed(definition, documents__D2__title="Another instrument"),
        "later long stop": changed(definition, long_stop={"at": "2031-06-01T00:00:00Z"}),
        "a fourth party": changed(definition, parties__DD=party("DD", required=False)),
        "no Z1": changed(definition, conditions__Z1=None),
        "other window": changed(definition, window__begins="2030-05-02T08:00:00Z"),
        "as it was": definition,
    }


def _schedule(a: Accord, act: str, choice: Choice) -> Move:
    texts = [
        {"document": code, "language": language, "digest": _content(a, code, choice)}
        for code, terms in a.definition.documents.items()
        for language in terms.languages
        if choice.chance(2)
    ]
    return move(
        _who(a, "treaty", choice),
        act,
        texts=texts or [{"document": "D9", "language": "en", "digest": digest("x")}],
    )


def _carry_over(a: Accord, act: str, choice: Choice) -> Move:
    code = _condition(a, choice)
    obligors = a.definition.conditions[code].obligors if code in a.definition.conditions else ("AA",)
    return move(
        f"{_low(choice.of(obligors))}.obligor",
        act,
        condition=code,
        predecessor="P1",
        position=choice.of([3, 4]),
        leaf=choice.of(["0", "1"]) * 64,
        digest=digest(f"carried over {choice.of(['a', 'b'])}"),
        grade="inspected",
        valid_until=choice.of([None, "2030-05-10T00:00:00Z", "2029-01-01T00:00:00Z"]),
    )


def _amend(a: Accord, act: str, choice: Choice) -> Move:
    return move(_who(a, "contact", choice), act, definition=f"@variant:{choice.of(VARIANTS)}")


def _appoint(a: Accord, act: str, choice: Choice) -> Move:
    party = _low(choice.of(list(a.definition.parties)))
    office = choice.of(["verifier", "head", "protocol", "second"])
    whose = party if not choice.chance(6) else _low(choice.of(list(a.definition.parties)))
    role = {"verifier": "verifier", "head": "signatory"}.get(office, "protocol")
    dates = choice.of([{}, {}, {"valid_until": "2030-05-05T00:00:00Z"}])
    fields = {"delegate": f"{whose}.{office}", "office": "Office", "roles": [role], **dates}
    return move(f"{party}.contact", act, **fields)


_SUBJECTS = (
    "definition",
    "understanding",
    "dates",
    "confirmation",
    "arrival",
    "release",
    "termination",
    "text/D1/en",
    "concordance/D1",
    "severance/D3",
    "completion",
)

_KEYS = tuple(base64.b64encode(bytes([number]) * 32).decode() for number in range(8))
"""Public keys of delegates; a play on the rules alone needs no private ones."""


def _public_key(a: Accord, choice: Choice) -> str:
    return choice.of(_KEYS)


def _key(a: Accord, choice: Choice) -> str:
    return choice.of([one.id for keys in a.keys.values() for one in keys] or ["0" * 16])


_ACTS: dict[str, Callable[[Accord, str, Choice], Move]] = {
    "adopt_definition": _by("contact", digest="@definition:"),
    "amend_definition": _amend,
    "decline_definition": _by("contact"),
    "appoint_delegate": _appoint,
    "revoke_delegate": _by("contact", delegate=lambda a, c: c.of(sorted(a.delegates))),
    "withdraw_consent": _by("protocol", subject=lambda a, c: c.of([*a.consents, *_SUBJECTS])),
    "issue_invitation": _by("protocol"),
    "acknowledge_invitation": _by("protocol"),
    "accept_invitation": _by("protocol"),
    "accept_invitation_in_principle": _by("protocol"),
    "decline_invitation": _by("protocol"),
    "extend_invitation": _by("protocol", valid_until=lambda a, c: c.of([None, "2030-04-01T00:00:00Z"])),
    "withdraw_invitation": _by("protocol"),
    "submit_evidence": _submit,
    "verify_condition": _verifiers,
    "return_evidence": _verifiers,
    "revoke_verdict": _verifiers,
    "confirm_verdict": _verifiers,
    "decide_dispute": _verifiers,
    "dispute_verdict": _by("protocol", condition=_condition),
    "waive_condition": _by("protocol", condition=_condition),
    "defer_condition": _by(
        "protocol", condition=_condition, gate=lambda a, c: c.of(["signing", "ceremony", "subsequent"])
    ),
    "condition_changed": _report,
    "propose_text": _about_document("treaty", language=_language, digest=_content),
    "agree_text": _agree_text,
    "propose_texts": _schedule,
    "agree_texts": _by("treaty", digest="@schedule:"),
    "comment_on_text": _about_document(
        "treaty", language=_language, digest=_content, comment=digest("comment")
    ),
    "propose_corrigendum": _about_document("treaty", language=_language, digest=_content),
    "agree_corrigendum": _about_document("treaty", digest=lambda a, d, c: f"@corrigendum:{d}"),
    "carry_over_verdict": _carry_over,
    "withdraw_waiver": _by("protocol", condition=_condition),
    "certify_concordance": _about_document("treaty", digest=lambda a, d, c: f"@document:{d}"),
    "initial_document": _about_document("treaty", digest=lambda a, d, c: f"@document:{d}"),
    "approve_execution_version": _about_document("treaty", digest=lambda a, d, c: f"@document:{d}"),
    "propose_understanding": _by("protocol", severable=lambda a, c: c.of([[], ["D3"], ["D2"], ["D9"]])),
    "concur_in_understanding": _by("protocol", digest="@understanding:"),
    "propose_dates": _by("protocol", window=_window),
    "agree_dates": _by("protocol", digest="@dates:"),
    "confirm_visit": _by("protocol"),
    "hold_visit": _by("protocol"),
    "record_advance_done": _by("protocol"),
    "record_arrival": _by("protocol"),
    "complete_visit": _by("protocol"),
    "curtail_visit": _by("protocol"),
    "cancel_visit": _by("protocol"),
    "record_minutes": _by("protocol", digest=digest("minutes"), item="Talks"),
    "issue_full_powers": _of_seat("issue_full_powers"),
    "find_full_powers": _of_seat("find_full_powers"),
    "revoke_full_powers": _of_seat("revoke_full_powers"),
    "authorize_signing": _about_document("authority"),
    "sign_document": _own_seat(
        {
            "digest": lambda a, d, c: f"@document:{d}",
            "form": lambda a, d, c: c.of(["definitive", "ad_referendum"]),
        }
    ),
    "withdraw_signature": _own_seat({}),
    "sever_document": _about_document("protocol"),
    "consent_to_release": _by("protocol", digest="@release:"),
    "release_signatures": _by("registrar"),
    "ratify_document": _about_document("authority", instrument=digest("instrument")),
    "declare_in_force": _about_document("depositary"),
    "register_document": _about_document("registrar", registration="I-1"),
    "terminate": _by("contact"),
    "agree_termination": _by("contact"),
    "record_statement": _by("protocol", digest=digest("speech")),
    "close_accord": _by("contact"),
    "enrol_key": _by("contact", delegate=lambda a, c: c.of(sorted(a.delegates)), public_key=_public_key),
    "rotate_key": _by("protocol", key=_key, public_key=_public_key),
    "revoke_key": _by("contact", delegate=lambda a, c: c.of(sorted(a.keys) or ["aa.contact"]), key=_key),
}
"""How each act of the registry is made up; a test says that none lacks."""

HOURS = (1, 24, 24 * 7, 24 * 30, 24 * 100)


def next_move(a: Accord, kind: str, number: int) -> Move:
    """The move of a kind (``forwards``, ``backwards``, ``anything``, ``time``) that a number stands for."""
    choice = Choice(number)
    if kind == "forwards":
        return choice.of(forwards(a))
    if kind == "backwards":
        return backwards(a, choice)
    if kind == "time":
        return Move(hours=choice.of(HOURS), signed=not choice.chance(3))
    return anything(a, choice)
