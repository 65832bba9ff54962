"""What a bot brought home, as its callers are told: people, speakers and files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.store.repositories.recordings import RecordingRepository
from meetfleet.store.tables import ArtifactStatus, BotRow


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
class Recording:
    """Empty once the data was deleted, but for the people."""

    people: Sequence[Person] = ()
    files: Mapping[str, ArtifactStatus] = field(default_factory=dict[str, ArtifactStatus])

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
    return Recording(people, files)
