"""`/docs`: readable and usable without anything from elsewhere."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from v2_served import Served
from v2_world import V2World

from meetfleet.browser.chromium import Chromium
from meetfleet.browser.flags import BrowserOptions
from meetfleet.browser.page import Page


async def test_the_page_and_its_files_come_from_here_alone(api: V2World) -> None:
    for path, content_type in (
        ("/docs", "text/html; charset=utf-8"),
        ("/docs/page.js", "text/javascript; charset=utf-8"),
        ("/docs/page.css", "text/css; charset=utf-8"),
    ):
        answer = await api.client.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, content_type)
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        addresses = re.findall(r"(?:src|href)=[\"']([^\"']+)|url\(([^)]+)\)", answer.text)
        assert all(one.startswith(("/", "data:")) for pair in addresses for one in pair if one)


async def test_the_front_door_leads_to_the_page(api: V2World) -> None:
    answer = await api.client.get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "/docs")


async def test_there_are_no_other_files(api: V2World) -> None:
    for name in ("__init__.py", "..%2f__init__.py", "page.html"):
        assert (await api.client.get(f"/docs/{name}")).status_code == 404


@pytest.fixture
async def page(served: Served, tmp_path: Path) -> AsyncIterator[Page]:
    browser = await Chromium.launch(BrowserOptions(temp_dir=tmp_path))
    page = await browser.new_page()
    await page.goto(f"{served.address}/docs", wait_until="load")
    yield page
    await browser.close()


async def until(page: Page, js: str) -> object:
    """What the expression gives as soon as it gives something."""
    for _ in range(600):
        if found := await page.evaluate(js):
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"Never true: {js}")


@pytest.mark.lab
async def test_a_reader_can_authorize_and_send_a_request(page: Page, served: Served) -> None:
    await until(page, "document.getElementById('createBot') !== null")
    await page.evaluate("key => { document.getElementById('key').value = key }", "wrong")
    await page.evaluate("document.querySelector('#auth button').click()")
    assert await until(page, "document.getElementById('auth-state').textContent") == "This key is not known."
    await page.evaluate("key => { document.getElementById('key').value = key }", served.key)
    await page.evaluate("document.querySelector('#auth button').click()")
    await until(page, "document.getElementById('auth-state').textContent === 'This key works.'")
    await page.evaluate("document.querySelector('#createBot button').click()")
    shown = await until(page, "document.querySelector('#createBot pre strong')?.parentElement.textContent")
    assert "201 Created" in str(shown)
    assert '"bot_id"' in str(shown)
