"""No page is forgotten where pages are looked at in Chromium: a new one has to be put into the list of addresses."""

from __future__ import annotations

from tests.api.conftest import Api
from tests.api.pages.addresses import (
    BY_ADDRESS,
    BY_FORM,
    GENERAL,
    LEAD_ON,
    NO_PAGES,
    OF_ACCORD,
    OF_OPERATOR,
    PARTS,
    page_routes,
    templates,
)


async def test_every_page_is_looked_at(reading_api: Api) -> None:
    looked_at = {*GENERAL, *OF_ACCORD, *OF_OPERATOR}
    there = set(page_routes(reading_api.app.routes)) - {"/openapi.json"}
    assert len(there) > 30
    assert there == looked_at | set(NO_PAGES), "put a new page into tests/api/pages/addresses.py"
    assert not looked_at & set(NO_PAGES)


def test_every_template_is_shown() -> None:
    assert templates() == PARTS | BY_ADDRESS | BY_FORM | LEAD_ON
