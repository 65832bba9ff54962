"""When captioned words were said, and that nothing said off the record is captioned."""

import json

from hypothesis import given
from hypothesis import strategies as st

from meetfleet.artifacts.caption_words import SaidRun, captions_json, said_runs
from meetfleet.artifacts.captions import CaptionBook, caption_runs
from meetfleet.artifacts.diarization import Segment
from meetfleet.artifacts.recording_line import RecordingLine
from meetfleet.tape.records import Caption, Evidence

S = 1_000_000_000
START_S = 100


def recording(*pauses: tuple[float, float], end_s: float = 200) -> RecordingLine:
    line = RecordingLine()
    line.see_state(1, "recording", START_S * S)
    for start, end in pauses:
        line.see_state(1, "paused", round(start * S))
        line.see_state(1, "recording", round(end * S))
    line.see_state(1, "leaving", round(end_s * S))
    return line


def runs(
    *revisions: tuple[float, str], line: RecordingLine | None = None, segments: tuple[Segment, ...] = ()
) -> list[SaidRun]:
    """What is made of one caption that grew like this."""
    book = CaptionBook()
    for version, (at_s, text) in enumerate(revisions):
        book.see(1, round(at_s * S), Caption("c1", "d/1", "You", text, version, language="en-US"))
    return said_runs(caption_runs(book.lines(), line or recording()), {"d/1": "Ada"}, list(segments))


def heard(start_s: float, end_s: float) -> Segment:
    return Segment("Ada", 1, "d/1", round(start_s * S), round(end_s * S), Evidence.CSRC, 0.99)


def times(run: SaidRun) -> list[tuple[str, float, float]]:
    return [(w.text, round(w.start_ns / S, 2), round(w.end_ns / S, 2)) for w in run.words]


def test_a_word_ends_when_it_appears() -> None:
    (run,) = runs((101, "Good"), (101.5, "Good morning,"), (103, "Good morning, everybody"))
    assert (run.name, run.text) == ("Ada", "Good morning, everybody")
    assert [end for _, _, end in times(run)] == [1.0, 1.5, 3.0]
    # A pause lies before a word, not in it.
    assert times(run)[2][1] > 2.0


def test_words_that_appear_together_share_the_time_since_those_before() -> None:
    (run,) = runs((101, "One"), (101.6, "One two three"))
    assert times(run)[1:] == [("two", 1.0, 1.24), ("three", 1.24, 1.6)]


def test_a_changed_wording_keeps_the_times_of_its_places() -> None:
    (run,) = runs((101, "Eye"), (102, "Eye scream"), (103, "I scream"))
    assert [(text, end) for text, _, end in times(run)] == [("I", 1.0), ("scream", 2.0)]


def test_what_was_said_while_paused_is_in_no_caption() -> None:
    paused = recording((102, 110))
    found = runs(
        (101, "On record"), (105, "On record secret words"), (111, "On record secret words again"), line=paused
    )
    assert [run.text for run in found] == ["On record", "again"]
    assert [end for run in found for _, _, end in times(run)] == [0.55, 1.0, 3.0]


def test_words_without_spaces_are_cut_by_the_character() -> None:
    found = runs((101, "公开"), (105, "公开秘密"), (111, "公开秘密完"), line=recording((102, 110)))
    assert [run.text for run in found] == ["公开", "完"]


def test_captions_before_and_after_the_recording_are_left_out() -> None:
    assert runs((50, "early")) == []
    (run,) = runs((150, "kept"), (250, "kept late"))
    assert run.text == "kept"


def test_the_lag_of_captions_is_taken_out_by_the_sound_of_who_spoke() -> None:
    (run,) = runs((112, "Good"), (112.5, "Good morning,"), (113, "Good morning, all"), segments=(heard(9.8, 11.0),))
    assert run.words[0].start_ns / S >= 9.5
    assert abs(run.words[-1].end_ns / S - 11.0) <= 0.3


def test_captions_in_time_are_left_where_they_are() -> None:
    (run,) = runs((112, "Good"), (113, "Good morning"), segments=(heard(11.5, 13.1),))
    assert run.words[-1].end_ns == 13 * S


def test_the_file_names_speaker_language_and_words() -> None:
    text = captions_json(runs((101, "Hi")))
    assert text is not None
    (line,) = json.loads(text)["lines"]
    assert (line["speaker"], line["language"], line["text"]) == ("Ada", "en-US", "Hi")
    assert line["words"][0]["end"] == 1.0
    assert captions_json([]) is None


WORDS = st.lists(st.sampled_from(["a", "word", "公", "longer,", "é"]), min_size=1, max_size=12)


@given(
    st.lists(st.tuples(st.floats(100, 220), WORDS), min_size=1, max_size=8),
    st.lists(st.floats(100, 200), max_size=4).map(sorted),
    st.lists(st.tuples(st.floats(0, 100), st.floats(0.1, 9)), max_size=5),
)
def test_words_come_in_order_and_within_the_recording(
    revisions: list[tuple[float, list[str]]], edges: list[float], sounds: list[tuple[float, float]]
) -> None:
    line = recording(*zip(edges[::2], edges[1::2], strict=False))
    grown = [(at_s, " ".join(words)) for at_s, words in sorted(revisions, key=lambda r: r[0])]
    for run in runs(*grown, line=line, segments=tuple(heard(a, a + b) for a, b in sounds)):
        assert run.words
        flat = [at for word in run.words for at in (word.start_ns, word.end_ns)]
        assert flat == sorted(flat)
        assert flat[0] >= 0
        assert flat[-1] <= line.duration_ns(250 * S)
