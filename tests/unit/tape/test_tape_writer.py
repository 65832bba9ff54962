import errno
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mcap.reader import make_reader

from meetfleet.domain.errors import TapeError
from meetfleet.tape.reader import SegmentReader, TapeFrames, TapeRecord, read_segment
from meetfleet.tape.records import Participant, Roster, Screenshot, SourceRef, StateSeen, TrackInfo
from meetfleet.tape.tape import Tape
from meetfleet.tape.writer import TapeWriter
from meetfleet.testing.tapes import HandClock, audio_frame, meta, write_take


def frames_in(source: Path | bytes) -> list[bytes]:
    return [f.payload for m in read_segment(source) if isinstance(m, TapeFrames) for f in m.frames]


def test_what_is_written_is_read_back_unchanged(tmp_path: Path) -> None:
    clock = HandClock()
    writer = TapeWriter(tmp_path, meta(), clock)
    frames = [audio_frame(i) for i in range(10)]
    roster = Roster((Participant("d/1", "Ada", sources=(SourceRef("audio", csrc=5),)),))
    info = TrackInfo(0, "audio", "opus", 48000, stream_id="s")
    writer.write_track(info)
    writer.append(roster)
    writer.append_frames(0, frames)
    clock.advance(1)
    writer.screenshot(b"\x89PNG")
    sealed = writer.close()
    assert sealed is not None
    messages = list(read_segment(sealed.path))
    records = [m.record for m in messages if isinstance(m, TapeRecord)]
    assert records == [info, roster, Screenshot(b"\x89PNG")]
    assert [f for m in messages if isinstance(m, TapeFrames) for f in m.frames] == frames


def test_a_segment_is_sealed_every_five_seconds_and_told(tmp_path: Path) -> None:
    sealed, writer = write_take(tmp_path, 12)
    assert [s.name for s in sealed] == ["t01-000001.mcap", "t01-000002.mcap"]
    assert all(4.5e9 < s.last_ns - s.first_ns <= 5.6e9 for s in sealed)
    assert all(hashlib.sha256(s.path.read_bytes()).hexdigest() == s.sha256 for s in sealed)
    assert all(s.path.stat().st_size == s.size_bytes for s in sealed)
    assert (tmp_path / "t01-000003.mcap.open").exists()
    writer.close()
    assert not (tmp_path / "t01-000003.mcap.open").exists()
    assert (tmp_path / "t01-000003.mcap").exists()


def test_every_segment_can_be_read_alone(tmp_path: Path) -> None:
    write_take(tmp_path, 11)
    first = list(read_segment(tmp_path / "t01-000002.mcap"))[:2]
    assert {type(m.record) for m in first if isinstance(m, TapeRecord)} == {StateSeen, TrackInfo}


def test_a_change_is_never_repeated_before_it_happened(tmp_path: Path) -> None:
    clock = HandClock()
    writer = TapeWriter(tmp_path, meta(), clock)
    writer.append(StateSeen("recording"))
    writer.seal()
    clock.advance(1)
    writer.append_frames(0, [audio_frame(0, arrival_ns=clock.now_ns())])
    clock.advance(0.3)
    writer.append(StateSeen("paused"))
    sealed = writer.close()
    assert sealed is not None
    states = [m.record for m in read_segment(sealed.path) if isinstance(m, TapeRecord)]
    assert states == [StateSeen("recording"), StateSeen("paused")]


def test_a_track_that_ended_is_repeated_no_more(tmp_path: Path) -> None:
    clock = HandClock()
    writer = TapeWriter(tmp_path, meta(), clock)
    writer.write_track(TrackInfo(3, "video", "vp8", 90000))
    writer.end_track(3)
    writer.seal()
    writer.append(StateSeen("leaving"))
    sealed = writer.close()
    assert sealed is not None
    assert [m.record for m in read_segment(sealed.path) if isinstance(m, TapeRecord)] == [StateSeen("leaving")]


def test_a_killed_writer_loses_at_most_the_last_half_second(tmp_path: Path) -> None:
    write_take(tmp_path, 7.9)
    kept = frames_in(tmp_path / "t01-000001.mcap") + frames_in(tmp_path / "t01-000002.mcap.open")
    assert kept == [f"packet {i}".encode() for i in range(len(kept))]
    assert len(kept) >= (7.9 - 0.52) * 50


def test_a_quiet_meeting_reaches_the_disk_by_ticks(tmp_path: Path) -> None:
    clock = HandClock()
    writer = TapeWriter(tmp_path, meta(), clock)
    writer.tick()
    writer.append(StateSeen("waiting_room"))
    clock.advance(0.5)
    writer.tick()
    assert [m.record for m in read_segment(tmp_path / "t01-000001.mcap.open") if isinstance(m, TapeRecord)] == [
        StateSeen("waiting_room")
    ]


def test_a_quiet_lobby_makes_no_empty_segments(tmp_path: Path) -> None:
    clock = HandClock()
    writer = TapeWriter(tmp_path, meta(), clock)
    for _ in range(100):
        writer.tick()
        clock.advance(0.5)
    assert list(tmp_path.iterdir()) == []


def test_a_second_writer_of_the_same_take_goes_on_after_the_first(tmp_path: Path) -> None:
    write_take(tmp_path, 6)
    write_take(tmp_path, 1)
    assert sorted(p.name for p in tmp_path.iterdir())[-1] == "t01-000003.mcap.open"


def test_the_official_reader_accepts_a_sealed_segment(tmp_path: Path) -> None:
    write_take(tmp_path, 6)
    with (tmp_path / "t01-000001.mcap").open("rb") as stream:
        reader = make_reader(stream, validate_crcs=True)
        topics = {channel.topic for _, channel, _ in reader.iter_messages()}
        metadata = {m.name: m.metadata for m in reader.iter_metadata()}
    assert topics == {"/state", "/track/0/info", "/track/0/frames"}
    assert metadata["meetfleet"]["bot_id"] == "bot-1"
    assert metadata["meetfleet"]["segment"] == "1"


class FullDisk:
    """os.write that takes `room` more bytes and then refuses, as a full disk does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room: float = float("inf")
        self._write = os.write
        monkeypatch.setattr(os, "write", self)

    def __call__(self, fd: int, data: memoryview) -> int:
        if self.room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        part = data[: int(min(self.room, len(data)))]
        self.room -= len(part)
        return self._write(fd, part)


def append_seconds(writer: TapeWriter, clock: HandClock, seconds: float, first: int) -> list[str]:
    errors: list[str] = []
    for index in range(first, first + round(seconds * 50)):
        try:
            writer.append_frames(0, [audio_frame(index, arrival_ns=clock.now_ns())])
        except TapeError as error:
            errors.append(error.code)
        clock.advance(0.02)
    return errors


@pytest.mark.parametrize("room", [0, 1, 700, 5000])
def test_a_full_disk_is_told_and_nothing_is_lost_when_space_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    disk, clock = FullDisk(monkeypatch), HandClock()
    writer = TapeWriter(tmp_path, meta(), clock)
    assert append_seconds(writer, clock, 6, 0) == []
    disk.room = room
    errors = append_seconds(writer, clock, 7, 300)
    assert errors
    assert set(errors) == {"disk_full"}
    assert SegmentReader(tmp_path / "t01-000001.mcap").damage == []
    disk.room = float("inf")
    assert append_seconds(writer, clock, 3, 650) == []
    writer.close()
    tape = Tape.open(tmp_path)
    payloads = [f.payload for m in tape.messages() if isinstance(m, TapeFrames) for f in m.frames]
    assert payloads == [f"packet {i}".encode() for i in range(800)]
    assert all(not s.report().damage for s in tape.segments)


def test_what_a_long_full_disk_swallowed_is_an_explicit_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, clock = FullDisk(monkeypatch), HandClock()
    writer = TapeWriter(tmp_path, meta(), clock)
    disk.room = 0
    for index in range(40):
        with pytest.raises(TapeError):
            writer.append_frames(0, [audio_frame(index, arrival_ns=clock.now_ns(), payload=bytes(600_000))])
        clock.advance(1)
    disk.room = float("inf")
    writer.close()
    gaps = Tape.open(tmp_path).gaps()
    assert [gap.reason for gap in gaps] == ["disk_full"]
    assert writer.dropped_messages > 20


def test_the_writer_loads_nothing_heavy() -> None:
    code = "import sys, meetfleet.tape.writer; print(sorted({'numpy', 'av', 'pydantic', 'rich'} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert out.stdout.strip() == "[]"
