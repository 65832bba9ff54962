"""What time a bot is charged for: what it spent in a state, however often it came back to it."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from meetfleet.control.outcome import Step, recorded_seconds, waited_seconds
from meetfleet.domain.lifecycle import WAITING, BotState

BEGAN = datetime(2026, 11, 1, tzinfo=UTC)
SPENT = st.lists(st.tuples(st.sampled_from(list(BotState)), st.integers(0, 7_200_000)), max_size=12)
"""States in the order they were entered, with the milliseconds spent in each."""


def steps_of(spent: list[tuple[BotState, int]]) -> tuple[list[Step], datetime]:
    """The steps, and when the last state was left."""
    found, at = [], BEGAN
    for state, ms in spent:
        found.append(Step(state, at))
        at += timedelta(milliseconds=ms)
    return found, at


@given(SPENT)
def test_recorded_is_what_was_spent_recording_and_nothing_of_the_pauses(spent: list[tuple[BotState, int]]):
    steps, ended_at = steps_of(spent)
    expected = sum(ms for state, ms in spent if state is BotState.RECORDING)
    assert recorded_seconds(steps, ended_at) == round(expected / 1000, 3)


@given(SPENT)
def test_waited_is_what_was_spent_before_being_let_in(spent: list[tuple[BotState, int]]):
    steps, ended_at = steps_of(spent)
    expected = sum(ms for state, ms in spent if state in WAITING)
    assert waited_seconds([*steps, Step(BotState.FAILED, ended_at)]) == round(expected / 1000, 3)
