"""What a page shows, in words that every platform shares. `screens.toml` maps a platform's own screens to them."""

from dataclasses import dataclass
from enum import StrEnum


class ScreenKind(StrEnum):
    """What a screen means for the bot; the course of its life depends on nothing else that a page shows."""

    LOADING = "loading"
    GREEN_ROOM = "green_room"
    WAITING_ROOM = "waiting_room"
    WAITING_HOST = "waiting_host"
    IN_CALL = "in_call"
    RECONNECTING = "reconnecting"

    DENIED = "denied"
    NO_ANSWER = "no_answer"
    NOT_FOUND = "not_found"
    BLOCKED = "blocked"
    CAPTCHA = "captcha"
    LOGIN = "login"
    ELSEWHERE = "elsewhere"

    REMOVED = "removed"
    LEFT = "left"
    ENDED = "ended"
    RECORDING_DISABLED = "recording_disabled"

    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Dialog:
    """A dialog lying over the screen, and where the button is that puts it away.

    Attributes:
        name: As `screens.toml` calls it.
        at: Centre of the button in CSS pixels of the viewport; None if no button is to be seen.
    """

    name: str
    at: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Screen:
    """What the page shows now, and why we think so.

    Attributes:
        name: As `screens.toml` calls it.
        evidence: The clauses that held, or on an unknown screen the labels of its buttons.
    """

    name: str
    kind: ScreenKind
    evidence: str = ""
    url: str = ""
    dialogs: tuple[Dialog, ...] = ()


UNKNOWN = Screen("unknown", ScreenKind.UNKNOWN)
