"""Reads protocol-buffer messages without a schema: just the wire format, lazily.

Source: https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Iterator
from typing import Self

from meetfleet.domain.errors import MediaError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_VARINT_BYTES = 10
_FIXED_SIZES = {_FIXED64: 8, _FIXED32: 4}


class WireError(MediaError):
    """These bytes are no protocol-buffer message."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="wire_drift")


class Message:
    """One message: its fields by number, each with every value it had, in order.

    Accessors answer what proto3 would: a missing field, or one of another wire type, is its type's zero.
    """

    __slots__ = ("_fields",)

    def __init__(self, fields: dict[int, list[int | bytes]]) -> None:
        self._fields = fields

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Reads one message; nested ones are read when asked for.

        Raises:
            WireError: truncated, an unknown wire type, or field number 0.
        """
        fields: dict[int, list[int | bytes]] = {}
        for number, value in _fields(data):
            fields.setdefault(number, []).append(value)
        return cls(fields)

    def __contains__(self, number: int) -> bool:
        return number in self._fields

    @property
    def numbers(self) -> frozenset[int]:
        """The field numbers present."""
        return frozenset(self._fields)

    def number(self, field: int) -> int:
        """A varint or fixed-width value; the last one wins."""
        values = [v for v in self._fields.get(field, ()) if isinstance(v, int)]
        return values[-1] if values else 0

    def numbers_of(self, field: int) -> list[int]:
        """A repeated varint field, packed or not.

        Raises:
            WireError: a packed value is cut short.
        """
        found: list[int] = []
        for value in self._fields.get(field, ()):
            found.extend([value] if isinstance(value, int) else _packed(value))
        return found

    def raw(self, field: int) -> bytes:
        """A bytes value; the last one wins."""
        values = [v for v in self._fields.get(field, ()) if isinstance(v, bytes)]
        return values[-1] if values else b""

    def text(self, field: int) -> str:
        """A string value.

        Raises:
            WireError: not UTF-8.
        """
        try:
            return self.raw(field).decode()
        except UnicodeDecodeError as error:
            raise WireError(f"Field {field} is no text.") from error

    def message(self, *path: int) -> "Message":
        """The message at this path of field numbers; an empty one where the path leads nowhere.

        Raises:
            WireError: bytes on the path are no message.
        """
        found = self
        for field in path:
            found = Message.parse(found.raw(field))
        return found

    def messages(self, field: int) -> list["Message"]:
        """A repeated message field.

        Raises:
            WireError: one of them is no message.
        """
        return [Message.parse(v) for v in self._fields.get(field, ()) if isinstance(v, bytes)]


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    offset = 0
    while offset < len(data):
        tag, offset = _varint(data, offset)
        number, wire_type = tag >> 3, tag & 7
        if number == 0:
            raise WireError("Field number 0.")
        value, offset = _value(data, offset, wire_type)
        yield number, value


def _value(data: bytes, offset: int, wire_type: int) -> tuple[int | bytes, int]:
    if wire_type == _VARINT:
        return _varint(data, offset)
    if wire_type == _BYTES:
        size, offset = _varint(data, offset)
        return _cut(data, offset, size), offset + size
    if wire_type in _FIXED_SIZES:
        size = _FIXED_SIZES[wire_type]
        return int.from_bytes(_cut(data, offset, size), "little"), offset + size
    raise WireError(f"Wire type {wire_type}.")


def _cut(data: bytes, offset: int, size: int) -> bytes:
    if offset + size > len(data):
        raise WireError("A value is cut short.")
    return data[offset : offset + size]


def _varint(data: bytes, offset: int) -> tuple[int, int]:
    value = 0
    for index in range(_MAX_VARINT_BYTES):
        if offset + index >= len(data):
            raise WireError("A number is cut short.")
        byte = data[offset + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, offset + index + 1
    raise WireError("A number is too long.")


def _packed(data: bytes) -> Iterator[int]:
    offset = 0
    while offset < len(data):
        value, offset = _varint(data, offset)
        yield value
