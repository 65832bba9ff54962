from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetfleet.control.outcome import Outcome, Step, judge, recorded_seconds
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.lifecycle import BotState

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("reason", "recorded_s", "expected"),
    [
        (EndReason.API_REQUEST, 5, Outcome(BotState.COMPLETED, EndReason.API_REQUEST)),
        (EndReason.API_REQUEST, 0, Outcome(BotState.FAILED, EndReason.STOPPED_BEFORE_RECORD)),
        (EndReason.STOPPED_BEFORE_RECORD, 5, Outcome(BotState.COMPLETED, EndReason.API_REQUEST)),
        (EndReason.MEETING_ENDED, 5, Outcome(BotState.COMPLETED, EndReason.MEETING_ENDED)),
        (EndReason.MEETING_ENDED, 0, Outcome(BotState.FAILED, EndReason.MEETING_ENDED_BEFORE_RECORD)),
        (EndReason.NO_SPEAKER, 700, Outcome(BotState.COMPLETED, EndReason.NO_SPEAKER)),
        (EndReason.BOT_REMOVED, 59.9, Outcome(BotState.FAILED, EndReason.BOT_REMOVED_TOO_EARLY)),
        (EndReason.BOT_REMOVED, 60, Outcome(BotState.COMPLETED, EndReason.BOT_REMOVED)),
        (EndReason.BOT_REMOVED_TOO_EARLY, 60, Outcome(BotState.COMPLETED, EndReason.BOT_REMOVED)),
        (EndReason.BOT_NOT_ACCEPTED, 0, Outcome(BotState.FAILED, EndReason.BOT_NOT_ACCEPTED)),
        (EndReason.BROWSER_CRASHED, 500, Outcome(BotState.FAILED, EndReason.BROWSER_CRASHED)),
        (None, 500, Outcome(BotState.FAILED, EndReason.INTERNAL_ERROR)),
    ],
)
def test_the_end_is_judged_by_reason_and_by_what_was_recorded(reason, recorded_s, expected):
    assert judge(reason, recorded_s) == expected


@given(st.sampled_from(EndReason), st.floats(0, 20_000))
def test_judging_a_judged_end_again_changes_nothing(reason: EndReason, recorded_s: float):
    once = judge(reason, recorded_s)
    assert judge(once.reason, recorded_s) == once


@given(st.sampled_from(EndReason), st.floats(0, 20_000))
def test_only_a_bot_that_recorded_and_did_not_fail_is_completed(reason: EndReason, recorded_s: float):
    outcome = judge(reason, recorded_s)
    assert (outcome.state is BotState.COMPLETED) == (recorded_s > 0 and not outcome.reason.is_failure)


def test_pauses_do_not_count_as_recorded():
    states = [BotState.IN_CALL, BotState.RECORDING, BotState.PAUSED, BotState.RECORDING, BotState.LEAVING]
    steps = [Step(state, at(10 * i)) for i, state in enumerate(states)]
    assert recorded_seconds(steps, at(100)) == 20


def test_a_killed_bots_recording_ends_with_its_tape():
    steps = [Step(BotState.RECORDING, at(10)), Step(BotState.PROCESSING, at(40))]
    assert recorded_seconds(steps, at(25)) == 15
    assert recorded_seconds(steps[:1], at(25)) == 15


def test_a_bot_that_never_recorded_has_recorded_nothing():
    assert recorded_seconds([Step(BotState.JOINING, at(0)), Step(BotState.PROCESSING, at(9))], at(9)) == 0
