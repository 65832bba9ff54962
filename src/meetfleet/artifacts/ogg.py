"""Ogg/Opus files with untouched packets. Source: RFC 3533 (Ogg), RFC 7845 (Opus in Ogg)."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from meetfleet.artifacts import opus
from meetfleet.domain.errors import MediaError

_PAGE = struct.Struct("<4sBBqIIIB")
_HEAD = struct.Struct("<8sBBHIhB")
_FIRST, _LAST = 2, 4
_PAGE_SAMPLES = 48_000
_MAX_LACES = 255
_TAGS_BYTES = 1020  # room to write the speaker's name later without moving what follows
_VENDOR = b"meetfleet"
_MIRROR = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_OVERLAP_SAMPLES = 480


def page_checksum(page: bytes) -> int:
    """Ogg's CRC: polynomial 0x04c11db7 without reflection, which is zlib's on mirrored bits."""
    reflected = zlib.crc32(page.translate(_MIRROR), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{reflected:032b}"[::-1], 2)


class OggOpusWriter:
    """Writes packets at their places on the recording's time line; what lies between becomes Opus silence.

    Packets are placed in samples at 48 kHz from the recording's start. Pages last a second. The name of
    the speaker may be written at the end: the comment page has its room from the start.

    Args:
        path: Written anew.
        channels: 1 or 2, for players; packets of either kind may follow.
        serial: The stream's serial number.

    Attributes:
        cursor: Where the next packet can begin.
        dropped: Packets left out because they overlapped what was there.
    """

    def __init__(self, path: Path, *, channels: int, serial: int) -> None:
        self._file = path.open("wb", buffering=1 << 15)
        self._serial = serial
        self._sequence = 0
        self._packets: list[bytes] = []
        self._laces = bytearray()
        self._page_start = 0
        self._silent_page = _lace(opus.silence(_PAGE_SAMPLES))
        self.cursor = 0
        self.dropped = 0
        head = _HEAD.pack(b"OpusHead", 1, channels, opus.PRE_SKIP_SAMPLES, 48_000, 0, 0)
        self._write_page(_lace_bytes(head), head, 0, _FIRST)
        self._tags_at = self._file.tell()
        tags = opus_tags({})
        self._write_page(_lace_bytes(tags), tags, 0)

    def add(self, position: int, samples: int, payload: bytes) -> None:
        """Appends a packet.

        Raises:
            MediaError: larger than a page can hold.
        """
        if len(payload) >= _MAX_LACES * 255 - 255:
            raise MediaError("An Opus packet larger than an Ogg page.")
        if position < self.cursor - _OVERLAP_SAMPLES:
            self.dropped += 1
            return
        self.fill(position)
        self._append(samples, payload)

    def fill(self, position: int) -> None:
        """Appends silence up to a position, to within 1.25 ms."""
        missing = position - self.cursor
        if missing >= _PAGE_SAMPLES and self._packets:
            self._silence(_PAGE_SAMPLES - (self.cursor - self._page_start))
            missing = position - self.cursor
        laces, body = self._silent_page
        while missing >= _PAGE_SAMPLES and not self._packets:
            self.cursor += _PAGE_SAMPLES
            missing -= _PAGE_SAMPLES
            self._page_start = self.cursor
            self._write_page(laces, body, self.cursor)
        self._silence(missing + opus.GRID_SAMPLES // 2)

    def close(self, total: int, tags: dict[str, str]) -> None:
        """Fills up to the recording's length, ends the stream there to the sample, and writes the comments."""
        end = total + opus.PRE_SKIP_SAMPLES
        # Not beyond the end, where a page could end too late to be cut.
        self.fill(end - opus.GRID_SAMPLES // 2)
        if not self._packets or self.cursor < end:
            self._packets.append(opus.silence(120)[0][1])
            self._laces += _lace_bytes(self._packets[-1])
        self._write_page(bytes(self._laces), b"".join(self._packets), max(end, self._page_start), _LAST)
        self._file.close()
        retag(self._path(), self._serial, tags)

    def abandon(self) -> None:
        """Closes the file as it is."""
        self._file.close()

    def _path(self) -> Path:
        return Path(self._file.name)

    def _silence(self, samples: int) -> None:
        for length, packet in opus.silence(max(0, samples)):
            self._append(length, packet)

    def _append(self, samples: int, payload: bytes) -> None:
        laces = _lace_bytes(payload)
        if len(self._laces) + len(laces) > _MAX_LACES:
            self._end_page()
        self._packets.append(payload)
        self._laces += laces
        self.cursor += samples
        if self.cursor - self._page_start >= _PAGE_SAMPLES:
            self._end_page()

    def _end_page(self) -> None:
        self._write_page(bytes(self._laces), b"".join(self._packets), self.cursor)
        self._packets, self._laces, self._page_start = [], bytearray(), self.cursor

    def _write_page(self, laces: bytes, body: bytes, granule: int, flags: int = 0) -> None:
        self._file.write(_page(laces, body, granule, flags, self._serial, self._sequence))
        self._sequence += 1


def retag(path: Path, serial: int, tags: dict[str, str]) -> None:
    """Writes the comment page of a file of ours anew, in its place."""
    body = opus_tags(tags)
    with path.open("r+b") as file:
        file.seek(_PAGE.size + 1 + _HEAD.size)
        file.write(_page(_lace_bytes(body), body, 0, 0, serial, 1))


def opus_tags(tags: dict[str, str]) -> bytes:
    """The comment header, padded to a fixed size; a value that does not fit is cut."""
    packet = b"OpusTags" + struct.pack("<I", len(_VENDOR)) + _VENDOR
    comments: list[bytes] = []
    room = _TAGS_BYTES - len(packet) - 4
    for key, value in tags.items():
        comment = f"{key}={value}".encode()[: min(400, room - 4)].decode(errors="ignore").encode()
        if "=" in comment.decode():
            comments.append(struct.pack("<I", len(comment)) + comment)
            room -= len(comments[-1])
    packet += struct.pack("<I", len(comments)) + b"".join(comments)
    return packet.ljust(_TAGS_BYTES, b"\0")


def read_packets(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Yields (position, samples, packet) of a file of ours, without the filled-in silence."""
    data = path.read_bytes()
    offset, position, page = 0, 0, 0
    while offset < len(data):
        count = data[offset + 26]
        laces = data[offset + 27 : offset + 27 + count]
        at = offset + 27 + count
        for size in _packet_sizes(laces):
            payload = data[at : at + size]
            at += size
            if page >= 2:
                samples = opus.packet_samples(payload)
                if not opus.is_filler(payload):
                    yield position, samples, payload
                position += samples
        offset, page = at, page + 1


def _packet_sizes(laces: bytes) -> Iterator[int]:
    size = 0
    for lace in laces:
        size += lace
        if lace < 255:
            yield size
            size = 0


def _lace_bytes(payload: bytes) -> bytes:
    return b"\xff" * (len(payload) // 255) + bytes([len(payload) % 255])


def _lace(packets: list[tuple[int, bytes]]) -> tuple[bytes, bytes]:
    return b"".join(_lace_bytes(p) for _, p in packets), b"".join(p for _, p in packets)


def _page(laces: bytes, body: bytes, granule: int, flags: int, serial: int, sequence: int) -> bytes:
    head = _PAGE.pack(b"OggS", 0, flags, granule, serial, sequence, 0, len(laces))
    page = head + laces + body
    return page[:22] + struct.pack("<I", page_checksum(page)) + page[26:]
