"""A bare visitor of the lab's Google Meet replica: browser, probe, and no adapter."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from loopback_meeting import MemorySink

from meetfleet.browser.chromium import Chromium
from meetfleet.browser.flags import BrowserOptions
from meetfleet.browser.page import Page
from meetfleet.browser.probe import Probe, ProbeOptions
from meetfleet.domain.clock import SystemClock
from meetfleet.lab import Lab, Room, RoomScript

Packets = Counter[tuple[int, int, str]]


class Visit:
    """Somebody in the call who only listens."""

    def __init__(self, room: Room, browser: Chromium, page: Page, probe: Probe, sink: MemorySink) -> None:
        self.room = room
        self.browser = browser
        self.page = page
        self.probe = probe
        self.sink = sink

    async def join(self) -> None:
        await self.page.goto(self.room.meeting_url, wait_until="load")
        await self._press("input[aria-label='Your name']")
        await self.page.insert_text("Listener")
        await self._press("button.join")
        await self.room.wait_for("media_connected", 30)

    async def _press(self, selector: str) -> None:
        middle = """s => { const b = document.querySelector(s)?.getBoundingClientRect();
            return b && [b.x + b.width / 2, b.y + b.height / 2] }"""
        async with asyncio.timeout(20):
            while not (at := await self.page.evaluate(middle, selector)):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        await self.page.click(*at)

    def sent(self, kind: str, *, before_ns: int) -> Packets:
        """(SSRC, RTP time, SHA-1) of every frame that the room sent until then."""
        media = self.room.truth()["visits"][-1]["sent"]
        chosen = (m for m in media if m["kind"] == kind and m["at_ns"] < before_ns)
        return Counter((m["ssrc"], m["rtp_timestamp"], m["sha1"]) for m in chosen)

    def taped(self, kind: str) -> Packets:
        """The same of every packet taped."""
        frames = self.sink.of(kind=kind, rung="encoded")
        return Counter((f.ssrc, f.rtp_timestamp, hashlib.sha1(f.payload).hexdigest()) for f in frames)


@asynccontextmanager
async def visit(script: RoomScript, options: ProbeOptions | None = None) -> AsyncIterator[Visit]:
    """Opens a lab with one room, joins it with a probe, and waits until media flows."""
    async with Lab() as lab:
        room = await lab.open_room(script)
        public = f"--ip-address-space-overrides=127.0.0.1:{lab.https_port}=public"
        browser = await Chromium.launch(BrowserOptions(extra_args=(*lab.chromium_args, public)))
        try:
            page, sink = await browser.new_page(), MemorySink()
            await page.grant("audioCapture", "videoCapture")
            probe = Probe(page, SystemClock(), sink, options)
            await probe.start()
            visitor = Visit(room, browser, page, probe, sink)
            await visitor.join()
            yield visitor
            await probe.close()
        finally:
            await browser.close()
