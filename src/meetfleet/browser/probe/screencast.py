"""The last resort for pictures: a slow film of the tab, as JPEGs over CDP."""

import asyncio
import base64
import logging
from collections.abc import Callable
from typing import Any

from meetfleet.browser.page import Page

log = logging.getLogger(__name__)

QUALITY = 60


class Screencast:
    """Films a page. The browser has only a few pictures under way that are not acknowledged: that sets the pace."""

    def __init__(self, page: Page, fps: float, on_picture: Callable[[bytes, int, int], None]) -> None:
        self._page = page
        self._pause_s = 1 / fps
        self._on_picture = on_picture
        self._undo: Callable[[], None] | None = None
        self._acknowledged_s = 0.0  # when the latest picture is or will be, on the loop's clock

    def start(self) -> None:
        if self._undo is None:
            self._undo = self._page.session.on("Page.screencastFrame", self._frame)
            self._page.session.post("Page.startScreencast", format="jpeg", quality=QUALITY, everyNthFrame=1)

    def stop(self) -> None:
        if self._undo is not None:
            self._undo()
            self._undo = None
            self._page.session.post("Page.stopScreencast")

    def _frame(self, event: dict[str, Any]) -> None:
        size = event["metadata"]
        self._on_picture(base64.b64decode(event["data"]), int(size["deviceWidth"]), int(size["deviceHeight"]))
        loop = asyncio.get_running_loop()
        self._acknowledged_s = max(loop.time(), self._acknowledged_s) + self._pause_s
        loop.call_at(self._acknowledged_s, self._acknowledge, event["sessionId"])

    def _acknowledge(self, number: int) -> None:
        if self._undo is not None:
            self._page.session.post("Page.screencastFrameAck", sessionId=number)
