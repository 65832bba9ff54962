"""Every end has a name in every API."""

import pytest

from meetfleet.domain.end_reason import Charge, EndReason

# Source: contract.md 8.1, the closed list of v2 end codes.
V2_CODES = set(
    """API_REQUEST NO_ATTENDEES NO_SPEAKER RECORDING_TIMEOUT BOT_REMOVED BOT_NOT_ACCEPTED TIMEOUT_WAITING_TO_START
    CANNOT_JOIN_MEETING BOT_REMOVED_TOO_EARLY INVALID_MEETING_URL STREAMING_SETUP_FAILED LOGIN_REQUIRED INTERNAL_ERROR
    OOM_KILLED SIGTERM FORCE_KILLED GENERAL_ERROR EXITING_MEETING_BEFORE_RECORD TRANSCRIPTION_FAILED
    RECORDING_RIGHTS_NOT_GRANTED RECORDING_START_TIMEOUT INSUFFICIENT_TOKENS DAILY_BOT_CAP_REACHED BOT_ALREADY_EXISTS
    UNKNOWN_ERROR ZOOM_OBF_TOKEN_ERROR ZOOM_ACCESS_TOKEN_ERROR
    MEET_LOGIN_UNAVAILABLE MEET_LOGIN_REQUIRED TEAMS_LOGIN_UNAVAILABLE TEAMS_LOGIN_REQUIRED""".split()
)
V2_NORMAL = {"API_REQUEST", "NO_ATTENDEES", "NO_SPEAKER", "RECORDING_TIMEOUT", "BOT_REMOVED"}
MEETBOT_CODES = set(
    """waiting_for_host meeting_not_found host_denied_admission removed_from_meeting meeting_ended internal_error
    dispatch_timeout network_loss recording_disabled lobby_timeout auth_failure quota_exceeded""".split()
)


@pytest.mark.parametrize("reason", list(EndReason))
def test_each_reason_has_codes_that_the_apis_know(reason: EndReason) -> None:
    projection = reason.projection
    assert projection.v2_code in V2_CODES
    assert projection.meetbot_code is None or projection.meetbot_code in MEETBOT_CODES
    assert projection.text.endswith(".")


@pytest.mark.parametrize("reason", list(EndReason))
def test_a_reason_is_a_failure_exactly_if_its_v2_code_is(reason: EndReason) -> None:
    assert reason.is_failure == (reason.projection.v2_code not in V2_NORMAL)


@pytest.mark.parametrize("reason", [r for r in EndReason if r.is_crash])
def test_a_crash_is_never_charged(reason: EndReason) -> None:
    assert reason.is_failure
    assert reason.projection.charge is Charge.NOTHING
