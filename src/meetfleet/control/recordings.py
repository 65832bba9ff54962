"""Looks at bots together with what they brought home."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.domain.errors import NotFound
from meetfleet.domain.lifecycle import BotState
from meetfleet.store.database import Database
from meetfleet.store.recording import Recording, read_recording
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.repositories.transcriptions import TranscriptionRepository
from meetfleet.store.tables import BotRow, TeamRow, TranscriptionStatus


@dataclass(frozen=True, slots=True)
class BotView:
    """A bot, its recording, and whether that goes on after a pause."""

    bot: BotRow
    recording: Recording
    resumed: bool


@dataclass(frozen=True, slots=True)
class BotStanding:
    """Where a bot is, and nothing else.

    Attributes:
        transcription: How far that is; None as long as none was begun.
    """

    bot: BotRow
    transcription: TranscriptionStatus | None
    resumed: bool


class Recordings:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def view(self, team: TeamRow, bot_id: UUID) -> BotView:
        """All in one moment. Raises NotFound (`bot_not_found`) for a foreign or unknown id."""
        async with self._database.transaction() as session:
            bot = await _found(session, team, bot_id)
            return BotView(bot, await read_recording(session, bot), await _resumed(session, bot))

    async def standing(self, team: TeamRow, bot_id: UUID) -> BotStanding:
        """What callers poll for. Raises NotFound (`bot_not_found`) for a foreign or unknown id."""
        async with self._database.transaction() as session:
            bot = await _found(session, team, bot_id)
            run = await TranscriptionRepository(session, bot_id).newest()
            return BotStanding(bot, run and run.status, await _resumed(session, bot))

    async def paused_before(self, bot_ids: Iterable[UUID]) -> frozenset[UUID]:
        """Those among the bots whose recording was ever paused."""
        wanted = list(bot_ids)
        if not wanted:
            return frozenset()
        async with self._database.transaction() as session:
            return await BotRepository(session).paused_before(wanted)


async def _found(session: AsyncSession, team: TeamRow, bot_id: UUID) -> BotRow:
    bot = await BotRepository(session).get(bot_id, team_id=team.id)
    if bot is None:
        raise NotFound(f"Bot with ID '{bot_id}' not found", code="bot_not_found")
    return bot


async def _resumed(session: AsyncSession, bot: BotRow) -> bool:
    """Whether a bot that records was ever paused; in other states it makes no difference."""
    return bot.state is BotState.RECORDING and bool(await BotRepository(session).paused_before([bot.id]))
