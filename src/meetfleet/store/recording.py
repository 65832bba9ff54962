"""What a bot brought home, as its callers are told: people, speakers and files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.store.repositories.recordings import RecordingRepository
from meetfleet.store.repositories.transcriptions import TranscriptionRepository
from meetfleet.store.tables import ArtifactStatus, BotRow, TranscriptionRow, TranscriptionStatus


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the meeting, the bot itself not counted.

    Attributes:
        number: Counts people in order of appearance, as in the diarization.
        speaks: Whether they were heard.
    """

    name: str
    number: int
    speaks: bool = False


@dataclass(frozen=True, slots=True)
class Transcribed:
    """The newest transcription of a recording.

    Attributes:
        provider: Who was asked for it.
        ids: The provider's own; ours if it has none. None until it is done, and once the data was deleted.
    """

    status: TranscriptionStatus
    provider: str
    ids: Sequence[str] | None


@dataclass(frozen=True, slots=True)
class Recording:
    """Empty once the data was deleted, but for the people.

    Attributes:
        transcription: None as long as none was begun.
    """

    people: Sequence[Person] = ()
    files: Mapping[str, ArtifactStatus] = field(default_factory=dict[str, ArtifactStatus])
    transcription: Transcribed | None = None

    def offers(self, name: str) -> bool:
        """Whether a link to this file leads somewhere: it is there, or on its way."""
        return name in self.files and self.files[name] is not ArtifactStatus.FAILED


async def read_recording(session: AsyncSession, bot: BotRow) -> Recording:
    """People as the finished recording numbers them; until then as the bot has seen them."""
    rows = RecordingRepository(session, bot.id)
    listed = cast("list[dict[str, Any]] | None", (bot.manifest or {}).get("participants"))
    if listed is None:
        people = [Person(p.name, p.number) for p in await rows.participants() if not p.is_self]
    else:
        people = [Person(p["name"], p["user_id"], p.get("speaking_s", 0) > 0) for p in listed]
    files = {} if bot.artifacts_deleted_at else {a.name: a.status for a in await rows.artifacts()}
    run = await TranscriptionRepository(session, bot.id).newest()
    return Recording(
        people, files, None if run is None else _transcribed(run, is_deleted=bot.artifacts_deleted_at is not None)
    )


def _transcribed(run: TranscriptionRow, *, is_deleted: bool) -> Transcribed:
    is_done = run.status is TranscriptionStatus.DONE and not is_deleted
    return Transcribed(run.status, run.provider, (run.provider_ids or [str(run.id)]) if is_done else None)
