import pytest

from meetfleet.artifacts.voice_activity import VoiceActivity

SECOND = 48_000


def spans(levels: list[int], *, samples: int = 960) -> list[tuple[float, float]]:
    activity = VoiceActivity()
    for index, level in enumerate(levels):
        activity.add(index * samples, samples, level)
    return [(s.start / SECOND, s.end / SECOND) for s in activity.spans()]


def test_a_span_begins_and_ends_with_its_loud_packets() -> None:
    assert spans([127] * 50 + [20] * 100 + [127] * 50) == [(1.0, 3.0)]


def test_pauses_between_words_belong_to_the_span() -> None:
    assert spans([20] * 20 + [127] * 14 + [20] * 20) == [(0.0, 1.08)]


def test_longer_silence_ends_the_span() -> None:
    assert spans([20] * 20 + [127] * 25 + [20] * 20) == [(0.0, 0.4), (0.9, 1.3)]


def test_a_click_is_no_speech() -> None:
    assert spans([127] * 50 + [10] * 2 + [127] * 50) == []


def test_a_click_long_before_speech_does_not_begin_it() -> None:
    assert spans([10] + [127] * 12 + [20] * 50) == [(0.26, 1.26)]


def test_a_soft_first_sound_with_a_dip_keeps_its_beginning() -> None:
    assert spans([127] * 10 + [48, 66, 30] + [20] * 30) == [(0.2, 0.86)]


def test_the_decay_of_a_loud_word_still_counts() -> None:
    assert spans([127] * 10 + [20] * 20 + [59] * 3 + [127] * 20) == [(0.2, 0.66)]


@pytest.mark.parametrize("noise", [46, 52, 60, 75])
def test_steady_noise_is_not_speech_once_it_is_known(noise: int) -> None:
    noisy = [noise + (i % 3) for i in range(300)]
    heard = spans(noisy + [25] * 100 + noisy)
    assert heard[-1] == (6.0, 8.0) or (heard[-1][0] <= 6.0 and abs(heard[-1][1] - 8.0) < 0.05)
    assert all(end <= 3.0 for start, end in heard[:-1])


def test_music_without_a_pause_stays_sound() -> None:
    assert spans([20] * 3000) == [(0.0, 60.0)]
