"""Captions, chat, diarization lines and the manifest."""

import json

import pytest

from meetfleet.artifacts.attribution import Claim
from meetfleet.artifacts.captions import CaptionBook, caption_runs, captions_vtt
from meetfleet.artifacts.chat import ChatBook, chat_json
from meetfleet.artifacts.diarization import diarization_jsonl, segments_of, speaking_s
from meetfleet.artifacts.manifest import CaptureEntry, FileEntry, GapEntry, Manifest, ParticipantEntry, Quality
from meetfleet.artifacts.recording_line import RecordingLine
from meetfleet.artifacts.roster_book import Person
from meetfleet.artifacts.speaker_audio import slug
from meetfleet.domain.errors import TapeError
from meetfleet.tape.records import Caption, ChatMessage, Evidence

S = 1_000_000_000
PEOPLE = [Person(1, "Ada", ["d/1"], False, 0, 9 * S), Person(2, "Grace", ["d/2", "d/7"], False, 0, 9 * S)]


def recording(*pauses: tuple[int, int]) -> RecordingLine:
    line = RecordingLine()
    line.see_state(1, "recording", 100 * S)
    for start, end in pauses:
        line.see_state(1, "paused", start * S)
        line.see_state(1, "recording", end * S)
    line.see_state(1, "leaving", 200 * S)
    return line


def claim(who: str | None, start: float, end: float, source: str = "x") -> Claim:
    return Claim(source, round(start * S), round(end * S), who, Evidence.CSRC if who else None, 0.99 if who else 0.0)


def lines(claims: list[Claim], line: RecordingLine | None = None, **options: bool) -> list[dict[str, object]]:
    segments = segments_of(claims, PEOPLE, {"d/bot"}, line or recording())
    return [json.loads(row) for row in diarization_jsonl(segments, **options).splitlines()]


def test_a_diarization_line_has_the_contracts_fields() -> None:
    assert lines([claim("d/1", 101, 103.5)]) == [{"speaker": "Ada", "start_time": 1.0, "end_time": 3.5, "user_id": 1}]


def test_user_ids_can_be_left_out() -> None:
    assert "user_id" not in lines([claim("d/1", 101, 103)], with_user_ids=False)[0]


def test_one_person_over_two_ids_and_sources_is_one_track() -> None:
    (line,) = lines([claim("d/2", 101, 103, "x"), claim("d/7", 103.2, 105, "y")])
    assert (line["speaker"], line["start_time"], line["end_time"]) == ("Grace", 1.0, 5.0)


def test_half_a_second_of_silence_separates_segments() -> None:
    assert len(lines([claim("d/1", 101, 103), claim("d/1", 103.49, 105)])) == 1
    assert len(lines([claim("d/1", 101, 103), claim("d/1", 103.5, 105)])) == 2


def test_two_at_once_are_two_lines() -> None:
    assert [line["speaker"] for line in lines([claim("d/1", 101, 105), claim("d/2", 103, 104)])] == ["Ada", "Grace"]


def test_pauses_are_cut_out_of_segments() -> None:
    (line,) = lines([claim("d/1", 105, 135)], recording((110, 130)))
    assert (line["start_time"], line["end_time"]) == (5.0, 15.0)


def test_unknown_speakers_are_told_apart_by_source_and_have_no_id() -> None:
    rows = lines([claim(None, 101, 102, "x"), claim(None, 104, 105, "y"), claim(None, 107, 108, "x")])
    assert [row["speaker"] for row in rows] == ["Unknown speaker", "Unknown speaker 2", "Unknown speaker"]
    assert all("user_id" not in row for row in rows)


def test_the_bot_itself_is_no_speaker() -> None:
    assert lines([claim("d/bot", 101, 105)]) == []


def test_speaking_time_counts_segments() -> None:
    segments = segments_of([claim("d/1", 101, 103), claim("d/1", 110, 111)], PEOPLE, set(), recording())
    assert speaking_s(segments, 1) == 3.0


def captions(*rows: tuple[int, Caption], line: RecordingLine | None = None) -> str | None:
    book = CaptionBook()
    for at, caption in rows:
        book.see(1, at * S, caption)
    return captions_vtt(caption_runs(book.lines(), line or recording()), {"d/1": "Ada"})


def test_a_caption_shows_its_last_wording_under_the_rosters_name() -> None:
    vtt = captions(
        (101, Caption("c1", "d/1", "You", "good", 1)),
        (104, Caption("c1", "d/1", "You", "Good morning & welcome", 3, is_final=True)),
        (105, Caption("c1", "d/1", "You", "good mor", 2)),
    )
    assert vtt == "WEBVTT\n\n00:00:01.000 --> 00:00:04.000\n<v Ada>Good morning &amp; welcome</v>\n"


def test_captions_outside_the_recording_or_without_words_are_left_out() -> None:
    assert captions((50, Caption("c1", "d/1", "Ada", "early")), (150, Caption("c2", "d/1", "Ada", " "))) is None


def test_a_caption_cannot_break_the_file() -> None:
    vtt = captions((101, Caption("c1", None, "<b>", "a --> b\n\nNOTE x")))
    assert vtt is not None
    assert "<v &lt;b&gt;>a --&gt; b NOTE x</v>" in vtt


def test_chat_has_the_contracts_fields() -> None:
    book = ChatBook()
    book.see(101 * S, ChatMessage("m1", "d/2", "Grace", "hello"))
    book.see(102 * S, ChatMessage("m1", "d/2", "Grace", "hello"))
    book.see(103 * S, ChatMessage("m2", "d/bot", "Notetaker", "I record", is_self=True))
    rows = json.loads(chat_json(book.messages(), PEOPLE))
    assert rows == [
        {
            "message_id": "m1",
            "sender_name": "Grace",
            "sender_id": 2,
            "text": "hello",
            "timestamp": "1970-01-01T00:01:41.000Z",
        },
        {
            "message_id": "m2",
            "sender_name": "Notetaker",
            "sender_id": None,
            "text": "I record",
            "timestamp": "1970-01-01T00:01:43.000Z",
        },
    ]


def test_a_manifest_survives_json() -> None:
    manifest = Manifest(
        "b", "google_meet", "Notetaker", "1", 2, 9, "2026-01-01T00:00:00.000Z", 12.5,
        files=[FileEntry("output.flac", "audio", "audio/flac", 5, "00", 12.5)],
        participants=[ParticipantEntry(1, "Ada", ["d/1"], True, "x", "y", 3.0)],
        capture=[CaptureEntry(1, "audio", "encoded", 0.0, 12.5)],
        gaps=[GapEntry("paused", 1.0, 2.0)],
        quality=Quality(0.1, 1, 2, 3, ["t01-000001.mcap: cut"]),
    )  # fmt: skip
    assert Manifest.from_json(manifest.to_json()) == manifest
    later = json.loads(manifest.to_json()) | {"invented_later": 1}
    assert Manifest.from_json(json.dumps(later)) == manifest


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": 3}'])
def test_what_is_no_manifest_is_a_clear_error(text: str) -> None:
    with pytest.raises(TapeError, match="manifest"):
        Manifest.from_json(text)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Ada Lovelace", "ada-lovelace"),
        ("Zoë/../Ö", "zoe-o"),
        ("李雷", "speaker"),
        ("a" * 99, "a" * 40),
        ("", "speaker"),
    ],
)
def test_names_become_safe_file_names(name: str, expected: str) -> None:
    assert slug(name) == expected
