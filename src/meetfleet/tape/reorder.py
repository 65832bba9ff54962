"""Puts frames of one RTP stream back into the order in which they were sent."""

import heapq
from collections import deque
from typing import NamedTuple

from meetfleet.tape.frame import EncodedFrame

_NS = 1_000_000_000
_WRAP = 1 << 32
_LATE_RUN = 50


class OrderedFrame(NamedTuple):
    """A frame in its place.

    Attributes:
        epoch: 0, and one more each time the sender's RTP clock started anew.
        ticks: RTP timestamp without the 32-bit wrap; comparable within one epoch.
    """

    epoch: int
    ticks: int
    frame: EncodedFrame


class RtpUnwrapper:
    """Turns 32-bit RTP timestamps into ticks that never wrap, and notices a clock that starts anew.

    Args:
        restart_s: How far a timestamp may lie from where the time passed since the last one puts it.
    """

    def __init__(self, clock_rate_hz: int, restart_s: float = 10.0) -> None:
        self._rate_hz = clock_rate_hz
        self._restart_ticks = round(restart_s * clock_rate_hz)
        self._last: tuple[int, int] | None = None
        self.epoch = 0

    def unwrap(self, rtp_timestamp: int, arrival_ns: int) -> int:
        """Returns the ticks of a timestamp; `epoch` grows first if the clock started anew."""
        if self._last is None:
            self._last = rtp_timestamp, arrival_ns
            return rtp_timestamp
        last_ticks, last_ns = self._last
        expected = last_ticks + (arrival_ns - last_ns) * self._rate_hz // _NS
        ticks = expected + (rtp_timestamp - expected + _WRAP // 2) % _WRAP - _WRAP // 2
        if abs(ticks - expected) > self._restart_ticks:
            self.epoch += 1
            self._last = rtp_timestamp, arrival_ns
            return rtp_timestamp
        if ticks > last_ticks:
            self._last = ticks, arrival_ns
        return ticks

    def restart(self) -> None:
        """The next timestamp begins a new epoch."""
        self.epoch += 1
        self._last = None


class ReorderBuffer:
    """Holds frames for a while and releases them in RTP order: retransmitted ones arrive after newer ones.

    A frame leaves once it, or one sent after it, has been held for `hold_s` of arrival time. A frame older than what
    already left is late and dropped, and so is a second copy. Nothing but late frames for a while means that the
    sender's clock stepped back: a new epoch begins.

    Attributes:
        late: Frames dropped because they came too late.
        duplicates: Copies dropped.
    """

    def __init__(self, clock_rate_hz: int, hold_s: float = 1.5) -> None:
        self._unwrapper = RtpUnwrapper(clock_rate_hz)
        self._hold_ns = round(hold_s * _NS)
        self._heap: list[tuple[int, int, int, EncodedFrame]] = []
        self._arrivals: deque[tuple[int, int, int]] = deque()
        self._count = 0
        self._newest_ns = 0
        self._released = (-1, -_WRAP)
        self._seen: set[tuple[int, int, int | bytes]] = set()
        self._last_seen: list[tuple[int, int, int | bytes]] = []
        self._late_run = 0
        self.late = 0
        self.duplicates = 0

    @property
    def epoch(self) -> int:
        """How often the sender's clock started anew."""
        return self._unwrapper.epoch

    def push(self, frame: EncodedFrame) -> tuple[int, int] | None:
        """Takes a frame in order of arrival.

        Returns:
            Its (epoch, ticks), or None if it was dropped.
        """
        ticks = self._unwrapper.unwrap(frame.rtp_timestamp, frame.arrival_ns)
        epoch = self._unwrapper.epoch
        self._newest_ns = max(self._newest_ns, frame.arrival_ns)
        key = (epoch, ticks, frame.payload if frame.sequence_number is None else frame.sequence_number)
        if key in self._seen or key in self._last_seen:
            self.duplicates += 1
            return None
        if (epoch, ticks) < self._released:
            self.late += 1
            self._late_run += 1
            if self._late_run >= _LATE_RUN:
                self._unwrapper.restart()
            return None
        self._late_run = 0
        self._count += 1
        self._seen.add(key)
        heapq.heappush(self._heap, (epoch, ticks, self._count, frame))
        self._arrivals.append((frame.arrival_ns, epoch, ticks))
        return epoch, ticks

    def release(self, now_ns: int) -> list[OrderedFrame]:
        """Returns what has been held long enough at `now_ns`, in order."""
        due = (-1, 0)
        while self._arrivals and self._arrivals[0][0] <= now_ns - self._hold_ns:
            _, epoch, ticks = self._arrivals.popleft()
            due = max(due, (epoch, ticks))
        return self._pop(due)

    def release_epoch(self, epoch: int) -> list[OrderedFrame]:
        """Returns everything of an epoch, and of those before it, in order."""
        return self._pop((epoch, 1 << 62))

    def flush(self) -> list[OrderedFrame]:
        """Returns everything that is left, in order."""
        self._arrivals.clear()
        return self._pop((1 << 62, 0))

    def _pop(self, due: tuple[int, int]) -> list[OrderedFrame]:
        out: list[OrderedFrame] = []
        while self._heap and self._heap[0][:2] <= due:
            epoch, ticks, _, frame = heapq.heappop(self._heap)
            key = (epoch, ticks, frame.payload if frame.sequence_number is None else frame.sequence_number)
            self._seen.discard(key)
            if (epoch, ticks) != self._released:
                self._last_seen = []
            self._last_seen.append(key)
            self._released = (epoch, ticks)
            out.append(OrderedFrame(epoch, ticks, frame))
        return out
