"""The video file while it is written: fragmented MP4 that can be played and served while it grows.

The index (`moov`) comes first, then fragments of about two seconds, each handed to the system as soon as it is whole.
Once complete it is copied, without encoding again, into a fast-start MP4 under its final name.
"""

# pyright: reportUnknownMemberType=false
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.container import OutputContainer
from av.video.frame import PictureType
from av.video.stream import VideoStream

from meetfleet.artifacts.video.geometry import Size

TICKS_PER_S = 90_000
FRAGMENT_S = 2
KEY_FRAME_NS = 4_000_000_000
CUT_KEY_FRAME_NS = 1_000_000_000
STILL_KEY_FRAME_NS = 16_000_000_000
FEW_PICTURES = 24
BT601 = 6
LIMITED = 1

X264: Mapping[str, str] = {
    "preset": "ultrafast",
    "crf": "28",
    "forced-idr": "1",
    "x264-params": "cabac=1:no-deblock=0:deblock=0,0:8x8dct=1:keyint=infinite:scenecut=0",
}


@dataclass(frozen=True, slots=True)
class Encoding:
    """How H.264 and AAC are made; the defaults are what docs/video.md measured as the best for the least CPU.

    Attributes:
        audio_bit_rate: Per second, for one channel.
        threads: Of the video encoder.
    """

    x264: Mapping[str, str] = field(default_factory=lambda: dict(X264))
    threads: int = 1
    audio_rate_hz: int = 48_000
    audio_bit_rate: int = 64_000


class GrowingMp4:
    """Writes one fragmented MP4.

    Args:
        path: Replaced if it exists; readers of the old file keep what they have open.
        fps: The highest frame rate, for the encoder's rate control; pictures come when they come.
        sound_layout: `mono` or `stereo`; None for a silent film.
    """

    def __init__(self, path: Path, size: Size, fps: int, encoding: Encoding, sound_layout: str | None) -> None:
        self.path = path
        path.unlink(missing_ok=True)
        options = {
            "movflags": "frag_keyframe+empty_moov+default_base_moof",
            "frag_duration": str(FRAGMENT_S * 1_000_000),
            "flush_packets": "1",
        }
        self._container = av.open(str(path), "w", format="mp4", options=options)
        self._video = _video_stream(self._container, size, fps, encoding)
        self._audio = _audio_stream(self._container, encoding, sound_layout) if sound_layout else None
        self._key_at_ns = -STILL_KEY_FRAME_NS
        self._since_key = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()

    def video(self, frame: av.VideoFrame, at_ns: int, *, is_cut: bool = False) -> None:
        """Encodes and writes a picture; its memory may be used again at once.

        Args:
            at_ns: Since time zero; grows from call to call.
            is_cut: Little of the picture before is left in it.
        """
        frame.pts = at_ns * TICKS_PER_S // 1_000_000_000
        frame.time_base = Fraction(1, TICKS_PER_S)
        frame.pict_type = PictureType.I if self._wants_key(at_ns, is_cut) else PictureType.NONE
        self._container.mux(self._video.encode(frame))

    def audio(self, frame: av.AudioFrame) -> None:
        """Encodes and writes sound."""
        if self._audio is not None:
            self._container.mux(self._audio.encode(frame))

    def finish(self) -> None:
        """Writes what the encoders still hold and closes the file."""
        self._container.mux(self._video.encode(None))
        if self._audio is not None:
            self._container.mux(self._audio.encode(None))
        self._container.close()

    def _wants_key(self, at_ns: int, is_cut: bool) -> bool:
        """Key frames come by time, for players to seek to; later where so little moves that seeking is cheap anyway."""
        self._since_key += 1
        patience_ns = STILL_KEY_FRAME_NS if self._since_key < FEW_PICTURES else KEY_FRAME_NS
        if at_ns - self._key_at_ns < (CUT_KEY_FRAME_NS if is_cut else patience_ns):
            return False
        self._key_at_ns, self._since_key = at_ns, 0
        return True


def publish(growing: Path, final: Path) -> None:
    """Copies a complete fragmented MP4 into a fast-start MP4, puts it in place in one step and removes the former."""
    partial = final.with_name(f".{final.name}.partial")
    try:
        _remux(growing, partial)
        os.replace(partial, final)
    finally:
        partial.unlink(missing_ok=True)
    growing.unlink()


def _remux(source: Path, target: Path) -> None:
    with (
        av.open(str(source)) as reader,
        av.open(str(target), "w", format="mp4", options={"movflags": "faststart"}) as writer,
    ):
        streams = {stream.index: writer.add_stream_from_template(stream) for stream in reader.streams}
        for packet in reader.demux():
            if packet.size:
                packet.stream = streams[packet.stream.index]
                writer.mux(packet)


def _video_stream(container: OutputContainer, size: Size, fps: int, encoding: Encoding) -> VideoStream:
    stream = container.add_stream("libx264", rate=fps)
    stream.width, stream.height, stream.pix_fmt = size.width, size.height, "yuv420p"
    context = stream.codec_context
    context.time_base = Fraction(1, TICKS_PER_S)
    context.thread_count = encoding.threads
    context.options = dict(encoding.x264)
    context.colorspace, context.color_primaries, context.color_trc = BT601, BT601, BT601
    context.color_range = LIMITED
    context.flags |= Flags.global_header
    return stream


def _audio_stream(container: OutputContainer, encoding: Encoding, layout: str) -> AudioStream:
    stream = container.add_stream("aac", rate=encoding.audio_rate_hz, layout=layout)
    stream.bit_rate = encoding.audio_bit_rate if layout == "mono" else encoding.audio_bit_rate * 3 // 2
    stream.codec_context.options = {"aac_coder": "fast"}
    return stream
