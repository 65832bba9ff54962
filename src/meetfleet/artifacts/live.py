"""A build that keeps up with the meeting: fed with sealed segments in order, it has little left to do at the end."""

import shutil
from pathlib import Path

from meetfleet.artifacts.captions import CaptionBook
from meetfleet.artifacts.capture_book import CaptureBook
from meetfleet.artifacts.chat import ChatBook
from meetfleet.artifacts.context import BuildContext, BuildOptions
from meetfleet.artifacts.event_merge import Batch, Event, EventMerge
from meetfleet.artifacts.finish import OUTPUT_NAMES, finish
from meetfleet.artifacts.manifest import MANIFEST_NAME, Manifest
from meetfleet.artifacts.recording_line import RecordingLine
from meetfleet.artifacts.roster_book import RosterBook
from meetfleet.artifacts.sound import SoundBuild
from meetfleet.artifacts.speaking_book import SpeakingBook
from meetfleet.tape.frame import EncodedFrame, FrameKind
from meetfleet.tape.reader import Message, SegmentReader, TapeFrames
from meetfleet.tape.records import (
    Caption,
    CaptureSpan,
    ChatMessage,
    JsonRecord,
    Roster,
    Screenshot,
    Speaking,
    StateSeen,
    TrackInfo,
)
from meetfleet.tape.segment import SegmentName, TapeMeta
from meetfleet.tape.tape import Gap, GapReason, Tape

LIVE_DIRECTORY = ".live"
_CLOCKS_NS = 60_000_000_000  # frames are stamped by the browser, all else by the bot: their clocks may differ by this


class LiveBuild:
    """Computes the artifacts of one tape. How the tape was cut into segments does not change a byte of them.

    Args:
        work_dir: Where the artifacts appear; emptied of earlier ones.

    Attributes:
        line, roster, signals, captions, chat, capture: What the tape has told so far.
        gaps: Spans that segments lack, on the meeting clock.
        damage: One sentence for each thing that could not be read.
        screenshots: (file name, meeting time) of each picture written.
    """

    def __init__(self, work_dir: Path, *, options: BuildOptions | None = None) -> None:
        self.work_dir = work_dir
        self.options = options or BuildOptions()
        self.line = RecordingLine()
        self.roster = RosterBook()
        self.signals = SpeakingBook()
        self.captions = CaptionBook()
        self.chat = ChatBook()
        self.capture = CaptureBook()
        self.gaps: list[Gap] = []
        self.damage: list[str] = []
        self.screenshots: list[tuple[str, int]] = []
        self.sound: SoundBuild | None = None
        self.meta: TapeMeta | None = None
        self.segment_count = 0
        self.takes: list[int] = []
        self._merge = EventMerge()
        self._last_number = 0
        self._last_ns = 0
        self._empty_work_dir()

    def feed(self, source: Path | str | bytes) -> None:
        """Takes the next segment, sealed. One that was fed already is ignored; one out of its order is noted as damage.

        Raises:
            TapeError: the file cannot be opened. What is damaged inside is skipped and counted.
        """
        reader = SegmentReader(source)
        name = SegmentName.parse(Path(source).name) if not isinstance(source, bytes) else None
        accepted: SegmentName | None = None
        for message in reader.messages():
            if accepted is None:
                accepted = self._begin_segment(reader, name, message)
                if accepted is None:
                    return
            self._push(message)
        self._end_segment(reader, accepted or name)

    def finish(self, context: BuildContext | None = None) -> Manifest:
        """Writes every file, the manifest last, and returns it. The build can be used no more."""
        self._end_take(0)
        manifest = finish(self, context or BuildContext())
        shutil.rmtree(self._live_dir, ignore_errors=True)
        return manifest

    def drop(self) -> None:
        """Gives up: closes and removes whatever is unfinished."""
        if self.sound is not None:
            self.sound.abandon()
        shutil.rmtree(self._live_dir, ignore_errors=True)

    @property
    def last_ns(self) -> int:
        """Latest moment of the tape so far."""
        return self._last_ns

    @property
    def _live_dir(self) -> Path:
        return self.work_dir / LIVE_DIRECTORY

    def _empty_work_dir(self) -> None:
        for directory in (self._live_dir, self.work_dir / "audio", self.work_dir / "screenshots"):
            shutil.rmtree(directory, ignore_errors=True)
        for name in (MANIFEST_NAME, *OUTPUT_NAMES):
            (self.work_dir / name).unlink(missing_ok=True)
        self._live_dir.mkdir(parents=True)

    def _begin_segment(self, reader: SegmentReader, name: SegmentName | None, first: Message) -> SegmentName | None:
        meta = reader.meta
        take = meta.take if meta else name.take if name else (self.takes or [1])[-1]
        number = reader.number or (name.number if name else self._last_number + 1)
        current = self.takes[-1] if self.takes else 0
        if (take, number) <= (current, self._last_number):
            if (take, number) != (current, self._last_number):
                self.damage.append(f"{SegmentName(take, number)}: it came after later ones and was left out.")
            return None
        self.meta = self.meta or meta
        if take != current:
            self._begin_take(take, first.at_ns if self.meta is None else self.meta.started_ns)
        elif number > self._last_number + 1:
            self.gaps.append(Gap(self._merge.newest_ns, first.at_ns, GapReason.MISSING_SEGMENT))
        self._last_number = number
        return SegmentName(take, number)

    def _begin_take(self, take: int, origin_ns: int) -> None:
        if self.takes:
            self._end_take(take)
        if self.sound is None:
            self.sound = SoundBuild(self._live_dir, origin_ns, self.line)
        self.sound.end_take(take)
        self.takes.append(take)

    def _end_segment(self, reader: SegmentReader, name: SegmentName | None) -> None:
        self.segment_count += 1
        self.damage += [f"{name or 'A segment'}: {what}" for what in reader.damage]
        self.gaps += [Gap(s.from_ns, s.to_ns, GapReason.DISK_FULL) for s in reader.lost_spans]

    def _push(self, message: Message) -> None:
        if not isinstance(message, TapeFrames):
            self._introduce(message.record)
            self._merge.push(message.at_ns, message.record)
        elif message.kind is FrameKind.AUDIO:
            for frame in message.frames:
                self._merge.push(frame.arrival_ns, frame)
        else:
            first_ns, last_ns = message.span_ns
            self._merge.push(first_ns, Batch(message.track_id, first_ns, last_ns))
        for at_ns, event in self._merge.release():
            self._see(at_ns, event)

    def _introduce(self, record: JsonRecord | Screenshot) -> None:
        """A new track's info stands before its frames on the tape, but may carry a later time than the first one."""
        sound = self.sound
        if isinstance(record, TrackInfo) and sound is not None and sound.track(record.track_id) is None:
            sound.see_track(record)

    def _end_take(self, following: int) -> None:
        if not self.takes or self.sound is None:
            return
        for at_ns, event in self._merge.flush():
            self._see(at_ns, event)
        self.line.end_take(self.takes[-1], self._last_ns)
        self.roster.end_take(self._last_ns)
        self.signals.end_take(self._last_ns)
        self.sound.end_take(following)
        self._last_number = 0

    def _see(self, at_ns: int, event: Event) -> None:
        sound, take = self.sound, self.takes[-1]
        assert sound is not None
        self._last_ns = max(self._last_ns, at_ns)
        if isinstance(event, EncodedFrame):
            self._see_media(take, event.track_id, at_ns, at_ns)
            sound.add(event)
            return
        sound.advance(at_ns - _CLOCKS_NS)
        if isinstance(event, Batch):
            self._last_ns = max(self._last_ns, event.last_ns)
            self._see_media(take, event.track_id, event.first_ns, event.last_ns)
        elif isinstance(event, TrackInfo):
            sound.see_track(event)
        elif isinstance(event, Roster):
            self.roster.see(take, at_ns, event)
            self._mute_self(take)
        elif isinstance(event, StateSeen):
            self.line.see_state(take, event.state, at_ns)
        else:
            self._see_told(take, at_ns, event)

    def _see_told(self, take: int, at_ns: int, event: Event) -> None:
        if isinstance(event, Speaking):
            self.signals.see(at_ns, event)
        elif isinstance(event, CaptureSpan):
            self.capture.see_decision(event)
        elif isinstance(event, Caption):
            # Also while paused: what a caption said then must be known to be left out of it later.
            self.captions.see(take, at_ns, event)
        elif self.line.is_paused:
            return
        elif isinstance(event, ChatMessage):
            self.chat.see(at_ns, event)
        elif isinstance(event, Screenshot):
            self._keep_screenshot(at_ns, event)

    def _see_media(self, take: int, track_id: int, first_ns: int, last_ns: int) -> None:
        self.line.see_media(take, first_ns)
        info = self.sound.track(track_id) if self.sound else None
        if info is not None:
            self.capture.see_frames(take, info, first_ns, last_ns)

    def _mute_self(self, take: int) -> None:
        """The bot's own sound, should the platform send it back, is no part of the recording."""
        for key, source in self.sound.sources.items() if self.sound else ():
            if key.take == take:
                ref = ("csrc", take, key.source_id) if key.track_id < 0 else ("track", take, key.track_id)
                source.is_muted = self.roster.is_self(ref)

    def _keep_screenshot(self, at_ns: int, screenshot: Screenshot) -> None:
        name = f"screenshots/{len(self.screenshots) + 1}.png"
        path = self.work_dir / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(screenshot.png)
        self.screenshots.append((name, at_ns))


def build(tape: Path | str, out_dir: Path, context: BuildContext | None = None) -> Manifest:
    """Computes the artifacts of a finished tape.

    Args:
        tape: The tape's directory.

    Raises:
        TapeError: code `no_tape`.
    """
    live = LiveBuild(out_dir)
    for segment in Tape.open(tape).segments:
        live.feed(segment.path)
    return live.finish(context)
