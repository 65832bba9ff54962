"""The page rung for pictures: a page whose pictures come from no receiver is filmed, and what is filmed is shown."""

import asyncio
import io
from pathlib import Path

import pytest
from loopback_meeting import Meeting, meeting_with_probe, synthesise, until
from PIL import Image

from meetfleet.browser.probe import ProbeOptions
from meetfleet.tape.frame import EncodedFrame
from meetfleet.tape.records import Rung

pytestmark = pytest.mark.lab

SHOW_VIDEO = """() => {
  const video = document.createElement('video');
  video.muted = true;
  video.srcObject = movingPicture(0);
  video.style = 'position: fixed; inset: 0; width: 1280px; height: 720px';
  document.body.append(video);
  return video.play();
}"""
SHOW_CANVAS = """() => {
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width: 640, height: 360 });
  canvas.style = 'position: fixed; inset: 0; width: 1280px; height: 720px';
  document.body.append(canvas);
  const pen = canvas.getContext('2d');
  let n = 0;
  setInterval(() => {
    pen.fillStyle = '#c00';
    pen.fillRect(0, 0, 640, 360);
    pen.fillStyle = '#fff';
    pen.fillRect((n++ * 8) % 640, 100, 40, 40);
  }, 40);
}"""


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthesise(tmp_path_factory.mktemp("speech"))


async def filmed(meeting: Meeting, show: str, seconds: float) -> list[EncodedFrame]:
    """What comes within some seconds of film."""
    await meeting.page.goto(meeting.origin, wait_until="load")
    await meeting.page.evaluate(show)
    await until(lambda: meeting.sink.rungs("video") == [Rung.PAGE], timeout_s=40)
    await until(lambda: len(meeting.sink.of(kind="video")) > 0)
    before = len(meeting.sink.of(kind="video"))
    await asyncio.sleep(seconds)
    return meeting.sink.of(kind="video")[before:]


async def test_video_elements_are_filmed_at_about_the_rate_asked_for(speech: Path) -> None:
    async with meeting_with_probe(speech, ProbeOptions(screencast_fps=2.0)) as meeting:
        frames = await filmed(meeting, SHOW_VIDEO, 6)
        assert {t.codec for t in meeting.sink.tracks.values()} == {"jpeg"}
        assert 4 <= len(frames) <= 13  # 12 where the machine has time
        pictures = [Image.open(io.BytesIO(f.payload)).convert("RGB") for f in frames]
        assert all(is_red(p.getpixel((1000, 600))) for p in pictures[1:])
        assert len({f.payload for f in frames}) > len(frames) / 2  # it moves


def is_red(colour: tuple[int, int, int]) -> bool:
    red, green, blue = colour
    return red > 150 and green < 90 and blue < 90


async def test_a_canvas_is_filmed_by_the_page_itself(speech: Path) -> None:
    async with meeting_with_probe(speech, ProbeOptions(picture_fps=8)) as meeting:
        frames = await filmed(meeting, SHOW_CANVAS, 5)
        assert {t.codec for t in meeting.sink.tracks.values()} == {"vp8"}
        assert 10 <= len(frames) <= 60
        assert {(f.width, f.height) for f in frames} == {(640, 360)}
        assert any(f.is_key for f in frames)


async def test_a_reloaded_page_is_filmed_again(speech: Path) -> None:
    async with meeting_with_probe(speech) as meeting:
        await filmed(meeting, SHOW_VIDEO, 1)
        await meeting.page.goto(meeting.origin, wait_until="load")
        await meeting.page.evaluate(SHOW_VIDEO)
        before = len(meeting.sink.of(kind="video"))
        await until(lambda: len(meeting.sink.of(kind="video")) > before + 4)
