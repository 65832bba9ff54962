"""What an Opus packet tells about itself without being decoded. Source: RFC 6716 section 3.1."""

from meetfleet.domain.errors import MediaError

PRE_SKIP_SAMPLES = 312
"""How far libopus's output lags behind its input at 48 kHz: 6.5 ms."""

_SILK = (480, 960, 1920, 2880)
_HYBRID = (480, 960)
_CELT = (120, 240, 480, 960)
_STEREO_BIT = 4
_SILENT_CELT = {960: b"\xf8\xff\xfe", 480: b"\xf0\xff\xfe", 240: b"\xe8\xff\xfe", 120: b"\xe0\xff\xfe"}
_MAX_SAMPLES = 5760
GRID_SAMPLES = 120


def packet_samples(payload: bytes) -> int:
    """Length of a packet in samples at 48 kHz.

    Raises:
        MediaError: no Opus packet.
    """
    if not payload:
        raise MediaError("An empty Opus packet.")
    config, code = payload[0] >> 3, payload[0] & 3
    if config < 12:
        frame = _SILK[config & 3]
    elif config < 16:
        frame = _HYBRID[config & 1]
    else:
        frame = _CELT[config & 3]
    if code == 3 and len(payload) < 2:
        raise MediaError("An Opus packet is cut short.")
    count = payload[1] & 63 if code == 3 else (1, 2, 2)[code]
    if not 0 < frame * count <= _MAX_SAMPLES:
        raise MediaError("An Opus packet of impossible length.")
    return frame * count


def channel_count(payload: bytes) -> int:
    """1 or 2, as this packet was encoded."""
    return 2 if payload[0] & _STEREO_BIT else 1


def is_discontinuous(payload: bytes) -> bool:
    """Whether the encoder sent this packet in silence only to keep the stream alive (DTX), or it is our own filler."""
    return len(payload) <= 2 or payload in _SILENT_CELT.values()


def is_filler(payload: bytes) -> bool:
    """Whether a packet is one of those that `silence` gives."""
    return payload in _SILENT_CELT.values()


def silence(samples: int) -> list[tuple[int, bytes]]:
    """Packets of digital silence that together last `samples`, rounded down to 2.5 ms: (samples, packet) each."""
    packets = [(960, _SILENT_CELT[960])] * (samples // 960)
    rest = samples % 960
    for length in (480, 240, 120):
        if rest >= length:
            packets.append((length, _SILENT_CELT[length]))
            rest -= length
    return packets
