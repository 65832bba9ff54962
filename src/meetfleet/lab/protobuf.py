"""A tiny protobuf writer and reader: varints and length-delimited fields are all that the replicas need.

Source: https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Iterator

Value = int | bool | str | bytes

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def varint(value: int) -> bytes:
    """Base-128 encoding, least significant group first. Negative numbers become 64-bit two's complement."""
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number: int, value: Value | None) -> bytes:
    """One field. Integers and flags become varints; text and bytes are length-delimited; None is absent."""
    if value is None:
        return b""
    if isinstance(value, int):
        return varint(number << 3 | _VARINT) + varint(int(value))
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | _BYTES) + varint(len(data)) + data


def message(*fields: tuple[int, Value | None]) -> bytes:
    """A message out of (number, value) pairs, in the order given."""
    return b"".join(field(number, value) for number, value in fields)


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The (number, value) pairs of a message: varints and fixed numbers as int, everything else as bytes.

    Raises:
        ValueError: the bytes are no message.
    """
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _read_varint(data, at)
            yield number, value
            continue
        size = {_FIXED64: 8, _FIXED32: 4}.get(kind)
        if kind == _BYTES:
            size, at = _read_varint(data, at)
        if size is None or at + size > len(data) or number == 0:
            raise ValueError(f"no protobuf field of kind {kind} at byte {at}")
        chunk = data[at : at + size]
        yield number, chunk if kind == _BYTES else int.from_bytes(chunk, "little")
        at += size


def first(data: bytes, *path: int) -> int | bytes | None:
    """The first value found by following field numbers downwards; None where the path ends."""
    found: int | bytes | None = data
    for number in path:
        if not isinstance(found, bytes):
            return None
        found = next((value for n, value in fields(found) if n == number), None)
    return found


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("a varint does not end")
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        shift += 7
        if byte < 0x80:
            return value, at
