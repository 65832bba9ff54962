"""A transcript as files: stored first, then registered together with the step that follows from it."""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.artifacts.manifest import FileEntry
from meetfleet.control.assembly import artifact_row
from meetfleet.control.manifests import add_to_manifest
from meetfleet.storage.objects import ObjectNotFound, ObjectStore, artifact_key
from meetfleet.store.repositories.recordings import RecordingRepository
from meetfleet.store.tables import BotRow, TranscriptionRow
from meetfleet.transcription.output import OUTPUT_NAME, RAW_NAME, RawPiece, output_json, raw_json
from meetfleet.transcription.transcript import Transcript


class TranscriptFiles:
    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    async def store(
        self, run: TranscriptionRow, transcript: Transcript, pieces: Sequence[RawPiece], at: datetime
    ) -> list[FileEntry]:
        contents = await asyncio.to_thread(_contents, run, transcript, pieces, at)
        return [await self._put(run.bot_id, name, content) for name, content in contents.items()]

    async def register(self, session: AsyncSession, bot: BotRow, entries: Sequence[FileEntry]) -> None:
        """In the database and in the manifest."""
        recordings = RecordingRepository(session, bot.id)
        for entry in entries:
            await recordings.save_artifact(artifact_row(bot.id, entry))
        try:
            manifest = await add_to_manifest(session, self._objects, bot.id, entries)
        except ObjectNotFound:
            return
        bot.manifest = json.loads(manifest.to_json())

    async def _put(self, bot_id: UUID, name: str, content: bytes) -> FileEntry:
        await self._objects.put(artifact_key(str(bot_id), name), content)
        kind = "transcription" if name == OUTPUT_NAME else "raw_transcription"
        return FileEntry(name, kind, "application/json", len(content), hashlib.sha256(content).hexdigest())


def _contents(
    run: TranscriptionRow, transcript: Transcript, pieces: Sequence[RawPiece], at: datetime
) -> dict[str, bytes]:
    bot_id = str(run.bot_id)
    texts = {
        OUTPUT_NAME: output_json(transcript, bot_id=bot_id, provider=run.provider, created_at=at),
        RAW_NAME: raw_json(pieces, bot_id=bot_id, engine=run.engine or "", created_at=at),
    }
    return {name: text.encode() for name, text in texts.items()}
