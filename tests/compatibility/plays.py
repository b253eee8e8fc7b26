"""The plays of the corpus: between them they cause every event type, and take every act."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from tests.simulation.definitions import changed, condition, pair, trio
from tests.simulation.play import Play
from tests.simulation.small import digest, key_line, log_key_line
from workflows.model.attested import state_digest
from workflows.model.values import INSTALLATION
from workflows.record.keys import key_id
from workflows.record.witnessing import policy_digest
from workflows.tracks.signing.pages import places
from workflows.tracks.signing.release import release_digest

KEYS = tuple(base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))
"""Public keys that nobody holds."""


def whole() -> Play:
    """From the invitation to a closed accord, with most of what may come between."""
    play = Play(trio(long_stop=None)).go("founded")
    play.do("aa.contact", "enrol_key", delegate="aa.head", public_key=KEYS[0])
    play.do("aa.contact", "revoke_key", delegate="aa.head", key=key_id(KEYS[0]))
    play.refused("bb.protocol", "issue_invitation")
    play.do("aa.protocol", "issue_invitation")
    play.do("bb.protocol", "acknowledge_invitation")
    play.do("bb.protocol", "accept_invitation_in_principle")
    play.do("aa.protocol", "extend_invitation", valid_until="2030-04-01T00:00:00Z")
    play.do("watch", "record_statement", digest=digest("speech"))
    title = {"title": "What the speech calls it"}
    play.do("bb.protocol", "import_statement", digest=digest("speech"), source="Agency", changes=title)
    for guest in ("bb", "cc"):
        play.do(f"{guest}.protocol", "accept_invitation")
    texts = [{"document": "D2", "language": "en", "digest": digest("D2 in en")}]
    play.do("bb.treaty", "propose_texts", texts=texts)
    schedule = play.fact("schedule_proposed", "digest")
    for other in ("aa", "cc"):
        play.do(f"{other}.treaty", "agree_texts", digest=schedule)
    named = {"document": "D2", "language": "en", "digest": digest("D2 in en")}
    play.do("cc.treaty", "comment_on_text", **named, comment=digest("comment"))
    play.prepare()
    play.submit("V2")
    play.do("cc.verifier", "return_evidence", condition="V2")
    play.do("bb.protocol", "waive_condition", condition="V1")
    play.do("bb.protocol", "withdraw_waiver", condition="V1")
    for code in ("V1", "V2", "V3", "S1", "X1"):
        play.verify(code)
    play.do("watch", "condition_changed", **_report("V1"))
    play.do("cc.verifier", "confirm_verdict", condition="V1")
    play.concur(["D3"])
    play.do("aa.protocol", "confirm_visit")
    play.do("aa.protocol", "withdraw_consent", subject="confirmation")
    play.confirm()
    play.do("aa.protocol", "record_advance_done")
    play.arrive()
    play.do("aa.protocol", "record_minutes", digest=digest("minutes"), item="Talks")
    play.authorize().sign().release()
    play.each("protocol", "complete_visit")
    play.each("authority", "ratify_document", document="D1", instrument=digest("instrument"))
    play.do("depositary", "declare_in_force", document="D1")
    play.do("registrar", "register_document", document="D1", registration="I-1")
    play.do("aa.treaty", "propose_corrigendum", document="D1", language="en", digest=digest("mended"))
    for other in ("bb", "cc"):
        play.do(f"{other}.treaty", "agree_corrigendum", document="D1", digest=digest("mended"))
    play.verify("Z1")
    play.do("registrar", "close_accord")
    return play


def falling() -> Play:
    """Verdicts that fall in every way, disputes, dates that pass, and the end by a right to terminate."""
    play = Play(trio()).go("verified")
    play.do("aa.protocol", "dispute_verdict", condition="V2")
    play.do("cc.verifier", "decide_dispute", condition="V2", uphold=True)
    play.do("cc.protocol", "dispute_verdict", condition="S1")
    play.pass_time(days=15)
    play.do("bb.verifier", "revoke_verdict", condition="V1")
    play.do("aa.protocol", "defer_condition", condition="V2", gate="signing")
    for guest in ("bb", "cc"):
        play.do(f"{guest}.protocol", "waive_condition", condition="V1")
    play.signal("condition_changed", **_report("V3"))
    play.signal("condition_changed", **_report("C9"))
    play.until("2030-12-01T00:00:00Z")
    play.do("aa.contact", "terminate")
    return play


def papered() -> Play:
    """Signed pages come back as scans: a party's own, another scan of it, one with the hands of all."""
    play = Play(trio(originals="alternat")).go("signed")
    codes = {(one.document, one.seat, one.original): one.code for one in places(play.state)}
    own = codes["D1", "AA", "BB"]
    play.refused("bb.protocol", "deposit_signed_page", codes=[own], digest=digest("scan"))
    play.do("aa.head", "deposit_signed_page", codes=[own], digest=digest("scan"))
    play.do("aa.treaty", "deposit_signed_page", codes=[own], digest=digest("better scan"))
    play.do("aa.head", "withdraw_signature", document="D1")
    play.sign().release()
    every = [code for (document, _, original), code in codes.items() if (document, original) == ("D1", "CC")]
    play.do("registrar", "deposit_signed_page", codes=every, digest=digest("whole page"))
    return play


def consenting() -> Play:
    """All have consented to the release, and a verdict falls before it; then they consent to what there is then."""
    play = Play(trio()).go("signed")
    play.each("protocol", "consent_to_release", digest=release_digest(play.state))
    play.do("cc.verifier", "revoke_verdict", condition="X1")
    play.verify("X1").release()
    return play


def curing() -> Play:
    """A verdict that is not given again in time, and an accord that its parties end together."""
    play = Play(pair(conditions={"C1": condition("AA", "bb.verifier", valid_for="P30D", cure="P5D")}))
    play.go("verified")
    play.pass_time(days=40)
    play.each("contact", "agree_termination")
    return play


def changing() -> Play:
    """What all agreed is changed by all: terms, texts, dates, signatories; and a document is severed."""
    play = Play(trio()).go("verified")
    play.amend(changed(trio(), title="Three parties, amended"))
    play.concur(["D1"])
    play.do("aa.contact", "revoke_delegate", delegate="aa.second")
    play.agree_text("D2", "en", "one comma")
    play.concur(["D1"]).confirm()
    play.do("cc.protocol", "hold_visit")
    window = {"begins": "2030-05-10T08:00:00Z", "ends": "2030-05-12T18:00:00Z", "place": "City"}
    play.do("aa.protocol", "propose_dates", window=window)
    for other in ("bb", "cc"):
        play.do(f"{other}.protocol", "agree_dates", digest=play.fact("dates_proposed", "digest"))
    play.confirm().arrive()
    play.authorize("D1")
    play.empower("D1", "BB", valid_until="2030-05-20T00:00:00Z")
    play.sign()
    play.do("cc.authority", "revoke_full_powers", document="D1", seat="CC")
    play.pass_time(days=12)
    play.each("protocol", "sever_document", document="D1")
    play.release()
    return play


def authorizing() -> Play:
    """An authorization is taken back after all have signed; one for certain texts lapses with them."""
    play = Play(trio()).go("signed")
    play.each("protocol", "consent_to_release", digest=release_digest(play.state))
    play.do("aa.authority", "withdraw_authorization", document="D1")
    play.do("aa.authority", "authorize_signing", document="D1", digest=play.document("D1"))
    play.agree_text("D1", "en", "one comma less")
    return play


def withdrawn() -> Play:
    """The host withdraws its invitation."""
    play = Play(pair()).go("founded")
    play.do("aa.protocol", "issue_invitation")
    play.do("aa.protocol", "withdraw_invitation")
    return play


def expired() -> Play:
    """Nobody answers in time."""
    play = Play(pair(invitation={"valid_until": "2030-02-01T00:00:00Z"})).go("founded")
    play.do("aa.protocol", "issue_invitation")
    play.pass_time(days=60)
    return play


def about_the_log() -> Play:
    """What is said of the record itself: its log's key, its witnesses, what it comes to, and what was erased."""
    play = Play(pair()).go("founded")
    old, new = (log_key_line(play.state.id, number) for number in (1, 2))
    play.do(INSTALLATION, "rotate_log_key", old=old, new=new)
    play.do(INSTALLATION, "retire_log_key", key=old)
    policy = f"witness AA {key_line('witness.aa.test/w1', 4, 1)}\nquorum AA\n"
    play.do("aa.protocol", "propose_witness_policy", policy=policy)
    play.do("bb.protocol", "agree_witness_policy", digest=policy_digest(policy))
    play.do("bb.protocol", "attest_state", position=play.state.version, digest=state_digest(play.state))
    play.do(INSTALLATION, "erase_particulars", positions=[3], ground="Law", ordered_by="Office")
    return play


def appointing() -> Play:
    """Several delegates, appointed in one act."""
    play = Play(pair()).go("founded")
    named = [
        {"delegate": "aa.one", "office": "First Office", "roles": ["protocol"]},
        {"delegate": "aa.two", "office": "Second Office", "roles": ["drafter", "observer"]},
    ]
    play.do("aa.contact", "appoint_delegates", delegates=named, persons={"aa.one": "A name"})
    play.refused("bb.contact", "appoint_delegates", delegates=named)
    return play


def erasing() -> Play:
    """What is erased of contents, once for each."""
    play = Play(pair()).go("founded")
    erased = {"digests": [digest("report"), digest("annex")], "ground": "Law", "ordered_by": "Office"}
    play.do(INSTALLATION, "erase_contents", **erased)
    play.refused(INSTALLATION, "erase_contents", **erased)
    return play


def operated() -> Play:
    """What whoever runs the installation does to an accord's course."""
    play = Play(pair()).go("founded")
    play.do(INSTALLATION, "pause_accord", reason="Maintenance")
    play.refused("aa.protocol", "issue_invitation")
    play.do(INSTALLATION, "resume_accord")
    play.do(INSTALLATION, "retry_accord", reason="The database was away")
    return play


def curtailed() -> Play:
    """A verdict is carried over, a key is put in another's place, and a visit ends before its time."""
    play = Play(pair(predecessor={"title": "Earlier", "accord": "accord-0"})).go("accepted")
    play.do(
        "aa.obligor",
        "carry_over_verdict",
        condition="C1",
        predecessor="C1",
        position=7,
        leaf="ab" * 32,
        digest=digest("verdict"),
        grade="inspected",
        valid_until="2030-12-01T00:00:00Z",
    )
    play.do("aa.contact", "enrol_key", delegate="aa.head", public_key=KEYS[0])
    old, rotation = key_id(KEYS[0]), {"key": key_id(KEYS[0]), "public_key": KEYS[1]}
    play.do_signed("aa.head", old, "rotate_key", **rotation)
    play.go_on("texts", "arrived")
    play.do("bb.head", "sign_document", document="D1", digest=play.document("D1"))
    play.do("bb.head", "withdraw_signature", document="D1")
    play.do(INSTALLATION, "repair_accord", reason="The workflow was lost")
    play.each("protocol", "curtail_visit")
    return play


def cancelled() -> Play:
    """A visit that does not take place."""
    play = Play(pair()).go("confirmed")
    play.each("protocol", "cancel_visit")
    return play


def not_accepted() -> Play:
    """The guest declines the invitation."""
    play = Play(pair()).go("founded")
    play.do("aa.protocol", "issue_invitation")
    play.do("bb.protocol", "decline_invitation")
    return play


def declined() -> Play:
    """A party does not adopt the definition, but amends it, and then declines."""
    play = Play(pair())
    play.do("bb.contact", "amend_definition", definition=pair(title="Other"))
    play.do("aa.contact", "decline_definition")
    play.refused("bb.contact", "decline_definition")
    return play


def amended() -> Play:
    """Amendments, each of which reopens what it changes."""
    play = Play(trio()).go("founded")
    play.do("aa.protocol", "defer_condition", condition="V2", gate="signing")
    play.do("aa.protocol", "waive_condition", condition="V2")
    now = changed(trio(), conditions__V2__waivable=False, conditions__V2__gate="signing")
    play.amend(now)
    play.go_on("accepted", "signed")
    now = changed(
        now,
        conditions__V1__policy__grade="inspected",
        conditions__S1__obligors=["BB"],
        conditions__X1=None,
        documents__D1__languages=["en"],
        documents__D1__seats__BB="bb.deputy",
        documents__D2=None,
        documents__D3__seats__CC="cc.head",
    )
    play.amend(now)
    play.until("2030-12-02T00:00:00Z")
    due = "2031-02-01T00:00:00Z"
    play.amend(changed(now, long_stop__at="2031-06-01T00:00:00Z", conditions__Z1__due=due))
    return play


def outlived() -> Play:
    """Texts change under a finding, and an amendment asks for fewer acceptances than were waited for."""
    terms = condition("AA", "bb.verifier", "cc.verifier", need=2, valid_while_texts_of=["D2"])
    definition = changed(trio(), conditions__V1=terms)
    play = Play(definition).go("founded")
    play.do("aa.protocol", "issue_invitation")
    play.do("bb.protocol", "accept_invitation")
    play.agree_text("D2", "en")
    named = {"condition": "V1", "evidence": [play.submit("V1")]}
    play.do("bb.verifier", "verify_condition", **named)
    play.agree_text("D2", "en", "another text")
    play.do("cc.verifier", "verify_condition", **named)
    play.amend(changed(definition, parties__CC__required=False))
    return play


def _report(condition_: str) -> dict[str, Any]:
    return {
        "condition": condition_,
        "report": "R-1",
        "source": "Sensor",
        "observed_at": "2030-01-07T08:00:00Z",
    }


ALL: dict[str, Callable[[], Play]] = {
    one.__name__: one
    for one in (
        whole,
        papered,
        consenting,
        falling,
        curing,
        changing,
        authorizing,
        withdrawn,
        expired,
        curtailed,
        cancelled,
        not_accepted,
        declined,
        about_the_log,
        appointing,
        erasing,
        operated,
        amended,
        outlived,
    )
}
