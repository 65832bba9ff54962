from hypothesis import given
from hypothesis import strategies as st

from meetfleet.artifacts.video.spans import Span
from meetfleet.artifacts.video.track_index import ADVANCE, SKIP, STUCK_NS, TrackIndex, extended

S = 1_000_000_000


def track(frames: str, fps: int = 1) -> TrackIndex:
    """K a key frame, d a delta frame, - no frame, | a gap of the tape; one each second from second 1."""
    index = TrackIndex()
    at_ns = S
    for letter in frames:
        if letter == "|":
            index.cut()
            continue
        if letter != "-":
            index.append(at_ns, is_key=letter == "K")
        at_ns += S // fps
    return index


def done(index: TrackIndex, *shown: tuple[float, float]) -> list[object]:
    words = {SKIP: "skip", ADVANCE: "lead"}
    plan = index.schedule([Span(round(a * S), round(b * S)) for a, b in shown])
    return [words.get(int(step), int(step) / S) for step in plan]


def test_only_the_way_from_the_last_key_frame_is_decoded() -> None:
    assert done(track("KddKddKdd"), (5.5, 7)) == ["skip", "skip", "skip", "lead", 5.5, 6, "skip", "skip", "skip"]


def test_the_picture_that_stands_when_a_scene_begins_shows_from_its_first_moment() -> None:
    assert done(track("Kdd"), (2.5, 9)) == ["lead", 2.5, 3]


def test_a_picture_that_was_shown_before_is_not_decoded_again() -> None:
    assert done(track("Kd-------d"), (1, 3), (5, 11)) == [1, 2, 10]


def test_without_a_key_frame_nothing_can_be_shown() -> None:
    assert done(track("ddKd"), (0, 9)) == ["skip", "skip", 3, 4]


def test_after_a_gap_of_the_tape_it_waits_for_a_key_frame() -> None:
    assert done(track("Kd|ddKd"), (0, 9)) == [1, 2, "skip", "skip", 5, 6]
    assert track("Kd|dddKd").live(S) == [Span(S, 3 * S), Span(6 * S, 8 * S)]


def test_a_track_lives_from_its_first_key_frame_until_it_is_stuck() -> None:
    assert track("dKdd-----dd").live() == [Span(2 * S, 7 * S), Span(10 * S, 14 * S)]
    assert track("ddd").live() == []


def test_a_still_screen_lives_until_the_platform_says_that_it_is_over() -> None:
    assert extended([Span(1, 5), Span(30, 40)], [20, 35]) == [Span(1, 20), Span(30, 40)]


tracks = st.text(alphabet="Kddd-|", max_size=40).map(track)
shown_spans = st.lists(st.integers(0, 400), max_size=8, unique=True).map(
    lambda edges: [Span(a * S // 8, b * S // 8) for a, b in zip(*[iter(sorted(edges))] * 2, strict=False)]
)


@given(tracks, shown_spans)
def test_whatever_is_shown_every_decoded_frame_follows_its_key_frame(index: TrackIndex, shown: list[Span]) -> None:
    plan = index.schedule(shown)
    keys = bytes(index._is_key)  # pyright: ignore[reportPrivateUsage]
    for position, step in enumerate(plan):
        if step != SKIP and not keys[position]:
            assert position > 0
            assert plan[position - 1] != SKIP
    moments = [int(step) for step in plan if step > ADVANCE]
    assert moments == sorted(moments)


@given(tracks, shown_spans)
def test_whatever_is_shown_the_newest_picture_of_a_live_track_is_there(index: TrackIndex, shown: list[Span]) -> None:
    plan = index.schedule(shown)
    times = list(index._at_ns)  # pyright: ignore[reportPrivateUsage]
    for span in shown:
        for alive in index.live():
            at_ns = max(span.start_ns, alive.start_ns)
            if at_ns < min(span.end_ns, alive.end_ns):
                shown_at = [int(step) for step, time in zip(plan, times, strict=True) if ADVANCE < step <= at_ns]
                assert shown_at, "nothing was shown although the track is live"
                newest = [t for step, t in zip(plan, times, strict=True) if ADVANCE < step <= at_ns][-1]
                assert at_ns - newest <= STUCK_NS
