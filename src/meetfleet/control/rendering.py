"""Videos: when they are rendered, by whom, and what a caller gets while that goes on."""

import asyncio
import contextlib
import json
import shutil
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog

from meetfleet.artifacts.manifest import MANIFEST_NAME, Manifest, describe_file
from meetfleet.artifacts.video.render import growing_path
from meetfleet.control.assembly import artifact_row
from meetfleet.control.manifests import add_to_manifest
from meetfleet.domain.errors import MediaError, RunnerError
from meetfleet.settings import VideoMode
from meetfleet.storage.objects import ObjectStore, artifact_key, bot_prefix
from meetfleet.store.database import Database
from meetfleet.store.jobs import Job, JobQueue
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.repositories.recordings import RecordingRepository
from meetfleet.store.tables import ArtifactRow, BotRow
from meetfleet.store.tables.recordings import ArtifactStatus

log = structlog.get_logger()

VIDEO_NAME = "video.mp4"
TIMELINE_NAME = "timeline.json"
SOUND_NAME = "output.flac"
WORKER = (sys.executable, "-m", "meetfleet.artifacts.video.worker")
PROGRESS_EVERY_S = 1.0
SILENT_S = 120.0
"""A renderer that says nothing for so long is hung."""


@dataclass(frozen=True, slots=True)
class VideoState:
    """How the making of one video goes."""

    status: ArtifactStatus
    progress: float


class Rendering:
    """The `VideoMaker`, and the body of the render job (`attempt`).

    Args:
        scratch: Folder for tapes and videos under construction; safe to delete while nothing runs.
        mode: When videos are made.
        slots: How many may be rendered at once on this machine.
    """

    def __init__(
        self,
        database: Database,
        queue: JobQueue,
        objects: ObjectStore,
        scratch: Path,
        *,
        mode: VideoMode,
        slots: int,
        worker: Sequence[str] = WORKER,
    ) -> None:
        self._database = database
        self._queue = queue
        self._objects = objects
        self._scratch = scratch / "video"
        self._mode = mode
        self._slots = asyncio.Semaphore(slots)
        self._running = 0
        self._worker = list(worker)

    @property
    def running(self) -> int:
        """How many videos are being rendered on this machine now."""
        return self._running

    async def prepare(self, bot: BotRow, manifest: Manifest) -> Manifest:
        if not bot.recording_mode.has_video or manifest.duration_s <= 0:
            return manifest
        async with self._database.transaction() as session:
            recordings = RecordingRepository(session, bot.id)
            known = await recordings.artifact(VIDEO_NAME)
            if known is None:
                await recordings.save_artifact(_row(bot.id, ArtifactStatus.PENDING, 0.0))
            if self._mode is VideoMode.EAGER:
                await self._queue.enqueue(session, Job.RENDER, bot.id, once=True)
        if self._mode is VideoMode.BEFORE_COMPLETED:
            return await self.render(bot.id) or manifest
        return manifest

    async def demand(self, bot_id: UUID) -> None:
        """Somebody opened a video that waits to be opened."""
        async with self._database.transaction() as session:
            await self._queue.enqueue(session, Job.RENDER, bot_id, once=True)

    async def state(self, bot_id: UUID) -> VideoState | None:
        """None if this bot has no video, or none any more."""
        async with self._database.transaction() as session:
            row = await RecordingRepository(session, bot_id).artifact(VIDEO_NAME)
        return None if row is None else VideoState(row.status, row.progress or 0.0)

    def growing_file(self, bot_id: UUID) -> Path:
        """Where the video lies on this machine while it is being rendered here."""
        return growing_path(self._folder(bot_id) / VIDEO_NAME)

    async def render(self, bot_id: UUID) -> Manifest | None:
        """Renders one bot's video unless it is there. Run again after a crash, it starts anew and gives the same file.

        Raises:
            MediaError: the tape gives no video, whatever is tried.
            RunnerError: the renderer died, or says that another try can succeed.
        """
        async with self._database.transaction() as session:
            bot = await BotRepository(session).get(bot_id)
            row = await RecordingRepository(session, bot_id).artifact(VIDEO_NAME)
        if bot is None or row is None or row.status is ArtifactStatus.READY:
            return None
        folder = self._folder(bot_id)
        async with self._slots:
            self._running += 1
            try:
                await self._note(bot_id, ArtifactStatus.RENDERING, 0.0)
                await self._fetch(bot_id, folder)
                await self._run(bot, folder)
                return await self._keep(bot_id, folder)
            finally:
                self._running -= 1
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def attempt(self, bot_id: UUID) -> None:
        """The render job: what cannot succeed is not tried again.

        Raises:
            RunnerError: another try can succeed.
        """
        try:
            await self.render(bot_id)
        except MediaError as error:
            log.warning("no_video", bot_id=str(bot_id), code=error.code, reason=error.message)
            await self.give_up(bot_id)

    async def give_up(self, bot_id: UUID) -> None:
        """The last try failed: whoever waits for the video is told."""
        await self._note(bot_id, ArtifactStatus.FAILED, 0.0)

    async def _fetch(self, bot_id: UUID, folder: Path) -> None:
        """The tape and what the sound stage found out, as files on this machine."""
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        tape = folder / "tape"
        tape.mkdir(parents=True)
        prefix = f"{bot_prefix(str(bot_id))}/tape"
        async for info in self._objects.list(prefix):
            (tape / info.key.rsplit("/", 1)[-1]).write_bytes(await self._objects.get(info.key))
        for name in (TIMELINE_NAME, SOUND_NAME):
            (folder / name).write_bytes(await self._objects.get(artifact_key(str(bot_id), name)))

    async def _run(self, bot: BotRow, folder: Path) -> None:
        job = {
            "tape_dir": str(folder / "tape"),
            "out_path": str(folder / VIDEO_NAME),
            "timeline": str(folder / TIMELINE_NAME),
            "audio": str(folder / SOUND_NAME),
            "layout": bot.recording_mode.value,
        }
        process = await asyncio.create_subprocess_exec(
            *self._worker, json.dumps(job), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
        )
        try:
            await self._follow(bot.id, process)
        finally:
            await _end(process)

    async def _follow(self, bot_id: UUID, process: asyncio.subprocess.Process) -> None:
        noted_s = 0.0
        async for line in _lines(process):
            if "error" in line:
                raise _fault(line["error"])
            if "done" in line:
                return
            if time.monotonic() - noted_s >= PROGRESS_EVERY_S:
                noted_s = time.monotonic()
                await self._note(bot_id, ArtifactStatus.RENDERING, float(line["progress"]))
        raise RunnerError("The renderer ended before the video was done.")

    async def _keep(self, bot_id: UUID, folder: Path) -> Manifest | None:
        """Stores the video and names it in the manifest, unless the recording was deleted meanwhile."""
        if await self.state(bot_id) is None:
            return None
        manifest = Manifest.from_json(await self._objects.get(artifact_key(str(bot_id), MANIFEST_NAME)))
        entry = await asyncio.to_thread(describe_file, folder, VIDEO_NAME, "video", duration_s=manifest.duration_s)
        await self._objects.put(artifact_key(str(bot_id), VIDEO_NAME), folder / VIDEO_NAME)
        async with self._database.transaction() as session:
            manifest = await add_to_manifest(session, self._objects, bot_id, [entry])
            await RecordingRepository(session, bot_id).save_artifact(artifact_row(bot_id, entry))
        return manifest

    async def _note(self, bot_id: UUID, status: ArtifactStatus, progress: float) -> None:
        async with self._database.transaction() as session:
            recordings = RecordingRepository(session, bot_id)
            row = await recordings.artifact(VIDEO_NAME)
            # Deleted meanwhile, or finished by another: what is there stays.
            if row is not None and row.status is not ArtifactStatus.READY:
                row.status, row.progress = status, progress

    def _folder(self, bot_id: UUID) -> Path:
        return self._scratch / str(bot_id)


async def _lines(process: asyncio.subprocess.Process) -> AsyncGenerator[dict[str, Any]]:
    """What the renderer tells, until it ends.

    Raises:
        RunnerError: it hangs.
    """
    assert process.stdout is not None
    while True:
        try:
            async with asyncio.timeout(SILENT_S):
                line = await process.stdout.readline()
        except TimeoutError:
            raise RunnerError(f"The renderer said nothing for {SILENT_S:.0f} s.") from None
        if not line:
            return
        yield json.loads(line)


def _fault(told: dict[str, Any]) -> MediaError | RunnerError:
    """What a renderer says of its failure: the tape's fault for good, or the machine's, which may pass."""
    kind = RunnerError if told.get("retryable") else MediaError
    return kind(str(told["message"]), code=str(told["code"]))


async def _end(process: asyncio.subprocess.Process) -> None:
    """Sees to it that the process is gone: by itself, politely, by force."""
    for stop in (None, process.terminate, process.kill):
        if stop is not None:
            with contextlib.suppress(ProcessLookupError):
                stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await process.wait()
                return


def _row(bot_id: UUID, status: ArtifactStatus, progress: float) -> ArtifactRow:
    return ArtifactRow(
        bot_id=bot_id, name=VIDEO_NAME, kind="video", status=status, content_type="video/mp4", progress=progress
    )
