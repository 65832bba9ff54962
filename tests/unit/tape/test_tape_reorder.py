from hypothesis import given
from hypothesis import strategies as st

from meetfleet.tape.reorder import OrderedFrame, ReorderBuffer, RtpUnwrapper
from meetfleet.testing.tapes import MS, START_NS, audio_frame


def run(arrivals: list[tuple[int, int]], buffer: ReorderBuffer | None = None) -> list[OrderedFrame]:
    """arrivals: (packet index, arrival in ms), in order of arrival."""
    buffer = buffer or ReorderBuffer(48000)
    out: list[OrderedFrame] = []
    for index, at_ms in arrivals:
        frame = audio_frame(index, arrival_ns=START_NS + at_ms * MS)
        buffer.push(frame)
        out += buffer.release(frame.arrival_ns)
    return out + buffer.flush()


def indexes(frames: list[OrderedFrame]) -> list[int]:
    return [int(f.frame.payload.split()[1]) for f in frames]


@given(st.lists(st.integers(0, 1400), min_size=1, max_size=200))
def test_delays_below_the_hold_never_cost_or_swap_a_frame(delays_ms: list[int]) -> None:
    arrivals = sorted(((i, i * 20 + delay) for i, delay in enumerate(delays_ms)), key=lambda a: a[1])
    assert indexes(run(arrivals)) == list(range(len(delays_ms)))


@given(st.lists(st.integers(0, 4000), min_size=1, max_size=200))
def test_whatever_the_delays_frames_leave_in_order_once_and_late_ones_are_counted(delays_ms: list[int]) -> None:
    arrivals = sorted(((i, i * 20 + delay) for i, delay in enumerate(delays_ms)), key=lambda a: a[1])
    buffer = ReorderBuffer(48000)
    out = run(arrivals, buffer)
    assert [(f.epoch, f.ticks) for f in out] == sorted({(f.epoch, f.ticks) for f in out})
    assert len(out) + buffer.late == len(delays_ms)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=60))
def test_a_second_copy_is_dropped(indexes_: list[int]) -> None:
    buffer = ReorderBuffer(48000)
    out = run([(index, 1000 + n) for n, index in enumerate(indexes_)], buffer)
    assert indexes(out) == sorted(set(indexes_))
    assert buffer.duplicates == len(indexes_) - len(set(indexes_))


def test_a_copy_of_what_just_left_is_a_duplicate() -> None:
    buffer = ReorderBuffer(48000, hold_s=0.1)
    run([(0, 0), (1, 20)], buffer)
    assert buffer.push(audio_frame(1, arrival_ns=START_NS + 200 * MS)) is None
    assert buffer.duplicates == 1


def test_a_frame_leaves_no_later_than_the_hold_after_it_came() -> None:
    buffer = ReorderBuffer(48000)
    for index, at_ms in [(1, 20), (0, 1000), (2, 1010)]:
        buffer.push(audio_frame(index, arrival_ns=START_NS + at_ms * MS))
    assert indexes(buffer.release(START_NS + 1519 * MS)) == []
    assert indexes(buffer.release(START_NS + 1520 * MS)) == [0, 1]


@given(start=st.integers(0, 2**32 - 1), steps=st.lists(st.integers(1, 20_000), min_size=1, max_size=100))
def test_the_32_bit_wrap_is_undone(start: int, steps: list[int]) -> None:
    unwrapper = RtpUnwrapper(48000)
    ticks, first = start, unwrapper.unwrap(start, START_NS)
    total = 0
    for step in steps:
        total += step * 960
        ticks = (start + total) & 0xFFFFFFFF
        assert unwrapper.unwrap(ticks, START_NS + total * 1_000_000_000 // 48000) - first == total
    assert unwrapper.epoch == 0


def test_days_of_silence_do_not_confuse_the_wrap() -> None:
    unwrapper = RtpUnwrapper(48000)
    days = 3 * 86_400
    first = unwrapper.unwrap(1000, START_NS)
    later = unwrapper.unwrap((1000 + days * 48000) & 0xFFFFFFFF, START_NS + days * 1_000_000_000)
    assert later - first == days * 48000
    assert unwrapper.epoch == 0


def test_a_clock_that_starts_anew_begins_an_epoch() -> None:
    unwrapper = RtpUnwrapper(48000)
    unwrapper.unwrap(1000, START_NS)
    unwrapper.unwrap(3_000_000_000, START_NS + 20 * MS)
    assert unwrapper.epoch == 1


def test_a_clock_that_steps_back_a_little_loses_only_a_second() -> None:
    forward = [(i, i * 20) for i in range(400)]
    stepped_back = [(i - 250, i * 20) for i in range(400, 800)]
    buffer = ReorderBuffer(48000)
    out = run(forward + stepped_back, buffer)
    assert buffer.late == 50
    assert len(out) == 750
