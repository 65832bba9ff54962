"""How one internal lifecycle reads in Meeting BaaS v2."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetfleet.domain.dialects.v2 import (
    PLATFORM_WORDS,
    SILENT,
    Status,
    Timeline,
    code_of,
    error_text,
    item_code_of,
    standings_of,
    status_of,
)
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.errors import Conflict, InvalidRequest
from meetfleet.domain.lifecycle import BotState, may_follow

S = BotState
Step = tuple[BotState, EndReason | None]


def told(*steps: BotState | Step) -> list[str]:
    timeline = Timeline()
    return [
        word.value
        for step in steps
        for word in (timeline.advance(*step) if isinstance(step, tuple) else timeline.advance(step))
    ]


TO_RECORDING = (S.QUEUED, S.STARTING, S.JOINING, S.WAITING_ROOM, S.IN_CALL, S.RECORDING)
TOLD_TO_RECORDING = ["queued", "joining_call", "in_waiting_room", "in_call_not_recording", "in_call_recording"]


def test_a_meeting_that_simply_ends() -> None:
    reason = EndReason.MEETING_ENDED
    assert told(*TO_RECORDING, (S.LEAVING, reason), (S.PROCESSING, reason), (S.COMPLETED, reason)) == [
        *TOLD_TO_RECORDING,
        "call_ended",
        "recording_succeeded",
        "completed",
    ]


@pytest.mark.parametrize(
    ("reason", "signal"), [(EndReason.API_REQUEST, "api_request_stop"), (EndReason.BOT_REMOVED, "bot_removed")]
)
def test_the_reason_is_signalled_before_the_call_ends(reason: EndReason, signal: str) -> None:
    steps = (*TO_RECORDING, (S.LEAVING, reason), (S.PROCESSING, reason), (S.COMPLETED, reason))
    assert told(*steps)[5:] == [signal, "call_ended", "recording_succeeded", "completed"]


def test_a_denied_bot_tells_why_then_that_recording_failed_then_that_it_failed() -> None:
    reason = EndReason.BOT_NOT_ACCEPTED
    steps = (S.QUEUED, S.JOINING, S.WAITING_ROOM, (S.LEAVING, reason), (S.PROCESSING, reason), (S.FAILED, reason))
    assert told(*steps)[3:] == ["bot_rejected", "recording_failed", "failed"]


@pytest.mark.parametrize(
    ("reason", "signal"),
    [(EndReason.API_REQUEST, "api_request_stop"), (EndReason.BOT_REMOVED, "bot_removed_too_early")],
)
def test_a_bot_that_leaves_before_it_recorded_has_a_failed_recording(reason: EndReason, signal: str) -> None:
    steps = (S.QUEUED, S.JOINING, S.IN_CALL, (S.LEAVING, reason), (S.PROCESSING, reason))
    final = (S.FAILED, EndReason.STOPPED_BEFORE_RECORD)
    assert told(*steps, final)[3:] == [signal, "recording_failed", "failed"]


def test_a_step_that_skips_others_makes_up_for_their_words() -> None:
    reason = EndReason.WAITING_ROOM_TIMEOUT
    assert told(S.QUEUED, S.JOINING, (S.FAILED, reason))[2:] == ["waiting_room_timeout", "recording_failed", "failed"]
    assert told(*TO_RECORDING, (S.PROCESSING, EndReason.API_REQUEST), (S.COMPLETED, EndReason.API_REQUEST))[5:] == [
        "api_request_stop",
        "call_ended",
        "recording_succeeded",
        "completed",
    ]


def test_a_crash_in_mid_call_is_a_meeting_error_and_a_failed_recording() -> None:
    reason = EndReason.BROWSER_CRASHED
    assert told(*TO_RECORDING, (S.PROCESSING, reason), (S.FAILED, reason))[5:] == [
        "meeting_error",
        "recording_failed",
        "failed",
    ]


def test_a_bot_that_never_set_out_only_fails() -> None:
    assert told(S.QUEUED, (S.FAILED, EndReason.INSUFFICIENT_TOKENS)) == ["queued", "failed"]
    assert told(S.QUEUED, (S.FAILED, EndReason.STOPPED_BEFORE_RECORD)) == ["queued", "api_request_stop", "failed"]


def test_a_bot_that_waits_for_a_place_is_delayed_once_however_often_it_is_queued_again() -> None:
    again = (S.STARTING, S.QUEUED, S.PICKUP_DELAYED, S.STARTING, S.JOINING)
    assert told(S.QUEUED, S.PICKUP_DELAYED, *again) == ["queued", "pickup_delayed", "joining_call"]
    assert told(S.QUEUED, S.PICKUP_DELAYED, (S.FAILED, EndReason.DISPATCH_TIMEOUT))[2:] == ["failed"]


def test_a_schedule_is_told_only_when_the_bot_is_sent_or_cannot_be() -> None:
    assert told(S.SCHEDULED, S.QUEUED, S.STARTING, S.JOINING) == ["queued", "joining_call"]
    assert told(S.SCHEDULED, (S.FAILED, EndReason.DAILY_BOT_CAP_REACHED)) == ["failed"]
    assert told(S.SCHEDULED, S.CANCELLED) == []


def test_pauses_and_resumptions_alternate() -> None:
    assert told(*TO_RECORDING, S.PAUSED, S.RECORDING, S.PAUSED, S.RECORDING)[5:] == [
        "recording_paused",
        "recording_resumed",
        "recording_paused",
        "recording_resumed",
    ]


def test_transcribing_comes_between_a_kept_recording_and_the_end() -> None:
    reason = EndReason.NO_ATTENDEES
    ended = (*TO_RECORDING, (S.PROCESSING, reason), (S.TRANSCRIBING, reason))
    assert told(*ended, (S.COMPLETED, reason))[5:] == ["call_ended", "recording_succeeded", "transcribing", "completed"]
    failed = told(*ended, (S.FAILED, EndReason.TRANSCRIPTION_FAILED))[5:]
    assert failed == ["call_ended", "recording_succeeded", "transcribing", "failed"]


def test_retranscription_of_a_finished_bot_repeats_neither_call_nor_recording() -> None:
    reason = EndReason.NO_ATTENDEES
    done = (*TO_RECORDING, (S.PROCESSING, reason), (S.COMPLETED, reason))
    again = told(*done, (S.TRANSCRIBING, reason), (S.COMPLETED, reason))
    assert again[len(told(*done)) :] == ["transcribing", "completed"]


def test_retranscription_of_a_bot_that_broke_tells_of_no_recording_that_succeeded() -> None:
    reason = EndReason.BROWSER_CRASHED
    done = (*TO_RECORDING, (S.PROCESSING, reason), (S.FAILED, reason))
    again = told(*done, (S.TRANSCRIBING, reason), (S.FAILED, reason))
    assert again[len(told(*done)) :] == ["transcribing", "failed"]


def test_retranscription_after_a_failed_transcription_ends_completed() -> None:
    reason = EndReason.NO_ATTENDEES
    done = (*TO_RECORDING, (S.PROCESSING, reason), (S.TRANSCRIBING, reason), (S.FAILED, EndReason.TRANSCRIPTION_FAILED))
    again = told(*done, (S.TRANSCRIBING, reason), (S.COMPLETED, reason))
    assert again[len(told(*done)) :] == ["transcribing", "completed"]


def test_an_event_that_is_no_step_announces_nothing() -> None:
    assert told(S.QUEUED, S.JOINING, S.JOINING, S.JOINING) == ["queued", "joining_call"]


@given(st.lists(st.integers(0, 20), max_size=20), st.sampled_from(EndReason))
def test_every_walk_of_the_lifecycle_ends_in_its_final_word_and_never_stutters(
    choices: list[int], reason: EndReason
) -> None:
    timeline = Timeline()
    state, words, recorded = S.QUEUED, timeline.advance(S.QUEUED), False
    while not state.is_final:
        following = [s for s in S if may_follow(state, s) and s is not S.CANCELLED]
        state = following[choices.pop() % len(following)] if choices else S.FAILED
        recorded = recorded or state is S.RECORDING
        late = state in (S.LEAVING, S.PROCESSING, S.TRANSCRIBING, S.COMPLETED, S.FAILED)
        words += timeline.advance(state, reason if late else None)
        if late:
            assert words[-1] is status_of(state, reason, recorded=recorded)
    assert words[-1] is (Status.COMPLETED if state is S.COMPLETED else Status.FAILED)
    assert all(one is not next_one for one, next_one in itertools.pairwise(words))
    assert words.count(Status.CALL_ENDED) + words.count(Status.RECORDING_FAILED) <= 1


def test_what_a_status_filter_looks_for_is_exactly_what_shows_that_status() -> None:
    facts = list(itertools.product((None, *EndReason), (False, True), (False, True)))
    for status in Status:
        standings = standings_of([status])
        assert not {s.state for s in standings} & {S.SCHEDULED, S.CANCELLED}
        for state in set(S) - {S.SCHEDULED, S.CANCELLED}:
            for reason, recorded, resumed in facts:
                found = any(
                    s.state is state
                    and (not s.reasons or reason in s.reasons)
                    and s.recorded in (None, recorded)
                    and s.resumed in (None, resumed)
                    for s in standings
                )
                assert found == (status_of(state, reason, recorded=recorded, resumed=resumed) is status)


def test_only_failures_of_the_call_carry_their_sentence() -> None:
    reason = EndReason.BOT_NOT_ACCEPTED
    assert error_text(Status.RECORDING_FAILED, reason) == reason.projection.text
    assert error_text(Status.BOT_REJECTED, reason) is None


def test_every_signal_is_a_status() -> None:
    for reason in EndReason:
        if reason.projection.v2_signal:
            Status(reason.projection.v2_signal)


def test_codes_are_prefixed_in_answers_and_bare_in_batch_items() -> None:
    assert code_of("bot_not_found", 404) == "FST_ERR_BOT_NOT_FOUND_BY_ID"
    assert code_of("anything", 400) == "FST_ERR_VALIDATION"
    assert code_of("anything", 503) == "FST_ERR_INTERNAL"
    assert item_code_of(InvalidRequest("no")) == "VALIDATION_ERROR"
    assert item_code_of(Conflict("twice", code="bot_already_exists")) == "BOT_ALREADY_EXISTS"
    assert item_code_of(InvalidRequest("where", code="invalid_meeting_platform")) == "INVALID_MEETING_PLATFORM"


def test_three_platforms_have_a_word() -> None:
    assert set(PLATFORM_WORDS.values()) == {"meet", "teams", "zoom"}


@given(st.lists(st.tuples(st.sampled_from(BotState), st.sampled_from([None, *EndReason])), max_size=8))
def test_a_silent_state_announces_nothing_whatever_came_before(steps: list[Step]) -> None:
    for state in SILENT:
        timeline = Timeline()
        for step in steps:
            timeline.advance(*step)
        assert timeline.advance(state) == []
