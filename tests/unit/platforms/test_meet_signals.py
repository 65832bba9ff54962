"""Google Meet's channels: what they tell, in whatever wrapping, and what is done with bytes that tell nothing."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meetfleet.platforms.google_meet.protobuf import Message, WireError
from meetfleet.platforms.google_meet.signals import MeetSignals
from meetfleet.platforms.google_meet.wire import read_captions, read_collection, read_snapshot, read_speaking
from meetfleet.tape.records import Caption, ChatMessage, Roster, SourceRef, Speaking

from . import meet_wire as wire

BOT, ANN, BEN = "spaces/x/devices/1", "spaces/x/devices/2", "spaces/x/devices/3"
SNAPSHOT_URL = "rpc/MeetingSpaceService/SyncMeetingSpaceCollections"


@dataclass
class Notes:
    """A MeetingSink that remembers."""

    rosters: list[Roster] = field(default_factory=list)
    speaking: list[Speaking] = field(default_factory=list)
    captions: list[Caption] = field(default_factory=list)
    chat: list[ChatMessage] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)

    def on_roster(self, roster: Roster) -> None:
        self.rosters.append(roster)

    def on_speaking(self, speaking: Speaking) -> None:
        self.speaking.append(speaking)

    def on_caption(self, caption: Caption) -> None:
        self.captions.append(caption)

    def on_chat(self, message: ChatMessage) -> None:
        self.chat.append(message)

    def on_alarm(self, text: str) -> None:
        self.alarms.append(text)


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def signals(notes: Notes) -> MeetSignals:
    found = MeetSignals(notes)
    people = [wire.user(BOT, "Bot", is_self=True), wire.user(ANN, "Ann Lee", host=True)]
    found.feed("data/collections", wire.collection(people))
    return found


@pytest.mark.parametrize("pack", ["zlib", "gzip", "bare", "plain"])
def test_a_collection_is_read_in_any_wrapping(pack: str) -> None:
    found = read_collection(wire.collection([wire.user(ANN, "Ann Lee")], pack=pack))
    assert [(u.device_id, u.name) for u in found.users] == [(ANN, "Ann Lee")]


def test_the_roster_knows_self_host_and_media_sources(signals: MeetSignals, notes: Notes) -> None:
    outputs = [wire.output(ANN, 1, "6666"), wire.output(ANN, 2, "stream-a", disabled=True)]
    signals.feed("data/collections", wire.collection(outputs=outputs))
    bot, ann = notes.rosters[-1].participants
    assert (bot.is_self, bot.is_host, ann.is_self, ann.is_host, ann.name) == (True, False, False, True, "Ann Lee")
    assert ann.sources == (
        SourceRef("audio", csrc=6666),
        SourceRef("video", stream_id="stream-a", muted=True),
    )


def test_a_screen_share_is_a_source_of_its_owner_and_no_person(signals: MeetSignals, notes: Notes) -> None:
    share = "spaces/x/devices/9"
    people = [wire.user(share, "Ann Lee (Presentation)", parent=ANN)]
    signals.feed("data/collections", wire.collection(people, [wire.output(share, 2, "screen-1")]))
    _, ann = notes.rosters[-1].participants
    assert ann.sources == (SourceRef("video", stream_id="screen-1", is_screen=True),)
    signals.feed("data/collections", wire.collection([wire.user(share, "", status=6)]))
    assert notes.rosters[-1].participants[1].sources == ()


def test_who_is_missing_from_the_servers_full_list_has_left(signals: MeetSignals, notes: Notes) -> None:
    signals.feed("data/collections", wire.collection([wire.user(BEN, "Ben")]))
    signals.feed(SNAPSHOT_URL, wire.snapshot([wire.user(BOT, "Bot", is_self=True), wire.user(BEN, "Benjamin")]))
    assert [p.name for p in notes.rosters[-1].participants] == ["Bot", "Benjamin"]


@pytest.mark.parametrize("status", [6, 7])
def test_who_is_reported_gone_has_left(signals: MeetSignals, notes: Notes, status: int) -> None:
    signals.feed("data/collections", wire.collection([wire.user(ANN, "Ann Lee", status=status)]))
    assert [p.name for p in notes.rosters[-1].participants] == ["Bot"]


def test_being_removed_is_seen_in_ones_own_status(signals: MeetSignals) -> None:
    signals.feed("data/collections", wire.collection([wire.user(BOT, "Bot", is_self=True, status=7)]))
    assert signals.roster.self_status == 7


def test_a_stream_that_moves_to_another_person_leaves_the_first(signals: MeetSignals, notes: Notes) -> None:
    signals.feed("data/collections", wire.collection([wire.user(BEN, "Ben")], [wire.output(ANN, 2, "pool-1")]))
    signals.feed("data/collections", wire.collection(outputs=[wire.output(BEN, 2, "pool-1")]))
    _, ann, ben = notes.rosters[-1].participants
    assert (ann.sources, ben.sources) == ((), (SourceRef("video", stream_id="pool-1"),))


def test_an_unchanged_roster_is_told_once(signals: MeetSignals, notes: Notes) -> None:
    signals.feed("data/collections", wire.collection([wire.user(ANN, "Ann Lee", host=True)]))
    assert len(notes.rosters) == 1


def test_chat_has_its_senders_name_and_comes_once(signals: MeetSignals, notes: Notes) -> None:
    for _ in range(2):
        chats = [wire.chat("m1", ANN, "hello"), wire.chat("m2", BOT, "hi")]
        signals.feed("data/collections", wire.collection(chats=chats))
    assert [(m.name, m.text, m.is_self) for m in notes.chat] == [("Ann Lee", "hello", False), ("Bot", "hi", True)]


def test_captions_keep_their_revisions_and_name_the_speaker(signals: MeetSignals, notes: Notes) -> None:
    for version, text, final in [(1, "Good", False), (2, "Good morning", False), (3, "Good morning.", True)]:
        signals.feed("data/captions", wire.caption(ANN, 5, version, text, final=final))
    assert {c.caption_id for c in notes.captions} == {f"{ANN}/5"}
    assert [(c.name, c.version, c.is_final, c.language) for c in notes.captions][-1] == ("Ann Lee", 3, True, "en-US")


def test_speaking_marks_are_told_at_changes_and_never_for_the_bot(signals: MeetSignals, notes: Notes) -> None:
    signals.feed("data/dcrpc", wire.message((1, 1)))
    for ann in (True, True, False):
        signals.feed("data/dcrpc", wire.speaking(**{"1": True, "2": ann}))
    assert [(s.participant_id, s.speaking) for s in notes.speaking] == [(ANN, True), (ANN, False)]


def test_five_messages_without_one_understood_raise_one_alarm(notes: Notes) -> None:
    signals = MeetSignals(notes)
    for index in range(8):
        signals.feed("data/collections", bytes([0xFF, index]) * 9)
        assert signals.roster_drifts is (index >= 4)
    assert len(notes.alarms) == 1
    assert notes.alarms[0].startswith("collections: 5 messages seen, none understood")


def test_a_few_odd_messages_among_good_ones_are_no_drift(signals: MeetSignals, notes: Notes) -> None:
    for _ in range(9):
        signals.feed("data/collections", b"\xff\xff\xff")
    assert not signals.roster_drifts
    assert notes.alarms == []


def test_a_channel_that_nobody_reads_is_ignored(notes: Notes) -> None:
    MeetSignals(notes).feed("data/media-director", b"\x00")
    assert notes == Notes()


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_raise_nothing_but_the_typed_error(data: bytes) -> None:
    for read in (read_collection, read_snapshot, read_captions, read_speaking):
        try:
            read(data)
        except WireError:
            continue


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_message_raises_nothing_but_the_typed_error(data: st.DataObject) -> None:
    good = data.draw(
        st.sampled_from(
            [
                wire.collection([wire.user(ANN, "Ann")], [wire.output(ANN, 1, "1")], [wire.chat("1", ANN, "x")], pack=p)
                for p in ("plain", "zlib", "gzip")
            ]
            + [wire.snapshot([wire.user(ANN, "Ann")]), wire.caption(ANN, 1, 1, "x"), wire.speaking(**{"2": True})]
        )
    )
    cut = data.draw(st.integers(0, len(good)))
    junk = data.draw(st.binary(max_size=8))
    notes = Notes()
    signals = MeetSignals(notes)
    for channel in ("data/collections", "data/captions", "data/dcrpc", SNAPSHOT_URL):
        signals.feed(channel, good[:cut] + junk)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.integers(1, 2000), st.one_of(st.integers(0, 2**64 - 1), st.binary(max_size=40))))
def test_a_message_read_back_has_the_fields_it_was_written_with(fields: dict[int, int | bytes]) -> None:
    parsed = Message.parse(wire.message(*fields.items()))
    for number, value in fields.items():
        assert (parsed.number(number) if isinstance(value, int) else parsed.raw(number)) == value
