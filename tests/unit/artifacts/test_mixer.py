import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from meetfleet.artifacts.mixer import Mixer, limit


def rendered(mixer: Mixer, start: int, end: int) -> np.ndarray:
    parts = [np.zeros(p, np.int16) if isinstance(p, int) else p for p in mixer.release(start, end)]
    return np.concatenate(parts) if parts else np.zeros(0, np.int16)


@given(st.lists(st.tuples(st.integers(0, 200_000), st.integers(1, 3000)), max_size=20), st.integers(5_000, 90_000))
@settings(deadline=None, max_examples=40)
def test_the_mix_is_the_sum_however_it_is_released(sounds: list[tuple[int, int]], step: int) -> None:
    mixer, truth = Mixer(), np.zeros(210_000, np.int64)
    for number, (position, length) in enumerate(sounds):
        mixer.add(position, np.full(length, number + 1, np.float32))
        truth[position : position + length] += number + 1
    heard = np.concatenate([rendered(mixer, a, min(a + step, 210_000)) for a in range(0, 210_000, step)])
    assert (heard == truth).all()


def test_what_comes_after_its_place_was_released_is_counted_and_dropped() -> None:
    mixer = Mixer()
    rendered(mixer, 0, 1000)
    mixer.add(900, np.ones(200, np.float32))
    assert mixer.late == 100
    assert rendered(mixer, 1000, 1200).sum() == 100


def test_loud_sums_are_bent_and_never_wrap() -> None:
    loud = np.linspace(-120_000, 120_000, 5000).astype(np.float32)
    bent = limit(loud)
    assert (np.diff(bent.astype(int)) >= 0).all()
    assert bent.max() <= 32767
    assert bent.min() >= -32767
    assert abs(int(bent[-1])) > 32_000


def test_sound_below_the_knee_is_untouched() -> None:
    quiet = np.arange(-22_000, 22_000, 7).astype(np.float32)
    assert (limit(quiet) == quiet.astype(np.int16)).all()


def test_ordinary_samples_of_a_block_with_a_loud_one_are_untouched() -> None:
    sound = np.array([100, -200, 60_000, 300], np.float32)
    assert limit(sound)[[0, 1, 3]].tolist() == [100, -200, 300]
