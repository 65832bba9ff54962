"""The recording's own time: which spans of the meeting it keeps, and where each moment falls in the files."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from meetfleet.domain.lifecycle import BotState

SAMPLE_RATE_HZ = 48_000
_NS_PER_MS = 1_000_000
_SAMPLES_PER_MS = SAMPLE_RATE_HZ // 1000


def to_samples(duration_ns: int) -> int:
    """Nanoseconds to 48 kHz samples, to the nearest: undoes `to_ns` exactly."""
    return (duration_ns * _SAMPLES_PER_MS + _NS_PER_MS // 2) // _NS_PER_MS


def to_ns(samples: int) -> int:
    """48 kHz samples to nanoseconds, rounded down."""
    return samples * _NS_PER_MS // _SAMPLES_PER_MS


@dataclass(slots=True)
class KeptSpan:
    """A span of the meeting that is in the recording.

    Attributes:
        start_ns: On the meeting clock.
        end_ns: None while it lasts.
        offset_ns: Where it begins in the recording.
    """

    start_ns: int
    end_ns: int | None
    offset_ns: int


@dataclass(frozen=True, slots=True)
class Bridge:
    """A hole between two takes: the bot was away, the recording holds silence."""

    start_ns: int
    end_ns: int


class RecordingLine:
    """Built from the bot's states in order of time: `recording` begins or resumes, `paused` cuts, anything else ends.

    A bot that was killed leaves no end: `end_take` says where its take ends, and a later take that records again goes
    on with the same span. A tape without any state (a replayed or damaged one) records from the first media on.
    """

    def __init__(self) -> None:
        self.spans: list[KeptSpan] = []
        self.bridges: list[Bridge] = []
        self._state: tuple[int, str] | None = None
        self._closed_by_take: int | None = None

    @property
    def has_started(self) -> bool:
        return bool(self.spans)

    @property
    def start_ns(self) -> int | None:
        """Zero of every file, on the meeting clock."""
        return self.spans[0].start_ns if self.spans else None

    @property
    def is_open(self) -> bool:
        return bool(self.spans) and self.spans[-1].end_ns is None

    @property
    def is_paused(self) -> bool:
        """Whether what happens now is cut out, between two kept spans."""
        return bool(self.spans) and not self.is_open and self._closed_by_take is None

    def see_state(self, take: int, state: str, at_ns: int) -> None:
        """Takes a state of the bot; segments repeat them, so one that is no change is ignored."""
        if self._state == (take, state):
            return
        self._state = take, state
        if state == BotState.RECORDING:
            self._begin(take, at_ns)
        elif self.is_open:
            self._end(at_ns, None if state == BotState.PAUSED else take)

    def see_media(self, take: int, at_ns: int) -> None:
        """Takes the arrival of media: begins the recording where no state ever does."""
        if self._state is None:
            self._state = take, BotState.RECORDING
            self._begin(take, at_ns)

    def end_take(self, take: int, last_ns: int) -> None:
        """The take ends here, with or without saying so."""
        if self.is_open:
            self._end(last_ns, take)

    def _begin(self, take: int, at_ns: int) -> None:
        if self.is_open:
            return
        last = self.spans[-1] if self.spans else None
        if last is None or last.end_ns is None:
            self.spans.append(KeptSpan(at_ns, None, 0))
        elif self._closed_by_take is not None and self._closed_by_take != take:
            self.bridges.append(Bridge(last.end_ns, max(at_ns, last.end_ns)))
            last.end_ns = None
        else:
            self.spans.append(KeptSpan(max(at_ns, last.end_ns), None, last.offset_ns + last.end_ns - last.start_ns))

    def _end(self, at_ns: int, by_take: int | None) -> None:
        self.spans[-1].end_ns = max(at_ns, self.spans[-1].start_ns)
        self._closed_by_take = by_take

    def position_ns(self, at_ns: int) -> int | None:
        """Where a moment of the meeting falls in the recording; None if it was cut."""
        index = bisect_right(self.spans, at_ns, key=lambda span: span.start_ns) - 1
        if index < 0:
            return None
        span = self.spans[index]
        if span.end_ns is not None and at_ns >= span.end_ns:
            return None
        return span.offset_ns + at_ns - span.start_ns

    def clip(self, start_ns: int, end_ns: int) -> Iterator[tuple[int, int]]:
        """Yields the parts of a span of the meeting that were kept, as spans of the recording."""
        for span in self.spans:
            first = max(start_ns, span.start_ns)
            last = end_ns if span.end_ns is None else min(end_ns, span.end_ns)
            if first < last:
                yield span.offset_ns + first - span.start_ns, span.offset_ns + last - span.start_ns

    def duration_ns(self, now_ns: int) -> int:
        """Length of the recording, up to `now_ns` while it lasts."""
        if not self.spans:
            return 0
        last = self.spans[-1]
        end_ns = max(now_ns, last.start_ns) if last.end_ns is None else last.end_ns
        return last.offset_ns + end_ns - last.start_ns

    def pauses(self) -> list[tuple[int, int]]:
        """Spans of the meeting that were cut out, on the meeting clock."""
        return [(a.end_ns, b.start_ns) for a, b in pairwise(self.spans) if a.end_ns is not None]
