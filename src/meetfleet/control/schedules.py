"""Bots that are sent later: made, looked up, changed and cancelled. `control.spawning` sends them.

A scheduled bot is a bot like any other, in the state `scheduled`; it keeps its id when it is sent.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from meetfleet.control.admission import Admission
from meetfleet.control.bots import Bots, NewBot, apply, found_bot, new_row, wrong_state
from meetfleet.control.lifecycle import Lifecycle
from meetfleet.control.zoom_credentials import refuse_unknown_credential
from meetfleet.domain.clock import Clock
from meetfleet.domain.errors import NotFound
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.schedule import check_join_at, check_unlocked
from meetfleet.store.database import Database
from meetfleet.store.paging import Page, PageRequest
from meetfleet.store.repositories.bots import BotRepository
from meetfleet.store.repositories.schedules import ScheduleFilter, ScheduleRepository
from meetfleet.store.tables import BotRow, TeamRow
from meetfleet.store.times import utc
from meetfleet.store.wakeups import wake

SPAWNERS = UUID("5c4ed01e-0000-4000-8000-000000000000")
"""Who is woken when a bot is due sooner than a spawner would look by itself."""
_SOON = timedelta(seconds=10)

Change = Callable[[BotRow], NewBot]


class Schedules:
    """The service behind every dialect. Methods raise NotFound (`bot_not_found`) for any id but a scheduled bot's."""

    def __init__(
        self, database: Database, lifecycle: Lifecycle, bots: Bots, admission: Admission, clock: Clock
    ) -> None:
        self._database = database
        self._lifecycle = lifecycle
        self._bots = bots
        self._admission = admission
        self._clock = clock

    async def create(self, team: TeamRow, new: NewBot, join_at: datetime) -> BotRow:
        """Stores a bot that is due later. Cap, tokens and other bots in the meeting are looked at when it is.

        Raises:
            InvalidRequest: nothing can be scheduled for then, or the request names what the team does not have.
            Conflict: `sandbox_unavailable`, if it is one for the sandbox and this server has none.
            Refusal: the team's plan does not allow what the bot asks for.
        """
        now = self._now()
        check_join_at(join_at, now)
        self._bots.check_sandbox(new)
        self._admission.check_entitlement(team, new.options)
        async with self._database.transaction() as session:
            await refuse_unknown_credential(session, team, new.options)
            bot = new_row(team, new, BotState.SCHEDULED, now)
            bot.join_at, bot.updated_at = join_at, now
            await BotRepository(session).add(bot)
            await self._lifecycle.record(session, bot, at=now, cause="request")
            await self._wake(session, join_at)
            return bot

    async def get(self, team: TeamRow, bot_id: UUID) -> BotRow:
        async with self._database.transaction() as session:
            return await _found(session, team, bot_id)

    async def list(self, team: TeamRow, wanted: ScheduleFilter, page: PageRequest) -> Page[BotRow]:
        """By the time they are due, the earliest first."""
        async with self._database.transaction() as session:
            return await ScheduleRepository(session).page(team.id, wanted, page)

    async def update(
        self, team: TeamRow, bot_id: UUID, *, join_at: datetime | None = None, change: Change | None = None
    ) -> BotRow:
        """Changes a bot that was not sent yet.

        Args:
            join_at: When it is due from now on; None leaves it as it is.
            change: Makes a whole new request out of the stored bot; called while it is locked.

        Raises:
            InvalidRequest: nothing can be scheduled for `join_at`, or `change` says so.
            Conflict: `bot_status` if it was sent, cancelled or failed; `join_time_too_close` if it is, or would be, due
                within four minutes.
            Refusal: the team's plan does not allow what the bot now asks for.
        """
        if join_at is not None:
            check_join_at(join_at, self._now())
        async with self._database.transaction() as session:
            bot = await _found(session, team, bot_id, lock=True)
            if bot.state is not BotState.SCHEDULED:
                raise wrong_state(bot)
            for due in (bot.join_at, join_at):
                if due is not None:
                    check_unlocked(due, self._now())
            if change is not None:
                new = change(bot)
                self._admission.check_entitlement(team, new.options)
                await refuse_unknown_credential(session, team, new.options)
                apply(new, bot)
            bot.join_at = join_at or bot.join_at
            bot.updated_at = self._now()
            return bot

    async def cancel(self, team: TeamRow, bot_id: UUID) -> BotRow:
        """Sees to it that the bot does not come: cancels it, or asks it to leave if it was sent. Source: contract C29.

        Raises:
            Conflict: `bot_status`, if its life is over.
        """
        await self.get(team, bot_id)
        return await self._bots.request_leave(team, bot_id)

    async def _wake(self, session: AsyncSession, join_at: datetime) -> None:
        # Whoever is due later is found in time by the regular look.
        if join_at < self._now() + _SOON:
            await wake(session, SPAWNERS)

    def _now(self) -> datetime:
        return utc(self._clock.now_ns())


async def _found(session: AsyncSession, team: TeamRow, bot_id: UUID, *, lock: bool = False) -> BotRow:
    bot = await found_bot(session, team, bot_id, lock=lock)
    if bot.join_at is None:
        raise NotFound(f"Bot with ID '{bot_id}' not found", code="bot_not_found")
    return bot
