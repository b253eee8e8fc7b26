"""What people see on terminals of 120, 80 and 60 columns, and what programs read from a pipe."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest_asyncio

from activities.ledger.postgres import PostgresLedger
from activities.runtime.settings import Settings
from tests.api.conftest import Api, on_a_socket
from tests.api.filling import Filler
from tests.simulation.small import digest, small
from tests.worker.cli.conftest import entente
from tests.worker.cli.terminal import CODES, on_a_terminal, plain, widest

LONG = "state-visit-of-somebody-to-somewhere-mzxw6ytboi"
TITLE = (
    "노르웨이 왕국 정상 방문, and a title that goes on and on, as titles of agreements do, over several lines"
)


@pytest_asyncio.fixture(loop_scope="session")
async def reached(
    database_url: str, nowhere: str, make_settings: Callable[..., Settings]
) -> AsyncIterator[tuple[Mapping[str, str], Filler]]:
    settings = make_settings(database_url, nowhere, api_port=0)
    async with PostgresLedger.connect(database_url) as ledger, on_a_socket(settings) as (app, port):
        api = Api(app, settings)
        async with api.http:
            key = await api.token("aa.contact")
        yield {"ENTENTE_SERVER": f"http://127.0.0.1:{port}", "ENTENTE_KEY": key}, Filler(ledger)


async def test_lists_and_accords_fit_where_they_are_shown(
    reached: tuple[Mapping[str, str], Filler],
) -> None:
    environment, filler = reached
    await filler.found("visit-1", small())
    await filler.found(LONG, small(title=TITLE))
    await filler.invite(LONG)
    await filler.verify(LONG, digest("report"))
    await filler.do(LONG, "propose_text", "aa.contact", document="D1", language="en", digest=digest("en"))
    forced = {**environment, "FORCE_COLOR": "1"}
    at60, at80, wide, piped, shown, shown_piped, none, nothing, odd = await asyncio.gather(
        *(on_a_terminal(columns, "ls", **environment) for columns in (60, 80, 120)),
        entente("ls", **forced),
        on_a_terminal(60, "show", LONG, **environment),
        entente("show", LONG, **forced),
        on_a_terminal(80, "show", "visit-2", **environment),
        entente("ls", "nothing", **environment),
        entente("act", LONG, "adopt-definitions", **environment),
    )
    for one, columns in ((at60, 60), (at80, 80), (wide, 120), (shown, 60)):
        assert one.code == 0, one.out
        assert widest(one.out) <= columns
        assert CODES.search(one.out)
    for one in (at60, at80, wide):
        assert f"{LONG}\n" in plain(one.out)
        assert "Drafting of documents · 2 unmet · AA, BB" in " ".join(plain(one.out).split())

    # For programs: a line each, tabs between, no codes even where somebody asks for colours.
    assert not CODES.search(piped.out + shown_piped.out)
    rows = [line.split("\t") for line in piped.out.splitlines()]
    assert [(row[0], row[4], row[5], row[6]) for row in rows] == [
        (LONG, "AA,BB", "open", TITLE),
        ("visit-1", "AA,BB", "open", "Working visit"),
    ]
    assert (nothing.out, "no accord" in nothing.err) == ("", True)

    # Everything with its digests in one piece, dates and place.
    text = plain(shown.out)
    assert f"{digest('report')}\n" in text
    assert f"{digest('en')}\n" in text
    together = " ".join(text.split())
    assert "evidence: Report 1 · documented · by aa.contact, 2030-01-0" in together
    assert "verdict: by bb.contact" in together
    assert "Dates and place 2030-05-01 08:00 UTC – 2030-05-03 18:00 UTC, Town" in together
    # One error, once.
    assert (none.code, plain(none.out).count("visit-2")) == (1, 1), none.out
    assert (odd.code, odd.err.count("adopt-definition'") + odd.err.count("did you mean")) == (2, 1), odd.err


class _Slow(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        time.sleep(2.6)
        body = b'{"items": [], "next": null}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *said: object) -> None:
        pass


async def test_after_two_seconds_it_is_said_what_is_waited_for() -> None:
    listening = ThreadingHTTPServer(("127.0.0.1", 0), _Slow)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{listening.server_address[1]}"
        environment = {"ENTENTE_SERVER": url, "ENTENTE_KEY": "ent_a_b"}
        terminal, pipe = await asyncio.gather(
            on_a_terminal(80, "ls", **environment), entente("ls", **environment)
        )
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()
    assert f"Waiting for {url}" in terminal.out
    assert "Waiting" not in pipe.out + pipe.err
