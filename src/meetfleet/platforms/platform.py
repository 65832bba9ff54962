"""The whole contract of a platform on one page. A new platform implements `PlatformAdapter` in a folder of its own.

The bot drives; the adapter knows the page. The bot calls `open` once per page, then `look` again and again and, by what
is seen, `step` (towards the call), `settle_in` (once, when admitted) or `attend` (in the call). Calls never overlap.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Protocol

from meetfleet.browser.page import Page
from meetfleet.domain.errors import MediaError
from meetfleet.platforms.screen import Screen
from meetfleet.tape.records import Caption, ChatMessage, Evidence, Roster, Speaking


class RosterSource(StrEnum):
    """Where a platform's list of participants can be read."""

    SIGNAL = "signal"
    DOM = "dom"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a platform can do. Callers branch on these, never on a platform's name.

    Attributes:
        chat_max_chars: Longest message that the platform takes; the bot splits longer texts.
        roster: Sources of participants, best first.
        speakers: Kinds of evidence about speakers, strongest first.
        name_max_chars: Longest display name.
    """

    chat_read: bool = False
    chat_send: bool = False
    chat_max_chars: int = 500
    captions: bool = False
    screen_share: bool = False
    waiting_room: bool = True
    roster: tuple[RosterSource, ...] = ()
    speakers: tuple[Evidence, ...] = ()
    name_max_chars: int = 60


@dataclass(frozen=True, slots=True)
class SignalHooks:
    """Which of the page's own messages the probe shall copy to us.

    Attributes:
        data_channels: Labels of data channels.
        rpc: Parts of URLs whose answers are wanted.
        undrawn: CSS selectors of busy parts of the page that nobody sees and whose text is read, if at all, unseen.
    """

    data_channels: tuple[str, ...] = ()
    rpc: tuple[str, ...] = ()
    undrawn: tuple[str, ...] = ()


def _no_picture() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Visit:
    """What the bot has come to do.

    Attributes:
        has_picture: Whether there is something to show by now: then the camera belongs on, otherwise off.
    """

    meeting_url: str
    bot_name: str
    lang: str = "en"
    has_picture: Callable[[], bool] = _no_picture


class MeetingSink(Protocol):
    """Where an adapter puts what it learns of the meeting. Calls return at once."""

    def on_roster(self, roster: Roster) -> None: ...

    def on_speaking(self, speaking: Speaking) -> None: ...

    def on_caption(self, caption: Caption) -> None: ...

    def on_chat(self, message: ChatMessage) -> None: ...

    def on_alarm(self, text: str) -> None:
        """Something of the platform changed under us; the bot goes on with weaker evidence."""
        ...


class ChatUnavailable(MediaError):
    """The meeting's chat is switched off, or the message did not go through."""

    def __init__(self, message: str, *, code: str = "chat_disabled") -> None:
        super().__init__(message, code=code)


class PlatformAdapter(Protocol):
    """One bot's dealings with one page of the platform. Made anew for every new page."""

    capabilities: ClassVar[Capabilities]
    hooks: ClassVar[SignalHooks]

    def __init__(self, page: Page, visit: Visit, sink: MeetingSink) -> None: ...

    @property
    def look_every_s(self) -> float:
        """How often the bot should look while in the call, in seconds."""
        ...

    async def open(self) -> None:
        """Opens the meeting's page.

        Raises:
            JoinError: the URL names no meeting of this platform.
            RunnerError: the page cannot be loaded.
        """
        ...

    async def look(self) -> Screen:
        """Recognises what the page shows.

        Raises:
            RunnerError: the page does not answer.
        """
        ...

    async def step(self, screen: Screen) -> None:
        """Takes one step towards the call: puts a dialog away, gives the name, asks to join. Safe to repeat."""
        ...

    async def settle_in(self) -> None:
        """Once, after admission: microphone off, camera on if there is a picture for it, captions on."""
        ...

    async def attend(self, screen: Screen) -> None:
        """At every look in the call: dialogs, and evidence that only the page's surface gives."""
        ...

    def on_signal(self, channel: str, payload: bytes, at_ns: int) -> None:
        """Takes one of the page's own messages, copied by the probe."""
        ...

    def on_sound(self, *, attributable: bool) -> None:
        """Tells that somebody is heard, and whether media alone says who (own track or CSRC)."""
        ...

    async def send_chat(self, text: str) -> None:
        """Sends a chat message to everyone.

        Args:
            text: At most `capabilities.chat_max_chars` long.

        Raises:
            ChatUnavailable: chat is off, or the text stayed in the field.
        """
        ...

    async def leave(self) -> None:
        """Leaves the call or the waiting room as a person would; returns once the page shows it, or after seconds."""
        ...
