"""Why a bot's life ended: one closed enum, and what each API calls each member."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property


class Charge(StrEnum):
    """What a bot that ended this way costs. Source: contract.md section 9.2."""

    NOTHING = "nothing"
    RECORDING = "recording"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Projection:
    """One end reason in the words of the three APIs.

    Attributes:
        v2_code: Meeting BaaS v2 `error_code`; on success kept internally only.
        v2_signal: v2 status that announces the reason before the end, if any.
        v1_error: Meeting BaaS v1 `failed.error`.
        meetbot_code: meetbot `failure_code`; None where the job counts as completed.
        text: One sentence for a person.
        failure: Whether a bot that recorded nothing more ends `failed` on v2.
        charge: What the caller pays.
    """

    v2_code: str
    text: str
    meetbot_code: str | None = "internal_error"
    v1_error: str = "InternalError"
    v2_signal: str | None = None
    failure: bool = True
    charge: Charge = Charge.NOTHING


class EndReason(StrEnum):
    """Each member knows its wire codes through `projection`; nothing else in the code base spells one."""

    API_REQUEST = "api_request"
    NO_ATTENDEES = "no_attendees"
    NO_SPEAKER = "no_speaker"
    RECORDING_TIMEOUT = "recording_timeout"
    BOT_REMOVED = "bot_removed"
    MEETING_ENDED = "meeting_ended"

    BOT_REMOVED_TOO_EARLY = "bot_removed_too_early"
    BOT_NOT_ACCEPTED = "bot_not_accepted"
    WAITING_ROOM_TIMEOUT = "waiting_room_timeout"
    WAITING_FOR_HOST_TIMEOUT = "waiting_for_host_timeout"
    CANNOT_JOIN_MEETING = "cannot_join_meeting"
    MEETING_NOT_FOUND = "meeting_not_found"
    INVALID_MEETING_URL = "invalid_meeting_url"
    BLOCKED_BY_PLATFORM = "blocked_by_platform"
    LOGIN_REQUIRED = "login_required"
    ZOOM_OBF_TOKEN_ERROR = "zoom_obf_token_error"
    ZOOM_ACCESS_TOKEN_ERROR = "zoom_access_token_error"
    MEET_LOGIN_UNAVAILABLE = "meet_login_unavailable"
    MEET_SIGN_IN_NOT_SUPPORTED = "meet_sign_in_not_supported"
    TEAMS_LOGIN_UNAVAILABLE = "teams_login_unavailable"
    TEAMS_SIGN_IN_NOT_SUPPORTED = "teams_sign_in_not_supported"
    MEETING_ENDED_BEFORE_RECORD = "meeting_ended_before_record"
    STOPPED_BEFORE_RECORD = "stopped_before_record"
    RECORDING_DISABLED = "recording_disabled"
    RECORDING_START_TIMEOUT = "recording_start_timeout"
    STREAMING_SETUP_FAILED = "streaming_setup_failed"
    TRANSCRIPTION_FAILED = "transcription_failed"

    NETWORK_LOSS = "network_loss"
    BROWSER_CRASHED = "browser_crashed"
    RUNNER_LOST = "runner_lost"
    OUT_OF_MEMORY = "out_of_memory"
    DISK_FULL = "disk_full"
    TERMINATED = "terminated"
    FORCE_KILLED = "force_killed"
    DISPATCH_TIMEOUT = "dispatch_timeout"
    SCHEDULE_MISSED = "schedule_missed"
    INTERNAL_ERROR = "internal_error"

    INSUFFICIENT_TOKENS = "insufficient_tokens"
    DAILY_BOT_CAP_REACHED = "daily_bot_cap_reached"
    BOT_ALREADY_EXISTS = "bot_already_exists"
    BYOK_NOT_ENABLED = "byok_not_enabled"

    @cached_property
    def projection(self) -> Projection:
        return _PROJECTIONS[self]

    @property
    def is_failure(self) -> bool:
        """Whether this reason makes a bot end `failed` even if something was recorded."""
        return self.projection.failure

    @property
    def is_crash(self) -> bool:
        """Whether the bot or its machine broke; what was taped until then is still delivered."""
        return self in _CRASHES


_CRASHES = frozenset(
    {
        EndReason.NETWORK_LOSS,
        EndReason.BROWSER_CRASHED,
        EndReason.RUNNER_LOST,
        EndReason.OUT_OF_MEMORY,
        EndReason.DISK_FULL,
        EndReason.TERMINATED,
        EndReason.FORCE_KILLED,
        EndReason.INTERNAL_ERROR,
    }
)


def _normal(v2_code: str, text: str, meetbot_code: str | None = None) -> Projection:
    return Projection(v2_code, text, meetbot_code=meetbot_code, failure=False, charge=Charge.RECORDING)


_PROJECTIONS: dict[EndReason, Projection] = {
    EndReason.API_REQUEST: Projection(
        "API_REQUEST",
        "The bot was asked to leave.",
        None,
        v2_signal="api_request_stop",
        failure=False,
        charge=Charge.RECORDING,
    ),
    EndReason.NO_ATTENDEES: _normal("NO_ATTENDEES", "Nobody else was in the meeting."),
    EndReason.NO_SPEAKER: _normal("NO_SPEAKER", "Nobody spoke for longer than the silence timeout."),
    EndReason.RECORDING_TIMEOUT: _normal("RECORDING_TIMEOUT", "The maximum recording duration was reached."),
    EndReason.BOT_REMOVED: Projection(
        "BOT_REMOVED",
        "The bot was removed from the meeting.",
        "removed_from_meeting",
        "BotRemoved",
        v2_signal="bot_removed",
        failure=False,
        charge=Charge.RECORDING,
    ),
    EndReason.MEETING_ENDED: _normal("NO_ATTENDEES", "The meeting ended."),
    EndReason.BOT_REMOVED_TOO_EARLY: Projection(
        "BOT_REMOVED_TOO_EARLY",
        "The bot was removed before it could record a minute.",
        "removed_from_meeting",
        "BotRemoved",
        v2_signal="bot_removed_too_early",
    ),
    EndReason.BOT_NOT_ACCEPTED: Projection(
        "BOT_NOT_ACCEPTED",
        "Somebody in the meeting denied the bot's request to join.",
        "host_denied_admission",
        "BotNotAccepted",
        v2_signal="bot_rejected",
        charge=Charge.WAITING,
    ),
    EndReason.WAITING_ROOM_TIMEOUT: Projection(
        "TIMEOUT_WAITING_TO_START",
        "Nobody let the bot in before the waiting-room timeout.",
        "lobby_timeout",
        "TimeoutWaitingToStart",
        v2_signal="waiting_room_timeout",
        charge=Charge.WAITING,
    ),
    EndReason.WAITING_FOR_HOST_TIMEOUT: Projection(
        "TIMEOUT_WAITING_TO_START",
        "The host did not start the meeting before the timeout.",
        "waiting_for_host",
        "TimeoutWaitingToStart",
        v2_signal="waiting_room_timeout",
        charge=Charge.WAITING,
    ),
    EndReason.CANNOT_JOIN_MEETING: Projection(
        "CANNOT_JOIN_MEETING",
        "The meeting could not be joined.",
        "meeting_not_found",
        "CannotJoinMeeting",
        v2_signal="meeting_error",
    ),
    EndReason.MEETING_NOT_FOUND: Projection(
        "CANNOT_JOIN_MEETING",
        "The platform does not know this meeting, or it is over.",
        "meeting_not_found",
        "CannotJoinMeeting",
        v2_signal="meeting_error",
    ),
    EndReason.INVALID_MEETING_URL: Projection(
        "INVALID_MEETING_URL",
        "The meeting URL is not valid.",
        "meeting_not_found",
        "InvalidMeetingUrl",
        v2_signal="invalid_meeting_url",
    ),
    EndReason.BLOCKED_BY_PLATFORM: Projection(
        "CANNOT_JOIN_MEETING",
        "The platform refused to let the bot join.",
        "internal_error",
        "CannotJoinMeeting",
        v2_signal="meeting_error",
    ),
    EndReason.LOGIN_REQUIRED: Projection(
        "LOGIN_REQUIRED",
        "The meeting admits signed-in accounts only.",
        "auth_failure",
        "CannotJoinMeeting",
        v2_signal="meeting_error",
    ),
    EndReason.ZOOM_OBF_TOKEN_ERROR: Projection(
        "ZOOM_OBF_TOKEN_ERROR",
        "No token to join the Zoom meeting on behalf of a user could be had.",
        "auth_failure",
        v2_signal="meeting_error",
    ),
    EndReason.ZOOM_ACCESS_TOKEN_ERROR: Projection(
        "ZOOM_ACCESS_TOKEN_ERROR",
        "The token URL gave no token to join the Zoom meeting with.",
        "auth_failure",
        v2_signal="meeting_error",
    ),
    EndReason.MEET_LOGIN_UNAVAILABLE: Projection(
        "MEET_LOGIN_UNAVAILABLE",
        "No active Google login that fits was free when the bot was to start.",
        "auth_failure",
    ),
    EndReason.MEET_SIGN_IN_NOT_SUPPORTED: Projection(
        "MEET_LOGIN_REQUIRED",
        "This server cannot sign in to Google Meet yet; the fallback 'anonymous' lets the bot join as a guest.",
        "auth_failure",
    ),
    EndReason.TEAMS_LOGIN_UNAVAILABLE: Projection(
        "TEAMS_LOGIN_UNAVAILABLE",
        "No active Microsoft login that fits was free when the bot was to start.",
        "auth_failure",
    ),
    EndReason.TEAMS_SIGN_IN_NOT_SUPPORTED: Projection(
        "TEAMS_LOGIN_REQUIRED",
        "This server cannot sign in to Microsoft Teams yet; the fallback 'anonymous' lets the bot join as a guest.",
        "auth_failure",
    ),
    EndReason.MEETING_ENDED_BEFORE_RECORD: Projection(
        "CANNOT_JOIN_MEETING",
        "The meeting ended before the bot could record.",
        "meeting_ended",
        "CannotJoinMeeting",
        v2_signal="meeting_error",
    ),
    EndReason.STOPPED_BEFORE_RECORD: Projection(
        "EXITING_MEETING_BEFORE_RECORD",
        "The bot was asked to leave before it could record.",
        v2_signal="api_request_stop",
    ),
    EndReason.RECORDING_DISABLED: Projection(
        "RECORDING_RIGHTS_NOT_GRANTED",
        "The meeting does not permit recording.",
        "recording_disabled",
        v2_signal="meeting_error",
    ),
    EndReason.RECORDING_START_TIMEOUT: Projection(
        "RECORDING_START_TIMEOUT",
        "Recording could not start in time.",
        "recording_disabled",
        v2_signal="meeting_error",
        charge=Charge.WAITING,
    ),
    EndReason.STREAMING_SETUP_FAILED: Projection(
        "STREAMING_SETUP_FAILED",
        "The streaming endpoint could not be reached.",
        v1_error="StreamingSetupFailed",
    ),
    EndReason.TRANSCRIPTION_FAILED: Projection(
        "TRANSCRIPTION_FAILED",
        "The recording could not be transcribed.",
        None,
        charge=Charge.RECORDING,
    ),
    EndReason.NETWORK_LOSS: Projection(
        "GENERAL_ERROR",
        "The connection to the meeting was lost.",
        "network_loss",
        v2_signal="meeting_error",
    ),
    EndReason.BROWSER_CRASHED: Projection("GENERAL_ERROR", "The bot's browser crashed.", v2_signal="meeting_error"),
    EndReason.RUNNER_LOST: Projection("UNKNOWN_ERROR", "The bot's process disappeared.", v2_signal="meeting_error"),
    EndReason.OUT_OF_MEMORY: Projection("OOM_KILLED", "The bot ran out of memory.", v2_signal="meeting_error"),
    EndReason.DISK_FULL: Projection(
        "INTERNAL_ERROR",
        "The disk of the bot's machine was full: recording could not go on.",
        v2_signal="meeting_error",
    ),
    EndReason.TERMINATED: Projection("SIGTERM", "The bot's machine was shut down.", v2_signal="meeting_error"),
    EndReason.FORCE_KILLED: Projection("FORCE_KILLED", "The bot's process was killed.", v2_signal="meeting_error"),
    EndReason.DISPATCH_TIMEOUT: Projection(
        "INTERNAL_ERROR", "No runner picked up the bot in time.", "dispatch_timeout"
    ),
    EndReason.SCHEDULE_MISSED: Projection(
        "INTERNAL_ERROR", "No server was running when the bot was due, and by now it is too late.", "dispatch_timeout"
    ),
    EndReason.INTERNAL_ERROR: Projection("INTERNAL_ERROR", "The bot failed inside.", v2_signal="meeting_error"),
    EndReason.INSUFFICIENT_TOKENS: Projection(
        "INSUFFICIENT_TOKENS",
        "The team had too few tokens when the bot was due.",
        "quota_exceeded",
    ),
    EndReason.DAILY_BOT_CAP_REACHED: Projection(
        "DAILY_BOT_CAP_REACHED",
        "The team's daily bot cap was reached when the bot was due.",
        "quota_exceeded",
    ),
    EndReason.BOT_ALREADY_EXISTS: Projection(
        "BOT_ALREADY_EXISTS",
        "Another bot was already sent to this meeting.",
    ),
    EndReason.BYOK_NOT_ENABLED: Projection(
        "INTERNAL_ERROR",
        "The team's plan no longer allowed transcription with its own key when the bot was due.",
        "quota_exceeded",
    ),
}
