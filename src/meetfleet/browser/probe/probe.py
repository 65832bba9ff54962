"""The probe of one page: installs its scripts, receives what they tape, and keeps the capture ladder."""

import asyncio
import base64
import json
import logging
import secrets
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from websockets.asyncio.server import ServerConnection

from meetfleet.browser.cdp import CdpRefused
from meetfleet.browser.page import Page
from meetfleet.browser.probe.assemble import assemble
from meetfleet.browser.probe.camera import CameraFeed
from meetfleet.browser.probe.conductor import AudioConductor, PictureConductor
from meetfleet.browser.probe.film import Film
from meetfleet.browser.probe.options import ProbeHealth, ProbeOptions, ProbeSink
from meetfleet.browser.probe.questions import Questions
from meetfleet.browser.probe.script_link import ScriptLink, Send
from meetfleet.browser.probe.server import ProbeServer
from meetfleet.browser.probe.tracks import TrackBook, TrackState
from meetfleet.browser.probe.wires import BindingWire, serve_socket
from meetfleet.domain.clock import Clock
from meetfleet.domain.errors import RunnerError, TapeError
from meetfleet.tape.frame import EncodedFrame, FrameKind, unpack_probe_frames
from meetfleet.tape.records import TrackKind

log = logging.getLogger(__name__)

TICK_S = 0.25
SOCKET_TIMEOUT_S = 2.0
HEALTH_WINDOW_S = 5.0
METER_S = 0.4
PAINT_S = 0.2
LAST_WORDS_S = 0.7
LOCAL_NETWORK = ("localNetworkAccess", "localNetwork", "loopbackNetwork")
SECOND = 1_000_000_000


class Probe:
    """Make it before the page's first navigation: `start`, then `page.goto(...)`; end it with `close`.

    Attributes:
        tracks: Every track so far by its id, with level, counts and when it was last heard.
    """

    def __init__(
        self,
        page: Page,
        clock: Clock,
        sink: ProbeSink,
        options: ProbeOptions | None = None,
        *,
        server: ProbeServer | None = None,
    ) -> None:
        self.options = options or ProbeOptions()
        self._page = page
        self._clock = clock
        self._sink = sink
        self._server = server or ProbeServer()
        self._owns_server = server is None
        self._secret = secrets.token_hex(8)
        self._url = ""
        self._links: dict[str, ScriptLink] = {}
        self._book = TrackBook()
        self._audio = AudioConductor(
            self.options.rungs, self._book, sink.on_capture, may_starve=self.options.starve_audio
        )
        self._film = Film(page, clock, sink, self._book, self.options, lambda: self._links.values())
        self._picture = PictureConductor(sink.on_capture, self._film.run)
        self._camera = CameraFeed()
        self._binding = BindingWire(page, self._secret, self)
        self._waiting: dict[str, int] = {}  # kind of script -> since when it should talk
        self._received: deque[tuple[int, int, int]] = deque()  # (when, frames, bytes)
        self._stall_ms = 0
        self._questions = Questions()
        self._task: asyncio.Task[None] | None = None
        self._failure: str | None = None

    @property
    def tracks(self) -> dict[int, TrackState]:
        return self._book.states

    @property
    def uses_debugger(self) -> bool:
        """No socket came to life in time: the page reports by the slower way."""
        return self._binding.is_open

    # ---- life

    async def start(self) -> None:
        """Installs the scripts; they run from the next navigation on.

        Raises:
            RunnerError: the browser is gone, or no local port is free.
        """
        await self._server.start()
        self._url = self._server.register(self._on_socket)
        scripts = assemble(self.options, url=self._url, secret=self._secret)
        self._page.session.on("Page.frameNavigated", self._navigated)
        await self._page.bypass_csp()
        await self._grant_local_network()
        await self._page.add_init_script(scripts.window)
        await self._page.add_worker_script(scripts.worker)
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Takes what the page still holds, and stops listening."""
        await self._questions.ask(self._links.values(), "flush", timeout_s=LAST_WORDS_S)
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        self._film.run(False)
        self._server.unregister(self._url)
        if self._owns_server:
            await self._server.close()

    async def _grant_local_network(self) -> None:
        """Public pages may open sockets to this machine only with a permission, whose name has changed before."""
        for name in LOCAL_NETWORK:
            with suppress(CdpRefused):
                await self._page.grant(name)

    async def _run(self) -> None:
        try:
            while True:
                await self._clock.sleep(TICK_S)
                now_ns = self._clock.now_ns()
                self._audio.conduct(tuple(self._links.values()), now_ns)
                self._picture.conduct(now_ns)
                await self._watch_connection(now_ns)
        except RunnerError as error:  # the page is gone; its owner knows by itself
            self._failure = error.message

    # ---- what the bot asks and tells

    def someone_speaks(self, speaking: bool) -> None:
        """The platform's word on whether anybody (but the bot) speaks now: evidence for the ladder."""
        self._audio.ladder.someone_speaks(speaking, self._clock.now_ns())

    def show_pictures(self, pictures: Sequence[bytes], each_s: float) -> None:
        """What the camera shows from now on (see `ProbeOptions.camera`): JPEGs in turn, each for so long."""
        self._camera.show(pictures, each_s, self._links.values())

    @property
    def camera_is_lit(self) -> bool:
        """Whether the page's camera has a picture to show by now."""
        return self._camera.is_lit

    async def request_live(self, seconds: float, *, ask_key: bool = True, timeout_s: float = 2.0) -> bool:
        """Lets video decoders show real pictures for a while.

        Args:
            ask_key: Ask the senders for key frames; otherwise wait for the next ones that come by themselves.

        Returns:
            Whether every moving picture was real within `timeout_s`.
        """
        shown = await self._questions.ask(
            self._links.values(), "look", timeout_s=timeout_s, ms=round(seconds * 1000), askKey=ask_key
        )
        if shown:
            await asyncio.sleep(PAINT_S)
        return shown

    async def screenshot(self) -> bytes:
        """The page as PNG with real pictures in it, as far as they come within two seconds."""
        if self.options.starve_video:
            await self.request_live(6.0)
        try:
            return await self._page.screenshot()
        finally:
            for link in self._links.values():
                link.command("look", ms=0, ask=0)

    def health(self) -> ProbeHealth:
        """How the probe is doing now."""
        now_ns = self._clock.now_ns()
        while self._received and self._received[0][0] < now_ns - HEALTH_WINDOW_S * SECOND:
            self._received.popleft()
        newest = self._received[-1][0] if self._received else None
        return ProbeHealth(
            connected=any(link.top and link.is_connected for link in self._links.values()),
            frames_per_s=sum(n for _, n, _ in self._received) / HEALTH_WINDOW_S,
            bytes_per_s=sum(size for _, _, size in self._received) / HEALTH_WINDOW_S,
            dropped=sum(link.counts.get("dropped", 0) for link in self._links.values()),
            stall_ms=self._stall_ms,
            silent_for_s=float("inf") if newest is None else (now_ns - newest) / SECOND,
            failure=self._failure,
        )

    # ---- what the scripts send

    async def _on_socket(self, socket: ServerConnection) -> None:
        await serve_socket(socket, self)

    def on_hello(self, hello: dict[str, Any], send: Send) -> str:
        instance = str(hello["instance"])
        link = self._links.get(instance)
        if link is None:
            link = self._links[instance] = ScriptLink(instance, str(hello["kind"]), bool(hello["top"]))
        link.clock.observe(round(hello["now"] * 1e6), self._clock.now_ns())
        link.connect(send)
        self._audio.forget(link)
        self._camera.tell([link])
        self._film.greet(link)
        if link.top or link.kind == "worker":
            self._waiting.pop(link.kind, None)
        return instance

    def on_silence(self, instance: str, send: Send) -> None:
        link = self._links[instance]
        link.disconnect(send)
        if link.is_connected:
            return
        self._questions.gone(link)
        if link.top:  # it comes back by itself, or sockets are closed to it now
            self._waiting.setdefault(link.kind, self._clock.now_ns())

    def on_records(self, instance: str, data: bytes) -> None:
        link = self._links[instance]
        records = link.take(data)
        if records is None:
            return
        batch: dict[int, list[EncodedFrame]] = {}
        frames = 0
        try:
            for frame in unpack_probe_frames(records):
                if frame.kind is FrameKind.NOTE:
                    self._deliver(batch)
                    self._note(link, json.loads(frame.payload), frame.arrival_ns)
                elif (track_id := link.tracks.get(frame.track_id)) is not None:
                    frames += 1
                    batch.setdefault(track_id, []).append(_placed(frame, track_id, link.clock.offset_ns))
        except (TapeError, ValueError, KeyError) as error:
            log.warning("Unreadable message from the page: %s", error)
        self._deliver(batch)
        self._received.append((self._clock.now_ns(), frames, len(data)))

    def _deliver(self, batch: dict[int, list[EncodedFrame]]) -> None:
        for track_id, frames in batch.items():
            state = self._book.states[track_id]
            loud = state.count(frames)
            if state.info.kind == TrackKind.VIDEO:
                if not state.info.is_mix:
                    self._picture.packets(frames[-1].arrival_ns)
            else:
                self._audio.heard_first(frames[0].arrival_ns)
            if loud and state.is_encoded_audio:
                self._audio.ladder.encoded_heard(state.key, self._clock.now_ns())
            self._sink.on_frames(track_id, frames)
        batch.clear()

    def _note(self, link: ScriptLink, note: dict[str, Any], at_ns: int) -> None:
        handler = getattr(self, f"_note_{note['t']}", None)
        if handler:
            handler(link, note, at_ns)

    def _note_track(self, link: ScriptLink, note: dict[str, Any], _: int) -> None:
        if state := self._book.announced(link, note):
            self._sink.on_track(state.info)

    def _note_source(self, link: ScriptLink, note: dict[str, Any], _: int) -> None:
        if state := self._book.source_known(link, note):
            self._sink.on_track(state.info)

    def _note_gone(self, link: ScriptLink, note: dict[str, Any], _: int) -> None:
        if state := self._book.of(link, int(note["id"])):
            state.is_live = False
            if state.is_encoded_audio:
                self._audio.ladder.receiver_gone(state.key)

    def _note_receiver(self, link: ScriptLink, note: dict[str, Any], _: int) -> None:
        if note["live"]:
            self._audio.ladder.receiver_seen(link.key(note["receiver"]))
        else:
            self._audio.ladder.receiver_gone(link.key(note["receiver"]))

    def _note_scripted(self, *_: object) -> None:
        self._waiting["worker"] = self._clock.now_ns()

    def _note_check(self, link: ScriptLink, note: dict[str, Any], _: int) -> None:
        local_id, fits = int(note["id"]), bool(note["fits"])
        state = self._book.of(link, local_id)
        if state:
            state.is_proven = fits
            self._audio.ladder.checked(state.key, fits, str(note["why"]))
        elif note.get("receiver") is not None:  # a track that rests since before its first frame
            link.checked[local_id] = link.key(note["receiver"])
            self._audio.ladder.checked(link.checked[local_id], fits, str(note["why"]))

    def _note_meter(self, link: ScriptLink, note: dict[str, Any], _: int) -> None:
        now_ns, ladder = self._clock.now_ns(), self._audio.ladder
        for receiver, level_db in note.get("raw", {}).items():
            ladder.raw_heard(link.key(receiver), level_db, now_ns, METER_S)
        for local_id, level in note.get("encoded", {}).items():
            state = self._book.of(link, int(local_id))
            key = state.key if state else link.checked.get(int(local_id))
            if level <= 55 and key:
                ladder.encoded_heard(key, now_ns)
        if "page" in note:
            ladder.page_heard(note["page"], now_ns, METER_S)

    def _note_shown(self, _: ScriptLink, note: dict[str, Any], __: int) -> None:
        if self.options.tape_video:
            self._picture.shown(int(note["pictures"]), self._clock.now_ns())

    def _note_canvas(self, _: ScriptLink, note: dict[str, Any], __: int) -> None:
        self._film.canvas_found(bool(note["found"]))

    def _note_signal(self, link: ScriptLink, note: dict[str, Any], _: int) -> None:
        at_ns = link.clock.to_meeting_ns(round(note["at"] * 1e6))
        self._sink.on_signal(str(note["channel"]), base64.b64decode(note["body"]), at_ns)

    def _note_looking(self, link: ScriptLink, note: dict[str, Any], _: int) -> None:
        if note["waiting"] == 0:
            self._questions.answered(link, int(note.get("ask") or 0))

    def _note_answer(self, link: ScriptLink, note: dict[str, Any], _: int) -> None:
        self._questions.answered(link, int(note["ask"]))

    def _note_health(self, link: ScriptLink, note: dict[str, Any], _: int) -> None:
        link.clock.observe(round(note["now"] * 1e6), self._clock.now_ns())
        link.counts = {k: int(note[k]) for k in ("frames", "bytes", "dropped")}
        self._stall_ms = int(note["stall"]) if link.top else self._stall_ms

    def _note_camera(self, _: ScriptLink, note: dict[str, Any], __: int) -> None:
        self._camera.is_lit = int(note["pictures"]) > 0

    def _note_fault(self, _: ScriptLink, note: dict[str, Any], __: int) -> None:
        log.warning("Probe fault in %s: %s", note.get("where"), note.get("message"))

    # ---- the way to the scripts

    def _navigated(self, event: dict[str, Any]) -> None:
        frame = event["frame"]
        if "parentId" not in frame and str(frame["url"]).startswith("http"):
            self._waiting["window"] = self._clock.now_ns()

    async def _watch_connection(self, now_ns: int) -> None:
        """A script that should talk and does not has no socket: it gets the emergency way."""
        if any(now_ns - since > SOCKET_TIMEOUT_S * SECOND for since in self._waiting.values()):
            self._waiting.clear()
            log.warning("The page cannot reach us by WebSocket; it reports through the debugger instead.")
            await self._binding.open()


def _placed(frame: EncodedFrame, track_id: int, offset_ns: int) -> EncodedFrame:
    """The frame with the take's track id and on the meeting clock; itself where that is what it says already."""
    if frame.track_id == track_id and not offset_ns:
        return frame
    return replace(frame, track_id=track_id, arrival_ns=frame.arrival_ns + offset_ns)
