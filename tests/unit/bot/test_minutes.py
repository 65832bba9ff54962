"""What of a meeting reaches tape and link, and what does not while the recording is paused."""

from pathlib import Path
from typing import Any

import pytest

from meetfleet.bot import minutes as minutes_module
from meetfleet.bot.attendance import attendance
from meetfleet.bot.gated_tape import GatedTape
from meetfleet.bot.minutes import Minutes
from meetfleet.bot.observations import Attendance
from meetfleet.domain.errors import TapeError
from meetfleet.domain.link import EventType
from meetfleet.tape.records import (
    Caption,
    CaptureSpan,
    ChatMessage,
    Participant,
    Roster,
    ScreenSeen,
    StateSeen,
    TrackInfo,
)
from meetfleet.tape.segment import TapeMeta
from meetfleet.tape.tape import Tape
from meetfleet.tape.writer import TapeWriter
from meetfleet.testing.tapes import HandClock, audio_frame

ANN, BEN = Participant("2", "Ann"), Participant("3", "Ben")
BOT = Participant("1", "Bot", is_self=True)


class Desk:
    """A tape on disk and a sink that writes to it."""

    def __init__(self, folder: Path) -> None:
        self.clock = HandClock()
        self.folder = folder
        self.disk: list[bool] = []
        self.told: list[tuple[EventType, dict[str, Any]]] = []
        self.present: list[Attendance] = []
        self.paused = False
        writer = TapeWriter(folder, TapeMeta("b", 1, "google_meet", self.clock.now_ns()), self.clock)
        self.tape = GatedTape(writer, self.disk.append)
        self.minutes = Minutes(
            self.tape,
            lambda kind, data: self.told.append((kind, data)),
            "Bot",
            ("Notetaker  Pro",),
            self.present.append,
            lambda: self.paused,
        )

    def pause(self) -> None:
        self.paused = True
        self.tape.pause()

    def resume(self) -> None:
        self.paused = False
        self.tape.resume()

    def read(self) -> list[str]:
        self.tape.close()
        seen = []
        for message in Tape.open(self.folder).messages():
            record = getattr(message, "record", None)
            seen.append(type(record).__name__ if record is not None else "frames")
        return seen


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_neither_the_bot_nor_ignored_names_count_as_company() -> None:
    roster = Roster((BOT, ANN, Participant("4", "notetaker pro")))
    assert attendance(roster, ("Notetaker  Pro",)) == Attendance(1, 1)


def test_the_link_is_told_who_came_and_who_left_once(desk: Desk) -> None:
    for roster in (Roster((BOT, ANN)), Roster((BOT, ANN)), Roster((BOT, BEN))):
        desk.minutes.on_roster(roster)
    reports = [data["participants"] for kind, data in desk.told if kind is EventType.PARTICIPANTS]
    assert len(reports) == 2
    assert [(p["name"], p["present"]) for p in reports[1]] == [("Bot", True), ("Ann", False), ("Ben", True)]
    assert desk.present[-1] == Attendance(1, 0)


def test_while_paused_nothing_of_the_meeting_is_taped_but_states_are(desk: Desk) -> None:
    desk.pause()
    desk.tape.note(StateSeen("paused"))
    desk.minutes.on_caption(Caption("1", "2", "Ann", "secret"))
    desk.minutes.on_chat(ChatMessage("1", "2", "Ann", "secret"))
    desk.tape.append(ScreenSeen("call"))
    desk.tape.screenshot(b"png")
    desk.tape.frames(0, [audio_frame(0)])
    assert desk.read() == ["StateSeen"]
    assert [kind for kind, _ in desk.told] == []


def test_what_a_reader_needs_after_a_pause_is_written_then_in_its_latest_form(desk: Desk) -> None:
    desk.pause()
    desk.tape.append(TrackInfo(0, "audio", "opus", 48000))
    desk.minutes.on_roster(Roster((BOT,)))
    desk.minutes.on_roster(Roster((BOT, ANN)))
    desk.tape.append(CaptureSpan("audio", "raw"))
    desk.resume()
    desk.tape.frames(0, [audio_frame(0)])
    assert sorted(desk.read()) == ["CaptureSpan", "Roster", "TrackInfo", "frames"]


def test_a_sent_message_is_written_down_by_the_platforms_echo(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minutes_module, "ECHO_S", -1)
    desk.minutes.sent("hello all")
    desk.minutes.on_chat(ChatMessage("m1", "1", "Bot", "hello all", is_self=True))
    desk.minutes.tick()
    assert [data["message_id"] for kind, data in desk.told if kind is EventType.CHAT] == ["m1"]


def test_a_sent_message_without_an_echo_is_written_down_by_the_bot(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minutes_module, "ECHO_S", -1)
    desk.minutes.sent("hello all")
    desk.minutes.tick()
    desk.minutes.tick()
    chats = [data for kind, data in desk.told if kind is EventType.CHAT]
    assert [(c["text"], c["is_self"], c["name"]) for c in chats] == [("hello all", True, "Bot")]


def test_a_full_disk_is_told_when_it_comes_and_when_it_goes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: TapeWriter) -> None:
        raise TapeError("No space left on device", code="disk_full")

    with monkeypatch.context() as patch:
        patch.setattr(TapeWriter, "tick", full)
        desk.tape.tick()
        desk.tape.tick()
    desk.tape.tick()
    assert desk.disk == [True, False]
    assert desk.tape.last_error == "No space left on device"
