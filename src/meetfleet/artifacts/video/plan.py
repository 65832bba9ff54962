"""What a video is made of: everything known about the meeting that decides which picture shows when.

A plan holds no media. It is computed from the tape's records and from the times of its frames; scenes follow from it
and from a layout, and only then is anything decoded.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from meetfleet.artifacts.video.director import Shot
from meetfleet.artifacts.video.spans import Span


class Layout(StrEnum):
    """How people are arranged in the picture."""

    SPEAKER_VIEW = "speaker_view"
    GALLERY_VIEW = "gallery_view"


class TrackKey(NamedTuple):
    """A track of the tape: track ids count from zero in every take."""

    take: int
    track_id: int


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the meeting, never the bot itself.

    Attributes:
        name: Display name; empty while unknown.
        present: When they were in the meeting, sorted and separate.
    """

    participant_id: str
    name: str
    present: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Camera:
    """A track shows somebody's camera.

    Attributes:
        live: When it has a picture to show: it belongs to them, is not switched off and is not stuck.
    """

    participant_id: str
    track: TrackKey
    live: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """A track shows what somebody shares: their screen, a window, slides."""

    participant_id: str
    track: TrackKey
    live: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class VideoPlan:
    """One recording.

    Attributes:
        recorded: What the video holds, sorted and separate; its first moment is time zero and pauses lie between.
        people: In the order in which they came.
        pages: Tracks that show the whole meeting page (the last rung of the capture ladder), with when they do.
        shots: Who has the floor.
    """

    recorded: tuple[Span, ...]
    people: tuple[Person, ...] = ()
    cameras: tuple[Camera, ...] = ()
    shares: tuple[Share, ...] = ()
    pages: tuple[tuple[TrackKey, tuple[Span, ...]], ...] = ()
    shots: tuple[Shot, ...] = ()
