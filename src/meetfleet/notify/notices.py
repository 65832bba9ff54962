"""Turns what happens to a bot into messages on their way, inside the transaction in which it happens."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.domain.clock import Clock
from meetfleet.domain.dialects.v2 import SILENT, Event, Status, Timeline
from meetfleet.domain.lifecycle import BotState
from meetfleet.notify.bell import Bell
from meetfleet.notify.lane import CALLBACK_PREFIX
from meetfleet.notify.payloads import v2
from meetfleet.store.repositories.messages import MessageRepository, PastStep
from meetfleet.store.repositories.recordings import RecordingRepository
from meetfleet.store.tables import BotEventRow, BotRow, ChatMessageRow, EventKind, MessageRow
from meetfleet.store.times import utc


class WebhookNotices:
    """The `Notices` of the control plane: one message for each endpoint that wants the event, and for the callback.

    A message is a row; the bell only tells the delivery to look (see `deliveries.py`).
    """

    def __init__(self, bell: Bell, clock: Clock) -> None:
        self._bell = bell
        self._clock = clock

    async def status_changed(self, session: AsyncSession, steps: Sequence[tuple[BotRow, BotEventRow]]) -> None:
        """One `bot.status_change` for each status that a step announces."""
        loud = [(bot, event) for bot, event in steps if event.kind is EventKind.STATE and event.state not in SILENT]
        if not loud:
            return
        messages = MessageRepository(session)
        lives = await messages.steps_to_tell([bot.id for bot, _ in loud], Event.STATUS_CHANGE)
        for bot, event in loud:
            for status in _announced(lives.get(bot.id, ()), event):
                context = {"status": v2.status_context(bot, event, status)}
                await self._tell(session, bot, Event.STATUS_CHANGE, context)

    async def bot_completed(self, session: AsyncSession, bot: BotRow) -> None:
        await self.tell_end(session, bot)

    async def bot_failed(self, session: AsyncSession, bot: BotRow) -> None:
        await self.tell_end(session, bot)

    async def chat_message(self, session: AsyncSession, bot: BotRow, message: ChatMessageRow) -> None:
        """The bot's own messages are not told. Source: contract.md 5.4."""
        if message.is_self:
            return
        people = await RecordingRepository(session, bot.id).participants()
        number = next((p.number for p in people if p.participant_id == message.participant_id), None)
        await self._tell(session, bot, Event.CHAT_MESSAGE, {"chat": v2.chat_context(message, number)})

    async def tell_end(self, session: AsyncSession, bot: BotRow, *, callback: bool = True) -> None:
        """The final event, to all endpoints and (unless it is a repeat for these only) to the callback."""
        event = Event.COMPLETED if bot.state is BotState.COMPLETED else Event.FAILED
        await self._tell(session, bot, event, {})
        if callback and bot.callback is not None:
            await self.call_back(session, bot, bot.callback)

    async def call_back(self, session: AsyncSession, bot: BotRow, callback: Mapping[str, Any]) -> MessageRow:
        """The final event to one callback: {url, method, secret (sealed) or None}."""
        now = self._now()
        message = MessageRow(
            team_id=bot.team_id,
            bot_id=bot.id,
            lane=CALLBACK_PREFIX + (urlsplit(str(callback["url"])).hostname or ""),
            event=(Event.COMPLETED if bot.state is BotState.COMPLETED else Event.FAILED).value,
            context={"callback": dict(callback)},
            next_attempt_at=now,
            created_at=now,
        )
        await MessageRepository(session).add(message)
        self._bell.ring(session, [message.lane])
        return message

    async def _tell(self, session: AsyncSession, bot: BotRow, event: Event, context: Mapping[str, Any]) -> None:
        # Rows that this statement reads must have been written.
        await session.flush()
        lanes = await MessageRepository(session).fan_out(bot, event.value, context, self._now())
        self._bell.ring(session, lanes)

    def _now(self) -> datetime:
        return utc(self._clock.now_ns())


def _announced(life: Sequence[PastStep], event: BotEventRow) -> Sequence[Status]:
    """Nothing for a bot without a life: nobody wants to know of it."""
    timeline = Timeline()
    announced: Sequence[Status] = ()
    for step in life:
        if step.n <= event.n:
            announced = timeline.advance(step.state, step.reason)
    return announced
