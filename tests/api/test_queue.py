"""The queue for each accord: bounded, fair between delegates, and free of who has given up."""

from __future__ import annotations

import asyncio

import pytest

from api.queue import ActQueue, Busy


class Acts:
    """Acts that last until they are told to end, and the order in which they were taken up."""

    def __init__(self, queue: ActQueue) -> None:
        self.queue = queue
        self.begun: list[str] = []
        self.most = 0
        self._ends: dict[str, asyncio.Event] = {}

    def send(self, delegate: str, name: str, accord: str = "a") -> asyncio.Task[None]:
        return asyncio.create_task(self._act(delegate, name, accord))

    async def _act(self, delegate: str, name: str, accord: str) -> None:
        async with self.queue.turn(accord, delegate):
            self.begun.append(name)
            self.most = max(self.most, self.queue.under_way(accord))
            await self._ends.setdefault(name, asyncio.Event()).wait()

    async def end(self, *names: str) -> None:
        for name in names:
            self._ends.setdefault(name, asyncio.Event()).set()
            await settle()


async def settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_so_many_are_under_way_and_the_others_wait_in_order() -> None:
    acts = Acts(ActQueue(in_flight=2))
    tasks = [acts.send("a", str(number)) for number in range(5)]
    await settle()
    assert acts.begun == ["0", "1"]
    assert acts.queue.waiting("a") == 3
    await acts.end("1", "0", "2", "3", "4")
    await asyncio.gather(*tasks)
    assert acts.begun == ["0", "1", "2", "3", "4"]
    assert acts.most == 2
    assert (acts.queue.under_way("a"), acts.queue.waiting("a")) == (0, 0)


async def test_accords_do_not_wait_for_each_other() -> None:
    acts = Acts(ActQueue(in_flight=1))
    tasks = [acts.send("a", "1", "one"), acts.send("a", "2", "other")]
    await settle()
    assert acts.begun == ["1", "2"]
    await acts.end("1", "2")
    await asyncio.gather(*tasks)


async def test_turns_go_round_among_delegates() -> None:
    acts = Acts(ActQueue(in_flight=1))
    tasks = [acts.send("flood", f"f{number}") for number in range(6)]
    await settle()
    tasks += [acts.send("b", "b0"), acts.send("b", "b1"), acts.send("c", "c0")]
    await settle()
    await acts.end("f0", "f1", "b0", "c0", "f2", "b1", "f3", "f4", "f5")
    await asyncio.gather(*tasks)
    assert acts.begun == ["f0", "f1", "b0", "c0", "f2", "b1", "f3", "f4", "f5"]


async def test_one_delegate_has_so_much_room_and_no_more() -> None:
    acts = Acts(ActQueue(in_flight=1, waiting=10, waiting_each=2))
    tasks = [acts.send("a", str(number)) for number in range(4)]
    await settle()
    with pytest.raises(Busy, match="2 acts of a"):
        await tasks[3]
    other = acts.send("b", "b")
    await acts.end("0", "1", "b", "2")
    await asyncio.gather(*tasks[:3], other)


async def test_in_a_full_queue_the_longest_line_gives_way() -> None:
    acts = Acts(ActQueue(in_flight=1, waiting=4, waiting_each=4))
    tasks = {name: acts.send(name[0], name) for name in ("a0", "a1", "a2", "a3", "b1")}
    await settle()
    tasks["c1"] = acts.send("c", "c1")
    await settle()
    with pytest.raises(Busy, match="most of them of a"):
        await tasks["a3"]
    # Who would only trade places with another has to wait outside.
    tasks["c2"] = acts.send("c", "c2")
    await settle()
    with pytest.raises(Busy, match="4 acts on this accord"):
        await tasks["c2"]
    await acts.end("a0", "a1", "b1", "c1", "a2")
    assert acts.begun == ["a0", "a1", "b1", "c1", "a2"]
    await asyncio.gather(*(tasks[name] for name in acts.begun))


async def test_who_gives_up_frees_the_place() -> None:
    acts = Acts(ActQueue(in_flight=1, waiting_each=2))
    first, second, third = (acts.send("a", str(number)) for number in range(3))
    await settle()
    second.cancel()
    await settle()
    assert acts.queue.waiting("a") == 1
    fourth = acts.send("a", "3")
    await acts.end("0", "2", "3")
    await asyncio.gather(first, third, fourth)
    assert acts.begun == ["0", "2", "3"]


async def test_who_gives_up_when_called_passes_the_place_on() -> None:
    acts = Acts(ActQueue(in_flight=1))
    first, second, third = (acts.send("a", str(number)) for number in range(3))
    await settle()
    acts._ends["0"].set()
    # The first one ends and calls the second, which is cancelled before it has noticed.
    while acts.queue.waiting("a") == 2:  # noqa: ASYNC110 - a single step of the loop counts here
        await asyncio.sleep(0)
    second.cancel()
    await settle()
    assert acts.begun == ["0", "2"]
    await acts.end("2")
    await asyncio.gather(first, third)
    assert acts.queue.under_way("a") == 0


async def test_an_act_under_way_that_is_given_up_or_fails_frees_its_place() -> None:
    acts = Acts(ActQueue(in_flight=1))
    first, second = acts.send("a", "0"), acts.send("a", "1")
    await settle()
    first.cancel()
    await settle()
    assert acts.begun == ["0", "1"]
    await acts.end("1")
    await second
    with pytest.raises(ZeroDivisionError):
        async with acts.queue.turn("a", "a"):
            raise ZeroDivisionError
    assert acts.queue.under_way("a") == 0


async def test_a_deadline_covers_the_waiting() -> None:
    acts = Acts(ActQueue(in_flight=1))
    first = acts.send("a", "0")
    await settle()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01), acts.queue.turn("a", "b"):
            raise AssertionError("there was no place")
    assert acts.queue.waiting("a") == 0
    await acts.end("0")
    await first


def test_a_queue_without_room_is_none() -> None:
    with pytest.raises(ValueError, match="room"):
        ActQueue(in_flight=0)
