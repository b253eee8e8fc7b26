"""What is sent again, and under which key: against a server that says "not now", hangs up, or talks nonsense."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from activities.errors import Unreachable
from worker.cli.client.calling import ApiProblem, Calls, RefusedAct
from worker.cli.client.where import Where


class Server:
    """Answers with the given (status, body) one after the other, the last one forever; none hangs up."""

    def __init__(self, *answers: tuple[int, Any] | None) -> None:
        self.answers = list(answers)
        self.keys: list[str | None] = []
        self.paths: list[str] = []

    def next(self) -> tuple[int, Any] | None:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def calling(server: Server, patience: float = 20.0) -> Iterator[Calls]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            self.answer()

        def do_GET(self) -> None:
            self.answer()

        def answer(self) -> None:
            server.keys.append(self.headers.get("idempotency-key"))
            server.paths.append(self.path)
            found = server.next()
            if found is None:
                self.close_connection = True
                self.connection.close()
                return
            body = found[1] if isinstance(found[1], bytes) else json.dumps(found[1]).encode()
            self.send_response(found[0])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *said: Any) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    try:
        place = Where(f"http://127.0.0.1:{listening.server_address[1]}", "ent_a_secret")
        with Calls(place, patience) as calls:
            yield calls
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()


BUSY = (503, {"code": "unavailable", "detail": "The worker does not answer."})


def test_not_now_and_a_lost_answer_are_sent_again_under_the_same_key() -> None:
    server = Server(BUSY, None, BUSY, (200, {"done": True}))
    with calling(server) as calls:
        assert calls.post("/v1/x", {"a": 1}, "k1") == {"done": True}
    assert server.keys == ["k1"] * 4


def test_it_ends_and_says_under_which_key_to_go_on() -> None:
    server = Server(BUSY)
    with calling(server, patience=0.5) as calls, pytest.raises(Unreachable) as caught:
        calls.post("/v1/x", {}, "k2")
    assert "The worker does not answer" in caught.value.what
    assert "--idempotency-key k2" in caught.value.remedy
    assert caught.value.exit_code == 3
    assert 1 < len(server.keys) < 5


def test_a_refusal_and_a_problem_are_not_sent_again() -> None:
    refusal = {"code": "refused", "guard": "authority", "detail": "no"}
    server = Server((409, refusal))
    with calling(server) as calls, pytest.raises(RefusedAct) as refused:
        calls.post("/v1/x", {}, "k3")
    assert refused.value.problem == refusal
    assert len(server.keys) == 1

    wrong = {"code": "malformed", "detail": "No.", "errors": [{"field": "a", "problem": "is odd", "line": 3}]}
    with calling(Server((422, wrong))) as calls, pytest.raises(ApiProblem) as caught:
        calls.post("/v1/x", {}, "k4")
    assert (caught.value.exit_code, caught.value.code, caught.value.details) == (
        2,
        "malformed",
        "  line 3: a: is odd",
    )
    with calling(Server((404, {"code": "not_found"}))) as calls, pytest.raises(ApiProblem) as caught:
        calls.get("/v1/x", [("as_of", "2027-01-01T00:00:00+01:00")])
    assert caught.value.exit_code == 1


def test_what_is_no_api_is_said() -> None:
    server = Server((200, b"<html>"))
    with calling(server) as calls, pytest.raises(ApiProblem, match="no JSON object"):
        calls.get("/v1/x", [("as_of", "2027-01-01T00:00:00+01:00")])
    assert server.paths == ["/v1/x?as_of=2027-01-01T00%3A00%3A00%2B01%3A00"]


def test_the_key_does_not_show() -> None:
    assert "secret" not in repr(Where("http://x", "ent_a_secret"))
