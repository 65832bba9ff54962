"""What rendering a meeting's video costs: CPU-seconds per second of meeting, and how much faster than it plays.

Six people with 640x360 cameras at 25 pictures a second (VP8, 500 kb/s; libavfilter's testsrc2 in six hues, harder to
encode than a face), one of whom comes late, one whose camera falls silent, one whose size changes twice as an SFU's
simulcast does, and a screen share of 1280x720 at 5 pictures a second. Turns change every five seconds.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.frame import PictureType

from meetfleet.artifacts.live import build
from meetfleet.tape.frame import EncodedFrame, FrameKind
from meetfleet.tape.records import Participant, Roster, SourceRef, StateSeen, TrackInfo
from meetfleet.tape.writer import TapeWriter
from meetfleet.testing.tapes import HandClock, meta

PEOPLE, SCREEN = 6, 6
TURN_S = 5
ZERO_NS = 1_800_000_000_000_000_000
VARIANTS = (
    ("speaker_view", "720p"),
    ("gallery_view", "720p"),
    ("speaker_view", "360p"),
    ("speaker_view", "1080p"),
)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Part of a camera or a screen with one size."""

    start_s: float
    end_s: float
    width: int = 640
    height: int = 360
    fps: int = 25


def run(arguments: Sequence[str]) -> dict[str, Any]:
    """Prints a table and returns its figures."""
    parser = argparse.ArgumentParser(prog="script/bench video", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="length of the meeting, at least 30")
    parser.add_argument("--key-frame-s", type=float, default=0, help="seconds between key frames; 0: one a stretch")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="meetfleet-bench-") as name:
        tape, out = Path(name) / "tape", Path(name) / "artifacts"
        write_tape(tape, options.seconds, options.key_frame_s)
        build(tape, out)
        figures = [_render(tape, out, layout, resolution, options.seconds) for layout, resolution in VARIANTS]
    return {"seconds": options.seconds, "renders": figures}


def _render(tape: Path, out: Path, layout: str, resolution: str, seconds: int) -> dict[str, Any]:
    job = {
        "tape_dir": str(tape),
        "out_path": str(out / "video.mp4"),
        "layout": layout,
        "resolution": resolution,
        "nice": 0,
    }
    command = [sys.executable, "-m", "meetfleet.artifacts.video.worker", json.dumps(job)]
    started = time.monotonic()
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    lines = worker.stdout.read().splitlines()
    _, status, usage = os.wait4(worker.pid, 0)
    wall_s = time.monotonic() - started
    if status:
        raise SystemExit(f"The render failed: {lines[-1:]}")
    done = json.loads(lines[-1])["done"]
    cpu_s = usage.ru_utime + usage.ru_stime
    figures = {
        "layout": layout,
        "resolution": resolution,
        "cpu_s_per_s": round(cpu_s / seconds, 4),
        "times_real_time": round(seconds / wall_s, 1),
        "peak_mb": round(usage.ru_maxrss / 1024),
        "kb_per_s": round(done["size_bytes"] / seconds / 1000),
        "pictures": done["pictures"],
        "decoded": done["decoded"],
    }
    print(
        f"{layout:13} {resolution:6} {figures['cpu_s_per_s']:.3f} CPU-s per s {figures['times_real_time']:5.1f}x real "
        f"{figures['peak_mb']} MB peak {figures['kb_per_s']} kB/s {figures['pictures']} pictures "
        f"{figures['decoded']} frames decoded",
        flush=True,
    )
    return figures


def write_tape(directory: Path, seconds: int, key_frame_s: float) -> None:
    """Films and tapes the meeting."""
    end_s, third_s = float(seconds), seconds / 3
    cameras: list[list[Stretch]] = [[Stretch(0, end_s)] for _ in range(PEOPLE)]
    cameras[1] = [Stretch(0, third_s), Stretch(third_s, 2 * third_s, 320, 180), Stretch(2 * third_s, end_s)]
    cameras[2] = [Stretch(third_s / 2, end_s)]
    cameras[3] = [Stretch(0, third_s)]
    frames = [frame for who, stretches in enumerate(cameras) for s in stretches for frame in _film(who, s, key_frame_s)]
    share = Stretch(2 * third_s, 2 * third_s + third_s / 2, 1280, 720, 5)
    frames += [*_film(SCREEN, share, key_frame_s)]
    frames += [packet for who in range(PEOPLE) for packet in _voice(who, seconds)]
    cues: list[tuple[float, Roster]] = [
        (0, _roster({2})),
        (third_s / 2, _roster(set())),
        (share.start_s, _roster(set(), sharing=4)),
        (share.end_s, _roster(set())),
    ]
    _write(directory, sorted(frames, key=lambda f: f.arrival_ns), cues)


def _write(directory: Path, frames: list[EncodedFrame], cues: list[tuple[float, Roster]]) -> None:
    clock = HandClock(ZERO_NS)
    writer = TapeWriter(directory, meta(), clock)
    writer.append(StateSeen("recording"))
    for track in range(PEOPLE + 1):
        writer.write_track(TrackInfo(track, "video", "vp8", 90_000))
    for who in range(PEOPLE):
        writer.write_track(TrackInfo(10 + who, "audio", "opus", 48_000))
    for frame in frames:
        while cues and frame.arrival_ns >= ZERO_NS + cues[0][0] * 1e9:
            writer.append(cues.pop(0)[1])
        clock.ns = max(clock.ns, frame.arrival_ns)
        writer.append_frames(frame.track_id, [frame])
        writer.tick()
    writer.append(StateSeen("leaving"))
    writer.close()


def _roster(missing: set[int], sharing: int | None = None) -> Roster:
    people: list[Participant] = []
    for who in set(range(PEOPLE)) - missing:
        sources = [SourceRef("audio", track_id=10 + who), SourceRef("video", track_id=who)]
        if who == sharing:
            sources.append(SourceRef("video", track_id=SCREEN, is_screen=True))
        people.append(Participant(f"p{who}", f"Person {who + 1}", sources=tuple(sources)))
    return Roster(tuple(people))


def _film(who: int, stretch: Stretch, key_frame_s: float) -> Iterator[EncodedFrame]:
    graph = av.filter.Graph()
    source = graph.add("testsrc2", f"size={stretch.width}x{stretch.height}:rate={stretch.fps}")
    hue, form, sink = graph.add("hue", f"h={who * 60}"), graph.add("format", "yuv420p"), graph.add("buffersink")
    for one, other in ((source, hue), (hue, form), (form, sink)):
        one.link_to(other)
    graph.configure()
    encoder = av.CodecContext.create("libvpx", "w")
    encoder.width, encoder.height, encoder.pix_fmt = stretch.width, stretch.height, "yuv420p"
    encoder.time_base, encoder.bit_rate = Fraction(1, stretch.fps), 500_000
    gop = round(key_frame_s * stretch.fps) or 99_999
    encoder.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "error-resilient": "1"}
    encoder.options = {**encoder.options, "g": str(gop), "keyint_min": str(gop)}
    for index in range(round((stretch.end_s - stretch.start_s) * stretch.fps)):
        frame = graph.vpull()
        frame.pts, frame.time_base, frame.pict_type = index, encoder.time_base, PictureType.NONE
        for packet in encoder.encode(frame):
            yield _wire(who, stretch.start_s + index / stretch.fps, packet, stretch)


def _wire(who: int, at_s: float, packet: Any, stretch: Stretch) -> EncodedFrame:
    return EncodedFrame(
        who,
        FrameKind.VIDEO,
        ZERO_NS + round(at_s * 1e9) + 1_000_000 * who,
        round(at_s * 90_000),
        100 + who,
        bytes(packet),
        is_key=packet.is_keyframe,
        width=stretch.width,
        height=stretch.height,
    )


def _voice(who: int, seconds: int) -> Iterator[EncodedFrame]:
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 48_000, "mono", "s16"
    encoder.options = {"frame_duration": "20", "application": "voip"}
    noise = np.random.default_rng(who)
    for index in range(seconds * 50):
        speaks = int(index / 50 / TURN_S) % PEOPLE == who
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
