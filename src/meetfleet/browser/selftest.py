"""Does capture work with this Chromium? A call within a page of our own, taped on each rung of the ladder.

    python -m meetfleet.browser.selftest [--executable PATH]

Prints one line for each rung and a summary.
Exit codes: 0 every rung works, 1 some do, 2 none does or there is no browser.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from websockets.asyncio.server import ServerConnection

from meetfleet.browser.chromium import Chromium
from meetfleet.browser.flags import BrowserOptions
from meetfleet.browser.probe import Probe, ProbeOptions
from meetfleet.browser.probe.server import ProbeServer
from meetfleet.browser.probe.tracks import LOUD_LEVEL
from meetfleet.domain.clock import SystemClock
from meetfleet.domain.errors import RunnerError
from meetfleet.tape.frame import EncodedFrame
from meetfleet.tape.records import CaptureSpan, Rung, TrackInfo, TrackKind

CALL = Path(__file__).with_name("selftest.js")
RUNG_S = 20.0
LOOK_S = 0.1
ENOUGH_FRAMES = 25


@dataclass(frozen=True, slots=True)
class RungFinding:
    """What one rung took of a call with one voice and one picture.

    Attributes:
        sound: Loud pieces of sound.
        pictures: Frames of video; only the encoded rung takes them from receivers.
        proven: The packets hold the sound that their levels promise. Lower rungs measure the sound itself.
        by_socket: They came over a WebSocket, not through the debugger.
    """

    rung: Rung
    sound: int
    pictures: int
    proven: bool
    by_socket: bool
    fault: str = ""

    @property
    def works(self) -> bool:
        pictures = self.pictures >= ENOUGH_FRAMES or self.rung is not Rung.ENCODED
        return self.proven and pictures and self.sound >= ENOUGH_FRAMES

    def __str__(self) -> str:
        if self.fault:
            return f"{self.rung.value}: {self.fault}"
        way = "a socket" if self.by_socket else "the debugger"
        pictures = f", {self.pictures} pictures" if self.rung is Rung.ENCODED else ""
        energy = "with" if self.proven else "without"
        state = "works" if self.works else "fails"
        return f"{self.rung.value}: {state}; {self.sound} loud pieces of sound, {energy} proof{pictures}, over {way}"


class _Ear:
    """A sink that only counts."""

    def __init__(self) -> None:
        self._kinds: dict[int, str] = {}
        self.sound = 0
        self.pictures = 0

    def on_track(self, info: TrackInfo) -> None:
        self._kinds[info.track_id] = info.kind

    def on_frames(self, track_id: int, frames: list[EncodedFrame]) -> None:
        if self._kinds.get(track_id) == TrackKind.VIDEO:
            self.pictures += len(frames)
        else:
            self.sound += sum(frame.audio_level <= LOUD_LEVEL for frame in frames)

    def on_signal(self, channel: str, payload: bytes, at_ns: int) -> None:
        return

    def on_capture(self, span: CaptureSpan, at_ns: int) -> None:
        return


async def examine(
    executable: str | None = None, *, extra_args: tuple[str, ...] = (), patience_s: float = RUNG_S
) -> list[RungFinding]:
    """Starts a browser and holds one call for each rung.

    Args:
        patience_s: How long a rung may take until it has heard enough.

    Raises:
        RunnerError: there is no browser, or it does not start.
    """
    browser = await Chromium.launch(BrowserOptions(executable=executable, extra_args=extra_args))
    server = ProbeServer()
    try:
        await server.start()
        return [await _examined(browser, server, rung, patience_s) for rung in Rung]
    finally:
        await server.close()
        await browser.close()


async def _examined(browser: Chromium, server: ProbeServer, rung: Rung, patience_s: float) -> RungFinding:
    ear = _Ear()
    page = await browser.new_page()
    probe = Probe(page, SystemClock(), ear, ProbeOptions(rungs=(rung,)), server=server)
    address = server.register(_nobody)

    def finding(fault: str = "") -> RungFinding:
        heard = rung is not Rung.ENCODED or any(state.is_proven for state in probe.tracks.values())
        return RungFinding(rung, ear.sound, ear.pictures, heard, not probe.uses_debugger, fault)

    try:
        await probe.start()
        await page.goto(server.page_url(address), wait_until="load")
        await page.evaluate(CALL.read_text(encoding="utf-8"))
        await _until(lambda: finding().works, patience_s)
        return finding()
    except RunnerError as error:
        return finding(error.message)
    finally:
        server.unregister(address)
        await probe.close()
        await page.close()


async def _until(condition: Callable[[], bool], patience_s: float) -> None:
    """Waits, in vain at most `patience_s` seconds."""
    for _ in range(round(patience_s / LOOK_S)):
        if condition():
            return
        await asyncio.sleep(LOOK_S)


async def _nobody(socket: ServerConnection) -> None:
    """The page itself talks to nobody; its probe has an address of its own."""


def summary(findings: list[RungFinding]) -> str:
    """All in one sentence."""
    works = [f.rung.value for f in findings if f.works]
    fails = [f.rung.value for f in findings if not f.works]
    if not fails:
        return f"every rung hears a test call ({', '.join(works)})"
    if not works:
        return "no rung hears a test call: bots would record nothing"
    return f"{', '.join(fails)} cannot hear a test call, {', '.join(works)} can"


def main(argv: list[str] | None = None) -> int:
    """Examines and prints."""
    parser = argparse.ArgumentParser(prog="python -m meetfleet.browser.selftest", description=__doc__)
    parser.add_argument("--executable", help="path of Chromium; by default it is looked for")
    args = parser.parse_args(argv)
    return asyncio.run(_report(examine(args.executable)))


async def _report(examining: Awaitable[list[RungFinding]]) -> int:
    try:
        findings = await examining
    except RunnerError as error:
        print(f"{error.message} {error.hint or ''}".strip())
        return 2
    for finding in findings:
        print(finding)
    print(summary(findings))
    working = sum(finding.works for finding in findings)
    return 0 if working == len(findings) else 1 if working else 2


if __name__ == "__main__":
    sys.exit(main())
