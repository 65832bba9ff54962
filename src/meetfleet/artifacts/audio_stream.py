"""One RTP stream of sound: its frames put in order and timed."""

from typing import NamedTuple

from meetfleet.artifacts.audio_source import Packet
from meetfleet.artifacts.recording_line import to_samples
from meetfleet.tape.frame import EncodedFrame
from meetfleet.tape.reorder import OrderedFrame, ReorderBuffer
from meetfleet.tape.rtp_clock import RtpClock


class TimedFrame(NamedTuple):
    """A frame and where it belongs. Frames of several streams are to be taken in order of `ideal`."""

    ideal: int
    frame: EncodedFrame
    packet: Packet


class AudioStream:
    """An SSRC of a track. Frames leave 1.5 s of meeting time after they came, when their clock is known well.

    Args:
        origin_ns: The meeting moment of sample 0.
    """

    def __init__(self, track_id: int, clock_rate_hz: int, origin_ns: int) -> None:
        self._track_id = track_id
        self._rate_hz = clock_rate_hz
        self._origin_ns = origin_ns
        self._buffer = ReorderBuffer(clock_rate_hz)
        self._clock = RtpClock(clock_rate_hz)
        self._epoch = 0

    @property
    def late(self) -> int:
        """Frames dropped because they came too late."""
        return self._buffer.late

    @property
    def duplicates(self) -> int:
        """Second copies dropped."""
        return self._buffer.duplicates

    def add(self, frame: EncodedFrame) -> list[TimedFrame]:
        """Takes a frame in order of arrival; `advance` up to its arrival comes first.

        Returns:
            What was held of an earlier epoch, if the sender's clock starts anew with this frame.
        """
        place = self._buffer.push(frame)
        if place is None:
            return []
        ended: list[TimedFrame] = []
        if place[0] != self._epoch:
            ended = self._timed(self._buffer.release_epoch(self._epoch))
            self._epoch = place[0]
        self._clock.observe(*place, frame.arrival_ns)
        return ended

    def advance(self, now_ns: int) -> list[TimedFrame]:
        """Lets go of what has been held long enough."""
        return self._timed(self._buffer.release(now_ns))

    def flush(self) -> list[TimedFrame]:
        """Lets go of everything."""
        return self._timed(self._buffer.flush())

    def _timed(self, frames: list[OrderedFrame]) -> list[TimedFrame]:
        return [self._time(*ordered) for ordered in frames]

    def _time(self, epoch: int, ticks: int, frame: EncodedFrame) -> TimedFrame:
        ideal = to_samples(self._clock.time_ns(ticks) - self._origin_ns)
        stream = (self._track_id, frame.ssrc, epoch)
        return TimedFrame(ideal, frame, Packet(stream, ticks, self._rate_hz, ideal, frame.audio_level, frame.payload))
