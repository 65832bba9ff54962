"""Pictures of the page: at the turns of a stay and once a minute, for people who want to see what the bot saw."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from meetfleet.browser.page import Page
from meetfleet.domain.errors import RunnerError

log = logging.getLogger(__name__)

EVERY_S = 60.0
LAST_TIMEOUT_S = 1.5
TIMEOUT_S = 8.0


class Album:
    """Takes screenshots for one page. Run `run` as a task.

    Args:
        keep: Where the PNGs go.
        live: Takes a picture of a call, with its videos drawn; costs the page some work.
        every_s: Seconds between pictures in the call; None takes none but the last.
    """

    def __init__(
        self,
        page: Page,
        keep: Callable[[bytes], None],
        *,
        live: Callable[[Page], Awaitable[bytes]],
        every_s: float | None = EVERY_S,
    ) -> None:
        self._page = page
        self._keep = keep
        self._live = live
        self._every_s = every_s
        self._wishes: asyncio.Queue[bool] = asyncio.Queue(maxsize=3)
        self._in_call = False

    def wish(self, *, in_call: bool = False) -> None:
        """Asks for a picture soon. In a call one follows every `every_s` from then on."""
        self._in_call |= in_call
        if self._every_s is not None and not self._wishes.full():
            self._wishes.put_nowait(in_call)

    async def run(self) -> None:
        """Takes what is wished for until cancelled. A picture that fails is not missed."""
        while True:
            live = await self._next_wish()
            try:
                take = self._live(self._page) if live else self._page.screenshot(timeout_s=TIMEOUT_S)
                self._keep(await take)
            except RunnerError as error:
                log.debug("No picture: %s", error.message)

    async def _next_wish(self) -> bool:
        try:
            async with asyncio.timeout(self._every_s if self._in_call else None):
                return await self._wishes.get()
        except TimeoutError:
            return True

    async def last(self) -> bool:
        """The picture that goes with the end. Returns whether the page still let itself be taken."""
        try:
            self._keep(await self._page.screenshot(timeout_s=LAST_TIMEOUT_S))
        except RunnerError as error:
            log.debug("No last picture: %s", error.message)
            return False
        return True
