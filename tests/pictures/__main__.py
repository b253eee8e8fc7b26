"""Makes all pictures anew: ``python -m tests.pictures [FOLDER]``. Needs a Chromium on the machine."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

from activities.runtime.settings import read_settings
from tests.api.pages.chromium import chromium
from tests.pictures.terminal import pictured
from tests.pictures.visits import CAST, before_release, working_visit
from worker.demo.hosting import Place, keys_for
from worker.stack.place import forget
from worker.stack.stack import Ports, Stack

FOLDER = Path(__file__).parents[2] / "deploy" / "docs" / "pictures"
LARGEST = 150_000
"""Bytes of one picture, for a page of them to load quickly, and the repository to stay small."""

SETTLES = 1500
"""Milliseconds in which the Temporal UI has drawn what it has loaded; it says nowhere that it is done."""

COLUMNS = ("Status", "Workflow ID", "EntenteStage", "EntenteBlockedBy", "EntenteParties", "Start")
"""The columns of the pictured list of workflows."""

PICTURES = (
    "desk.png",
    "minutes.png",
    "signing-room.png",
    "temporal-history.png",
    "temporal-list.png",
    "temporal-timeline.png",
    "temporal-view.png",
    "terminal.svg",
)
"""What is made."""

VIEWS = {
    "In verification": '`EntenteStage`="verification" AND `ExecutionStatus`="Running"',
    "Ready to go on": '`EntenteBlockedBy`=0 AND `ExecutionStatus`="Running"',
}
"""The saved views that are pictured, by name, with their filter."""


async def _pages(browser: Any, place: Place, accord: str, folder: Path) -> None:
    """Desk, signing room and minutes, as a delegate of the demonstration sees them."""
    context = await browser.new_context(viewport={"width": 1100, "height": 760})
    page = await context.new_page()
    await page.goto(f"{place.api_url}/sign-in")
    await page.click('button[value="ru.protocol"]')
    await page.wait_for_selector("form.who")
    for name, path in (
        ("desk", "/"),
        ("signing-room", f"/accords/{accord}/signing"),
        ("minutes", f"/accords/{accord}/minutes"),
    ):
        await page.goto(place.api_url + path)
        await page.screenshot(path=folder / f"{name}.png")
    await context.close()


async def _temporal(browser: Any, ui: str, accord: str, folder: Path) -> None:
    """The list of workflows with columns and a saved view, and the timeline of one."""
    context = await browser.new_context(viewport={"width": 1500, "height": 520})
    page = await context.new_page()
    # As somebody leaves it who has chosen the columns by hand: the UI keeps them in the browser.
    columns = json.dumps({"default": [{"label": one} for one in COLUMNS]})
    await page.add_init_script(f"localStorage.setItem('namespace-workflow-table-columns', {columns!r})")
    for name, query in VIEWS.items():
        address = f"{ui}/namespaces/default/workflows?query={quote(query)}&savedQuery={quote(name)}"
        await page.goto(address)
        await page.get_by_test_id("saved-views-button").get_by_text(name).wait_for()
    await page.goto(f"{ui}/namespaces/default/workflows")
    await page.get_by_text("EntenteStage").first.wait_for()
    await page.get_by_text("working-visit").first.wait_for()
    await page.screenshot(path=folder / "temporal-list.png")
    await page.click('[data-testid="saved-views-button"]')
    await page.get_by_text("In verification", exact=True).first.click()
    await page.get_by_role("button", name="EntenteStage").first.wait_for()
    await page.wait_for_timeout(SETTLES)
    await page.screenshot(path=folder / "temporal-view.png")
    await page.set_viewport_size({"width": 1500, "height": 1000})
    await page.goto(f"{ui}/namespaces/default/workflows/{accord}")
    await page.get_by_text("issue_invitation").first.wait_for(state="attached")
    await page.wait_for_timeout(SETTLES)
    await page.screenshot(path=folder / "temporal-timeline.png")
    await page.goto(f"{page.url.rpartition('/')[0]}/history")
    await page.get_by_text("REFUSED").first.wait_for(state="attached")
    await page.wait_for_timeout(SETTLES)
    table = {"x": 280, "y": 520, "width": 1220, "height": 400}
    await page.screenshot(path=folder / "temporal-history.png", clip=table)
    await context.close()


async def make(folder: Path) -> None:
    """Run a stack, let accords come to where they are worth a picture, and take them all."""
    folder.mkdir(parents=True, exist_ok=True)
    state = Path(tempfile.mkdtemp(prefix="entente-pictures-"))
    # Where root runs it, Postgres's own user has to pass through.
    state.chmod(0o711)
    try:
        async with chromium() as browser:
            settings = read_settings(state_dir=state, api_port=0, log_level="warning")
            async with Stack(settings, ports=Ports(0, 0, 0), durable=False) as stack:
                place = Place(stack.api_url, stack.temporal_ui_url, stack.database_url, state, True)
                accord = await before_release(place)
                keys = await keys_for(place, CAST)
                small = await working_visit(place, keys, "Working visit", 10)
                for title, acts in (("Working visit in May", 0), ("Working visit in June", 7)):
                    await working_visit(place, keys, title, acts)
                svg = await pictured(
                    ("show", small),
                    ("why", small, "visit"),
                    ENTENTE_SERVER=place.api_url,
                    ENTENTE_KEY=keys["bb.contact"],
                )
                (folder / "terminal.svg").write_text(svg, encoding="utf-8")
                await _pages(browser, place, accord, folder)
                await _temporal(browser, place.temporal_ui_url or "", small, folder)
    finally:
        forget(state)
        shutil.rmtree(state)
    for picture in sorted(folder.iterdir()):
        size = picture.stat().st_size
        print(f"{size // 1000:4} KB  {picture}")
        if size > LARGEST:
            sys.exit(
                f"{picture.name} has {size} bytes, more than {LARGEST}: take a smaller part of the screen."
            )


if __name__ == "__main__":
    asyncio.run(make(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
