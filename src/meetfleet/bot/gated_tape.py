"""The tape behind a gate: while recording is paused nothing of the meeting passes, and nothing needed later is lost."""

from collections.abc import Callable, Iterable

from meetfleet.domain.errors import TapeError
from meetfleet.tape.frame import EncodedFrame
from meetfleet.tape.records import CaptureSpan, CommandSeen, JsonRecord, Roster, StateSeen, TrackInfo
from meetfleet.tape.writer import TapeWriter

DISK_FULL = "disk_full"


class GatedTape:
    """Writes through to a TapeWriter; no call raises.

    What a reader must know after a pause (open tracks, who is there, which rung serves) is kept back while paused and
    written, in its latest form, when recording goes on.

    Args:
        on_disk: Told whenever the disk refuses, and when it takes again.
    """

    def __init__(self, writer: TapeWriter, on_disk: Callable[[bool], None]) -> None:
        self._writer = writer
        self._on_disk = on_disk
        self._paused = False
        self._kept_back: dict[str, JsonRecord] = {}
        self._disk_full = False
        self.last_error = ""

    @property
    def dropped_messages(self) -> int:
        return self._writer.dropped_messages

    def note(self, record: StateSeen | CommandSeen) -> None:
        """Writes what the bot itself does; a pause does not hide it."""
        self._try(lambda: self._writer.append(record))

    def append(self, record: JsonRecord, at_ns: int | None = None) -> None:
        """Writes something of the meeting."""
        if not self._paused:
            self._try(lambda: self._writer.append(record, at_ns))
        elif key := _needed_later(record):
            self._kept_back[key] = record

    def frames(self, track_id: int, frames: Iterable[EncodedFrame]) -> None:
        """Writes media of one track."""
        if not self._paused:
            self._try(lambda: self._writer.append_frames(track_id, frames))

    def screenshot(self, png: bytes) -> None:
        if not self._paused:
            self._try(lambda: self._writer.screenshot(png))

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        kept, self._kept_back = self._kept_back, {}
        for record in kept.values():
            self.append(record)

    def tick(self) -> None:
        """Flushes and seals what is due; call about twice a second."""
        self._try(self._writer.tick)

    def close(self) -> None:
        """Seals the last segment."""
        self._try(self._writer.close)

    def _try(self, write: Callable[[], object]) -> None:
        try:
            write()
        except TapeError as error:
            self.last_error = error.message
            self._disk(full=True)
        else:
            self._disk(full=False)

    def _disk(self, *, full: bool) -> None:
        if full != self._disk_full:
            self._disk_full = full
            self._on_disk(full)


def _needed_later(record: JsonRecord) -> str | None:
    if isinstance(record, TrackInfo):
        return f"track {record.track_id}"
    if isinstance(record, CaptureSpan):
        return f"capture {record.medium}"
    return "roster" if isinstance(record, Roster) else None
