"""A whole bot in its own loop: a scripted platform in place of the browser, a real link, a real tape."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from meetfleet.bot.course_rules import CourseRules
from meetfleet.bot.process import BotProcess, ExitCode, Patience
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.errors import JoinError, TapeError
from meetfleet.domain.link import BotSpec, RecordingMode, Timeouts
from meetfleet.platforms.screen import ScreenKind
from meetfleet.tape.records import ChatMessage, CommandSeen, Roster, Screenshot, StateSeen
from meetfleet.tape.tape import Tape
from meetfleet.tape.writer import TapeWriter
from meetfleet.testing.link import FakeControlPlane, fake_control_plane
from meetfleet.testing.scripted_platform import Script, ScriptedBrowser, SilentProbe

SPEED = 20


class FastClock:
    """Twenty seconds pass in one, so that waits of seconds need no patience."""

    def __init__(self) -> None:
        self._start = time.monotonic_ns()

    def now_ns(self) -> int:
        return 1_800_000_000_000_000_000 + (time.monotonic_ns() - self._start) * SPEED

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / SPEED)


class Run:
    """One bot under way."""

    def __init__(self, script: Script, control: FakeControlPlane, folder: Path, **spec: Any) -> None:
        self.script, self.control, self.folder = script, control, folder
        self.chromium = ScriptedBrowser()
        self.spec = BotSpec(
            bot_id="b1",
            take=1,
            token="secret",
            link_url=control.url,
            work_dir=str(folder),
            meeting_url="https://meet.example/x",
            platform="scripted",
            bot_name="Bot",
            **spec,
        )
        self.bot = BotProcess(
            self.spec,
            cast(Any, self.chromium),
            clock=FastClock(),
            rules=CourseRules(freeze_s=40, retry_pause_s=0.1, disk_full_s=5),
            patience=Patience(deliver_s=5, terminated_s=0.4),
            adapters=lambda _: cast(Any, script.adapter()),
            make_probe=cast(Any, SilentProbe),
        )

    @property
    def states(self) -> list[str]:
        return [data["state"] for data in self.control.of("state")]

    @property
    def end(self) -> dict[str, Any]:
        return self.control.of("state")[-1]

    async def until_state(self, state: str) -> None:
        await self.control.until(lambda: state in self.states)

    def records(self, kind: type) -> list[Any]:
        messages = Tape.open(self.folder / "tape").messages()
        return [r for m in messages if isinstance(r := getattr(m, "record", None), kind)]


@pytest.fixture
async def control() -> AsyncIterator[FakeControlPlane]:
    async with fake_control_plane() as control:
        yield control


@asynccontextmanager
async def living(run: Run) -> AsyncIterator[Callable[[], Any]]:
    """Runs the bot; yields what awaits its exit code."""
    task = asyncio.create_task(run.bot.run())

    async def done() -> ExitCode:
        async with asyncio.timeout(20):
            return await task

    try:
        yield done
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_stay_from_the_waiting_room_to_the_last_confirmed_report(
    control: FakeControlPlane, tmp_path: Path
) -> None:
    run = Run(Script(ScreenKind.WAITING_ROOM), control, tmp_path, entry_message="Hello, I record.")
    async with living(run) as done:
        await run.until_state("waiting_room")
        run.script.kind = ScreenKind.IN_CALL
        await run.until_state("recording")
        run.script.roster("Ann")
        await control.until(lambda: bool(run.script.said))
        control.order(seq=1, type="leave")
        assert await done() is ExitCode.DELIVERED
    assert run.states == ["joining", "waiting_room", "in_call", "recording", "leaving", "processing"]
    assert run.end["reason"] == "api_request"
    assert run.end["evidence"]["screen"] == "in_call"
    assert run.end["evidence"]["url"] == "https://meet.example/x"
    assert (run.script.said, run.script.settled, run.script.left) == (["Hello, I record."], 1, 1)
    assert control.of("command_done") == [{"seq": 1, "ok": True, "detail": "", "code": ""}]
    names = [s["name"] for s in control.of("segment")]
    assert names
    assert sorted(control.segments) == sorted(names)
    assert all((tmp_path / "tape" / n).read_bytes() == control.segments[n] for n in names)
    last = run.records(StateSeen)[-1]
    assert (last.state, last.reason) == ("leaving", "api_request")
    assert run.records(Roster)[-1].participants[1].name == "Ann"
    assert run.records(Screenshot)
    assert all(page.closed for page in run.chromium.pages)


async def test_the_final_report_comes_after_the_last_segment(control: FakeControlPlane, tmp_path: Path) -> None:
    run = Run(Script(), control, tmp_path)
    async with living(run) as done:
        await run.until_state("recording")
        control.order(seq=1, type="leave")
        await done()
    kinds = [e["type"] if e["type"] != "state" else e["data"]["state"] for _, e in sorted(control.events.items())]
    assert kinds.index("processing") > max(i for i, k in enumerate(kinds) if k == "segment")


async def test_pause_keeps_the_meeting_off_the_tape_and_resume_brings_it_back(
    control: FakeControlPlane, tmp_path: Path
) -> None:
    run = Run(Script(), control, tmp_path)
    async with living(run) as done:
        await run.until_state("recording")
        control.order(seq=1, type="pause")
        await run.until_state("paused")
        assert run.script.sink is not None
        run.script.sink.on_chat(ChatMessage("m1", "Ann", "Ann", "off the record"))
        control.order(seq=2, type="resume")
        await control.until(lambda: run.states[-1] == "recording")
        run.script.sink.on_chat(ChatMessage("m2", "Ann", "Ann", "on the record"))
        control.order(seq=3, type="leave")
        await done()
    assert [m.text for m in run.records(ChatMessage)] == ["on the record"]
    assert [c.command for c in run.records(CommandSeen)] == ["pause", "resume", "leave"]
    assert [c["text"] for c in control.of("chat")] == ["on the record"]


async def test_chat_orders_are_said_and_a_chat_that_is_off_is_reported(
    control: FakeControlPlane, tmp_path: Path
) -> None:
    run = Run(Script(), control, tmp_path)
    async with living(run) as done:
        await run.until_state("recording")
        control.order(seq=1, type="chat", data={"text": "hi"})
        await control.until(lambda: len(control.of("command_done")) == 1)
        run.script.chat_off = True
        control.order(seq=2, type="chat", data={"text": "hi"})
        await control.until(lambda: len(control.of("command_done")) == 2)
        control.order(seq=3, type="leave")
        await done()
    assert [(c["seq"], c["ok"], c["code"]) for c in control.of("command_done")] == [
        (1, True, ""),
        (2, False, "chat_disabled"),
        (3, True, ""),
    ]


async def test_a_blocked_page_is_replaced_and_the_next_one_gets_in(control: FakeControlPlane, tmp_path: Path) -> None:
    run = Run(Script(ScreenKind.BLOCKED, ScreenKind.BLOCKED, ScreenKind.IN_CALL), control, tmp_path)
    async with living(run) as done:
        await run.until_state("recording")
        control.order(seq=1, type="leave")
        await done()
    assert len(run.chromium.pages) == 3
    assert run.end["reason"] == "api_request"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (ScreenKind.DENIED, EndReason.BOT_NOT_ACCEPTED),
        (ScreenKind.BLOCKED, EndReason.BLOCKED_BY_PLATFORM),
        (ScreenKind.NOT_FOUND, EndReason.MEETING_NOT_FOUND),
        (ScreenKind.LOGIN, EndReason.LOGIN_REQUIRED),
        (ScreenKind.WAITING_HOST, EndReason.WAITING_FOR_HOST_TIMEOUT),
        (ScreenKind.UNKNOWN, EndReason.CANNOT_JOIN_MEETING),
    ],
)
async def test_a_refusal_is_delivered_with_its_evidence(
    control: FakeControlPlane, tmp_path: Path, kind: ScreenKind, reason: EndReason
) -> None:
    run = Run(Script(kind), control, tmp_path, timeouts=Timeouts(waiting_room_s=10, join_s=10))
    async with living(run) as done:
        assert await done() is ExitCode.DELIVERED
    assert run.end["reason"] == reason
    assert run.end["evidence"]["screen"] == kind.value
    assert "recording" not in run.states
    assert run.records(Screenshot)


async def test_a_url_that_names_no_meeting_ends_at_once(control: FakeControlPlane, tmp_path: Path) -> None:
    script = Script()
    script.refusal = JoinError(EndReason.INVALID_MEETING_URL, "no meeting")
    run = Run(script, control, tmp_path)
    async with living(run) as done:
        await done()
    assert run.states == ["joining", "leaving", "processing"]
    assert run.end["reason"] == "invalid_meeting_url"


async def test_a_dead_browser_ends_the_stay_and_the_tape_is_delivered(
    control: FakeControlPlane, tmp_path: Path
) -> None:
    run = Run(Script(), control, tmp_path)
    async with living(run) as done:
        await run.until_state("recording")
        run.chromium.on_exit_callbacks[0](-9)
        assert await done() is ExitCode.DELIVERED
    assert run.end["reason"] == "browser_crashed"
    assert control.segments


async def test_a_crashed_page_is_replaced_before_admission(control: FakeControlPlane, tmp_path: Path) -> None:
    run = Run(Script(ScreenKind.WAITING_ROOM, ScreenKind.IN_CALL), control, tmp_path)
    async with living(run) as done:
        await run.until_state("waiting_room")
        run.chromium.pages[0].on_crash_callbacks[0]("The page's process crashed.")
        await run.until_state("recording")
        run.chromium.pages[1].on_crash_callbacks[0]("The page's process crashed.")
        await done()
    assert run.end["reason"] == "browser_crashed"
    assert run.states[:4] == ["joining", "waiting_room", "joining", "in_call"]


async def test_a_frozen_page_is_a_lost_connection(control: FakeControlPlane, tmp_path: Path) -> None:
    run = Run(Script(), control, tmp_path)
    async with living(run) as done:
        await run.until_state("recording")
        run.script.frozen = True
        await done()
    assert run.end["reason"] == "network_loss"


async def test_a_fault_of_our_own_is_an_internal_error_and_the_tape_is_delivered(
    control: FakeControlPlane, tmp_path: Path
) -> None:
    run = Run(Script(), control, tmp_path)
    async with living(run) as done:
        await run.until_state("recording")
        run.script.error = ZeroDivisionError("a bug")
        assert await done() is ExitCode.DELIVERED
    assert run.end["reason"] == "internal_error"
    assert "ZeroDivisionError" in run.end["detail"]
    assert control.segments


async def test_sigterm_leaves_politely_and_delivers(control: FakeControlPlane, tmp_path: Path) -> None:
    run = Run(Script(), control, tmp_path)
    async with living(run) as done:
        await run.until_state("recording")
        run.bot.terminate()
        assert await done() is ExitCode.DELIVERED
    assert run.end["reason"] == "terminated"
    assert run.script.left == 1


async def test_with_the_control_plane_away_the_stay_goes_on_and_what_is_left_lies_on_the_disk(
    control: FakeControlPlane, tmp_path: Path
) -> None:
    run = Run(Script(), control, tmp_path, timeouts=Timeouts(max_recording_s=10))
    async with living(run) as done:
        await run.until_state("recording")
        control.refuse = 503
        await control.until(lambda: run.bot.stay.course.finish is not None)
        run.bot.terminate()  # it would wait ten minutes
        assert await done() is ExitCode.LEFT_BEHIND
    assert '"recording_timeout"' in (tmp_path / "events.jsonl").read_text()
    assert list((tmp_path / "tape").glob("*.mcap"))


async def test_a_full_disk_ends_the_stay_with_a_clear_word(
    control: FakeControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(Script(), control, tmp_path)
    async with living(run) as done:
        await run.until_state("recording")

        def full(self: TapeWriter) -> None:
            raise TapeError("No space left on device", code="disk_full")

        with monkeypatch.context() as patch:
            patch.setattr(TapeWriter, "tick", full)
            await control.until(lambda: run.bot.stay.course.finish is not None)
        assert await done() is ExitCode.DELIVERED
    assert run.end["reason"] == "disk_full"
    assert "cannot be written" in run.end["detail"]


async def test_sound_only_bots_take_no_pictures_but_the_last(control: FakeControlPlane, tmp_path: Path) -> None:
    run = Run(Script(), control, tmp_path, recording_mode=RecordingMode.AUDIO_ONLY)
    async with living(run) as done:
        await run.until_state("recording")
        control.order(seq=1, type="leave")
        await done()
    assert len(run.records(Screenshot)) == 1


async def test_the_heartbeat_tells_what_the_bot_costs(control: FakeControlPlane, tmp_path: Path) -> None:
    run = Run(Script(), control, tmp_path)
    async with living(run) as done:
        await control.until(lambda: bool(control.of("heartbeat")))
        control.order(seq=1, type="leave")
        await done()
    beat = control.of("heartbeat")[0]
    assert beat["cpu_s"] > 0
    assert beat["memory_bytes"] > os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("status", [401, 404, 409])
async def test_a_bot_that_nobody_knows_any_more_leaves_and_keeps_its_tape(
    control: FakeControlPlane, tmp_path: Path, status: int
) -> None:
    run = Run(Script(ScreenKind.IN_CALL), control, tmp_path)
    async with living(run) as done:
        await run.until_state("recording")
        run.script.roster("Ann")
        control.refuse = status
        assert await done() is ExitCode.LEFT_BEHIND
    assert run.script.left
    assert run.records(StateSeen)[-1].state == "leaving"
    assert run.records(Roster)
