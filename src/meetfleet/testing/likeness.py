"""Compares recorded sound with the truth: how far it is shifted, and how alike it is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Likeness:
    """How a recording relates to its reference.

    Attributes:
        offset_s: Positive when the recording is late.
        correlation: Normalised, of the aligned signals; 1 means equal up to gain.
    """

    offset_s: float
    correlation: float


def compare(recorded: Samples, reference: Samples, sample_rate_hz: int, max_offset_s: float = 2.0) -> Likeness:
    """Aligns `recorded` to `reference` by cross-correlation.

    Args:
        recorded: Mono samples, any scale.
        reference: Mono samples, any scale; need not have the same length.
        max_offset_s: Shifts beyond this are not considered.

    Raises:
        ValueError: one of them is silent or empty.
    """
    size = max(len(recorded), len(reference))
    a, b = _padded(recorded, size), _padded(reference, size)
    if not a.any() or not b.any():
        raise ValueError("A silent signal cannot be aligned.")
    spectrum = np.fft.rfft(a, 2 * size) * np.conj(np.fft.rfft(b, 2 * size))
    products = np.fft.irfft(spectrum, 2 * size)
    reach = min(size - 1, int(max_offset_s * sample_rate_hz))
    window = np.concatenate([products[-reach:], products[: reach + 1]])
    shift = int(np.argmax(window)) - reach
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return Likeness(shift / sample_rate_hz, float(window[shift + reach]) / scale)


def _padded(samples: Samples, size: int) -> NDArray[np.float64]:
    padded = np.zeros(size, np.float64)
    padded[: len(samples)] = samples
    return padded
