"""The room script: who is in the call, what happens in it, and how the page behaves. Times are seconds of room time.

RoomScript
├── people        Person: voice, camera, microphone, coming and going, own lines
├── conversation  Line after Line
├── shares, chat  who shows a screen, who writes what
├── host          admits, denies, removes, ends
├── network       loss, drops
├── media         codec, loop length of the pictures
└── page          what the replica shows: screens, texts, audio path
"""

from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError

from meetfleet.domain.errors import InvalidRequest

_STRICT = ConfigDict(extra="forbid")


class AudioPath(StrEnum):
    """How sound reaches the loudspeaker on the page.

    NATIVE: three `<audio>` elements on live receivers; the loudest speakers rotate over them.
    NETEQ: the page pulls encoded frames from the receivers and plays them from a worklet; receivers stay silent.
    E2EE: payloads are scrambled on the wire; the page descrambles them in a transform of its own.
    WORKLET: no audio receivers at all; packets arrive on a data channel and are played from a worklet.
    """

    NATIVE = "native"
    NETEQ = "neteq"
    E2EE = "e2ee"
    WORKLET = "worklet"


class CaptionPath(StrEnum):
    """Where captions go once the page turned them on: `channel` is data channel and page, `dom` the page alone."""

    CHANNEL = "channel"
    DOM = "dom"
    OFF = "off"


class Start(StrEnum):
    """When room time begins: with the first bot's media connection, or when the room is opened."""

    FIRST_BOT = "first_bot"
    OPEN = "open"


class Lobby(StrEnum):
    CLASSIC = "classic"
    HOST_MANAGED = "host_managed"
    HOST_ABSENT = "host_absent"
    NONE = "none"


class VideoCodec(StrEnum):
    VP8 = "vp8"
    H264 = "h264"


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` until before `end`; no end means for good."""

    __pydantic_config__ = _STRICT

    start: float
    end: float | None = None

    def holds(self, at_s: float) -> bool:
        return self.start <= at_s and (self.end is None or at_s < self.end)


@dataclass(frozen=True, slots=True)
class Line:
    """Something said.

    Attributes:
        who: Name of a person; may be left out in a person's own lines.
        at: When it starts; None: when the line before it has ended and `pause` has passed.
        pause: Seconds of quiet before it (only without `at`); negative lets it overlap.
    """

    __pydantic_config__ = _STRICT

    text: str
    who: str = ""
    at: float | None = None
    pause: float = 0.35


@dataclass(frozen=True, slots=True)
class Rename:
    __pydantic_config__ = _STRICT

    at: float
    name: str


@dataclass(frozen=True, slots=True)
class Person:
    """A scripted participant.

    Attributes:
        voice: A flite voice (`flite -lv`); None picks one that differs from the others'.
        pitch_hz: Mean pitch; None is the voice's own.
        speed: 1 is normal, 1.2 a fifth faster.
        camera: Whether there is a camera at all.
        camera_off: When it is switched off.
        low_layer: When the server forwards the small picture (320x180) instead of the large one.
        muted: When the microphone is off: nothing is sent, not even silence.
    """

    __pydantic_config__ = _STRICT

    name: str
    voice: str | None = None
    pitch_hz: float | None = None
    speed: float = 1.0
    host: bool = False
    joins_at: float = 0.0
    leaves_at: float | None = None
    camera: bool = True
    camera_off: tuple[Span, ...] = ()
    low_layer: tuple[Span, ...] = ()
    muted: tuple[Span, ...] = ()
    renames: tuple[Rename, ...] = ()
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Share:
    """A screen share: slides that change every few seconds."""

    __pydantic_config__ = _STRICT

    who: str
    start: float
    end: float | None = None
    slides: tuple[str, ...] = ("Roadmap", "Numbers", "Questions")


@dataclass(frozen=True, slots=True)
class ChatLine:
    __pydantic_config__ = _STRICT

    at: float
    who: str
    text: str


@dataclass(frozen=True, slots=True)
class Host:
    """What the host does with each bot. The first of `denies`, `no_answer`, `admits` counts after asking to join.

    Attributes:
        admits_after_s: Seconds after asking; None: never.
        denies_after_s: Seconds after asking.
        no_answer_after_s: Seconds after asking until the page gives up.
        removes_after_s: Seconds after admission.
        ends_after_s: Seconds after admission until the host ends the call for everyone.
        closes_after_s: Seconds after admission until the page says that the call ended.
    """

    __pydantic_config__ = _STRICT

    admits_after_s: float | None = 1.0
    denies_after_s: float | None = None
    no_answer_after_s: float | None = None
    removes_after_s: float | None = None
    ends_after_s: float | None = None
    closes_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Network:
    """What happens between server and bot.

    Attributes:
        loss_percent: Share of media packets that never leave; NACKs are answered.
        drops: When nothing at all gets through.
    """

    __pydantic_config__ = _STRICT

    loss_percent: float = 0.0
    drops: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Media:
    """How media is made and sent.

    Attributes:
        video_loop_s: Length of a camera's picture loop, a multiple of 2.
        silence_packets: Whether an unmuted microphone sends one packet per 400 ms in silence, as DTX does; else none.
        audio_streams: Size of the rotating pool.
        cameras: Whether anybody has one.
        true_levels: Packets claim the level that they hold; else all claim to be loud, which tells a bot nothing.
    """

    __pydantic_config__ = _STRICT

    codec: VideoCodec = VideoCodec.VP8
    video_loop_s: int = 30
    silence_packets: bool = True
    audio_streams: int = 3
    cameras: bool = True
    true_levels: bool = True


@dataclass(frozen=True, slots=True)
class Page:
    """What the Google Meet replica shows. docs/lab.md lists the values; `scenarios.py` names the useful mixtures.

    Attributes:
        load: `ok`, or the page shown instead of the green room.
        load_ok_after: Number of loads of the page that `load` applies to; 0: all.
        after_ask: `ok`, or `blocked`: the page that follows the join request.
        join_button: Text of the join button; asking with a text that starts with "Ask" leads to the lobby.
        name_input: `ready`, `late` (after `name_input_delay_s`, replaced once), or `none` (signed in).
        dialogs: Shown over the green room: `device_prompt`, `promo`, `toast`.
        call_dialogs: Shown in the call: `recording_consent`, `gemini_pill`, `alert_toast`, `toast`, `others_may_see`.
        people_ui: `classic`, or `badge` (no People button, a count badge instead).
        collections: `ok`, or `malformed` (random bytes, so that the roster is in the page only).
        late_audio_s: Seconds after joining until the audio streams are added.
    """

    __pydantic_config__ = _STRICT

    language: str = "en"
    load: str = "ok"
    load_ok_after: int = 0
    after_ask: str = "ok"
    join_button: str = "Ask to join"
    decoys: bool = False
    name_input: str = "ready"
    name_input_delay_s: float = 0.0
    dialogs: tuple[str, ...] = ()
    call_dialogs: tuple[str, ...] = ()
    captcha: str = "invisible"
    lobby: Lobby = Lobby.CLASSIC
    apostrophe: str = "’"
    denied_text: str = "Someone in the call denied your request to join"
    audio: AudioPath = AudioPath.NATIVE
    captions: CaptionPath = CaptionPath.CHANNEL
    collections: str = "ok"
    late_audio_s: float = 0.0
    toolbar_hides: bool = True
    unread_chat: bool = False
    people_ui: str = "classic"
    layout_menu: str = "Change layout"
    chat: bool = True
    leave_confirm: bool = False
    freeze_after_s: float | None = None
    freeze_for_s: float = 25.0


@dataclass(frozen=True, slots=True)
class RoomScript:
    """All there is to know about a room before it opens.

    Attributes:
        code: Meeting code `abc-defg-hij`; None makes one up.
        duration_s: How long people talk; None: until the last line has been said.
        loop: Say the lines again and again until `duration_s` (an hour if None).
        scenario: Name of a mixture of `scenarios.py`, laid over the rest.
        sent_log: Keep a record of every media frame sent.
    """

    __pydantic_config__ = _STRICT

    name: str = "room"
    code: str | None = None
    people: tuple[Person, ...] = ()
    conversation: tuple[Line, ...] = ()
    shares: tuple[Share, ...] = ()
    chat: tuple[ChatLine, ...] = ()
    host: Host = field(default_factory=Host)
    network: Network = field(default_factory=Network)
    media: Media = field(default_factory=Media)
    page: Page = field(default_factory=Page)
    start: Start = Start.FIRST_BOT
    duration_s: float | None = None
    loop: bool = False
    scenario: str | None = None
    sent_log: bool = True

    def __post_init__(self) -> None:
        names = [person.name for person in self.people]
        if len(set(names)) != len(names):
            raise ValueError("two people have the same name")
        spoken = [line.who for line in self.conversation]
        for who in (*spoken, *(s.who for s in self.shares), *(c.who for c in self.chat)):
            if who not in names:
                raise ValueError(f"'{who}' is not among the people")

    def person(self, name: str) -> Person:
        return next(person for person in self.people if person.name == name)

    def with_page(self, **changes: Any) -> "RoomScript":
        """The same room with another page; values may be given as a YAML file would."""
        return replace(self, page=_PAGE.validate_python({**asdict(self.page), **changes}))


_ADAPTER = TypeAdapter(RoomScript)
_PAGE = TypeAdapter(Page)


def script_from(source: "RoomScript | dict[str, Any] | str | Path") -> RoomScript:
    """Takes a script as it is, or reads it from a mapping or from a YAML file.

    Raises:
        InvalidRequest: code `invalid_script`; the message names every field that is wrong.
    """
    if isinstance(source, RoomScript):
        return source
    data = _yaml(Path(source)) if isinstance(source, str | Path) else source
    try:
        return _ADAPTER.validate_python(data)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise InvalidRequest(f"The room script is wrong. {faults}", code="invalid_script") from error


def script_as_dict(script: RoomScript) -> dict[str, Any]:
    """The JSON form, which `script_from` reads back."""
    return _ADAPTER.dump_python(script, mode="json")


def _yaml(path: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise InvalidRequest(f"{path} cannot be read: {error}", code="invalid_script") from error
    if not isinstance(data, dict):
        raise InvalidRequest(f"{path} holds no room script.", code="invalid_script")
    return data  # pyright: ignore[reportUnknownVariableType]
