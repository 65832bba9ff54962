"""The course of a stay, as a specification: what is noticed, when, and what follows."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meetfleet.bot.course import Course
from meetfleet.bot.course_rules import CourseRules
from meetfleet.bot.observations import (
    Answer,
    Attendance,
    BrowserLost,
    Decision,
    Disk,
    Disowned,
    Enter,
    Finish,
    Heard,
    NewPage,
    Observation,
    Ordered,
    PageLost,
    PageOpened,
    Say,
    Seen,
    Terminated,
    Tick,
)
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.lifecycle import BotState, may_follow
from meetfleet.domain.link import Command, CommandType, Timeouts
from meetfleet.platforms.screen import Screen, ScreenKind

NS = 1_000_000_000
START = 1_800_000_000 * NS
TIMEOUTS = Timeouts(
    waiting_room_s=100, no_one_joined_s=50, everyone_left_s=20, silence_s=40, max_recording_s=1000, join_s=60
)


class Stay:
    """A course with its clock: `see`, `wait`, and everything that was decided so far."""

    def __init__(self, timeouts: Timeouts = TIMEOUTS, rules: CourseRules | None = None) -> None:
        self.now_ns = START
        self.course = Course(timeouts, START, rules)
        self.decided: list[Decision] = []
        self.take(PageOpened())

    def take(self, *observations: Observation) -> None:
        for observation in observations:
            self.decided += self.course.observe(observation, self.now_ns)

    def see(self, kind: ScreenKind, for_s: float = 0.0, *, evidence: str = "") -> None:
        """The page shows this, looked at twice a second."""
        self.take(Seen(Screen(kind.value, kind, evidence)))
        for _ in range(round(for_s * 2)):
            self.now_ns += NS // 2
            self.take(Seen(Screen(kind.value, kind, evidence)))

    def enter_call(self, others: int | None = 1) -> None:
        self.see(ScreenKind.GREEN_ROOM)
        self.see(ScreenKind.IN_CALL, 1.5)
        if others is not None:
            self.take(Attendance(others))

    def in_call(self, for_s: float, *, sound: bool = False) -> None:
        for _ in range(round(for_s)):
            self.now_ns += NS
            self.take(Seen(Screen("call", ScreenKind.IN_CALL)), *([Heard()] if sound else []))

    def order(self, kind: CommandType, seq: int = 1, **data: str) -> None:
        self.take(Ordered(Command(seq, kind, data)))

    @property
    def states(self) -> list[BotState]:
        return [d.state for d in self.decided if isinstance(d, Enter)]

    @property
    def reason(self) -> EndReason | None:
        return self.course.finish.reason if self.course.finish else None

    @property
    def new_pages(self) -> int:
        return sum(isinstance(d, NewPage) for d in self.decided)


def test_ask_wait_get_admitted_record() -> None:
    stay = Stay()
    stay.see(ScreenKind.GREEN_ROOM)
    stay.see(ScreenKind.WAITING_ROOM, 5)
    stay.see(ScreenKind.IN_CALL, 1.5)
    assert stay.states == [BotState.WAITING_ROOM, BotState.IN_CALL, BotState.RECORDING]


def test_a_call_that_shows_for_an_instant_is_no_admission() -> None:
    stay = Stay()
    stay.see(ScreenKind.WAITING_ROOM, 1)
    stay.see(ScreenKind.IN_CALL, 0.5)
    stay.see(ScreenKind.WAITING_ROOM, 5)
    assert stay.states == [BotState.WAITING_ROOM]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (ScreenKind.DENIED, EndReason.BOT_NOT_ACCEPTED),
        (ScreenKind.REMOVED, EndReason.BOT_NOT_ACCEPTED),
        (ScreenKind.LEFT, EndReason.BOT_NOT_ACCEPTED),
        (ScreenKind.NO_ANSWER, EndReason.WAITING_ROOM_TIMEOUT),
        (ScreenKind.CAPTCHA, EndReason.BLOCKED_BY_PLATFORM),
        (ScreenKind.LOGIN, EndReason.LOGIN_REQUIRED),
        (ScreenKind.ELSEWHERE, EndReason.CANNOT_JOIN_MEETING),
        (ScreenKind.ENDED, EndReason.MEETING_ENDED_BEFORE_RECORD),
    ],
)
def test_a_refusal_in_the_waiting_room_ends_the_stay(kind: ScreenKind, reason: EndReason) -> None:
    stay = Stay()
    stay.see(ScreenKind.WAITING_ROOM, 1)
    stay.see(kind, 25, evidence="what it said")
    assert stay.reason is reason
    assert stay.course.finish is not None
    assert stay.course.finish.screen.kind is kind


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (ScreenKind.REMOVED, EndReason.BOT_REMOVED),
        (ScreenKind.ENDED, EndReason.MEETING_ENDED),
        (ScreenKind.LEFT, EndReason.MEETING_ENDED),
        (ScreenKind.ELSEWHERE, EndReason.MEETING_ENDED),
        (ScreenKind.BLOCKED, EndReason.NETWORK_LOSS),
    ],
)
def test_a_screen_that_ends_a_call(kind: ScreenKind, reason: EndReason) -> None:
    stay = Stay()
    stay.enter_call()
    stay.in_call(70, sound=True)
    stay.see(kind, 5)
    assert stay.reason is reason


@pytest.mark.parametrize(
    ("kind", "after_s", "reason"),
    [
        (ScreenKind.GREEN_ROOM, 15, EndReason.NETWORK_LOSS),
        (ScreenKind.WAITING_ROOM, 120, EndReason.BOT_REMOVED),
    ],
)
def test_a_page_that_falls_back_to_before_the_call_is_given_time_to_return(
    kind: ScreenKind, after_s: float, reason: EndReason
) -> None:
    stay = Stay(Timeouts())
    stay.enter_call()
    stay.in_call(70, sound=True)
    stay.see(kind, after_s - 1)
    assert stay.reason is None
    stay.see(kind, 2)
    assert stay.reason is reason


def test_removed_before_a_minute_is_recorded_is_too_early() -> None:
    stay = Stay()
    stay.enter_call()
    stay.in_call(50, sound=True)
    stay.see(ScreenKind.REMOVED, 2)
    assert stay.reason is EndReason.BOT_REMOVED_TOO_EARLY


def test_paused_time_is_not_recorded_time() -> None:
    stay = Stay()
    stay.enter_call()
    stay.in_call(10, sound=True)
    stay.order(CommandType.PAUSE)
    stay.in_call(80, sound=True)
    stay.order(CommandType.RESUME, 2)
    stay.in_call(10, sound=True)
    stay.see(ScreenKind.REMOVED, 2)
    assert stay.reason is EndReason.BOT_REMOVED_TOO_EARLY
    assert stay.course.recorded_s() == pytest.approx(21, abs=1)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (ScreenKind.WAITING_ROOM, EndReason.WAITING_ROOM_TIMEOUT),
        (ScreenKind.WAITING_HOST, EndReason.WAITING_FOR_HOST_TIMEOUT),
    ],
)
def test_nobody_opens_the_door(kind: ScreenKind, reason: EndReason) -> None:
    stay = Stay()
    stay.see(kind, 99)
    assert stay.reason is None
    stay.see(kind, 2)
    assert stay.reason is reason


def test_the_waiting_room_timer_does_not_start_anew_when_the_screen_flickers() -> None:
    stay = Stay()
    stay.see(ScreenKind.WAITING_ROOM, 60)
    stay.see(ScreenKind.UNKNOWN, 5)
    stay.see(ScreenKind.WAITING_ROOM, 40)
    assert stay.reason is EndReason.WAITING_ROOM_TIMEOUT


def test_a_host_who_comes_late_leaves_the_bot_all_its_time_in_the_waiting_room() -> None:
    stay = Stay()
    stay.see(ScreenKind.WAITING_HOST, 90)
    stay.see(ScreenKind.WAITING_ROOM, 90)
    assert stay.reason is None
    stay.see(ScreenKind.WAITING_ROOM, 15)
    assert stay.reason is EndReason.WAITING_ROOM_TIMEOUT


def test_a_host_who_goes_away_again_gets_no_further_time() -> None:
    stay = Stay()
    stay.see(ScreenKind.WAITING_HOST, 60)
    stay.see(ScreenKind.WAITING_ROOM, 30)
    stay.see(ScreenKind.WAITING_HOST, 15)
    assert stay.reason is EndReason.WAITING_FOR_HOST_TIMEOUT


def test_a_block_is_tried_anew_three_times_with_growing_pauses() -> None:
    stay = Stay()
    for _ in range(3):
        stay.see(ScreenKind.BLOCKED, 1)
        assert stay.reason is None
    stay.see(ScreenKind.BLOCKED, 1)
    assert stay.reason is EndReason.BLOCKED_BY_PLATFORM
    assert [d.after_s for d in stay.decided if isinstance(d, NewPage)] == [1, 2, 4]


def test_after_a_block_the_next_page_may_get_in() -> None:
    stay = Stay()
    stay.see(ScreenKind.BLOCKED, 1)
    stay.take(PageOpened())
    stay.see(ScreenKind.WAITING_ROOM, 1)
    stay.see(ScreenKind.IN_CALL, 1.5)
    assert stay.course.state is BotState.RECORDING


def test_an_unknown_meeting_is_asked_for_once_more() -> None:
    stay = Stay()
    stay.see(ScreenKind.NOT_FOUND, 1)
    assert (stay.new_pages, stay.reason) == (1, None)
    stay.see(ScreenKind.NOT_FOUND, 1)
    assert stay.reason is EndReason.MEETING_NOT_FOUND


def test_a_page_that_shows_nothing_known_is_given_up_with_what_it_showed() -> None:
    stay = Stay()
    stay.see(ScreenKind.UNKNOWN, 61, evidence="seen: go on")
    assert stay.new_pages == 1
    stay.see(ScreenKind.UNKNOWN, 61, evidence="seen: go on")
    assert stay.reason is EndReason.CANNOT_JOIN_MEETING
    assert stay.course.finish is not None
    assert "seen: go on" in stay.course.finish.detail


def test_nobody_joins() -> None:
    stay = Stay()
    stay.enter_call(others=0)
    stay.in_call(48)
    assert stay.reason is None
    stay.in_call(3)
    assert stay.reason is EndReason.NO_ATTENDEES


def test_everyone_leaves() -> None:
    stay = Stay()
    stay.enter_call(others=2)
    stay.in_call(30, sound=True)
    stay.take(Attendance(0))
    stay.in_call(15)
    assert stay.reason is None
    stay.in_call(6)
    assert stay.reason is EndReason.NO_ATTENDEES


def test_one_who_returns_in_time_keeps_the_bot() -> None:
    stay = Stay()
    stay.enter_call(others=1)
    stay.take(Attendance(0))
    stay.in_call(15)
    stay.take(Attendance(1))
    stay.in_call(15, sound=True)
    stay.take(Attendance(0))
    stay.in_call(15)
    assert stay.reason is None


def test_a_voice_proves_company_though_the_list_says_nobody() -> None:
    stay = Stay()
    stay.enter_call(others=2)
    stay.take(Attendance(0))
    stay.in_call(100, sound=True)
    assert stay.reason is None


def test_the_voice_of_an_ignored_participant_proves_nothing() -> None:
    stay = Stay()
    stay.enter_call(others=2)
    stay.take(Attendance(0, ignored=1))
    stay.in_call(21, sound=True)
    assert stay.reason is EndReason.NO_ATTENDEES


def test_silence() -> None:
    stay = Stay()
    stay.enter_call(others=1)
    stay.in_call(30, sound=True)
    stay.in_call(39)
    assert stay.reason is None
    stay.in_call(2)
    assert stay.reason is EndReason.NO_SPEAKER


def test_silence_is_counted_from_the_first_listener_on() -> None:
    stay = Stay(Timeouts(no_one_joined_s=500, silence_s=40))
    stay.enter_call(others=0)
    stay.in_call(100)
    stay.take(Attendance(1))
    stay.in_call(30)
    assert stay.reason is None
    stay.in_call(11)
    assert stay.reason is EndReason.NO_SPEAKER


def test_no_timer_fires_within_the_grace_period() -> None:
    stay = Stay(Timeouts(no_one_joined_s=10, silence_s=10, grace_s=60))
    stay.enter_call(others=0)
    stay.in_call(58)
    assert stay.reason is None
    stay.in_call(3)
    assert stay.reason is EndReason.NO_ATTENDEES


def test_the_longest_recording() -> None:
    stay = Stay(Timeouts(max_recording_s=100))
    stay.enter_call()
    stay.in_call(99, sound=True)
    assert stay.reason is None
    stay.in_call(2, sound=True)
    assert stay.reason is EndReason.RECORDING_TIMEOUT


def test_reconnecting_for_ten_seconds_is_survived_and_for_thirty_is_a_loss() -> None:
    stay = Stay()
    stay.enter_call()
    stay.see(ScreenKind.RECONNECTING, 10)
    stay.see(ScreenKind.IN_CALL, 5)
    assert stay.course.state is BotState.RECORDING
    stay.see(ScreenKind.RECONNECTING, 31)
    assert stay.reason is EndReason.NETWORK_LOSS


def test_a_page_that_stops_answering_is_lost_after_twenty_seconds() -> None:
    stay = Stay()
    stay.enter_call()
    for _ in range(19):
        stay.now_ns += NS
        stay.take(Tick(), Heard())
    assert stay.reason is None
    stay.now_ns += NS
    stay.take(Tick())
    assert stay.reason is EndReason.NETWORK_LOSS


def test_a_lost_page_is_replaced_before_admission_and_ends_the_stay_after() -> None:
    stay = Stay()
    stay.take(PageLost("crashed"))
    assert stay.new_pages == 1
    stay.take(PageOpened())
    stay.enter_call()
    stay.take(PageLost("crashed"))
    assert stay.reason is EndReason.BROWSER_CRASHED


def test_a_full_disk_is_waited_for_a_while() -> None:
    stay = Stay()
    stay.enter_call()
    stay.take(Disk(full=True))
    stay.in_call(20, sound=True)
    stay.take(Disk(full=False))
    stay.in_call(20, sound=True)
    assert stay.reason is None
    stay.take(Disk(full=True))
    stay.in_call(31, sound=True)
    assert stay.reason is EndReason.DISK_FULL


@pytest.mark.parametrize(
    ("observation", "reason"),
    [
        (BrowserLost("killed"), EndReason.BROWSER_CRASHED),
        (Terminated(), EndReason.TERMINATED),
        (Disowned(), EndReason.TERMINATED),
    ],
)
def test_an_end_from_outside(observation: Observation, reason: EndReason) -> None:
    stay = Stay()
    stay.enter_call()
    stay.take(observation)
    assert stay.reason is reason


def test_leave_on_request_depends_on_whether_anything_was_recorded() -> None:
    early, late = Stay(), Stay()
    early.see(ScreenKind.WAITING_ROOM, 1)
    early.order(CommandType.LEAVE)
    late.enter_call()
    late.order(CommandType.LEAVE)
    assert (early.reason, late.reason) == (EndReason.STOPPED_BEFORE_RECORD, EndReason.API_REQUEST)


def test_pause_and_resume_and_an_order_that_does_not_fit() -> None:
    stay = Stay()
    stay.enter_call()
    stay.order(CommandType.PAUSE, 1)
    stay.order(CommandType.PAUSE, 2)
    stay.order(CommandType.RESUME, 3)
    answers = [(d.command.seq, d.ok) for d in stay.decided if isinstance(d, Answer)]
    assert answers == [(1, True), (2, False), (3, True)]
    assert stay.states[-2:] == [BotState.PAUSED, BotState.RECORDING]


def test_chat_is_said_in_the_meeting_only() -> None:
    stay = Stay()
    stay.order(CommandType.CHAT, text="hello")
    stay.enter_call()
    stay.order(CommandType.CHAT, 2, text="hello")
    assert [d.command.seq for d in stay.decided if isinstance(d, Say)] == [2]
    assert [(d.command.seq, d.code) for d in stay.decided if isinstance(d, Answer)] == [(1, "bot_status")]


SEQUENCES = st.integers(1, 1000)
OBSERVATIONS: st.SearchStrategy[Observation] = st.one_of(
    st.builds(lambda kind: Seen(Screen(kind.value, kind)), st.sampled_from(list(ScreenKind))),
    st.builds(lambda kind: Seen(Screen(kind.value, kind)), st.just(ScreenKind.IN_CALL)),
    st.builds(Attendance, st.integers(0, 3), st.integers(0, 1)),
    st.builds(lambda kind, seq: Ordered(Command(seq, kind)), st.sampled_from(list(CommandType)), SEQUENCES),
    st.builds(Disk, st.booleans()),
    st.sampled_from([PageOpened(), PageLost("x"), BrowserLost("x"), Heard(), Terminated(), Tick()]),
)
STEPS = st.lists(st.tuples(OBSERVATIONS, st.sampled_from([0.0, 0.3, 1.0, 5.0, 40.0])), max_size=80)


def decisions_of(steps: Iterable[tuple[Observation, float]]) -> tuple[Course, list[Decision]]:
    course, now_ns, decided = Course(TIMEOUTS, START), START, list[Decision]()
    for observation, pause_s in steps:
        now_ns += round(pause_s * NS)
        decided += course.observe(observation, now_ns)
    return course, decided


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_whatever_happens_every_step_is_one_the_lifecycle_allows(steps: list[tuple[Observation, float]]) -> None:
    _, decided = decisions_of(steps)
    state = BotState.JOINING
    for entered in (d.state for d in decided if isinstance(d, Enter)):
        assert may_follow(state, entered), f"{state} -> {entered}"
        state = entered


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_whatever_happens_there_is_at_most_one_end_and_nothing_after_it(
    steps: list[tuple[Observation, float]],
) -> None:
    course, decided = decisions_of(steps)
    ends = [i for i, d in enumerate(decided) if isinstance(d, Finish)]
    assert len(ends) <= 1
    if ends:
        assert ends == [len(decided) - 1]
        assert course.state is BotState.LEAVING


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_whatever_happens_every_order_is_answered_or_said_or_superseded_by_the_end(
    steps: list[tuple[Observation, float]],
) -> None:
    course, now_ns = Course(TIMEOUTS, START), START
    for observation, pause_s in steps:
        now_ns += round(pause_s * NS)
        was_over = course.finish is not None
        decided = course.observe(observation, now_ns)
        if isinstance(observation, Ordered) and not was_over:
            assert any(isinstance(d, Answer | Say) for d in decided)


@settings(max_examples=100, deadline=None)
@given(STEPS)
def test_whatever_happens_silence_of_the_page_ends_every_stay(steps: list[tuple[Observation, float]]) -> None:
    course, now_ns = Course(TIMEOUTS, START), START
    for observation, pause_s in steps:
        now_ns += round(pause_s * NS)
        course.observe(observation, now_ns)
    for _ in range(100):
        now_ns += 20 * NS
        course.observe(Tick(), now_ns)
    assert course.finish is not None
