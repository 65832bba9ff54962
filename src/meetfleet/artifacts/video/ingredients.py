"""What a render needs besides the tape: the time line and the finished sound."""

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from meetfleet.artifacts.video.timeline import Timeline
from meetfleet.tape.tape import Tape

TIMELINE_NAME = "timeline.json"
SOUND_NAME = "output.flac"


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What the sound artifacts give to the video; no `sound` makes a silent film."""

    timeline: Timeline
    sound: Path | None


@contextmanager
def ingredients(tape: Path, beside: Path, timeline: Timeline | None, sound: Path | None) -> Generator[Ingredients]:
    """Takes what is given, else what lies in the directory `beside`, else what the tape gives, built for a moment.

    Raises:
        TapeError: there is no tape.
        MediaError: code `no_timeline`: the time line there is unreadable.
    """
    if timeline is not None:
        yield Ingredients(timeline, sound)
    elif (beside / TIMELINE_NAME).exists():
        yield Ingredients(Timeline.read(beside / TIMELINE_NAME), sound or _present(beside / SOUND_NAME))
    else:
        with tempfile.TemporaryDirectory(prefix="meetfleet-video-") as name:
            directory = Path(name)
            _build(tape, directory)
            path = directory / TIMELINE_NAME
            built = Timeline.read(path) if path.exists() else Timeline(())
            yield Ingredients(built, sound or _present(directory / SOUND_NAME))


def _build(tape: Path, directory: Path) -> None:
    from meetfleet.artifacts.context import BuildOptions  # rarely needed, and slow to load
    from meetfleet.artifacts.live import LiveBuild

    build = LiveBuild(directory, options=BuildOptions(speaker_audio=False))
    for segment in Tape.open(tape).segments:
        build.feed(segment.path)
    build.finish()


def _present(path: Path) -> Path | None:
    return path if path.exists() else None
