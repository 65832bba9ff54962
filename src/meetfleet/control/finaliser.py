"""The end of a bot's life: brings in what is left of its tape, has the recording made, and says how it ended. Once."""

import asyncio
import contextlib
import hashlib
import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog

from meetfleet.control.assembler import Assembler
from meetfleet.control.lifecycle import Lifecycle
from meetfleet.control.link import LinkService, segment_key
from meetfleet.control.outcome import Step, judge, recorded_seconds
from meetfleet.control.runner import runner_of
from meetfleet.control.transcriptions import Transcriptions, is_wanted
from meetfleet.domain.clock import Clock
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.errors import MeetfleetError, TapeError
from meetfleet.domain.lifecycle import BotState
from meetfleet.fleet.launcher import Launcher
from meetfleet.fleet.leftovers import has_open_segment, seal_open_segments, sealed_segments
from meetfleet.storage.objects import ObjectStore, bot_prefix
from meetfleet.store.database import Database
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.repositories.recordings import RecordingRepository
from meetfleet.store.tables import BotEventRow, BotRow, EventKind, SegmentRow
from meetfleet.store.times import utc
from meetfleet.tape.segment import SealedSegment

SETTLE_S = 20.0
"""How long a bot that says it is done may still hold on to its tape."""
_SETTLE_STEP_S = 0.2
_EXIT_S = 15.0
_STOP_GRACE_S = 5.0
_SHORTEST_S = 0.001
"""What was recorded counts as recorded, however short."""

log = structlog.get_logger()


class Finaliser:
    def __init__(
        self,
        database: Database,
        lifecycle: Lifecycle,
        launcher: Launcher,
        link: LinkService,
        objects: ObjectStore,
        assembler: Assembler,
        transcriptions: Transcriptions,
        clock: Clock,
    ) -> None:
        self._database = database
        self._lifecycle = lifecycle
        self._launcher = launcher
        self._link = link
        self._objects = objects
        self._assembler = assembler
        self._transcriptions = transcriptions
        self._clock = clock

    async def finalise(self, bot_id: UUID) -> None:
        """Runs the bot's end to its end. Safe to repeat at any point; a bot that is not at its end is left alone."""
        bot = await self._load(bot_id)
        if bot is None or bot.state is not BotState.PROCESSING:
            return
        await self._settle(bot)
        manifest: Mapping[str, Any] = {}
        if any(s.stored_at for s in await self._segments(bot_id)):
            manifest = await self._assembler.finish(bot_id)
        await self._conclude(bot_id, manifest)
        await self._clear_up(bot)

    async def give_up(self, bot_id: UUID) -> None:
        """Ends a bot whose recording could not be made, time and again. Its tape and work files stay."""
        await self._conclude(bot_id, {}, EndReason.INTERNAL_ERROR)

    async def clear_leftovers(self) -> None:
        """Removes work folders of finished bots whose server died before it could."""
        for folder in await asyncio.to_thread(_bot_folders, self._launcher.work_dir("x", 1).parent.parent):
            bot = await self._load(UUID(folder.name))
            if bot is not None and bot.state.is_final and not await self._unstored(bot.id, folder):
                await self._clear_up(bot)

    async def _settle(self, bot: BotRow) -> None:
        """Returns when all of the tape that will ever exist is in object storage."""
        folder = self._folder_of(bot)
        handle = runner_of(self._launcher, bot)
        deadline = asyncio.get_running_loop().time() + SETTLE_S
        while handle is not None and not await self._launcher.ended(handle, within_s=_SETTLE_STEP_S):
            if not has_open_segment(folder) and not await self._unstored(bot.id, folder):
                return
            if asyncio.get_running_loop().time() > deadline:
                await self._launcher.stop(handle, grace_s=_STOP_GRACE_S)
        sealed: list[SealedSegment] = []
        try:
            sealed = await asyncio.to_thread(seal_open_segments, folder)
        except TapeError as error:
            log.error("leftover_not_sealed", bot_id=str(bot.id), error=error.message)
        spans = {segment.name: segment for segment in sealed}
        for path in await self._unstored(bot.id, folder):
            await self._store(bot.id, path, spans.get(path.name))

    async def _unstored(self, bot_id: UUID, folder: Path) -> list[Path]:
        stored = {s.name for s in await self._segments(bot_id) if s.stored_at is not None}
        return [path for path in sealed_segments(folder) if path.name not in stored]

    async def _store(self, bot_id: UUID, path: Path, sealed: SealedSegment | None) -> None:
        size_bytes, sha256 = await asyncio.to_thread(_measured, path)
        await self._objects.put(segment_key(bot_id, path.name), path)
        span = None if sealed is None else (sealed.first_ns, sealed.last_ns)
        await self._link.note_stored(bot_id, path.name, size_bytes, sha256, span)
        log.info("leftover_stored", bot_id=str(bot_id), segment=path.name)

    async def _conclude(self, bot_id: UUID, manifest: Mapping[str, Any], reason: EndReason | None = None) -> None:
        async with self._database.transaction() as session:
            bots = BotRepository(session)
            bot = await bots.get(bot_id, lock=True)
            if bot is None or bot.state is not BotState.PROCESSING:
                return
            ended_at = _end_of_recording(bot, await RecordingRepository(session, bot_id).segments())
            recorded_s = recorded_seconds(_steps(await bots.events(bot_id)), ended_at)
            if bot.recording_started_at is not None:
                recorded_s = max(recorded_s, _SHORTEST_S)
            outcome = judge(reason or bot.end_reason, recorded_s)
            bot.end_reason = outcome.reason
            bot.duration_s = recorded_s or None
            bot.manifest = dict(manifest) or None
            if bot.exited_at is not None and outcome.reason.is_crash:
                bot.exited_at = ended_at
            if outcome.state is BotState.COMPLETED and is_wanted(bot):
                await self._transcriptions.begin(session, bot, outcome.state)
                return
            await self._lifecycle.advance(session, bot, outcome.state, at=self._now(), cause="finalise")

    async def _clear_up(self, bot: BotRow) -> None:
        """Keeps the log, removes the work files. What fails here only costs disk space."""
        handle = runner_of(self._launcher, bot)
        if handle is not None and not await self._launcher.ended(handle, within_s=_EXIT_S):
            await self._launcher.stop(handle, grace_s=_STOP_GRACE_S)
        folder = self._folder_of(bot)
        with contextlib.suppress(OSError, MeetfleetError):
            for file in sorted(folder.glob("take-*/bot.log")):
                await self._objects.put(f"{bot_prefix(str(bot.id))}/logs/{file.parent.name}.log", file)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def _folder_of(self, bot: BotRow) -> Path:
        """Holds the folders of all takes."""
        return self._launcher.work_dir(str(bot.id), bot.take).parent

    async def _load(self, bot_id: UUID) -> BotRow | None:
        async with self._database.transaction() as session:
            return await BotRepository(session).get(bot_id)

    async def _segments(self, bot_id: UUID) -> list[SegmentRow]:
        async with self._database.transaction() as session:
            return list(await RecordingRepository(session, bot_id).segments())

    def _now(self) -> datetime:
        return utc(self._clock.now_ns())


def _steps(events: Sequence[BotEventRow]) -> list[Step]:
    return [Step(event.state, event.at) for event in events if event.kind is EventKind.STATE]


def _end_of_recording(bot: BotRow, segments: Sequence[SegmentRow]) -> datetime:
    """When the bot left; for one that broke, the last moment that its tape tells of."""
    left = bot.exited_at or bot.state_at
    last_ns = max((s.last_ns for s in segments if s.last_ns is not None), default=None)
    if last_ns is None or bot.end_reason is None or not bot.end_reason.is_crash:
        return left
    return min(left, utc(last_ns))


def _measured(file: Path) -> tuple[int, str]:
    with file.open("rb") as source:
        return file.stat().st_size, hashlib.file_digest(source, "sha256").hexdigest()


def _bot_folders(parent: Path) -> list[Path]:
    found: list[Path] = []
    for folder in parent.glob("*"):
        with contextlib.suppress(ValueError):
            UUID(folder.name)
            found.append(folder)
    return found
