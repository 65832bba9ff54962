"""The tape's only writer. A bot holds one per take; it imports nothing heavy."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from meetfleet.domain.clock import Clock
from meetfleet.domain.errors import TapeError
from meetfleet.tape.frame import EncodedFrame, pack_frames
from meetfleet.tape.records import JsonRecord, Roster, Screenshot, StateSeen, TrackInfo
from meetfleet.tape.segment import SealedSegment, SegmentName, TapeMeta
from meetfleet.tape.segment_file import SegmentFile

_NS = 1_000_000_000
_FLUSH_BYTES = 512 * 1024
_REPEATED = (Roster.topic, StateSeen.topic)
_KEEP_BYTES = 8 * 1024 * 1024  # held in memory while the disk refuses; older messages are dropped beyond this


class _Held(NamedTuple):
    """A message that is not on the disk yet."""

    at_ns: int
    until_ns: int
    topic: str
    data: bytes


def _nothing(_: SealedSegment) -> None:
    return


class TapeWriter:
    """Appends to one take: seals a segment every `segment_s`, hands what it holds to the system every `flush_s`.

    It has no thread and no timer: every append looks at the clock, and the owner calls `tick` about twice a second so
    that a quiet meeting reaches the disk too. Any append may raise TapeError with code `disk_full`; what was
    appended is then kept in memory (8 MiB of it) and written when space returns. What had to be dropped in between is
    noted on the tape as a gap.

    Args:
        directory: The bot's tape directory; created if missing. Segments of this take already there are kept and
            numbering goes on after them.
        on_sealed: Called after each segment is durable under its final name.
    """

    def __init__(
        self,
        directory: Path,
        meta: TapeMeta,
        clock: Clock,
        *,
        segment_s: float = 5.0,
        flush_s: float = 0.5,
        on_sealed: Callable[[SealedSegment], None] = _nothing,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._meta = meta
        self._clock = clock
        self._segment_ns = round(segment_s * _NS)
        self._flush_ns = round(flush_s * _NS)
        self._on_sealed = on_sealed
        self._next_number = _last_number(directory, meta.take) + 1
        self._file: SegmentFile | None = None
        self._opened_ns = 0
        self._flushed_ns = 0
        self._sequence = 0
        self._repeated: dict[str, bytes] = {}
        self._frames: dict[int, list[EncodedFrame]] = {}
        self._messages: list[_Held] = []
        self._held_bytes = 0
        self._dropped: list[int] = []
        self.dropped_messages = 0

    def write_track(self, info: TrackInfo, at_ns: int | None = None) -> None:
        """Announces a track, or its new codec, before its first frame."""
        self._hold(_info_topic(info.track_id), info.to_json(), at_ns)

    def end_track(self, track_id: int) -> None:
        """Stops repeating a track's info in later segments."""
        self.flush()
        self._repeated.pop(_info_topic(track_id), None)

    def append_frames(self, track_id: int, frames: Iterable[EncodedFrame]) -> None:
        """Appends media of one track.

        Raises:
            TapeError: code `disk_full` or `tape_io`; the frames are kept and written later.
        """
        held = self._frames.setdefault(track_id, [])
        for frame in frames:
            held.append(frame)
            self._held_bytes += len(frame.payload) + 40
        self.tick()

    def append(self, record: JsonRecord | Screenshot, at_ns: int | None = None) -> None:
        """Appends anything but media.

        Args:
            at_ns: When it happened, nanoseconds on the meeting clock; now if omitted.

        Raises:
            TapeError: code `disk_full` or `tape_io`; the record is kept and written later.
        """
        if isinstance(record, Screenshot):
            self._hold(record.topic, record.png, at_ns)
        elif isinstance(record, TrackInfo):
            self.write_track(record, at_ns)
        else:
            self._hold(record.topic, record.to_json(), at_ns)

    def screenshot(self, png: bytes, at_ns: int | None = None) -> None:
        """Appends a PNG of the page."""
        self.append(Screenshot(png), at_ns)

    def tick(self) -> None:
        """Flushes and seals what is due.

        Raises:
            TapeError: code `disk_full` or `tape_io`.
        """
        now = self._clock.now_ns()
        if self._held_bytes >= _FLUSH_BYTES or now - self._flushed_ns >= self._flush_ns:
            self.flush()
        if self._file is not None and now - self._opened_ns >= self._segment_ns:
            self.seal()

    def flush(self) -> None:
        """Hands everything appended so far to the operating system: a killed process then loses none of it.

        Raises:
            TapeError: code `disk_full` or `tape_io`.
        """
        self._flushed_ns = self._clock.now_ns()
        try:
            self._flush()
        except TapeError:
            self._drop_excess()
            raise

    def _flush(self) -> None:
        if self._file is not None and self._file.is_finished:
            self._finish_seal(self._file)
        elif self._file is not None:
            self._file.drain()
        self._gather_frames()
        if not self._messages:
            return
        file = self._file or self._open(min(held.at_ns for held in self._messages))
        messages, self._messages, self._held_bytes = sorted(self._messages, key=_at), [], 0
        for held in messages:
            self._sequence += 1
            file.add(held.topic, held.at_ns, held.data, self._sequence, held.until_ns)
            if held.topic in _REPEATED or held.topic.endswith("/info"):
                self._repeated[held.topic] = held.data
        if self._dropped:
            file.add_gap(min(self._dropped), max(self._dropped), "disk_full", len(self._dropped))
            self._dropped = []
        file.end_chunk()

    def seal(self) -> SealedSegment | None:
        """Seals the open segment, if there is one.

        Raises:
            TapeError: code `disk_full` or `tape_io`; the segment stays open and is sealed by a later call.
        """
        self.flush()
        return None if self._file is None else self._finish_seal(self._file)

    def _finish_seal(self, file: SegmentFile) -> SealedSegment:
        sealed = file.seal()
        self._file = None
        self._on_sealed(sealed)
        return sealed

    def close(self) -> SealedSegment | None:
        """Seals what is left. The writer can be used no more."""
        return self.seal()

    def _hold(self, topic: str, data: bytes, at_ns: int | None) -> None:
        at_ns = self._clock.now_ns() if at_ns is None else at_ns
        self._messages.append(_Held(at_ns, at_ns, topic, data))
        self._held_bytes += len(data) + 40
        self.tick()

    def _gather_frames(self) -> None:
        for track_id, frames in self._frames.items():
            if frames:
                arrivals = [f.arrival_ns for f in frames]
                topic = f"/track/{track_id}/frames"
                self._messages.append(_Held(min(arrivals), max(arrivals), topic, pack_frames(frames)))
        self._frames = {}

    def _open(self, first_ns: int) -> SegmentFile:
        """Opens the next segment and repeats in it what a reader needs to know from those before."""
        file = SegmentFile(self._directory, SegmentName(self._meta.take, self._next_number), self._meta)
        for topic, data in self._repeated.items():
            file.add(topic, first_ns, data, 0)
        self._file, self._opened_ns = file, self._clock.now_ns()
        self._next_number += 1
        return file

    def _drop_excess(self) -> None:
        """While the disk refuses, memory must not grow without end: the oldest messages go, and are counted."""
        self._gather_frames()
        excess = sum(len(held.data) for held in self._messages) - _KEEP_BYTES
        count = 0
        while excess > 0:
            excess -= len(self._messages[count].data)
            count += 1
        self._dropped += [held.at_ns for held in self._messages[:count]]
        del self._messages[:count]
        self.dropped_messages += count
        self._held_bytes = 0


def _at(held: _Held) -> int:
    return held.at_ns


def _info_topic(track_id: int) -> str:
    return f"/track/{track_id}/info"


def _last_number(directory: Path, take: int) -> int:
    names = (SegmentName.parse(entry.name) for entry in directory.iterdir())
    return max((name.number for name in names if name and name.take == take), default=0)
