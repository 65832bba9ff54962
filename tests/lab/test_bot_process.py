"""The bot as the fleet runs it: a process of its own, warm or cold, that is told to end or loses its browser."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from meetfleet.bot.process import ExitCode
from meetfleet.domain.link import BotSpec, BrowserSpec
from meetfleet.lab.lab import Lab
from meetfleet.lab.room import Room
from meetfleet.lab.script import Line, Media, Person, RoomScript
from meetfleet.tape.records import StateSeen
from meetfleet.tape.tape import Tape
from meetfleet.testing.link import FakeControlPlane, fake_control_plane

pytestmark = pytest.mark.lab

ROOM = RoomScript(
    people=(Person("Ann Lee", host=True, camera=False),),
    conversation=(Line("Good morning, shall we begin with the numbers?", "Ann Lee", at=1.0),),
    loop=True,
    media=Media(cameras=False),
)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def lab() -> AsyncIterator[Lab]:
    async with Lab() as lab:
        yield lab


@dataclass
class Bot:
    """A bot's process and what it is connected to."""

    process: asyncio.subprocess.Process
    control: FakeControlPlane
    room: Room
    spec: BotSpec
    browser_pid: int | None = None

    @property
    def states(self) -> list[str]:
        return [data["state"] for data in self.control.of("state")]

    @property
    def end(self) -> dict[str, Any]:
        return self.control.of("state")[-1]

    async def until_recording(self) -> None:
        await self.control.until(lambda: "recording" in self.states, 90)

    async def exit_code(self) -> int:
        async with asyncio.timeout(60):
            return await self.process.wait()


def spec_file(lab: Lab, control: FakeControlPlane, room: Room, folder: Path) -> tuple[BotSpec, Path]:
    spec = BotSpec(
        bot_id="b1",
        take=1,
        token=control.token,
        link_url=control.url,
        work_dir=str(folder / "work"),
        meeting_url=room.meeting_url,
        platform="google_meet",
        bot_name="Notetaker",
        browser=BrowserSpec("chromium", tuple(lab.chromium_args)),
    )
    path = folder / "spec.json"
    path.write_text(spec.to_json())
    return spec, path


async def start(*args: str) -> asyncio.subprocess.Process:
    command = [sys.executable, "-m", "meetfleet.bot", *args]
    return await asyncio.create_subprocess_exec(*command, stdin=-1, stdout=-1, start_new_session=True)


@asynccontextmanager
async def a_bot(lab: Lab, folder: Path, *, warm: bool) -> AsyncIterator[Bot]:
    async with AsyncExitStack() as stack:
        control = await stack.enter_async_context(fake_control_plane())
        room = await lab.open_room(ROOM)
        stack.push_async_callback(lab.close_room, room.code)
        spec, path = spec_file(lab, control, room, folder)
        if not warm:
            bot = Bot(await start("--spec", str(path)), control, room, spec)
        else:
            browser = {"executable": spec.browser.executable, "extra_args": list(spec.browser.extra_args)}
            process = await start("--warm", "--browser", json.dumps(browser))
            assert process.stdin is not None
            assert process.stdout is not None
            ready = json.loads(await process.stdout.readline())
            process.stdin.write(f"{path}\n".encode())
            bot = Bot(process, control, room, spec, ready["browser_pid"])
        try:
            yield bot
        finally:
            if bot.process.returncode is None:
                os.killpg(bot.process.pid, signal.SIGKILL)
                await bot.process.wait()


async def test_a_warm_spare_joins_records_and_leaves(lab: Lab, tmp_path: Path) -> None:
    async with a_bot(lab, tmp_path, warm=True) as bot:
        await bot.until_recording()
        assert not (tmp_path / "spec.json").exists()
        bot.control.order(seq=1, type="leave")
        assert await bot.exit_code() == ExitCode.DELIVERED
        assert bot.end["reason"] == "api_request"
        assert bot.control.segments


async def test_a_spare_that_is_not_needed_ends_with_its_standard_input(lab: Lab) -> None:
    process = await start("--warm")
    assert process.stdin is not None
    assert process.stdout is not None
    assert json.loads(await process.stdout.readline())["ready"] is True
    process.stdin.close()
    async with asyncio.timeout(15):
        assert await process.wait() == ExitCode.DELIVERED


async def test_sigterm_leaves_politely_and_delivers_everything(lab: Lab, tmp_path: Path) -> None:
    async with a_bot(lab, tmp_path, warm=False) as bot:
        await bot.until_recording()
        bot.process.send_signal(signal.SIGTERM)
        assert await bot.exit_code() == ExitCode.DELIVERED
        assert bot.end["reason"] == "terminated"
        await bot.room.wait_for("bot_left", 5)


async def test_a_killed_browser_ends_the_stay_and_what_was_taped_is_delivered(lab: Lab, tmp_path: Path) -> None:
    async with a_bot(lab, tmp_path, warm=True) as bot:
        await bot.until_recording()
        await asyncio.sleep(2)
        assert bot.browser_pid is not None
        os.kill(bot.browser_pid, signal.SIGKILL)
        assert await bot.exit_code() == ExitCode.DELIVERED
        assert bot.end["reason"] == "browser_crashed"
        folder = Path(bot.spec.work_dir) / "tape"
        assert {p.name for p in folder.iterdir()} == set(bot.control.segments)
        messages = list(Tape.open(folder).messages())
        assert any(getattr(m, "frames", ()) for m in messages)
        states = [r for m in messages if isinstance(r := getattr(m, "record", None), StateSeen)]
        assert states[-1].reason == "browser_crashed"


async def test_a_browser_that_does_not_start_is_reported(lab: Lab, tmp_path: Path) -> None:
    async with fake_control_plane() as control:
        room = await lab.open_room(ROOM)
        spec, path = spec_file(lab, control, room, tmp_path)
        path.write_text(spec.to_json().replace('"chromium"', '"/bin/false"'))
        process = await start("--spec", str(path))
        async with asyncio.timeout(60):
            assert await process.wait() == ExitCode.FAILED
        assert control.of("state")[-1]["reason"] == "browser_crashed"
        await lab.close_room(room.code)


async def test_an_unreadable_spec_is_refused(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text('{"bot_id": "b1"}')
    process = await start("--spec", str(tmp_path / "spec.json"))
    async with asyncio.timeout(15):
        assert await process.wait() == ExitCode.BAD_SPEC
