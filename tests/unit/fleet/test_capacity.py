from hypothesis import given
from hypothesis import strategies as st

from meetfleet.domain.link import RecordingMode
from meetfleet.fleet import capacity
from meetfleet.fleet.capacity import EXPECTED, Capacity, Cost, Load, Running

GB = 1e9
VIDEO = RecordingMode.SPEAKER_VIEW


def refusal(room: Capacity, running: list[Running], mode: RecordingMode) -> str | None:
    return capacity.refusal(room, Load.of(running), mode)


def steady(cores: float, memory_bytes: float = 0.1 * GB) -> Running:
    return Running(VIDEO, Cost(cores, memory_bytes), is_joining=False)


def joining() -> Running:
    return Running(VIDEO, None, is_joining=True)


def test_a_first_bot_always_fits():
    assert refusal(Capacity(0.01, 1, 0), [], VIDEO) is None


def test_bots_fit_by_what_they_cost_not_by_their_number():
    room = Capacity(cores=2, memory_bytes=16 * GB, free_memory_bytes=16 * GB)
    assert refusal(room, [steady(0.05)] * 30, VIDEO) is None
    assert "1.9 of 2.0 processor cores" in (refusal(room, [steady(0.95)] * 2, VIDEO) or "")


def test_a_machine_of_two_cores_holds_a_dozen_bots_of_the_expected_cost():
    room = Capacity(cores=2, memory_bytes=16 * GB, free_memory_bytes=16 * GB)
    settled = [Running(VIDEO, EXPECTED[VIDEO], is_joining=False)] * 11
    assert refusal(room, settled, VIDEO) is None


def test_memory_is_counted_and_what_others_use_of_it_too():
    room = Capacity(cores=64, memory_bytes=2 * GB, free_memory_bytes=8 * GB)
    assert "2000 MB of memory" in (refusal(room, [steady(0.1, 0.9 * GB)] * 2, VIDEO) or "")
    crowded = Capacity(cores=64, memory_bytes=100 * GB, free_memory_bytes=0.1 * GB)
    assert "100 MB of memory left" in (refusal(crowded, [steady(0.1)], VIDEO) or "")


def test_running_video_renderers_take_room_from_bots():
    room = Capacity(cores=2, memory_bytes=16 * GB, free_memory_bytes=16 * GB)
    bots = [steady(0.15)] * 8
    assert refusal(room, bots, VIDEO) is None
    assert refusal(room.beside_renderers(1), bots, VIDEO) is None
    assert "of 1.0 processor cores" in (refusal(room.beside_renderers(2), bots, VIDEO) or "")
    assert refusal(room.beside_renderers(9), [], VIDEO) is None  # a first bot always fits


def test_bots_start_in_small_groups():
    room = Capacity(cores=2, memory_bytes=16 * GB, free_memory_bytes=16 * GB)
    assert refusal(room, [joining()], VIDEO) is None
    assert "2 bots are starting" in (refusal(room, [joining()] * 2, VIDEO) or "")


def test_an_audio_bot_fits_where_a_video_bot_does_not():
    room = Capacity(cores=1, memory_bytes=16 * GB, free_memory_bytes=16 * GB)
    assert refusal(room, [steady(0.87)], VIDEO) is not None
    assert refusal(room, [steady(0.87)], RecordingMode.AUDIO_ONLY) is None


costs = st.builds(Cost, st.floats(0, 4), st.floats(0, 4 * GB))
bots = st.builds(Running, st.sampled_from(RecordingMode), st.none() | costs, st.booleans())


@given(st.lists(bots, max_size=20), bots, st.sampled_from(RecordingMode))
def test_one_bot_more_never_makes_room(running: list[Running], further: Running, mode: RecordingMode):
    room = Capacity(cores=4, memory_bytes=8 * GB, free_memory_bytes=4 * GB)
    if running and refusal(room, running, mode) is not None:
        assert refusal(room, [*running, further], mode) is not None
