"""A bot's picture as the other side of the call receives it: real getUserMedia, real encoder, decoded by the lab."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from labkit import eventually
from PIL import Image

from meetfleet.bot.process import BotProcess, ExitCode
from meetfleet.browser.chromium import Chromium
from meetfleet.browser.flags import BrowserOptions
from meetfleet.domain.link import BotSpec, CameraLoop, CameraSpec
from meetfleet.lab.lab import Lab
from meetfleet.lab.room import Room
from meetfleet.lab.script import Host, Media, Person, RoomScript
from meetfleet.testing.link import FakeControlPlane, fake_control_plane

pytestmark = [pytest.mark.lab, pytest.mark.slow]

RED, GREEN, BLUE = (200, 30, 30), (20, 160, 40), (30, 40, 200)
PATIENCE_S = 60
ROOM = RoomScript(
    people=(Person("Ann Lee", host=True, camera=False),), host=Host(admits_after_s=0.5), media=Media(cameras=False)
)


def jpeg(colour: tuple[int, int, int]) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (1280, 720), colour).save(file, "JPEG", quality=90)
    return file.getvalue()


class Call:
    """A bot in a call of the lab."""

    def __init__(self, room: Room, control: FakeControlPlane) -> None:
        self.room = room
        self.control = control

    @property
    def seen(self) -> list[dict[str, Any]]:
        """What was received of the bot's camera: one entry for each picture."""
        return [sight for visit in self.room.truth(sent=False)["visits"] for sight in visit["camera"]]

    @property
    def colours(self) -> list[tuple[int, int, int]]:
        """Those pictures by the names of their colours, as near as they come."""
        return [_nearest(sight["colours"][4]) for sight in self.seen]

    async def until(self, *colours: tuple[int, int, int]) -> None:
        """Waits until these were received, in this order."""

        async def reached() -> bool:
            return self.colours == list(colours)

        try:
            await eventually(reached, PATIENCE_S)
        except TimeoutError:
            pytest.fail(f"Received {self.seen} instead; states {self.states}")

    async def until_state(self, state: str) -> None:
        await self.control.until(lambda: state in self.states, PATIENCE_S)

    @property
    def states(self) -> list[str]:
        return [data["state"] for data in self.control.of("state")]

    def order(self, kind: str) -> None:
        self.control.order(seq=len(self.control.orders) + 1, type=kind, data={})

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [e for e in self.room.truth(sent=False)["events"] if e["type"] == kind]


def _nearest(mean: list[int]) -> tuple[int, int, int]:
    known = (RED, GREEN, BLUE, (0, 0, 0))
    distance, colour = min((max(abs(a - b) for a, b in zip(mean, c, strict=True)), c) for c in known)
    assert distance < 50, mean  # colour spaces differ by some tens between browser and decoder
    return colour


@asynccontextmanager
async def call_with(
    tmp_path: Path, camera: CameraSpec | None, pictures: dict[int, bytes], room: RoomScript = ROOM
) -> AsyncIterator[Call]:
    """A bot joins, and has to leave in good order afterwards."""
    async with Lab() as lab, fake_control_plane() as control:
        control.pictures = pictures
        chromium = await Chromium.launch(BrowserOptions(extra_args=tuple(lab.chromium_args)))
        opened = await lab.open_room(room)
        spec = BotSpec(
            bot_id="b1",
            take=1,
            token=control.token,
            link_url=control.url,
            work_dir=str(tmp_path),
            meeting_url=opened.meeting_url,
            platform="google_meet",
            bot_name="Notetaker",
            camera=camera,
        )
        life = asyncio.create_task(BotProcess(spec, chromium).run())
        try:
            call = Call(opened, control)
            yield call
            call.order("leave")
            async with asyncio.timeout(PATIENCE_S):
                assert await life is ExitCode.DELIVERED
        finally:
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)
            await chromium.close()


async def test_the_picture_follows_the_status_of_the_recording(tmp_path: Path) -> None:
    camera = CameraSpec(3, CameraLoop.BOT_STATUS)
    async with call_with(tmp_path, camera, {1: jpeg(RED), 2: jpeg(GREEN), 3: jpeg(BLUE)}) as call:
        await call.until_state("recording")
        await call.until(GREEN)
        call.order("pause")
        await call.until(GREEN, BLUE)
        call.order("resume")
        await call.until(GREEN, BLUE, GREEN)
    assert all(sight["width"] * 9 == sight["height"] * 16 for sight in call.seen)
    assert call.events("camera_on")


async def test_several_pictures_take_turns(tmp_path: Path) -> None:
    async with call_with(tmp_path, CameraSpec(2, CameraLoop.AUTO, each_s=3), {1: jpeg(RED), 2: jpeg(BLUE)}) as call:
        await call.until_state("recording")

        async def turned() -> bool:
            return len(call.seen) >= 4

        await eventually(turned, PATIENCE_S)
    colours = call.colours
    assert all(one != other for one, other in pairwise(colours))
    assert set(colours) == {RED, BLUE}
    held_s = [(s["until_ns"] - s["since_ns"]) / 1e9 for s in call.seen[1:-1]]
    assert all(2 < seconds < 4 for seconds in held_s), held_s


async def test_a_picture_that_cannot_be_had_leaves_the_camera_off_and_the_bot_in_the_call(tmp_path: Path) -> None:
    async with call_with(tmp_path, CameraSpec(1), {}) as call:
        await call.until_state("recording")
        await asyncio.sleep(3)
    assert not call.seen
    assert not call.events("camera_on")


async def test_a_bot_without_a_picture_offers_its_page_no_camera(tmp_path: Path) -> None:
    async with call_with(tmp_path, None, {}) as call:
        await call.until_state("recording")
    assert call.events("page_camera_missing")
    assert not call.seen
