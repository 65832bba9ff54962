"""Names for the voices that engines number. A wrong name is worse than none."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetfleet.transcription.naming import TOLERANCE_S, Diarization, HeardSpan, named
from meetfleet.transcription.transcript import Utterance

PEOPLE = ("Ada", "Ben", "Eve")


def said(start_s: float, end_s: float, voice: int | None = 0) -> Utterance:
    return Utterance("words", start_s, end_s, voice=voice)


def names(utterances: list[Utterance], *spans: tuple[str | None, float, float]) -> list[str | None]:
    return [u.speaker for u in named(utterances, Diarization([HeardSpan(*span) for span in spans]))]


def test_whose_sound_lies_under_an_utterance_said_it() -> None:
    assert names([said(1, 3), said(5, 6, 1)], ("Ada", 0.5, 4), ("Ben", 4.5, 9)) == ["Ada", "Ben"]


def test_one_voice_that_is_two_people_gets_two_names() -> None:
    assert names([said(1, 3), said(5, 6), said(6, 7)], ("Ada", 1, 3), ("Ben", 5, 7)) == ["Ada", "Ben", "Ben"]


def test_an_utterance_of_two_people_gets_the_name_that_its_voice_has_elsewhere() -> None:
    spans = (("Ada", 0, 5), ("Ada", 10, 12), ("Ben", 12, 14))
    assert names([said(0, 5, 1), said(10, 14, 1)], *spans) == ["Ada", "Ada"]


def test_two_at_once_are_nobody_where_the_voice_is_not_known_elsewhere() -> None:
    assert names([said(10, 14)], ("Ada", 10, 14), ("Ben", 10, 14)) == [None]


def test_a_voice_that_is_half_one_and_half_another_names_nobody() -> None:
    spans = (("Ada", 0, 2), ("Ben", 4, 6), ("Ada", 10, 12), ("Ben", 10, 12))
    assert names([said(0, 2), said(4, 6), said(10, 12)], *spans) == ["Ada", "Ben", None]


def test_a_voices_name_does_not_go_to_an_utterance_under_which_only_others_are_heard() -> None:
    spans = (("Ada", 0, 9), (None, 20, 24))
    assert names([said(0, 9), said(20, 24)], *spans) == ["Ada", None]


def test_an_engine_may_be_off_by_a_second() -> None:
    assert names([said(3.2, 3.8, None)], ("Ada", 1, 3)) == ["Ada"]
    assert names([said(3.2 + TOLERANCE_S, 4.8, None)], ("Ada", 1, 3)) == [None]


def test_without_diarization_nobody_is_named() -> None:
    assert names([said(0, 1), said(1, 2, None)]) == [None, None]


TIMES = st.floats(min_value=0, max_value=500, allow_nan=False)
LENGTHS = st.floats(min_value=0.05, max_value=20, allow_nan=False)
UTTERANCES = st.lists(
    st.builds(lambda a, length, v: said(a, a + length, v), TIMES, LENGTHS, st.integers(0, 3) | st.none()), max_size=12
)
SPANS = st.lists(
    st.builds(lambda who, a, length: HeardSpan(who, a, a + length), st.sampled_from(PEOPLE), TIMES, LENGTHS),
    max_size=12,
)


@given(UTTERANCES, SPANS)
def test_only_names_of_people_heard_are_given_and_nothing_else_changes(
    utterances: list[Utterance], spans: list[HeardSpan]
) -> None:
    found = named(utterances, Diarization(spans))
    assert [replace(u, speaker=None) for u in found] == utterances
    assert {u.speaker for u in found} <= {span.speaker for span in spans} | {None}


@given(UTTERANCES, SPANS)
def test_a_name_means_that_this_person_was_heard_then_or_that_nobody_was(
    utterances: list[Utterance], spans: list[HeardSpan]
) -> None:
    for u in named(utterances, Diarization(spans)):
        end_s = max(u.end_s, u.start_s + 0.01)
        near = [s for s in spans if s.start_s < end_s + TOLERANCE_S and s.end_s > u.start_s - TOLERANCE_S]
        assert u.speaker is None or not near or u.speaker in {s.speaker for s in near}


@given(st.lists(LENGTHS, min_size=1, max_size=20), st.randoms(use_true_random=False), st.booleans())
def test_people_who_never_speak_at_once_are_named_without_a_mistake(lengths: list[float], rng, numbered: bool) -> None:
    """Whatever the engine's voices are: two people may share a number, one may have several."""
    at_s, spans, utterances, truth = 0.0, [], [], []
    for length_s in lengths:
        who = rng.choice(PEOPLE)
        spans.append(HeardSpan(who, at_s, at_s + length_s))
        utterances.append(said(at_s, at_s + length_s, rng.randrange(3) if numbered else None))
        truth.append(who)
        at_s += length_s + 2 * TOLERANCE_S
    assert [u.speaker for u in named(utterances, Diarization(spans))] == truth


@given(SPANS, TIMES, LENGTHS)
def test_what_overlaps_is_found_however_spans_lie(spans: list[HeardSpan], start_s: float, length_s: float) -> None:
    found = Diarization(spans).near(start_s, start_s + length_s)
    expected = [s for s in spans if s.start_s < start_s + length_s and s.end_s > start_s]
    assert sorted(found, key=repr) == sorted(expected, key=repr)


@pytest.mark.parametrize("voice", [0, None])
def test_speech_that_the_diarization_does_not_know_is_nobodys(voice: int | None) -> None:
    assert names([said(10, 12, voice)], (None, 9, 13)) == [None]
