"""The page rung for pictures, from our side: asks for a canvas, films the tab where there is none."""

from collections.abc import Callable, Iterable
from typing import Any

from meetfleet.browser.page import Page
from meetfleet.browser.probe.options import ProbeOptions, ProbeSink
from meetfleet.browser.probe.screencast import Screencast
from meetfleet.browser.probe.script_link import ScriptLink
from meetfleet.browser.probe.tracks import TrackBook
from meetfleet.domain.clock import Clock
from meetfleet.tape.frame import EncodedFrame, FrameKind
from meetfleet.tape.records import Rung, TrackKind

VIDEO_CLOCK_HZ = 90_000


class Film:
    """One film of one page: VP8 of its canvas, made by the page, or JPEGs of the tab."""

    def __init__(
        self,
        page: Page,
        clock: Clock,
        sink: ProbeSink,
        book: TrackBook,
        options: ProbeOptions,
        links: Callable[[], Iterable[ScriptLink]],
    ) -> None:
        self._clock = clock
        self._sink = sink
        self._book = book
        self._options = options
        self._links = links
        self._screencast = Screencast(page, options.screencast_fps, self._picture)
        self._link = ScriptLink("screencast", "tab", top=False)
        self._running = False

    def run(self, on: bool) -> None:
        """Starts or stops filming."""
        if on == self._running:
            return
        self._running = on
        for link in self._links():
            self._instruct(link)
        if not on:
            self._screencast.stop()

    def greet(self, link: ScriptLink) -> None:
        """A script is new, or back: it must know that it is being filmed."""
        if self._running:
            self._instruct(link)

    def _instruct(self, link: ScriptLink) -> None:
        """What is filmed must be shown: real pictures, painted."""
        link.command("look", starve=self._options.starve_video and not self._running)
        if link.top:
            fps, kbps = self._options.picture_fps, self._options.picture_kbps
            link.command("picture", on=self._running, fps=fps, kbps=kbps)

    def canvas_found(self, found: bool) -> None:
        """The page's answer: it films its canvas, or has none."""
        if self._running and not found:
            self._screencast.start()

    def _picture(self, jpeg: bytes, width: int, height: int) -> None:
        now_ns = self._clock.now_ns()
        note: dict[str, Any] = {"id": 0, "kind": TrackKind.VIDEO, "codec": "jpeg", "rate": VIDEO_CLOCK_HZ}
        if state := self._book.announced(self._link, {**note, "rung": Rung.PAGE, "mix": True}):
            self._sink.on_track(state.info)
        track_id = self._link.tracks[0]
        rtp = now_ns * VIDEO_CLOCK_HZ // 1_000_000_000 & 0xFFFFFFFF
        frame = EncodedFrame(track_id, FrameKind.VIDEO, now_ns, rtp, 0, jpeg, is_key=True, width=width, height=height)
        self._sink.on_frames(track_id, [frame])
