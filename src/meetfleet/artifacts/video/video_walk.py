"""Walks a tape and yields its video frames in decoding order, each at its moment; the same way every time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from meetfleet.artifacts.video.plan import TrackKey
from meetfleet.tape.frame import EncodedFrame, FrameKind
from meetfleet.tape.reader import Message, TapeFrames, TapeRecord
from meetfleet.tape.records import TrackInfo, TrackKind
from meetfleet.tape.reorder import OrderedFrame, ReorderBuffer
from meetfleet.tape.rtp_clock import RtpClock
from meetfleet.tape.tape import TapeSegment

HOLD_S = 1.5
SWEEP_NS = 500_000_000
UNANNOUNCED_FRAMES = 300
"""The tape sorts by time of arrival, so that a track's first frames (a key frame!) can stand before its info."""


@dataclass(frozen=True, slots=True)
class TapeFrame:
    """A video frame in its place.

    Attributes:
        at_ns: When it was taken, nanoseconds on the meeting clock; never goes back within a track.
        position: Counts the frames of its track from zero.
        after_gap: Frames may be missing between the one before and this one.
    """

    track: TrackKey
    codec: str
    at_ns: int
    position: int
    frame: EncodedFrame
    after_gap: bool


@dataclass(frozen=True, slots=True)
class Watermark:
    """Everything up to about here has been yielded, nanoseconds on the meeting clock."""

    at_ns: int


@dataclass(frozen=True, slots=True)
class TakeRecord:
    """A record of the tape with the take it belongs to."""

    take: int
    record: TapeRecord


WalkEvent = TapeFrame | Watermark | TakeRecord


class _Lane:
    """One track: its frames put in order, its clock brought to the meeting's."""

    def __init__(self, track: TrackKey, info: TrackInfo, position: int = 0) -> None:
        self.info = info
        self._track = track
        self._buffer = ReorderBuffer(info.clock_rate_hz, HOLD_S)
        self._clock = RtpClock(info.clock_rate_hz)
        self.position = position
        self.is_cut = position > 0
        self._latest_ns = 0

    def push_all(self, frames: Iterable[EncodedFrame]) -> None:
        for frame in frames:
            place = self._buffer.push(frame)
            if place is not None:
                self._clock.observe(*place, frame.arrival_ns)

    def release(self, now_ns: int) -> Iterator[TapeFrame]:
        return self._placed(self._buffer.release(now_ns))

    def flush(self) -> Iterator[TapeFrame]:
        return self._placed(self._buffer.flush())

    def _placed(self, frames: list[OrderedFrame]) -> Iterator[TapeFrame]:
        for ordered in frames:
            self._latest_ns = max(self._latest_ns, self._clock.time_ns(ordered.ticks))
            yield TapeFrame(self._track, self.info.codec, self._latest_ns, self.position, ordered.frame, self.is_cut)
            self.position += 1
            self.is_cut = False


class VideoWalk:
    """One pass over the segments of a tape.

    Args:
        segments: In order.
        with_records: Yield the tape's other records too, at their place.
    """

    def __init__(self, segments: Iterable[TapeSegment], *, with_records: bool = False) -> None:
        self._segments = segments
        self._with_records = with_records
        self._lanes: dict[int, _Lane] = {}
        self._unannounced: dict[int, list[EncodedFrame]] = {}
        self._swept_ns = 0
        self._take = 0

    def __iter__(self) -> Iterator[WalkEvent]:
        expected = 0
        for segment in self._segments:
            if segment.name.take != self._take:
                yield from self._flush()
                self._lanes, self._unannounced, self._take = {}, {}, segment.name.take
            elif segment.name.number != expected:
                yield from self._flush()
                self._cut()
            expected = segment.name.number + 1
            reader = segment.reader()
            for message in reader.messages():
                yield from self._take_in(message)
            if reader.damage or reader.lost_spans:
                yield from self._flush()
                self._cut()
        yield from self._flush()

    def _take_in(self, message: Message) -> Iterator[WalkEvent]:
        if isinstance(message, TapeFrames):
            if message.kind is FrameKind.VIDEO:
                yield from self._push(message)
        else:
            yield from self._note(message)
        if message.at_ns >= self._swept_ns + SWEEP_NS:
            self._swept_ns = message.at_ns
            for lane in self._lanes.values():
                yield from lane.release(message.at_ns)
            yield Watermark(message.at_ns - round(HOLD_S * 1_000_000_000) - SWEEP_NS)

    def _push(self, message: TapeFrames) -> Iterator[TapeFrame]:
        lane = self._lanes.get(message.track_id)
        if lane is not None:
            lane.push_all(message.frames)
            yield from lane.release(message.at_ns)
            return
        early = self._unannounced.setdefault(message.track_id, [])
        early += message.frames[: UNANNOUNCED_FRAMES - len(early)]

    def _note(self, message: TapeRecord) -> Iterator[WalkEvent]:
        info = message.record
        if isinstance(info, TrackInfo) and info.kind == TrackKind.VIDEO:
            lane = self._lanes.get(info.track_id)
            if lane is None:
                lane = self._lanes[info.track_id] = _Lane(TrackKey(self._take, info.track_id), info)
                lane.push_all(self._unannounced.pop(info.track_id, []))
            elif (info.codec, info.clock_rate_hz) != (lane.info.codec, lane.info.clock_rate_hz):
                yield from lane.flush()
                self._lanes[info.track_id] = _Lane(TrackKey(self._take, info.track_id), info, lane.position)
        if self._with_records:
            yield TakeRecord(self._take, message)

    def _flush(self) -> Iterator[TapeFrame]:
        for lane in self._lanes.values():
            yield from lane.flush()

    def _cut(self) -> None:
        for lane in self._lanes.values():
            lane.is_cut = True
