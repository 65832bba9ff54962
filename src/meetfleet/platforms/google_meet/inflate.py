"""Unpacks what Meet sends over its data channels: zlib, gzip, bare deflate or plain; only the bytes tell which."""

import zlib
from collections.abc import Iterator

from meetfleet.platforms.google_meet.protobuf import WireError

MAX_BYTES = 4 * 1024 * 1024
_ZLIB, _GZIP, _BARE = zlib.MAX_WBITS, zlib.MAX_WBITS | 16, -zlib.MAX_WBITS


def unpackings(data: bytes) -> Iterator[bytes]:
    """What these bytes may hold, likeliest reading first and the bytes themselves last.

    A reader takes the first that makes sense: a plain message can look like a compressed one by chance.
    """
    for window_bits in _likely_formats(data):
        try:
            yield inflate(data, window_bits)
        except WireError:
            continue
    yield data


def inflate(data: bytes, window_bits: int) -> bytes:
    """Unpacks one whole compressed message.

    Args:
        window_bits: As zlib has it: 15 zlib, 31 gzip, -15 bare deflate.

    Raises:
        WireError: damaged, cut short, followed by something else, or larger than any honest message.
    """
    unpacker = zlib.decompressobj(window_bits)
    try:
        unpacked = unpacker.decompress(data, MAX_BYTES)
    except zlib.error as error:
        raise WireError("Damaged compression.") from error
    if not unpacker.eof or unpacker.unused_data:
        raise WireError("Compressed data does not end where the message ends.")
    return unpacked


def _likely_formats(data: bytes) -> tuple[int, ...]:
    if data.startswith(b"\x1f\x8b"):
        return (_GZIP,)
    # RFC 1950: method 8 in the low half of the first byte, and both header bytes together a multiple of 31.
    if len(data) > 2 and data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0:
        return (_ZLIB, _BARE)
    return (_BARE,)
