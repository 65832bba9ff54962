"""The recording's own time: zero at its start, pauses cut out."""

import bisect
from collections.abc import Sequence

from meetfleet.artifacts.video.spans import Span


class RecordingClock:
    """Maps the meeting clock to the recording's time.

    Args:
        recorded: What the recording holds, sorted and separate.
    """

    def __init__(self, recorded: Sequence[Span]) -> None:
        self._spans = list(recorded)
        self._before: list[int] = []
        total = 0
        for span in self._spans:
            self._before.append(total)
            total += span.length_ns
        self.length_ns = total

    def since_zero(self, at_ns: int) -> int:
        """Nanoseconds since time zero; a moment in a pause is the moment of the cut."""
        index = bisect.bisect_right(self._spans, at_ns, key=lambda s: s.start_ns) - 1
        if index < 0:
            return 0
        span = self._spans[index]
        return self._before[index] + min(at_ns, span.end_ns) - span.start_ns
