"""What every ledger gives to its readers, whatever it is made of; a part of the contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from activities.errors import Malformed, PayloadMismatch, PayloadMissing
from activities.ledger.store import Ledger, Standing, salted
from activities.tlog.merkle import (
    Coordinate,
    Frontier,
    Lookup,
    consistency_nodes,
    consistency_proof,
    inclusion_nodes,
    inclusion_proof,
    verify_consistency,
    verify_inclusion,
)
from tests.activities.ledger.making import append, event, repeated


def looked_up(table: Mapping[Coordinate, bytes]) -> Lookup:
    return lambda level, index: table[level, index]


class ReadingContract:
    """Subclasses give a fixture ``ledger``: an empty one for each test."""

    async def test_proofs_are_built_from_stored_nodes(self, ledger: Ledger) -> None:
        sizes = (1, 2, 5, 6, 7, 16, 21)
        roots = {}
        size = 0
        for index, next_size in enumerate(sizes):
            await ledger.record([append("a", size, f"d/{index}", count=next_size - size)])
            size = next_size
            head = await ledger.head("a")
            assert head is not None
            assert head.size == size
            roots[size] = head.root
        stored = await ledger.entries("a")
        assert Frontier().extend(entry.leaf for entry in stored)[0].root() == roots[21]
        for size in sizes:
            for index in range(size):
                table = await ledger.nodes("a", inclusion_nodes(index, size))
                proof = inclusion_proof(index, size, looked_up(table))
                verify_inclusion(stored[index].leaf, index, size, proof, roots[size])
            table = await ledger.nodes("a", consistency_nodes(size, 21))
            proof = consistency_proof(size, 21, looked_up(table))
            verify_consistency(size, 21, roots[size], roots[21], proof)

    async def test_nodes_that_do_not_exist_are_left_out(self, ledger: Ledger) -> None:
        await ledger.record([append("a", 0, "d/1", count=3)])
        found = await ledger.nodes("a", [(0, 2), (0, 3), (1, 0), (1, 1), (2, 0)])
        assert set(found) == {(0, 2), (1, 0)}
        assert await ledger.nodes("b", [(0, 0)]) == {}
        assert await ledger.nodes("a", []) == {}

    async def test_entries_and_feed_are_read_in_pieces(self, ledger: Ledger) -> None:
        await ledger.record([append("a", 0, "d/1", count=5), append("b", 0, "d/1", count=2)])
        everything = await ledger.entries("a")
        assert await ledger.entries("a", 1, 2) == everything[1:3]
        assert await ledger.entries("a", 4, 10) == everything[4:]
        assert await ledger.entries("a", 5, 10) == []
        assert await ledger.entries("c") == []
        feed = await ledger.feed()
        assert [entry.feed for entry in feed] == list(range(1, 8))
        assert await ledger.feed(3, 2) == feed[3:5]
        assert await ledger.feed(7) == []
        assert await ledger.feed_position() == 7

    async def test_where_an_accord_stands_is_read_at_once(self, ledger: Ledger) -> None:
        outcome, _ = await ledger.record([append("a", 0, "d/1", count=5), append("b", 0, "d/1")])
        everything = [replace(entry, particulars=None) for entry in await ledger.entries("a")]
        for start, limit in ((0, 1000), (2, 2), (5, 1000)):
            standing = await ledger.standing("a", start, limit, "d/1")
            assert standing.head == await ledger.head("a")
            assert list(standing.entries) == everything[start:][:limit]
            assert standing.known == await ledger.outcome("a", "d/1")
            assert standing.known is not None
            assert standing.known.receipt == outcome.receipt
        assert (await ledger.standing("a", 0, 1, "d/2")).known is None
        assert (await ledger.standing("a")).known is None
        assert await ledger.standing("c", 0, 1000, "d/1") == Standing(None, (), None)

    async def test_commands_come_in_the_order_in_which_they_were_recorded(self, ledger: Ledger) -> None:
        await ledger.record([append("a", 0, "z/1", count=2), append("a", 2, "b/1")])
        await ledger.record([repeated("a", "c/1", 1, 3), repeated("a", "a/1", 1, 3), append("a", 3, "a/2")])
        await ledger.record([append("other", 0, "d/1")])

        found = [command async for command in ledger.commands_in_order("a", 4)]
        assert [command.id for command in found] == ["z/1", "b/1", "a/1", "c/1", "a/2"]
        assert found == sorted(await ledger.commands("a"), key=lambda command: command.order)
        assert [command.id async for command in ledger.commands_in_order("a", 2)] == ["z/1"]
        assert [command async for command in ledger.commands_in_order("nobody", 9)] == []

    async def test_commands_are_kept_with_what_was_signed(self, ledger: Ledger) -> None:
        appends = [append("a", at, f"d/{at}") for at in range(3)]
        outcomes = await ledger.record([*appends, append("b", 0, "d/9")])
        stored = await ledger.commands("a")
        assert [command.id for command in stored] == ["d/0", "d/1", "d/2"]
        assert [command.signed for command in stored] == [each.signed for each in appends]
        assert [command.receipt for command in stored] == [outcome.receipt for outcome in outcomes[:3]]
        assert await ledger.commands("a", "d/0", 1) == stored[1:2]

    async def test_erasing_particulars_breaks_neither_fold_nor_proof(self, ledger: Ledger) -> None:
        await ledger.record([append("a", 0, "d/1"), append("a", 1, "d/2")])
        before = await ledger.entries("a")
        root = (await ledger.head("a"), [entry.recorded() for entry in before])
        assert await ledger.erase("a", 0)
        after = await ledger.entries("a")
        assert after == [replace(before[0], particulars=None), before[1]]
        assert root == (await ledger.head("a"), [entry.recorded() for entry in after])
        assert [command.signed is None for command in await ledger.commands("a")] == [True, False]
        [again] = await ledger.record([append("a", 0, "d/1")])
        assert again.status == "duplicate"
        assert not await ledger.erase("a", 0)
        assert not await ledger.erase("a", 7)
        assert not await ledger.erase("b", 0)

    async def test_what_was_erased_cannot_be_guessed_and_a_retry_is_still_a_retry(
        self, ledger: Ledger
    ) -> None:
        given = append("a", 0, "d/1", outline="sha256:" + "1" * 64)
        first, _ = await ledger.record([given, append("a", 1, "d/2")])
        kept = (await ledger.commands("a"))[0]
        assert kept.salt is not None
        assert kept.fingerprint != given.fingerprint, "the plain digest is nowhere"
        assert kept.fingerprint == salted(given.fingerprint, kept.salt)
        assert await ledger.erase("a", 0)
        erased = (await ledger.commands("a"))[0]
        assert (erased.signed, erased.salt, erased.fingerprint) == (None, None, kept.fingerprint)
        [again] = await ledger.record([given])
        assert (again.status, again.receipt) == ("duplicate", first.receipt)
        other = append("a", 0, "d/1", outline="sha256:" + "2" * 64)
        assert (await ledger.record([other]))[0].status == "mismatch"

    async def test_a_repeated_refusal_is_erased_with_the_entry_that_stands_for_it(
        self, ledger: Ledger
    ) -> None:
        refused = append("a", 1, "d/2")
        await ledger.record([append("a", 0, "d/1"), refused])
        repeat = replace(
            refused, expected=2, command_id="d/3", events=(), repeats=1, fingerprint="sha256:" + "3" * 64
        )
        await ledger.record([repeat])
        assert [one.signed is None for one in await ledger.commands("a")] == [False, False, False]
        assert await ledger.erase("a", 1)
        assert [one.signed is None for one in await ledger.commands("a")] == [False, True, True]
        assert not await ledger.erase("a", 1)

    async def test_entries_of_some_types_are_found(self, ledger: Ledger) -> None:
        await ledger.record([append("a", 0, "d/1", events=(event(), event("log_key_rotated"), event()))])
        await ledger.record([append("b", 0, "d/1", events=(event("log_key_rotated"),))])
        found = await ledger.entries_of("a", ["log_key_rotated", "log_key_retired"])
        assert [(one.accord, one.position) for one in found] == [("a", 1)]
        assert await ledger.entries_of("c", ["log_key_rotated"]) == []

    async def test_an_altered_entry_is_noticed_on_reading(self, ledger: Ledger) -> None:
        await ledger.record([append("a", 0, "d/1"), append("a", 1, "d/2")])
        first, second = await ledger.entries("a")
        assert first.facts is not None
        with pytest.raises(Malformed):
            replace(first, content=first.content.replace(b"delegate-1", b"delegate-2")).recorded()
        with pytest.raises(Malformed):
            replace(second, content=first.content, leaf=first.leaf).recorded()
        with pytest.raises(PayloadMismatch):
            replace(first, facts=second.facts).recorded()
        with pytest.raises(PayloadMismatch):
            replace(first, facts=replace(first.facts, content=b"{}")).recorded()
        with pytest.raises(PayloadMissing):
            replace(first, facts=None).recorded()
