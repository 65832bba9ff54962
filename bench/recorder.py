"""The baseline: how meetings are usually recorded: a virtual screen, a headed browser, ffmpeg grabbing and encoding.

The same replica page, the same people and the same browser as our bots, but no probe. Sound is left out (no sound
server, no second ffmpeg input), which is in the baseline's favour.
"""

import asyncio
import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from meetfleet.browser.chromium import Chromium
from meetfleet.browser.flags import BrowserOptions
from meetfleet.browser.page import Page
from meetfleet.browser.probe.assemble import video_refusal

WIDTH, HEIGHT, FPS = 1280, 720, 25

_NAME_FIELD = 'input[aria-label="Your name"]'
_TYPE_NAME = f"""() => {{
  const field = document.querySelector('{_NAME_FIELD}');
  if (!field) return false;
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(field, 'Recorder');
  field.dispatchEvent(new Event('input', {{ bubbles: true }}));
  return true;
}}"""
_JOIN_BUTTON = """() => {
  const spans = [...document.querySelectorAll('button span')];
  const span = spans.find(s => /^(Ask to join|Join now)$/.test(s.textContent.trim()));
  const button = span && span.closest('button');
  if (!button || button.disabled) return null;
  const box = button.getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
}"""
_IN_CALL = """() => document.querySelectorAll('video').length > 1"""

_SHOWS_PEOPLE = """() => [...document.querySelectorAll('video')].filter(v => v.videoWidth > 64).length > 1"""


class BaselineUnavailable(RuntimeError):
    """Xvfb or ffmpeg is not installed."""


@contextlib.asynccontextmanager
async def recording(meeting_url: str, browser_args: tuple[str, ...]) -> AsyncIterator[list[int]]:
    """Joins and records; yields the process ids of everything it takes, while ffmpeg is encoding."""
    for program in ("Xvfb", "ffmpeg"):
        if shutil.which(program) is None:
            raise BaselineUnavailable(f"The baseline needs {program}.")
    with tempfile.TemporaryDirectory(prefix="meetfleet-baseline-") as folder:
        display, screen = _start_screen()
        os.environ["DISPLAY"] = display
        browser = await Chromium.launch(
            BrowserOptions(headless=False, extra_args=(*browser_args, "--kiosk", "--window-position=0,0"))
        )
        ffmpeg: subprocess.Popen[bytes] | None = None
        try:
            await _join(await browser.new_page(), meeting_url)
            ffmpeg = _start_ffmpeg(display, Path(folder) / "screen.mp4")
            yield [screen.pid, browser.pid, ffmpeg.pid]
        finally:
            _end(ffmpeg)
            await browser.close()
            _end(screen)


@contextlib.asynccontextmanager
async def page_only(meeting_url: str, browser_args: tuple[str, ...], *, video: bool) -> AsyncIterator[list[int]]:
    """A bot's browser in the call without any capture: what the meeting's page itself costs, the floor of every bot.

    Args:
        video: Receive pictures, decode and show them; otherwise none are received, as for a bot that only listens.
    """
    browser = await Chromium.launch(BrowserOptions(extra_args=browser_args))
    try:
        page = await browser.new_page()
        if not video:
            await page.add_init_script(video_refusal())
        await _join(page, meeting_url, with_video=video)
        yield [browser.pid]
    finally:
        await browser.close()


def _start_screen() -> tuple[str, "subprocess.Popen[bytes]"]:
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-nolisten", "tcp"]
    process = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as number:
        return f":{number.readline().strip()}", process


def _start_ffmpeg(display: str, target: Path) -> "subprocess.Popen[bytes]":
    grab = [
        "-f",
        "x11grab",
        "-draw_mouse",
        "0",
        "-video_size",
        f"{WIDTH}x{HEIGHT}",
        "-framerate",
        str(FPS),
        "-i",
        display,
    ]
    encode = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p"]
    return subprocess.Popen(["ffmpeg", "-y", "-v", "error", *grab, *encode, str(target)], stdin=subprocess.DEVNULL)


async def _join(page: Page, meeting_url: str, *, with_video: bool = True) -> None:
    await page.goto(meeting_url)
    await _until(page, _TYPE_NAME)
    x, y = await _until(page, _JOIN_BUTTON)
    await page.click(x, y)
    await _until(page, _IN_CALL)
    if with_video:
        await _until(page, _SHOWS_PEOPLE)


async def _until(page: Page, js: str) -> Any:
    """The first answer of the page that counts as true. Raises TimeoutError."""
    async with asyncio.timeout(60):
        while True:
            answer = await page.evaluate(js)
            if answer:
                return answer
            await asyncio.sleep(0.2)


def _end(process: "subprocess.Popen[bytes] | None") -> None:
    if process is None:
        return
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(timeout=10)
