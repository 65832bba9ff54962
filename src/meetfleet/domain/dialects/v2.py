"""Meeting BaaS v2: statuses, platform words, error codes. Source: contract.md sections 1.10 and 8."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.errors import RequestError
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.meeting_url import Platform


class Status(StrEnum):
    """Every status the API can show; the list is closed."""

    QUEUED = "queued"
    PICKUP_DELAYED = "pickup_delayed"
    TRANSCRIBING = "transcribing"
    COMPLETED = "completed"
    FAILED = "failed"
    JOINING_CALL = "joining_call"
    IN_WAITING_ROOM = "in_waiting_room"
    IN_WAITING_FOR_HOST = "in_waiting_for_host"
    IN_CALL_NOT_RECORDING = "in_call_not_recording"
    IN_CALL_RECORDING = "in_call_recording"
    RECORDING_PAUSED = "recording_paused"
    RECORDING_RESUMED = "recording_resumed"
    CALL_ENDED = "call_ended"
    RECORDING_SUCCEEDED = "recording_succeeded"
    RECORDING_FAILED = "recording_failed"
    API_REQUEST_STOP = "api_request_stop"
    BOT_REJECTED = "bot_rejected"
    BOT_REMOVED = "bot_removed"
    BOT_REMOVED_TOO_EARLY = "bot_removed_too_early"
    WAITING_ROOM_TIMEOUT = "waiting_room_timeout"
    INVALID_MEETING_URL = "invalid_meeting_url"
    MEETING_ERROR = "meeting_error"


STATUS_ALIASES = {"joining": Status.JOINING_CALL}
"""Accepted in filters. Source: contract.md C62."""

_DIRECT = {
    BotState.QUEUED: Status.QUEUED,
    BotState.JOINING: Status.JOINING_CALL,
    BotState.WAITING_ROOM: Status.IN_WAITING_ROOM,
    BotState.WAITING_HOST: Status.IN_WAITING_FOR_HOST,
    BotState.IN_CALL: Status.IN_CALL_NOT_RECORDING,
    BotState.PAUSED: Status.RECORDING_PAUSED,
}
_WITH_ERROR = frozenset({Status.RECORDING_FAILED, Status.MEETING_ERROR})


class Timeline:
    """Follows one bot's steps and says which statuses each of them announces, in order.

    The end of a call is told in up to four words: why (a reason signal), how it went (`call_ended` or
    `recording_failed`), `recording_succeeded`, and the final one. A step that skips others makes up for them.
    """

    def __init__(self) -> None:
        self._state: BotState | None = None
        self._told: list[Status] = []

    def advance(self, state: BotState, reason: EndReason | None = None) -> list[Status]:
        """What the step into `state` announces; nothing for an event without a step.

        Args:
            reason: Why the bot's life ends, as far as it is known at this step.
        """
        previous, self._state = self._state, state
        if state is previous:
            return []
        words = self._words(state, previous, reason)
        fresh = [word for n, word in enumerate(words) if word not in (words[:n] or self._told[-1:])]
        self._told += fresh
        return fresh

    def _words(self, state: BotState, previous: BotState | None, reason: EndReason | None) -> list[Status]:
        match state:
            case BotState.RECORDING:
                paused = previous is BotState.PAUSED
                return [Status.RECORDING_RESUMED if paused else Status.IN_CALL_RECORDING]
            case BotState.LEAVING:
                return self._untold(_signals(reason) or [_ending(reason)])
            case BotState.PROCESSING:
                return self._untold([*_signals(reason), _ending(reason)])
            case BotState.TRANSCRIBING:
                return [*self._recorded(reason), Status.TRANSCRIBING]
            case BotState.COMPLETED:
                return [*self._recorded(reason), Status.COMPLETED]
            case BotState.FAILED:
                return [*self._failed(reason), Status.FAILED]
            case _:
                return [_DIRECT[state]] if state in _DIRECT else []

    def _recorded(self, reason: EndReason | None) -> list[Status]:
        ended = [] if Status.RECORDING_FAILED in self._told else [Status.CALL_ENDED]
        return self._untold([*_signals(reason), *ended, Status.RECORDING_SUCCEEDED])

    def _failed(self, reason: EndReason | None) -> list[Status]:
        if {Status.CALL_ENDED, Status.RECORDING_FAILED} & set(self._told):
            return []
        # A bot that never set out has no call that could have failed.
        set_out = any(word is not Status.QUEUED for word in self._told)
        return self._untold([*_signals(reason), *([_ending(reason)] if set_out else [])])

    def _untold(self, words: list[Status]) -> list[Status]:
        return [word for word in words if word not in self._told]


def _signals(reason: EndReason | None) -> list[Status]:
    signal = reason.projection.v2_signal if reason else None
    return [Status(signal)] if signal else []


def _ending(reason: EndReason | None) -> Status:
    lost = reason is not None and reason.is_failure and reason is not EndReason.TRANSCRIPTION_FAILED
    return Status.RECORDING_FAILED if lost else Status.CALL_ENDED


def status_of(state: BotState, reason: EndReason | None = None, *, resumed: bool = False) -> Status:
    """The status that a bot shows now.

    Args:
        resumed: Whether its recording was paused before.
    """
    if state is BotState.RECORDING and resumed:
        return Status.RECORDING_RESUMED
    words = Timeline().advance(state, reason)
    return words[-1] if words else Status.QUEUED


def error_text(status: Status, reason: EndReason | None) -> str | None:
    """The sentence that a status change carries, if it carries one."""
    return reason.projection.text if reason is not None and status in _WITH_ERROR else None


@dataclass(frozen=True, slots=True)
class Standing:
    """A state and end reason, as stored, that show as one status.

    Attributes:
        reasons: Any of these; None stands for no reason yet. An empty set means that the reason does not matter.
        resumed: Whether the recording must (True) or must not (False) have been paused before.
    """

    state: BotState
    reasons: frozenset[EndReason | None] = frozenset()
    resumed: bool | None = None


def standings_of(statuses: Iterable[Status]) -> list[Standing]:
    """What to look for in stored bots to find those that show one of `statuses`."""
    wanted = frozenset(statuses)
    every: tuple[EndReason | None, ...] = (None, *EndReason)
    found: list[Standing] = []
    for state in BotState:
        if state in (BotState.SCHEDULED, BotState.CANCELLED):
            continue
        if state is BotState.RECORDING:
            found += [Standing(state, resumed=r) for r in (False, True) if status_of(state, resumed=r) in wanted]
            continue
        reasons = frozenset(reason for reason in every if status_of(state, reason) in wanted)
        if reasons:
            found.append(Standing(state, frozenset() if len(reasons) == len(every) else reasons))
    return found


PLATFORM_WORDS = {Platform.GOOGLE_MEET: "meet", Platform.TEAMS: "teams", Platform.ZOOM: "zoom"}
"""The platforms that this API knows, in its words."""
PLATFORMS = {word: platform for platform, word in PLATFORM_WORDS.items()}

VALIDATION_CODE = "FST_ERR_VALIDATION"
INTERNAL_CODE = "FST_ERR_INTERNAL"
_CODES = {
    "invalid_meeting_platform": "FST_ERR_INVALID_MEETING_PLATFORM",
    "bot_not_found": "FST_ERR_BOT_NOT_FOUND_BY_ID",
    "bot_already_exists": "FST_ERR_BOT_ALREADY_EXISTS",
    "bot_status": "FST_ERR_BOT_STATUS",
    "callback_not_configured": "FST_ERR_CALLBACK_NOT_CONFIGURED",
    "chat_disabled": "FST_ERR_CHAT_DISABLED",
    "daily_bot_cap_reached": "FST_ERR_DAILY_BOT_CAP_REACHED",
    "send_chat_message_failed": "FST_ERR_SEND_CHAT_MESSAGE_FAILED",
}
_CODES_BY_HTTP_STATUS = {
    400: VALIDATION_CODE,
    401: "FST_ERR_FORBIDDEN",  # C1: the one attested code for a bad key
    402: "FST_ERR_INSUFFICIENT_TOKENS",
    403: "FST_ERR_FORBIDDEN",
    404: "FST_ERR_NOT_FOUND",
    405: "FST_ERR_METHOD_NOT_ALLOWED",
    409: "FST_ERR_CONFLICT",
    416: "FST_ERR_RANGE_NOT_SATISFIABLE",
    422: "FST_ERR_UNPROCESSABLE",
    429: "FST_ERR_TOO_MANY_REQUESTS",
}
PHRASES = {
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    416: "Range Not Satisfiable",
    422: "Unprocessable Entity",
    429: "Rate Limited",
    500: "Internal Server Error",
}


def code_of(error_code: str, http_status: int) -> str:
    """The v2 code of an error of ours."""
    return _CODES.get(error_code) or _CODES_BY_HTTP_STATUS.get(http_status, INTERNAL_CODE)


def item_code_of(error: RequestError) -> str:
    """The code of a failed item of a batch: unprefixed. Source: contract.md 2.2."""
    code = code_of(error.code, error.status).removeprefix("FST_ERR_")
    return "VALIDATION_ERROR" if code == "VALIDATION" else code


ARTIFACT_NAMES = {
    "video": "video.mp4",
    "audio": "output.flac",
    "diarization": "diarization.jsonl",
    "raw_transcription": "raw_transcription.json",
    "transcription": "output_transcription.json",
    "chat_messages": "chat_messages.json",
}
"""Which file stands behind which field. Source: contract.md section 11."""


class Event(StrEnum):
    """What webhooks tell. Source: contract.md 5.4."""

    STATUS_CHANGE = "bot.status_change"
    COMPLETED = "bot.completed"
    FAILED = "bot.failed"
    CHAT_MESSAGE = "bot.chat_message"


def wire_time(at: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SS.mmmZ`, the one form that every published pattern takes. Source: contract.md 1.5."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
