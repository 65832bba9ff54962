"""All voices into one: blocks of a second, released once nothing more can fall into them."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from meetfleet.artifacts.opus_decoder import Sound

BLOCK_SAMPLES = 48_000
_KNEE = 0.7 * 32767
_HEADROOM = 0.3 * 32767

Samples = NDArray[np.int16]
"""Mono, 48 kHz: shape (samples,)."""


class Mixer:
    """Adds sounds at their places. Silence takes no memory.

    Attributes:
        late: Samples dropped because their place had left already.
    """

    def __init__(self) -> None:
        self._blocks: dict[int, Sound] = {}
        self._released = -(1 << 62)
        self.late = 0

    def add(self, position: int, sound: Sound) -> None:
        """Adds a sound that begins at `position` (samples)."""
        if position < self._released:
            cut = min(self._released - position, len(sound))
            self.late += cut
            position, sound = position + cut, sound[cut:]
        while len(sound):
            index, offset = divmod(position, BLOCK_SAMPLES)
            part = sound[: BLOCK_SAMPLES - offset]
            block = self._blocks.get(index)
            if block is None:
                block = self._blocks[index] = np.zeros(BLOCK_SAMPLES, np.float32)
            block[offset : offset + len(part)] += part
            position, sound = position + len(part), sound[len(part) :]

    def release(self, start: int, end: int) -> Iterator[Samples | int]:
        """Yields the mix from `start` to `end`, once: sound, or the length of a silence."""
        position = start
        while position < end:
            index, offset = divmod(position, BLOCK_SAMPLES)
            length = min(BLOCK_SAMPLES - offset, end - position)
            block = self._blocks.get(index)
            yield length if block is None else limit(block[offset : offset + length])
            position += length
        self.forget(end)

    def forget(self, end: int) -> None:
        """Drops whatever lies before `end`."""
        self._released = max(self._released, end)
        for index in [i for i in self._blocks if (i + 1) * BLOCK_SAMPLES <= self._released]:
            del self._blocks[index]


def limit(sound: Sound) -> Samples:
    """Float sound to 16 bit: untouched up to 70 % of full scale, bent smoothly towards it above, never wrapped."""
    if len(sound) and float(np.abs(sound).max()) > _KNEE:
        over = np.maximum(np.abs(sound) - _KNEE, 0)
        bent = np.minimum(np.abs(sound), _KNEE) + _HEADROOM * np.tanh(over / _HEADROOM)
        sound = np.copysign(bent, sound).astype(np.float32)
    return np.rint(sound).astype(np.int16)
