"""Segments: how a piece of tape is named, what its metadata says, and what is told about it once it is sealed."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from meetfleet.domain.errors import TapeError

TAPE_VERSION = "1"
METADATA_NAME = "meetfleet"
GAP_NAME = "meetfleet.gap"
OPEN_SUFFIX = ".open"
_NAME = re.compile(r"^t(\d{2,})-(\d{6,})\.mcap(\.open)?$")


@dataclass(frozen=True, slots=True)
class TapeMeta:
    """What every segment says about itself.

    Attributes:
        take: 1 for the bot's first stay in the meeting, one more after each rejoin.
        started_ns: When this take began, nanoseconds on the meeting clock.
    """

    bot_id: str
    take: int
    platform: str
    started_ns: int
    version: str = TAPE_VERSION

    def to_map(self, segment: int) -> dict[str, str]:
        return {
            "version": self.version,
            "bot_id": self.bot_id,
            "take": str(self.take),
            "segment": str(segment),
            "platform": self.platform,
            "started_ns": str(self.started_ns),
        }

    @classmethod
    def from_map(cls, values: dict[str, str]) -> Self:
        """Reads the metadata record of a segment.

        Raises:
            TapeError: a key is missing or no number where one belongs.
        """
        try:
            return cls(
                bot_id=values["bot_id"],
                take=int(values["take"]),
                platform=values["platform"],
                started_ns=int(values["started_ns"]),
                version=values["version"],
            )
        except (KeyError, ValueError) as error:
            raise TapeError(f"Unreadable segment metadata: {error}") from error


@dataclass(frozen=True, slots=True, order=True)
class SegmentName:
    """Take and number of a segment; sorts in the order of the tape.

    Attributes:
        is_open: Still being written, or left behind by a bot that was killed.
    """

    take: int
    number: int
    is_open: bool = False

    def __str__(self) -> str:
        return f"t{self.take:02d}-{self.number:06d}.mcap{OPEN_SUFFIX if self.is_open else ''}"

    @property
    def sealed(self) -> "SegmentName":
        return SegmentName(self.take, self.number)

    @classmethod
    def parse(cls, file_name: str) -> "SegmentName | None":
        """Returns None for a file that is no segment."""
        match = _NAME.match(file_name)
        return cls(int(match[1]), int(match[2]), match[3] is not None) if match else None


@dataclass(frozen=True, slots=True)
class SealedSegment:
    """A finished segment on disk, ready to be shipped; never written again.

    Attributes:
        first_ns: Earliest message, nanoseconds on the meeting clock.
        last_ns: Latest message.
    """

    path: Path
    name: str
    size_bytes: int
    sha256: str
    first_ns: int
    last_ns: int
