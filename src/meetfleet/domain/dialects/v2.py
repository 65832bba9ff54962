"""Meeting BaaS v2: statuses, platform words, error codes. Source: contract.md sections 1.10 and 8."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum

from meetfleet.domain.dialects.standing import Standing
from meetfleet.domain.dialects.v2_errors import BY_ERROR, BY_STATUS, INTERNAL_CODE
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.errors import RequestError
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.meeting_url import Platform
from meetfleet.domain.schedule import ScheduleStatus


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

SCHEDULE_WORDS = {
    ScheduleStatus.SCHEDULED: "scheduled",
    ScheduleStatus.SENT: "completed",
    ScheduleStatus.CANCELLED: "cancelled",
    ScheduleStatus.FAILED: "failed",
}
"""What became of a scheduled bot, in the words of this API. Source: contract.md 2.14, C27."""
SCHEDULE_STATUSES = {word: status for status, word in SCHEDULE_WORDS.items()}

_DIRECT = {
    BotState.QUEUED: Status.QUEUED,
    BotState.PICKUP_DELAYED: Status.PICKUP_DELAYED,
    BotState.JOINING: Status.JOINING_CALL,
    BotState.WAITING_ROOM: Status.IN_WAITING_ROOM,
    BotState.WAITING_HOST: Status.IN_WAITING_FOR_HOST,
    BotState.IN_CALL: Status.IN_CALL_NOT_RECORDING,
    BotState.PAUSED: Status.RECORDING_PAUSED,
}
SILENT = frozenset({BotState.SCHEDULED, BotState.STARTING, BotState.CANCELLED})
"""States that are never announced, whatever came before."""
_BEFORE_SETTING_OUT = frozenset({Status.QUEUED, Status.PICKUP_DELAYED})
_WITH_ERROR = frozenset({Status.RECORDING_FAILED, Status.MEETING_ERROR})


class Timeline:
    """Follows one bot's steps and says which statuses each of them announces, in order.

    The end of a call is told in up to four words: why (a reason signal), how it went (`call_ended` or
    `recording_failed`), `recording_succeeded`, and the final one. A step that skips others makes up for them.
    """

    def __init__(self) -> None:
        self._state: BotState | None = None
        self._recorded = False
        self._told: list[Status] = []

    def advance(self, state: BotState, reason: EndReason | None = None) -> list[Status]:
        """What the step into `state` announces; nothing for an event without a step.

        Args:
            reason: Why the bot's life ends, as far as it is known at this step.
        """
        previous, self._state = self._state, state
        if state is previous:
            return []
        self._recorded = self._recorded or state is BotState.RECORDING
        words = self._words(state, previous, reason)
        fresh = [word for word in words if word not in self._told[-1:]]
        self._told += fresh
        return fresh

    def _words(self, state: BotState, previous: BotState | None, reason: EndReason | None) -> list[Status]:
        signals, ending = _signals(reason, self._recorded), _ending(reason, self._recorded)
        match state:
            case BotState.QUEUED | BotState.PICKUP_DELAYED:
                # A bot that never got going is queued again, which is no news.
                return self._untold([_DIRECT[state]])
            case BotState.RECORDING:
                return [Status.RECORDING_RESUMED if previous is BotState.PAUSED else Status.IN_CALL_RECORDING]
            case BotState.LEAVING:
                return self._untold(signals or [ending])
            case BotState.PROCESSING:
                return self._untold([*signals, ending])
            case BotState.TRANSCRIBING:
                # A recording that is transcribed once more was told before.
                again = previous is not None and previous.is_final
                return [*([] if again else self._kept(signals)), Status.TRANSCRIBING]
            case BotState.COMPLETED:
                return [*self._kept(signals), Status.COMPLETED]
            case BotState.FAILED:
                # A bot that never set out has no call that could have failed.
                set_out = any(word not in _BEFORE_SETTING_OUT for word in self._told)
                over = self._is_over()
                return [*([] if over else self._untold([*signals, *([ending] if set_out else [])])), Status.FAILED]
            case _:
                return [_DIRECT[state]] if state in _DIRECT else []

    def _kept(self, signals: list[Status]) -> list[Status]:
        return self._untold([*([] if self._is_over() else [*signals, Status.CALL_ENDED]), Status.RECORDING_SUCCEEDED])

    def _is_over(self) -> bool:
        return Status.CALL_ENDED in self._told or Status.RECORDING_FAILED in self._told

    def _untold(self, words: list[Status]) -> list[Status]:
        return [word for word in words if word not in self._told]


def _signals(reason: EndReason | None, recorded: bool) -> list[Status]:
    if reason is EndReason.BOT_REMOVED and not recorded:
        reason = EndReason.BOT_REMOVED_TOO_EARLY
    signal = reason.projection.v2_signal if reason else None
    return [Status(signal)] if signal else []


def _ending(reason: EndReason | None, recorded: bool) -> Status:
    lost = reason is not None and reason.is_failure and reason is not EndReason.TRANSCRIPTION_FAILED
    return Status.CALL_ENDED if recorded and not lost else Status.RECORDING_FAILED


def status_of(
    state: BotState, reason: EndReason | None = None, *, recorded: bool = True, resumed: bool = False
) -> Status:
    """The status that a bot shows now.

    Args:
        recorded: Whether its recording ever started.
        resumed: Whether its recording was ever paused.
    """
    match state:
        case BotState.RECORDING:
            return Status.RECORDING_RESUMED if resumed else Status.IN_CALL_RECORDING
        case BotState.LEAVING:
            return [_ending(reason, recorded), *_signals(reason, recorded)][-1]
        case BotState.PROCESSING:
            return _ending(reason, recorded)
        case BotState.TRANSCRIBING | BotState.COMPLETED | BotState.FAILED:
            return Status(state.value)
        case _:
            return _DIRECT.get(state, Status.QUEUED)


def error_text(status: Status, reason: EndReason | None) -> str | None:
    """The sentence that a status change carries, if it carries one."""
    return reason.projection.text if reason is not None and status in _WITH_ERROR else None


def standings_of(statuses: Iterable[Status]) -> list[Standing]:
    """What to look for in stored bots to find those that show one of `statuses`."""
    wanted = frozenset(statuses)
    every: tuple[EndReason | None, ...] = (None, *EndReason)
    found: list[Standing] = []
    for state in BotState:
        if state in (BotState.SCHEDULED, BotState.CANCELLED):
            continue
        by_fact = {
            (recorded, resumed): frozenset(
                r for r in every if status_of(state, r, recorded=recorded, resumed=resumed) in wanted
            )
            for recorded in (False, True)
            for resumed in (False, True)
        }
        found += _merged(state, by_fact, len(every))
    return found


def _merged(
    state: BotState, by_fact: Mapping[tuple[bool, bool], frozenset[EndReason | None]], all_reasons: int
) -> list[Standing]:
    """Fewer, wider conditions: facts that make no difference are left open."""

    def standing(reasons: frozenset[EndReason | None], recorded: bool | None, resumed: bool | None) -> Standing:
        return Standing(state, frozenset() if len(reasons) == all_reasons else reasons, recorded, resumed)

    if len(set(by_fact.values())) == 1:
        only = by_fact[True, True]
        return [standing(only, None, None)] if only else []
    if by_fact[False, False] == by_fact[False, True] and by_fact[True, False] == by_fact[True, True]:
        return [standing(by_fact[fact, True], fact, None) for fact in (False, True) if by_fact[fact, True]]
    return [standing(by_fact[True, fact], None, fact) for fact in (False, True) if by_fact[True, fact]]


PLATFORM_WORDS = {Platform.GOOGLE_MEET: "meet", Platform.TEAMS: "teams", Platform.ZOOM: "zoom"}
"""The platforms that this API knows, in its words."""
PLATFORMS = {word: platform for platform, word in PLATFORM_WORDS.items()}

PHRASES = {
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Payload Too Large",
    416: "Range Not Satisfiable",
    422: "Unprocessable Entity",
    429: "Rate Limited",
    500: "Internal Server Error",
}


def code_of(error_code: str, http_status: int) -> str:
    """The v2 code of an error of ours."""
    return BY_ERROR.get(error_code) or BY_STATUS.get(http_status, INTERNAL_CODE)


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
