from meetfleet.artifacts.roster_book import Ref, RosterBook
from meetfleet.tape.records import Participant, Roster, SourceRef

S = 1_000_000_000
REF: Ref = ("csrc", 1, 5)


def roster(*people: tuple[str, str, int | None]) -> Roster:
    """(participant id, name, csrc)"""
    return Roster(
        tuple(
            Participant(pid, name, sources=() if csrc is None else (SourceRef("audio", csrc=csrc),))
            for pid, name, csrc in people
        )
    )


def owners(book: RosterBook, ref: Ref = REF) -> list[tuple[int, str | None]]:
    return [(o.start_ns, o.participant_id) for o in book.owners(ref)]


def test_the_first_roster_explains_all_sound_before_it() -> None:
    book = RosterBook()
    book.see(1, 500 * S, roster(("d/1", "Ada", 5)))
    assert owners(book) == [(0, "d/1")]


def test_a_later_roster_is_believed_a_minute_back() -> None:
    book = RosterBook()
    book.see(1, 10 * S, roster(("d/1", "Ada", 4)))
    book.see(1, 200 * S, roster(("d/1", "Ada", 4), ("d/2", "Grace", 5)))
    assert owners(book) == [(140 * S, "d/2")]


def test_a_source_that_changes_hands_belongs_to_each_in_turn() -> None:
    book = RosterBook()
    book.see(1, 10 * S, roster(("d/1", "Ada", 5), ("d/2", "Grace", None)))
    book.see(1, 20 * S, roster(("d/1", "Ada", None), ("d/2", "Grace", 5)))
    assert owners(book) == [(0, "d/1"), (20 * S, "d/2")]


def test_after_a_free_while_the_next_owner_is_believed_no_further_back_than_that() -> None:
    book = RosterBook()
    book.see(1, 10 * S, roster(("d/1", "Ada", 5)))
    book.see(1, 20 * S, roster())
    book.see(1, 30 * S, roster(("d/2", "Grace", 5)))
    assert owners(book) == [(0, "d/1"), (20 * S, "d/2")]


def test_who_leaves_keeps_the_source_until_somebody_gets_it() -> None:
    book = RosterBook()
    book.see(1, 10 * S, roster(("d/1", "Ada", 5)))
    book.see(1, 20 * S, roster())
    assert owners(book) == [(0, "d/1")]


def test_a_source_claimed_by_two_at_once_is_nobodys() -> None:
    book = RosterBook()
    book.see(1, 10 * S, roster(("d/1", "Ada", 5), ("d/2", "Grace", 5)))
    assert owners(book) == []


def test_another_take_knows_nothing_of_this_one() -> None:
    book = RosterBook()
    book.see(1, 10 * S, roster(("d/1", "Ada", 5)))
    assert owners(book, ("csrc", 2, 5)) == []


def test_people_are_numbered_by_appearance_without_the_bot() -> None:
    book = RosterBook()
    book.see(1, 1 * S, Roster((Participant("d/0", "Notetaker", is_self=True), Participant("d/2", "Grace"))))
    book.see(1, 2 * S, Roster((Participant("d/2", "Grace"), Participant("d/1", "Ada"))))
    assert [(p.user_id, p.name) for p in book.people()] == [(1, "Grace"), (2, "Ada")]


def test_who_comes_back_under_the_same_name_is_the_same_person() -> None:
    book = RosterBook()
    book.see(1, 1 * S, roster(("d/1", "Ada", 5)))
    book.see(1, 2 * S, roster())
    book.see(1, 3 * S, roster(("d/9", "Ada", 6)))
    (ada,) = book.people()
    assert ada.participant_ids == ["d/1", "d/9"]


def test_two_of_one_name_at_once_are_two_people() -> None:
    book = RosterBook()
    book.see(1, 1 * S, roster(("d/1", "Ada", 5), ("d/2", "Ada", 6)))
    assert [p.user_id for p in book.people()] == [1, 2]


def test_a_name_that_comes_late_counts_for_the_person() -> None:
    book = RosterBook()
    book.see(1, 1 * S, roster(("d/1", "", 5)))
    book.see(1, 2 * S, roster(("d/1", "Ada", 5)))
    book.see(1, 3 * S, roster(("d/1", " ", 5)))
    assert [p.name for p in book.people()] == ["Ada"]


def test_the_bots_own_source_is_known() -> None:
    book = RosterBook()
    book.see(1, 1 * S, Roster((Participant("d/0", "Bot", is_self=True, sources=(SourceRef("audio", csrc=5),)),)))
    assert book.is_self(REF)
    assert not book.is_self(("csrc", 1, 6))
    assert book.self_ids() == {"d/0"}
