"""What a bot notices (observations) and what it makes of it (decisions): the words between its course and its hands."""

from dataclasses import dataclass

from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.link import Command
from meetfleet.platforms.screen import Screen

# ---- observations


@dataclass(frozen=True, slots=True)
class PageOpened:
    """A page was sent to the meeting's address."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The page answered and shows this."""

    screen: Screen


@dataclass(frozen=True, slots=True)
class PageLost:
    """The page crashed, was closed, or could not be opened; the browser lives.

    Attributes:
        reason: What the stay ends with if no further page helps.
    """

    why: str
    reason: EndReason = EndReason.BROWSER_CRASHED


@dataclass(frozen=True, slots=True)
class Refused:
    """There is no point in trying: the address names no meeting, or no adapter serves it."""

    reason: EndReason
    why: str


@dataclass(frozen=True, slots=True)
class BrowserLost:
    """The browser itself is dead."""

    why: str


@dataclass(frozen=True, slots=True)
class Attendance:
    """Who else is in the meeting now.

    Attributes:
        others: People besides the bot and those whose names shall not count.
        ignored: Participants whose names shall not count.
    """

    others: int
    ignored: int = 0


@dataclass(frozen=True, slots=True)
class Heard:
    """Somebody makes a sound."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """The control plane wants something."""

    command: Command


@dataclass(frozen=True, slots=True)
class Disk:
    """Whether the tape can be written."""

    full: bool


@dataclass(frozen=True, slots=True)
class Terminated:
    """The machine wants its processes to end (SIGTERM)."""


@dataclass(frozen=True, slots=True)
class Disowned:
    """The control plane does not know this bot any more."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Observation = (
    PageOpened
    | Seen
    | PageLost
    | Refused
    | BrowserLost
    | Attendance
    | Heard
    | Ordered
    | Disk
    | Terminated
    | Disowned
    | Tick
)

# ---- decisions


@dataclass(frozen=True, slots=True)
class Enter:
    """The bot is in this state now."""

    state: BotState


@dataclass(frozen=True, slots=True)
class NewPage:
    """Throw the page away and try with a new one."""

    why: str
    after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """How an order went, where that is known at once."""

    command: Command
    ok: bool
    detail: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Say:
    """Write this order's text into the meeting's chat."""

    command: Command


@dataclass(frozen=True, slots=True)
class Finish:
    """The stay is over, for this one reason.

    Attributes:
        screen: What the page showed when it was decided.
    """

    reason: EndReason
    detail: str
    screen: Screen


Decision = Enter | NewPage | Answer | Say | Finish
