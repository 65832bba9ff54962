"""Stretches of meeting time, and the recording's own time in which pauses are cut out."""

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """From start (included) to end (excluded), nanoseconds on the meeting clock."""

    start_ns: int
    end_ns: int

    def __contains__(self, at_ns: int) -> bool:
        return self.start_ns <= at_ns < self.end_ns

    @property
    def length_ns(self) -> int:
        return self.end_ns - self.start_ns


def union(spans: Iterable[Span]) -> list[Span]:
    """Sorted, without overlaps; spans that touch become one, empty ones vanish."""
    joined: list[Span] = []
    for span in sorted(span for span in spans if span.length_ns > 0):
        if joined and span.start_ns <= joined[-1].end_ns:
            joined[-1] = Span(joined[-1].start_ns, max(joined[-1].end_ns, span.end_ns))
        else:
            joined.append(span)
    return joined


def intersection(one: Iterable[Span], other: Iterable[Span]) -> list[Span]:
    """What both cover; each argument as `union` returns it."""
    common: list[Span] = []
    left, right = list(one), list(other)
    i = j = 0
    while i < len(left) and j < len(right):
        start, end = max(left[i].start_ns, right[j].start_ns), min(left[i].end_ns, right[j].end_ns)
        if start < end:
            common.append(Span(start, end))
        if left[i].end_ns < right[j].end_ns:
            i += 1
        else:
            j += 1
    return common


def holding(spans: Sequence[Span], at_ns: int) -> Span | None:
    """The one of the sorted, separate spans that holds this moment."""
    index = bisect.bisect_right(spans, at_ns, key=lambda s: s.start_ns)
    return spans[index - 1] if index > 0 and at_ns < spans[index - 1].end_ns else None
