from pathlib import Path

import pytest

from meetfleet.domain.errors import TapeError
from meetfleet.tape.reader import TapeFrames
from meetfleet.tape.salvage import seal_leftovers
from meetfleet.tape.segment import SegmentName
from meetfleet.tape.tape import GapReason, Tape
from meetfleet.testing.tapes import HandClock, write_take


def count_frames(tape: Tape) -> int:
    return sum(len(m.frames) for m in tape.messages() if isinstance(m, TapeFrames))


def test_segment_names_sort_in_the_order_of_the_tape() -> None:
    names = [SegmentName(1, 2), SegmentName(1, 10), SegmentName(2, 1), SegmentName(12, 1)]
    assert sorted(reversed(names)) == names
    assert [SegmentName.parse(str(n)) for n in names] == names
    assert SegmentName.parse("t01-000007.mcap.open") == SegmentName(1, 7, is_open=True)
    assert SegmentName.parse("notes.txt") is None


def test_an_unsealed_last_segment_belongs_to_the_tape(tmp_path: Path) -> None:
    write_take(tmp_path, 7)
    tape = Tape.open(tmp_path)
    assert [str(s.name) for s in tape.segments] == ["t01-000001.mcap", "t01-000002.mcap.open"]
    assert count_frames(tape) >= 6.4 * 50
    assert tape.gaps() == []


def test_a_rejoin_is_a_new_take_with_a_gap_before_it(tmp_path: Path) -> None:
    clock = HandClock()
    _, writer = write_take(tmp_path, 6, clock=clock)
    writer.close()
    left_ns = clock.now_ns()
    clock.advance(30)
    write_take(tmp_path, 6, take=2, clock=clock)[1].close()
    (gap,) = Tape.open(tmp_path).gaps()
    assert gap.reason is GapReason.NEW_TAKE
    assert abs(gap.start_ns - left_ns) < 1e9
    assert gap.end_ns == left_ns + 30_000_000_000


def test_a_missing_segment_is_a_gap(tmp_path: Path) -> None:
    write_take(tmp_path, 16)
    (tmp_path / "t01-000002.mcap").unlink()
    (gap,) = Tape.open(tmp_path).gaps()
    assert gap.reason is GapReason.MISSING_SEGMENT
    assert 4.9e9 < gap.end_ns - gap.start_ns < 5.6e9


def test_a_damaged_segment_is_a_gap_and_the_rest_is_read(tmp_path: Path) -> None:
    write_take(tmp_path, 16)
    (tmp_path / "t01-000002.mcap").write_bytes(b"nonsense")
    tape = Tape.open(tmp_path)
    assert [gap.reason for gap in tape.gaps()] == [GapReason.DAMAGED]
    assert count_frames(tape) >= 10 * 50


def test_no_tape_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match="no tape"):
        Tape.open(tmp_path)


def test_what_a_killed_bot_left_open_is_sealed_with_everything_in_it(tmp_path: Path) -> None:
    write_take(tmp_path, 7)
    before = count_frames(Tape.open(tmp_path))
    (sealed,) = seal_leftovers(tmp_path)
    assert sealed.name == "t01-000002.mcap"
    tape = Tape.open(tmp_path)
    assert count_frames(tape) == before
    assert all(s.report().is_sealed and not s.report().damage for s in tape.segments)
    assert seal_leftovers(tmp_path) == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t01-000001.mcap", "t01-000002.mcap"]


def test_a_leftover_that_holds_nothing_is_removed(tmp_path: Path) -> None:
    (tmp_path / "t01-000001.mcap.open").write_bytes(b"\x89MC")
    assert seal_leftovers(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
