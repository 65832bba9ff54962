from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from meetfleet.artifacts.video.pacer import Pacer

MS = 1_000_000


def written(changes_ms: list[int], until_ms: int, fps: int = 25) -> list[float]:
    pacer = Pacer(1000 * MS // fps, 1000 * MS)
    out: list[float] = []
    for change in changes_ms:
        out.extend(at / MS for at in pacer.due(change * MS))
        pacer.changed(change * MS)
    out.extend(at / MS for at in pacer.due(until_ms * MS))
    return out


def test_every_change_of_a_slow_source_is_written_at_its_moment() -> None:
    assert written([0, 200, 400], 500) == [0, 200, 400]


def test_changes_closer_than_the_frame_rate_ride_along() -> None:
    assert written([0, 10, 20, 45, 50], 200) == [0, 40, 80]


def test_where_nothing_changes_a_picture_is_repeated_each_second() -> None:
    assert written([0], 3500) == [0, 1000, 2000, 3000]


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=60).map(sorted))
def test_pictures_keep_their_distance_and_every_change_is_shown_soon(changes: list[int]) -> None:
    pictures = written(changes, 10_000)
    gaps = [b - a for a, b in pairwise(pictures)]
    assert all(40 <= gap <= 1000 for gap in gaps)
    assert all(any(0 <= at - change <= 40 for at in pictures) for change in changes)
