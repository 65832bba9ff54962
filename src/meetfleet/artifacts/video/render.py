"""From a tape to the finished video file."""

import heapq
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from meetfleet.artifacts.video.compositor import Compositor
from meetfleet.artifacts.video.director import direct
from meetfleet.artifacts.video.geometry import Size
from meetfleet.artifacts.video.growing_mp4 import Encoding, GrowingMp4, publish
from meetfleet.artifacts.video.pacer import Pacer
from meetfleet.artifacts.video.picture_source import Picture, PictureSource
from meetfleet.artifacts.video.plan import Layout, TrackKey, VideoPlan
from meetfleet.artifacts.video.plan_builder import VideoTrack, build_plan
from meetfleet.artifacts.video.prefetch import Prefetch
from meetfleet.artifacts.video.recording_clock import RecordingClock
from meetfleet.artifacts.video.resolution import Resolution, canvas_size
from meetfleet.artifacts.video.scene import Scene, build_scenes, shown_spans
from meetfleet.artifacts.video.sound_track import SoundTrack
from meetfleet.artifacts.video.spans import intersection
from meetfleet.artifacts.video.survey import survey
from meetfleet.artifacts.video.timeline import Timeline
from meetfleet.artifacts.video.video_walk import VideoWalk, WalkEvent
from meetfleet.domain.errors import MediaError
from meetfleet.tape.tape import Tape

_NS = 1_000_000_000

OnProgress = Callable[[float, float], None]


def silent(_fraction: float, _seconds_done: float) -> None:
    return


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """How a video is made.

    Attributes:
        resolution: Size of the picture.
        max_fps: Most pictures per second; fewer where less changes.
        longest_still_s: A picture is repeated after this time without a change.
    """

    resolution: Resolution = Resolution.P720
    max_fps: int = 30
    longest_still_s: float = 1.0
    encoding: Encoding = field(default_factory=Encoding)


DEFAULT_OPTIONS = RenderOptions()


@dataclass(frozen=True, slots=True)
class VideoResult:
    """A finished video.

    Attributes:
        pictures: How many the file holds.
        decoded: How many frames of the tape were decoded for it.
        unreadable: How many frames could not be decoded.
        cpu_s: CPU-seconds of this process, from the first frame to the file in place.
    """

    path: Path
    layout: Layout
    size: Size
    duration_s: float
    size_bytes: int
    pictures: int
    decoded: int
    unreadable: int
    cpu_s: float


class Rendering:
    """One layout of one recording, being made."""

    def __init__(
        self,
        plan: VideoPlan,
        tracks: Mapping[TrackKey, VideoTrack],
        layout: Layout,
        canvas: Size,
        options: RenderOptions,
        on_progress: OnProgress = silent,
    ) -> None:
        end_ns = plan.recorded[-1].end_ns if plan.recorded else 0
        self._scenes = build_scenes(plan, layout, canvas)
        shown = {key: intersection(spans, plan.recorded) for key, spans in shown_spans(self._scenes, end_ns).items()}
        self.source = PictureSource({key: tracks[key].index.schedule(spans) for key, spans in shown.items()})
        self._layout = layout
        self._canvas = canvas
        self._clock = RecordingClock(plan.recorded)
        self.length_ns = self._clock.length_ns
        self.pictures = 0
        self._compositor = Compositor(canvas)
        self._pacer = Pacer(_NS // options.max_fps, round(options.longest_still_s * _NS))
        self._shortest_ns = _NS // options.max_fps
        self._intervals_ns = {key: tracks[key].index.interval_ns for key in shown}
        self._on_progress = on_progress
        self._is_cut = False
        self._written_ns = 0
        self._told_ns = 0

    def write(self, walk: Iterable[WalkEvent], file: GrowingMp4, sound: SoundTrack | None) -> None:
        """Decodes, composes and encodes everything."""
        with Prefetch(self.source.pictures(walk)) as pictures:
            for event in heapq.merge(self._scenes, pictures, key=_moment):
                at_ns = self._clock.since_zero(_moment(event))
                self._write_due(at_ns, file, sound)
                if self._apply(event):
                    self._pacer.changed(at_ns)
        self._write_due(self.length_ns, file, sound)
        last_ns = self.length_ns - self._shortest_ns
        if last_ns > self._written_ns:
            self._write(last_ns, file, sound)
        _write_sound(self.length_ns, file, sound)

    def result(self, path: Path, cpu_s: float) -> VideoResult:
        """What came of it."""
        return VideoResult(
            path,
            self._layout,
            self._canvas,
            self.length_ns / _NS,
            path.stat().st_size,
            self.pictures,
            self.source.decoded,
            self.source.unreadable,
            cpu_s,
        )

    def _apply(self, event: Scene | Picture) -> bool:
        """Whether the picture changes."""
        if isinstance(event, Picture):
            return self._compositor.picture(event.track, event.frame)
        self._is_cut = self._compositor.show(event) or self._is_cut
        self._pacer.shortest_ns = max(self._shortest_ns, self._fastest_ns(event))
        return True

    def _fastest_ns(self, scene: Scene) -> int:
        """The frame interval of the fastest track in the scene, less a little for jitter: no picture comes sooner."""
        shown = [self._intervals_ns[tile.track] for tile in scene.tiles if tile.track is not None]
        return round(min(shown, default=0) * 0.9)

    def _write_due(self, until_ns: int, file: GrowingMp4, sound: SoundTrack | None) -> None:
        for at_ns in self._pacer.due(until_ns):
            self._write(at_ns, file, sound)

    def _write(self, at_ns: int, file: GrowingMp4, sound: SoundTrack | None) -> None:
        _write_sound(at_ns, file, sound)
        file.video(self._compositor.compose(), at_ns, is_cut=self._is_cut)
        self.pictures += 1
        self._is_cut = False
        self._written_ns = at_ns
        if at_ns - self._told_ns >= _NS:
            self._told_ns = at_ns
            self._on_progress(at_ns / self.length_ns, at_ns / _NS)


def _write_sound(until_ns: int, file: GrowingMp4, sound: SoundTrack | None) -> None:
    if sound is not None:
        for frame in sound.until(until_ns):
            file.audio(frame)


def _moment(event: Scene | Picture) -> int:
    return event.start_ns if isinstance(event, Scene) else event.at_ns


def growing_path(final: Path) -> Path:
    """Where the video lies while it is rendered: a fragmented MP4 that only grows, gone once `final` is there."""
    return final.with_name(f"{final.stem}.growing{final.suffix}")


def render_video(
    tape: Path,
    out_path: Path,
    *,
    timeline: Timeline,
    layout: Layout = Layout.SPEAKER_VIEW,
    audio: Path | None = None,
    options: RenderOptions = DEFAULT_OPTIONS,
    on_progress: OnProgress = silent,
) -> VideoResult:
    """Renders one layout of a taped meeting.

    While it works, `growing_path(out_path)` is a fragmented MP4 that can be played from its start; when it is done
    `out_path` is there at once, complete and fast-start, and the growing file is gone. Stopped half way it leaves
    nothing behind; running it again starts anew and gives the same file.

    Args:
        tape: Directory of the tape.
        timeline: What is recorded and who speaks, as the sound artifacts have it.
        audio: The finished mix (`output.flac`), whose first sample is time zero; None renders a silent film.
        on_progress: Called about once a second of the video with the fraction done and the seconds done.

    Raises:
        TapeError: there is no tape.
        MediaError: code `nothing_recorded`: the recording has no length; code `no_sound`: `audio` cannot be read.
    """
    started_s = time.process_time()
    segments = Tape.open(tape).segments
    found = survey(segments)
    plan = build_plan(found.rosters, found.tracks, direct(timeline.turns), timeline.recorded)
    canvas = canvas_size(options.resolution, layout, found.sharpest)
    rendering = Rendering(plan, found.tracks, layout, canvas, options, on_progress)
    if rendering.length_ns <= 0:
        raise MediaError("The recording holds no time.", code="nothing_recorded")
    growing = growing_path(out_path)
    try:
        with _sound(audio, rendering.length_ns) as sound:
            with GrowingMp4(growing, canvas, options.max_fps, options.encoding, sound and sound.layout) as file:
                rendering.write(VideoWalk(segments), file, sound)
                file.finish()
        publish(growing, out_path)
    finally:
        growing.unlink(missing_ok=True)
    on_progress(1.0, rendering.length_ns / _NS)
    return rendering.result(out_path, time.process_time() - started_s)


def _sound(audio: Path | None, length_ns: int) -> AbstractContextManager[SoundTrack | None]:
    return nullcontext() if audio is None else closing(SoundTrack(audio, length_ns))
