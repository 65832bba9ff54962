"""Takes what the probe hears in the page: media to the tape, the page's own messages to the platform's adapter."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from meetfleet.bot.gated_tape import GatedTape
from meetfleet.bot.reports import Tell
from meetfleet.bot.sound_watch import SoundWatch
from meetfleet.bot.witness import Witness
from meetfleet.browser.page import Page
from meetfleet.browser.probe.options import ProbeHealth
from meetfleet.domain.clock import Clock
from meetfleet.domain.link import EventType, RecordingMode
from meetfleet.platforms.platform import PlatformAdapter, SignalHooks
from meetfleet.tape.frame import EncodedFrame
from meetfleet.tape.records import CaptureSpan, TrackInfo

_TRACK_ID_SPACE = 1000


class ProbeHandle(Protocol):
    """What the recorder needs of a probe in a page."""

    async def start(self) -> None:
        """Installs it, before the page is sent anywhere."""
        ...

    async def screenshot(self) -> bytes:
        """The page as PNG, with real pictures where the videos are."""
        ...

    def someone_speaks(self, speaking: bool) -> None:
        """The platform's word on whether anybody speaks: evidence for the capture ladder."""
        ...

    def show_pictures(self, pictures: Sequence[bytes], each_s: float) -> None:
        """What the page's camera shows from now on: JPEGs in turn."""
        ...

    @property
    def camera_is_lit(self) -> bool:
        """Whether the page's camera has a picture to show."""
        ...

    def health(self) -> ProbeHealth:
        """How the page and its probe are doing."""
        ...

    async def close(self) -> None: ...


ProbeMaker = Callable[[Page, "Recorder", SignalHooks, RecordingMode, Clock], ProbeHandle]


class Recorder:
    """A ProbeSink. It outlives the pages of a stay: each gets track ids of its own.

    Attributes:
        has_camera: Pages are to find a camera, for `show_pictures`.
    """

    def __init__(
        self,
        tape: GatedTape,
        witness: Witness,
        tell: Tell,
        clock: Clock,
        make_probe: ProbeMaker,
        *,
        has_camera: bool = False,
    ) -> None:
        self.has_camera = has_camera
        self._shown: tuple[Sequence[bytes], float] = (), 0.0
        self._tape = tape
        self._witness = witness
        self._tell = tell
        self._clock = clock
        self._make_probe = make_probe
        self._sound = SoundWatch()
        self._probe: ProbeHandle | None = None
        self._adapter: PlatformAdapter | None = None
        self._pages = 0
        self._tracks: set[int] = set()
        self._frames = 0
        self._rungs: dict[str, str] = {}

    async def attach(self, page: Page, adapter: PlatformAdapter, mode: RecordingMode) -> None:
        """Puts a probe into a new page."""
        self._pages += 1
        self._adapter = adapter
        self._probe = self._make_probe(page, self, adapter.hooks, mode, self._clock)
        await self._probe.start()
        self.show_pictures(*self._shown)

    async def detach(self) -> None:
        """Takes the last frames and lets go of the page."""
        probe, self._probe = self._probe, None
        if probe:
            await probe.close()

    async def picture(self, page: Page) -> bytes:
        """A PNG of the page with its videos drawn.

        Raises:
            RunnerError: the page does not answer.
        """
        return await (self._probe.screenshot() if self._probe else page.screenshot())

    def show_pictures(self, pictures: Sequence[bytes], each_s: float) -> None:
        """Lets the camera of this page, and of those that follow, show JPEGs in turn."""
        self._shown = pictures, each_s
        if self._probe and pictures:
            self._probe.show_pictures(pictures, each_s)

    @property
    def camera_is_lit(self) -> bool:
        return self._probe is not None and self.has_camera and self._probe.camera_is_lit

    def someone_speaks(self, speaking: bool) -> None:
        if self._probe:
            self._probe.someone_speaks(speaking)

    def take_sound(self) -> tuple[bool, bool]:
        """Whether somebody was heard since the last call, and whether the packets said who."""
        return self._sound.take()

    def figures(self) -> dict[str, Any]:
        """For the heartbeat."""
        health = self._probe.health() if self._probe else None
        return {
            "tracks": len(self._tracks),
            "frames": self._frames,
            "dropped": self._tape.dropped_messages + (health.dropped if health else 0),
            "stall_ms": health.stall_ms if health else 0,
            "rung": self._rungs.get("audio", ""),
        }

    # ---- ProbeSink

    def on_track(self, info: TrackInfo) -> None:
        own = replace(info, track_id=self._own(info.track_id))
        self._tracks.add(own.track_id)
        self._tape.append(own)

    def on_frames(self, track_id: int, frames: list[EncodedFrame]) -> None:
        self._sound.feed(frames)
        self._frames += len(frames)
        if self._pages > 1:
            frames = [replace(frame, track_id=self._own(track_id)) for frame in frames]
        self._tape.frames(self._own(track_id), frames)

    def on_signal(self, channel: str, payload: bytes, at_ns: int) -> None:
        self._witness.signal(f"{channel}, {len(payload)} bytes", at_ns)
        if self._adapter:
            self._adapter.on_signal(channel, payload, at_ns)

    def on_capture(self, span: CaptureSpan, at_ns: int) -> None:
        self._rungs[span.medium] = span.rung
        self._tape.append(span, at_ns)
        self._tell(EventType.CAPTURE, {"medium": span.medium, "rung": span.rung, "why": span.why})

    def _own(self, track_id: int) -> int:
        return (self._pages - 1) * _TRACK_ID_SPACE + track_id
