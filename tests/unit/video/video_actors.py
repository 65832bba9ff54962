"""Actors for video tests: cameras whose every picture says, in black and white blocks, whom and when it shows."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from meetfleet.artifacts.video.canvas import Plane, views
from meetfleet.artifacts.video.geometry import Rect
from meetfleet.tape.frame import EncodedFrame, FrameKind
from meetfleet.tape.records import Roster, StateSeen, TrackInfo
from meetfleet.tape.writer import TapeWriter
from meetfleet.testing.tapes import HandClock, meta

ZERO_NS = 1_700_000_000_000_000_000
SECOND = 1_000_000_000
WHO_BITS, TIME_BITS, TICK_MS = 4, 12, 10
BLOCKS = 2 + WHO_BITS + TIME_BITS + 2
ENCODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9", "h264": "libx264", "av1": "libsvtav1", "jpeg": "mjpeg"}


def draw_strip(luma: NDArray[np.uint8], who: int, at_s: float) -> None:
    """Paints the blocks over the upper quarter: two for sync, who, when (10 ms ticks), two for parity."""
    bits = _bits(who, round(at_s * 1000) // TICK_MS)
    height, width = luma.shape
    for index, bit in enumerate(bits):
        luma[: height // 4, index * width // BLOCKS : (index + 1) * width // BLOCKS] = 220 if bit else 30


def read_strip(luma: NDArray[np.uint8], box: Rect) -> tuple[int, float] | None:
    """Who and when (seconds) the picture inside this box shows; None if there is no strip."""
    middle = box.y + box.height // 8
    bits = [
        int(luma[middle - 2 : middle + 2, box.x + int((i + 0.35) * box.width / BLOCKS) :][:, :4].mean() > 125)
        for i in range(BLOCKS)
    ]
    who = int("".join(map(str, bits[2 : 2 + WHO_BITS])), 2)
    ticks = int("".join(map(str, bits[2 + WHO_BITS : -2])), 2)
    return (who, ticks * TICK_MS / 1000) if bits == _bits(who, ticks) else None


def _bits(who: int, ticks: int) -> list[int]:
    body = [int(bit) for bit in f"{who:0{WHO_BITS}b}{ticks % (1 << TIME_BITS):0{TIME_BITS}b}"]
    return [1, 0, *body, sum(body) % 2, sum(body[::2]) % 2]


@dataclass(frozen=True, slots=True)
class Take:
    """A stretch of one camera: size, codec and rate stay the same, and it starts with a key frame."""

    start_s: float
    end_s: float
    width: int = 320
    height: int = 180
    fps: float = 10


@dataclass(frozen=True, slots=True)
class CameraFrame:
    """An encoded frame and when its picture was taken."""

    at_s: float
    payload: bytes
    is_key: bool
    width: int
    height: int


def film(who: int, takes: list[Take], codec: str = "vp8") -> list[CameraFrame]:
    """Encodes a camera as a browser would: no delay, one key frame a stretch."""
    return [frame for take in takes for frame in _film(who, take, codec)]


def _film(who: int, take: Take, codec: str) -> Iterator[CameraFrame]:
    context = av.CodecContext.create(ENCODERS[codec], "w")
    context.width, context.height = take.width, take.height
    context.pix_fmt = "yuvj420p" if codec == "jpeg" else "yuv420p"
    context.time_base = Fraction(1, 1000)
    context.framerate = Fraction(round(take.fps))
    context.bit_rate = 0 if codec == "av1" else 400_000
    context.options = {
        "vp8": {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "g": "9999", "error-resilient": "1"},
        "vp9": {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "g": "9999"},
        "h264": {"preset": "ultrafast", "tune": "zerolatency", "g": "9999"},
        "av1": {"preset": "11", "svtav1-params": "pred-struct=1:lookahead=0", "g": "9999", "crf": "35"},
        "jpeg": {},
    }[codec]
    times: list[float] = []
    for packet_time, packet in _encode(context, who, take, times):
        payload = bytes(packet).removeprefix(b"\x12\x00")  # no AV1 temporal delimiters on the wire
        yield CameraFrame(packet_time, payload, packet.is_keyframe, take.width, take.height)


def _encode(context, who: int, take: Take, times: list[float]):
    for index in range(round((take.end_s - take.start_s) * take.fps)):
        at_s = take.start_s + index / take.fps
        times.append(at_s)
        for packet in context.encode(_picture(who, at_s, take, index, context.pix_fmt)):
            yield times[packet.pts], packet
    for packet in context.encode(None):
        yield times[packet.pts], packet


def _picture(who: int, at_s: float, take: Take, index: int, pix_fmt: str) -> av.VideoFrame:
    frame = av.VideoFrame(take.width, take.height, pix_fmt)
    for number, plane in enumerate(frame.planes):
        view = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:, : plane.width]
        view[:] = (100, 90 + 12 * who, 160 - 8 * who)[number]
        if number == 0:
            draw_strip(view, who, at_s)
            view[plane.height // 2 :, (index * 4) % plane.width :][:, :20] = 200
    frame.pts = index
    return frame


class Stagehand:
    """Writes actors and records on a real tape, in order of time.

    Args:
        directory: Of the tape.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._cues: list[tuple[float, int, object]] = []

    def at(self, at_s: float, record: object) -> None:
        """Puts a roster, state, or speaking record on the tape."""
        self._cues.append((at_s, len(self._cues), record))

    def camera(self, track_id: int, frames: list[CameraFrame], codec: str = "vp8", **info: object) -> None:
        """Puts a track on the tape; its info comes right before its first frame."""
        announced = TrackInfo(track_id, "video", codec, 90_000, stream_id=f"stream-{track_id}", **info)  # type: ignore[arg-type]
        self.at(frames[0].at_s - 0.001, announced)
        for frame in frames:
            self.at(frame.at_s, (track_id, frame))

    def announce_late(self, track_id: int, late_s: float) -> None:
        """Moves a track's info behind its first frames."""
        for index, (at_s, number, cue) in enumerate(self._cues):
            if isinstance(cue, TrackInfo) and cue.track_id == track_id:
                self._cues[index] = (at_s + late_s, number, cue)

    def microphone(self, track_id: int, packets: list[EncodedFrame]) -> None:
        """Puts a track of sound on the tape."""
        self.at(0, TrackInfo(track_id, "audio", "opus", 48_000, stream_id=f"stream-{track_id}"))
        for packet in packets:
            self.at((packet.arrival_ns - ZERO_NS) / SECOND, packet)

    def write(self, *, take: int = 1, segment_s: float = 5.0) -> None:
        clock = HandClock(ZERO_NS)
        writer = TapeWriter(self._directory, meta(take=take), clock, segment_s=segment_s)
        for at_s, _, cue in sorted(self._cues, key=lambda cue: cue[:2]):
            clock.ns = ZERO_NS + round(at_s * SECOND)
            if isinstance(cue, tuple):
                writer.append_frames(cue[0], [_wire(cue[0], cue[1], clock.now_ns())])
            elif isinstance(cue, EncodedFrame):
                writer.append_frames(cue.track_id, [cue])
            elif isinstance(cue, TrackInfo):
                writer.write_track(cue)
            else:
                assert isinstance(cue, Roster | StateSeen)
                writer.append(cue)
            writer.tick()
        writer.close()
        self._cues.clear()


def _wire(track_id: int, frame: CameraFrame, now_ns: int) -> EncodedFrame:
    return EncodedFrame(
        track_id,
        FrameKind.VIDEO,
        now_ns,
        (round(frame.at_s * 90_000) + 4_294_000_000 + 7777 * track_id) % (1 << 32),
        1000 + track_id,
        frame.payload,
        is_key=frame.is_key,
        width=frame.width,
        height=frame.height,
    )


@dataclass(frozen=True)
class Shown:
    """A picture of a rendered file."""

    at_s: float
    luma: Plane

    def strip(self, box: Rect) -> tuple[int, float] | None:
        return read_strip(self.luma, box)


def pictures(path: Path) -> Iterator[Shown]:
    """Decodes a file."""
    with av.open(str(path)) as file:
        for frame in file.decode(video=0):
            assert frame.time is not None
            yield Shown(frame.time, views(frame)[0].copy())


def voice(track_id: int, sounding: list[tuple[float, float]], end_s: float) -> list[EncodedFrame]:
    """Opus packets of 20 ms: a tone while sounding, with the audio level that a browser would see."""
    context = av.CodecContext.create("libopus", "w")
    context.sample_rate, context.layout, context.format = 48_000, "mono", "s16"
    context.time_base = Fraction(1, 48_000)
    context.options = {"frame_duration": "20", "application": "lowdelay"}
    packets: list[EncodedFrame] = []
    for index in range(round(end_s * 50)):
        loud = any(start_s <= index / 50 < stop_s for start_s, stop_s in sounding)
        tone = 12_000 * loud * np.sin(np.arange(960) * (440 + 110 * track_id) * 2 * np.pi / 48_000)
        frame = av.AudioFrame.from_ndarray(tone.astype(np.int16)[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts = 48_000, index * 960
        for packet in context.encode(frame):
            packets.append(_spoken(track_id, index, bytes(packet), 15 if loud else 127))
    return packets


def _spoken(track_id: int, index: int, payload: bytes, level: int) -> EncodedFrame:
    return EncodedFrame(
        track_id,
        FrameKind.AUDIO,
        ZERO_NS + index * 20_000_000,
        (index * 960 + 99_000 * track_id) % (1 << 32),
        2000 + track_id,
        payload,
        audio_level=level,
        sequence_number=index,
    )
