"""The first pass over a tape: when every video track has frames, and who was there."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from meetfleet.artifacts.video.plan import TrackKey
from meetfleet.artifacts.video.plan_builder import RosterSeen, VideoTrack
from meetfleet.artifacts.video.video_walk import TakeRecord, TapeFrame, VideoWalk
from meetfleet.tape.records import Roster, TrackInfo, TrackKind
from meetfleet.tape.tape import TapeSegment


@dataclass(slots=True)
class Survey:
    """What one pass found out; it holds no media."""

    tracks: dict[TrackKey, VideoTrack] = field(default_factory=dict[TrackKey, VideoTrack])
    rosters: list[RosterSeen] = field(default_factory=list[RosterSeen])

    @property
    def sharpest(self) -> tuple[int, int]:
        """Width and height of the largest picture that any track sent; zeros if none told."""
        sizes = [track.index.largest for track in self.tracks.values()]
        return max(sizes, key=lambda size: size[0] * size[1], default=(0, 0))


def survey(segments: Iterable[TapeSegment], on_segment: Callable[[], None] = lambda: None) -> Survey:
    """Reads the whole tape once without decoding anything.

    Args:
        on_segment: Called before each segment.
    """
    found = Survey()
    for event in VideoWalk(_told(segments, on_segment), with_records=True):
        if isinstance(event, TakeRecord):
            _note(found, event)
        elif isinstance(event, TapeFrame):
            _index(found.tracks[event.track], event)
    return found


def _told(segments: Iterable[TapeSegment], on_segment: Callable[[], None]) -> Iterator[TapeSegment]:
    for segment in segments:
        on_segment()
        yield segment


def _note(found: Survey, event: TakeRecord) -> None:
    record = event.record.record
    if isinstance(record, Roster):
        if not found.rosters or found.rosters[-1].roster != record or found.rosters[-1].take != event.take:
            found.rosters.append(RosterSeen(event.take, event.record.at_ns, record))
    elif isinstance(record, TrackInfo) and record.kind == TrackKind.VIDEO:
        key = TrackKey(event.take, record.track_id)
        if key in found.tracks:
            found.tracks[key].info = record
        else:
            found.tracks[key] = VideoTrack(record)


def _index(track: VideoTrack, event: TapeFrame) -> None:
    frame = event.frame
    if event.after_gap:
        track.index.cut()
    track.index.append(event.at_ns, is_key=frame.is_key, width=frame.width, height=frame.height)
    csrc = frame.csrcs[0] if frame.csrcs else 0
    if not track.csrcs or track.csrcs[-1][1] != csrc:
        track.csrcs.append((event.at_ns, csrc))
