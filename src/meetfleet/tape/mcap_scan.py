"""Reads MCAP records from a file that may be cut short or damaged: what is whole and passes its CRC comes out.

Source: the MCAP specification, https://mcap.dev/spec (record framing, chunk, message, channel, metadata, footer).
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

MAGIC = b"\x89MCAP0\r\n"
_FRAMING = struct.Struct("<BQ")
_CHUNK = struct.Struct("<QQQI")
_MESSAGE = struct.Struct("<HIQQ")
_FOOTER = struct.Struct("<QQI")
_CHANNEL, _MESSAGE_OP, _CHUNK_OP, _METADATA, _DATA_END, _FOOTER_OP = 4, 5, 6, 12, 15, 2
_KNOWN_OPCODES = range(1, 16)


@dataclass(frozen=True, slots=True)
class RawMessage:
    """One MCAP message. `data` is a view into the file's bytes."""

    topic: str
    log_ns: int
    data: memoryview


@dataclass(slots=True)
class McapScan:
    """One pass over the bytes of a segment. `messages` fills the other attributes as it goes.

    Attributes:
        metadata: Metadata records in order, as (name, values).
        damage: One sentence for each thing that is wrong.
        is_sealed: The file has its summary and closing magic.
    """

    data: bytes
    metadata: list[tuple[str, dict[str, str]]] = field(default_factory=list[tuple[str, dict[str, str]]])
    damage: list[str] = field(default_factory=list[str])
    is_sealed: bool = False
    _channels: dict[int, str] = field(default_factory=dict[int, str])

    def messages(self) -> Iterator[RawMessage]:
        """Yields every readable message in the order of the file; raises nothing."""
        view = memoryview(self.data)
        if self.data[:8] != MAGIC:
            self.damage.append("It does not begin like an MCAP file.")
            return
        offset = len(MAGIC)
        while offset < len(view):
            record = self._record(view, offset)
            if record is None:
                return
            opcode, body = record
            if opcode == _CHUNK_OP:
                yield from self._chunk(body, offset)
            elif opcode == _METADATA:
                self._read_metadata(body, offset)
            elif opcode == _DATA_END:
                self._check_end(view, body, offset)
                return
            offset += _FRAMING.size + len(body)
        self.damage.append("It was never sealed.")

    def _record(self, view: memoryview, offset: int) -> tuple[int, memoryview] | None:
        if len(view) - offset < _FRAMING.size:
            self.damage.append(f"It is cut short at byte {offset}.")
            return None
        opcode, size = _FRAMING.unpack_from(view, offset)
        start = offset + _FRAMING.size
        if opcode not in _KNOWN_OPCODES:
            self.damage.append(f"Nothing can be read from byte {offset} on.")
            return None
        if size > len(view) - start:
            self.damage.append(f"A record at byte {offset} is cut short.")
            return None
        return opcode, view[start : start + size]

    def _chunk(self, body: memoryview, offset: int) -> Iterator[RawMessage]:
        try:
            _, _, size, crc = _CHUNK.unpack_from(body)
            compression, at = _string(body, _CHUNK.size)
            (stored,) = struct.unpack_from("<Q", body, at)
            records = body[at + 8 :]
        except (struct.error, UnicodeDecodeError):
            self.damage.append(f"The chunk at byte {offset} is unreadable.")
            return
        if compression or stored != len(records) or size != stored or zlib.crc32(records) != crc:
            self.damage.append(f"The chunk at byte {offset} fails its checksum.")
            return
        yield from self._records_of_chunk(records)

    def _records_of_chunk(self, records: memoryview) -> Iterator[RawMessage]:
        offset = 0
        while offset < len(records):
            opcode, size = _FRAMING.unpack_from(records, offset)
            body = records[offset + _FRAMING.size : offset + _FRAMING.size + size]
            if opcode == _CHANNEL:
                self._channels[struct.unpack_from("<H", body)[0]] = _string(body, 4)[0]
            elif opcode == _MESSAGE_OP:
                channel_id, _, log_ns, _ = _MESSAGE.unpack_from(body)
                topic = self._channels.get(channel_id)
                if topic is None:
                    self.damage.append("A message belongs to a channel that was lost.")
                else:
                    yield RawMessage(topic, log_ns, body[_MESSAGE.size :])
            offset += _FRAMING.size + size

    def _read_metadata(self, body: memoryview, offset: int) -> None:
        values: dict[str, str] = {}
        try:
            name, at = _string(body, 0)
            end = at + 4 + struct.unpack_from("<I", body, at)[0]
            at += 4
            while at < end:
                key, at = _string(body, at)
                values[key], at = _string(body, at)
        except (struct.error, UnicodeDecodeError):
            self.damage.append(f"The metadata at byte {offset} is unreadable.")
            return
        self.metadata.append((name, values))

    def _check_end(self, view: memoryview, body: memoryview, offset: int) -> None:
        """After the last message: does the data section's CRC hold, and is the summary whole?"""
        if len(body) != 4:
            self.damage.append("The end of the data is unreadable.")
            return
        (crc,) = struct.unpack("<I", body)
        if crc and zlib.crc32(view[:offset]) != crc:
            self.damage.append("The data fails its checksum.")
        footer = len(view) - len(MAGIC) - _FOOTER.size - _FRAMING.size
        if footer < offset or not self.data.endswith(MAGIC) or view[footer] != _FOOTER_OP:
            self.damage.append("The summary is cut short.")
            return
        start, _, summary_crc = _FOOTER.unpack_from(view, footer + _FRAMING.size)
        if zlib.crc32(view[start : footer + _FRAMING.size + 16]) != summary_crc:
            self.damage.append("The summary fails its checksum.")
            return
        self.is_sealed = True


def _string(view: memoryview, offset: int) -> tuple[str, int]:
    (size,) = struct.unpack_from("<I", view, offset)
    end = offset + 4 + size
    if end > len(view):
        raise struct.error("A string runs over its record.")
    return str(view[offset + 4 : end], "utf-8"), end
