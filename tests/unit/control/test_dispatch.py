import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from meetfleet.control.dispatch import CLAIM_LEASE_S, MAX_STARTS, Dispatcher, Site
from meetfleet.control.login_desk import LoginDesk
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.errors import RunnerError
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.link import LEASE_S, BotSpec, RecordingMode, Timeouts
from meetfleet.fleet.capacity import Capacity
from meetfleet.fleet.launcher import RunnerHandle
from meetfleet.store.jobs import Job
from meetfleet.testing.control import StubLauncher
from meetfleet.testing.control_plane import ROOMY, ControlPlane


async def drain(plane: ControlPlane) -> None:
    """Ends what earlier tests of this module left, so that each starts on an empty machine."""
    async with plane.database.transaction() as session:
        await session.execute(text("UPDATE bots SET state = 'cancelled'"))


async def test_a_placed_bot_is_told_everything_that_was_asked_for(plane: ControlPlane):
    await drain(plane)
    bot = await plane.new_bot(
        recording_mode=RecordingMode.AUDIO_ONLY,
        entry_message="Hello",
        timeouts=Timeouts(silence_s=7),
        ignored_participant_names=("Other bot",),
    )
    assert await plane.dispatcher.place_waiting() == 1
    (spec,) = plane.launcher.specs
    assert (spec.bot_id, spec.take, spec.link_url) == (str(bot.id), 1, "http://127.0.0.1:1/link")
    assert (spec.recording_mode, spec.entry_message) == (RecordingMode.AUDIO_ONLY, "Hello")
    assert (spec.timeouts, spec.ignored_participant_names) == (Timeouts(silence_s=7), ("Other bot",))
    row = await plane.row(bot.id)
    assert (row.state, row.take, row.lease_owner) == (BotState.STARTING, 1, plane.launcher.owner)
    assert row.runner is not None
    assert spec.token not in str(vars(row))


async def test_however_many_dispatch_at_once_each_bot_is_started_once(plane: ControlPlane):
    await drain(plane)
    bots = [await plane.new_bot() for _ in range(6)]
    started = await asyncio.gather(*(plane.dispatcher.place_waiting() for _ in range(5)))
    assert sum(started) == 6
    assert sorted(spec.bot_id for spec in plane.launcher.specs) == sorted(str(bot.id) for bot in bots)


async def test_two_servers_on_one_database_never_start_the_same_bot(plane: ControlPlane):
    await drain(plane)
    other = Dispatcher(
        plane.database,
        plane.lifecycle,
        plane.queue,
        plane.launcher,
        lambda: ROOMY,
        Site("x"),
        plane.clock,
        LoginDesk(capacity=1),
    )
    for _ in range(4):
        await plane.new_bot()
    await asyncio.gather(plane.dispatcher.place_waiting(), other.place_waiting())
    assert len({spec.bot_id for spec in plane.launcher.specs}) == len(plane.launcher.specs) == 4


async def test_a_bot_that_does_not_fit_waits_knows_why_and_is_placed_when_there_is_room(plane: ControlPlane):
    await drain(plane)
    plane.room = Capacity(cores=1, memory_bytes=1e12, free_memory_bytes=1e12)
    first = await plane.started_bot()
    await first.be("joining", "in_call", "recording")
    for i in range(30):
        await first.beat(cpu_s=0.95 * 3 * i)
        await plane.clock.advance(3)
    waiting = await plane.new_bot()
    assert await plane.dispatcher.place_waiting() == 0
    row = await plane.row(waiting.id)
    assert row.state is BotState.QUEUED
    assert "processor" in (row.waiting_for or "")

    await first.be("processing", reason="meeting_ended")
    assert await plane.dispatcher.place_waiting() == 1
    assert (await plane.row(waiting.id)).waiting_for is None


async def test_who_waits_longest_is_placed_first(plane: ControlPlane):
    await drain(plane)
    plane.room = replace(ROOMY, cores=1)
    bots = []
    for _ in range(3):
        bots.append(str((await plane.new_bot()).id))
        await plane.clock.advance(1)
    for expected in range(1, 4):
        await plane.dispatcher.place_waiting()
        assert [spec.bot_id for spec in plane.launcher.specs] == bots[:expected]
        async with plane.database.transaction() as session:
            await session.execute(text("UPDATE bots SET state = 'in_call' WHERE state = 'starting'"))


async def test_a_team_with_as_many_bots_as_it_may_have_lets_other_teams_pass(plane: ControlPlane):
    await drain(plane)
    plane.team = await plane.new_team(settings={"limits": {"bots_at_once": 2}})
    mine = [await plane.new_bot() for _ in range(4)]
    await plane.clock.advance(1)
    plane.team = await plane.new_team()
    other = await plane.new_bot()

    assert await plane.dispatcher.place_waiting() == 3
    assert (await plane.row(other.id)).state is BotState.STARTING
    waiting = [row for row in [await plane.row(bot.id) for bot in mine] if row.state is BotState.QUEUED]
    assert [row.waiting_for for row in waiting] == ["The team may have 2 bots in meetings at once."] * 2

    async with plane.database.transaction() as session:
        await session.execute(text("UPDATE bots SET state = 'processing' WHERE id = :id"), {"id": mine[0].id})
    assert await plane.dispatcher.place_waiting() == 1


async def test_however_many_servers_dispatch_a_team_never_has_more_bots_than_it_may(plane: ControlPlane):
    await drain(plane)
    launchers = [StubLauncher(Path(f"/nowhere/{host}"), host) for host in ("a", "b", "c")]
    servers = [
        Dispatcher(
            plane.database,
            plane.lifecycle,
            plane.queue,
            launcher,
            lambda: ROOMY,
            Site("x"),
            plane.clock,
            LoginDesk(capacity=1),
        )
        for launcher in launchers
    ]
    for most in (3, 1):
        plane.team = await plane.new_team(settings={"limits": {"bots_at_once": most}})
        for _ in range(5):
            await plane.new_bot()
    async with asyncio.timeout(30):
        await asyncio.gather(*(server.place_waiting() for server in servers))
        for server in servers:
            await server.place_waiting()
    assert sum(len(launcher.specs) for launcher in launchers) == 4


async def test_nobody_waits_for_a_place_for_ever(plane: ControlPlane):
    await drain(plane)
    plane.launcher.refusing = "There is no memory left."
    bot = await plane.new_bot()
    await plane.dispatcher.place_waiting()
    await plane.clock.advance(901)
    await plane.dispatcher.watch_queue()
    row = await plane.row(bot.id)
    assert (row.state, row.end_reason) == (BotState.FAILED, EndReason.DISPATCH_TIMEOUT)
    assert row.end_detail == "There is no memory left."
    assert plane.notices.of(bot.id)[-1] == "bot.failed"


async def test_a_start_that_fails_is_tried_again_and_then_given_up(plane: ControlPlane):
    await drain(plane)
    plane.launcher.refusing = "There is no memory left."
    bot = await plane.new_bot()
    for _ in range(MAX_STARTS):
        assert (await plane.row(bot.id)).state is BotState.QUEUED
        assert await plane.dispatcher.place_waiting() == 0
    row = await plane.row(bot.id)
    assert (row.state, row.end_reason) == (BotState.PROCESSING, EndReason.INTERNAL_ERROR)
    assert len(plane.queue.of(Job.FINALISE, bot.id)) == 1


async def test_a_bot_that_waits_two_minutes_for_a_place_is_told_to_be_delayed_once_and_still_starts(
    plane: ControlPlane,
):
    await drain(plane)
    plane.launcher.refusing = "There is no memory left."
    bot = await plane.new_bot()
    await plane.clock.advance(121)
    for _ in range(2):
        await plane.dispatcher.watch_queue()
    assert (await plane.row(bot.id)).state is BotState.PICKUP_DELAYED
    assert plane.notices.of(bot.id) == ["queued", "pickup_delayed"]
    plane.launcher.refusing = None
    assert await plane.dispatcher.place_waiting() == 1
    assert (await plane.row(bot.id)).state is BotState.STARTING


async def test_a_delayed_bot_can_be_asked_to_leave(plane: ControlPlane):
    await drain(plane)
    bot = await plane.new_bot()
    await plane.clock.advance(121)
    await plane.dispatcher.watch_queue()
    row = await plane.bots.request_leave(plane.team, bot.id)
    assert (row.state, row.end_reason) == (BotState.FAILED, EndReason.STOPPED_BEFORE_RECORD)


async def test_when_one_start_fails_those_claimed_with_it_go_back_untried(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
):
    await drain(plane)
    first, second, third = [await plane.new_bot() for _ in range(3)]
    start = plane.launcher.start

    async def refuse_second(spec: BotSpec) -> RunnerHandle:
        if spec.bot_id == str(second.id):
            raise RunnerError("There is no memory left.")
        return await start(spec)

    monkeypatch.setattr(plane.launcher, "start", refuse_second)
    assert await plane.dispatcher.place_waiting() == 1
    rows = [await plane.row(bot.id) for bot in (first, second, third)]
    assert [row.state for row in rows] == [BotState.STARTING, BotState.QUEUED, BotState.QUEUED]
    assert [row.take for row in rows] == [1, 1, 0]
    assert rows[0].runner is not None
    monkeypatch.undo()
    assert await plane.dispatcher.place_waiting() == 2


async def test_bots_claimed_by_a_server_that_died_are_started_by_the_next(
    plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
):
    await drain(plane)
    bots = [await plane.new_bot() for _ in range(3)]

    async def die(spec: BotSpec) -> RunnerHandle:
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(plane.launcher, "start", die)
        with pytest.raises(asyncio.CancelledError):
            await plane.dispatcher.place_waiting()
    await plane.clock.advance(CLAIM_LEASE_S + LEASE_S + 1)
    for _ in range(2):
        await plane.supervisor.sweep()
    assert sorted(spec.bot_id for spec in plane.launcher.specs) == sorted(str(bot.id) for bot in bots)
    assert {(await plane.row(bot.id)).take for bot in bots} == {2}
