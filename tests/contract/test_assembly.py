"""Recordings come out of tapes while they are taped: real database, real artifacts worker, real renderer."""

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import psutil
import pytest

from meetfleet.artifacts.live import build
from meetfleet.artifacts.manifest import Manifest
from meetfleet.control.assembly import Assembly
from meetfleet.control.bots import Bots, NewBot
from meetfleet.control.lifecycle import Lifecycle
from meetfleet.control.rendering import VIDEO_NAME, Rendering
from meetfleet.domain.errors import NotFound, RunnerError
from meetfleet.domain.link import RecordingMode
from meetfleet.domain.meeting_url import parse_meeting_url
from meetfleet.settings import VideoMode
from meetfleet.storage.objects import artifact_key
from meetfleet.store.database import Database
from meetfleet.store.jobs import Job
from meetfleet.store.repositories.recordings import RecordingRepository
from meetfleet.store.tables import ArtifactStatus, SegmentRow, TeamRow
from meetfleet.store.times import utc
from meetfleet.testing.clock import ManualClock
from meetfleet.testing.control import RememberingNotices, RememberingQueue
from meetfleet.testing.meeting_tape import MeetingScript, make_tape, turns
from meetfleet.testing.objects import MemoryObjects

SCRIPT = MeetingScript(utterances=turns(3, 12.0), duration_s=12.0, segment_s=3.0)


class World:
    """One bot whose tape lies in `tape`, segment by segment."""

    def __init__(self, database: Database, folder: Path, mode: VideoMode = VideoMode.EAGER) -> None:
        self.database = database
        self.clock = ManualClock()
        self.queue = RememberingQueue()
        self.objects = MemoryObjects()
        self.tape = make_tape(folder / "tape", SCRIPT).directory
        self.rendering = Rendering(database, self.queue, self.objects, folder / "work", mode=mode, slots=1)
        self.assembly = Assembly(database, self.objects, folder / "work", self.rendering)
        self.bot_id = UUID(int=0)

    async def create(self, mode: RecordingMode) -> None:
        team = TeamRow(name="people")
        async with self.database.transaction() as session:
            session.add(team)
        bots = Bots(self.database, Lifecycle(RememberingNotices()), self.queue, self.objects, self.clock)
        meeting = parse_meeting_url("https://meet.google.com/abc-defg-hij")
        self.bot_id = (await bots.create(team, NewBot(meeting=meeting, bot_name="Note", recording_mode=mode))).id

    async def store(self, path: Path) -> None:
        await self.objects.put(f"bots/{self.bot_id}/tape/{path.name}", path)
        async with self.database.transaction() as session:
            row = SegmentRow(bot_id=self.bot_id, name=path.name, take=1, size_bytes=1, sha256="")
            row.stored_at = utc(self.clock.now_ns())
            await RecordingRepository(session, self.bot_id).add_segment(row)
        await self.assembly.segment_stored(self.bot_id, path.name)

    async def status(self, name: str) -> ArtifactStatus | None:
        async with self.database.transaction() as session:
            row = await RecordingRepository(session, self.bot_id).artifact(name)
        return row.status if row else None

    def segments(self) -> list[Path]:
        return sorted(self.tape.glob("*.mcap"))


@contextlib.asynccontextmanager
async def running(assembly: Assembly) -> AsyncIterator[None]:
    task = asyncio.create_task(assembly.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def worker_pids() -> list[int]:
    """Waits until this process has an artifacts worker."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = [c.pid for c in psutil.Process().children() if "meetfleet.artifacts.worker" in c.cmdline()]
        if found:
            return found
        time.sleep(0.05)
    raise TimeoutError("There is no artifacts worker.")


def digests(manifest: Manifest) -> dict[str, str]:
    return {f.name: f.sha256 for f in manifest.files}


@pytest.fixture
async def world(database: Database, tmp_path: Path) -> World:
    world = World(database, tmp_path)
    await world.create(RecordingMode.AUDIO_ONLY)
    return world


async def test_a_recording_assembled_during_the_call_equals_one_built_afterwards(world: World, tmp_path: Path) -> None:
    async with running(world.assembly):
        for path in world.segments():
            await world.store(path)
        manifest = Manifest.from_json(json.dumps(await world.assembly.finish(world.bot_id)))
    assert digests(manifest) == digests(build(world.tape, tmp_path / "again"))
    for entry in manifest.files:
        assert len(await world.objects.get(artifact_key(str(world.bot_id), entry.name))) == entry.size_bytes
        assert await world.status(entry.name) is ArtifactStatus.READY


async def test_a_worker_killed_in_the_middle_changes_nothing(world: World, tmp_path: Path) -> None:
    async with running(world.assembly):
        first, *others = world.segments()
        await world.store(first)
        for pid in await asyncio.to_thread(worker_pids):
            os.kill(pid, signal.SIGKILL)
        for path in others:
            await world.store(path)
        manifest = Manifest.from_json(json.dumps(await world.assembly.finish(world.bot_id)))
    assert digests(manifest) == digests(build(world.tape, tmp_path / "again"))


async def test_a_segment_that_arrives_late_is_put_in_its_place(world: World, tmp_path: Path) -> None:
    first, second, *others = world.segments()
    async with running(world.assembly):
        for path in (first, *others, second):
            await world.store(path)
        manifest = Manifest.from_json(json.dumps(await world.assembly.finish(world.bot_id)))
    assert digests(manifest) == digests(build(world.tape, tmp_path / "again"))


async def test_finishing_again_gives_the_same(world: World) -> None:
    for path in world.segments():
        await world.store(path)
    async with running(world.assembly):
        assert await world.assembly.finish(world.bot_id) == await world.assembly.finish(world.bot_id)


async def test_an_audio_only_recording_has_no_video(world: World) -> None:
    for path in world.segments():
        await world.store(path)
    async with running(world.assembly):
        await world.assembly.finish(world.bot_id)
    assert await world.rendering.state(world.bot_id) is None
    assert world.queue.of(Job.RENDER, world.bot_id) == []


async def _recorded(database: Database, folder: Path, mode: VideoMode) -> tuple[World, Manifest]:
    world = World(database, folder, mode)
    await world.create(RecordingMode.SPEAKER_VIEW)
    for path in world.segments():
        await world.store(path)
    async with running(world.assembly):
        return world, Manifest.from_json(json.dumps(await world.assembly.finish(world.bot_id)))


async def test_an_eager_video_is_rendered_by_a_job_and_then_named_in_the_manifest(
    database: Database, tmp_path: Path
) -> None:
    world, manifest = await _recorded(database, tmp_path, VideoMode.EAGER)
    assert manifest.file(VIDEO_NAME) is None
    assert len(world.queue.of(Job.RENDER, world.bot_id)) == 1
    await world.rendering.render(world.bot_id)
    stored = Manifest.from_json(await world.objects.get(artifact_key(str(world.bot_id), "manifest.json")))
    video = stored.file(VIDEO_NAME)
    assert video is not None
    assert video.size_bytes == len(await world.objects.get(artifact_key(str(world.bot_id), VIDEO_NAME)))
    assert await world.status(VIDEO_NAME) is ArtifactStatus.READY


async def test_a_video_on_demand_waits_until_somebody_opens_it(database: Database, tmp_path: Path) -> None:
    world, _ = await _recorded(database, tmp_path, VideoMode.ON_DEMAND)
    assert world.queue.of(Job.RENDER, world.bot_id) == []
    assert await world.status(VIDEO_NAME) is ArtifactStatus.PENDING
    await world.rendering.demand(world.bot_id)
    assert len(world.queue.of(Job.RENDER, world.bot_id)) == 1


async def test_a_video_before_completion_is_there_when_finishing_ends(database: Database, tmp_path: Path) -> None:
    world, manifest = await _recorded(database, tmp_path, VideoMode.BEFORE_COMPLETED)
    assert manifest.file(VIDEO_NAME) is not None
    assert await world.status(VIDEO_NAME) is ArtifactStatus.READY


async def test_a_recording_deleted_while_it_is_rendered_stays_deleted(database: Database, tmp_path: Path) -> None:
    world, _ = await _recorded(database, tmp_path, VideoMode.EAGER)
    rendering = asyncio.create_task(world.rendering.render(world.bot_id))
    while await world.status(VIDEO_NAME) is not ArtifactStatus.RENDERING:  # noqa: ASYNC110 - only the row tells it
        await asyncio.sleep(0.01)
    async with database.transaction() as session:
        await RecordingRepository(session, world.bot_id).forget()
    await rendering
    assert await world.rendering.state(world.bot_id) is None
    with pytest.raises(NotFound):
        await world.objects.get(artifact_key(str(world.bot_id), VIDEO_NAME))


async def test_a_renderer_that_dies_is_reported_and_leaves_the_video_to_a_further_try(
    database: Database, tmp_path: Path
) -> None:
    world, _ = await _recorded(database, tmp_path, VideoMode.EAGER)
    dying = Rendering(
        database, world.queue, world.objects, tmp_path / "dying", mode=VideoMode.EAGER, slots=1, worker=["false"]
    )
    with pytest.raises(RunnerError):
        await dying.render(world.bot_id)
    assert await world.status(VIDEO_NAME) is ArtifactStatus.RENDERING
    await world.rendering.render(world.bot_id)
    assert await world.status(VIDEO_NAME) is ArtifactStatus.READY


def _failing(world: World, folder: Path, *, retryable: bool) -> Rendering:
    error = {"error": {"code": "disk", "message": "No space left on device", "retryable": retryable}}
    worker = ["sh", "-c", f"echo '{json.dumps(error)}'; exit 1"]
    return Rendering(world.database, world.queue, world.objects, folder, mode=VideoMode.EAGER, slots=1, worker=worker)


async def test_a_renderer_whose_failure_may_pass_is_tried_again(database: Database, tmp_path: Path) -> None:
    world, _ = await _recorded(database, tmp_path, VideoMode.EAGER)
    failing = _failing(world, tmp_path / "failing", retryable=True)
    with pytest.raises(RunnerError, match="No space left"):
        await failing.attempt(world.bot_id)
    assert failing.running == 0
    await world.rendering.attempt(world.bot_id)
    assert await world.status(VIDEO_NAME) is ArtifactStatus.READY


async def test_a_tape_that_gives_no_video_is_not_tried_again(database: Database, tmp_path: Path) -> None:
    world, _ = await _recorded(database, tmp_path, VideoMode.EAGER)
    await _failing(world, tmp_path / "failing", retryable=False).attempt(world.bot_id)
    assert await world.status(VIDEO_NAME) is ArtifactStatus.FAILED
