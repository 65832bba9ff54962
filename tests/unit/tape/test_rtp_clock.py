import random
from collections import deque

import pytest

from meetfleet.tape.rtp_clock import RtpClock
from meetfleet.testing.tapes import MS, START_NS


def errors_ms(
    seconds: float, *, skew_ppm: float = 0, jitter_ms: float = 0, silent: tuple[float, float] = (0, 0)
) -> list[float]:
    """How far each packet's meeting time lies from the truth, asked 1.5 s after it arrived as a reorder buffer does."""
    rng = random.Random(5)
    true_ms = [index * 20 * (1 + skew_ppm * 1e-6) for index in range(round(seconds * 50))]
    sent = [
        (start_ms + rng.random() * jitter_ms, index * 960, start_ms)
        for index, start_ms in enumerate(true_ms)
        if not silent[0] <= start_ms / 1000 < silent[1]
    ]
    clock, waiting, out = RtpClock(48000), deque[tuple[float, int, float]](), list[float]()

    def ask(until_ms: float) -> None:
        while waiting and waiting[0][0] <= until_ms:
            _, ticks, truth = waiting.popleft()
            out.append((clock.time_ns(ticks) - START_NS) / MS - truth)

    for arrival_ms, ticks, truth in sorted(sent):
        ask(arrival_ms - 1500)
        clock.observe(0, ticks, START_NS + round(arrival_ms * MS))
        waiting.append((arrival_ms, ticks, truth))
    ask(float("inf"))
    return out


def test_without_jitter_the_time_is_exact() -> None:
    assert max(map(abs, errors_ms(10))) < 0.001


def test_jitter_does_not_move_sound() -> None:
    assert max(map(abs, errors_ms(60, jitter_ms=200))) < 12


@pytest.mark.parametrize("skew_ppm", [-100, 100])
def test_a_skewed_clock_does_not_drift_in_two_hours(skew_ppm: float) -> None:
    errors = errors_ms(7200, skew_ppm=skew_ppm, jitter_ms=30)
    assert max(map(abs, errors[100:])) < 6


@pytest.mark.parametrize("skew_ppm", [-100, 100])
def test_ten_silent_minutes_do_not_move_the_words_after_them(skew_ppm: float) -> None:
    errors = errors_ms(660, skew_ppm=skew_ppm, jitter_ms=30, silent=(20, 640))
    assert max(map(abs, errors)) < 20
    assert max(map(abs, errors[-100:])) < 6


def test_timestamps_that_stand_still_in_silence_are_followed() -> None:
    clock = RtpClock(48000)
    for index in range(100):
        clock.observe(0, index * 960, START_NS + index * 20 * MS)
    for index in range(100, 200):
        clock.observe(0, index * 960, START_NS + (index * 20 + 4000) * MS)
    assert clock.time_ns(150 * 960) == START_NS + (150 * 20 + 4000) * MS


def test_a_new_epoch_forgets_the_old_clock() -> None:
    clock = RtpClock(48000)
    clock.observe(0, 0, START_NS)
    clock.observe(1, 999_999, START_NS + 20 * MS)
    assert clock.time_ns(999_999) == START_NS + 20 * MS


def test_nothing_observed_is_an_error() -> None:
    with pytest.raises(ValueError, match="observed"):
        RtpClock(48000).time_ns(0)
