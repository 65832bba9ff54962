"""A platform and a browser that follow a script, so that a whole stay of a bot runs in a test's own loop."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from meetfleet.browser.cdp import CdpTimeout
from meetfleet.browser.probe.options import ProbeHealth
from meetfleet.domain.errors import JoinError
from meetfleet.platforms.platform import Capabilities, ChatUnavailable, MeetingSink, SignalHooks, Visit
from meetfleet.platforms.screen import Screen, ScreenKind
from meetfleet.tape.records import Participant, Roster

PNG = b"\x89PNG scripted"


@dataclass
class ScriptedPage:
    """A page without a browser.

    Attributes:
        on_crash_callbacks: Call them to let the page crash.
    """

    on_crash_callbacks: list[Callable[[str], None]] = field(default_factory=list[Callable[[str], None]])
    closed: bool = False
    pictures: int = 0

    def on_crash(self, callback: Callable[[str], None]) -> None:
        self.on_crash_callbacks.append(callback)

    async def screenshot(self, *, timeout_s: float = 10) -> bytes:
        self.pictures += 1
        return PNG

    async def close(self) -> None:
        self.closed = True


@dataclass
class ScriptedBrowser:
    """Hands out pages.

    Attributes:
        on_exit_callbacks: Call them to let the browser die.
    """

    is_alive: bool = True
    pages: list[ScriptedPage] = field(default_factory=list[ScriptedPage])
    on_exit_callbacks: list[Callable[[int], None]] = field(default_factory=list[Callable[[int], None]])

    def on_exit(self, callback: Callable[[int], None]) -> None:
        self.on_exit_callbacks.append(callback)

    async def new_page(self) -> ScriptedPage:
        self.pages.append(ScriptedPage())
        return self.pages[-1]


class SilentProbe:
    """Hears nothing."""

    def __init__(self, page: ScriptedPage, *_: Any) -> None:
        self._page = page

    async def start(self) -> None:
        return

    async def screenshot(self) -> bytes:
        return await self._page.screenshot()

    def someone_speaks(self, speaking: bool) -> None:
        return

    def show_pictures(self, pictures: Sequence[bytes], each_s: float) -> None:
        return

    @property
    def camera_is_lit(self) -> bool:
        return False

    def health(self) -> ProbeHealth:
        return ProbeHealth(True, 0.0, 0.0, 0, 0, 0.0)

    async def close(self) -> None:
        return


class Script:
    """What the platform shows and does; tests change it while the stay runs.

    Attributes:
        pages: The kinds of screen that each new page begins with; the last one serves all further pages.
        kind: What is shown now.
        said: Chat messages of the bot.
        refusal: Raised when the page is opened.
        error: Raised by every look.
    """

    def __init__(self, *pages: ScreenKind) -> None:
        self.pages = list(pages) or [ScreenKind.IN_CALL]
        self.kind = self.pages[0]
        self.opened = 0
        self.said: list[str] = []
        self.left = 0
        self.settled = 0
        self.frozen = False
        self.chat_off = False
        self.refusal: JoinError | None = None
        self.error: Exception | None = None
        self.sink: MeetingSink | None = None

    def roster(self, *names: str) -> None:
        """The platform tells that these people are there, besides the bot."""
        assert self.sink is not None
        people = [Participant("self", "Bot", is_self=True), *(Participant(n, n) for n in names)]
        self.sink.on_roster(Roster(tuple(people)))

    def adapter(self) -> "type[ScriptedPlatform]":
        """An adapter class that plays this script."""
        return type("Adapter", (ScriptedPlatform,), {"script": self})


class ScriptedPlatform:
    """A PlatformAdapter that plays a Script."""

    capabilities: ClassVar[Capabilities] = Capabilities(chat_send=True)
    hooks: ClassVar[SignalHooks] = SignalHooks()
    script: ClassVar[Script]
    look_every_s = 0.01

    def __init__(self, page: ScriptedPage, visit: Visit, sink: MeetingSink) -> None:
        self.script.sink = sink

    async def open(self) -> None:
        script = self.script
        if script.refusal:
            raise script.refusal
        script.kind = script.pages[min(script.opened, len(script.pages) - 1)]
        script.opened += 1

    async def look(self) -> Screen:
        if self.script.error:
            raise self.script.error
        if self.script.frozen:
            await asyncio.sleep(0.05)
            raise CdpTimeout("Runtime.evaluate", 0.05)
        return Screen(self.script.kind.value, self.script.kind, "as scripted", "https://meet.example/x")

    async def step(self, screen: Screen) -> None:
        return

    async def settle_in(self) -> None:
        self.script.settled += 1

    async def attend(self, screen: Screen) -> None:
        return

    def on_signal(self, channel: str, payload: bytes, at_ns: int) -> None:
        return

    def on_sound(self, *, attributable: bool) -> None:
        return

    async def send_chat(self, text: str) -> None:
        if self.script.chat_off:
            raise ChatUnavailable("off")
        self.script.said.append(text)

    async def leave(self) -> None:
        self.script.left += 1
