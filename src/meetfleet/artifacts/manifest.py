"""What a build made of a tape: files, people, capture, gaps. Written last, so its presence means that all is there."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self

from meetfleet.domain.errors import TapeError

MANIFEST_NAME = "manifest.json"
MANIFEST_VERSION = 1
CONTENT_TYPES = {
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".jsonl": "application/jsonl",
    ".json": "application/json",
    ".vtt": "text/vtt",
    ".png": "image/png",
    ".mp4": "video/mp4",
}


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file.

    Attributes:
        name: Relative to the manifest, with forward slashes.
        kind: `audio`, `speaker_audio`, `diarization`, `speakers`, `chat_messages`, `captions`, `participants`,
            `timeline`, `screenshot`, `video`.
        duration_s: Of media; None for text and pictures.
        at_s: Moment of a screenshot from the recording's start; negative before it.
        speaker: Name of whom a speaker's audio holds; None if unknown.
    """

    name: str
    kind: str
    content_type: str
    size_bytes: int
    sha256: str
    duration_s: float | None = None
    at_s: float | None = None
    speaker: str | None = None
    user_id: int | None = None


@dataclass(frozen=True, slots=True)
class ParticipantEntry:
    """One person. Moments are UTC, ISO 8601."""

    user_id: int
    name: str
    participant_ids: list[str]
    is_host: bool
    first_seen_at: str
    last_seen_at: str
    speaking_s: float


@dataclass(frozen=True, slots=True)
class CaptureEntry:
    """A rung of the capture ladder served a medium, seconds from the recording's start on the meeting clock."""

    take: int
    medium: str
    rung: str
    start_s: float
    end_s: float
    why: str = ""


@dataclass(frozen=True, slots=True)
class GapEntry:
    """A span that is missing from the recording, seconds from its start on the meeting clock.

    Attributes:
        reason: `new_take`, `missing_segment`, `damaged`, `disk_full` or `paused`.
    """

    reason: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Quality:
    """What was wrong with the tape, counted; all zero for a good one."""

    lost_audio_s: float = 0.0
    late_packets: int = 0
    duplicate_packets: int = 0
    broken_packets: int = 0
    damage: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything about one build.

    Attributes:
        started_at: Moment of zero in every file, UTC; None if nothing was recorded.
        duration_s: Length of the recording, pauses cut out.
    """

    bot_id: str
    platform: str
    bot_name: str
    tape_version: str
    takes: int
    segments: int
    started_at: str | None
    duration_s: float
    files: list[FileEntry] = field(default_factory=list[FileEntry])
    participants: list[ParticipantEntry] = field(default_factory=list[ParticipantEntry])
    capture: list[CaptureEntry] = field(default_factory=list[CaptureEntry])
    gaps: list[GapEntry] = field(default_factory=list[GapEntry])
    quality: Quality = field(default_factory=Quality)
    version: int = MANIFEST_VERSION

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Reads a manifest; keys of later versions are ignored.

        Raises:
            TapeError: code `bad_manifest`.
        """
        try:
            raw = json.loads(text)
            values = _known(cls, raw)
            for key, entry in _LISTS.items():
                values[key] = [entry(**_known(entry, row)) for row in raw.get(key, [])]
            values["quality"] = Quality(**_known(Quality, raw.get("quality", {})))
            return cls(**values)
        except (ValueError, TypeError, AttributeError) as error:
            raise TapeError(f"Unreadable manifest: {error}", code="bad_manifest") from error

    def file(self, name: str) -> FileEntry | None:
        return next((entry for entry in self.files if entry.name == name), None)

    def with_file(self, entry: FileEntry) -> "Manifest":
        """A copy with one file more, or in place of the one of that name."""
        return replace(self, files=[f for f in self.files if f.name != entry.name] + [entry])


_LISTS: dict[str, type[Any]] = {
    "files": FileEntry,
    "participants": ParticipantEntry,
    "capture": CaptureEntry,
    "gaps": GapEntry,
}


def describe_file(directory: Path, name: str, kind: str, **more: Any) -> FileEntry:
    """Measures a finished file.

    Args:
        more: Further fields of FileEntry.
    """
    path = directory / name
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    content_type = CONTENT_TYPES.get(path.suffix, "application/octet-stream")
    return FileEntry(name, kind, content_type, path.stat().st_size, digest, **more)


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Writes `manifest.json` so that it is there whole or not at all."""
    write_whole(directory / MANIFEST_NAME, manifest.to_json().encode())


def read_manifest(directory: Path) -> Manifest:
    """Reads `manifest.json` of a directory.

    Raises:
        TapeError: code `bad_manifest`: there is none, or it is unreadable.
    """
    try:
        return Manifest.from_json((directory / MANIFEST_NAME).read_bytes())
    except OSError as error:
        raise TapeError(f"There is no manifest in {directory}.", code="bad_manifest") from error


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file under another name, makes it durable, and renames it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)


def _known(cls: type[Any], raw: dict[str, Any]) -> dict[str, Any]:
    names = {f.name for f in fields(cls)}
    return {key: value for key, value in raw.items() if key in names}
