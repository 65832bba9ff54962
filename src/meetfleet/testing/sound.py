"""Listening to what was made: decode a file, and measure by how much it is shifted against the truth."""

from collections.abc import Iterable
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

_RATE_HZ = 48_000
_STEP = 24  # envelope resolution in samples: half a millisecond
_REACH_MS = 60


def read_sound(path: Path) -> NDArray[np.int16]:
    """Decodes the sound of any file to 48 kHz mono 16 bit, as a player would play it."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=_RATE_HZ)
    parts: list[NDArray[np.int16]] = []
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            parts += [out.to_ndarray().reshape(-1).astype(np.int16) for out in resampler.resample(frame)]
    return np.concatenate(parts) if parts else np.zeros(0, np.int16)


def measure_shifts_ms(
    truth: NDArray[np.int16], heard: NDArray[np.int16], spans: Iterable[tuple[float, float]]
) -> list[float]:
    """How much later than in `truth` the sound of each span (start and end in seconds) is heard, by its envelope."""
    a, b = _envelope(truth), _envelope(heard)
    return [_shift_ms(a, b, start_s, end_s) for start_s, end_s in spans]


def _shift_ms(a: NDArray[np.float64], b: NDArray[np.float64], start_s: float, end_s: float) -> float:
    reach = _REACH_MS * 1000 // _STEP * _RATE_HZ // 1_000_000
    first, last = round(start_s * _RATE_HZ) // _STEP - 200, round(end_s * _RATE_HZ) // _STEP + 200
    wanted = _window(a, first, last)
    scores = [float(np.dot(wanted, _window(b, first + shift, last + shift))) for shift in range(-reach, reach + 1)]
    return (int(np.argmax(scores)) - reach) * _STEP * 1000 / _RATE_HZ


def _envelope(sound: NDArray[np.int16]) -> NDArray[np.float64]:
    whole = len(sound) // _STEP * _STEP
    level = np.abs(sound[:whole].astype(np.float64)).reshape(-1, _STEP).mean(axis=1)
    return np.convolve(level, np.full(8, 0.125), mode="same").astype(np.float64) if len(level) else level


def _window(envelope: NDArray[np.float64], first: int, last: int) -> NDArray[np.float64]:
    """A piece of it without its mean; nothing is beyond its ends."""
    part = np.zeros(last - first)
    inside = envelope[max(0, first) : max(0, last)]
    part[max(0, -first) : max(0, -first) + len(inside)] = inside
    return part - part.mean()
