"""The file: plays while it grows, ends up fast-start and complete, sound in step with the picture."""

import io
import json
import os
import signal
import struct
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from video_actors import SECOND, ZERO_NS, Stagehand, Take, film, pictures

from meetfleet.artifacts.video.canvas import Canvas
from meetfleet.artifacts.video.director import Turn
from meetfleet.artifacts.video.geometry import Rect, Size
from meetfleet.artifacts.video.growing_mp4 import Encoding, GrowingMp4
from meetfleet.artifacts.video.render import RenderOptions, growing_path, render_video
from meetfleet.artifacts.video.resolution import Resolution
from meetfleet.artifacts.video.spans import Span
from meetfleet.artifacts.video.timeline import Timeline
from meetfleet.artifacts.video.worker import Job
from meetfleet.domain.errors import InvalidRequest, MediaError, TapeError
from meetfleet.tape.records import Participant, Roster, SourceRef

ANN = Participant("ann", "Ann", sources=(SourceRef("video", stream_id="stream-0"),))
WHOLE = Rect(0, 0, 640, 360)
CLICKS = (0.5, 3.25, 6.0, 8.75)


def boxes(data: bytes) -> list[tuple[str, int, int]]:
    """Type, offset and size of the boxes of an MP4 that are whole."""
    found: list[tuple[str, int, int]] = []
    offset = 0
    while offset + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, offset)
        if offset + size > len(data):
            break
        found.append((kind.decode(), offset, size))
        offset += size
    return found


def write_sound(path: Path, length_s: float, rate_hz: int = 48_000, layout: str = "mono") -> Path:
    """A FLAC of silence with a click at each of CLICKS."""
    samples = np.zeros(round(length_s * rate_hz), np.int16)
    for click_s in CLICKS:
        start = round(click_s * rate_hz)
        samples[start : start + rate_hz // 50] = 20_000 * np.sin(np.arange(len(samples[start : start + rate_hz // 50])))
    channels = 1 if layout == "mono" else 2
    with av.open(str(path), "w", format="flac") as file:
        stream = file.add_stream("flac", rate=rate_hz, layout=layout)
        for start in range(0, len(samples), 4800):
            piece = np.repeat(samples[start : start + 4800], channels)[None]
            frame = av.AudioFrame.from_ndarray(piece, format="s16", layout=layout)
            frame.sample_rate, frame.pts = rate_hz, start
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def heard(path: Path) -> list[float]:
    """When the clicks of a film are heard, in seconds."""
    with av.open(str(path)) as file:
        frames = [(frame.time or 0.0, frame.to_ndarray()[0], frame.sample_rate) for frame in file.decode(audio=0)]
    loud = [
        start_s + float(index) / rate_hz
        for start_s, samples, rate_hz in frames
        for index in np.flatnonzero(abs(samples) > 0.2)
    ]
    return [at_s for before_s, at_s in zip([-1.0, *loud], loud, strict=False) if at_s - before_s > 0.5]


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("tape")
    stage = Stagehand(directory)
    stage.at(0, Roster((ANN,)))
    stage.camera(0, film(0, [Take(0, 10)]))
    stage.write()
    return directory


def timeline(end_s: float = 10) -> Timeline:
    return Timeline((Span(ZERO_NS, ZERO_NS + round(end_s * SECOND)),), (Turn("ann", ZERO_NS, ZERO_NS + 3 * SECOND),))


OPTIONS = RenderOptions(Resolution.P360)


@pytest.mark.parametrize(("rate_hz", "layout"), [(48_000, "mono"), (44_100, "stereo")])
def test_sound_is_heard_at_its_moment_and_both_last_as_long(
    tape: Path, tmp_path: Path, rate_hz: int, layout: str
) -> None:
    sound = write_sound(tmp_path / "output.flac", 10, rate_hz, layout)
    out = tmp_path / "video.mp4"
    render_video(tape, out, timeline=timeline(), audio=sound, options=OPTIONS)
    assert heard(out) == pytest.approx(CLICKS, abs=0.01)
    for picture in pictures(out):
        strip = picture.strip(WHOLE)
        assert strip is not None
        assert 0 <= picture.at_s - strip[1] < 0.11
    with av.open(str(out)) as file:
        assert [stream.type for stream in file.streams] == ["video", "audio"]
        for stream in file.streams:
            assert float((stream.start_time or 0) * stream.time_base) == 0
            assert float(stream.duration * stream.time_base) == pytest.approx(10, abs=0.05)


def test_sound_shorter_or_longer_than_the_recording_moves_nothing(tape: Path, tmp_path: Path) -> None:
    for length_s in (4.0, 14.0):
        sound = write_sound(tmp_path / "output.flac", length_s)
        out = tmp_path / "video.mp4"
        result = render_video(tape, out, timeline=timeline(), audio=sound, options=OPTIONS)
        assert result.duration_s == 10
        assert heard(out) == pytest.approx([click for click in CLICKS if click < length_s], abs=0.01)


def test_the_finished_file_is_fast_start_and_the_growing_one_gone(tape: Path, tmp_path: Path) -> None:
    out = tmp_path / "video.mp4"
    result = render_video(tape, out, timeline=timeline(), options=OPTIONS)
    kinds = [kind for kind, _, _ in boxes(out.read_bytes())]
    assert kinds.index("moov") < kinds.index("mdat")
    assert "moof" not in kinds
    assert [path.name for path in tmp_path.iterdir()] == ["video.mp4"]
    assert result.size_bytes == out.stat().st_size
    with av.open(str(out)) as file:
        video = file.streams.video[0]
        assert (video.codec_context.name, video.width, video.height, video.pix_fmt) == ("h264", 640, 360, "yuv420p")
        assert video.frames == result.pictures


def test_key_frames_come_every_four_seconds_so_that_players_can_seek(tape: Path, tmp_path: Path) -> None:
    out = tmp_path / "video.mp4"
    render_video(tape, out, timeline=timeline(), options=OPTIONS)
    with av.open(str(out)) as file:
        keys = [
            float(p.pts * p.time_base) for p in file.demux(video=0) if p.size and p.is_keyframe and p.pts is not None
        ]
    assert keys == pytest.approx([0, 4, 8], abs=0.2)


def test_a_still_meeting_needs_few_bytes_and_few_key_frames(tmp_path: Path) -> None:
    stage = Stagehand(tmp_path / "tape")
    stage.at(0, Roster((Participant("ann", "Ann"),)))
    stage.at(1, Roster((Participant("ann", "Ann"),)))
    stage.write()
    out = tmp_path / "video.mp4"
    result = render_video(tmp_path / "tape", out, timeline=timeline(60), options=OPTIONS)
    assert (result.duration_s, result.decoded) == (60, 0)
    assert result.pictures <= 62
    assert result.size_bytes < 60_000
    with av.open(str(out)) as file:
        assert sum(1 for p in file.demux(video=0) if p.size and p.is_keyframe) == 4


def test_the_growing_file_only_grows_and_plays_at_any_time(tape: Path, tmp_path: Path) -> None:
    out = tmp_path / "video.mp4"
    seen: list[tuple[float, bytes]] = []

    def look(_fraction: float, seconds_done: float) -> None:
        if growing_path(out).exists():
            seen.append((seconds_done, growing_path(out).read_bytes()))
            assert not out.exists()

    sound = write_sound(tmp_path / "output.flac", 10)
    render_video(tape, out, timeline=timeline(), audio=sound, options=OPTIONS, on_progress=look)
    assert len(seen) >= 9
    assert all(later.startswith(earlier) for (_, earlier), (_, later) in pairwise(seen))
    for seconds_done, data in seen:
        if seconds_done > 2.5:
            with av.open(io.BytesIO(data)) as file:
                times = [frame.time for frame in file.decode(video=0)]
            assert times[0] == 0
            assert times[-1] is not None
            assert times[-1] > seconds_done - 4.5


def test_a_growing_file_cut_at_any_byte_plays_up_to_its_last_whole_fragment(tmp_path: Path) -> None:
    path = tmp_path / "growing.mp4"
    canvas = Canvas(Size(320, 180))
    with GrowingMp4(path, canvas.size, 10, Encoding(), None) as file:
        for index in range(100):
            canvas.fill(Rect(0, 0, 320, 20 + 2 * (index % 50)), (50 + index, 128, 128))  # type: ignore[arg-type]
            file.video(canvas.frame, index * SECOND // 10)
        file.finish()
    data = path.read_bytes()
    ends = [offset + size for kind, offset, size in boxes(data) if kind == "mdat"]
    assert len(ends) >= 4
    for cut in (*range(ends[0], len(data), 997), *ends):
        with av.open(io.BytesIO(data[:cut])) as file:
            packets = [p for p in file.demux(video=0) if p.size]
        whole = sum(1 for end in ends if end <= cut)
        assert len(packets) >= 20 * whole, cut


def test_a_render_that_fails_leaves_nothing_behind(tape: Path, tmp_path: Path) -> None:
    out = tmp_path / "video.mp4"

    def fail(_fraction: float, seconds_done: float) -> None:
        if seconds_done > 4:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        render_video(tape, out, timeline=timeline(), options=OPTIONS, on_progress=fail)
    (tmp_path / "output.flac").write_bytes(b"not sound")
    with pytest.raises(MediaError):
        render_video(tape, out, timeline=timeline(), options=OPTIONS, audio=tmp_path / "output.flac")
    with pytest.raises(TapeError):
        render_video(tmp_path / "nothing", out, timeline=timeline(), options=OPTIONS)
    assert [path.name for path in tmp_path.iterdir()] == ["output.flac"]


def job(tape: Path, out: Path, length_s: float = 10, **more: object) -> str:
    timeline(length_s).write(out.parent / "timeline.json")
    names = {"tape_dir": str(tape), "out_path": str(out), "timeline": str(out.parent / "timeline.json")}
    return json.dumps(names | {"resolution": "360p"} | more)


def start(text: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "meetfleet.artifacts.video.worker"]
    worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert worker.stdin is not None
    worker.stdin.write(text + "\n")
    worker.stdin.flush()
    return worker


def test_the_worker_tells_its_progress_and_the_result(tape: Path, tmp_path: Path) -> None:
    out = tmp_path / "video.mp4"
    told, _ = start(job(tape, out)).communicate(timeout=60)
    lines = [json.loads(line) for line in told.splitlines()]
    assert "progress" in lines[0]
    assert lines[-1]["done"]["duration_s"] == 10
    assert lines[-1]["done"]["size_bytes"] == out.stat().st_size


def test_a_stopped_worker_leaves_no_file_and_a_second_run_makes_it(tape: Path, tmp_path: Path) -> None:
    out = tmp_path / "video.mp4"
    worker = start(job(tape, out, length_s=20 * 3600))
    assert worker.stdout is not None
    assert "progress" in json.loads(worker.stdout.readline())
    worker.send_signal(signal.SIGTERM)
    worker.communicate(timeout=60)
    assert worker.returncode == 143
    assert sorted(path.name for path in tmp_path.iterdir()) == ["timeline.json"]
    worker = start(job(tape, out))
    worker.communicate(timeout=60)
    assert worker.returncode == 0
    assert out.exists()


def test_a_killed_worker_leaves_no_half_file_under_the_final_name(tape: Path, tmp_path: Path) -> None:
    out = tmp_path / "video.mp4"
    worker = start(job(tape, out, length_s=20 * 3600))
    assert worker.stdout is not None
    worker.stdout.readline()
    os.kill(worker.pid, signal.SIGKILL)
    worker.communicate(timeout=60)
    assert not out.exists()
    worker = start(job(tape, out))
    worker.communicate(timeout=60)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["timeline.json", "video.mp4"]


def test_the_worker_answers_a_failure_with_its_code(tmp_path: Path) -> None:
    told, _ = start(json.dumps({"tape_dir": str(tmp_path), "out_path": str(tmp_path / "v.mp4")})).communicate(
        timeout=60
    )
    error = json.loads(told)["error"]
    assert (error["code"], error["retryable"]) == ("no_tape", False)


@pytest.mark.parametrize(
    "changes", [{"layout": "mosaic"}, {"resolution": "8k"}, {"max_fps": "fast"}, {"tape_dir": None}]
)
def test_a_bad_job_is_refused(tape: Path, tmp_path: Path, changes: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Job.from_json(job(tape, tmp_path / "video.mp4", **changes))
    assert refused.value.code == "bad_job"
    with pytest.raises(InvalidRequest):
        Job.from_json("[]")


@pytest.mark.parametrize("text", ["{}", "[", '{"recorded": [[1]], "turns": []}'])
def test_an_unreadable_time_line_is_refused(tape: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "timeline.json").write_text(text)
    with pytest.raises(MediaError) as refused:
        render_video(tape, tmp_path / "video.mp4", options=OPTIONS)
    assert refused.value.code == "no_timeline"
