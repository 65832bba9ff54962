"""Opus packets to sound, one decoder for each voice."""

import math
from typing import Any

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from meetfleet.domain.errors import MediaError

Sound = NDArray[np.float32]
"""Mono sound at 48 kHz in units of 16-bit samples: shape (samples,)."""

_HEAD = b"OpusHead\x01\x01\x00\x00\x80\xbb\x00\x00\x00\x00\x00"  # mono, nothing skipped, no gain
_CONCEAL_SAMPLES = 960
_FULL_SCALE = 32768.0
SILENT_DB = 127


class OpusDecoder:
    """libopus with what a jitter buffer adds: a reset after gaps and a fade where packets are missing."""

    def __init__(self) -> None:
        self._codec: Any = av.CodecContext.create("libopus", "r")
        self._codec.thread_count = 1
        self._codec.extradata = _HEAD
        self._tail: Sound | None = None

    def decode(self, payload: bytes) -> Sound:
        """Returns the packet's sound.

        Raises:
            MediaError: libopus refuses the packet.
        """
        try:
            parts = [frame.to_ndarray().reshape(-1) for frame in self._codec.decode(av.Packet(payload))]
        except FFmpegError as error:
            raise MediaError(f"An Opus packet cannot be decoded: {error.strerror}.") from error
        if not parts:
            raise MediaError("An Opus packet gave no sound.")
        self._tail = np.concatenate(parts).astype(np.float32)
        return self._tail

    def conceal(self, samples: int) -> Sound:
        """Returns what to play where the next `samples` are missing: the last packet backwards, fading out."""
        if self._tail is None:
            return np.zeros(0, np.float32)
        length = min(samples, _CONCEAL_SAMPLES, len(self._tail))
        fade = np.linspace(1, 0, length, endpoint=False, dtype=np.float32)
        return self._tail[::-1][:length] * fade

    def reset(self) -> None:
        """Forgets the past, as after a pause."""
        self._codec.flush_buffers()
        self._tail = None


def level_db(sound: Sound) -> int:
    """Level in -dBov as RFC 6465 defines it for a packet: 0 loudest to 127 silence."""
    power = float(np.dot(sound, sound)) / max(1, len(sound)) / (_FULL_SCALE * _FULL_SCALE)
    return SILENT_DB if power <= 0 else min(SILENT_DB, max(0, round(-10 * math.log10(power))))
