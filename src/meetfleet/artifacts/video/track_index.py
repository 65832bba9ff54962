"""When a video track has pictures, and which of its frames have to be decoded to show some of them.

Frames lean on the ones before them back to the last key frame, and meetings have few key frames: one when a stream
starts or changes its size, then none for minutes. Decoding is therefore planned over the whole tape.
"""

from array import array
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from meetfleet.artifacts.video.spans import Span

SKIP = -1
ADVANCE = 0
STUCK_NS = 3_000_000_000


class TrackIndex:
    """Every frame of one video track in the order of decoding, without the frames themselves."""

    def __init__(self) -> None:
        self._at_ns = array("q")
        self._is_key = bytearray()
        self._breaks = array("q")
        self._largest = 0, 0

    def __len__(self) -> int:
        return len(self._at_ns)

    @property
    def largest(self) -> tuple[int, int]:
        """Width and height of the largest frame that told its size; zeros if none did."""
        return self._largest

    def append(self, at_ns: int, *, is_key: bool, width: int = 0, height: int = 0) -> None:
        """Takes the next frame; `at_ns` is its moment on the meeting clock."""
        latest = self._at_ns[-1] if self._at_ns else at_ns
        self._at_ns.append(max(at_ns, latest))
        self._is_key.append(is_key)
        if width * height > self._largest[0] * self._largest[1]:
            self._largest = width, height

    @property
    def interval_ns(self) -> int:
        """The usual time from frame to frame; 0 if there are fewer than two."""
        return int(np.median(np.diff(self._times))) if len(self) > 1 else 0

    def cut(self) -> None:
        """Frames are missing here: what follows cannot be decoded until the next key frame."""
        self._breaks.append(len(self._at_ns))

    def live(self, stuck_ns: int = STUCK_NS) -> list[Span]:
        """When the track has a picture to show: from a first key frame until `stuck_ns` after the last frame."""
        times = self._times[self._decodable]
        if not len(times):
            return []
        pauses = np.flatnonzero(np.diff(times) > stuck_ns)
        starts = times[np.concatenate(([0], pauses + 1))]
        ends = times[np.concatenate((pauses, [len(times) - 1]))] + stuck_ns
        return [Span(int(start), int(end)) for start, end in zip(starts, ends, strict=True)]

    def schedule(self, shown: Sequence[Span]) -> NDArray[np.int64]:
        """What to do with each frame so that the track can be seen during `shown` (sorted, separate).

        Returns:
            For each frame SKIP, ADVANCE (decode it, its picture is not shown) or the moment from which its picture
            shows, nanoseconds on the meeting clock. The moments of a track never go back.
        """
        plan = np.full(len(self), SKIP, np.int64)
        times, decodable, last_key = self._times, self._decodable, self._last_key
        newest = np.maximum.accumulate(np.where(decodable, np.arange(len(self)), -1))
        for span in shown:
            after = int(np.searchsorted(times, span.start_ns, "right"))
            end = int(np.searchsorted(times, span.end_ns, "left"))
            first = int(newest[after - 1]) if after else -1
            if first >= 0 and plan[first] <= ADVANCE:
                plan[last_key[first] : first] = np.maximum(plan[last_key[first] : first], ADVANCE)
                plan[first] = max(int(times[first]), span.start_ns)
            if after < end:
                start = max(0, int(last_key[after]))
                plan[start:after] = np.maximum(plan[start:after], ADVANCE)
                plan[after:end] = times[after:end]
        plan[~decodable] = SKIP
        return plan

    @property
    def _times(self) -> NDArray[np.int64]:
        return np.frombuffer(self._at_ns, np.int64) if self._at_ns else np.zeros(0, np.int64)

    @property
    def _last_key(self) -> NDArray[np.int64]:
        """For each frame the key frame that it leans on, -1 if there is none."""
        positions = np.arange(len(self))
        return np.maximum.accumulate(np.where(np.frombuffer(bytes(self._is_key), np.bool_), positions, -1))

    @property
    def _decodable(self) -> NDArray[np.bool_]:
        """Whether every frame back to the key frame is there."""
        if not len(self):
            return np.zeros(0, np.bool_)
        broken = np.zeros(len(self) + 1, np.int64)
        for index in self._breaks:
            broken[index] = index
        last_break = np.maximum.accumulate(broken)[:-1]
        return (self._last_key >= 0) & (self._last_key >= last_break)


def extended(spans: Iterable[Span], until: Sequence[int]) -> list[Span]:
    """Lets each span last until the first moment of `until` (sorted) at or after its end.

    A screen share sends nothing while nothing moves on the screen: it shows until the platform says that it is over.
    """
    ends = np.asarray(until, np.int64)
    longer: list[Span] = []
    for span in spans:
        position = int(np.searchsorted(ends, span.end_ns, "left"))
        longer.append(Span(span.start_ns, int(ends[position]) if position < len(ends) else span.end_ns))
    return longer
