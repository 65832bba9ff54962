"""A visitor who joins rooms of the lab by a real browser, and what can be asked of the page."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from meetfleet.browser.chromium import Chromium
from meetfleet.browser.flags import BrowserOptions
from meetfleet.browser.page import Page, ScriptFailed
from meetfleet.lab import Lab, Room, RoomScript
from meetfleet.lab.script import Host, Line, Media, Person

LOOK_EVERY_S = 0.1
Pcm = npt.NDArray[np.int16]

# Tees every receiver's encoded frames: SHA-1 and metadata of each go to window.frames.
TEE = """
window.frames_ = [];
const Real = window.RTCPeerConnection;
const note = async (kind, frame) => {
  const meta = frame.getMetadata(), bytes = frame.data.slice(0);
  const sha = new Uint8Array(await crypto.subtle.digest('SHA-1', bytes));
  window.frames_.push({ kind, sha1: [...sha].map(b => b.toString(16).padStart(2, '0')).join(''),
    ssrc: meta.synchronizationSource, rtp: meta.rtpTimestamp, csrcs: meta.contributingSources,
    level: meta.audioLevel ?? null, size: bytes.byteLength });
};
window.RTCPeerConnection = class extends Real {
  constructor(config) {
    super({ ...config, encodedInsertableStreams: true });
    this.addEventListener('track', ({ receiver, track }) => {
      const { readable, writable } = receiver.createEncodedStreams();
      const transform = (frame, controller) => { note(track.kind, frame); controller.enqueue(frame); };
      readable.pipeThrough(new TransformStream({ transform })).pipeTo(writable);
    });
  }
};
"""

# Listens to what the page plays through Web Audio: its connections to a destination are copied to an analyser.
LISTEN = """
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (to, ...rest) {
  if (to instanceof AudioDestinationNode) setTimeout(() => {
    const ear = to.context.ear ??= to.context.createAnalyser();
    window.ear = ear;
    connect.call(this, ear);
  }, 50);
  return connect.call(this, to, ...rest);
};
"""

# Records what is played for some milliseconds, every audio element's track or the page's Web Audio: sum, 48 kHz, s16.
RECORD = """async (ms) => {
  const sounds = [...document.querySelectorAll('audio')].filter((a) => a.srcObject);
  let tracks = sounds.map((a) => a.srcObject.getAudioTracks()[0].clone());
  if (window.ear) {
    const out = window.ear.context.createMediaStreamDestination();
    window.ear.connect(out);
    tracks = out.stream.getAudioTracks();
  }
  const sum = new Float32Array(48 * ms);
  await Promise.all(tracks.map(async (track) => {
    const reader = new MediaStreamTrackProcessor({ track, maxBufferSize: 500 }).readable.getReader();
    for (let at = 0; at < sum.length;) {
      const { value, done } = await reader.read();
      if (done) break;
      const mono = new Float32Array(value.numberOfFrames);
      value.copyTo(mono, { planeIndex: 0, format: 'f32-planar' });
      for (let n = 0; n < mono.length && at < sum.length; n++) sum[at++] += mono[n];
      value.close();
    }
    track.stop();
  }));
  let text = '';
  const bytes = new Uint8Array(Int16Array.from(sum, (x) => Math.max(-1, Math.min(1, x)) * 32767).buffer);
  for (let n = 0; n < bytes.length; n += 8192) text += String.fromCharCode(...bytes.subarray(n, n + 8192));
  return btoa(text);
}"""


def likeness(heard: Pcm, reference: Pcm, piece_s: float = 0.4) -> list[float]:
    """How well each loud piece of `heard` fits its best place in `reference`: players stretch time a little."""
    step = round(48_000 * piece_s)
    pieces = [heard[at : at + step] for at in range(0, len(heard) - step, step)]
    return [_best_match(piece, reference) for piece in pieces if np.abs(piece.astype(int)).mean() > 300]


def _best_match(piece: Pcm, reference: Pcm) -> float:
    size = 1 << (len(piece) + len(reference)).bit_length()
    a, b = piece.astype(np.float64), reference.astype(np.float64)
    cross = np.fft.irfft(np.fft.rfft(b, size) * np.conj(np.fft.rfft(a, size)), size)[: max(1, len(b) - len(a))]
    energy = np.concatenate([[0.0], np.cumsum(b**2)])
    window = energy[len(a) : len(a) + len(cross)] - energy[: len(cross)]
    return float(np.max(cross / np.sqrt(np.maximum(window, 1.0) * np.sum(a**2))))


async def eventually(holds: Callable[[], Awaitable[object]], timeout_s: float = 10) -> None:
    """Asks again and again until the answer is true."""
    async with asyncio.timeout(timeout_s):
        while True:
            if await holds():
                return
            await asyncio.sleep(LOOK_EVERY_S)


FIND = """(text) => [...document.querySelectorAll('button, [role=button]')].find((b) =>
  b.getAttribute('aria-label') === text || [...b.querySelectorAll('span')].some((s) => s.textContent === text))"""


class Visitor:
    """Somebody at the replica's page."""

    def __init__(self, page: Page, room: Room) -> None:
        self.page = page
        self.room = room

    async def type_name(self, name: str) -> None:
        await self.until("!!document.querySelector('input[type=text]')")
        await self.page.evaluate("document.querySelector('input[type=text]').focus()")
        await self.page.insert_text(name)

    async def click(self, text: str, *, by_hand: bool = False) -> None:
        """Clicks the button of this text or label; by hand it is a trusted click after pointer motion."""
        await self.until(f"({FIND})({json.dumps(text)}) && !({FIND})({json.dumps(text)}).disabled")
        if not by_hand:
            await self.page.evaluate(f"({FIND})({json.dumps(text)}).click()")
            return
        where = "const r = b.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]"
        x, y = await self.page.evaluate(f"(() => {{ const b = ({FIND})({json.dumps(text)}); {where}; }})()")
        await self.page.click(x, y)

    async def ask(self, name: str = "Recorder", button: str = "Ask to join") -> None:
        await self.type_name(name)
        await self.click(button)

    async def enter(self, name: str = "Recorder", button: str = "Ask to join") -> None:
        """Goes as far as the page shows the call."""
        await self.ask(name, button)
        await self.until("!!document.querySelector('[data-self-name]')")

    async def join(self, name: str = "Recorder", button: str = "Ask to join") -> None:
        """Goes all the way until media is connected."""
        before = len(self.room.events.of("media_connected"))
        await self.ask(name, button)
        await self.room.wait_for("media_connected", 15, count=before + 1)

    async def until(self, condition: str, timeout_s: float = 10) -> None:
        """Waits until a JavaScript expression is true."""
        await eventually(lambda: self._holds(condition), timeout_s)

    async def _holds(self, condition: str) -> bool:
        try:
            return bool(await self.page.evaluate(condition))
        except ScriptFailed:  # the page is still being put together
            return False

    async def until_text(self, text: str, timeout_s: float = 10) -> None:
        await self.until(f"document.body.innerText.includes({json.dumps(text)})", timeout_s)

    async def record(self, seconds: float) -> Pcm:
        """What the page plays: s16, (samples,), 48 kHz."""
        text = await self.page.evaluate(RECORD, seconds * 1000, timeout_s=seconds + 15)
        return np.frombuffer(base64.b64decode(text), np.int16)

    async def frames(self) -> list[dict[str, Any]]:
        return await self.page.evaluate("window.frames_")


@asynccontextmanager
async def browser_for(lab: Lab) -> AsyncIterator[Chromium]:
    browser = await Chromium.launch(BrowserOptions(extra_args=tuple(lab.chromium_args)))
    try:
        yield browser
    finally:
        await browser.close()


async def visit(browser: Chromium, room: Room, *scripts: str) -> Visitor:
    """Opens the room's page; `scripts` run before the page's own."""
    page = await browser.new_page()
    for script in scripts:
        await page.add_init_script(script)
    await page.goto(room.meeting_url)
    return Visitor(page, room)


@asynccontextmanager
async def at_the_door(script: RoomScript, *scripts: str) -> AsyncIterator[Visitor]:
    """A lab with one room, and somebody before its page."""
    async with Lab() as lab, browser_for(lab) as browser:
        yield await visit(browser, await lab.open_room(script), *scripts)


def empty_room(**changes: Any) -> RoomScript:
    """Nobody in it: for pages that never get as far as media."""
    return RoomScript(**changes)


def two_people(**changes: Any) -> RoomScript:
    """Two people with short picture loops who speak in turns for a minute."""
    lines = (
        Line("Good morning, can you hear me well over there?", "Ann", at=0.6),
        Line("Yes, loud and clear. Let us begin with the first topic.", "Bob"),
    )
    defaults: dict[str, Any] = {
        "people": (Person("Ann", host=True), Person("Bob")),
        "conversation": lines,
        "loop": True,
        "duration_s": 60,
        "host": Host(admits_after_s=0.2),
        "media": Media(video_loop_s=4),
    }
    return RoomScript(**{**defaults, **changes})
