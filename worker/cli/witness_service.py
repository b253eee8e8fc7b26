"""The witness as a small HTTP service: C2SP ``tlog-witness``, one route, and a page that shows its key."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response

from activities.witness.witness import MAX_REQUEST, Witness


def create_witness_app(witness: Witness) -> FastAPI:
    """The application: ``POST /add-checkpoint``, ``GET /`` (the verifier key), ``GET /livez``."""
    app = FastAPI(title="Entente witness", docs_url=None, redoc_url=None, openapi_url=None)

    @app.post("/add-checkpoint")
    async def add_checkpoint(request: Request) -> Response:
        """Cosign a checkpoint that extends what was cosigned before."""
        content = b""
        async for chunk in request.stream():
            content += chunk
            if len(content) > MAX_REQUEST:
                return PlainTextResponse("the request is too long\n", 413)
        answer = await witness.add_checkpoint(content)
        # Set as it is: the framework would add a charset to a text type, and the protocol asks for the bare one.
        return Response(answer.body, answer.status, headers={"Content-Type": answer.type})

    @app.get("/")
    async def key() -> PlainTextResponse:
        """The witness's verifier key, for the accords' policies."""
        return PlainTextResponse(witness.verifier.encoded() + "\n")

    @app.get("/livez")
    async def livez() -> PlainTextResponse:
        """Whether it runs."""
        return PlainTextResponse("ok\n")

    return app
