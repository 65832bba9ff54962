"""What rendering a meeting's video costs, and whether every picture of it is right.

Six people of the lab with 640x360 cameras at 25 pictures a second: one comes late, one's camera falls silent, one's
picture changes its size twice as simulcast does, one shares a screen. Somebody else speaks every five seconds. Each
picture of the speaker view is read back: whom it shows, and when it was taken.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

from meetfleet.artifacts.live import build
from meetfleet.artifacts.video.geometry import Rect, Size, fit, split, strip, whole
from meetfleet.artifacts.video.scene import GAP
from meetfleet.lab import clockstrip
from meetfleet.lab.clockstrip import ClockReading
from meetfleet.lab.media.picture import Camera, Screen
from meetfleet.lab.media.video import VideoClip, encode_video
from meetfleet.lab.script import VideoCodec
from meetfleet.tape.frame import EncodedFrame, FrameKind
from meetfleet.tape.records import Participant, Roster, SourceRef, StateSeen, TrackInfo
from meetfleet.tape.writer import TapeWriter
from meetfleet.testing.tapes import HandClock, meta

PEOPLE, SCREEN = 6, 6
RESIZED, LATE, SILENT, SHARING = 1, 2, 3, 4
TURN_S, LOOP_S, STUCK_S = 5, 20, 3
ZERO_NS = 1_800_000_000_000_000_000
HD = Size(1280, 720)
VARIANTS = (
    ("speaker_view", "720p"),
    ("gallery_view", "720p"),
    ("speaker_view", "360p"),
    ("speaker_view", "1080p"),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """When what happens, in seconds; all even, as the clips' key frames are."""

    end: int

    @property
    def late(self) -> int:
        return self.end // 12 * 2

    @property
    def third(self) -> int:
        return self.end // 6 * 2

    @property
    def share(self) -> tuple[int, int]:
        return 2 * self.third, 2 * self.third + self.late


def run(arguments: Sequence[str]) -> dict[str, Any]:
    """Prints a table and returns its figures."""
    parser = argparse.ArgumentParser(prog="script/bench video", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="length of the meeting, at least 24")
    plan = Plan(parser.parse_args(arguments).seconds)
    with tempfile.TemporaryDirectory(prefix="meetfleet-bench-") as name:
        tape, out = Path(name) / "tape", Path(name) / "artifacts"
        write_tape(tape, plan)
        build(tape, out)
        figures = [_render(tape, out, layout, resolution, plan) for layout, resolution in VARIANTS]
    return {"seconds": plan.end, "renders": figures}


def _render(tape: Path, out: Path, layout: str, resolution: str, plan: Plan) -> dict[str, Any]:
    path = out / "video.mp4"
    job = {"tape_dir": str(tape), "out_path": str(path), "layout": layout, "resolution": resolution, "nice": 0}
    started = time.monotonic()
    command = [sys.executable, "-m", "meetfleet.artifacts.video.worker", json.dumps(job)]
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    lines = worker.stdout.read().splitlines()
    _, status, usage = os.wait4(worker.pid, 0)
    wall_s = time.monotonic() - started
    if status:
        raise SystemExit(f"The render failed: {lines[-1:]}")
    done = json.loads(lines[-1])["done"]
    figures: dict[str, Any] = {
        "layout": layout,
        "resolution": resolution,
        "cpu_s_per_s": round((usage.ru_utime + usage.ru_stime) / plan.end, 4),
        "times_real_time": round(plan.end / wall_s, 1),
        "peak_mb": round(usage.ru_maxrss / 1024),
        "kb_per_s": round(done["size_bytes"] / plan.end / 1000, 1),
        "pictures": done["pictures"],
        "decoded": done["decoded"],
    }
    if (layout, resolution) == VARIANTS[0]:
        figures["wrong_pictures"] = len(wrong_pictures(path, plan))
    print("  ".join(f"{key} {value}" for key, value in figures.items()), flush=True)
    return figures


def wrong_pictures(path: Path, plan: Plan) -> list[str]:
    """Reads back a speaker view; one line for each picture that shows somebody else or another moment."""
    wrong: list[str] = []
    with av.open(str(path)) as file:
        for frame in file.decode(video=0):
            assert frame.time is not None
            wrong += _faults(frame.time, frame.to_ndarray(format="gray"), plan)
    return wrong


def _faults(at_s: float, luma: np.ndarray, plan: Plan) -> Iterator[str]:
    turn = int((at_s + 0.001) / TURN_S)
    if at_s - turn * TURN_S < 0.06:
        return  # the cut falls within a packet of the first word
    is_shared = plan.share[0] <= at_s < plan.share[1]
    box = strip(split(HD).column, 1, GAP)[0] if is_shared else whole(HD)
    yield from _compare(f"{at_s:.3f} speaker", clockstrip.read(luma, _region(box)), _expected(turn, at_s, plan))
    if is_shared and at_s - plan.share[0] > 0.3:
        stage = fit(Size(1280, 720), split(HD).stage)
        yield from _compare(
            f"{at_s:.3f} screen", clockstrip.read(luma, _region(stage)), (SHARING + 1, at_s - plan.share[0], 0.25)
        )


def _expected(turn: int, at_s: float, plan: Plan) -> tuple[int, float, float] | None:
    """Actor, seconds into the loop and tolerance; None is a still tile."""
    who = turn % PEOPLE
    if who == LATE and at_s < plan.late:
        who = (turn - 1) % PEOPLE
    if who == SILENT and at_s >= plan.third:
        return None if at_s >= plan.third + STUCK_S else (who + 1, plan.third - 0.04, 0.05)
    return who + 1, at_s, 0.09


def _compare(what: str, seen: ClockReading | None, expected: tuple[int, float, float] | None) -> Iterator[str]:
    if expected is None:
        if seen is not None:
            yield f"{what}: {seen} instead of a still tile"
        return
    actor, moment_s, tolerance_s = expected
    if seen is None or seen.actor != actor:
        yield f"{what}: {seen} instead of actor {actor}"
    elif abs((moment_s - seen.seconds + LOOP_S / 2) % LOOP_S - LOOP_S / 2) > tolerance_s:
        yield f"{what}: {seen} at {moment_s:.3f}"


def _region(box: Rect) -> tuple[float, float, float, float]:
    return box.x, box.y, box.width, box.height


def write_tape(directory: Path, plan: Plan) -> None:
    """Films and tapes the meeting."""
    frames = [*_screen(plan)]
    for who in range(PEOPLE):
        frames += [*_camera(who, plan), *_voice(who, plan)]
    cues = [
        (0, _roster({LATE})),
        (plan.late, _roster(set())),
        (plan.share[0], _roster(set(), sharing=SHARING)),
        (plan.share[1], _roster(set())),
    ]
    _write(directory, sorted(frames, key=lambda f: f.arrival_ns), cues)


def _camera(who: int, plan: Plan) -> Iterator[EncodedFrame]:
    name = f"Person {who + 1}"
    clip = encode_video(Camera(who + 1, name, LOOP_S), VideoCodec.VP8)
    start, end = plan.late if who == LATE else 0, plan.third if who == SILENT else plan.end
    if who != RESIZED:
        yield from _film(who, clip, start, end)
        return
    small = encode_video(Camera(who + 1, name, LOOP_S, small=True), VideoCodec.VP8)
    for index, layer in enumerate((clip, small, clip)):
        yield from _film(who, layer, index * plan.third, plan.end if index == 2 else (index + 1) * plan.third)


def _screen(plan: Plan) -> Iterator[EncodedFrame]:
    slides = tuple(f"Slide {n + 1}" for n in range(LOOP_S // 4))
    clip = encode_video(Screen(SHARING + 1, f"Person {SHARING + 1}", slides), VideoCodec.VP8)
    return _film(SCREEN, clip, *plan.share, from_start=True)


def _film(track: int, clip: VideoClip, start_s: int, end_s: int, *, from_start: bool = False) -> Iterator[EncodedFrame]:
    for index in range(start_s * clip.fps, end_s * clip.fps):
        n = (index - start_s * clip.fps * from_start) % len(clip.frames)
        yield EncodedFrame(
            track,
            FrameKind.VIDEO,
            ZERO_NS + index * 1_000_000_000 // clip.fps + 2_000_000,
            index * 90_000 // clip.fps,
            100 + track,
            clip.frames[n],
            is_key=clip.keyframes[n],
            width=clip.width,
            height=clip.height,
        )


def _voice(who: int, plan: Plan) -> Iterator[EncodedFrame]:
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 48_000, "mono", "s16"
    encoder.options = {"frame_duration": "20", "application": "voip"}
    noise = np.random.default_rng(who)
    for index in range(plan.end * 50):
        speaks = index // 50 // TURN_S % PEOPLE == who and not (who == LATE and index < plan.late * 50)
        samples = (noise.normal(0, 3000 * speaks, 960)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts = 48_000, index * 960
        for packet in encoder.encode(frame):
            yield EncodedFrame(
                10 + who,
                FrameKind.AUDIO,
                ZERO_NS + index * 20_000_000,
                index * 960,
                200 + who,
                bytes(packet),
                audio_level=20 if speaks else 127,
                sequence_number=index & 0xFFFF,
            )


def _roster(missing: set[int], sharing: int | None = None) -> Roster:
    people: list[Participant] = []
    for who in sorted(set(range(PEOPLE)) - missing):
        sources = [SourceRef("audio", track_id=10 + who), SourceRef("video", track_id=who)]
        if who == sharing:
            sources.append(SourceRef("video", track_id=SCREEN, is_screen=True))
        people.append(Participant(f"p{who}", f"Person {who + 1}", sources=tuple(sources)))
    return Roster(tuple(people))


def _write(directory: Path, frames: Iterable[EncodedFrame], cues: list[tuple[int, Roster]]) -> None:
    clock = HandClock(ZERO_NS)
    writer = TapeWriter(directory, meta(), clock)
    writer.append(StateSeen("recording"))
    for track in range(PEOPLE + 1):
        writer.write_track(TrackInfo(track, "video", "vp8", 90_000))
    for who in range(PEOPLE):
        writer.write_track(TrackInfo(10 + who, "audio", "opus", 48_000))
    for frame in frames:
        while cues and frame.arrival_ns >= ZERO_NS + cues[0][0] * 1_000_000_000:
            writer.append(cues.pop(0)[1])
        clock.ns = max(clock.ns, frame.arrival_ns)
        writer.append_frames(frame.track_id, [frame])
        writer.tick()
    writer.append(StateSeen("leaving"))
    writer.close()
