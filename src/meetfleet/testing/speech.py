"""Sound that behaves like speech, made without a voice: harmonics under syllables, with exact beginnings and ends."""

from functools import lru_cache

import av
import numpy as np
from numpy.typing import NDArray

from meetfleet.tape.frame import LEVEL_UNKNOWN

RATE_HZ = 48_000
_SYLLABLE_S = 0.22


@lru_cache(maxsize=64)
def speech(seconds: float, voice: int, *, amplitude: float = 9000.0) -> NDArray[np.int16]:
    """Speech-like sound: a voice's own pitch, syllables, and a pause of a tenth of a second between words.

    Args:
        voice: Any number; each has its own pitch and rhythm, so that two can be told apart by correlation.
    """
    rng = np.random.default_rng(voice * 1009 + round(seconds * 1000))
    times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    pitch = 95 + 23 * (voice % 9)
    glide = 1 + 0.08 * np.sin(2 * np.pi * (0.6 + 0.1 * (voice % 4)) * times + voice)
    phase = 2 * np.pi * np.cumsum(pitch * glide) / RATE_HZ
    tone = sum(np.sin(h * phase + rng.random() * 6) / h for h in range(1, 9))
    syllable = np.sin(np.pi * np.mod(times / _SYLLABLE_S, 1)) ** 0.5
    word = np.mod(times, 0.9) < 0.8
    near_edge = (times < 0.05) | (times > seconds - 0.05)
    envelope = np.where(near_edge, 1.0, (0.25 + 0.75 * syllable) * np.where(word, 1.0, 0.0))
    noise = rng.normal(0, 0.15, len(times))
    return ((np.asarray(tone) + noise) * envelope * amplitude / 2.5).clip(-32000, 32000).astype(np.int16)


def packet_level(sound: NDArray[np.int16]) -> int:
    """RFC 6464 level of one packet's sound."""
    if not len(sound):
        return LEVEL_UNKNOWN
    power = float(np.mean((sound / 32768.0) ** 2))
    return 127 if power < 1e-12 else min(127, max(0, round(-10 * np.log10(power))))


def opus_packets(sound: NDArray[np.int16], *, bit_rate: int = 24_000) -> list[bytes]:
    """One packet for each 20 ms; the last is filled up with silence."""
    return list(_encoded(sound.tobytes(), bit_rate))


@lru_cache(maxsize=256)
def _encoded(pcm: bytes, bit_rate: int) -> tuple[bytes, ...]:
    sound = np.frombuffer(pcm, np.int16)
    codec = av.CodecContext.create("libopus", "w")
    codec.sample_rate = RATE_HZ  # pyright: ignore[reportAttributeAccessIssue]
    codec.layout = "mono"  # pyright: ignore[reportAttributeAccessIssue]
    codec.format = "s16"  # pyright: ignore[reportAttributeAccessIssue]
    codec.bit_rate = bit_rate
    codec.options = {"application": "voip"}
    padded = np.pad(sound, (0, -len(sound) % 960))
    packets: list[bytes] = []
    for start in range(0, len(padded), 960):
        frame = av.AudioFrame.from_ndarray(padded[None, start : start + 960], format="s16", layout="mono")
        frame.sample_rate = RATE_HZ
        packets += [bytes(p) for p in codec.encode(frame)]  # pyright: ignore
    return tuple(packets)
