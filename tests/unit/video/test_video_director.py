from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from meetfleet.artifacts.video.director import HOLD_NS, Shot, Turn, direct

S = 1_000_000_000


def turn(who: str, start_s: float, end_s: float) -> Turn:
    return Turn(who, round(start_s * S), round(end_s * S))


def cuts(*turns: Turn) -> list[tuple[str, float]]:
    return [(shot.participant_id, shot.start_ns / S) for shot in direct(turns)]


turns_of_people = st.lists(
    st.builds(
        lambda who, start, length: Turn(who, start * 100_000_000, (start + length) * 100_000_000),
        st.sampled_from("abc"),
        st.integers(0, 300),
        st.integers(0, 80),
    ),
    max_size=25,
)


def test_the_picture_cuts_to_a_speaker_with_the_first_word() -> None:
    assert cuts(turn("ann", 1, 5), turn("bob", 6, 9)) == [("ann", 1), ("bob", 6)]


def test_silence_keeps_the_last_speaker() -> None:
    assert cuts(turn("ann", 1, 5)) == [("ann", 1)]


def test_a_short_yes_does_not_move_the_picture() -> None:
    assert cuts(turn("ann", 1, 9), turn("bob", 3, 3.6), turn("bob", 9.5, 9.9)) == [("ann", 1)]


def test_short_pauses_do_not_break_a_turn_apart() -> None:
    assert cuts(turn("ann", 1, 1.6), turn("ann", 1.9, 2.5)) == [("ann", 1)]


def test_the_last_to_take_the_floor_has_it_and_gives_it_back() -> None:
    assert cuts(turn("ann", 0, 10), turn("bob", 3, 6)) == [("ann", 0), ("bob", 3), ("ann", 6)]


def test_quick_changes_wait_until_a_shot_has_lasted() -> None:
    assert cuts(turn("ann", 0, 2), turn("bob", 0.4, 3)) == [("ann", 0), ("bob", 1)]


@given(turns_of_people)
def test_no_shot_is_shorter_than_the_hold_and_none_repeats(turns: list[Turn]) -> None:
    shots = direct(turns)
    for before, after in pairwise(shots):
        assert after.start_ns - before.start_ns >= HOLD_NS
        assert before.participant_id != after.participant_id


@given(turns_of_people)
def test_a_shot_begins_only_while_its_person_has_the_floor(turns: list[Turn]) -> None:
    for shot in direct(turns):
        assert any(
            t.participant_id == shot.participant_id and t.start_ns <= shot.start_ns <= t.end_ns + HOLD_NS for t in turns
        )


@given(turns_of_people)
def test_the_order_of_the_turns_does_not_matter(turns: list[Turn]) -> None:
    assert direct(turns) == direct(sorted(turns, key=lambda t: -t.end_ns))


def test_nobody_speaks_nobody_is_shot() -> None:
    assert direct([]) == []
    assert direct([turn("ann", 1, 4)]) == [Shot(S, "ann")]
