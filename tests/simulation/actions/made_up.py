"""How single acts are made up: mostly by somebody who holds the role, with fields that occur."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from tests.simulation.actions.action import (
    VARIANTS,
    Action,
    Choice,
    action,
    low,
    powers_for,
    submission,
    window,
)
from tests.simulation.small import digest, log_key_line
from workflows.model.state import Accord
from workflows.model.values import INSTALLATION
from workflows.record.witnessing import policy_digest


def _who(a: Accord, office: str, choice: Choice) -> str:
    if choice.chance(8):
        return choice.of(sorted(a.delegates))
    return f"{low(choice.of(list(a.definition.parties)))}.{office}"


def _by(
    office: str, **fields: Callable[[Accord, Choice], Any] | Any
) -> Callable[[Accord, str, Choice], Action]:
    """An act by somebody of an office; a field that is a function is asked for its value."""

    def make(a: Accord, act: str, choice: Choice) -> Action:
        by = office if office in a.delegates else _who(a, office, choice)
        made = {key: value(a, choice) if callable(value) else value for key, value in fields.items()}
        return action(by, act, **made)

    return make


def _condition(a: Accord, choice: Choice) -> str:
    return choice.of([*a.definition.conditions, "C9"])


def _some_document(a: Accord, choice: Choice) -> str:
    return choice.of([*a.definition.documents, *a.definition.documents, "D9"])


def _about_document(office: str, **fields: Any) -> Callable[[Accord, str, Choice], Action]:
    def make(a: Accord, act: str, choice: Choice) -> Action:
        code = _some_document(a, choice)
        made = {key: value(a, code, choice) if callable(value) else value for key, value in fields.items()}
        by = office if office in a.delegates else _who(a, office, choice)
        return action(by, act, document=code, **made)

    return make


def _language(a: Accord, code: str, choice: Choice) -> str:
    known = a.definition.documents[code].languages if code in a.definition.documents else ("en",)
    return choice.of(known)


def _content(a: Accord, code: str, choice: Choice) -> str:
    return digest(f"{code} {choice.of(['en', 'fr', 'v2', 'v3'])}")


def _seat(a: Accord, code: str, choice: Choice) -> str:
    known = list(a.documents[code].seats) if code in a.documents else []
    return choice.of([*known, *known, "ZZ"])


def _agree_text(a: Accord, act: str, choice: Choice) -> Action:
    code = _some_document(a, choice)
    language = _language(a, code, choice)
    by = _who(a, "treaty", choice)
    return action(by, act, document=code, language=language, digest=f"@text:{code}/{language}")


def _own_seat(act_fields: dict[str, Any]) -> Callable[[Accord, str, Choice], Action]:
    """An act of a seat's holder."""

    def make(a: Accord, act: str, choice: Choice) -> Action:
        code = _some_document(a, choice)
        seats = a.documents[code].seats if code in a.documents else {}
        holders = [seat.holder for seat in seats.values()]
        by = choice.of(holders) if holders and not choice.chance(6) else _who(a, "head", choice)
        made = {
            key: value(a, code, choice) if callable(value) else value for key, value in act_fields.items()
        }
        return action(by, act, document=code, **made)

    return make


def _of_seat(act: str) -> Callable[[Accord, str, Choice], Action]:
    def make(a: Accord, _: str, choice: Choice) -> Action:
        code = _some_document(a, choice)
        seat = _seat(a, code, choice)
        state = a.documents[code].seats.get(seat) if code in a.documents else None
        side = (
            low(state.party) if state and not choice.chance(8) else low(choice.of(list(a.definition.parties)))
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
            return powers_for(
                side, code, seat, f"{side}.{choice.of(['head', 'deputy'])}", choice.of(["a", "b"]), **dates
            )
        if act == "find_full_powers":
            by = _who(a, "treaty", choice)
            return action(by, act, document=code, seat=seat, digest=f"@powers:{code}/{seat}")
        return action(f"{side}.authority", act, document=code, seat=seat)

    return make


def _scan(a: Accord, act: str, choice: Choice) -> Action:
    code = _some_document(a, choice)
    seats = [_seat(a, code, choice) for _ in range(choice.of([1, 1, 2]))]
    state = a.documents[code].seats.get(seats[0]) if code in a.documents else None
    side = low(state.party) if state and not choice.chance(6) else low(choice.of(list(a.definition.parties)))
    by = choice.of([f"{side}.head", f"{side}.protocol", f"{side}.treaty", "registrar", "depositary"])
    codes = [f"@page:{code}/{seat}/" for seat in seats]
    return action(by, act, codes=codes, digest=digest(f"scan {choice.of(['a', 'b'])}"))


def _submit(a: Accord, act: str, choice: Choice) -> Action:
    code = _condition(a, choice)
    obligors = a.definition.conditions[code].obligors if code in a.definition.conditions else ("AA",)
    grade = choice.of(["declared", "reported", "documented", "inspected"])
    return submission(choice.of(obligors), code, grade, choice.of(["a", "b", "c"]))


def _verifiers(a: Accord, act: str, choice: Choice) -> Action:
    code = _condition(a, choice)
    named = a.definition.conditions[code].policy.verifiers if code in a.definition.conditions else ()
    by = choice.of(named) if named and not choice.chance(6) else _who(a, "verifier", choice)
    if act == "verify_condition":
        which = choice.of([["0"], ["1"], ["0", "1"]])
        return action(by, act, condition=code, evidence=[f"@evidence:{code}/{one}" for one in which])
    if act == "decide_dispute":
        return action(by, act, condition=code, uphold=choice.chance(2))
    return action(by, act, condition=code)


def _report(a: Accord, act: str, choice: Choice) -> Action:
    fields = {
        "condition": _condition(a, choice),
        "report": choice.of(["R1", "R2"]),
        "source": "Sensor",
        "observed_at": "2030-01-07T08:00:00Z",
    }
    by = choice.of(["watch", "watch", "press", "unattributed"])
    return Action(by, act, tuple(fields.items()), signed=by != "unattributed")


def _schedule(a: Accord, act: str, choice: Choice) -> Action:
    texts = [
        {"document": code, "language": language, "digest": _content(a, code, choice)}
        for code, terms in a.definition.documents.items()
        for language in terms.languages
        if choice.chance(2)
    ]
    return action(
        _who(a, "treaty", choice),
        act,
        texts=texts or [{"document": "D9", "language": "en", "digest": digest("x")}],
    )


def _carry_over(a: Accord, act: str, choice: Choice) -> Action:
    code = _condition(a, choice)
    obligors = a.definition.conditions[code].obligors if code in a.definition.conditions else ("AA",)
    return action(
        f"{low(choice.of(obligors))}.obligor",
        act,
        condition=code,
        predecessor="P1",
        position=choice.of([3, 4]),
        leaf=choice.of(["0", "1"]) * 64,
        digest=digest(f"carried over {choice.of(['a', 'b'])}"),
        grade="inspected",
        valid_until=choice.of([None, "2030-05-10T00:00:00Z", "2029-01-01T00:00:00Z"]),
    )


def _amend(a: Accord, act: str, choice: Choice) -> Action:
    return action(_who(a, "contact", choice), act, definition=f"@variant:{choice.of(VARIANTS)}")


def _import(a: Accord, act: str, choice: Choice) -> Action:
    code = _condition(a, choice)
    changes = choice.of(
        [
            {"title": "Otherwise called"},
            {"conditions": {code: {"waivable": True}}},
            {"window": {"begins": "2030-05-20T08:00:00Z", "ends": "2030-05-22T18:00:00Z"}},
            {"parties": None},
        ]
    )
    return action(_who(a, "protocol", choice), act, digest=digest("speech"), source="Agency", changes=changes)


def _appoint(a: Accord, act: str, choice: Choice) -> Action:
    party = low(choice.of(list(a.definition.parties)))
    office = choice.of(["verifier", "head", "protocol", "second"])
    whose = party if not choice.chance(6) else low(choice.of(list(a.definition.parties)))
    role = {"verifier": "verifier", "head": "signatory"}.get(office, "protocol")
    dates = choice.of([{}, {}, {"valid_until": "2030-05-05T00:00:00Z"}])
    fields = {"delegate": f"{whose}.{office}", "office": "Office", "roles": [role], **dates}
    return action(f"{party}.contact", act, **fields)


def _appoint_several(a: Accord, act: str, choice: Choice) -> Action:
    one = _appoint(a, act, choice)
    other = {
        **dict(one.fields),
        "delegate": f"{one.by.partition('.')[0]}.{choice.of(['third', 'fourth', 'head'])}",
    }
    return action(one.by, act, delegates=[dict(one.fields), other])


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


def _erase(a: Accord, act: str, choice: Choice) -> Action:
    positions = {"positions": choice.of([[0], [a.version], [a.size + 1000]])}
    what = positions if act == "erase_particulars" else {"digests": [digest(choice.of(["report", "annex"]))]}
    return action(INSTALLATION, act, ground="Law", ordered_by="Office", **what)


def _rotate_log(a: Accord, act: str, choice: Choice) -> Action:
    keys = [log_key_line(a.id, number) for number in range(4)]
    return action(INSTALLATION, act, old=choice.of(keys), new=choice.of(keys))


def _operate(a: Accord, act: str, choice: Choice) -> Action:
    by = INSTALLATION if not choice.chance(8) else _who(a, "contact", choice)
    return action(by, act) if act == "resume_accord" else action(by, act, reason="Maintenance")


def _retire_log(a: Accord, act: str, choice: Choice) -> Action:
    return action(INSTALLATION, act, key=log_key_line(a.id, choice.of(range(4))))


def _attest(a: Accord, act: str, choice: Choice) -> Action:
    right = choice.chance(2)
    position = a.version if right else choice.of([0, a.size])
    return action(_who(a, "protocol", choice), act, position=position, digest="@state:")


POLICIES = ("quorum none\n", "# nobody\nquorum none\n")

MADE_UP: dict[str, Callable[[Accord, str, Choice], Action]] = {
    "adopt_definition": _by("contact", digest="@definition:"),
    "amend_definition": _amend,
    "decline_definition": _by("contact"),
    "appoint_delegate": _appoint,
    "appoint_delegates": _appoint_several,
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
    "propose_dates": _by("protocol", window=window),
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
    "withdraw_authorization": _about_document("authority"),
    "sign_document": _own_seat(
        {
            "digest": lambda a, d, c: f"@document:{d}",
            "form": lambda a, d, c: c.of(["definitive", "ad_referendum"]),
        }
    ),
    "withdraw_signature": _own_seat({}),
    "deposit_signed_page": _scan,
    "sever_document": _about_document("protocol"),
    "consent_to_release": _by("protocol", digest="@release:"),
    "release_signatures": _by("registrar"),
    "ratify_document": _about_document("authority", instrument=digest("instrument")),
    "declare_in_force": _about_document("depositary"),
    "register_document": _about_document("registrar", registration="I-1"),
    "terminate": _by("contact"),
    "agree_termination": _by("contact"),
    "pause_accord": _operate,
    "resume_accord": _operate,
    "retry_accord": _operate,
    "repair_accord": _operate,
    "record_statement": _by("protocol", digest=digest("speech")),
    "import_statement": _import,
    "close_accord": _by("contact"),
    "enrol_key": _by("contact", delegate=lambda a, c: c.of(sorted(a.delegates)), public_key=_public_key),
    "rotate_key": _by("protocol", key=_key, public_key=_public_key),
    "erase_particulars": _erase,
    "erase_contents": _erase,
    "rotate_log_key": _rotate_log,
    "retire_log_key": _retire_log,
    "attest_state": _attest,
    "propose_witness_policy": _by("protocol", policy=lambda a, c: c.of(POLICIES)),
    "agree_witness_policy": _by("protocol", digest=lambda a, c: policy_digest(c.of(POLICIES))),
    "revoke_key": _by("contact", delegate=lambda a, c: c.of(sorted(a.keys) or ["aa.contact"]), key=_key),
}
"""How each act of the registry is made up; a test says that none lacks."""
