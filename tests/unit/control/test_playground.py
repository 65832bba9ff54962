"""Where sandbox bots go, and that they go nowhere else."""

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from meetfleet.control.admission import Refusal
from meetfleet.control.bots import Bots
from meetfleet.control.dispatch import Dispatcher, Site
from meetfleet.control.login_desk import LoginDesk
from meetfleet.control.playground import OpenRoom, Playground, SandboxUnavailable
from meetfleet.control.tokens import Tokens
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.errors import InvalidRequest, RunnerError
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.link import BrowserSpec, Drill, DrillTarget
from meetfleet.domain.meeting_url import parse_meeting_url
from meetfleet.store.tables import BotRow
from meetfleet.testing.control_plane import BotOnLink, ControlPlane

FENCED = BrowserSpec("chromium", ("--fenced",))


@dataclass
class StubLab:
    """Opens rooms at once, unless it is told to wait or to fail."""

    rooms: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    closed: list[str] = field(default_factory=list[str])
    is_running: bool = False
    trouble: str | None = None
    opening: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.opening.set()

    async def browser(self) -> BrowserSpec:
        self.is_running = True
        return FENCED

    async def open_room(self, script: dict[str, Any]) -> OpenRoom:
        await self.opening.wait()
        if self.trouble:
            raise RunnerError(self.trouble)
        code = f"abc-defg-{len(self.rooms):03}"
        self.rooms[code] = script
        return OpenRoom(code, f"https://meet.google.com/{code}")

    async def close_room(self, code: str) -> None:
        self.closed.append(code)

    async def stop(self) -> None:
        self.is_running = False


class Sandbox:
    """A control plane whose dispatcher has a playground."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self.lab = StubLab()
        self.playground = Playground(plane.database, self.lab, self._place, idle_s=0)
        self.dispatcher = Dispatcher(
            plane.database,
            plane.lifecycle,
            plane.queue,
            plane.launcher,
            lambda: plane.room,
            Site("http://127.0.0.1:1/link"),
            plane.clock,
            LoginDesk(capacity=1),
            playground=self.playground,
        )

    async def _place(self) -> None:
        await self.dispatcher.place_waiting()

    async def settle(self) -> None:
        """Lets rooms be made and places whoever waits."""
        for _ in range(4):
            await self.dispatcher.place_waiting()
            await asyncio.sleep(0.01)


@pytest.fixture
def sandbox(plane: ControlPlane) -> Sandbox:
    return Sandbox(plane)


async def test_a_sandbox_bot_is_sent_to_a_room_of_its_own_behind_the_fence(sandbox: Sandbox) -> None:
    plane = sandbox.plane
    bot = await plane.new_bot(is_sandbox=True, extra={"sandbox": {"scenario": "bot_crash", "seconds": 4}})
    await sandbox.settle()
    (spec,) = plane.launcher.specs
    assert spec.bot_id == str(bot.id)
    assert spec.browser == FENCED
    assert spec.meeting_url == "https://meet.google.com/abc-defg-000"
    assert (await plane.row(bot.id)).meeting_url == "https://meet.google.com/abc-defg-hij"
    assert spec.drill == Drill(DrillTarget.PROCESS, 4)
    assert spec.timeouts.waiting_room_s == 10
    assert sandbox.lab.rooms["abc-defg-000"]["name"] == "sandbox bot_crash"


async def test_a_live_bot_is_not_touched_by_any_of_it(sandbox: Sandbox) -> None:
    await sandbox.plane.new_bot(extra={"sandbox": {"scenario": "unheard_of"}})
    await sandbox.settle()
    (spec,) = sandbox.plane.launcher.specs
    assert (spec.meeting_url, spec.browser, spec.drill) == ("https://meet.google.com/abc-defg-hij", BrowserSpec(), None)
    assert spec.timeouts.waiting_room_s == 600
    assert not sandbox.lab.is_running


async def test_live_bots_do_not_wait_for_rooms_of_the_sandbox(sandbox: Sandbox) -> None:
    plane = sandbox.plane
    sandbox.lab.opening.clear()
    waiting = await plane.new_bot(is_sandbox=True)
    live = await plane.new_bot()
    await sandbox.settle()
    assert [spec.bot_id for spec in plane.launcher.specs] == [str(live.id)]
    assert (await plane.row(waiting.id)).waiting_for == "its room in the sandbox is being made ready"
    sandbox.lab.opening.set()
    await sandbox.settle()
    assert [spec.bot_id for spec in plane.launcher.specs] == [str(live.id), str(waiting.id)]


async def test_bots_of_a_team_meet_by_the_same_link_and_order_those_of_others_do_not(sandbox: Sandbox) -> None:
    plane = sandbox.plane
    await plane.new_bot(is_sandbox=True)
    await plane.new_bot(is_sandbox=True)
    await plane.new_bot(is_sandbox=True, extra={"sandbox": {"people": 3}})
    plane.team = await plane.new_team()
    await plane.new_bot(is_sandbox=True)
    await sandbox.settle()
    rooms = [spec.meeting_url for spec in plane.launcher.specs]
    assert rooms[0] == rooms[1]
    assert len(set(rooms)) == 3


async def test_a_room_is_closed_when_its_last_bot_is_at_its_end_and_the_lab_when_it_is_idle(sandbox: Sandbox) -> None:
    plane = sandbox.plane
    bots = [await plane.new_bot(is_sandbox=True) for _ in range(2)]
    await sandbox.settle()
    for bot, closed in zip(bots, ([], ["abc-defg-000"]), strict=True):
        async with plane.database.transaction() as session:
            row = await session.get(BotRow, bot.id)
            assert row is not None
            row.state = BotState.FAILED
        await sandbox.playground.sweep()
        assert sandbox.lab.closed == closed
    running = asyncio.create_task(sandbox.playground.run())
    try:
        async with asyncio.timeout(10):
            while sandbox.lab.is_running:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_lab_that_fails_ends_its_bot_and_is_tried_anew_for_the_next(sandbox: Sandbox) -> None:
    plane = sandbox.plane
    sandbox.lab.trouble = "no voice"
    bot = await plane.new_bot(is_sandbox=True)
    await sandbox.settle()
    row = await plane.row(bot.id)
    assert (row.state, row.end_reason) == (BotState.FAILED, EndReason.INTERNAL_ERROR)
    assert "no voice" in (row.end_detail or "")
    sandbox.lab.trouble = None
    await plane.new_bot(is_sandbox=True)
    await sandbox.settle()
    assert len(plane.launcher.specs) == 1


async def test_without_a_sandbox_its_bots_go_nowhere_at_all(plane: ControlPlane) -> None:
    bot = await plane.new_bot(is_sandbox=True)
    await plane.dispatcher.place_waiting()
    assert not plane.launcher.specs
    assert (await plane.row(bot.id)).state is BotState.FAILED


async def test_platforms_that_the_lab_does_not_play_are_behind_the_fence_too(sandbox: Sandbox) -> None:
    zoom = parse_meeting_url("https://zoom.us/j/123456789")
    await sandbox.plane.new_bot(is_sandbox=True, meeting=zoom)
    await sandbox.settle()
    (spec,) = sandbox.plane.launcher.specs
    assert (spec.meeting_url, spec.browser) == ("https://zoom.us/j/123456789", FENCED)
    assert not sandbox.lab.rooms


async def test_an_order_that_cannot_be_understood_makes_no_bot(plane: ControlPlane) -> None:
    with pytest.raises(InvalidRequest, match=r"extra\.sandbox\.scenario"):
        await plane.new_bot(is_sandbox=True, extra={"sandbox": {"scenario": "unheard_of"}})


async def test_a_server_that_cannot_run_the_lab_says_what_it_lacks(plane: ControlPlane) -> None:
    plane.bots = Bots(
        plane.database,
        plane.lifecycle,
        plane.queue,
        plane.objects,
        plane.clock,
        sandbox_lacks=lambda: ["aiortc", "flite"],
    )
    with pytest.raises(SandboxUnavailable, match="aiortc, flite") as raised:
        await plane.new_bot(is_sandbox=True)
    assert (raised.value.status, raised.value.code) == (409, "sandbox_unavailable")
    assert raised.value.hint
    await plane.new_bot()


async def test_the_sandbox_costs_nothing_and_counts_nowhere(plane: ControlPlane) -> None:
    plane.team = await plane.new_team(plan="payg", settings={"limits": {"bots_per_day": 1}})
    await Tokens(plane.database, plane.clock).grant(plane.team, Decimal(100), "for the test")
    for _ in range(3):
        await plane.new_bot(is_sandbox=True)
    assert (await Tokens(plane.database, plane.clock).balance(plane.team)).reserved == 0
    await plane.new_bot()
    assert (await Tokens(plane.database, plane.clock).balance(plane.team)).reserved > 0
    with pytest.raises(Refusal):
        await plane.new_bot()


async def test_a_sandbox_bot_and_a_live_one_do_not_stand_in_each_others_way(plane: ControlPlane) -> None:
    await plane.new_bot(is_sandbox=True, allow_multiple_bots=False)
    await plane.new_bot(allow_multiple_bots=False)
    for is_sandbox in (True, False):
        with pytest.raises(Refusal):
            await plane.new_bot(is_sandbox=is_sandbox, allow_multiple_bots=False)


async def test_a_finished_sandbox_bot_is_charged_nothing(sandbox: Sandbox) -> None:
    plane = sandbox.plane
    plane.team = await plane.new_team(plan="payg")
    await Tokens(plane.database, plane.clock).grant(plane.team, Decimal(100), "for the test")
    before = await Tokens(plane.database, plane.clock).balance(plane.team)
    bot = await plane.new_bot(is_sandbox=True)
    await sandbox.settle()
    one = BotOnLink(plane, plane.launcher.specs[-1])
    await one.be("joining", "waiting_room")
    await plane.clock.advance(900)
    await one.be("leaving", "processing", reason=EndReason.WAITING_ROOM_TIMEOUT.value)
    await plane.finaliser.finalise(bot.id)
    assert (await plane.row(bot.id)).state is BotState.FAILED
    assert await Tokens(plane.database, plane.clock).balance(plane.team) == before
    assert (await plane.row(bot.id)).tokens is None
