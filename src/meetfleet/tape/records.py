"""Everything on a tape besides media: who is there, who speaks, what was said, what the screen showed.

Each record is a frozen dataclass written as JSON on the topic named in `TOPICS`. Times of records are the MCAP
message's log time: nanoseconds on the meeting clock.
"""

import json
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, ClassVar, Self, cast

from meetfleet.domain.errors import TapeError


class Rung(StrEnum):
    """Which step of the capture ladder served a track. Best first."""

    ENCODED = "encoded"
    RAW = "raw"
    PAGE = "page"


class TrackKind(StrEnum):
    AUDIO = "audio"
    VIDEO = "video"


def _known(cls: Any, raw: dict[str, Any]) -> dict[str, Any]:
    """Keeps the keys that this version knows."""
    names = {f.name for f in fields(cls)}
    return {k: v for k, v in raw.items() if k in names}


class JsonRecord:
    """Base of every record that is written as JSON."""

    topic: ClassVar[str]

    def to_json(self) -> bytes:
        return json.dumps(asdict(cast(Any, self)), separators=(",", ":"), ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Reads one record; keys of later versions are ignored.

        Raises:
            TapeError: not a JSON object, or a required field is missing.
        """
        try:
            return cls(**_known(cls, json.loads(data)))
        except (ValueError, TypeError, AttributeError) as error:
            raise TapeError(f"Unreadable {cls.__name__} record: {error}") from error


@dataclass(frozen=True, slots=True)
class TrackInfo(JsonRecord):
    """A media track of this take, written before its first frame and again when its codec changes.

    Attributes:
        codec: `opus`, `vp8`, `vp9`, `h264`, `av1`, `pcm_s16le` (mono) or `jpeg`.
        clock_rate_hz: Ticks per second of `rtp_timestamp`.
        stream_id: Id of the page's MediaStream (msid), by which platforms name video sources.
        is_mix: The whole meeting's sound in one track (page rung): it names no speaker.
        is_screen: Known to be a screen share when the track opened.
    """

    topic: ClassVar[str] = "/track/{track_id}/info"
    track_id: int
    kind: str
    codec: str
    clock_rate_hz: int
    rung: str = Rung.ENCODED
    stream_id: str | None = None
    mid: str | None = None
    is_mix: bool = False
    is_screen: bool = False


@dataclass(frozen=True, slots=True)
class SourceRef:
    """A participant's media as the platform names it: by CSRC (audio pools), by MediaStream id, or by track id."""

    kind: str
    csrc: int | None = None
    stream_id: str | None = None
    track_id: int | None = None
    is_screen: bool = False
    muted: bool = False


@dataclass(frozen=True, slots=True)
class Participant:
    """One person (or the bot itself) in the meeting.

    Attributes:
        participant_id: The platform's own id, stable within the meeting.
        name: Display name; empty while unknown.
    """

    participant_id: str
    name: str
    is_self: bool = False
    is_host: bool = False
    avatar_url: str | None = None
    sources: tuple[SourceRef, ...] = ()


@dataclass(frozen=True, slots=True)
class Roster(JsonRecord):
    """Everybody in the meeting at this moment; a full picture, written at every change."""

    topic: ClassVar[str] = "/roster"
    participants: tuple[Participant, ...] = ()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        try:
            people = tuple(_participant(p) for p in json.loads(data)["participants"])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise TapeError(f"Unreadable Roster record: {error}") from error
        return cls(people)


def _participant(raw: dict[str, Any]) -> Participant:
    values: dict[str, Any] = _known(Participant, raw)
    values["sources"] = tuple(SourceRef(**_known(SourceRef, s)) for s in raw.get("sources", ()))
    return Participant(**values)


class Evidence(StrEnum):
    """What a claim about a speaker rests on, strongest first."""

    TRACK = "track"
    CSRC = "csrc"
    SIGNAL = "signal"
    CAPTION = "caption"
    DOM = "dom"


@dataclass(frozen=True, slots=True)
class Speaking(JsonRecord):
    """The platform says that somebody starts or stops to speak (data channel or page mark, not our own level meter)."""

    topic: ClassVar[str] = "/speaking"
    participant_id: str
    speaking: bool
    evidence: str = Evidence.SIGNAL


@dataclass(frozen=True, slots=True)
class Caption(JsonRecord):
    """One revision of one caption line; the highest version of a caption_id is its text."""

    topic: ClassVar[str] = "/captions"
    caption_id: str
    participant_id: str | None
    name: str
    text: str
    version: int = 0
    is_final: bool = False
    language: str | None = None


@dataclass(frozen=True, slots=True)
class ChatMessage(JsonRecord):
    """One chat message."""

    topic: ClassVar[str] = "/chat"
    message_id: str
    participant_id: str | None
    name: str
    text: str
    is_self: bool = False


@dataclass(frozen=True, slots=True)
class ScreenSeen(JsonRecord):
    """The page shows another screen of the platform (lobby, call, denied, ...), as `screens.toml` names it."""

    topic: ClassVar[str] = "/screen"
    name: str
    evidence: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Screenshot:
    """A PNG of the page; the message body is the image itself."""

    topic: ClassVar[str] = "/screenshot"
    png: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class StateSeen(JsonRecord):
    """The bot's own state, with the end reason on the last one."""

    topic: ClassVar[str] = "/state"
    state: str
    reason: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CommandSeen(JsonRecord):
    """A command that the control plane sent and the bot carried out (leave, pause, resume, chat)."""

    topic: ClassVar[str] = "/command"
    sequence: int
    command: str
    ok: bool = True
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CaptureSpan(JsonRecord):
    """From this moment this rung serves this medium."""

    topic: ClassVar[str] = "/capture"
    medium: str
    rung: str
    why: str = ""


JSON_RECORDS: dict[str, type[JsonRecord]] = {
    "/roster": Roster,
    "/speaking": Speaking,
    "/captions": Caption,
    "/chat": ChatMessage,
    "/screen": ScreenSeen,
    "/state": StateSeen,
    "/command": CommandSeen,
    "/capture": CaptureSpan,
}
