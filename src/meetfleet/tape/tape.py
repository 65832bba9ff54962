"""A whole tape: the segments of a directory in order, and what is missing between them."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Self

from meetfleet.domain.errors import TapeError
from meetfleet.tape.reader import Message, SegmentReader, TapeFrames
from meetfleet.tape.segment import SegmentName, TapeMeta


class GapReason(StrEnum):
    """Why a span is missing from a tape."""

    NEW_TAKE = "new_take"
    MISSING_SEGMENT = "missing_segment"
    DAMAGED = "damaged"
    DISK_FULL = "disk_full"


@dataclass(frozen=True, slots=True)
class Gap:
    """A span that the tape does not hold, nanoseconds on the meeting clock."""

    start_ns: int
    end_ns: int
    reason: GapReason


@dataclass(frozen=True, slots=True)
class SegmentReport:
    """What one pass over a segment found.

    Attributes:
        first_ns: Earliest message; 0 where none could be read.
        last_ns: Latest message, or latest frame in one.
        meta: None if its metadata is damaged.
        damage: One sentence for each thing that is wrong.
    """

    name: SegmentName
    size_bytes: int
    first_ns: int
    last_ns: int
    message_count: int
    is_sealed: bool
    meta: TapeMeta | None
    damage: tuple[str, ...]
    lost: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class TapeSegment:
    """A segment of a tape on disk."""

    name: SegmentName
    path: Path

    def reader(self) -> SegmentReader:
        return SegmentReader(self.path)

    def report(self) -> SegmentReport:
        """Reads the whole segment once."""
        reader, count, first_ns, last_ns = self.reader(), 0, 0, 0
        for message in reader.messages():
            count += 1
            first_ns = min(first_ns or message.at_ns, message.at_ns)
            last_ns = max(last_ns, _last_ns(message))
        lost = tuple(Gap(span.from_ns, span.to_ns, GapReason.DISK_FULL) for span in reader.lost_spans)
        size_bytes = self.path.stat().st_size
        return SegmentReport(
            self.name, size_bytes, first_ns, last_ns, count, reader.is_sealed, reader.meta, tuple(reader.damage), lost
        )


@dataclass(frozen=True, slots=True)
class Tape:
    """The segments of one bot, all takes, in order."""

    segments: tuple[TapeSegment, ...]

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Lists the segments of a directory; an unsealed last one is included. A single segment file is a tape too.

        Raises:
            TapeError: code `no_tape`: nothing there.
        """
        path = Path(path)
        files = [path] if path.is_file() else sorted(path.iterdir()) if path.is_dir() else []
        found = [TapeSegment(name, file) for file in files if (name := SegmentName.parse(file.name))]
        if not found:
            raise TapeError(f"There is no tape at {path}.", code="no_tape")
        return cls(tuple(sorted(found, key=lambda segment: segment.name)))

    def messages(self) -> Iterator[Message]:
        """Yields every readable message of every segment. Track ids are those of each take: see `segments`."""
        for segment in self.segments:
            yield from segment.reader().messages()

    def gaps(self) -> list[Gap]:
        """Reads the whole tape and lists what it does not hold, in order."""
        return gaps_between([segment.report() for segment in self.segments])


def _last_ns(message: Message) -> int:
    return message.span_ns[1] if isinstance(message, TapeFrames) else message.at_ns


def gaps_between(reports: list[SegmentReport]) -> list[Gap]:
    """Lists what is missing between and inside segments, from what a pass over each found."""
    gaps = [gap for report in reports for gap in report.lost]
    readable = [report for report in reports if report.message_count]
    for before, after in pairwise(readable):
        if before.name.take != after.name.take:
            gaps.append(Gap(before.last_ns, after.first_ns, GapReason.NEW_TAKE))
        elif after.name.number > before.name.number + 1:
            unreadable = any(before.name < report.name < after.name for report in reports)
            reason = GapReason.DAMAGED if unreadable else GapReason.MISSING_SEGMENT
            gaps.append(Gap(before.last_ns, after.first_ns, reason))
        elif before.damage and before.is_sealed:
            gaps.append(Gap(before.first_ns, after.first_ns, GapReason.DAMAGED))
    return sorted(gaps, key=lambda gap: gap.start_ns)
