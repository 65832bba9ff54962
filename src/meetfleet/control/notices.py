"""The seam to those who are told: called inside the transaction that changes something."""

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.store.tables import BotEventRow, BotRow, ChatMessageRow


class Notices(Protocol):
    """Turns what happened to a bot into messages for endpoints and callbacks; only writes rows and jobs."""

    async def status_changed(self, session: AsyncSession, steps: Sequence[tuple[BotRow, BotEventRow]]) -> None:
        """Every step of the lifecycle, final ones included; of many bots at once, each with its newest event stored."""
        ...

    async def bot_completed(self, session: AsyncSession, bot: BotRow) -> None: ...

    async def bot_failed(self, session: AsyncSession, bot: BotRow) -> None: ...

    async def chat_message(self, session: AsyncSession, bot: BotRow, message: ChatMessageRow) -> None: ...
