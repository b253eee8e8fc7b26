"""Authorities are asked for their time over final checkpoints, whatever they answer, and nothing waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from typing import Any

import asyncpg
import pytest
from asn1crypto import tsp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.runtime.metrics import REGISTRY
from activities.runtime.reaching import Patience
from activities.timestamps.token import (
    Authorities,
    TokenInvalid,
    parse_certificates,
    question,
    read,
)
from activities.tlog.cosignature import CosignatureSigner
from activities.tlog.note import signature_of
from tests.activities.ledger.making import append
from tests.activities.timestamps.authority import (
    TestAuthority,
    http,
    known_authority,
    stamping_service,
)
from tests.activities.timestamps.conftest import Log
from tests.activities.witness.hostile import Answering, Listening, drips, listening, never, says

SHORT = Patience(connect=1.0, headers=1.0, whole=1.5)


def counted(url: str, result: str) -> float:
    return (
        REGISTRY.get_sample_value("entente_timestamp_answers_total", {"authority": url, "result": result})
        or 0.0
    )


def figures(url: str) -> tuple[float | None, float]:
    """How many accords an authority has not stamped, and since how many seconds."""
    labels = {"authority": url}
    return (
        REGISTRY.get_sample_value("entente_timestamp_unstamped_accords", labels),
        REGISTRY.get_sample_value("entente_timestamp_lag_seconds", labels) or 0.0,
    )


async def test_each_accords_newest_final_checkpoint_is_stamped(log: Log, authority: TestAuthority) -> None:
    for accord in ("a", "b"):
        await log.grow(accord)
        await log.grow(accord)
    await log.grow("b", final=False)
    async with stamping_service(authority.answer) as service:
        known = Authorities(parse_certificates(authority.pem))
        [one] = log.stamping(service.url, known=known).authorities
        assert await one.sweep() == 2
        assert await log.stamps("a") == await log.stamps("b") == [(2, service.url)]
        assert await one.sweep() == 0
        assert len(service.requests) == 2
        assert b"content-type: application/timestamp-query" in service.requests[0].lower()
        await log.grow("a")
        assert await one.sweep() == 1
        assert await log.stamps("a") == [(3, service.url), (2, service.url)]
        assert (counted(service.url, "stamped"), counted(service.url, "failed")) == (3, 0)
    [latest] = await log.checkpoints.timestamps.latest("a", 1)
    text = (await log.checkpoints.sign("a", 3)).note.text.encode()
    token = read(latest.token)
    assert token.is_over(text)
    known.verify(token, text)
    with pytest.raises(TokenInvalid, match="does not fit"):
        known.verify(token, text + b"x")
    assert [size async for size, _ in log.checkpoints.timestamps.pages("a", 3, page=1)] == [2, 3]
    assert [size async for size, _ in log.checkpoints.timestamps.pages("a", 2)] == [2]
    for change in ("update timestamps set size = 9", "delete from timestamps", "truncate timestamps"):
        with pytest.raises(asyncpg.PostgresError, match="append"):
            await log.pool.execute(change)


async def test_a_checkpoint_without_its_quorum_is_not_stamped_and_asked_about_once(
    log: Log, authority: TestAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = CosignatureSigner("x.test/1", Ed25519PrivateKey.generate(), lambda: 1_900_000_000)
    await log.ledger.record([append("a", 0, "d/0")])
    key = log.checkpoints.keys.verifiers("a")[0].encoded()
    lines = [f"witness {n} {w.verifier.encoded()}" for n, w in (("W", log.witness), ("X", stranger))]
    policy = "\n".join([f"log {key}", *lines, "group all all W X", "quorum all", ""])
    await log.checkpoints.set_policy("a", policy.encode())
    kept = await log.checkpoints.sign("a")
    await log.checkpoints.add_cosignatures("a", 1, [signature_of(kept.note.text, log.witness)])
    looked: list[str] = []
    newest = log.checkpoints.newest_final

    async def noted(accord: str, above: int) -> Any:
        looked.append(accord)
        return await newest(accord, above)

    monkeypatch.setattr(log.checkpoints, "newest_final", noted)
    async with stamping_service(authority.answer) as service:
        [one] = log.stamping(service.url).authorities
        assert [await one.sweep(), await one.sweep()] == [0, 0]
        assert (looked, service.requests) == (["a"], [])
        await log.checkpoints.add_cosignatures("a", 1, [signature_of(kept.note.text, stranger)])
        assert await one.sweep() == 1


def _other_nonce(request: bytes) -> bytes:
    asked = tsp.TimeStampReq.load(request)
    asked["nonce"] = 7
    return known_authority().answer(asked.dump(force=True))


def _other_text(request: bytes) -> bytes:
    asked = tsp.TimeStampReq.load(request)
    other = tsp.TimeStampReq.load(question(b"something else").content)
    asked["message_imprint"] = other["message_imprint"]
    return known_authority().answer(asked.dump(force=True))


def _status(status: int) -> Callable[[bytes], bytes]:
    """An answer that is a status alone."""
    return lambda _: b"\x30\x05\x30\x03\x02\x01" + bytes([status])


@cache
def stranger() -> TestAuthority:
    return TestAuthority("Other", keys=(3, 4, 5))


def _untrusted(request: bytes) -> bytes:
    return stranger().answer(request)


def _bare(request: bytes) -> bytes:
    response = tsp.TimeStampResp.load(known_authority().answer(request))
    del response["time_stamp_token"]["content"]["certificates"]
    content: bytes = response.dump(force=True)
    return content


HOSTILE: dict[str, Answering | Callable[[bytes], bytes]] = {
    "another nonce": _other_nonce,
    "another text": _other_text,
    "granted without a token": _status(0),
    "rejected": _status(2),
    "of nobody known": _untrusted,
    "without certificates": _bare,
    "no DER": lambda _: b"\x30\x80hello",
    "empty": lambda _: b"",
}
RAW: dict[str, Answering] = {
    "never": never,
    "drips": drips(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"0"),
    "huge": says(http(b"0" * 200_000)),
    "an error": says(http(b"", "500 x")),
    "nothing": says(b""),
}


async def test_whatever_an_authority_answers_it_delays_nobody_but_itself(
    log: Log, authority: TestAuthority
) -> None:
    """All hostile ones beside one that is right, in one sweep each; and nothing of theirs is kept."""
    await log.grow("a")
    known = Authorities(parse_certificates(authority.pem))
    # Made beforehand: making keys takes longer than the patience with the hostile ones.
    stranger()
    async with AsyncExitStack() as services:
        right = await services.enter_async_context(stamping_service(authority.answer))
        bad: dict[str, Listening] = {}
        for name, answer in HOSTILE.items():
            bad[name] = await services.enter_async_context(stamping_service(answer))  # type: ignore[arg-type]
        for name, answering in RAW.items():
            bad[name] = await services.enter_async_context(listening(answering))
        inside = await services.enter_async_context(stamping_service(authority.answer))
        moved = says(http(b"", "307 Moved", f"Location: {inside.url}/\r\n"))
        bad["redirects"] = await services.enter_async_context(listening(moved))
        endless = [bad[name].url for name in ("never", "drips")]
        others = [one.url for one in bad.values() if one.url not in endless]
        hasty = log.stamping(*endless, known=known, patience=SHORT)
        running = asyncio.gather(hasty.run(0.05), log.stamping(right.url, *others, known=known).run(0.05))
        try:
            for _ in range(400):
                if await log.stamps("a") and all(counted(one.url, "failed") for one in bad.values()):
                    break
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.2)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        assert await log.stamps("a") == [(1, right.url)]
        # Each was asked once, and is left alone for a while; where it sent to, nobody went.
        asked = {name: len(one.requests) for name, one in bad.items() if one.url in others}
        assert asked == dict.fromkeys(asked, 1)
        assert {counted(one.url, "failed") for one in bad.values()} == {1}
        assert inside.requests == []


async def test_an_authority_that_was_down_is_asked_again(log: Log, authority: TestAuthority) -> None:
    await log.grow("a")
    now = 0.0
    failing = True

    def answer(request: bytes) -> bytes:
        return b"" if failing else authority.answer(request)

    async with stamping_service(answer) as service:
        stamping = log.stamping(service.url, first_pause=10.0)
        [one] = stamping.authorities
        one._clock = lambda: now
        asked = []
        for moment in (0.0, 5.0, 10.0, 20.0, 30.0, 60.0):
            now = moment
            assert await one.sweep() == 0
            asked.append(len(service.requests))
        assert asked == [1, 1, 2, 2, 3, 3]
        unstamped, lag = figures(service.url)
        assert (unstamped, lag > 0) == (1, True)
        # Another process asks meanwhile: this one tells nothing of it.
        failing, now = False, 71.0
        async with log.stamping(service.url).authorities[0]._alone():
            assert await one.sweep() == 0
            assert figures(service.url) == (0, 0)
        assert await one.sweep() == 1
        assert figures(service.url) == (0, 0)
        # A checkpoint that it did not stamp is covered by a later one that it did.
        failing, now = True, 100.0
        await log.grow("a")
        await one.sweep()
        assert figures(service.url)[0] == 1
        failing, now = False, 200.0
        await log.grow("a")
        assert await one.sweep() == 1
        assert figures(service.url) == (0, 0)
        await log.grow("a")
        assert await one.sweep() == 1


async def test_one_process_at_a_time_asks_an_authority(log: Log, authority: TestAuthority) -> None:
    await log.grow("a")
    held = asyncio.Event()

    @asynccontextmanager
    async def slow() -> AsyncIterator[Listening]:
        async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            held.set()
            await never(reader, writer)

        async with listening(answering) as service:
            yield service

    async with slow() as service:
        [first] = log.stamping(service.url, patience=SHORT).authorities
        [second] = log.stamping(service.url, patience=SHORT).authorities
        sweeping = asyncio.create_task(first.sweep())
        await held.wait()
        assert await second.sweep() == 0
        assert await sweeping == 0
        assert len(service.requests) == 1


async def test_private_networks_are_asked_only_where_the_operator_allows_it(
    log: Log, authority: TestAuthority
) -> None:
    await log.grow("a")
    async with stamping_service(authority.answer) as service:
        [one] = log.stamping(service.url, networks=()).authorities
        assert await one.sweep() == 0
        assert "ENTENTE_TSA_NETWORKS" in one._reason
        assert service.requests == []
