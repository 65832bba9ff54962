"""A meeting within one page, for tests of the probe: the page, a sink that keeps everything, and sound comparison."""

import asyncio
import functools
import http.server
import shutil
import subprocess
import threading
import wave
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from meetfleet.browser.chromium import Chromium
from meetfleet.browser.flags import BrowserOptions
from meetfleet.browser.page import Page
from meetfleet.browser.probe import Probe, ProbeOptions
from meetfleet.browser.probe.server import ProbeServer
from meetfleet.domain.clock import SystemClock
from meetfleet.tape.frame import EncodedFrame
from meetfleet.tape.records import CaptureSpan, TrackInfo
from meetfleet.testing.sound import read_sound

FOLDER = Path(__file__).with_name("loopback")
RATE_HZ = 48_000
STRICT = (
    "default-src 'self'; connect-src 'self'; script-src 'self'; worker-src 'self'; style-src 'self'; "
    "media-src 'self' mediastream:; require-trusted-types-for 'script'; trusted-types 'none'"
)
WORDS = "Good morning everyone. Let us go through the agenda of this weekly meeting and see what is blocking us."


class MemorySink:
    """Keeps all that a probe delivers."""

    def __init__(self) -> None:
        self.tracks: dict[int, TrackInfo] = {}
        self.frames: dict[int, list[EncodedFrame]] = {}
        self.signals: list[tuple[str, bytes]] = []
        self.spans: list[tuple[CaptureSpan, int]] = []

    def on_track(self, info: TrackInfo) -> None:
        self.tracks[info.track_id] = info

    def on_frames(self, track_id: int, frames: list[EncodedFrame]) -> None:
        assert track_id in self.tracks, "a frame came before its track"
        self.frames.setdefault(track_id, []).extend(frames)

    def on_signal(self, channel: str, payload: bytes, at_ns: int) -> None:
        self.signals.append((channel, payload))

    def on_capture(self, span: CaptureSpan, at_ns: int) -> None:
        self.spans.append((span, at_ns))

    def rungs(self, medium: str = "audio") -> list[str]:
        return [span.rung for span, _ in self.spans if span.medium == medium]

    def of(self, **facts: object) -> list[EncodedFrame]:
        """Frames of all tracks with these facts, in order of arrival."""
        ids = [i for i, t in self.tracks.items() if all(getattr(t, k) == v for k, v in facts.items())]
        return sorted((f for i in ids for f in self.frames.get(i, ())), key=lambda f: f.arrival_ns)

    def media(self) -> "Counter[tuple[str, int, str]]":
        """(kind, RTP time, payload in hex) of every packet taped."""
        return Counter(
            (self.tracks[i].kind, f.rtp_timestamp, f.payload.hex())
            for i, frames in self.frames.items()
            if self.tracks[i].rung == "encoded"
            for f in frames
        )


class Meeting:
    """The page under test with its probe."""

    def __init__(self, page: Page, probe: Probe, sink: MemorySink, origin: str) -> None:
        self.page = page
        self.probe = probe
        self.sink = sink
        self.origin = origin

    async def start(self, **options: object) -> None:
        await self.page.goto(self.origin, wait_until="load")
        await self.page.evaluate("options => meeting.start(options)", options, timeout_s=20)

    async def speak(self, index: int = 0) -> None:
        await self.page.evaluate("i => meeting.speak(i)", index)

    async def hang_up(self) -> "Counter[tuple[str, int, str]]":
        """Ends the call, and returns what was sent until just before, as `MemorySink.media` counts it."""
        await self.page.evaluate("meeting.hangUp()")
        await asyncio.sleep(0.6)  # three times what the page waits before it sends the rest
        return Counter(tuple(entry) for entry in await self.page.evaluate("meeting.provable()", timeout_s=30))


async def until(condition: Callable[[], Any], timeout_s: float = 15.0) -> None:
    """Waits for something to become true."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - what it waits for is counted, not signalled
            await asyncio.sleep(0.05)


def synthesise(folder: Path) -> Path:
    """Some seconds of speech, 48 kHz mono."""
    raw, speech = folder / "raw.wav", folder / "speech.wav"
    flite = shutil.which("flite")
    assert flite, "flite is needed: run script/setup"
    subprocess.run([flite, "-voice", "slt", "-t", WORDS, "-o", str(raw)], check=True)
    with wave.open(str(speech), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(read_sound(raw).tobytes())
    return speech


class _Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *args: Any, speech: Path, policy: str, **kwargs: Any) -> None:
        self.speech, self.policy = speech, policy
        super().__init__(*args, directory=str(FOLDER), **kwargs)

    def translate_path(self, path: str) -> str:
        return str(self.speech) if path.endswith("/speech.wav") else super().translate_path(path)

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", self.policy)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def serve_pages(speech: Path, policy: str = STRICT) -> Iterator[str]:
    """Serves the meeting page; gives its origin."""
    handler = functools.partial(_Handler, speech=speech, policy=policy)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@asynccontextmanager
async def meeting_with_probe(
    speech: Path,
    options: ProbeOptions | None = None,
    *,
    is_public: bool = True,
    server: ProbeServer | None = None,
) -> AsyncIterator[Meeting]:
    """A browser with the meeting page, which Chromium takes for a page of the public internet."""
    with serve_pages(speech) as origin:
        address = origin.rstrip("/").removeprefix("http://")
        public = (f"--ip-address-space-overrides={address}=public",) if is_public else ()
        browser = await Chromium.launch(BrowserOptions(extra_args=public))
        try:
            page, sink = await browser.new_page(), MemorySink()
            probe = Probe(page, SystemClock(), sink, options, server=server)
            await probe.start()
            yield Meeting(page, probe, sink, origin)
            await probe.close()
        finally:
            await browser.close()


def read_wave(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float)


def joined_pcm(frames: list[EncodedFrame]) -> np.ndarray:
    """The sound of PCM frames on their own time line, silence where none was sent."""
    frames = sorted(frames, key=lambda f: f.rtp_timestamp)
    start = frames[0].rtp_timestamp
    sound = np.zeros(frames[-1].rtp_timestamp - start + len(frames[-1].payload) // 2)
    for frame in frames:
        at = frame.rtp_timestamp - start
        sound[at : at + len(frame.payload) // 2] = np.frombuffer(frame.payload, "<i2")
    return sound


def best_match(sound: np.ndarray, part: np.ndarray) -> tuple[float, int]:
    """(correlation, position) of `part` where it fits best into `sound`."""
    size = 1 << int(np.ceil(np.log2(len(sound) + len(part))))
    products = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(part, size)), size)
    products = products[: len(sound) - len(part) + 1]
    sums = np.concatenate([[0], np.cumsum(sound * sound)])
    energy = sums[len(part) :] - sums[: -len(part)]
    matches = products / (np.sqrt(np.maximum(energy, 1)) * np.sqrt((part * part).sum()))
    at = int(np.argmax(matches))
    return float(matches[at]), at
