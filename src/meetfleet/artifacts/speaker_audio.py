"""One Ogg/Opus file for each person, from the files that each source kept."""

import heapq
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from meetfleet.artifacts import opus
from meetfleet.artifacts.audio_source import AudioSource
from meetfleet.artifacts.ogg import OggOpusWriter, read_packets, retag
from meetfleet.artifacts.roster_book import Person

Range = tuple[int, int]
"""Samples of the recording, from and to."""


@dataclass(slots=True)
class Voice:
    """What goes into one file.

    Attributes:
        person: None for a voice nobody could name.
        parts: Each source with the ranges that belong to this voice; None for all of it.
    """

    person: Person | None
    parts: list[tuple[AudioSource, list[Range] | None]] = field(
        default_factory=list[tuple[AudioSource, "list[Range] | None"]]
    )


def write_voice(directory: Path, name: str, voice: Voice, total_samples: int, title: str) -> bool:
    """Makes one file; says whether there was anything to put into it.

    A source that belongs to one person alone is only renamed: its file is complete already.


    Args:
        name: File name relative to `directory`.
    """
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    tags = {"TITLE": title}
    if voice.person is not None:
        tags |= {"ARTIST": voice.person.name, "PARTICIPANT_ID": voice.person.participant_ids[0]}
        tags["USER_ID"] = str(voice.person.user_id)
    source, ranges = voice.parts[0]
    if len(voice.parts) == 1 and ranges is None:
        source.path.rename(path)
        retag(path, source.serial, tags)
        return True
    packets = heapq.merge(*(_packets(s.path, r) for s, r in voice.parts), key=lambda packet: packet[0])
    writer: OggOpusWriter | None = None
    for position, samples, payload in packets:
        if writer is None:
            writer = OggOpusWriter(path, channels=opus.channel_count(payload), serial=source.serial)
        writer.add(position, samples, payload)
    if writer is not None:
        writer.close(total_samples, tags)
    return writer is not None


def file_name(voice: Voice, unknown_number: int) -> str:
    """`audio/<user id>-<name>.ogg`, or `audio/unknown-<n>.ogg`."""
    if voice.person is None:
        return f"audio/unknown-{unknown_number}.ogg"
    return f"audio/{voice.person.user_id}-{slug(voice.person.name)}.ogg"


def slug(name: str) -> str:
    """A name as a file name: ASCII letters and digits, at most 40 characters."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "speaker"


def _packets(path: Path, ranges: list[Range] | None) -> Iterator[tuple[int, int, bytes]]:
    if ranges is None:
        yield from read_packets(path)
        return
    remaining = sorted(ranges)
    for packet in read_packets(path):
        while remaining and remaining[0][1] <= packet[0]:
            remaining.pop(0)
        if not remaining:
            return
        if packet[0] >= remaining[0][0]:
            yield packet
