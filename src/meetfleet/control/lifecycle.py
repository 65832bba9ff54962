"""The one writer of `bots.state`: a step is a change of the row, an event and the notices it causes, or nothing."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.control.notices import Notices
from meetfleet.control.outcome import judge
from meetfleet.control.settlement import settle
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.errors import Conflict
from meetfleet.domain.lifecycle import IN_MEETING, BotState, may_follow
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.tables import BotEventRow, BotRow, EventKind

log = structlog.get_logger()


class ForbiddenStep(Conflict):
    """The lifecycle knows no such step."""

    def __init__(self, bot: BotRow, state: BotState) -> None:
        super().__init__(f"Bot {bot.id} cannot go from {bot.state} to {state}.", code="bot_status")


class Lifecycle:
    def __init__(self, notices: Notices) -> None:
        self._notices = notices

    async def advance(
        self,
        session: AsyncSession,
        bot: BotRow,
        state: BotState,
        *,
        at: datetime,
        cause: str,
        reason: EndReason | None = None,
        detail: str | None = None,
        evidence: Mapping[str, Any] | None = None,
    ) -> BotEventRow:
        """Takes one step. The caller holds the bot's row lock.

        Args:
            at: When it happened (not when it was reported).
            cause: Who says so: `request`, `schedule`, `link`, `dispatch`, `supervisor`, `finalise`.
            reason: Why the bot's life ends; the first one given is kept.

        Raises:
            ForbiddenStep: `state` may not follow the present one.
        """
        if not may_follow(bot.state, state):
            raise ForbiddenStep(bot, state)
        log.info("bot_state", bot_id=str(bot.id), was=bot.state.value, state=state.value, reason=reason, cause=cause)
        if reason is not None and bot.end_reason is None:
            # In the light of what was recorded so far: "removed" is another thing in the first minute.
            bot.end_reason = judge(reason, _recorded_so_far_s(bot, at)).reason
            bot.end_detail, bot.end_evidence = detail, dict(evidence or {})
        _stamp(bot, state, at)
        event = await self.record(session, bot, at=at, cause=cause, evidence=evidence)
        if state.is_final:
            await settle(session, bot, event)
        await self.announce(session, bot, event)
        return event

    async def advance_all(
        self, session: AsyncSession, bots: Sequence[BotRow], state: BotState, *, at: datetime, cause: str
    ) -> None:
        """Takes one step with many bots, in few statements; not a step that ends a life.

        Raises:
            ForbiddenStep: `state` may not follow the present one of one of them.
        """
        if not bots:
            return
        for bot in bots:
            if not may_follow(bot.state, state):
                raise ForbiddenStep(bot, state)
            log.info("bot_state", bot_id=str(bot.id), was=bot.state.value, state=state.value, cause=cause)
            _stamp(bot, state, at)
        events = [_event(bot, at=at, cause=cause) for bot in bots]
        await BotRepository(session).append_events(events)
        await self._notices.status_changed(session, list(zip(bots, events, strict=True)))

    async def announce(self, session: AsyncSession, bot: BotRow, event: BotEventRow) -> None:
        """Has everybody told who wants to know of this event."""
        await self._notices.status_changed(session, [(bot, event)])
        if event.state is BotState.COMPLETED:
            await self._notices.bot_completed(session, bot)
        elif event.state is BotState.FAILED:
            await self._notices.bot_failed(session, bot)

    async def record(
        self,
        session: AsyncSession,
        bot: BotRow,
        *,
        at: datetime,
        cause: str,
        kind: EventKind = EventKind.STATE,
        evidence: Mapping[str, Any] | None = None,
    ) -> BotEventRow:
        """Writes an event in the present state: the first one of a bot, or something worth keeping that is no step."""
        event = _event(bot, at=at, cause=cause, kind=kind, evidence=evidence)
        await BotRepository(session).append_events([event])
        return event


def _event(
    bot: BotRow,
    *,
    at: datetime,
    cause: str,
    kind: EventKind = EventKind.STATE,
    evidence: Mapping[str, Any] | None = None,
) -> BotEventRow:
    return BotEventRow(
        bot_id=bot.id,
        at=at,
        kind=kind,
        state=bot.state,
        reason=bot.end_reason,
        cause=cause,
        evidence=dict(evidence or {}),
    )


def _recorded_so_far_s(bot: BotRow, at: datetime) -> float:
    return 0.0 if bot.recording_started_at is None else max(0.001, (at - bot.recording_started_at).total_seconds())


def _stamp(bot: BotRow, state: BotState, at: datetime) -> None:
    bot.state, bot.state_at = state, at
    if state in IN_MEETING and bot.joined_at is None:
        bot.joined_at = at
    if state is BotState.RECORDING and bot.recording_started_at is None:
        bot.recording_started_at = at
    if state in (BotState.PROCESSING, BotState.FAILED) and bot.joined_at is not None and bot.exited_at is None:
        bot.exited_at = at
    if state.is_final and bot.ended_at is None:
        bot.ended_at = at
