"""Puts what batches and tracks interleaved back into the order of time, so that cuts between segments do not matter."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from meetfleet.tape.frame import EncodedFrame
from meetfleet.tape.records import JsonRecord, Screenshot

_HOLD_NS = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch of frames of which only the times matter (video)."""

    track_id: int
    first_ns: int
    last_ns: int


Event = EncodedFrame | JsonRecord | Screenshot | Batch


@dataclass(slots=True)
class EventMerge:
    """Holds events for two seconds of meeting time, more than a writer's batches differ by, and releases them sorted.

    Attributes:
        newest_ns: Latest moment seen.
    """

    newest_ns: int = 0
    _heap: list[tuple[int, tuple[int, ...], int, Event]] = field(default_factory=list[Any])
    _count: int = 0

    def push(self, at_ns: int, event: Event) -> None:
        self._count += 1
        self.newest_ns = max(self.newest_ns, at_ns)
        heapq.heappush(self._heap, (at_ns, _rank(event), self._count, event))

    def release(self) -> Iterator[tuple[int, Event]]:
        """Yields (meeting time, event) of what has been held long enough."""
        while self._heap and self._heap[0][0] <= self.newest_ns - _HOLD_NS:
            at_ns, _, _, event = heapq.heappop(self._heap)
            yield at_ns, event

    def flush(self) -> Iterator[tuple[int, Event]]:
        """Yields everything that is left."""
        while self._heap:
            at_ns, _, _, event = heapq.heappop(self._heap)
            yield at_ns, event


def _rank(event: Event) -> tuple[int, ...]:
    """Order at one moment: what describes media comes before the media."""
    if isinstance(event, EncodedFrame):
        return 1, event.track_id, event.rtp_timestamp, event.ssrc
    return (2, event.track_id) if isinstance(event, Batch) else (0,)
