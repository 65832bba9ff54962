"""From a tape to the finished video file."""

import heapq
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from meetfleet.artifacts.video.compositor import Compositor
from meetfleet.artifacts.video.director import direct
from meetfleet.artifacts.video.geometry import Size
from meetfleet.artifacts.video.growing_mp4 import Encoding, GrowingMp4, publish
from meetfleet.artifacts.video.ingredients import ingredients
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
from meetfleet.artifacts.video.video_walk import VideoWalk
from meetfleet.domain.errors import MediaError
from meetfleet.tape.tape import Tape, TapeSegment

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
        segments: Sequence[TapeSegment],
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
        self._segments = segments
        self.canvas = canvas
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

    def write(self, file: GrowingMp4, sound: SoundTrack | None) -> None:
        """Decodes, composes and encodes everything."""
        with Prefetch(self.source.pictures(VideoWalk(self._segments))) as pictures:
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
            self.canvas,
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
    layout: Layout = Layout.SPEAKER_VIEW,
    on_progress: OnProgress = silent,
    *,
    timeline: Timeline | None = None,
    audio: Path | None = None,
    options: RenderOptions = DEFAULT_OPTIONS,
) -> VideoResult:
    """Renders one layout of a taped meeting.

    While it works, `growing_path(out_path)` is a fragmented MP4 that can be played from its start; when it is done
    `out_path` is there at once, complete and fast-start, and the growing file is gone. Stopped half way it leaves
    nothing behind; running it again starts anew and gives the same pictures.

    Args:
        tape: Directory of the tape.
        on_progress: Called about once a second of the video with the fraction done and the seconds done; before
            the first second, while the tape is surveyed, with zeros.
        timeline: What is recorded and who speaks. Default: `timeline.json` beside `out_path`; where there is none,
            sound and speakers are built from the tape first.
        audio: The finished mix, whose first sample is time zero. Default: `output.flac` from the same place. A time
            line given without a mix makes a silent film.

    Raises:
        TapeError: there is no tape.
        MediaError: code `nothing_recorded`: the recording has no length; code `no_sound` or `no_timeline`: `audio` or
            the time line cannot be read.
    """
    started_s = time.process_time()
    with ingredients(tape, out_path.parent, timeline, audio) as given:
        rendering = _prepare(tape, given.timeline, layout, options, on_progress)
        growing = growing_path(out_path)
        try:
            _write(rendering, growing, given.sound, options)
            publish(growing, out_path)
        finally:
            growing.unlink(missing_ok=True)
    on_progress(1.0, rendering.length_ns / _NS)
    return rendering.result(out_path, time.process_time() - started_s)


def _prepare(
    tape: Path, timeline: Timeline, layout: Layout, options: RenderOptions, on_progress: OnProgress
) -> Rendering:
    segments = Tape.open(tape).segments
    found = survey(segments, lambda: on_progress(0.0, 0.0))
    plan = build_plan(found.rosters, found.tracks, direct(timeline.turns), timeline.recorded)
    canvas = canvas_size(options.resolution, layout, found.sharpest)
    rendering = Rendering(segments, plan, found.tracks, layout, canvas, options, on_progress)
    if rendering.length_ns <= 0:
        raise MediaError("The recording holds no time.", code="nothing_recorded")
    return rendering


def _write(rendering: Rendering, path: Path, audio: Path | None, options: RenderOptions) -> None:
    with ExitStack() as stack:
        sound = stack.enter_context(closing(SoundTrack(audio, rendering.length_ns))) if audio else None
        layout = sound.layout if sound else None
        file = stack.enter_context(GrowingMp4(path, rendering.canvas, options.max_fps, options.encoding, layout))
        rendering.write(file, sound)
        file.finish()
