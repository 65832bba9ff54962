"""What a bot tells its probe to do, and what it gets from it."""

from dataclasses import dataclass
from typing import Protocol

from meetfleet.tape.frame import EncodedFrame
from meetfleet.tape.records import CaptureSpan, Rung, TrackInfo


@dataclass(frozen=True, slots=True)
class ProbeOptions:
    """Choices for one bot.

    Attributes:
        labels: Data channels whose messages become signals; `*` is all of them.
        rpc: Pieces of addresses; answers to fetch and XMLHttpRequest whose address has one become signals.
        rungs: The rungs that may be used. Fewer than all is for tests and for pages known to need it.
        tape_video: Send video frames. If not, video is neither taped nor decoded.
        refuse_video: If video is not taped, do not even receive it: the page's offers and answers ask for none.
        starve_audio: Give audio decoders empty packets while proven packets are taped and nobody needs decoded sound.
        starve_video: Give video decoders black pictures while nobody looks.
        hide_video: Do not paint video elements while nobody looks.
        undrawn: CSS selectors of parts of the page that are neither laid out nor painted while nobody looks.
        queue_bytes: What the page may hold back while we do not read, before it drops frames.
        picture_fps: Frame rate of the page rung when it films a canvas.
        picture_kbps: Its bit rate.
        screencast_fps: Frame rate of the page rung when it films the tab.
        camera: Pages find a camera, which shows what `Probe.show_pictures` gives it. If not, they find none.
    """

    labels: tuple[str, ...] = ()
    rpc: tuple[str, ...] = ()
    rungs: tuple[Rung, ...] = tuple(Rung)
    tape_video: bool = True
    refuse_video: bool = True
    starve_audio: bool = True
    starve_video: bool = True
    hide_video: bool = True
    undrawn: tuple[str, ...] = ()
    queue_bytes: int = 24 * 1024 * 1024
    picture_fps: int = 10
    picture_kbps: int = 800
    screencast_fps: float = 2.0
    camera: bool = False


class ProbeSink(Protocol):
    """Where the probe delivers. Called in the event loop; must not block."""

    def on_track(self, info: TrackInfo) -> None:
        """A track begins, or its codec or stream id has changed. Comes before its first frame."""
        ...

    def on_frames(self, track_id: int, frames: list[EncodedFrame]) -> None:
        """Frames of one track in the order the browser received them, stamped on the meeting clock."""
        ...

    def on_signal(self, channel: str, payload: bytes, at_ns: int) -> None:
        """The page and its server talk.

        Args:
            channel: `data/<label>` and `data-out/<label>` for data channels, `rpc/<piece>` for answers to calls.
        """
        ...

    def on_capture(self, span: CaptureSpan, at_ns: int) -> None:
        """From `at_ns` on (it may lie some seconds back: buffered sound was added) another rung serves a medium."""
        ...


@dataclass(frozen=True, slots=True)
class ProbeHealth:
    """How the probe is doing, for the supervisor of a bot.

    Attributes:
        connected: The page's main frame talks to us.
        frames_per_s: Media records received in the last seconds.
        dropped: Frames given up since the start because we did not read fast enough.
        stall_ms: The longest pause of a page's main thread in its last second.
        silent_for_s: Seconds since anything arrived.
    """

    connected: bool
    frames_per_s: float
    bytes_per_s: float
    dropped: int
    stall_ms: int
    silent_for_s: float
    failure: str | None = None
