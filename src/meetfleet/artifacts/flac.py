"""The mixed recording: FLAC, 48 kHz, mono, 16 bit, encoded while the meeting runs."""

from pathlib import Path
from typing import Any

import av
import numpy as np

from meetfleet.artifacts.mixer import Samples
from meetfleet.artifacts.recording_line import SAMPLE_RATE_HZ

_FRAME_SAMPLES = 4608
_SILENCE = np.zeros(_FRAME_SAMPLES, np.int16)


class FlacWriter:
    """Appends sound in pieces of any length; the file does not depend on how it was cut.

    Attributes:
        samples: Length so far.
    """

    def __init__(self, path: Path) -> None:
        self._container: Any = av.open(str(path), "w", format="flac")
        stream: Any = self._container.add_stream("flac", rate=SAMPLE_RATE_HZ, layout="mono")
        stream.codec_context.format = "s16"
        stream.codec_context.thread_count = 1
        self._stream = stream
        self._held: list[Samples] = []
        self._held_samples = 0
        self._encoded = 0

    @property
    def samples(self) -> int:
        return self._encoded + self._held_samples

    def add(self, sound: Samples) -> None:
        self._held.append(sound)
        self._held_samples += len(sound)
        if self._held_samples < _FRAME_SAMPLES:
            return
        joined = np.concatenate(self._held)
        whole = len(joined) // _FRAME_SAMPLES * _FRAME_SAMPLES
        for start in range(0, whole, _FRAME_SAMPLES):
            self._encode(joined[start : start + _FRAME_SAMPLES])
        self._held, self._held_samples = [joined[whole:]], len(joined) - whole

    def add_silence(self, samples: int) -> None:
        while samples > 0:
            part = _SILENCE[: min(samples, _FRAME_SAMPLES)]
            self.add(part)
            samples -= len(part)

    def close(self) -> None:
        """Encodes what is left and completes the header."""
        if self._held_samples:
            self._encode(np.concatenate(self._held))
        for packet in self._stream.encode(None):
            self._container.mux(packet)
        self._container.close()

    def _encode(self, sound: Samples) -> None:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound)[None, :], format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.pts = self._encoded
        self._encoded += len(sound)
        for packet in self._stream.encode(frame):
            self._container.mux(packet)
