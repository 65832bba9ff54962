from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meetfleet.domain.errors import TapeError
from meetfleet.tape.reader import SegmentReader, TapeFrames, TapeRecord
from meetfleet.tape.records import TrackInfo
from meetfleet.testing.tapes import write_take


@cache
def sealed_bytes() -> bytes:
    with TemporaryDirectory() as name:
        sealed, _ = write_take(Path(name), 5.2)
        return sealed[0].path.read_bytes()


@cache
def chunk_ends() -> list[tuple[int, int]]:
    """(end of the chunk in bytes, packets read up to there), found by cutting where a chunk ends."""
    data, ends, offset, count = sealed_bytes(), [], 8, 0
    while offset < len(data) - 8:
        size = int.from_bytes(data[offset + 1 : offset + 9], "little")
        is_chunk = data[offset] == 6
        offset += 9 + size
        if is_chunk:
            count = len(packets(data[:offset]))
            ends.append((offset, count))
    return ends


def packets(data: bytes) -> list[bytes]:
    return [f.payload for m in SegmentReader(data).messages() if isinstance(m, TapeFrames) for f in m.frames]


def test_a_whole_segment_has_no_damage() -> None:
    reader = SegmentReader(sealed_bytes())
    kinds = {type(m) for m in reader.messages()}
    assert kinds == {TapeFrames, TapeRecord}
    assert reader.damage == []
    assert reader.is_sealed
    assert reader.meta is not None
    assert reader.meta.take == 1


def test_chunks_are_half_a_second() -> None:
    counts = [count for _, count in chunk_ends()]
    assert len(counts) >= 9
    assert all(b - a <= 27 for a, b in pairwise(counts))


@given(cut=st.integers(0, 10**9))
@settings(max_examples=200, deadline=None)
def test_a_cut_at_any_byte_keeps_every_chunk_before_it(cut: int) -> None:
    data = sealed_bytes()
    cut %= len(data)
    reader = SegmentReader(data[:cut])
    kept = [f.payload for m in reader.messages() if isinstance(m, TapeFrames) for f in m.frames]
    expected = max((count for end, count in chunk_ends() if end <= cut), default=0)
    assert kept == [f"packet {i}".encode() for i in range(expected)]
    assert reader.damage
    assert not reader.is_sealed


@given(bit=st.integers(0, 10**9))
@settings(max_examples=300, deadline=None)
def test_a_flipped_bit_is_noticed_and_costs_at_most_what_it_hit(bit: int) -> None:
    data = bytearray(sealed_bytes())
    bit %= len(data) * 8
    data[bit // 8] ^= 1 << bit % 8
    reader = SegmentReader(bytes(data))
    kept = [f.payload for m in reader.messages() if isinstance(m, TapeFrames) for f in m.frames]
    assert set(kept) <= {f"packet {i}".encode() for i in range(400)}
    assert kept == sorted(kept, key=lambda p: int(p.split()[1]))
    assert reader.damage


@given(data=st.binary(max_size=400))
def test_garbage_raises_nothing(data: bytes) -> None:
    assert list(SegmentReader(data).messages()) == []
    assert list(SegmentReader(sealed_bytes()[:600] + data).messages()) is not None


def test_a_record_of_a_later_version_is_read_without_what_is_new() -> None:
    data = b'{"track_id":1,"kind":"audio","codec":"opus","clock_rate_hz":48000,"invented_later":true}'
    assert TrackInfo.from_json(data) == TrackInfo(1, "audio", "opus", 48000)


def test_a_missing_file_is_a_tape_error(tmp_path: Path) -> None:
    with pytest.raises(TapeError):
        SegmentReader(tmp_path / "t01-000001.mcap")
