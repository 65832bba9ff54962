"""The script's changes in the order in which they happen."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from meetfleet.lab.script import Person, RoomScript
from meetfleet.lab.timeline import TICKS_PER_S


class CueKind(StrEnum):
    PRESENT = "present"
    CAMERA = "camera"
    UNMUTED = "unmuted"
    SMALL = "small"
    RENAME = "rename"
    SHARE = "share"
    CHAT = "chat"
    NETWORK = "network"


@dataclass(frozen=True, slots=True, order=True)
class Cue:
    """Something that happens at a tick.

    Attributes:
        who: A person's name; empty for the room itself.
        on: Switched on or off.
        text: A new name, a chat message, or the number of a share in the script.
    """

    tick: int
    kind: CueKind
    who: str = ""
    on: bool = True
    text: str = ""


def cues_of(script: RoomScript) -> list[Cue]:
    """Every change of the script, oldest first. What holds from the beginning has tick 0."""
    found = [cue for person in script.people for cue in _of_person(person)]
    for n, share in enumerate(script.shares):
        found.append(Cue(_tick(share.start), CueKind.SHARE, share.who, True, str(n)))
        if share.end is not None:
            found.append(Cue(_tick(share.end), CueKind.SHARE, share.who, False, str(n)))
    found += [Cue(_tick(line.at), CueKind.CHAT, line.who, True, line.text) for line in script.chat]
    for drop in script.network.drops:
        found += _off_spans(CueKind.NETWORK, "", drop.start, drop.end)
    return sorted(found, key=lambda cue: cue.tick)


def _of_person(person: Person) -> Iterator[Cue]:
    yield Cue(_tick(person.joins_at), CueKind.PRESENT, person.name, True)
    if person.leaves_at is not None:
        yield Cue(_tick(person.leaves_at), CueKind.PRESENT, person.name, False)
    yield Cue(0, CueKind.CAMERA, person.name, person.camera)
    yield Cue(0, CueKind.UNMUTED, person.name, True)
    for span in person.camera_off:
        yield from _off_spans(CueKind.CAMERA, person.name, span.start, span.end)
    for span in person.muted:
        yield from _off_spans(CueKind.UNMUTED, person.name, span.start, span.end)
    for span in person.low_layer:
        yield Cue(_tick(span.start), CueKind.SMALL, person.name, True)
        if span.end is not None:
            yield Cue(_tick(span.end), CueKind.SMALL, person.name, False)
    for rename in person.renames:
        yield Cue(_tick(rename.at), CueKind.RENAME, person.name, True, rename.name)


def _off_spans(kind: CueKind, who: str, start: float, end: float | None) -> Iterator[Cue]:
    yield Cue(_tick(start), kind, who, False)
    if end is not None:
        yield Cue(_tick(end), kind, who, True)


def _tick(at_s: float) -> int:
    return round(at_s * TICKS_PER_S)
