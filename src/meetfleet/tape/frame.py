"""Encoded media frames and the binary record that carries them, from the probe to the tape.

One record is a 36-byte little-endian header, `csrc_count` CSRCs of four bytes, then the payload:

    offset  type  field
    0       u32   record size in bytes, header included
    4       u16   track id
    6       u8    kind: 0 audio, 1 video, 2 JSON note (probe to bot only)
    7       u8    flags: 1 key frame, 2 voice activity, 4 sequence number known
    8       u32   RTP timestamp
    12      u32   SSRC
    16      u64   arrival, nanoseconds on the meeting clock (the probe sends f64 milliseconds since 1970 here)
    24      u16   width in pixels, 0 unknown
    26      u16   height in pixels, 0 unknown
    28      u8    audio level in -dBov, 0 loudest to 127 silence, 255 unknown (RFC 6464)
    29      u8    RTP payload type
    30      u16   RTP sequence number
    32      u8    CSRC count
    33      3     zero
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from meetfleet.domain.errors import TapeError

HEADER = struct.Struct("<IHBBIIQHHBBHB3x")
PROBE_HEADER = struct.Struct("<IHBBIIdHHBBHB3x")
LEVEL_UNKNOWN = 255
FLAG_KEY = 1
FLAG_VOICE = 2
FLAG_SEQUENCE = 4


class FrameKind(IntEnum):
    """What the payload is."""

    AUDIO = 0
    VIDEO = 1
    NOTE = 2


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """One encoded frame as it left the receiver, untouched.

    Attributes:
        track_id: Index of the track within its take.
        arrival_ns: When the browser received it, nanoseconds on the meeting clock.
        rtp_timestamp: 32-bit, in the track's clock rate (Opus 48 kHz, video 90 kHz; `pcm` its sample rate).
        audio_level: -dBov 0..127, or LEVEL_UNKNOWN.
        csrcs: Contributing sources of this packet, loudest first as the wire had them.
    """

    track_id: int
    kind: FrameKind
    arrival_ns: int
    rtp_timestamp: int
    ssrc: int
    payload: bytes
    is_key: bool = False
    csrcs: tuple[int, ...] = ()
    audio_level: int = LEVEL_UNKNOWN
    voice_activity: bool = False
    sequence_number: int | None = None
    payload_type: int = 0
    width: int = 0
    height: int = 0


def pack_frames(frames: Iterable[EncodedFrame]) -> bytes:
    """Writes frames as consecutive records."""
    parts: list[bytes] = []
    for f in frames:
        flags = FLAG_KEY * f.is_key | FLAG_VOICE * f.voice_activity | FLAG_SEQUENCE * (f.sequence_number is not None)
        size = HEADER.size + 4 * len(f.csrcs) + len(f.payload)
        parts.append(
            HEADER.pack(
                size,
                f.track_id,
                f.kind,
                flags,
                f.rtp_timestamp,
                f.ssrc,
                f.arrival_ns,
                f.width,
                f.height,
                f.audio_level,
                f.payload_type,
                f.sequence_number or 0,
                len(f.csrcs),
            )
        )
        parts.extend(csrc.to_bytes(4, "little") for csrc in f.csrcs)
        parts.append(f.payload)
    return b"".join(parts)


def unpack_frames(data: bytes | memoryview) -> Iterator[EncodedFrame]:
    """Reads consecutive records from the tape.

    Raises:
        TapeError: a record is cut short or its sizes contradict each other.
    """
    for fields, csrcs, payload in _records(data, HEADER):
        yield _frame(fields, fields[6], csrcs, payload)


def unpack_probe_frames(data: bytes | memoryview) -> Iterator[EncodedFrame]:
    """Reads records as the probe sends them, whose arrival time is f64 milliseconds since 1970.

    Raises:
        TapeError: a record is cut short or its sizes contradict each other.
    """
    for fields, csrcs, payload in _records(data, PROBE_HEADER):
        yield _frame(fields, round(fields[6] * 1_000_000), csrcs, payload)


def span_ns(data: bytes | memoryview) -> tuple[int, int]:
    """Earliest and latest arrival in consecutive records, without reading their payloads; (0, 0) if none is whole."""
    view = memoryview(data)
    first_ns, last_ns, offset = 0, 0, 0
    while offset + HEADER.size <= len(view):
        fields = HEADER.unpack_from(view, offset)
        first_ns = min(first_ns or fields[6], fields[6])
        last_ns = max(last_ns, fields[6])
        offset += max(fields[0], HEADER.size)
    return first_ns, last_ns


def _records(
    data: bytes | memoryview, header: struct.Struct
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...], bytes]]:
    view = memoryview(data)
    offset = 0
    while offset < len(view):
        if len(view) - offset < header.size:
            raise TapeError("A frame record is cut short.")
        fields = header.unpack_from(view, offset)
        size, csrc_count = fields[0], fields[12]
        body = header.size + 4 * csrc_count
        if size < body or offset + size > len(view):
            raise TapeError("A frame record's size contradicts its content.")
        csrcs = struct.unpack_from(f"<{csrc_count}I", view, offset + header.size)
        yield fields, csrcs, bytes(view[offset + body : offset + size])
        offset += size


def _frame(fields: tuple[int, ...], arrival_ns: int, csrcs: tuple[int, ...], payload: bytes) -> EncodedFrame:
    _, track_id, kind, flags, rtp, ssrc, _, width, height, level, payload_type, sequence, _ = fields
    try:
        frame_kind = FrameKind(kind)
    except ValueError as error:
        raise TapeError(f"Unknown frame kind {kind}.") from error
    return EncodedFrame(
        track_id,
        frame_kind,
        arrival_ns,
        rtp,
        ssrc,
        payload,
        bool(flags & FLAG_KEY),
        csrcs,
        level,
        bool(flags & FLAG_VOICE),
        sequence if flags & FLAG_SEQUENCE else None,
        payload_type,
        width,
        height,
    )
