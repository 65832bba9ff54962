from hypothesis import given
from hypothesis import strategies as st

from meetfleet.artifacts.recording_line import RecordingLine, to_ns, to_samples


def line(*states: tuple[int, str, int], end: tuple[int, int] | None = None) -> RecordingLine:
    made = RecordingLine()
    for take, state, at in states:
        made.see_state(take, state, at)
    if end:
        made.end_take(*end)
    return made


def test_zero_is_where_recording_begins() -> None:
    made = line((1, "in_call", 50), (1, "recording", 100), (1, "leaving", 900))
    assert made.start_ns == 100
    assert made.position_ns(99) is None
    assert made.position_ns(100) == 0
    assert made.position_ns(899) == 799
    assert made.position_ns(900) is None
    assert made.duration_ns(5000) == 800


def test_pauses_are_cut_and_times_go_on_without_a_jump() -> None:
    made = line((1, "recording", 100), (1, "paused", 200), (1, "recording", 500), (1, "leaving", 600))
    assert made.position_ns(199) == 99
    assert made.position_ns(300) is None
    assert made.position_ns(500) == 100
    assert list(made.clip(150, 550)) == [(50, 100), (100, 150)]
    assert made.duration_ns(0) == 200
    assert made.pauses() == [(200, 500)]


def test_repeated_states_change_nothing() -> None:
    made = line(
        (1, "recording", 100), (1, "recording", 150), (1, "paused", 200), (1, "paused", 250), (1, "recording", 300)
    )
    assert [(s.start_ns, s.end_ns) for s in made.spans] == [(100, 200), (300, None)]


def test_a_killed_bot_ends_where_its_take_ends() -> None:
    assert line((1, "recording", 100), end=(1, 700)).duration_ns(9999) == 600


def test_between_two_takes_the_recording_is_silent_but_goes_on() -> None:
    made = line((1, "recording", 100), end=(1, 700))
    made.see_state(2, "joining", 900)
    made.see_state(2, "recording", 1000)
    made.end_take(2, 1500)
    assert made.position_ns(1000) == 900
    assert [(b.start_ns, b.end_ns) for b in made.bridges] == [(700, 1000)]
    assert made.pauses() == []
    assert made.duration_ns(0) == 1400


def test_a_bot_killed_while_paused_stays_paused_until_it_records_again() -> None:
    made = line((1, "recording", 100), (1, "paused", 300), end=(1, 700))
    made.see_state(2, "recording", 1000)
    assert made.position_ns(1000) == 200
    assert made.bridges == []


def test_without_states_the_first_media_begins_it() -> None:
    made = RecordingLine()
    made.see_media(1, 500)
    made.see_media(1, 600)
    made.end_take(1, 900)
    assert made.position_ns(500) == 0
    assert made.duration_ns(0) == 400


def test_media_before_recording_does_not_begin_it() -> None:
    made = line((1, "in_call", 10))
    made.see_media(1, 500)
    assert not made.has_started


@given(st.integers(-(10**15), 10**15))
def test_samples_survive_the_way_to_nanoseconds_and_back(samples: int) -> None:
    assert to_samples(to_ns(samples)) == samples
