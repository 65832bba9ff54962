"""RTP packets from ready-made frames.

Source: RFC 3550, 4588 (retransmission), 6184 (H.264), 6464 (audio levels), 7741 (VP8), 8285 (header extensions).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

PAYLOAD_MAX = 1180
"""Bytes of payload, so that a packet with its header, extensions and SRTP tag stays below 1280."""
HISTORY = 512
_FU_A, _STAP_A = 28, 24


@dataclass(frozen=True, slots=True)
class Extensions:
    """Ids of the header extensions agreed upon; 0 where one was not."""

    mid: int = 0
    abs_send_time: int = 0
    audio_level: int = 0


def vp8_payloads(frame: bytes, picture_id: int) -> Iterator[bytes]:
    """A VP8 frame behind payload descriptors with a 15-bit picture id."""
    tail = struct.pack("!BH", 0x80, 0x8000 | picture_id & 0x7FFF)
    size = PAYLOAD_MAX - 4
    for at in range(0, len(frame), size):
        yield (b"\x90" if at == 0 else b"\x80") + tail + frame[at : at + size]


def h264_payloads(frame: bytes) -> Iterator[bytes]:
    """An Annex B frame with four-byte start codes as single NAL units or FU-A fragments."""
    for nal in frame.split(b"\x00\x00\x00\x01")[1:]:
        if len(nal) <= PAYLOAD_MAX:
            yield nal
            continue
        indicator, kind, body = nal[0] & 0xE0 | _FU_A, nal[0] & 0x1F, nal[1:]
        size = PAYLOAD_MAX - 2
        for at in range(0, len(body), size):
            edges = (0x80 if at == 0 else 0) | (0x40 if at + size >= len(body) else 0)
            yield bytes((indicator, edges | kind)) + body[at : at + size]


@dataclass(slots=True)
class Packetizer:
    """Numbers and wraps the packets of one SSRC.

    Attributes:
        mid: Value of the MID extension.
    """

    ssrc: int
    payload_type: int
    sequence: int
    mid: bytes
    extensions: Extensions
    _mid: bytes = field(init=False, default=b"")

    def __post_init__(self) -> None:
        if self.extensions.mid:
            self._mid = bytes((self.extensions.mid << 4 | len(self.mid) - 1,)) + self.mid

    def packet(
        self,
        payload: bytes,
        timestamp: int,
        *,
        marker: bool,
        send_time_24: int,
        csrc: int | None = None,
        level: int | None = None,
        voice: bool = False,
    ) -> tuple[int, bytes]:
        """One packet and its sequence number.

        Args:
            send_time_24: Absolute send time: seconds in 6.18 fixed point.
            level: RFC 6464 loudness, 0..127 in -dBov.
        """
        ext = self._mid
        if self.extensions.abs_send_time:
            ext += struct.pack(
                "!BBH", self.extensions.abs_send_time << 4 | 2, send_time_24 >> 16, send_time_24 & 0xFFFF
            )
        if level is not None and self.extensions.audio_level:
            ext += bytes((self.extensions.audio_level << 4, (0x80 if voice else 0) | level))
        ext += b"\0" * (-len(ext) % 4)
        first = 0x80 | (0x10 if ext else 0) | (1 if csrc is not None else 0)
        second = self.payload_type | (0x80 if marker else 0)
        sequence, self.sequence = self.sequence, (self.sequence + 1) & 0xFFFF
        head = struct.pack("!BBHLL", first, second, sequence, timestamp & 0xFFFFFFFF, self.ssrc)
        if csrc is not None:
            head += struct.pack("!L", csrc)
        if ext:
            head += struct.pack("!HH", 0xBEDE, len(ext) // 4) + ext
        return sequence, head + payload


def as_retransmission(packet: bytes, *, ssrc: int, payload_type: int, sequence: int) -> bytes:
    """The same packet as RFC 4588 sends it again: another SSRC, its old sequence number before the payload."""
    start = header_size(packet)
    head = bytes((packet[0], packet[1] & 0x80 | payload_type)) + struct.pack("!H", sequence)
    return head + packet[4:8] + struct.pack("!L", ssrc) + packet[12:start] + packet[2:4] + packet[start:]


def header_size(packet: bytes) -> int:
    """Bytes before the payload."""
    size = 12 + 4 * (packet[0] & 0x0F)
    if packet[0] & 0x10:
        size += 4 + 4 * int.from_bytes(packet[size + 2 : size + 4], "big")
    return size
