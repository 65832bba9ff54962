"""What transcription starts from: the sound and the captions of a finished recording, and who was heard when."""

import asyncio
import json
import shutil
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meetfleet.domain.dialects.v2 import ARTIFACT_NAMES
from meetfleet.storage.objects import ObjectNotFound, ObjectStore, artifact_key
from meetfleet.store.tables import BotRow
from meetfleet.transcription.naming import HeardSpan
from meetfleet.transcription.pieces import Piece, extract
from meetfleet.transcription.provider import Capabilities, CaptionedLine, Speech

SOUND_NAME = ARTIFACT_NAMES["audio"]
SPEAKERS_NAME = "speakers.json"
CAPTIONS_NAME = "captions.json"

SpeechOf = Callable[[Piece], Awaitable[Speech]]


@dataclass(frozen=True, slots=True)
class Recorded:
    """Attributes:
    heard: Who spoke when, of the diarization.
    """

    duration_s: float
    heard: tuple[HeardSpan, ...]

    @property
    def spoken_s(self) -> float:
        return sum(span.end_s - span.start_s for span in self.heard)


class SpeechSource:
    """Args:
    scratch: Folder for sound on its way to a provider; safe to delete while nothing runs.
    """

    def __init__(self, objects: ObjectStore, scratch: Path) -> None:
        self._objects = objects
        self._scratch = scratch / "transcription"

    async def read(self, bot: BotRow) -> Recorded:
        manifest = bot.manifest or {}
        duration_s = float(manifest.get("duration_s") or bot.duration_s or 0.0)
        speakers = await self._json(bot, SPEAKERS_NAME)
        return Recorded(duration_s, tuple(_span(row) for row in (speakers or {}).get("segments", ())))

    @asynccontextmanager
    async def sound(self, bot: BotRow, recorded: Recorded, capabilities: Capabilities) -> AsyncGenerator[SpeechOf]:
        """Gives pieces of the recording as the provider wants them; their files live as long as the block."""
        folder = self._scratch / str(bot.id)
        captions = () if capabilities.hears else await self._captions(bot)

        async def speech_of(piece: Piece) -> Speech:
            audio = await self._cut_out(bot, folder, piece, recorded) if capabilities.hears else None
            return Speech(piece.duration_s, audio, captions, recorded.spoken_s)

        try:
            yield speech_of
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _captions(self, bot: BotRow) -> tuple[CaptionedLine, ...]:
        captions = await self._json(bot, CAPTIONS_NAME)
        return tuple(_line(row) for row in (captions or {}).get("lines", ()))

    async def _cut_out(self, bot: BotRow, folder: Path, piece: Piece, recorded: Recorded) -> Path | None:
        whole = folder / SOUND_NAME
        if not whole.exists() and not await self._fetched(bot, whole):
            return None
        if piece.start_s <= 0 and piece.end_s >= recorded.duration_s:
            return whole
        part = folder / f"{round(piece.start_s)}-{SOUND_NAME}"
        await asyncio.to_thread(extract, whole, piece, part)
        return part

    async def _fetched(self, bot: BotRow, target: Path) -> bool:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(".part")
        try:
            with await asyncio.to_thread(part.open, "wb") as file:
                async for some in self._objects.get_range(artifact_key(str(bot.id), SOUND_NAME)):
                    await asyncio.to_thread(file.write, some)
        except ObjectNotFound:
            return False
        part.rename(target)
        return True

    async def _json(self, bot: BotRow, name: str) -> dict[str, Any] | None:
        try:
            return json.loads(await self._objects.get(artifact_key(str(bot.id), name)))
        except ObjectNotFound:
            return None


def _span(row: dict[str, Any]) -> HeardSpan:
    return HeardSpan(row["speaker"] if row["user_id"] is not None else None, row["start_time"], row["end_time"])


def _line(row: dict[str, Any]) -> CaptionedLine:
    words = tuple((word["word"], word["start"], word["end"]) for word in row["words"])
    return CaptionedLine(row["speaker"], row["language"], row["text"], words)
