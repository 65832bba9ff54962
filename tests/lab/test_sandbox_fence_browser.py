"""The fence around the sandbox holds in the browser itself."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from meetfleet.browser.chromium import Chromium
from meetfleet.browser.flags import BrowserOptions
from meetfleet.browser.page import NavigationFailed
from meetfleet.lab.lab import Lab
from meetfleet.lab.script import RoomScript
from meetfleet.sandbox.fence import fenced

pytestmark = [pytest.mark.lab, pytest.mark.slow]


@pytest.fixture
async def outside() -> AsyncIterator[int]:
    """A site that every browser of this machine can reach by name."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 4\r\n\r\nreal")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "0.0.0.0", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def test_a_sandbox_browser_sees_the_lab_and_nothing_else(outside: int) -> None:
    async with Lab() as lab:
        room = await lab.open_room(RoomScript())
        proxied = ("--proxy-server=http://127.0.0.1:9", "--host-resolver-rules=MAP * 127.0.0.1")
        for args, leads_out in (((), True), (fenced(proxied, lab.chromium_args), False)):
            browser = await Chromium.launch(BrowserOptions(extra_args=args))
            try:
                page = await browser.new_page()
                for url in (f"http://localhost:{outside}/", f"http://127.0.0.2:{outside}/"):
                    if leads_out:
                        await page.goto(url)
                        continue
                    with pytest.raises(NavigationFailed, match="NAME_NOT_RESOLVED"):
                        await page.goto(url)
                if not leads_out:
                    with pytest.raises(NavigationFailed, match="NAME_NOT_RESOLVED"):
                        await page.goto("https://zoom.us/j/123456789")
                    await page.goto(room.meeting_url, wait_until="load")
                    assert "Camera preview" in await page.evaluate("document.body.innerText")
            finally:
                await browser.close()
