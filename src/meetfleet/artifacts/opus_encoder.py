"""Sound that reached the tape decoded (raw rung) to Opus packets."""

from collections.abc import Iterator
from typing import Any

import av
import numpy as np

from meetfleet.artifacts.opus_decoder import Sound, level_db
from meetfleet.artifacts.recording_line import SAMPLE_RATE_HZ

FRAME_SAMPLES = 960
INAUDIBLE_DB = 90
_BIT_RATE = 32_000


class OpusEncoder:
    """Cuts sound into 20 ms frames and encodes those that can be heard, and one after them for what rings on."""

    def __init__(self) -> None:
        codec: Any = av.CodecContext.create("libopus", "w")
        codec.sample_rate = SAMPLE_RATE_HZ
        codec.layout = "mono"
        codec.format = "s16"
        codec.bit_rate = _BIT_RATE
        codec.options = {"application": "voip"}
        codec.thread_count = 1
        self._codec = codec
        self._start = 0
        self._held: Sound = np.zeros(0, np.float32)
        self._rings_on = False

    def add(self, position: int, sound: Sound) -> Iterator[tuple[int, bytes]]:
        """Takes sound at its place in order; yields (position, packet) of 20 ms each."""
        gap = position - self._start - len(self._held)
        if gap >= FRAME_SAMPLES or not len(self._held):
            yield from self.flush()
            self._start = position
        elif gap > 0:
            self._held = np.concatenate([self._held, np.zeros(gap, np.float32)])
        self._held = np.concatenate([self._held, sound])
        while len(self._held) >= FRAME_SAMPLES:
            yield from self._encode(self._held[:FRAME_SAMPLES])
            self._held = self._held[FRAME_SAMPLES:]
            self._start += FRAME_SAMPLES

    def flush(self) -> Iterator[tuple[int, bytes]]:
        """Yields what is held, filled up with silence."""
        if len(self._held):
            yield from self._encode(np.pad(self._held, (0, FRAME_SAMPLES - len(self._held))))
        self._held = np.zeros(0, np.float32)

    def _encode(self, sound: Sound) -> Iterator[tuple[int, bytes]]:
        is_audible = level_db(sound) < INAUDIBLE_DB
        if is_audible or self._rings_on:
            samples = np.clip(np.rint(sound), -32768, 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
            frame.sample_rate = SAMPLE_RATE_HZ
            for packet in self._codec.encode(frame):
                yield self._start, bytes(packet)
        self._rings_on = is_audible
