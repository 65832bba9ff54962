"""Byte ranges as browsers and players ask for them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetfleet.api.ranges import ByteRange, RangeUnsatisfiable, lists_etag, parse_range


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=0-", (0, 100)),
        ("bytes=10-19", (10, 20)),
        ("bytes=90-1000", (90, 100)),
        ("bytes=-5", (95, 100)),
        ("bytes=-1000", (0, 100)),
        ("bytes = 1 - 2", (1, 3)),
    ],
)
def test_a_range_is_cut_to_the_file(header: str, expected: tuple[int, int]) -> None:
    assert parse_range(header, 100) == ByteRange(*expected)


@pytest.mark.parametrize(
    "header", [None, "", "bytes=", "bytes=-", "bytes=5-1", "lines=1-2", "bytes=0-1,5-6", "bytes=a-b"]
)
def test_what_we_do_not_serve_in_parts_is_sent_whole(header: str | None) -> None:
    assert parse_range(header, 100) is None


@pytest.mark.parametrize(("header", "size"), [("bytes=100-", 100), ("bytes=-0", 100), ("bytes=0-", 0), ("bytes=-1", 0)])
def test_a_range_behind_the_end_cannot_be_satisfied(header: str, size: int) -> None:
    with pytest.raises(RangeUnsatisfiable):
        parse_range(header, size)


@given(st.integers(1, 10**6), st.integers(0, 10**7), st.integers(0, 10**7))
def test_a_served_range_lies_inside_the_file(size: int, first: int, last: int) -> None:
    try:
        part = parse_range(f"bytes={first}-{last}", size)
    except RangeUnsatisfiable:
        assert first >= size
        return
    if part is not None:
        assert 0 <= part.start < part.end <= size


def test_etags_are_compared_weakly() -> None:
    assert lists_etag('"a", W/"b"', "b")
    assert lists_etag("*", "b")
    assert not lists_etag('"a"', "b")
    assert not lists_etag(None, "b")
