"""The course's fixed waits, and which screen ends a stay for which reason."""

from dataclasses import dataclass

from meetfleet.domain.end_reason import EndReason
from meetfleet.platforms.screen import ScreenKind


@dataclass(frozen=True, slots=True)
class CourseRules:
    """Waits that no caller sets, in seconds.

    Attributes:
        freeze_s: A page that answers no question for so long is dead.
        reconnect_s: How long the platform may try to reconnect by itself.
        early_removal_s: A bot removed before it recorded so much was never welcome.
        retry_pause_s: Before the first new page; doubles with every further one for the same cause.
    """

    freeze_s: float = 20
    reconnect_s: float = 30
    early_removal_s: float = 60
    disk_full_s: float = 30
    retry_pause_s: float = 1
    blocked_retries: int = 3
    lost_retries: int = 2
    join_retries: int = 1


# How long a screen must stand before it counts: pages pass through other screens on their way.
PATIENCE_S: dict[ScreenKind, float] = {
    ScreenKind.IN_CALL: 1.0,
    ScreenKind.DENIED: 0.4,
    ScreenKind.NO_ANSWER: 0.4,
    ScreenKind.NOT_FOUND: 0.8,
    ScreenKind.BLOCKED: 0.8,
    ScreenKind.CAPTCHA: 20.0,
    ScreenKind.LOGIN: 2.5,
    ScreenKind.ELSEWHERE: 2.5,
    ScreenKind.REMOVED: 0.8,
    ScreenKind.ENDED: 0.8,
    ScreenKind.LEFT: 2.0,
    ScreenKind.RECORDING_DISABLED: 0.8,
    ScreenKind.GREEN_ROOM: 15.0,
    ScreenKind.WAITING_ROOM: 120.0,
}

REFUSALS: dict[ScreenKind, EndReason] = {
    ScreenKind.DENIED: EndReason.BOT_NOT_ACCEPTED,
    ScreenKind.REMOVED: EndReason.BOT_NOT_ACCEPTED,
    ScreenKind.NO_ANSWER: EndReason.WAITING_ROOM_TIMEOUT,
    ScreenKind.CAPTCHA: EndReason.BLOCKED_BY_PLATFORM,
    ScreenKind.LOGIN: EndReason.LOGIN_REQUIRED,
    ScreenKind.ELSEWHERE: EndReason.CANNOT_JOIN_MEETING,
    ScreenKind.LEFT: EndReason.CANNOT_JOIN_MEETING,
    ScreenKind.ENDED: EndReason.MEETING_ENDED_BEFORE_RECORD,
    ScreenKind.RECORDING_DISABLED: EndReason.RECORDING_DISABLED,
}

IN_CALL_ENDS: dict[ScreenKind, EndReason] = {
    ScreenKind.REMOVED: EndReason.BOT_REMOVED,
    ScreenKind.DENIED: EndReason.BOT_REMOVED,
    ScreenKind.ENDED: EndReason.MEETING_ENDED,
    ScreenKind.LEFT: EndReason.MEETING_ENDED,
    ScreenKind.NOT_FOUND: EndReason.MEETING_ENDED,
    ScreenKind.ELSEWHERE: EndReason.MEETING_ENDED,
    ScreenKind.LOGIN: EndReason.MEETING_ENDED,
    ScreenKind.BLOCKED: EndReason.NETWORK_LOSS,
    ScreenKind.GREEN_ROOM: EndReason.NETWORK_LOSS,  # the page loaded itself anew
    ScreenKind.WAITING_ROOM: EndReason.BOT_REMOVED,  # sent back to the waiting room and left there
}
