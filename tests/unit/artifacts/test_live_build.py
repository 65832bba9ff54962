import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meetfleet.artifacts.der import SpokenSpan, diarization_error
from meetfleet.artifacts.live import LiveBuild, build
from meetfleet.artifacts.manifest import read_manifest
from meetfleet.artifacts.ogg import read_packets
from meetfleet.artifacts.opus import is_filler
from meetfleet.tape.records import ScreenSeen, StateSeen, TrackInfo
from meetfleet.tape.tape import Tape
from meetfleet.tape.writer import TapeWriter
from meetfleet.testing.meeting_tape import MadeTape, MeetingScript, Utterance, damaged, make_tape, turns
from meetfleet.testing.sound import measure_shifts_ms, read_sound
from meetfleet.testing.speech import opus_packets, speech
from meetfleet.testing.tapes import START_NS, HandClock, audio_frame, meta

SHORT = (Utterance(0, 0.5, 2.0), Utterance(1, 2.6, 4.6), Utterance(0, 5.5, 7.0), Utterance(2, 6.4, 8.1))


def digests(directory: Path) -> dict[str, str]:
    files = sorted(p for p in directory.rglob("*") if p.is_file())
    return {str(p.relative_to(directory)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def guessed(directory: Path) -> list[SpokenSpan]:
    rows = [json.loads(line) for line in (directory / "diarization.jsonl").read_text().splitlines()]
    return [SpokenSpan(row["speaker"], row["start_time"], row["end_time"]) for row in rows]


def assert_sound_in_place(made: MadeTape, directory: Path, limit_ms: float = 20) -> None:
    mix = read_sound(directory / "output.flac")
    shifts = measure_shifts_ms(made.sound, mix, [(span.start_s, span.end_s) for span in made.truth])
    assert max(map(abs, shifts)) < limit_ms, shifts


def assert_never_a_wrong_name(made: MadeTape, directory: Path) -> None:
    for span in guessed(directory):
        if span.speaker.startswith("Unknown"):
            continue
        said = sum(
            max(0.0, min(span.end_s, t.end_s) - max(span.start_s, t.start_s))
            for t in made.truth
            if t.speaker == span.speaker
        )
        assert said > 0.5 * (span.end_s - span.start_s), span


CASES = {
    "a_clean_pool": {},
    "jitter_of_200_ms": {"jitter_ms": 200},
    "three_percent_loss": {"jitter_ms": 40, "loss": 0.03},
    "a_fast_clock": {"jitter_ms": 30, "skew_ppm": 100},
    "a_slow_clock": {"jitter_ms": 30, "skew_ppm": -100},
    "speakers_moving_between_tracks_in_mid_word": {"jitter_ms": 30, "rotate_every_s": 1.3},
    "a_late_roster": {"roster_delay_s": 15},
    "own_tracks": {"layout": "own"},
    "own_tracks_without_levels": {"layout": "own", "levels": False},
    "decoded_tracks_named_by_signals": {"layout": "raw_pool", "signals": True},
    "decoded_tracks_at_another_rate": {"layout": "raw_pool", "signals": True, "sample_rate_hz": 16000},
    "a_page_mix_named_by_signals": {"layout": "page", "signals": True},
    "sources_that_change_hands": {"csrc_shift_at_s": 12.0},
    "the_bots_own_voice_sent_back": {"echo": True},
    "pauses": {"pauses": ((4.013, 9.4), (15.0, 16.5))},
    "no_states_at_all": {"state": False},
}


LIMITS = {"a_page_mix_named_by_signals": 0.1, "sources_that_change_hands": 0.012}


@pytest.mark.parametrize("case", CASES)
def test_speakers_and_sound_are_true_with(case: str, tmp_path: Path) -> None:
    script = MeetingScript(turns(4, 24, seed=3), 24, people=4, **CASES[case])  # type: ignore[arg-type]
    made = make_tape(tmp_path / "tape", script)
    build(tmp_path / "tape", tmp_path / "out")
    if case == "no_states_at_all":
        first = int(script.utterances[0].start_s * 50) / 50
        made.truth = [SpokenSpan(t.speaker, t.start_s - first, t.end_s - first) for t in made.truth]
        made.sound = made.sound[round(first * 48000) :]
    error = diarization_error(made.truth, guessed(tmp_path / "out"))
    assert error.rate < LIMITS.get(case, 0.01), error
    assert_never_a_wrong_name(made, tmp_path / "out")
    assert_sound_in_place(made, tmp_path / "out")


@pytest.mark.parametrize("skew_ppm", [-100, 100])
def test_nothing_drifts_in_ten_minutes(skew_ppm: float, tmp_path: Path) -> None:
    words = tuple(Utterance(0, at + 0.37, at + 2.2) for at in range(5, 600, 45))
    script = MeetingScript(words, 600, people=1, layout="own", skew_ppm=skew_ppm, jitter_ms=40, keeps_sending=True)
    made = make_tape(tmp_path / "tape", script)
    build(tmp_path / "tape", tmp_path / "out")
    assert_sound_in_place(made, tmp_path / "out", limit_ms=10)
    voice = read_sound(tmp_path / "out/audio/1-ada.ogg")
    shifts = measure_shifts_ms(made.sound, voice, [(span.start_s, span.end_s) for span in made.truth])
    assert max(map(abs, shifts)) < 10, shifts
    assert diarization_error(made.truth, guessed(tmp_path / "out")).rate < 0.015


def test_every_speakers_file_shares_the_recordings_time_line(tmp_path: Path) -> None:
    script = MeetingScript(turns(3, 30), 30, jitter_ms=40, skew_ppm=50)
    made = make_tape(tmp_path / "tape", script)
    manifest = build(tmp_path / "tape", tmp_path / "out")
    files = [f for f in manifest.files if f.kind == "speaker_audio"]
    assert {f.speaker for f in files} == {t.speaker for t in made.truth}
    for file in files:
        voice = read_sound(tmp_path / "out" / file.name)
        assert abs(len(voice) / 48000 - 30) < 0.001
        mine = [(span.start_s, span.end_s) for span in made.truth if span.speaker == file.speaker]
        assert max(map(abs, measure_shifts_ms(made.sound, voice, mine))) < 20


def test_speakers_files_hold_the_untouched_packets(tmp_path: Path) -> None:
    made = make_tape(tmp_path / "tape", MeetingScript(SHORT, 9))
    build(tmp_path / "tape", tmp_path / "out")
    kept = [payload for _, _, payload in read_packets(tmp_path / "out/audio/1-ada.ogg")]
    assert kept == [payload for payload in made.payloads[0] if not is_filler(payload)]


@given(segment_s=st.floats(0.4, 12), as_bytes=st.booleans())
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_segment_boundaries_do_not_change_a_byte(
    tmp_path_factory: pytest.TempPathFactory, segment_s: float, as_bytes: bool
) -> None:
    root = tmp_path_factory.mktemp("cuts")
    base = {"jitter_ms": 120, "loss": 0.02, "signals": True, "pauses": ((3.0, 3.7),), "roster_delay_s": 2}
    make_tape(root / "a", MeetingScript(SHORT, 9, **base))  # type: ignore[arg-type]
    make_tape(root / "b", MeetingScript(SHORT, 9, segment_s=segment_s, **base))  # type: ignore[arg-type]
    build(root / "a", root / "out_a")
    live = LiveBuild(root / "out_b")
    for segment in Tape.open(root / "b").segments:
        live.feed(segment.path.read_bytes() if as_bytes else segment.path)
    live.finish()
    a, b = digests(root / "out_a"), digests(root / "out_b")
    first, second = read_manifest(root / "out_a"), read_manifest(root / "out_b")
    assert {k: v for k, v in a.items() if k != "manifest.json"} == {k: v for k, v in b.items() if k != "manifest.json"}
    assert first.files == second.files
    assert first.capture == second.capture
    assert first.quality == second.quality


def test_feeding_live_and_building_afterwards_give_the_same_bytes(tmp_path: Path) -> None:
    make_tape(tmp_path / "tape", MeetingScript(SHORT, 9, jitter_ms=50))
    live = LiveBuild(tmp_path / "live")
    for segment in Tape.open(tmp_path / "tape").segments:
        live.feed(segment.path)
        live.feed(segment.path)  # at least once is enough, twice does no harm
    live.finish()
    build(tmp_path / "tape", tmp_path / "again")
    assert digests(tmp_path / "live") == digests(tmp_path / "again")


def test_nothing_of_an_earlier_build_stays_behind(tmp_path: Path) -> None:
    make_tape(tmp_path / "full", MeetingScript(SHORT, 9))
    make_tape(tmp_path / "silent", MeetingScript((), 3))
    build(tmp_path / "full", tmp_path / "out")
    build(tmp_path / "silent", tmp_path / "out")
    build(tmp_path / "silent", tmp_path / "fresh")
    assert digests(tmp_path / "out") == digests(tmp_path / "fresh")


def test_a_tape_cut_anywhere_builds_what_is_left(tmp_path: Path) -> None:
    make_tape(tmp_path / "tape", MeetingScript(SHORT, 9, segment_s=20))
    path = tmp_path / "tape/t01-000001.mcap"
    data = path.read_bytes()
    for tenth in range(1, 10):
        path.write_bytes(data[: len(data) * tenth // 10])
        manifest = build(tmp_path / "tape", tmp_path / f"out{tenth}")
        assert manifest.quality.damage
        assert manifest.duration_s <= 9
    assert manifest.duration_s > 6
    assert manifest.file("output.flac") is not None


def test_broken_packets_are_counted_and_kill_nothing(tmp_path: Path) -> None:
    script = MeetingScript(SHORT, 9)
    make_tape(tmp_path / "tape", script, alter=damaged)
    manifest = build(tmp_path / "tape", tmp_path / "out")
    assert manifest.quality.broken_packets > 0
    assert manifest.file("output.flac") is not None
    assert {"Ada", "Grace"} <= {f.speaker for f in manifest.files if f.kind == "speaker_audio"}


def test_a_bot_that_was_denied_gives_a_manifest_with_nothing(tmp_path: Path) -> None:
    writer = TapeWriter(tmp_path / "tape", meta(), HandClock())
    writer.append(StateSeen("joining"))
    writer.append(ScreenSeen("denied"))
    writer.screenshot(b"\x89PNG")
    writer.close()
    manifest = build(tmp_path / "tape", tmp_path / "out")
    assert manifest.duration_s == 0
    assert manifest.started_at is None
    assert [f.name for f in manifest.files] == ["screenshots/1.png"]
    assert read_manifest(tmp_path / "out") == manifest


def test_a_silent_meeting_gives_a_silent_recording_of_its_length(tmp_path: Path) -> None:
    make_tape(tmp_path / "tape", MeetingScript((), 12))
    manifest = build(tmp_path / "tape", tmp_path / "out")
    assert manifest.duration_s == 12
    sound = read_sound(tmp_path / "out/output.flac")
    assert len(sound) == 12 * 48000
    assert not sound.any()


def test_a_rejoined_bot_keeps_one_time_line_and_one_file_for_each_person(tmp_path: Path) -> None:
    first = make_tape(tmp_path / "tape", MeetingScript((Utterance(0, 1, 4),), 6, end_state=None))
    later = START_NS + 16_000_000_000
    make_tape(tmp_path / "tape", MeetingScript((Utterance(0, 1, 3), Utterance(1, 4, 6)), 8, take=2, start_ns=later))
    manifest = build(tmp_path / "tape", tmp_path / "out")
    assert manifest.takes == 2
    assert abs(manifest.duration_s - 24) < 0.6
    (gap,) = manifest.gaps
    assert gap.reason == "new_take"
    assert gap.end_s == 16
    truth = [*first.truth, SpokenSpan("Ada", 17, 19), SpokenSpan("Grace", 20, 22)]
    assert diarization_error(truth, guessed(tmp_path / "out")).rate < 0.015
    assert [f.name for f in manifest.files if f.kind == "speaker_audio"] == ["audio/1-ada.ogg", "audio/2-grace.ogg"]
    assert [p.user_id for p in manifest.participants] == [1, 2, 3]


def test_sound_that_is_older_than_the_announcement_of_its_track_is_kept(tmp_path: Path) -> None:
    clock = HandClock()
    writer = TapeWriter(tmp_path / "tape", meta(), clock)
    start_ns = clock.ns
    writer.append(StateSeen("recording"), start_ns)
    info = TrackInfo(0, "audio", "opus", 48_000)
    writer.write_track(info, start_ns + 300_000_000)
    packets = opus_packets(speech(2.0, 0))
    frames = [
        replace(audio_frame(n, arrival_ns=start_ns + n * 20_000_000, payload=packet), track_id=0)
        for n, packet in enumerate(packets)
    ]
    writer.append_frames(0, frames)
    clock.advance(3)
    writer.close()
    manifest = build(tmp_path / "tape", tmp_path / "out")
    assert manifest.quality.broken_packets == 0
    heard = read_sound(tmp_path / "out" / "output.flac")
    assert np.abs(heard[: 48_000 // 4].astype(float)).max() > 500
