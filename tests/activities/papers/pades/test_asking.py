"""Time-stamp authorities that answer what they like: nothing is signed by them, and nothing waits for long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import pytest_asyncio
from asn1crypto import tsp

from activities.papers.making import job
from activities.papers.pades import asking
from activities.papers.pades.keys import KeyFile, Signing, SigningProblem
from activities.papers.pades.signing import sign
from activities.papers.press import press
from activities.runtime.reaching import Patience
from tests.activities.papers.pades.material import certified
from tests.activities.papers.sources import scenario
from tests.activities.timestamps.authority import http, known_authority, stamping_service
from tests.activities.witness.hostile import Answering, drips, listening, never, says


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    # Its keys are made once, which takes longer than it is given here.
    known_authority().token(b"x")
    monkeypatch.setattr(asking, "PATIENCE", Patience(connect=1.0, headers=1.0, whole=1.5))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def paper() -> bytes:
    return press(job(await scenario("jv-closing"), "certificate", "en")[0])


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> KeyFile:
    return KeyFile(certified().file(tmp_path_factory.mktemp("key"), passphrase=None))


def of_another(change: Callable[[tsp.TimeStampReq], None]) -> Callable[[bytes], bytes]:
    """What is answered to another request than the one that came."""

    def answer(request: bytes) -> bytes:
        asked = tsp.TimeStampReq.load(request)
        change(asked)
        return known_authority().answer(asked.dump(force=True))

    return answer


def _nonce(asked: tsp.TimeStampReq) -> None:
    asked["nonce"] = 7


def _no_nonce(asked: tsp.TimeStampReq) -> None:
    del asked["nonce"]


def _digest(asked: tsp.TimeStampReq) -> None:
    asked["message_imprint"]["hashed_message"] = b"\7" * 32


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (of_another(_nonce), "another nonce"),
        (of_another(_no_nonce), "another nonce"),
        (of_another(_digest), "over something else"),
        (lambda _: b"", "does not read"),
        (lambda _: b"\x30\x80\0\0", "does not read"),
        (lambda _: b"\x30\x05\x30\x03\x02\x01\x02", "does not grant it: rejection"),
        (lambda _: b"\x30\x05\x30\x03\x02\x01\x00", "does not read"),
        (lambda request: known_authority().answer(request)[:-20], "does not read"),
    ],
)
async def test_what_is_no_token_over_what_is_signed_signs_nothing(
    paper: bytes, key: KeyFile, answer: Callable[[bytes], bytes], said: str
) -> None:
    async with stamping_service(answer) as service:
        with pytest.raises(SigningProblem, match=said) as refused:
            await asyncio.to_thread(sign, paper, Signing(key, service.url), "")
    assert "gave no time stamp" in refused.value.what


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("answering", "said"),
    [
        (never, "no whole answer|Timeout"),
        (drips(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"0"), "no whole answer"),
        (drips(b"HTTP/1.1 200 OK\r\n\r\n", b"0" * 65536, 0.0), "longer than|no whole answer"),
        (says(http(b"", "302 Found", "Location: http://127.0.0.1:1/\r\n")), "it answered 302"),
        (says(b"nonsense\r\n\r\n"), "ProtocolError"),
    ],
)
async def test_who_answers_badly_is_given_up_in_time(
    paper: bytes, key: KeyFile, answering: Answering, said: str
) -> None:
    async with listening(answering) as service:
        with pytest.raises(SigningProblem, match=said):
            await asyncio.to_thread(sign, paper, Signing(key, service.url), "")


async def test_a_token_whose_signature_is_broken_is_no_time(paper: bytes, key: KeyFile) -> None:
    def broken(request: bytes) -> bytes:
        answer = bytearray(known_authority().answer(request))
        answer[-3] ^= 1
        return bytes(answer)

    async with stamping_service(broken) as service:
        with pytest.raises(SigningProblem, match="does not fit"):
            await asyncio.to_thread(sign, paper, Signing(key, service.url), "")
