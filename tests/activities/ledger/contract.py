"""What every ledger does, whatever it is made of. A test module for a store subclasses this."""

from __future__ import annotations

import asyncio

import pytest

from activities.errors import Unrecordable
from activities.ledger.parsing import parse
from activities.ledger.store import Claim, Ledger
from activities.tlog.merkle import (
    Frontier,
    leaf_hash,
)
from tests.activities.ledger.making import ACTOR, REFUSAL, START, append, event, repeated, summary
from tests.activities.ledger.reading import ReadingContract


class LedgerContract(ReadingContract):
    """Subclasses give a fixture ``ledger``: an empty one for each test."""

    async def test_an_append_is_read_back(self, ledger: Ledger) -> None:
        drafts = (event("accord_opened", facts={"title": "Ж"}), event("invitation_issued", version=2))
        [outcome] = await ledger.record([append("a", 0, "d/1", events=drafts)])
        assert (outcome.status, outcome.size) == ("appended", 2)
        stored = await ledger.entries("a")
        assert [entry.position for entry in stored] == [0, 1]
        assert [entry.feed for entry in stored] == [1, 2]
        for entry, draft in zip(stored, drafts, strict=True):
            recorded = entry.recorded()
            assert (recorded.type, recorded.version, recorded.time) == (draft.type, draft.version, START)
            assert (recorded.facts, recorded.actor, recorded.command) == (draft.facts, ACTOR, "d/1")
            assert entry.particulars is not None
            assert entry.particulars.value() == draft.particulars
            entry.particulars.verify(entry.entry().particulars)
            assert entry.leaf == leaf_hash(entry.content)
        assert [parse(entry.content).causation for entry in stored] == [None, 0]
        salts = [payload.salt for e in stored for payload in (e.facts, e.particulars) if payload is not None]
        assert len(set(salts)) == 4

    async def test_what_an_act_claims_is_taken_with_it_or_nothing_is_recorded(self, ledger: Ledger) -> None:
        mine = Claim("a.contact", ("a.envoy", "a.contact"), apart=("b.contact",))
        theirs = Claim("b.contact", ("a.envoy", "b.envoy"))
        [first] = await ledger.record([append("a", 0, "d/1", claim=mine)])
        assert (first.status, first.size) == ("appended", 1)
        # Others of the batch are recorded; of the one that is refused no claim stays either.
        outcomes = await ledger.record(
            [append("b", 0, "d/1"), append("b", 1, "d/2", claim=theirs), append("b", 1, "d/3")]
        )
        assert [one.status for one in outcomes] == ["appended", "claimed", "appended"]
        assert outcomes[1].taken == (("a.envoy", "a.contact"),)
        assert (outcomes[1].receipt, outcomes[1].size) == (None, 1)
        other = Claim("c.contact", ("b.envoy", "b.contact"))
        [later] = await ledger.record([append("c", 0, "d/1", claim=other)])
        assert later.status == "appended"
        # A side is whose the contact is; and it stands behind one party.
        for claim, taken in (
            (Claim("b.contact", ("c.envoy",), apart=("c.contact",)), (("b.contact", "c.contact"),)),
            (Claim("a.contact", (), apart=("a.envoy",)), (("a.contact", "a.contact"),)),
        ):
            [refused] = await ledger.record([append("d", 0, "d/1", claim=claim)])
            assert (refused.status, refused.taken) == ("claimed", taken)
        # A retry is known, and one that expects something else a conflict, which claims nothing.
        [again] = await ledger.record([append("a", 0, "d/1", claim=mine)])
        assert (again.status, again.receipt) == ("duplicate", first.receipt)
        [stale] = await ledger.record([append("a", 0, "d/9", claim=Claim("e.contact", ("e.envoy",)))])
        assert stale.status == "conflict"
        [free] = await ledger.record(
            [append("e", 0, "d/1", claim=Claim("f.contact", ("e.envoy", "e.contact")))]
        )
        assert free.status == "appended"

    async def test_the_receipt_says_what_was_recorded(self, ledger: Ledger) -> None:
        await ledger.record([append("a", 0, "d/1")])
        [outcome] = await ledger.record([append("a", 1, "d/2", count=2, version=2)])
        receipt = outcome.receipt
        assert receipt is not None
        head = await ledger.head("a")
        assert head is not None
        last = (await ledger.entries("a"))[-1]
        assert (receipt.accord, receipt.command, receipt.act) == ("a", "d/2", "record_statement")
        assert (receipt.status, receipt.refusal, receipt.stage) == ("recorded", None, "invitation")
        assert (receipt.first_position, receipt.position, receipt.version, receipt.size) == (1, 2, 2, 3)
        assert (receipt.leaf, receipt.root) == (last.leaf.hex(), head.root.hex())
        assert receipt.events == ("statement_recorded",) * 2

    async def test_a_retry_gets_the_first_receipt_whatever_it_expects(self, ledger: Ledger) -> None:
        [first] = await ledger.record([append("a", 0, "d/1")])
        await ledger.record([append("a", 1, "d/2")])
        for expected in (0, 1, 2, 9):
            [again] = await ledger.record([append("a", expected, "d/1", version=7)])
            assert (again.status, again.receipt, again.size) == ("duplicate", first.receipt, 2)
        assert len(await ledger.entries("a")) == 2
        assert first.receipt is not None
        found = await ledger.outcome("a", "d/1")
        assert found is not None
        assert found.receipt == first.receipt
        assert found.is_of(append("a", 0, "d/1").fingerprint, None)

    async def test_another_command_under_the_same_id_is_a_mismatch(self, ledger: Ledger) -> None:
        await ledger.record([append("a", 0, "d/1")])
        [other] = await ledger.record([append("a", 1, "d/1", fingerprint="sha256:" + "f" * 64)])
        assert (other.status, other.receipt, other.size) == ("mismatch", None, 1)
        assert len(await ledger.entries("a")) == 1

    async def test_command_ids_belong_to_an_accord(self, ledger: Ledger) -> None:
        outcomes = await ledger.record([append("a", 0, "d/1"), append("b", 0, "d/1")])
        assert [outcome.status for outcome in outcomes] == ["appended", "appended"]

    @pytest.mark.parametrize("expected", [0, 2, 100])
    async def test_another_position_is_a_conflict_and_changes_nothing(
        self, ledger: Ledger, expected: int
    ) -> None:
        await ledger.record([append("a", 0, "d/1")])
        before = (await ledger.entries("a"), await ledger.head("a"), await ledger.summary("a"))
        [outcome] = await ledger.record([append("a", expected, "d/2")])
        assert (outcome.status, outcome.receipt, outcome.size) == ("conflict", None, 1)
        assert (await ledger.entries("a"), await ledger.head("a"), await ledger.summary("a")) == before
        assert await ledger.outcome("a", "d/2") is None
        assert await ledger.feed_position() == 1

    async def test_a_conflict_with_an_accord_that_is_not_there_makes_none(self, ledger: Ledger) -> None:
        outcomes = await ledger.record([append("a", 3, "d/1"), repeated("a", "d/2", 0, 1)])
        assert [(outcome.status, outcome.size) for outcome in outcomes] == [("conflict", 0)] * 2
        assert await ledger.head("a") is None
        assert await ledger.summary("a") is None
        assert await ledger.entries("a") == []

    async def test_a_batch_is_judged_as_if_one_came_after_the_other(self, ledger: Ledger) -> None:
        other = "sha256:" + "f" * 64
        outcomes = await ledger.record(
            [
                append("a", 0, "d/1", count=2),
                append("b", 0, "d/1"),
                append("a", 2, "d/2"),
                append("a", 0, "d/1", count=2),
                append("a", 2, "d/3"),
                append("a", 3, "d/1", fingerprint=other),
                append("a", 3, "d/3", count=3),
                repeated("a", "d/4", 5, 6),
                repeated("a", "d/5", 6, 6),
            ]
        )
        assert [(outcome.status, outcome.size) for outcome in outcomes] == [
            ("appended", 2),
            ("appended", 1),
            ("appended", 3),
            ("duplicate", 3),
            ("conflict", 3),
            ("mismatch", 3),
            ("appended", 6),
            ("appended", 6),
            ("conflict", 6),
        ]
        assert outcomes[3].receipt == outcomes[0].receipt
        feed = await ledger.feed()
        assert [(e.feed, e.accord, e.position) for e in feed] == [
            (1, "a", 0),
            (2, "a", 1),
            (3, "b", 0),
            (4, "a", 2),
            (5, "a", 3),
            (6, "a", 4),
            (7, "a", 5),
        ]
        assert (await ledger.summary("a")) == summary("a", 6)

    async def test_an_empty_batch_is_nothing(self, ledger: Ledger) -> None:
        assert await ledger.record([]) == []

    async def test_a_refusal_is_recorded_and_its_repetition_points_to_it(self, ledger: Ledger) -> None:
        await ledger.record([append("a", 0, "d/1")])
        refused = append("a", 1, "d/2", events=(event("act_refused"),), refusal=REFUSAL, version=0)
        [first] = await ledger.record([refused])
        await ledger.record([append("a", 2, "d/3")])
        [again] = await ledger.record([repeated("a", "d/4", 1, 3, version=0)])
        assert first.receipt is not None
        assert again.receipt is not None
        assert (again.status, again.size) == ("appended", 3)
        assert (first.receipt.status, first.receipt.refusal) == ("refused", REFUSAL)
        assert (again.receipt.status, again.receipt.refusal) == ("refused", REFUSAL)
        assert (again.receipt.first_position, again.receipt.position, again.receipt.events) == (1, 1, ())
        assert again.receipt.leaf == first.receipt.leaf
        head = await ledger.head("a")
        assert head is not None
        assert (again.receipt.size, again.receipt.root) == (3, head.root.hex())
        assert len(await ledger.entries("a")) == 3
        assert await ledger.summary("a") == summary("a", 3)
        [retried] = await ledger.record([repeated("a", "d/4", 1, 3, version=0)])
        assert (retried.status, retried.receipt) == ("duplicate", again.receipt)

    async def test_a_repeated_refusal_that_was_judged_on_another_state_is_a_conflict(
        self, ledger: Ledger
    ) -> None:
        await ledger.record([append("a", 0, "d/1", count=2)])
        [outcome] = await ledger.record([repeated("a", "d/2", 1, 1)])
        assert (outcome.status, outcome.receipt) == ("conflict", None)

    async def test_a_refusal_is_found_by_its_mark_in_its_accord(self, ledger: Ledger) -> None:
        refused = append("a", 1, "d/2", events=(event(), event("act_refused")), refusal=REFUSAL, mark="m")
        await ledger.record([append("a", 0, "d/1"), refused, append("b", 0, "d/1")])
        assert await ledger.refused("a", "m") == 2
        assert await ledger.refused("a", "n") is None
        assert await ledger.refused("b", "m") is None

    async def test_of_what_is_not_to_be_kept_nothing_is(self, ledger: Ledger) -> None:
        [first] = await ledger.record([append("a", 0, "d/1", signed=None, outline="sha256:" + "1" * 64)])
        [kept] = await ledger.commands("a")
        assert (kept.signed, kept.salt) == (None, None), "nobody can try texts against the fingerprint"
        [again] = await ledger.record([append("a", 0, "d/1", signed=None, outline="sha256:" + "1" * 64)])
        assert (again.status, again.receipt) == ("duplicate", first.receipt)

    async def test_what_cannot_be_recorded_leaves_the_whole_batch_unrecorded(self, ledger: Ledger) -> None:
        bad = append("b", 0, "d/1", events=(event(facts={"share": 0.5}),))
        with pytest.raises(Unrecordable, match="float"):
            await ledger.record([append("a", 0, "d/1"), bad])
        assert await ledger.entries("a") == []
        with pytest.raises(Unrecordable, match="bytes"):
            await ledger.record([append("a", 0, "d/1", events=(event("x" * 65_535),))])

    async def test_payloads_may_hold_any_text(self, ledger: Ledger) -> None:
        facts = {"text": "\x00 \u2028 𝄞 \\u0000", "deep": [{"a": [None, True, -(2**53) + 1]}]}
        await ledger.record([append("a", 0, "d/1", events=(event(facts=facts, particulars={}),))])
        [entry] = await ledger.entries("a")
        assert entry.recorded().facts == facts

    async def test_writers_at_the_same_time_give_one_order(self, ledger: Ledger) -> None:
        async def write(writer: int) -> list[str]:
            statuses: list[str] = []
            for step in range(8):
                for _ in range(200):
                    head = await ledger.head("a")
                    size = 0 if head is None else head.size
                    [outcome] = await ledger.record([append("a", size, f"w{writer}/{step}")])
                    statuses.append(outcome.status)
                    if outcome.status == "appended":
                        break
            return statuses

        statuses = await asyncio.gather(*(write(writer) for writer in range(4)))
        assert all(each.count("appended") == 8 for each in statuses)
        assert {status for each in statuses for status in each} <= {"appended", "conflict", "locked"}
        entries = await ledger.entries("a")
        assert [entry.position for entry in entries] == list(range(32))
        head = await ledger.head("a")
        assert head is not None
        assert head.root == Frontier().extend(entry.leaf for entry in entries)[0].root()
