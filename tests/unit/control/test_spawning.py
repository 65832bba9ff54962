"""Scheduled bots are sent when they are due: each once, none that was cancelled, and never silently not at all."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from meetfleet.control import spawning
from meetfleet.control.bots import NewBot
from meetfleet.control.spawning import Spawner
from meetfleet.control.tokens import Tokens
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.errors import Conflict, NotFound
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.schedule import ScheduleStatus, schedule_status
from meetfleet.store.database import Database
from meetfleet.store.jobs import Job
from meetfleet.store.tables import BotRow
from meetfleet.store.times import utc
from meetfleet.store.wakeups import Wakeups
from meetfleet.testing.control_plane import GRACE_S, MEETING, ControlPlane


async def schedule(plane: ControlPlane, in_s: float = 600, **changes: Any) -> UUID:
    given: dict[str, Any] = {"meeting": MEETING, "bot_name": "Notetaker", **changes}
    due = utc(plane.clock.now_ns()) + timedelta(seconds=in_s)
    return (await plane.schedules.create(plane.team, NewBot(**given), due)).id


async def status(plane: ControlPlane, bot_id: UUID) -> tuple[ScheduleStatus, EndReason | None]:
    bot = await plane.row(bot_id)
    return schedule_status(bot.state, bot.spawned_at), bot.end_reason


@pytest.fixture
async def plane(plane: ControlPlane) -> ControlPlane:
    """A control plane with nothing scheduled."""
    async with plane.database.transaction() as session:
        await session.execute(text("UPDATE bots SET state = 'cancelled' WHERE state = 'scheduled'"))
    return plane


async def test_a_bot_is_sent_when_it_is_due_and_not_before(plane: ControlPlane):
    bot_id = await schedule(plane, in_s=600)
    await plane.clock.advance(599.999)
    assert await plane.spawner.send_due() == 0
    assert plane.notices.of(bot_id) == []
    await plane.clock.advance(0.001)
    assert await plane.spawner.send_due() == 1
    row = await plane.row(bot_id)
    assert (row.state, row.spawned_at) == (BotState.QUEUED, row.join_at)
    assert plane.notices.of(bot_id) == ["queued"]
    assert [step.state for step in await plane.steps(bot_id)] == [BotState.SCHEDULED, BotState.QUEUED]
    assert await plane.spawner.send_due() == 0


async def test_bots_that_are_due_together_are_sent_with_one_job_that_places_them_all(plane: ControlPlane):
    ids = [await schedule(plane) for _ in range(5)]
    await plane.clock.advance(600)
    assert await plane.spawner.send_due() == 5
    assert [found.job for found in plane.queue.jobs] == [Job.DISPATCH]
    await plane.dispatcher.place_waiting()
    assert {UUID(spec.bot_id) for spec in plane.launcher.specs} >= set(ids)


async def test_however_many_servers_look_each_bot_is_sent_once(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(spawning, "BATCH", 3)
    ids = [await schedule(plane) for _ in range(20)]
    await plane.clock.advance(600)
    seen = await asyncio.gather(*(plane.spawner.send_due() for _ in range(4)))
    assert sum(seen) == 20
    for bot_id in ids:
        assert plane.notices.of(bot_id) == ["queued"]


async def test_a_server_that_dies_while_it_sends_has_sent_nothing(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch):
    bot_id = await schedule(plane)
    await plane.clock.advance(600)

    async def die(*_: object, **__: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(type(plane.queue), "enqueue", die)
        with pytest.raises(asyncio.CancelledError):
            await plane.spawner.send_due()
    assert (await plane.row(bot_id)).state is BotState.SCHEDULED
    assert await plane.spawner.send_due() == 1
    assert (await plane.row(bot_id)).state is BotState.QUEUED


async def test_a_bot_that_was_overslept_is_still_sent_within_the_grace_and_fails_after_it(plane: ControlPlane):
    late, too_late = await schedule(plane, in_s=101), await schedule(plane, in_s=99)
    await plane.clock.advance(100 + GRACE_S)
    assert await plane.spawner.send_due() == 2
    assert await status(plane, late) == (ScheduleStatus.SENT, None)
    assert await status(plane, too_late) == (ScheduleStatus.FAILED, EndReason.SCHEDULE_MISSED)
    assert plane.notices.of(too_late) == ["failed", "bot.failed"]
    assert "0:30:01" in str((await plane.row(too_late)).end_detail)


async def test_tokens_cap_and_other_bots_are_looked_at_when_a_bot_is_due(plane: ControlPlane):
    plane.team = await plane.new_team(plan="payg", settings={"limits": {"bots_per_day": 2}})
    await Tokens(plane.database, plane.clock).grant(plane.team, Decimal(1), "for the test")
    ids = [await schedule(plane, in_s=60 + n, allow_multiple_bots=n not in (1, 2)) for n in range(2)]
    twin = await schedule(plane, in_s=61.5, allow_multiple_bots=False)
    beyond = await schedule(plane, in_s=62)
    await plane.clock.advance(61)
    await plane.spawner.send_due()
    assert [await status(plane, bot_id) for bot_id in ids] == [(ScheduleStatus.SENT, None)] * 2
    await plane.clock.advance(1)
    await plane.spawner.send_due()
    assert await status(plane, twin) == (ScheduleStatus.FAILED, EndReason.DAILY_BOT_CAP_REACHED)
    assert await status(plane, beyond) == (ScheduleStatus.FAILED, EndReason.DAILY_BOT_CAP_REACHED)
    assert plane.notices.of(beyond) == ["failed", "bot.failed"]
    plane.team = await plane.new_team(plan="payg")
    poor = await schedule(plane, in_s=60)
    await plane.clock.advance(60)
    await plane.spawner.send_due()
    assert await status(plane, poor) == (ScheduleStatus.FAILED, EndReason.INSUFFICIENT_TOKENS)


async def test_of_two_bots_that_each_want_to_be_alone_one_is_sent(plane: ControlPlane):
    ids = [await schedule(plane, allow_multiple_bots=False) for _ in range(2)]
    await plane.clock.advance(600)
    await plane.spawner.send_due()
    found = sorted([(await status(plane, bot_id))[0] for bot_id in ids])
    assert found == [ScheduleStatus.FAILED, ScheduleStatus.SENT]
    assert {(await status(plane, bot_id))[1] for bot_id in ids} == {None, EndReason.BOT_ALREADY_EXISTS}


async def test_a_scheduled_bot_does_not_stand_in_the_way_before_it_is_due(plane: ControlPlane):
    await schedule(plane, allow_multiple_bots=False)
    assert (await plane.new_bot(allow_multiple_bots=False)).state is BotState.QUEUED


async def test_a_bot_that_cannot_be_sent_fails_alone(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch):
    bad, good = await schedule(plane, in_s=60), await schedule(plane, in_s=61)
    await plane.clock.advance(61)
    check = plane.admission.check

    async def stumble(session: Any, team: Any, bot: BotRow) -> None:
        if bot.id == bad:
            raise ZeroDivisionError
        await check(session, team, bot)

    monkeypatch.setattr(plane.admission, "check", stumble)
    await plane.spawner.send_due()
    assert await status(plane, good) == (ScheduleStatus.SENT, None)
    assert await status(plane, bad) == (ScheduleStatus.FAILED, EndReason.INTERNAL_ERROR)


async def test_a_cancelled_bot_is_never_sent_and_no_notice_speaks_of_it(plane: ControlPlane):
    bot_id = await schedule(plane)
    await plane.schedules.cancel(plane.team, bot_id)
    await plane.clock.advance(600)
    assert await plane.spawner.send_due() == 0
    assert await status(plane, bot_id) == (ScheduleStatus.CANCELLED, None)
    assert set(plane.notices.of(bot_id)) <= {"cancelled"}


async def test_a_moved_bot_is_sent_at_its_new_time(plane: ControlPlane):
    bot_id = await schedule(plane, in_s=600)
    later = utc(plane.clock.now_ns()) + timedelta(seconds=900)
    await plane.schedules.update(plane.team, bot_id, join_at=later)
    await plane.clock.advance(600)
    assert await plane.spawner.send_due() == 0
    await plane.clock.advance(100)
    with pytest.raises(Conflict, match="4 minutes"):
        await plane.schedules.update(plane.team, bot_id, join_at=later + timedelta(hours=1))
    await plane.clock.advance(200)
    assert await plane.spawner.send_due() == 1


async def test_a_bot_that_was_sent_at_once_has_no_schedule(plane: ControlPlane):
    bot = await plane.new_bot()
    for call in (plane.schedules.get, plane.schedules.cancel):
        with pytest.raises(NotFound):
            await call(plane.team, bot.id)


async def test_a_running_spawner_wakes_for_bots_that_come_in_for_soon(database: Database, plane: ControlPlane):
    wakeups = Wakeups(database.url, poll_s=60)
    spawner = Spawner(database, plane.lifecycle, plane.queue, plane.admission, wakeups, plane.clock, grace_s=GRACE_S)
    tasks = [asyncio.create_task(run()) for run in (wakeups.run, spawner.run)]
    try:
        await asyncio.sleep(0.3)
        bot_id = await schedule(plane, in_s=0)
        async with asyncio.timeout(10):
            while True:
                if (await plane.row(bot_id)).state is BotState.QUEUED:
                    break
                await asyncio.sleep(0.02)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
