from hypothesis import given
from hypothesis import strategies as st

from meetfleet.artifacts.attribution import Claim, Sounding, attribute
from meetfleet.artifacts.roster_book import RosterBook
from meetfleet.artifacts.speaking_book import SpeakingBook
from meetfleet.tape.records import Evidence, Participant, Roster, SourceRef, Speaking

S = 1_000_000_000


def sounding(source: str, *spans: tuple[float, float], csrc: int | None = None, mix: bool = False) -> Sounding:
    refs = ((Evidence.CSRC, ("csrc", 1, csrc)),) if csrc is not None else ()
    return Sounding(source, 1, refs, tuple((round(a * S), round(b * S)) for a, b in spans), names_nobody=mix)


def signals(*rows: tuple[str, float, float], evidence: Evidence = Evidence.SIGNAL) -> SpeakingBook:
    book = SpeakingBook()
    changes = [(a, who, True) for who, a, _ in rows] + [(b, who, False) for who, _, b in rows]
    for at, who, speaking in sorted(changes):
        book.see(round(at * S), Speaking(who, speaking, evidence))
    return book


def roster(*rows: tuple[float, dict[str, int]]) -> RosterBook:
    book = RosterBook()
    for at, csrcs in rows:
        people = tuple(Participant(who, who, sources=(SourceRef("audio", csrc=c),)) for who, c in csrcs.items())
        book.see(1, round(at * S), Roster(people))
    return book


def told(claims: list[Claim]) -> list[tuple[float, float, str | None, Evidence | None]]:
    return [(c.start_ns / S, c.end_ns / S, c.participant_id, c.evidence) for c in claims]


def test_a_csrc_names_its_owner_by_the_roster_of_that_time() -> None:
    book = roster((0, {"ada": 5}), (50, {"grace": 5}))
    claims = attribute([sounding("x", (1, 3), (60, 62), csrc=5)], book, SpeakingBook())
    assert told(claims) == [(1, 3, "ada", Evidence.CSRC), (60, 62, "grace", Evidence.CSRC)]


def test_a_span_over_a_change_of_owner_is_split_there() -> None:
    book = roster((0, {"ada": 5}), (50, {"grace": 5}))
    claims = attribute([sounding("x", (48, 53), csrc=5)], book, SpeakingBook())
    assert told(claims) == [(48, 50, "ada", Evidence.CSRC), (50, 53, "grace", Evidence.CSRC)]


def test_a_name_found_by_looking_back_is_less_certain() -> None:
    late, known = attribute([sounding("x", (1, 3), (60, 62), csrc=5)], roster((30, {"ada": 5})), SpeakingBook())
    assert late.participant_id == known.participant_id == "ada"
    assert late.confidence < known.confidence


def test_a_csrc_that_no_roster_names_stays_unknown_whatever_older_rosters_say() -> None:
    claims = attribute([sounding("x", (1, 3), csrc=6)], roster((0, {"ada": 5})), SpeakingBook())
    assert told(claims) == [(1, 3, None, None)]


def test_the_roster_wins_over_signals() -> None:
    claims = attribute([sounding("x", (1, 3), csrc=5)], roster((0, {"ada": 5})), signals(("grace", 1, 3)))
    assert told(claims) == [(1, 3, "ada", Evidence.CSRC)]


def test_a_nameless_source_takes_the_name_of_the_only_one_said_to_speak() -> None:
    claims = attribute([sounding("x", (1, 4))], RosterBook(), signals(("ada", 1.3, 4.9)))
    assert told(claims) == [(1, 4, "ada", Evidence.SIGNAL)]


def test_sound_far_from_any_mark_stays_unknown() -> None:
    claims = attribute([sounding("x", (1, 20))], RosterBook(), signals(("ada", 1.2, 6)))
    assert told(claims) == [(1, 6, "ada", Evidence.SIGNAL), (6, 20, None, None)]


def test_without_any_evidence_nobody_is_named() -> None:
    assert told(attribute([sounding("x", (1, 4))], RosterBook(), SpeakingBook())) == [(1, 4, None, None)]


def test_one_after_the_other_in_a_mix_is_split_at_the_second_ones_mark() -> None:
    book = signals(("ada", 1.2, 5.8), ("grace", 5.2, 9.5))
    claims = attribute([sounding("mix", (1, 9), mix=True)], RosterBook(), book)
    assert told(claims) == [(1, 5.2, "ada", Evidence.SIGNAL), (5.2, 9, "grace", Evidence.SIGNAL)]


def test_two_at_once_in_a_mix_are_both_heard() -> None:
    book = signals(("ada", 1.2, 9), ("grace", 4, 7))
    claims = attribute([sounding("mix", (1, 9), mix=True)], RosterBook(), book)
    assert told(claims) == [(1, 9, "ada", Evidence.SIGNAL), (4, 7, "grace", Evidence.SIGNAL)]


def test_two_nameless_sources_at_once_are_told_apart_by_the_time_each_sounds_alone() -> None:
    book = signals(("ada", 1.2, 5.5), ("grace", 4.2, 8.5))
    claims = attribute([sounding("x", (1, 5)), sounding("y", (4, 8))], RosterBook(), book)
    assert told(claims) == [(1, 5, "ada", Evidence.SIGNAL), (4, 8, "grace", Evidence.SIGNAL)]


def test_two_nameless_sources_that_sound_only_together_stay_unknown() -> None:
    book = signals(("ada", 1.2, 5), ("grace", 1.2, 5))
    claims = attribute([sounding("x", (1, 5)), sounding("y", (1, 5))], RosterBook(), book)
    assert {c.participant_id for c in claims} == {None}


def test_a_mix_names_nobody_again_whom_a_source_of_their_own_named() -> None:
    parts = [sounding("x", (1, 5), csrc=5), sounding("mix", (1, 5), (8, 9), mix=True)]
    claims = attribute(parts, roster((0, {"ada": 5})), SpeakingBook())
    assert told(claims) == [(1, 5, "ada", Evidence.CSRC), (8, 9, None, None)]


def test_signals_go_before_captions_and_captions_before_marks_in_the_page() -> None:
    marks = signals(("dom", 1, 4), evidence=Evidence.DOM)
    assert told(attribute([sounding("x", (1, 4))], RosterBook(), marks))[0][2:] == ("dom", Evidence.DOM)
    marks.see_caption(1 * S, 4 * S, "caption")
    assert told(attribute([sounding("x", (1, 4))], RosterBook(), marks))[0][2:] == ("caption", Evidence.CAPTION)
    for speaking, at in ((True, 1), (False, 4)):
        marks.see(at * S, Speaking("signal", speaking))
    assert told(attribute([sounding("x", (1, 4))], RosterBook(), marks))[0][2:] == ("signal", Evidence.SIGNAL)


def test_captions_of_two_people_name_nobody() -> None:
    book = SpeakingBook()
    book.see_caption(1 * S, 3 * S, "ada")
    book.see_caption(2 * S, 4 * S, "grace")
    assert told(attribute([sounding("x", (1, 4))], RosterBook(), book)) == [(1, 4, None, None)]


def test_a_mark_that_never_ended_does_not_name_everybody_after() -> None:
    book = SpeakingBook()
    book.see(1 * S, Speaking("ada", True))
    book.end_take(4000 * S)
    claims = attribute([sounding("x", (1, 4), (1000, 1004))], RosterBook(), book)
    assert [c.participant_id for c in claims] == ["ada", None]


SPAN = st.tuples(st.integers(0, 400), st.integers(1, 80)).map(lambda t: (t[0] / 8, (t[0] + t[1]) / 8))


@given(st.lists(SPAN, min_size=1, max_size=6), st.lists(st.tuples(st.sampled_from("ab"), SPAN), max_size=6))
def test_every_moment_of_sound_is_claimed_and_nothing_else(
    spans: list[tuple[float, float]], marks: list[tuple[str, tuple[float, float]]]
) -> None:
    separate: list[tuple[float, float]] = []
    for span in sorted(spans):
        if not separate or span[0] > separate[-1][1]:
            separate.append(span)
    book = signals(*((who, a, b) for who, (a, b) in marks))
    claims = attribute([sounding("x", *separate, mix=True)], RosterBook(), book)
    assert all(c.start_ns < c.end_ns for c in claims)
    for a, b in separate:
        covered = a
        for claim in sorted((c for c in claims if a * S <= c.start_ns < b * S), key=lambda c: c.start_ns):
            assert claim.start_ns / S <= covered + 1e-6
            covered = max(covered, claim.end_ns / S)
        assert abs(covered - b) < 1e-6
