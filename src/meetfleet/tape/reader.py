"""Reads segments back into frames and records, whole or damaged."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from meetfleet.domain.errors import TapeError
from meetfleet.tape.frame import EncodedFrame, FrameKind, span_ns, unpack_frames
from meetfleet.tape.mcap_scan import McapScan, RawMessage
from meetfleet.tape.records import JSON_RECORDS, JsonRecord, Screenshot, TrackInfo
from meetfleet.tape.segment import GAP_NAME, METADATA_NAME, TapeMeta

_TRACK_TOPIC = re.compile(r"^/track/(\d+)/(frames|info)$")
_KIND_OFFSET = 6


@dataclass(slots=True)
class TapeFrames:
    """Frames of one track that were written together, in order of arrival at the bot.

    They are unpacked when asked for, so that who wants only sound pays nothing for video.

    Attributes:
        at_ns: Arrival of the earliest frame, nanoseconds on the meeting clock.
        body: The records as they stand on the tape (see `frame`).
    """

    at_ns: int
    track_id: int
    body: memoryview
    _frames: list[EncodedFrame] | None = field(default=None, repr=False)

    @property
    def kind(self) -> FrameKind:
        return FrameKind(self.body[_KIND_OFFSET])

    @property
    def span_ns(self) -> tuple[int, int]:
        """Earliest and latest arrival, without unpacking the payloads."""
        return span_ns(self.body)

    @property
    def frames(self) -> list[EncodedFrame]:
        """The frames; a record that contradicts itself ends the list."""
        if self._frames is None:
            self._frames = list(_readable(self.body))
        return self._frames


@dataclass(frozen=True, slots=True)
class TapeRecord:
    """Anything but media, at its moment on the meeting clock."""

    at_ns: int
    record: JsonRecord | Screenshot


Message = TapeFrames | TapeRecord


@dataclass(frozen=True, slots=True)
class LostSpan:
    """The writer had to drop messages of this span (a full disk)."""

    from_ns: int
    to_ns: int
    why: str


class SegmentReader:
    """One segment. Iterating `messages` raises nothing: what is damaged is skipped and told in `damage`.

    Args:
        source: The file, or its bytes.

    Raises:
        TapeError: the file cannot be opened at all.
    """

    def __init__(self, source: Path | str | bytes | memoryview) -> None:
        self._scan = McapScan(_bytes_of(source))
        self._unreadable: list[str] = []

    def messages(self) -> Iterator[Message]:
        """Yields frames and records in the order of the file."""
        self._scan = McapScan(self._scan.data)
        self._unreadable = []
        for raw in self._scan.messages():
            message = self._message(raw)
            if message is not None:
                yield message

    @property
    def damage(self) -> list[str]:
        """What is wrong, one sentence each; complete once `messages` ran to its end."""
        return self._scan.damage + self._unreadable

    @property
    def is_sealed(self) -> bool:
        """Whether the segment ends as a finished one does; known once `messages` ran to its end."""
        return self._scan.is_sealed

    @property
    def meta(self) -> TapeMeta | None:
        """What the segment says about itself; known once `messages` yielded, None if damaged."""
        values = next((values for name, values in self._scan.metadata if name == METADATA_NAME), None)
        try:
            return TapeMeta.from_map(values) if values else None
        except TapeError:
            return None

    @property
    def number(self) -> int | None:
        """The segment's number in its take; known once `messages` yielded, None if damaged."""
        values = next((values for name, values in self._scan.metadata if name == METADATA_NAME), None)
        number = values.get("segment", "") if values else ""
        return int(number) if number.isdigit() else None

    @property
    def lost_spans(self) -> list[LostSpan]:
        """Spans that the writer could not keep; complete once `messages` ran to its end."""
        gaps = (values for name, values in self._scan.metadata if name == GAP_NAME)
        return [LostSpan(int(v["from_ns"]), int(v["to_ns"]), v["why"]) for v in gaps if _is_gap(v)]

    def _message(self, raw: RawMessage) -> Message | None:
        try:
            return _decode(raw)
        except TapeError as error:
            self._unreadable.append(f"{raw.topic}: {error.message}")
            return None


def read_segment(source: Path | str | bytes | memoryview) -> Iterator[Message]:
    """Yields what can be read of one segment, in the order of the file.

    Raises:
        TapeError: the file cannot be opened at all; damage inside raises nothing.
    """
    return SegmentReader(source).messages()


def _decode(raw: RawMessage) -> Message | None:
    track = _TRACK_TOPIC.match(raw.topic)
    if track and track[2] == "frames":
        if len(raw.data) <= _KIND_OFFSET or raw.data[_KIND_OFFSET] > max(FrameKind):
            raise TapeError("A batch of frames is unreadable.")
        return TapeFrames(raw.log_ns, int(track[1]), raw.data)
    if track:
        return TapeRecord(raw.log_ns, TrackInfo.from_json(bytes(raw.data)))
    if raw.topic == Screenshot.topic:
        return TapeRecord(raw.log_ns, Screenshot(bytes(raw.data)))
    record = JSON_RECORDS.get(raw.topic)
    return TapeRecord(raw.log_ns, record.from_json(bytes(raw.data))) if record else None


def _readable(body: memoryview) -> Iterator[EncodedFrame]:
    try:
        yield from unpack_frames(body)
    except TapeError:
        return


def _is_gap(values: dict[str, str]) -> bool:
    return {"from_ns", "to_ns", "why"} <= values.keys() and values["from_ns"].isdigit() and values["to_ns"].isdigit()


def _bytes_of(source: Path | str | bytes | memoryview) -> bytes:
    if isinstance(source, bytes | memoryview):
        return bytes(source)
    try:
        return Path(source).read_bytes()
    except OSError as error:
        raise TapeError(f"The segment {source} cannot be read: {error.strerror}.", code="tape_io") from error
