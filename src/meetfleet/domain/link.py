"""The link: what a bot process and the control plane say to each other. Both sides read and write these types only.

A bot is told everything once, in a `BotSpec`; it reports numbered `LinkEvent`s (idempotent: the control plane keeps the
highest number per take) and long-polls numbered `Command`s.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self, cast

from meetfleet.domain.errors import InvalidRequest

HEARTBEAT_S = 3.0
LEASE_S = 15.0


class RecordingMode(StrEnum):
    """What the caller wants to have at the end."""

    AUDIO_ONLY = "audio_only"
    SPEAKER_VIEW = "speaker_view"
    GALLERY_VIEW = "gallery_view"

    @property
    def has_video(self) -> bool:
        return self is not RecordingMode.AUDIO_ONLY


@dataclass(frozen=True, slots=True)
class Timeouts:
    """When a bot gives up or leaves by itself, in seconds. Source: contract.md 2.1.

    Attributes:
        grace_s: No timeout fires within this span after recording starts.
        max_recording_s: Hard cap of one recording.
        join_s: From opening the page until the lobby or the call is seen.
    """

    waiting_room_s: float = 600
    no_one_joined_s: float = 600
    everyone_left_s: float = 60
    silence_s: float = 600
    grace_s: float = 0
    max_recording_s: float = 14_400
    join_s: float = 120


class CameraLoop(StrEnum):
    """How several pictures take turns in the bot's camera. Source: contract.md 2.1."""

    AUTO = "auto"
    BOT_STATUS = "bot_status"


@dataclass(frozen=True, slots=True)
class CameraSpec:
    """What the bot shows as its camera. It fetches the pictures over the link, by number from 1 on.

    Attributes:
        pictures: How many there are.
        each_s: How long each is shown before the next, in `auto`.
    """

    pictures: int
    loop: CameraLoop = CameraLoop.AUTO
    each_s: float = 30


class DrillTarget(StrEnum):
    """What breaks in a drill."""

    BROWSER = "browser"
    PROCESS = "process"


@dataclass(frozen=True, slots=True)
class Drill:
    """A crash on order, so that callers can see what one looks like. Only sandbox bots have drills.

    Attributes:
        after_s: Seconds of recording before it.
    """

    target: DrillTarget
    after_s: float


@dataclass(frozen=True, slots=True)
class BrowserSpec:
    """How this host starts Chromium for the bot.

    Attributes:
        extra_args: Further command-line switches (the lab's host resolver rules among them).
    """

    executable: str = "chromium"
    extra_args: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BotSpec:
    """Everything one bot process is told, handed over in a file that only its owner can read."""

    bot_id: str
    take: int
    token: str = field(repr=False)
    link_url: str
    work_dir: str
    meeting_url: str
    platform: str
    bot_name: str
    recording_mode: RecordingMode = RecordingMode.SPEAKER_VIEW
    entry_message: str | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)
    ignored_participant_names: tuple[str, ...] = ()
    browser: BrowserSpec = field(default_factory=BrowserSpec)
    camera: CameraSpec | None = None
    drill: Drill | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Raises InvalidRequest if a field is missing or of the wrong shape."""
        try:
            raw = cast(dict[str, Any], json.loads(text))
            raw["recording_mode"] = RecordingMode(raw["recording_mode"])
            raw["timeouts"] = Timeouts(**raw["timeouts"])
            browser = raw["browser"]
            raw["browser"] = BrowserSpec(browser["executable"], tuple(browser["extra_args"]))
            raw["ignored_participant_names"] = tuple(raw["ignored_participant_names"])
            if (camera := raw.get("camera")) is not None:
                raw["camera"] = CameraSpec(camera["pictures"], CameraLoop(camera["loop"]), camera["each_s"])
            if (drill := raw.get("drill")) is not None:
                raw["drill"] = Drill(DrillTarget(drill["target"]), drill["after_s"])
            return cls(**raw)
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidRequest(f"Unreadable bot spec: {error}") from error


class EventType(StrEnum):
    """What a bot reports."""

    HEARTBEAT = "heartbeat"
    STATE = "state"
    PARTICIPANTS = "participants"
    CHAT = "chat"
    SEGMENT = "segment"
    CAPTURE = "capture"
    SCREEN = "screen"
    COMMAND_DONE = "command_done"
    LOG = "log"


@dataclass(frozen=True, slots=True)
class LinkEvent:
    """One report of a bot.

    Attributes:
        n: 1, 2, 3 ... within the take, without holes.
        at_ns: Meeting clock.
        data: By type; the shapes stand in `EVENT_SHAPES`.
    """

    n: int
    at_ns: int
    type: EventType
    data: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        return {"n": self.n, "at_ns": self.at_ns, "type": self.type.value, "data": dict(self.data)}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """Raises InvalidRequest if the report does not have the documented shape."""
        try:
            event_type = EventType(raw["type"])
            data = raw["data"]
            missing = [k for k in EVENT_SHAPES[event_type] if k not in data]
            if missing:
                raise InvalidRequest(f"A {event_type} report lacks {', '.join(missing)}.")
            return cls(int(raw["n"]), int(raw["at_ns"]), event_type, data)
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidRequest(f"Unreadable report: {error!r}") from error


# Required keys by type; optional ones in the comment.
EVENT_SHAPES: dict[EventType, tuple[str, ...]] = {
    EventType.HEARTBEAT: ("cpu_s", "memory_bytes"),  # tracks, frames, dropped, rung
    EventType.STATE: ("state",),  # reason, detail, evidence{screen, text, url, last_signals[]}
    EventType.PARTICIPANTS: ("participants",),  # [{participant_id, name, is_self, present}]
    EventType.CHAT: ("message_id", "name", "text"),  # participant_id, is_self
    EventType.SEGMENT: ("name", "size_bytes", "sha256", "first_ns", "last_ns"),
    EventType.CAPTURE: ("medium", "rung"),  # why
    EventType.SCREEN: ("name",),  # evidence, url
    EventType.COMMAND_DONE: ("seq", "ok"),  # detail, code
    EventType.LOG: ("level", "text"),
}


class CommandType(StrEnum):
    """What the control plane asks of a live bot."""

    LEAVE = "leave"
    PAUSE = "pause"
    RESUME = "resume"
    CHAT = "chat"


@dataclass(frozen=True, slots=True)
class Command:
    """One order to a bot.

    Attributes:
        seq: Rises by one per bot; carried out once, in order, over takes and reconnects.
    """

    seq: int
    type: CommandType
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def to_dict(self) -> dict[str, Any]:
        return {"seq": self.seq, "type": self.type.value, "data": dict(self.data)}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        return cls(int(raw["seq"]), CommandType(raw["type"]), raw.get("data") or {})
