"""Makes recordings out of tapes while they are still being taped, so that finishing takes seconds whatever the length.

Every stored segment is fed to the artifacts worker, a process of its own. Nothing it knows is precious: if it dies, the
tapes that are still wanted are fed again from object storage.
"""

import asyncio
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import structlog

from meetfleet.artifacts.manifest import MANIFEST_NAME, FileEntry, Manifest
from meetfleet.control.worker_process import WorkerGone, WorkerProcess
from meetfleet.domain.errors import MeetfleetError, RunnerError
from meetfleet.domain.meeting_url import Platform
from meetfleet.storage.objects import ObjectStore, artifact_key
from meetfleet.store.database import Database
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.repositories.recordings import RecordingRepository
from meetfleet.store.tables import ArtifactRow, BotRow
from meetfleet.store.tables.recordings import ArtifactStatus

log = structlog.get_logger()

WORKER = (sys.executable, "-m", "meetfleet.artifacts.worker")
FEED_TIMEOUT_S = 60.0
FINISH_TIMEOUT_S = 300.0
ATTEMPTS = 3
UNKNOWN = -1


class VideoMaker(Protocol):
    """The seam to the video renderer."""

    async def prepare(self, bot: BotRow, manifest: Manifest) -> Manifest:
        """Called once a recording's sound is done: sees to the video, now or later.

        Returns:
            The manifest, with the video in it if it had to be ready first.
        """
        ...


@dataclass(slots=True)
class _Tape:
    """What the worker has been told of one bot's tape.

    Attributes:
        generation: Of the worker process that knows it.
        fed: Names in tape order.
        is_finished: Whoever waited for the lock meanwhile has nothing left to do.
    """

    generation: int = UNKNOWN
    fed: list[str] = field(default_factory=list[str])
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    is_finished: bool = False


class Assembly:
    """An `Assembler` that keeps up with the call.

    Args:
        objects: Where segments are read from and artifacts are stored.
        scratch: Folder for files under construction; safe to delete while nothing runs.
        videos: Who makes the video.
    """

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        scratch: Path,
        videos: VideoMaker,
        *,
        worker: Sequence[str] = WORKER,
    ) -> None:
        self._database = database
        self._objects = objects
        self._scratch = scratch
        self._videos = videos
        self._worker = WorkerProcess(worker, name="artifacts worker")
        self._tapes: dict[UUID, _Tape] = {}
        self._arrivals: asyncio.Queue[UUID] = asyncio.Queue()

    async def run(self) -> None:
        """Feeds segments as they arrive, until cancelled. A tape that cannot be fed now is fed at its end."""
        try:
            while True:
                bot_id = await self._arrivals.get()
                tape = self._tapes.get(bot_id)
                if tape is None:
                    continue
                try:
                    async with tape.lock:
                        if not tape.is_finished:
                            await self._catch_up(bot_id, tape)
                except MeetfleetError as error:
                    log.warning("assembly.behind", bot_id=str(bot_id), error=error.message)
        finally:
            await self._worker.close()

    async def segment_stored(self, bot_id: UUID, name: str) -> None:
        self._tapes.setdefault(bot_id, _Tape())
        self._arrivals.put_nowait(bot_id)

    async def finish(self, bot_id: UUID) -> Mapping[str, Any]:
        async with self._database.transaction() as session:
            bot = await BotRepository(session).get(bot_id)
        if bot is None:
            return {}
        tape = self._tapes.setdefault(bot_id, _Tape())
        async with tape.lock:
            folder = await self._built(bot, tape)
            manifest = Manifest.from_json((folder / MANIFEST_NAME).read_bytes())
            await self._store(bot_id, folder, manifest)
            await self._register(bot_id, manifest)
            await self._ask(bot_id, tape, "drop", timeout_s=FEED_TIMEOUT_S)
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            tape.is_finished = True
            self._tapes.pop(bot_id, None)
        manifest = await self._videos.prepare(bot, manifest)
        return json.loads(manifest.to_json())

    async def _built(self, bot: BotRow, tape: _Tape) -> Path:
        """The folder with all files but the video, after as many tries as a dying worker needs."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await self._catch_up(bot.id, tape)
                await self._ask(bot.id, tape, "finish", timeout_s=FINISH_TIMEOUT_S, context=_context(bot))
                break
            except WorkerGone:
                if attempt == ATTEMPTS:
                    raise
        return self._folder(bot.id)

    async def _ask(self, bot_id: UUID, tape: _Tape, command: str, *, timeout_s: float, **more: Any) -> None:
        """One command to the worker. A tape on which one failed is begun anew by the next try."""
        try:
            await self._worker.call({"command": command, "tape": str(bot_id), **more}, timeout_s=timeout_s)
        except RunnerError:
            tape.generation = UNKNOWN
            raise

    async def _catch_up(self, bot_id: UUID, tape: _Tape) -> None:
        """Tells the worker of every stored segment that it does not know yet, in tape order."""
        stored = await self._stored_segments(bot_id)
        known = self._worker.is_running and tape.generation == self._worker.generation
        if not known or tape.fed != stored[: len(tape.fed)]:
            await self._open(bot_id, tape)
        for name in stored[len(tape.fed) :]:
            path = await self._fetched(bot_id, name)
            try:
                await self._ask(bot_id, tape, "feed", timeout_s=FEED_TIMEOUT_S, segment=str(path))
            finally:
                path.unlink(missing_ok=True)
            tape.fed.append(name)

    async def _open(self, bot_id: UUID, tape: _Tape) -> None:
        folder = self._folder(bot_id)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        folder.mkdir(parents=True)
        await self._worker.call(
            {"command": "open", "tape": str(bot_id), "out_dir": str(folder)}, timeout_s=FEED_TIMEOUT_S
        )
        tape.generation, tape.fed = self._worker.generation, []

    async def _stored_segments(self, bot_id: UUID) -> list[str]:
        async with self._database.transaction() as session:
            rows = await RecordingRepository(session, bot_id).segments()
        return sorted(row.name for row in rows if row.stored_at is not None)

    async def _fetched(self, bot_id: UUID, name: str) -> Path:
        path = self._scratch / "segments" / f"{bot_id}-{name}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(await self._objects.get(f"bots/{bot_id}/tape/{name}"))
        return path

    async def _store(self, bot_id: UUID, folder: Path, manifest: Manifest) -> None:
        """The manifest goes last: where it lies, everything that it names lies, too."""
        for name in [*(entry.name for entry in manifest.files), MANIFEST_NAME]:
            await self._objects.put(artifact_key(str(bot_id), name), folder / name)

    async def _register(self, bot_id: UUID, manifest: Manifest) -> None:
        async with self._database.transaction() as session:
            recordings = RecordingRepository(session, bot_id)
            for entry in manifest.files:
                await recordings.save_artifact(artifact_row(bot_id, entry))

    def _folder(self, bot_id: UUID) -> Path:
        return self._scratch / "artifacts" / str(bot_id)


def artifact_row(bot_id: UUID, entry: FileEntry) -> ArtifactRow:
    """A finished file as the database knows it."""
    return ArtifactRow(
        bot_id=bot_id,
        name=entry.name,
        kind=entry.kind,
        status=ArtifactStatus.READY,
        content_type=entry.content_type,
        size_bytes=entry.size_bytes,
        sha256=entry.sha256,
        duration_s=entry.duration_s,
        object_key=artifact_key(str(bot_id), entry.name),
        progress=1.0,
    )


def _context(bot: BotRow) -> dict[str, Any]:
    return {
        "bot_id": str(bot.id),
        "platform": bot.platform.value,
        "bot_name": bot.bot_name,
        # Source: contract.md C72, Teams has no user ids.
        "with_user_ids": bot.platform is not Platform.TEAMS,
    }
