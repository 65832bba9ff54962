"""Tells the end of a bot's life once more, on request. Source: contract.md 2.11 and 2.12."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.domain.errors import Conflict, NotFound
from meetfleet.domain.lifecycle import BotState
from meetfleet.notify.notices import WebhookNotices
from meetfleet.store.database import Database
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.tables import BotRow, TeamRow

_FINISHED = (BotState.COMPLETED, BotState.FAILED)


class Redelivery:
    """Both methods raise NotFound (`bot_not_found`), and Conflict (`bot_status`) while the bot is not finished."""

    def __init__(self, database: Database, notices: WebhookNotices) -> None:
        self._database = database
        self._notices = notices

    async def resend_webhook(self, team: TeamRow, bot_id: UUID) -> None:
        """The final event to all endpoints again: a new message, with fresh links."""
        async with self._database.transaction() as session:
            await self._notices.tell_end(session, await _finished(session, team, bot_id), callback=False)

    async def retry_callback(self, team: TeamRow, bot_id: UUID, override: Mapping[str, Any] | None) -> None:
        """The final event to the bot's callback again.

        Args:
            override: {url, method, secret (sealed) or None} instead of the stored one.

        Raises:
            Conflict: `callback_not_configured`, if there is neither.
        """
        async with self._database.transaction() as session:
            bot = await _finished(session, team, bot_id)
            callback = override or bot.callback
            if callback is None:
                raise Conflict(f"Bot '{bot_id}' has no callback configured.", code="callback_not_configured")
            await self._notices.call_back(session, bot, callback)


async def _finished(session: AsyncSession, team: TeamRow, bot_id: UUID) -> BotRow:
    bot = await BotRepository(session).get(bot_id, team_id=team.id)
    if bot is None:
        raise NotFound(f"Bot with ID '{bot_id}' not found", code="bot_not_found")
    if bot.state not in _FINISHED:
        raise Conflict(f"Bot '{bot_id}' is {bot.state}: operation not permitted in this state.", code="bot_status")
    return bot
