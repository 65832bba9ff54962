"""Puts the times that a page sends onto the meeting clock."""

from collections import deque

STEP_NS = 5_000_000
WINDOW = 60  # messages


class ArrivalClock:
    """Learns how far one page's clock is from ours.

    Every message takes some time to reach us, so the smallest difference seen lately is the truest. The correction
    starts at none and moves only by steps that matter, so that it adds no jitter to the stamps of a track.
    """

    def __init__(self) -> None:
        self._differences: deque[int] = deque(maxlen=WINDOW)
        self._offset_ns = 0

    def observe(self, sent_ns: int, now_ns: int) -> None:
        """A message was sent at `sent_ns` on the page's clock and is here at `now_ns` on ours."""
        self._differences.append(now_ns - sent_ns)
        best = min(self._differences)
        if abs(best - self._offset_ns) > STEP_NS:
            self._offset_ns = best

    @property
    def offset_ns(self) -> int:
        return self._offset_ns

    def to_meeting_ns(self, page_ns: int) -> int:
        return page_ns + self._offset_ns

    def to_page_ms(self, meeting_ns: int) -> float:
        return (meeting_ns - self._offset_ns) / 1e6
