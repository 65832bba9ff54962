from hypothesis import given
from hypothesis import strategies as st

from meetfleet.artifacts.video.geometry import Rect, Size, fit, grid, inset, split, strip, strip_capacity, whole

HD = Size(1280, 720)
even_sizes = st.builds(lambda w, h: Size(2 * w, 2 * h), st.integers(80, 960), st.integers(80, 960))
sources = st.builds(Size, st.integers(16, 4000), st.integers(16, 4000))


def inside(inner: Rect, outer: Rect) -> bool:
    return inner.x >= outer.x and inner.y >= outer.y and inner.right <= outer.right and inner.bottom <= outer.bottom


def is_even(rect: Rect) -> bool:
    return not any(value % 2 for value in (rect.x, rect.y, rect.width, rect.height))


def overlaps(one: Rect, other: Rect) -> bool:
    return one.x < other.right and other.x < one.right and one.y < other.bottom and other.y < one.bottom


@given(sources, even_sizes)
def test_a_picture_fits_into_its_box_without_stretching(source: Size, box: Size) -> None:
    placed = fit(source, whole(box))
    assert inside(placed, whole(box))
    assert is_even(placed)
    assert placed.width == box.width or placed.height == box.height
    scale = min(box.width / source.width, box.height / source.height)
    assert abs(placed.width - source.width * scale) <= 2
    assert abs(placed.height - source.height * scale) <= 2


def test_a_picture_of_the_same_proportions_fills_the_box() -> None:
    assert fit(Size(640, 360), whole(HD)) == whole(HD)
    assert fit(Size(1278, 720), whole(HD)) == whole(HD)


def test_a_portrait_phone_stands_between_bars() -> None:
    assert fit(Size(360, 640), whole(HD)) == Rect(438, 0, 404, 720)


@given(st.integers(1, 60), even_sizes)
def test_gallery_tiles_are_equal_apart_and_inside(count: int, canvas: Size) -> None:
    tiles = grid(count, inset(canvas, 8), 8)
    assert len(tiles) == count
    assert len({tile.size for tile in tiles}) == 1
    assert all(inside(tile, whole(canvas)) and is_even(tile) for tile in tiles)
    assert not any(overlaps(one, other) for i, one in enumerate(tiles) for other in tiles[:i])


def test_six_people_stand_in_two_rows_of_three() -> None:
    tiles = grid(6, inset(HD, 8), 8)
    assert len({tile.y for tile in tiles}) == 2
    assert len({tile.x for tile in tiles}) == 3


def test_a_short_last_row_is_centred() -> None:
    tiles = grid(5, inset(HD, 8), 8)
    left, right = tiles[3].x, HD.width - tiles[4].right
    assert abs(left - right) <= 4


@given(st.integers(10, 120).map(lambda n: Size(32 * n, 18 * n)))
def test_a_screen_takes_four_fifths_and_tiles_stand_beside_it(canvas: Size) -> None:
    parts = split(canvas)
    assert abs(parts.stage.width - canvas.width * 0.8) <= 2
    boxes = [parts.stage, parts.line, *strip(parts.column, strip_capacity(parts.column, 8), 8)]
    assert all(inside(box, whole(canvas)) and is_even(box) for box in boxes)
    assert not any(overlaps(one, other) for i, one in enumerate(boxes) for other in boxes[:i])


def test_four_people_fit_beside_a_screen() -> None:
    assert strip_capacity(split(HD).column, 8) == 4
