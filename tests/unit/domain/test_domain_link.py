"""The link's types survive the wire, and what does not fit is refused."""

import pytest

from meetfleet.domain.errors import InvalidRequest
from meetfleet.domain.link import (
    BotSpec,
    BrowserSpec,
    CameraLoop,
    CameraSpec,
    Command,
    CommandType,
    EventType,
    LinkEvent,
    RecordingMode,
    Timeouts,
)

SPEC = BotSpec(
    bot_id="b",
    take=2,
    token="secret-token",
    link_url="http://127.0.0.1:1/link/v1",
    work_dir="/tmp/b",
    meeting_url="https://meet.google.com/abc-defg-hij",
    platform="google_meet",
    bot_name="Notetaker",
    recording_mode=RecordingMode.AUDIO_ONLY,
    timeouts=Timeouts(waiting_room_s=5),
    ignored_participant_names=("Other bot",),
    browser=BrowserSpec("/usr/bin/chromium", ("--x", "--y")),
    camera=CameraSpec(3, CameraLoop.BOT_STATUS, each_s=12.5),
)


def test_a_spec_is_the_same_after_the_wire() -> None:
    assert BotSpec.from_json(SPEC.to_json()) == SPEC


def test_a_spec_does_not_show_its_token() -> None:
    assert "secret-token" not in repr(SPEC)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"bot_id": "b"}', SPEC.to_json().replace("audio_only", "holographic")]
)
def test_a_broken_spec_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        BotSpec.from_json(text)


def test_events_and_commands_are_the_same_after_the_wire() -> None:
    event = LinkEvent(3, 42, EventType.STATE, {"state": "recording"})
    command = Command(7, CommandType.CHAT, {"text": "hello"})
    assert LinkEvent.from_dict(event.to_dict()) == event
    assert Command.from_dict(command.to_dict()) == command


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"n": 1, "at_ns": 1, "type": "gossip", "data": {}},
        {"n": 1, "at_ns": 1, "type": "state", "data": {}},
        {"n": "one", "at_ns": 1, "type": "log", "data": {"level": "info", "text": ""}},
        {"n": 1, "at_ns": 1, "type": "state", "data": None},
    ],
)
def test_a_report_without_its_documented_shape_is_refused(raw: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest):
        LinkEvent.from_dict(raw)
