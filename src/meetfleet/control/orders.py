"""What callers can ask of a bot in a meeting, and change about it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.control.bots import Bots
from meetfleet.domain.clock import Clock
from meetfleet.domain.errors import NotFound, ProviderError, Unprocessable
from meetfleet.domain.lifecycle import IN_MEETING, BotState
from meetfleet.domain.link import CommandType
from meetfleet.store.database import Database
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.tables import BotRow, CommandRow, TeamRow

ANSWER_S = 15.0
_LOOK_S = 0.2


class Orders:
    """All methods raise NotFound (`bot_not_found`), and Conflict (`bot_status`) if the state does not allow it."""

    def __init__(self, database: Database, bots: Bots, clock: Clock) -> None:
        self._database = database
        self._bots = bots
        self._clock = clock

    async def say(self, team: TeamRow, bot_id: UUID, text: str) -> None:
        """Writes into the meeting's chat and waits until it is there.

        Raises:
            Unprocessable: `chat_disabled`, if the meeting does not let the bot.
            ProviderError: `send_chat_message_failed`, if the bot could not, or did not answer.
        """
        command = await self._bots.order(team, bot_id, CommandType.CHAT, {"text": text}, IN_MEETING)
        answer = await self._answer(bot_id, command.seq)
        if answer is None:
            raise ProviderError("The bot did not answer in time.", code="send_chat_message_failed")
        if answer.ok is False and "chat_disabled" in (answer.detail or ""):
            raise Unprocessable("The chat of this meeting is disabled.", code="chat_disabled")
        if answer.ok is False:
            raise ProviderError("The chat message could not be sent.", code="send_chat_message_failed")

    async def pause(self, team: TeamRow, bot_id: UUID, chat_message: str | None = None) -> None:
        """Asks the bot to pause its recording, and to say so if given words."""
        await self._change(team, bot_id, CommandType.PAUSE, BotState.RECORDING, chat_message)

    async def resume(self, team: TeamRow, bot_id: UUID, chat_message: str | None = None) -> None:
        await self._change(team, bot_id, CommandType.RESUME, BotState.PAUSED, chat_message)

    async def update_extra(self, team: TeamRow, bot_id: UUID, extra: Mapping[str, Any] | None) -> BotRow:
        """Merges keys into the caller's own data of a bot, in any state; None clears it."""
        async with self._database.transaction() as session:
            bot = await _locked(session, team, bot_id)
            bot.extra = None if extra is None else {**(bot.extra or {}), **extra}
            return bot

    async def _change(
        self, team: TeamRow, bot_id: UUID, command: CommandType, state: BotState, chat_message: str | None
    ) -> None:
        await self._bots.order(team, bot_id, command, {}, frozenset({state}))
        if chat_message:
            await self._bots.order(team, bot_id, CommandType.CHAT, {"text": chat_message}, IN_MEETING)

    async def _answer(self, bot_id: UUID, seq: int) -> CommandRow | None:
        """The command once it is done; None if that takes too long."""
        until_ns = self._clock.now_ns() + int(ANSWER_S * 1e9)
        while self._clock.now_ns() < until_ns:
            async with self._database.transaction() as session:
                command = await BotRepository(session).command(bot_id, seq)
            if command is not None and command.done_at is not None:
                return command
            await self._clock.sleep(_LOOK_S)
        return None


async def _locked(session: AsyncSession, team: TeamRow, bot_id: UUID) -> BotRow:
    bot = await BotRepository(session).get(bot_id, team_id=team.id, lock=True)
    if bot is None:
        raise NotFound(f"Bot with ID '{bot_id}' not found", code="bot_not_found")
    return bot
