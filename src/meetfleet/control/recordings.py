"""Looks at bots together with what they brought home."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from meetfleet.domain.errors import NotFound
from meetfleet.store.database import Database
from meetfleet.store.recording import Recording, read_recording
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.tables import BotRow, TeamRow


@dataclass(frozen=True, slots=True)
class BotView:
    """A bot, its recording, and whether that was ever paused."""

    bot: BotRow
    recording: Recording
    resumed: bool


class Recordings:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def view(self, team: TeamRow, bot_id: UUID) -> BotView:
        """All in one moment. Raises NotFound (`bot_not_found`) for a foreign or unknown id."""
        async with self._database.transaction() as session:
            bots = BotRepository(session)
            bot = await bots.get(bot_id, team_id=team.id)
            if bot is None:
                raise NotFound(f"Bot with ID '{bot_id}' not found", code="bot_not_found")
            return BotView(bot, await read_recording(session, bot), bool(await bots.paused_before([bot_id])))

    async def paused_before(self, bot_ids: Iterable[UUID]) -> frozenset[UUID]:
        """Those among the bots whose recording was ever paused."""
        wanted = list(bot_ids)
        if not wanted:
            return frozenset()
        async with self._database.transaction() as session:
            return await BotRepository(session).paused_before(wanted)
