"""Checks a whole tape: checksums, the sequence of segments, times, RTP continuity, and which rung served what."""

from collections import Counter
from dataclasses import dataclass, field

from meetfleet.tape.frame import EncodedFrame
from meetfleet.tape.reader import LostSpan, TapeFrames
from meetfleet.tape.records import CaptureSpan, TrackInfo
from meetfleet.tape.reorder import ReorderBuffer
from meetfleet.tape.segment import SegmentName
from meetfleet.tape.tape import Gap, GapReason, SegmentReport, Tape, TapeSegment, gaps_between

_BACKWARDS_NS = 2_000_000_000


@dataclass(slots=True)
class StreamReport:
    """One RTP stream (an SSRC of a track).

    Attributes:
        missing: Sequence numbers never seen, where the stream carries them.
        late: Frames that came more than 1.5 s after newer ones.
        restarts: How often its RTP clock started anew.
    """

    take: int
    track_id: int
    ssrc: int
    codec: str
    rung: str
    frames: int = 0
    size_bytes: int = 0
    first_ns: int = 0
    last_ns: int = 0
    csrcs: set[int] = field(default_factory=set[int])
    missing: int = 0
    late: int = 0
    duplicates: int = 0
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class TapeReport:
    """What `verify_tape` found.

    Attributes:
        problems: One sentence for each damage; empty for a tape that is whole. Gaps between takes and a last segment
            that was never sealed are no damage: a bot may be killed.
    """

    segments: tuple[SegmentReport, ...]
    streams: tuple[StreamReport, ...]
    records: Counter[str]
    captures: tuple[tuple[int, CaptureSpan], ...]
    gaps: tuple[Gap, ...]
    problems: tuple[str, ...]


class _Streams:
    def __init__(self) -> None:
        self.infos: dict[tuple[int, int], TrackInfo] = {}
        self.streams: dict[tuple[int, int, int], StreamReport] = {}
        self._buffers: dict[tuple[int, int, int], ReorderBuffer] = {}
        self._sequences: dict[tuple[int, int, int], int] = {}

    def add(self, take: int, frame: EncodedFrame) -> None:
        key = take, frame.track_id, frame.ssrc
        info = self.infos.get(key[:2])
        stream = self.streams.get(key)
        if stream is None:
            codec, rung = (info.codec, info.rung) if info else ("?", "?")
            stream = self.streams[key] = StreamReport(take, frame.track_id, frame.ssrc, codec, rung)
            self._buffers[key] = ReorderBuffer(info.clock_rate_hz if info else 90_000)
        stream.frames += 1
        stream.size_bytes += len(frame.payload)
        stream.first_ns = stream.first_ns or frame.arrival_ns
        stream.last_ns = max(stream.last_ns, frame.arrival_ns)
        stream.csrcs.update(frame.csrcs)
        self._order(key, frame, stream)

    def _order(self, key: tuple[int, int, int], frame: EncodedFrame, stream: StreamReport) -> None:
        buffer = self._buffers[key]
        buffer.push(frame)
        self._count_missing(key, [f.frame for f in buffer.release(frame.arrival_ns)], stream)
        stream.late, stream.duplicates = buffer.late, buffer.duplicates
        stream.restarts = buffer.epoch

    def finish(self) -> list[StreamReport]:
        for key, buffer in self._buffers.items():
            self._count_missing(key, [f.frame for f in buffer.flush()], self.streams[key])
        return list(self.streams.values())

    def _count_missing(self, key: tuple[int, int, int], frames: list[EncodedFrame], stream: StreamReport) -> None:
        """Only Opus puts one frame in one packet, so only there do sequence numbers count frames."""
        if stream.codec != "opus":
            return
        for frame in frames:
            if frame.sequence_number is None:
                continue
            last = self._sequences.get(key)
            step = 1 if last is None else (frame.sequence_number - last) & 0xFFFF
            if 1 < step < 0x8000:
                stream.missing += step - 1
            self._sequences[key] = frame.sequence_number


def verify_tape(tape: Tape) -> TapeReport:
    """Reads every byte of a tape and reports."""
    streams, records, problems = _Streams(), Counter[str](), list[str]()
    captures: list[tuple[int, CaptureSpan]] = []
    reports = [_verify_segment(segment, streams, records, captures, problems) for segment in tape.segments]
    problems += _sequence_problems([report.name for report in reports])
    return TapeReport(
        tuple(reports), tuple(streams.finish()), records, tuple(captures), tuple(gaps_between(reports)), tuple(problems)
    )


def _verify_segment(
    segment: TapeSegment,
    streams: _Streams,
    records: Counter[str],
    captures: list[tuple[int, CaptureSpan]],
    problems: list[str],
) -> SegmentReport:
    reader, count, first_ns, last_ns, backwards = segment.reader(), 0, 0, 0, 0
    for message in reader.messages():
        count += 1
        backwards += message.at_ns < last_ns - _BACKWARDS_NS
        first_ns = min(first_ns or message.at_ns, message.at_ns)
        last_ns = max(last_ns, message.at_ns)
        if isinstance(message, TapeFrames):
            for frame in message.frames:
                streams.add(segment.name.take, frame)
                last_ns = max(last_ns, frame.arrival_ns)
            continue
        records[type(message.record).__name__] += 1
        if isinstance(message.record, TrackInfo):
            streams.infos[segment.name.take, message.record.track_id] = message.record
        elif isinstance(message.record, CaptureSpan):
            captures.append((message.at_ns, message.record))
    problems += [f"{segment.name}: {what}" for what in _damage(segment, reader.damage)]
    if backwards:
        problems.append(f"{segment.name}: {backwards} messages step back in time.")
    lost = tuple(_gap(span) for span in reader.lost_spans)
    return SegmentReport(
        segment.name, segment.path.stat().st_size, first_ns, last_ns, count, reader.is_sealed, reader.meta,
        tuple(reader.damage), lost,
    )  # fmt: skip


def _damage(segment: TapeSegment, damage: list[str]) -> list[str]:
    """An open segment was never sealed and may be cut short: that is how a killed bot leaves it."""
    return [] if segment.name.is_open else damage


def _gap(span: LostSpan) -> Gap:
    return Gap(span.from_ns, span.to_ns, GapReason.DISK_FULL)


def _sequence_problems(names: list[SegmentName]) -> list[str]:
    problems: list[str] = []
    expected: dict[int, int] = {}
    for name in names:
        number = expected.get(name.take, 1)
        if name.number > number:
            problems.append(f"Take {name.take}: segments {number} to {name.number - 1} are missing.")
        expected[name.take] = name.number + 1
    return problems
