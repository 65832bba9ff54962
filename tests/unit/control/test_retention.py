"""Recordings go when their time is over: all of it, nothing else, and not what is held."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from meetfleet.control import retention as module
from meetfleet.control.retention import Retention
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.errors import Conflict, InvalidRequest, NotFound, ProviderError
from meetfleet.domain.lifecycle import BotState
from meetfleet.storage.objects import artifact_key, bot_prefix
from meetfleet.store.jobs import Job
from meetfleet.store.paging import PageRequest
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.repositories.recordings import RecordingRepository
from meetfleet.store.tables import ArtifactRow, ArtifactStatus, StorageConfigRow, TeamRow
from meetfleet.store.times import utc
from meetfleet.testing.clock import ManualClock
from meetfleet.testing.control import RememberingQueue
from meetfleet.testing.control_plane import ControlPlane

DAY_S = 24 * 3600.0
S = BotState


@pytest.fixture
async def team(plane: ControlPlane) -> TeamRow:
    """Keeps recordings for three days, and takes no tokens for them."""
    plane.team = await plane.new_team(plan="payg", settings={"limits": {"billed": False}})
    return plane.team


@pytest.fixture
def retention(plane: ControlPlane) -> Retention:
    return Retention(plane.database, plane.bots, plane.queue, plane.clock)


async def ended_bot(plane: ControlPlane) -> UUID:
    bot = await plane.new_bot()
    async with plane.database.transaction() as session:
        row = await BotRepository(session).get(bot.id, lock=True)
        assert row is not None
        for state in (S.STARTING, S.PROCESSING, S.COMPLETED):
            reason = EndReason.NO_ATTENDEES if state is S.PROCESSING else None
            at = utc(plane.clock.now_ns())
            await plane.lifecycle.advance(session, row, state, at=at, cause="link", reason=reason)
        key = artifact_key(str(bot.id), "output.flac")
        artifact = ArtifactRow(
            bot_id=bot.id, name="output.flac", kind="audio", status=ArtifactStatus.READY, object_key=key
        )
        await RecordingRepository(session, bot.id).save_artifact(artifact)
    await plane.objects.put(key, b"sound")
    await plane.objects.put(f"{bot_prefix(str(bot.id))}/tape/0001.mcap", b"tape")
    return bot.id


async def is_gone(plane: ControlPlane, bot_id: UUID) -> bool:
    deleted = (await plane.row(bot_id)).artifacts_deleted_at is not None
    objects = [key for key in plane.objects.contents if key.startswith(bot_prefix(str(bot_id)))]
    assert deleted == (not objects)
    return deleted


async def test_a_recording_is_deleted_its_plans_days_after_its_bots_end(
    plane: ControlPlane, team: TeamRow, retention: Retention
):
    bot_id = await ended_bot(plane)
    await plane.clock.advance(3 * DAY_S)
    await retention.sweep()
    assert not await is_gone(plane, bot_id)
    await plane.clock.advance(1)
    await retention.sweep()
    assert await is_gone(plane, bot_id)
    assert await plane.bots.artifacts(team, bot_id) == []
    assert (await plane.row(bot_id)).state is BotState.COMPLETED


async def test_who_hosts_themselves_keeps_recordings_until_they_say_otherwise(
    plane: ControlPlane, retention: Retention
):
    bot_id = await ended_bot(plane)
    await plane.clock.advance(3650 * DAY_S)
    await retention.sweep()
    assert not await is_gone(plane, bot_id)


async def test_bots_under_way_and_other_teams_are_left_alone(plane: ControlPlane, team: TeamRow, retention: Retention):
    running = await plane.new_bot()
    mine = await ended_bot(plane)
    plane.team = await plane.new_team(plan="scale", settings={"limits": {"billed": False}})
    others = await ended_bot(plane)
    await plane.clock.advance(10 * DAY_S)
    await retention.sweep()
    assert await is_gone(plane, mine)
    assert not await is_gone(plane, others)
    assert (await plane.row(running.id)).artifacts_deleted_at is None


async def test_what_lies_in_buckets_of_the_teams_own_is_left_to_the_team(
    plane: ControlPlane, team: TeamRow, retention: Retention
):
    bot_id = await ended_bot(plane)
    async with plane.database.transaction() as session:
        own = StorageConfigRow(
            team_id=team.id,
            endpoint="https://s3.example.org",
            region="eu",
            artifacts_bucket="a",
            audio_chunks_bucket="a",
            logs_bucket="a",
            ingest_access_key_id="in",
            ingest_secret_access_key="sealed",
            service_access_key_id="out",
            service_secret_access_key="sealed",
        )
        session.add(own)
        await session.flush()
        bot = await BotRepository(session).get(bot_id, lock=True)
        assert bot is not None
        bot.storage_config_id = own.id
    await plane.clock.advance(10 * DAY_S)
    await retention.sweep()
    assert not await is_gone(plane, bot_id)


async def test_a_hold_protects_whatever_the_age_until_the_last_one_is_released(
    plane: ControlPlane, team: TeamRow, retention: Retention
):
    bot_id = await ended_bot(plane)
    first = await retention.hold(team, bot_id, "ticket 7")
    await retention.hold(team, bot_id, "asked by counsel")
    await plane.clock.advance(10 * DAY_S)
    await retention.sweep()
    assert not await is_gone(plane, bot_id)
    assert [h.reason for h in (await retention.holds(team, PageRequest())).items].count("ticket 7") == 1

    await retention.release(team, first.id)
    await retention.sweep()
    assert not await is_gone(plane, bot_id)
    assert await retention.release_all(team, bot_id) == 1
    await retention.sweep()
    assert await is_gone(plane, bot_id)


async def test_holds_are_for_ones_own_bots_with_a_reason_and_something_to_protect(
    plane: ControlPlane, team: TeamRow, retention: Retention
):
    bot_id = await ended_bot(plane)
    stranger = await plane.new_team()
    with pytest.raises(NotFound):
        await retention.hold(stranger, bot_id, "not mine")
    with pytest.raises(InvalidRequest):
        await retention.hold(team, bot_id, "  ")
    hold = await retention.hold(team, bot_id, "mine")
    with pytest.raises(NotFound):
        await retention.release(stranger, hold.id)
    with pytest.raises(NotFound):
        await retention.release(team, uuid4())
    await plane.bots.delete_data(team, bot_id)
    with pytest.raises(Conflict):
        await retention.hold(team, bot_id, "too late")


async def test_a_hold_that_comes_while_recordings_are_deleted_is_either_in_time_or_refused(
    plane: ControlPlane, team: TeamRow, retention: Retention
):
    bots = [await ended_bot(plane) for _ in range(4)]
    await plane.clock.advance(4 * DAY_S)

    async def hold(bot_id: UUID) -> bool:
        try:
            await retention.hold(team, bot_id, "at the last moment")
        except Conflict:
            return False
        return True

    _, *held = await asyncio.gather(retention.sweep(), *(hold(bot_id) for bot_id in reversed(bots)))
    for bot_id, was_held in zip(reversed(bots), held, strict=True):
        assert await is_gone(plane, bot_id) is not was_held


async def test_a_job_deletes_a_batch_and_leaves_the_rest_to_the_next(
    plane: ControlPlane, team: TeamRow, retention: Retention, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "BATCH", 2)
    bots = [await ended_bot(plane) for _ in range(3)]
    await plane.clock.advance(4 * DAY_S)
    subject = UUID(int=0)
    await retention.sweep()
    assert [await is_gone(plane, b) for b in bots].count(True) == 2
    assert len(plane.queue.of(Job.RETAIN, subject)) == 1
    plane.queue.jobs.clear()
    await retention.sweep()
    assert [await is_gone(plane, b) for b in bots] == [True] * 3
    assert plane.queue.of(Job.RETAIN, subject) == []


async def test_objects_that_would_not_go_are_noticed_and_left_to_a_job_that_tries_again(
    plane: ControlPlane, team: TeamRow, retention: Retention, monkeypatch: pytest.MonkeyPatch
):
    bot_id = await ended_bot(plane)
    await plane.clock.advance(4 * DAY_S)

    async def forgetful(key: str) -> None:
        return None

    with monkeypatch.context() as broken:
        broken.setattr(plane.objects, "delete", forgetful)
        await retention.sweep()
        with pytest.raises(ProviderError) as caught:
            await plane.bots.purge(bot_id)
        assert caught.value.code == "not_purged"
    assert len(plane.queue.of(Job.PURGE, bot_id)) == 1
    await plane.bots.purge(bot_id)
    assert await is_gone(plane, bot_id)


class TwoDays(ManualClock):
    """Ends the second sleep by an error, and remembers how long each was to be and what was there by then."""

    def __init__(self, queue: RememberingQueue) -> None:
        super().__init__()
        self._queue = queue
        self.slept: list[tuple[float, int]] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append((seconds, len([e for e in self._queue.jobs if e.job is Job.RETAIN])))
        self._queue.jobs.clear()
        if len(self.slept) == 2:
            raise InterruptedError


async def test_recordings_are_looked_through_at_start_and_once_a_day(plane: ControlPlane):
    clock = TwoDays(plane.queue)
    with pytest.raises(InterruptedError):
        await Retention(plane.database, plane.bots, plane.queue, clock).run()
    assert clock.slept == [(DAY_S, 1), (DAY_S, 1)]


async def test_the_outlook_tells_what_would_go_and_changes_nothing(
    plane: ControlPlane, team: TeamRow, retention: Retention
):
    due, held = await ended_bot(plane), await ended_bot(plane)
    await retention.hold(team, held, "ticket 8")
    await plane.clock.advance(4 * DAY_S)
    await ended_bot(plane)
    mine = next(o for o in await retention.outlook() if o.team.id == team.id)
    assert mine.before == utc(plane.clock.now_ns()) - timedelta(days=3)
    assert (mine.kept.kept, mine.kept.held, mine.due) == (3, 1, 1)
    assert [b.id for b in await retention.preview(1000) if b.team_id == team.id] == [due]
    assert not await is_gone(plane, due)
