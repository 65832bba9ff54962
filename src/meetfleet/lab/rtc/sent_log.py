"""The record of what was sent to a bot, frame by frame, so that a test can prove what the bot received."""

from dataclasses import dataclass
from typing import Any, NamedTuple


class SentMedia(NamedTuple):
    """One frame that went out whole (single packets of it may have been lost on purpose).

    Attributes:
        stream_id: The m-line: `audio-0` .., or the video stream id of the roster.
        source: Device id of whose media it is.
        frame: Number of the picture in its loop, or of the packet in its line; -1 for silence.
        sha1: Of the payload as the wire carried it: what an encoded transform sees.
        at_ns: Meeting time at which it was sent.
    """

    stream_id: str
    mid: str
    kind: str
    source: str
    ssrc: int
    rtp_timestamp: int
    csrc: int | None
    level: int | None
    frame: int
    size_bytes: int
    sha1: str
    at_ns: int


@dataclass(slots=True)
class SentLog:
    """Kept in memory, about 150 bytes a frame; switched off for long runs."""

    enabled: bool
    media: list[SentMedia]

    def add(self, entry: SentMedia) -> None:
        if self.enabled:
            self.media.append(entry)

    def as_dicts(self) -> list[dict[str, Any]]:
        return [entry._asdict() for entry in self.media]
