"""What Google Meet's page shows of people, speakers and captions, turned into records."""

from typing import Any

from meetfleet.platforms.google_meet.surface import CaptionRow, CaptionRows, Person, SpeakerMarks, read_surface
from meetfleet.tape.records import Evidence, Participant, Roster

ANN = Person("a", "Ann")


def raw(tiles: list[dict[str, Any]] | None = None, listed: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {"tiles": tiles or [], "listed": listed or [], "captions": []}


def tile(id: str, name: str, **marks: bool) -> dict[str, Any]:
    return {"id": id, "name": name, "is_self": False, "speaks": False, **marks}


def row(name: str, **marks: Any) -> dict[str, Any]:
    return {"id": "", "name": name, "is_self": False, "is_host": False, **marks}


def test_tiles_and_the_list_are_joined_by_name() -> None:
    seen = read_surface(
        raw(
            [tile("a", "Ann", speaks=True), tile("me", "Bot", is_self=True)],
            [row("Ann", is_host=True), row("Bot", is_self=True), row("Cleo")],
        )
    )
    assert {p.participant_id: (p.name, p.is_self, p.is_host, p.speaks) for p in seen.people} == {
        "a": ("Ann", False, True, True),
        "me": ("Bot", True, False, False),
        "name:Cleo": ("Cleo", False, False, False),
    }


def test_a_mark_must_be_gone_for_two_looks_to_count_as_silence() -> None:
    marks = SpeakerMarks()
    speaking = Person("a", "Ann", speaks=True)
    looks = [marks.update([p]) for p in (speaking, ANN, speaking, ANN, ANN, ANN)]
    changes = [[(s.participant_id, s.speaking) for s in look] for look in looks]
    assert changes == [[("a", True)], [], [], [], [("a", False)], []]
    assert looks[0][0].evidence == Evidence.DOM


def test_the_bots_own_mark_is_nobodys_speech() -> None:
    assert SpeakerMarks().update([Person("me", "Bot", is_self=True, speaks=True)]) == []


def test_a_growing_row_is_one_caption_and_final_when_it_is_gone() -> None:
    rows, roster = CaptionRows(), Roster((Participant("a", "Ann"),))
    told = []
    for text in ("Good", "Good morning", "Good morning"):
        told += rows.update([CaptionRow(1, "Ann", text)], roster)
    told += rows.update([CaptionRow(2, "Ann", "Next")], roster)
    assert [(c.caption_id, c.participant_id, c.text, c.version, c.is_final) for c in told] == [
        ("row-1", "a", "Good", 1, False),
        ("row-1", "a", "Good morning", 2, False),
        ("row-2", "a", "Next", 1, False),
        ("row-1", "a", "Good morning", 3, True),
    ]


def test_a_name_that_two_people_share_names_nobody() -> None:
    roster = Roster((Participant("a", "Ann"), Participant("b", "Ann")))
    (caption,) = CaptionRows().update([CaptionRow(1, "Ann", "hello")], roster)
    assert caption.participant_id is None


def test_ones_own_captions_belong_to_the_bot_not_to_a_person_called_you() -> None:
    roster = Roster((Participant("me", "Bot", is_self=True), Participant("a", "Ann")))
    (caption,) = CaptionRows().update([CaptionRow(1, "You", "hello")], roster)
    assert (caption.participant_id, caption.name) == ("me", "Bot")
