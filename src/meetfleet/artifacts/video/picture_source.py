"""Reads the tape a second time and decodes what the scenes show, in the order in which it shows."""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import av
import numpy as np
from numpy.typing import NDArray

from meetfleet.artifacts.video.plan import TrackKey
from meetfleet.artifacts.video.track_decoder import TrackDecoder
from meetfleet.artifacts.video.track_index import ADVANCE, SKIP, STUCK_NS
from meetfleet.artifacts.video.video_walk import TakeRecord, TapeFrame, WalkEvent

PATIENCE_NS = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Picture:
    """From this moment (nanoseconds on the meeting clock) this is what the track shows; None: it lost its picture."""

    at_ns: int
    track: TrackKey
    frame: av.VideoFrame | None


class PictureSource:
    """Turns a walk over the tape into pictures, decoding nothing that no scene needs.

    Args:
        schedules: What to do with each frame of each track, as `TrackIndex.schedule` returns it.

    Attributes:
        decoded: Frames handed to a decoder.
        unreadable: Frames without a picture because they, or one they lean on, were broken.
    """

    def __init__(self, schedules: Mapping[TrackKey, NDArray[np.int64]]) -> None:
        self._schedules = schedules
        self._decoders: dict[TrackKey, tuple[str, TrackDecoder]] = {}
        self._shown_ns: dict[TrackKey, int] = {}
        self._waiting: list[tuple[int, int, TapeFrame]] = []
        self._count = 0
        self._latest_ns = 0
        self.decoded = 0
        self.unreadable = 0

    def pictures(self, walk: Iterable[WalkEvent]) -> Iterator[Picture]:
        """Yields pictures sorted by time."""
        for event in walk:
            if isinstance(event, TapeFrame):
                self._queue(event)
            elif not isinstance(event, TakeRecord):
                yield from self._ready(event.at_ns - PATIENCE_NS)
        yield from self._ready(None)

    def _queue(self, frame: TapeFrame) -> None:
        schedule = self._schedules.get(frame.track)
        if schedule is None or schedule[frame.position] == SKIP:
            return
        shown_ns = int(schedule[frame.position])
        heapq.heappush(self._waiting, (max(frame.at_ns, shown_ns), self._count, frame))
        self._count += 1

    def _ready(self, until_ns: int | None) -> Iterator[Picture]:
        while self._waiting and (until_ns is None or self._waiting[0][0] <= until_ns):
            at_ns, _, frame = heapq.heappop(self._waiting)
            at_ns = self._latest_ns = max(at_ns, self._latest_ns)  # one that came too late shows late
            wanted = int(self._schedules[frame.track][frame.position]) > ADVANCE
            decoder = self._decoder(frame)
            picture = decoder.decode(frame.frame, wanted=wanted)
            self.decoded += 1
            self.unreadable += decoder.is_lost
            if picture is not None:
                self._shown_ns[frame.track] = at_ns
                yield Picture(at_ns, frame.track, picture)
            elif decoder.is_lost and at_ns - self._shown_ns.get(frame.track, at_ns) > STUCK_NS:
                del self._shown_ns[frame.track]
                yield Picture(at_ns, frame.track, None)

    def _decoder(self, frame: TapeFrame) -> TrackDecoder:
        codec, decoder = self._decoders.get(frame.track, ("", None))
        if decoder is None or codec != frame.codec:
            decoder = TrackDecoder(frame.codec)
            self._decoders[frame.track] = frame.codec, decoder
        return decoder
