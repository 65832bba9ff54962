from hypothesis import given
from hypothesis import strategies as st

from meetfleet.artifacts.placement import Placer

MS = 48


def test_a_run_follows_its_rtp_timestamps_exactly() -> None:
    placer = Placer()
    jittery = [0, 30, -40, 100, -100, 20]
    places = [
        placer.place(i * 960 + off, 960, step=960 if i else None, is_quiet=False) for i, off in enumerate(jittery)
    ]
    assert places == [i * 960 for i in range(6)]


def test_a_run_may_begin_anywhere_on_the_grid_of_two_and_a_half_ms() -> None:
    placer = Placer()
    assert placer.place(1000, 960, step=None, is_quiet=False) == 960
    assert placer.place(1961, 960, step=960, is_quiet=False) == 1920


def test_drift_is_taken_out_in_quiet_packets() -> None:
    placer = Placer()
    for i in range(1000):
        drift = i * 2
        place = placer.place(i * 960 + drift, 960, step=960 if i else None, is_quiet=i % 100 > 90)
        assert place is not None
        assert abs(place - (i * 960 + drift)) <= 10 * MS


def test_a_slow_clock_costs_a_quiet_packet_now_and_then_and_no_loud_one() -> None:
    placer = Placer()
    dropped: list[int] = []
    for i in range(5000):
        ideal = round(i * 960 * (1 - 200e-6))
        if placer.place(ideal, 960, step=960 if i else None, is_quiet=i % 50 > 40) is None:
            dropped.append(i)
    assert dropped
    assert all(i % 50 > 40 for i in dropped)
    assert len(dropped) <= 10


def test_sound_without_any_quiet_moves_only_when_it_is_off_by_fifteen_ms() -> None:
    placer = Placer()
    errors: list[int] = []
    for i in range(9000):
        ideal = round(i * 960 * (1 + 100e-6))
        place = placer.place(ideal, 960, step=960 if i else None, is_quiet=False)
        if place is not None:
            errors.append(ideal - place)
    assert max(map(abs, errors)) <= 16 * MS


def test_after_silence_a_packet_goes_to_its_ideal_place() -> None:
    placer = Placer()
    placer.place(0, 960, step=None, is_quiet=False)
    assert placer.place(10_000, 960, step=9600, is_quiet=False) == 9960


def test_a_voice_that_moves_to_another_stream_goes_on_without_a_seam() -> None:
    placer = Placer()
    placer.place(0, 960, step=None, is_quiet=False)
    assert placer.place(960 + 300, 960, step=None, is_quiet=False) == 960
    assert placer.place(1920 - 300, 960, step=None, is_quiet=False) == 1920


@given(
    st.lists(
        st.tuples(st.integers(-3000, 3000), st.sampled_from([120, 480, 960, 2880]), st.booleans(), st.booleans()),
        max_size=80,
    )
)
def test_packets_never_overlap_and_stay_on_the_grid(packets: list[tuple[int, int, bool, bool]]) -> None:
    placer = Placer()
    rtp, end, last_length = 100_000, 0, 0
    for offset, length, same_stream, is_quiet in packets:
        rtp += last_length
        place = placer.place(rtp + offset, length, step=last_length if same_stream else None, is_quiet=is_quiet)
        last_length = length
        if place is not None:
            assert place >= end
            assert place % 120 == 0
            end = place + length
            assert placer.end == end
