"""An API that keeps contents, and what tests of them do again and again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio

from activities.runtime.settings import Settings
from tests.api.conftest import Api, serving
from tests.api.filling import Filler
from tests.simulation.small import small
from workflows.model.canonical import digest_bytes

REPORT = b"%PDF-1.7 the report of the inspection"


@pytest_asyncio.fixture(loop_scope="session")
async def files_api(
    database_url: str, nowhere: str, make_settings: Callable[..., Settings], tmp_path: Path
) -> AsyncIterator[Api]:
    """The API without Temporal, with contents of at most 4 MB, in a directory of its own."""
    settings = make_settings(
        database_url, nowhere, api_deadline=5.0, files_url=str(tmp_path / "files"), file_bytes=4_000_000,
        files_bytes=10_000_000,
    )  # fmt: skip
    async with serving(settings) as api:
        yield api


def kept(api: Api) -> list[str]:
    """The objects in the store."""
    where = Path(str(api.settings.files_url))
    return sorted(str(one.relative_to(where)) for one in where.rglob("*") if one.is_file())


async def put(
    api: Api, content: bytes, by: str, accord: str = "a", kind: str = "application/pdf", **options: Any
) -> httpx.Response:
    digest = options.pop("digest", digest_bytes(content))
    headers = {"Content-Type": kind, **options.pop("headers", {})}
    body = options.pop("body", content)
    return await api.call(
        "PUT", f"/v1/files/{digest}", by, params={"accord": accord}, content=body, headers=headers, **options
    )


async def three(filler: Filler, accord: str = "a") -> None:
    """A founded accord in which each side has a further delegate, and an observer."""
    await filler.found(accord, small())
    for delegate, roles in (("protocol", ["protocol"]), ("guest", ["observer"])):
        for party in ("aa", "bb"):
            await filler.do(
                accord, "appoint_delegate", f"{party}.contact",
                delegate=f"{party}.{delegate}", office="Office", roles=roles,
            )  # fmt: skip


async def submitted(
    filler: Filler, content: bytes = REPORT, accord: str = "a", by: str = "aa.contact"
) -> str:
    digest = digest_bytes(content)
    await filler.do(
        accord, "submit_evidence", by, condition="C1", digest=digest, grade="documented", source="Report"
    )
    return digest
