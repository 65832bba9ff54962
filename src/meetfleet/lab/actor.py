"""A scripted person in a running room: identity, and what is switched on at the moment."""

from dataclasses import dataclass, field

from meetfleet.lab.media.studio import VideoOrder
from meetfleet.lab.script import Person
from meetfleet.lab.timeline import Voice


@dataclass(slots=True)
class Presence:
    """Ticks of a switch: [(tick, on)], oldest first. What it was before the first entry is off."""

    changes: list[tuple[int, bool]] = field(default_factory=list[tuple[int, bool]])

    def set(self, tick: int, on: bool) -> bool:
        """Notes a change; False if it was no change."""
        if self.now == on:
            return False
        self.changes.append((tick, on))
        return True

    @property
    def now(self) -> bool:
        return bool(self.changes) and self.changes[-1][1]

    def spans(self, until_tick: int) -> list[tuple[int, int]]:
        """(first tick, one past the last tick) of every time it was on."""
        spans: list[tuple[int, int]] = []
        start: int | None = None
        for tick, on in self.changes:
            if on and start is None:
                start = tick
            elif not on and start is not None:
                spans.append((start, tick))
                start = None
        if start is not None:
            spans.append((start, max(start, until_tick)))
        return spans


@dataclass(slots=True)
class Actor:
    """One person. Device id, CSRC and stream ids are what the platform calls the person by.

    Attributes:
        number: 1 for the first person of the script; drawn into the picture.
        small: Whether the server forwards the low layer now.
    """

    number: int
    person: Person
    name: str
    device_id: str
    csrc: int
    video_stream_id: str
    camera: VideoOrder
    small_camera: VideoOrder
    voice: Voice
    present: Presence = field(default_factory=Presence)
    unmuted: Presence = field(default_factory=Presence)
    camera_on: Presence = field(default_factory=Presence)
    small: bool = False
    speaks: bool = False
    last_voice_tick: int = -1000


@dataclass(slots=True)
class Sharing:
    """A screen share that is on, or was."""

    actor: Actor
    device_id: str
    video_stream_id: str
    order: VideoOrder
    start_tick: int
    end_tick: int | None = None
