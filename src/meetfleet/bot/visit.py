"""One page's visit to the meeting: open it, look, act by what is seen. A stay may need several visits to get in."""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from meetfleet.bot.album import Album
from meetfleet.bot.chat_pieces import chat_pieces
from meetfleet.bot.observations import Observation, PageLost, PageOpened, Refused, Seen
from meetfleet.browser.cdp import BrowserGone, CdpRefused, CdpTimeout
from meetfleet.browser.page import NavigationFailed, Page, ScriptFailed
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.errors import JoinError, RunnerError
from meetfleet.domain.lifecycle import IN_MEETING, BotState
from meetfleet.platforms.platform import ChatUnavailable, PlatformAdapter
from meetfleet.platforms.screen import ScreenKind

log = logging.getLogger(__name__)

LOOK_EVERY_S = {BotState.JOINING: 0.15, BotState.WAITING_ROOM: 0.4, BotState.WAITING_HOST: 0.4}


class StayView(Protocol):
    """What a visit needs of the stay around it."""

    @property
    def state(self) -> BotState: ...

    def observe(self, observation: Observation) -> None: ...

    def next_text(self) -> tuple[str, Callable[[ChatUnavailable | None], None]] | None:
        """The next text for the chat, and whom to tell how it went."""
        ...

    def said(self, message: str) -> None:
        """This message went into the chat."""
        ...


class Visit:
    """Drives one adapter on one page until cancelled."""

    def __init__(self, page: Page, adapter: PlatformAdapter, album: Album, stay: StayView) -> None:
        self.page = page
        self.adapter = adapter
        self._album = album
        self._stay = stay
        self._wake = asyncio.Event()
        self._arrived = False
        self._pictured: set[ScreenKind] = set()
        page.on_crash(lambda why: stay.observe(PageLost(why)))

    def wake(self) -> None:
        """Something is to be done on the page: do not wait for the next look."""
        self._wake.set()

    async def run(self) -> None:
        """Visits until cancelled; what goes wrong becomes an observation."""
        try:
            self._stay.observe(PageOpened())
            await self.adapter.open()
            self._stay.observe(PageOpened())
            while True:
                await self._look_and_act()
                await self._pause()
        except JoinError as error:
            self._stay.observe(Refused(error.reason, error.message))
        except BrowserGone:
            return  # the browser's owner reports its end, with the signal that ended it
        except NavigationFailed as error:
            self._stay.observe(PageLost(error.message, EndReason.NETWORK_LOSS))
        except RunnerError as error:
            self._stay.observe(PageLost(error.message))

    async def _look_and_act(self) -> None:
        try:
            screen = await self.adapter.look()
            self._stay.observe(Seen(screen))
            if screen.kind not in self._pictured and screen.kind in _WORTH_A_PICTURE:
                self._pictured.add(screen.kind)
                self._album.wish()
            if self._stay.state in IN_MEETING:
                await self._take_part()
                await self.adapter.attend(screen)
            else:
                await self.adapter.step(screen)
        except (CdpTimeout, CdpRefused, ScriptFailed) as error:
            # The page is navigating, or frozen; the course counts how long it has not answered.
            log.debug("The page did not play along: %s", error.message)

    async def _take_part(self) -> None:
        if not self._arrived:
            self._arrived = True
            await self.adapter.settle_in()
        while wanted := self._stay.next_text():
            text, tell = wanted
            try:
                for message in chat_pieces(text, self.adapter.capabilities.chat_max_chars):
                    await self.adapter.send_chat(message)
                    self._stay.said(message)
                tell(None)
            except ChatUnavailable as error:
                tell(error)

    async def _pause(self) -> None:
        if self._stay.state in IN_MEETING:
            every_s = self.adapter.look_every_s
        else:
            every_s = LOOK_EVERY_S.get(self._stay.state, 0.3)
        try:
            async with asyncio.timeout(every_s):
                await self._wake.wait()
        except TimeoutError:
            return
        finally:
            self._wake.clear()


_WORTH_A_PICTURE = frozenset(
    {ScreenKind.GREEN_ROOM, ScreenKind.WAITING_ROOM, ScreenKind.WAITING_HOST, ScreenKind.IN_CALL}
)
