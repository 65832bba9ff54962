import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetfleet.artifacts.der import SpokenSpan, diarization_error, diarization_error_rate

A, B = "Ada", "Grace"


def spans(*rows: tuple[str, float, float]) -> list[SpokenSpan]:
    return [SpokenSpan(*row) for row in rows]


def test_the_truth_has_no_error() -> None:
    truth = spans((A, 0, 5), (B, 4, 9))
    assert diarization_error_rate(truth, truth) == 0


@pytest.mark.parametrize(
    ("guess", "missed", "false_alarm", "confused"),
    [
        (spans((A, 0, 4)), 6, 0, 0),
        (spans((A, 0, 5), (B, 5, 12)), 0, 2, 0),
        (spans((B, 0, 5), (B, 5, 10)), 0, 0, 5),
        (spans((A, 0, 10)), 0, 0, 5),
        (spans((A, 0, 5), (B, 0, 10)), 0, 5, 0),
        ([], 10, 0, 0),
    ],
)
def test_each_kind_of_error_is_counted(
    guess: list[SpokenSpan], missed: float, false_alarm: float, confused: float
) -> None:
    error = diarization_error(spans((A, 0, 5), (B, 5, 10)), guess)
    assert (error.spoken_s, error.missed_s, error.false_alarm_s, error.confused_s) == (
        10,
        missed,
        false_alarm,
        confused,
    )
    assert error.rate == (missed + false_alarm + confused) / 10


def test_two_at_once_count_twice() -> None:
    truth = spans((A, 0, 10), (B, 0, 10))
    assert diarization_error(truth, spans((A, 0, 10))).missed_s == 10
    assert diarization_error(truth, []).spoken_s == 20


def test_a_collar_forgives_boundaries() -> None:
    truth, guess = spans((A, 1, 5)), spans((A, 0.9, 5.2))
    assert diarization_error_rate(truth, guess) == pytest.approx(0.3 / 4)
    assert diarization_error_rate(truth, guess, collar_s=0.25) == 0


def test_silence_called_speech_is_infinitely_wrong() -> None:
    assert diarization_error_rate([], spans((A, 0, 1))) == float("inf")
    assert diarization_error_rate([], []) == 0


SPANS = st.lists(
    st.tuples(st.sampled_from([A, B]), st.integers(0, 50), st.integers(1, 20)).map(
        lambda t: SpokenSpan(t[0], float(t[1]), float(t[1] + t[2]))
    ),
    max_size=12,
)


@given(SPANS, SPANS)
def test_it_agrees_with_counting_tick_by_tick(truth: list[SpokenSpan], guess: list[SpokenSpan]) -> None:
    missed = false_alarm = confused = spoken = 0
    for tick in range(80):
        said = {s.speaker for s in truth if s.start_s <= tick < s.end_s}
        named = {s.speaker for s in guess if s.start_s <= tick < s.end_s}
        spoken += len(said)
        missed += max(0, len(said) - len(named))
        false_alarm += max(0, len(named) - len(said))
        confused += min(len(said), len(named)) - len(said & named)
    error = diarization_error(truth, guess)
    assert (error.spoken_s, error.missed_s, error.false_alarm_s, error.confused_s) == pytest.approx(
        (spoken, missed, false_alarm, confused)
    )
