"""Speech as Opus packets of 20 ms, with the loudness of each."""

import fractions
from dataclasses import dataclass
from hashlib import sha1
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.audio.codeccontext import AudioCodecContext

from meetfleet.lab.media.speech import SAMPLE_RATE_HZ, Pcm

PACKET_SAMPLES = 960
PACKET_S = PACKET_SAMPLES / SAMPLE_RATE_HZ
BIT_RATE = 32_000
LOOKAHEAD_SAMPLES = 312
"""What libopus delays its input by at 48 kHz. We feed it that much early, so that decoded sample n is our sample n."""
LEAD_SAMPLES = PACKET_SAMPLES
"""Silence before and after the speech in a clip: the decoder settles, nothing is cut off."""
SILENT_LEVEL = 127
SILENCE_PACKET = bytes.fromhex("f8fffe")
"""20 ms of Opus silence (CELT, full band, mono). Source: RFC 6716 section 3.1; what libwebrtc fills gaps with."""
VOICE_LEVEL = 60
"""-dBov below which (that is: louder) a packet carries the voice flag of RFC 6464."""


@dataclass(frozen=True, slots=True)
class OpusClip:
    """A line ready to be sent.

    Attributes:
        packets: One per 20 ms.
        levels: Loudness of each packet as RFC 6464 writes it: 0 (full scale) .. 127 (silent), in -dBov.
        digests: SHA-1 of each packet.
        pcm: What a decoder gives for the packets, but for the codec's loss: s16, (960 * packets,), 48 kHz.
    """

    packets: tuple[bytes, ...]
    levels: tuple[int, ...]
    digests: tuple[str, ...]
    pcm: Pcm

    @property
    def duration_s(self) -> float:
        return len(self.packets) * PACKET_S


def encode_opus(speech: Pcm) -> OpusClip:
    """Encodes speech with a packet of silence before and after it."""
    count = -(-(len(speech) + 2 * LEAD_SAMPLES) // PACKET_SAMPLES)
    pcm = np.zeros(count * PACKET_SAMPLES, np.int16)
    pcm[LEAD_SAMPLES : LEAD_SAMPLES + len(speech)] = speech
    ahead = np.concatenate([pcm[LOOKAHEAD_SAMPLES:], np.zeros(LOOKAHEAD_SAMPLES, np.int16)])
    packets = _packets(ahead)[:count]
    assert len(packets) == count, "libopus gave fewer packets than it was fed"
    digests = tuple(sha1(packet).hexdigest() for packet in packets)
    return OpusClip(packets, levels(pcm), digests, pcm)


def levels(pcm: Pcm) -> tuple[int, ...]:
    """The RFC 6464 level of each 20 ms. Source: RFC 6465 appendix A."""
    blocks: npt.NDArray[np.float64] = pcm.reshape(-1, PACKET_SAMPLES).astype(np.float64) / 32768
    rms = np.sqrt((blocks**2).mean(axis=1))
    dbov = -20 * np.log10(np.maximum(rms, 1e-7))
    return tuple(int(level) for level in np.clip(np.rint(dbov), 0, SILENT_LEVEL))


def _packets(pcm: Pcm) -> tuple[bytes, ...]:
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate = SAMPLE_RATE_HZ
    encoder.layout = "mono"
    encoder.format = "s16"
    encoder.bit_rate = BIT_RATE
    encoder.time_base = fractions.Fraction(1, SAMPLE_RATE_HZ)
    # "audio" rather than "voip": the latter's high-pass filter would shift phases against our reference
    encoder.options = {"application": "audio", "frame_duration": "20", "vbr": "on"}
    packets: list[bytes] = []
    for at in range(0, len(pcm), PACKET_SAMPLES):
        frame = av.AudioFrame.from_ndarray(pcm[None, at : at + PACKET_SAMPLES], format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.pts = at
        packets += _encode(encoder, frame)
    return (*packets, *_encode(encoder, None))


def _encode(encoder: AudioCodecContext, frame: av.AudioFrame | None) -> list[bytes]:
    made: list[Any] = encoder.encode(frame)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return [bytes(packet) for packet in made]
