from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from meetfleet.artifacts.video.recording_clock import RecordingClock
from meetfleet.artifacts.video.spans import Span, holding, intersection, union

spans = st.lists(st.builds(lambda a, n: Span(a, a + n), st.integers(0, 60), st.integers(0, 12)), max_size=8)


def moments(pieces: list[Span]) -> set[int]:
    return {at for span in pieces for at in range(span.start_ns, span.end_ns)}


@given(spans)
def test_a_union_covers_the_same_moments_in_separate_sorted_pieces(pieces: list[Span]) -> None:
    joined = union(pieces)
    assert moments(joined) == moments(pieces)
    assert all(a.end_ns < b.start_ns for a, b in pairwise(joined))


@given(spans, spans)
def test_an_intersection_covers_what_both_cover(one: list[Span], other: list[Span]) -> None:
    assert moments(intersection(union(one), union(other))) == moments(one) & moments(other)


@given(spans, st.integers(0, 80))
def test_holding_finds_the_span_of_a_moment(pieces: list[Span], at: int) -> None:
    found = holding(union(pieces), at)
    assert (found is not None) == (at in moments(pieces))
    assert found is None or at in found


@given(spans.map(union).filter(bool), st.integers(0, 80))
def test_the_recording_counts_only_what_was_kept(kept: list[Span], at: int) -> None:
    clock = RecordingClock(kept)
    assert clock.since_zero(at) == len([m for m in moments(kept) if m < at])
    assert clock.length_ns == len(moments(kept))
